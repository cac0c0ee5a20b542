package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"parley/api"
	"parley/domain"
	"parley/eventstore"
	"parley/eventstore/embedded"
)

// jsonlTotals is what an import came to; New is how many records were written.
type jsonlTotals struct {
	Records int64 `json:"records"`
	New     int64 `json:"new"`
}

func newImportJSONL(cfg *config) *cobra.Command {
	return &cobra.Command{
		Use:   "jsonl FILE…",
		Short: "Import what parley export wrote",
		Long: `Import the records of exports, plain or gzipped, as they are: their ids, times and
order are kept, and the log goes on where it stood. What is there already stays,
so that importing again changes nothing and an import that was broken off is
finished by importing again.

All lines are looked at before the first is written. A line that no export wrote,
that is missing or stands elsewhere, or that this log cannot take, is named with
its field and its rule, and nothing is written.

Sealed text stays sealed: bring the keys folder of its log first. Text exported
with --clear is sealed anew.`,
		Example: "  parley import jsonl events.jsonl --data /var/lib/parley",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usageError{errors.New("name the files to import, in their order")}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, files []string) error {
			cfg.make, cfg.keysOnly = true, true
			return withLocal(cmd.Context(), cfg, cmd.ErrOrStderr(), func(ctx context.Context, l *local) error {
				b := newBar(cmd.ErrOrStderr(), false)
				defer b.end()
				for _, name := range files { // a pipe would be empty when it is read again
					if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
						return fmt.Errorf("%s is no file: all of it is read twice, before and while it is imported, so save it as one; nothing was written", name)
					}
				}
				if _, err := sendJSONL(ctx, l, files, "looked at", "true", b); err != nil {
					return fmt.Errorf("%w; nothing was written", err)
				}
				total, err := sendJSONL(ctx, l, files, "imported", "false", b)
				b.end()
				if broken(err) { // how many is not known
					return leaving(err, "what was written stays, and is passed over when the same is imported again")
				}
				if err != nil {
					return fmt.Errorf("%w; at least %d records were written, and are passed over when it is imported again", err, total.New)
				}
				_, err = fmt.Fprintf(cmd.OutOrStdout(), "%d records, of which %d are new.\n", total.Records, total.New)
				return err
			})
		},
	}
}

// sendJSONL sends all files as one import, with what nobody can guess between
// them: whatever a file holds, it is not taken for the next one's beginning.
func sendJSONL(ctx context.Context, l *local, files []string, what, check string, b *bar) (total jsonlTotals, err error) {
	var all []io.Reader
	var between bytes.Buffer
	parts := multipart.NewWriter(&between)
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			return total, err
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		text, err := plain(f)
		if err != nil {
			return total, fmt.Errorf("%s: %w", name, err)
		}
		if _, err := parts.CreateFormField(name); err != nil {
			return total, err
		}
		all = append(all, strings.NewReader(between.String()), &ending{in: named{text, name}})
		between.Reset()
	}
	if err := parts.Close(); err != nil {
		return total, err
	}
	all = append(all, &between)
	path := "/v1/imports/jsonl?check=" + check + "&boundary=" + parts.Boundary()
	err = l.lines(ctx, path, io.MultiReader(all...), func(line []byte) error {
		var step struct {
			Done   jsonlTotals  `json:"done"`
			Result *jsonlTotals `json:"result"`
		}
		if err := json.Unmarshal(line, &step); err != nil {
			return err
		}
		if total = step.Done; step.Result != nil {
			total = *step.Result
		}
		b.at(what, uint64(total.Records), 0, "")
		return nil
	})
	return total, err
}

// ending marks the end of a file that does not end with a line, so that what
// follows does not become part of its last one.
type ending struct {
	in   io.Reader
	last byte
	over bool
}

func (e *ending) Read(p []byte) (int, error) {
	if e.over || len(p) == 0 {
		return 0, io.EOF
	}
	n, err := e.in.Read(p)
	if n > 0 {
		e.last = p[n-1]
		return n, nil
	}
	if errors.Is(err, io.EOF) && e.last != '\n' && e.last != 0 {
		e.over, p[0] = true, '\n'
		return 1, nil
	}
	return 0, err
}

