package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"parley/api"
	"parley/domain"
	"parley/eventstore"
)

// exportAsked is what an export is asked for by.
type exportAsked struct {
	Kinds    []string        `json:"kinds,omitempty"`
	Names    []string        `json:"names,omitempty"`
	After    string          `json:"after,omitempty"`
	Until    string          `json:"until,omitempty"`
	AsOf     string          `json:"asOf,omitempty"`
	Clear    bool            `json:"clear,omitempty"`
	Continue *exportContinue `json:"continue,omitempty"`
}

// exportContinue is where an export goes on: behind a record, after so many
// lines with that sum.
type exportContinue struct {
	ID       string `json:"id,omitempty"`
	Stream   string `json:"stream,omitempty"`
	Revision int64  `json:"revision,omitempty"`
	Records  uint64 `json:"records"`
	Sum      string `json:"sum"`
}

func newExport(cfg *config) *cobra.Command {
	var asked exportAsked
	var output string
	var goOn bool
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Write the log as lines of JSON",
		Long: `Export writes one record a line, in the order of the log, with all of its
envelope and its data: what parley import jsonl reads again. Personal text stays
sealed; with --clear it is opened by the keys there are, for who may read it.
Each line closes with a sum over all lines so far, so that a line that was lost,
changed or moved is found.

With --output the lines go to a file of which only its owner reads; an export
that was broken off, or is to have what happened since, goes on with
--continue. The format: docs/howto/export-and-import.md`,
		Example: `  parley export --output events.jsonl
  parley export --output events.jsonl --continue
  parley export --kinds conversation,agent --as-of 2026-11-20T09:30:00Z --clear | jq 'select(.data).data'`,
		Args: exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if goOn && output == "" {
				return usageError{errors.New("--continue goes on with a file: name it with --output")}
			}
			if asked.Until != "" && asked.AsOf != "" {
				return usageError{errors.New("--until and --as-of both say where to end: give one")}
			}
			if output != "" {
				if err := cfg.outside(output); err != nil {
					return fmt.Errorf("--output: %w", err)
				}
			}
			return withLocal(cmd.Context(), cfg, cmd.ErrOrStderr(), func(ctx context.Context, l *local) error {
				if output == "" {
					_, err := export(ctx, l, asked, cmd.OutOrStdout(), newBar(cmd.ErrOrStderr(), true))
					return leaving(err, "what was printed has no end")
				}
				b := newBar(cmd.ErrOrStderr(), false)
				records, err := exportFile(ctx, l, asked, output, goOn, b)
				b.end()
				if errors.Is(err, syscall.ENOSPC) {
					err = fmt.Errorf("%w: make room on its disk, and go on with it by --continue", err)
				}
				if err != nil {
					return leaving(err, fmt.Sprintf("%s has no end: go on with it by --continue", output))
				}
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "%d records are in %s.\n", records, output)
				return err
			})
		},
	}
	f := cmd.Flags()
	f.StringSliceVar(&asked.Kinds, "kinds", nil, "only streams of these kinds")
	f.StringSliceVar(&asked.Names, "names", nil, "only events of these names: to be read, not to be imported")
	f.StringVar(&asked.After, "after", "", "a position to begin after")
	f.StringVar(&asked.Until, "until", "", "the position to end with")
	f.StringVar(&asked.AsOf, "as-of", "", "end with what was recorded by a time such as 2026-11-20T09:30:00Z, or with a position")
	f.BoolVar(&asked.Clear, "clear", false, "open personal text: whoever reads the file reads it")
	f.StringVarP(&output, "output", "o", "", "the file to write")
	f.BoolVar(&goOn, "continue", false, "go on with the file")
	return cmd
}