// answerImportJSONL is the server's side. Records are taken as they are, whoever
// they say did them, so only who owns the folder brings them in.
func (h *house) answerImportJSONL(w http.ResponseWriter, r *http.Request) error {
	if !api.CallerOf(r.Context()).Local() {
		return domain.Refuse("forbidden", "API-5", "records are imported only over the server's local socket: run parley import jsonl beside it")
	}
	lines, in := newLines(w, r), newComing(w, r)
	im := &jsonlImport{
		log: h.log, codec: h.engine.Codec, keys: h.keys, write: r.URL.Query().Get("check") != "true",
		until: h.engine.Now().Add(clocksDiffer),
		lines: newJSONL(in), streams: map[string]standingStream{}, progress: func(t jsonlTotals) { lines.now(map[string]any{"done": t}) },
	}
	if im.write {
		h.importing.Add(1)
		defer h.importing.Add(-1)
	}
	if boundary := r.URL.Query().Get("boundary"); boundary != "" {
		im.files, im.lines = multipart.NewReader(in, boundary), newJSONL(http.NoBody)
	}
	err := im.run(r.Context())
	if err != nil {
		if im.write {
			im.total.New = im.written // what was taken in since is lost with what failed
		}
		return errors.Join(lines.write(map[string]any{"done": im.total}), lines.refuse("import_failed", h.cfg.usable(err)))
	}
	return lines.write(map[string]any{"result": im.total})
}

// clocksDiffer is how far ahead the clock of the machine may have been that recorded
// what is imported.
const clocksDiffer = time.Hour

// jsonlImport takes the lines of exports into a log, or looks whether it could.
type jsonlImport struct {
	log      store
	codec    *eventstore.Codec
	keys     keyStore
	write    bool
	progress func(jsonlTotals)

	total   jsonlTotals
	files   *multipart.Reader // nil: there is one, without a name
	file    string
	lines   *jsonlReader
	streams map[string]standingStream
	last    time.Time // when the last record was recorded
	until   time.Time // when a record can have been recorded at the latest
	waiting []embedded.Ordered
	size    int
	count   int
	written int64 // records
}

// standingStream is a stream as the import sees it.
type standingStream struct {
	head eventstore.Revision // in the log, when the import began
	next eventstore.Revision // of the next line; None: any
}

func (im *jsonlImport) run(ctx context.Context) error {
	for r, err := range im.log.Read(ctx, eventstore.Query{Backwards: true, Limit: 1}) {
		if err != nil {
			return err
		}
		im.last = r.RecordedAt
	}
	for ctx.Err() == nil {
		line, err := im.lines.next()
		if errors.Is(err, io.EOF) {
			if err = im.begin(); err == nil {
				continue
			}
		}
		if errors.Is(err, io.EOF) {
			return errors.Join(im.whole(), im.flush(ctx))
		}
		if err == nil && line.record != nil {
			if err = im.take(ctx, *line.record, line.opened); err != nil {
				err = fmt.Errorf("line %d: %w", im.lines.n, err)
			}
		}
		if err != nil {
			return errors.Join(im.flush(context.WithoutCancel(ctx)), im.in(err)) // who is gone is told nothing, but what he sent is written
		}
	}
	return errors.Join(ctx.Err(), im.flush(context.WithoutCancel(ctx)))
}

// in names the file at hand.
func (im *jsonlImport) in(err error) error {
	if im.file == "" {
		return err
	}
	return fmt.Errorf("%s: %w", im.file, err)
}

// begin takes up the next file; io.EOF: there is none. An export may go on from
// one file to the next.
func (im *jsonlImport) begin() error {
	if im.files == nil {
		return io.EOF
	}
	part, err := im.files.NextPart()
	if err != nil {
		return err
	}
	im.file, im.lines.n = part.FormName(), 0
	im.lines.in.Reset(part)
	return nil
}

// whole refuses an export without its end.
func (im *jsonlImport) whole() error {
	switch {
	case im.lines.open:
		return im.in(fmt.Errorf("line %d: %w", max(1, im.lines.n), domain.Invalid("end", "the export has no end: it was broken off or cut; go on with it by parley export --continue")))
	case im.lines.has.Parley == "":
		return im.in(fmt.Errorf("line 1: %w", domain.Invalid("parley", "it is empty: an export has a first line that says what it is of")))
	}
	return nil
}

// take takes in one record, unless it is there.
func (im *jsonlImport) take(ctx context.Context, r eventstore.Record, opened []string) error {
	im.total.Records++
	defer func() { im.progress(im.total) }()
	if len(im.lines.has.Names) > 0 {
		return domain.Invalid("names", "the export holds some events of each stream only: it is for reading; export without --names")
	}
	s, known := im.streams[r.Stream]
	if !known {
		var err error
		if s, err = im.standing(ctx, r.Stream); err != nil {
			return err
		}
	}
	if known && r.Revision != s.next || r.Revision > s.head+1 && !known {
		return domain.Invalid("revision", fmt.Sprintf("revision %d of %s was expected here, not %d: lines are missing, or what comes before was not imported", max(s.next, s.head+1), r.Stream, r.Revision))
	}
	s.next = r.Revision + 1
	im.streams[r.Stream] = s
	if err := im.known(r); err != nil {
		return err
	}
	if err := im.log.Takes(r.Stream, r); err != nil {
		return err
	}
	if r.Revision <= s.head {
		return im.same(ctx, r, opened)
	}
	if r.RecordedAt.Before(im.last) {
		return domain.Invalid("recordedAt", fmt.Sprintf("it was recorded before %s, up to which this log goes already: import into a log that has not gone on by itself", im.last.Format(time.RFC3339Nano)))
	}
	if r.RecordedAt.After(im.until) {
		return domain.Invalid("recordedAt", "it lies in the future, and all that is recorded after it would bear its time: set this machine's clock right, or that of the line")
	}
	im.last = r.RecordedAt
	if err := im.readable(r, opened); err != nil {
		return err
	}
	seal := func(text domain.Personal) (domain.Personal, error) {
		if !im.write {
			return text, nil // no key is made yet
		}
		return im.codec.Seal(r.Subject, text)
	}
	var err error
	if r.Data, err = sealData(r, opened, seal); err != nil {
		return err
	}
	im.total.New++
	if !im.write {
		return nil
	}
	return im.put(ctx, r)
}

// standing looks a stream up.
func (im *jsonlImport) standing(ctx context.Context, stream string) (standingStream, error) {
	s := standingStream{head: eventstore.None, next: eventstore.None}
	for r, err := range im.log.Read(ctx, eventstore.Query{Stream: stream, From: eventstore.None, Backwards: true, Limit: 1}) {
		if err != nil {
			return s, err
		}
		s.head = r.Revision
	}
	return s, nil
}

// known refuses a record of Parley's own kinds that Parley does not know. Of
// other kinds it knows nothing.
func (im *jsonlImport) known(r eventstore.Record) error {
	if !im.codec.Kinds.Has(r.Kind()) {
		return nil
	}
	if _, err := im.codec.Decode(r); err != nil {
		return domain.Invalid("data", fmt.Sprintf("it is no %s that this program knows: %v", r.Name, err))
	}
	return nil
}