// exportFile writes an export into a file of its own, or goes on with one.
func exportFile(ctx context.Context, l *local, asked exportAsked, output string, goOn bool, b *bar) (records uint64, err error) {
	flags := os.O_RDWR | os.O_CREATE | os.O_EXCL
	if goOn {
		flags = os.O_RDWR
	}
	file, err := os.OpenFile(output, flags, 0o600)
	switch {
	case errors.Is(err, os.ErrExist):
		return 0, fmt.Errorf("%s is there already: name another file, or go on with it by --continue", output)
	case err != nil:
		return 0, fmt.Errorf("--output: %w: name a file that can be written", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if goOn {
		if asked.Continue, err = standing(file, asked.head()); err != nil {
			return 0, fmt.Errorf("%s: %w", output, err)
		}
	}
	records, err = export(ctx, l, asked, file, b)
	if err == nil {
		return records, file.Sync()
	}
	if info, failed := file.Stat(); failed == nil && info.Size() == 0 && !goOn && !broken(err) { // it was refused: the next one by this name is not to stumble over it
		err = errors.Join(err, os.Remove(output))
	}
	return records, err
}

// standing reads how far an export in a file is, and cuts off what is not a
// whole line, and the end. What stands behind the end is not ours to cut off.
func standing(file *os.File, head jsonlHead) (*exportContinue, error) {
	if info, err := file.Stat(); err != nil || info.Size() == 0 {
		return nil, err // nothing yet
	}
	at := &exportContinue{}
	reader := newJSONL(file)
	var whole int64
	for {
		line, err := reader.next()
		if errors.Is(err, io.EOF) || errors.Is(err, errCut) {
			break
		}
		if err != nil {
			return nil, err
		}
		if line.end != nil {
			if _, err := reader.in.Peek(1); !errors.Is(err, io.EOF) {
				return nil, cmp.Or(err, fmt.Errorf("line %d: the export has ended before it: take away what stands behind the end; nothing was changed", reader.n+1))
			}
			break
		}
		if line.head != nil && !slices.Equal(mustLine(*line.head), mustLine(head)) {
			return nil, errors.New("it was begun with other kinds, names or --clear: give the same, or another file")
		}
		if line.record != nil {
			at.ID, at.Stream, at.Revision = line.record.ID.String(), line.record.Stream, int64(line.record.Revision)
			at.Records++
		}
		whole, at.Sum = reader.read, hex.EncodeToString(reader.sum[:])
	}
	if err := file.Truncate(whole); err != nil {
		return nil, err
	}
	if _, err := file.Seek(whole, io.SeekStart); err != nil {
		return nil, err
	}
	if whole == 0 {
		return nil, nil
	}
	return at, nil
}

func mustLine(h jsonlHead) []byte {
	line, err := encodeLine(h)
	if err != nil {
		return nil // a head holds only texts
	}
	return line
}

// export asks for an export and writes its lines.
func export(ctx context.Context, l *local, asked exportAsked, out io.Writer, b *bar) (records uint64, err error) {
	if asked.Continue != nil {
		records = asked.Continue.Records
	}
	text, err := json.Marshal(asked)
	if err != nil {
		return 0, err
	}
	w := bufio.NewWriterSize(out, 1<<16)
	ended, unread := false, false
	err = l.lines(ctx, "/v1/export", bytes.NewReader(text), func(line []byte) error {
		switch {
		case bytes.HasPrefix(line, []byte(`{"end":`)):
			ended = true
		case bytes.HasPrefix(line, []byte(`{"id":`)):
			records++
		}
		b.at("records", records, 0, "")
		began := time.Now()
		_, err := w.Write(append(line, '\n'))
		unread = unread || time.Since(began) >= maxUnread
		return err
	})
	if err == nil && !ended {
		err = errors.New("the export was broken off: go on with it by --continue")
	}
	if failed := w.Flush(); err == nil || broken(err) && failed != nil {
		err = failed
	}
	if unread && broken(err) {
		err = fmt.Errorf("nobody took any of the export for %s, and so long nobody waits: %w", maxUnread, err)
	}
	return records, err
}

func (a exportAsked) head() jsonlHead {
	return jsonlHead{Parley: jsonlWhat, Format: jsonlFormat, Clear: a.Clear, Kinds: a.Kinds, Names: a.Names}
}

// exporting is an export as it is answered.
type exporting struct {
	query   eventstore.Query
	by      time.Time // records until then; zero: all
	sum     chain
	records uint64
	head    bool // the head is to be written
}

// answerExport is the server's side. Text is opened for auditors, and for who
// comes over the local socket and has the keys at hand anyway.
func (h *house) answerExport(w http.ResponseWriter, r *http.Request) error {
	var asked exportAsked
	if err := api.ReadBody(r, &asked); err != nil {
		return err
	}
	if who := api.CallerOf(r.Context()); asked.Clear && !who.Local() && !who.Is(domain.RoleAuditor) {
		return domain.Refuse("forbidden", "API-5", "only an auditor reads personal text from the log: export it sealed")
	}
	e, err := h.exporting(r.Context(), asked)
	if err != nil {
		return err
	}
	lines := newLines(w, r)
	out := bufio.NewWriterSize(lines, 1<<16)
	err = e.write(r.Context(), h.log, h.engine.Codec, asked, out)
	if err := errors.Join(err, out.Flush()); err != nil {
		return lines.fail(err)
	}
	return nil
}

// exporting refuses what cannot be exported before the answer begins.
func (h *house) exporting(ctx context.Context, asked exportAsked) (e exporting, err error) {
	info, err := h.log.Info(ctx)
	if err != nil {
		return e, err
	}
	position := func(field, text string) (eventstore.Position, error) {
		p, err := eventstore.ParsePosition(info.Store, text)
		if refused, ok := errors.AsType[*domain.Error](err); ok {
			err = refused.On(field)
		}
		return p, err
	}
	e = exporting{query: eventstore.Query{Kinds: asked.Kinds, Names: asked.Names, Until: info.Head}, head: true}
	if asked.After != "" {
		if e.query.After, err = position("after", asked.After); err != nil {
			return e, err
		}
	}
	until, field := asked.Until, "until"
	if asked.AsOf != "" {
		if e.by, err = time.Parse(time.RFC3339Nano, asked.AsOf); err != nil {
			until, field = asked.AsOf, "asOf"
		}
	}
	if until != "" {
		p, err := position(field, until)
		if err != nil {
			return e, err
		}
		e.query.Until = min(p, info.Head)
		if p == 0 {
			e.query.After, e.query.Until = info.Head, info.Head // nothing
		}
	}
	for _, kind := range asked.Kinds {
		if there, err := h.holds(ctx, eventstore.Query{Kinds: []string{kind}}); err != nil {
			return e, err
		} else if !there && !h.engine.Codec.Kinds.Has(kind) {
			return e, domain.Invalid("kinds", fmt.Sprintf("there is no kind %q: give what stands before the dash of a stream, such as conversation or agent", kind))
		}
	}
	known := h.engine.Codec.Kinds.Names()
	for _, name := range asked.Names {
		if there, err := h.holds(ctx, eventstore.Query{Names: []string{name}}); err != nil {
			return e, err
		} else if !there && !slices.Contains(known, name) {
			return e, domain.Invalid("names", fmt.Sprintf("there is no event %q: list their names with parley events --list-names", name))
		}
	}
	if c := asked.Continue; c != nil {
		return e, e.goOn(ctx, h.log, *c)
	}
	return e, nil
}

// holds tells whether the log has any such record.
func (h *house) holds(ctx context.Context, q eventstore.Query) (bool, error) {
	q.Limit = 1
	for _, err := range h.log.Read(ctx, q) {
		return err == nil, err
	}
	return false, nil
}

// goOn finds the place behind the last record that was exported.
func (e *exporting) goOn(ctx context.Context, log eventstore.Log, c exportContinue) error {
	sum, err := hex.DecodeString(c.Sum)
	if err != nil || len(sum) != sumSize {
		return domain.Invalid("continue", "sum is no sum of an export")
	}
	e.head, e.records, e.sum = false, c.Records, chain(sum)
	if c.Records == 0 {
		return nil
	}
	for r, err := range log.Read(ctx, eventstore.Query{Stream: c.Stream, From: eventstore.Revision(c.Revision), Limit: 1}) {
		if err != nil {
			return err
		}
		if r.ID.String() == c.ID && int64(r.Revision) == c.Revision {
			e.query.After = max(e.query.After, r.Position)
			return nil
		}
	}
	return domain.Invalid("continue", fmt.Sprintf("the last record of the export, %s at revision %d, is not in this log: it was exported from another", c.Stream, c.Revision))
}

func (e *exporting) write(ctx context.Context, log eventstore.Log, codec *eventstore.Codec, asked exportAsked, out io.Writer) error {
	put := func(object []byte, err error) error {
		if err == nil {
			_, err = out.Write(append(e.sum.close(object), '\n'))
		}
		return err
	}
	if e.head {
		if err := put(encodeLine(asked.head())); err != nil {
			return err
		}
	}
	if e.query.Until > e.query.After {
		for r, err := range log.Read(ctx, e.query) {
			if err != nil {
				return err
			}
			if !e.by.IsZero() && r.RecordedAt.After(e.by) {
				break // what is recorded later never says an earlier time
			}
			var opened []string
			if asked.Clear {
				if r.Data, opened, err = openData(codec, r); err != nil {
					return fmt.Errorf("the record at position %d: %w", r.Position, err)
				}
			}
			if err := put(recordLine(r, opened)); err != nil {
				return err
			}
			e.records++
		}
	}
	return put(encodeLine(map[string]jsonlEnd{"end": {Records: e.records}}))
}