// readable refuses text that nobody could ever read here: sealed under keys that
// are not there, or of a person whose data were erased here.
func (im *jsonlImport) readable(r eventstore.Record, opened []string) error {
	switch {
	case r.Subject == "" && len(opened) > 0:
		return domain.Invalid("subject", "it is missing: whose text was opened?")
	case r.Subject == "":
		return nil
	case !im.lines.has.Clear && len(opened) > 0, im.lines.has.Clear && holdsSealed(im.codec, r, opened):
		return domain.Invalid("opened", "the first line of the export says otherwise of its text")
	case im.lines.has.Clear:
		return im.writable(r, opened)
	case !holdsSealed(im.codec, r, nil):
		return nil
	}
	there, err := im.keys.Knows(r.Subject)
	if err != nil {
		return err
	}
	if !there {
		return domain.Invalid("data", fmt.Sprintf("it is sealed with the key of %s, which is not here: bring the keys folder of the log it was exported from, or export with --clear", r.Subject))
	}
	if _, _, err := openData(im.codec, r); err != nil {
		return domain.Invalid("data", fmt.Sprintf("it is sealed with another key of %s than there is here: bring the keys folder of the log it was exported from", r.Subject))
	}
	return nil
}

// writable refuses to seal for somebody who was erased here.
func (im *jsonlImport) writable(r eventstore.Record, opened []string) error {
	if len(opened) == 0 {
		return nil
	}
	if _, err := im.keys.Key(r.Subject, false); !errors.Is(err, eventstore.ErrNoKey) {
		return err
	}
	there, err := im.keys.Knows(r.Subject)
	if err != nil || !there {
		return err
	}
	return eventstore.ErrErased.On("data")
}

// same refuses a record in whose place another one stands.
func (im *jsonlImport) same(ctx context.Context, r eventstore.Record, opened []string) error {
	for there, err := range im.log.Read(ctx, eventstore.Query{Stream: r.Stream, From: r.Revision, Limit: 1}) {
		if err != nil {
			return err
		}
		var was []string
		if im.lines.has.Clear {
			if there.Data, was, err = openData(im.codec, there); err != nil {
				return err
			}
		}
		want, err := recordLine(r, opened)
		if err != nil {
			return err
		}
		have, err := recordLine(there, was)
		if err != nil {
			return err
		}
		if !bytes.Equal(want, have) {
			return domain.Invalid("revision", fmt.Sprintf("another record than this stands at revision %d of %s: this is another log, or it has gone on otherwise", r.Revision, r.Stream))
		}
		return nil
	}
	return &eventstore.DamageError{Where: fmt.Sprintf("%s at revision %d", r.Stream, r.Revision), What: "it cannot be read"}
}

// So many appends, and bytes, are handed over at once.
const (
	jsonlAppends = 1024
	jsonlBytes   = 4 << 20
)

// put gathers what was recorded together, and hands it over.
func (im *jsonlImport) put(ctx context.Context, r eventstore.Record) error {
	size := len(r.Data) + len(r.Name)
	if n := len(im.waiting); n > 0 {
		last := &im.waiting[n-1]
		if last.Stream == r.Stream && r.Command != uuid.Nil && last.Records[0].Command == r.Command && im.count+size <= eventstore.MaxAppend {
			last.Records = append(last.Records, r)
			im.size, im.count = im.size+size, im.count+size
			return nil
		}
	}
	if len(im.waiting) >= jsonlAppends || im.size >= jsonlBytes {
		if err := im.flush(ctx); err != nil {
			return err
		}
	}
	im.waiting = append(im.waiting, embedded.Ordered{Stream: r.Stream, Expected: r.Revision - 1, Records: []eventstore.Record{r}})
	im.size, im.count = im.size+size, size
	return nil
}

// flush writes what was gathered, in its order.
func (im *jsonlImport) flush(ctx context.Context) error {
	all := im.waiting
	im.waiting, im.size, im.count = nil, 0, 0
	if len(all) == 0 {
		return nil
	}
	if own, ok := im.log.(*embedded.Log); ok {
		if err := own.AppendAll(ctx, all); err != nil {
			return err
		}
		for _, a := range all {
			im.written += int64(len(a.Records))
		}
		return nil
	}
	for _, a := range all {
		if _, err := im.log.Append(ctx, a.Stream, a.Expected, a.Records...); err != nil {
			return err
		}
		im.written += int64(len(a.Records))
	}
	return nil
}
