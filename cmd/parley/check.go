package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"parley/api"
	"parley/eventstore"
	"parley/projections"
	"parley/projections/audit"
)

func newCheck(cfg *config) *cobra.Command {
	var settled bool
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Check the log, the keys and the views for damage and contradictions",
		Long: `Check reads the whole log several times. First it compares everything with
everything: each record with its copy, its checksum, its place and every index.
Then it holds what is told against the rules: room reserved and released once,
one agent for a conversation, one conversation on a line, nothing counted with a
gap, and every decision of routing comes out the same when it is made again. Then
it looks whether a key is left of anybody who was erased, and holds the views
against the log. It changes nothing. It exits with 1 when anything is wrong, and
names it. A view that is paused or behind, and events that were put aside, are
told and are nothing wrong.

What began in the last ten seconds of the log may still be under way, and is no
contradiction; with --settled it is.`,
		Args: exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withLocal(cmd.Context(), cfg, cmd.ErrOrStderr(), func(ctx context.Context, l *local) error {
				return check(ctx, l, settled, cmd.OutOrStdout(), cmd.ErrOrStderr())
			})
		},
	}
	cmd.Flags().BoolVar(&settled, "settled", false, "nothing was under way when the log was left: forgive nothing at its end")
	return cmd
}

// check follows a check to its end and prints what it finds.
func check(ctx context.Context, l *local, settled bool, out, errs io.Writer) error {
	b := newBar(errs, false)
	defer b.end()
	return leaving(l.lines(ctx, fmt.Sprintf("/v1/check?settled=%t", settled), nil, func(line []byte) error {
		var step struct {
			Done, Total uint64
			Part        string
			Finding     string
			Note        string
			Result      *struct {
				Store     string
				Head      string
				Streams   uint64
				Decisions int
				Unmade    int
				Findings  int
			}
		}
		if err := json.Unmarshal(line, &step); err != nil {
			return err
		}
		r := step.Result
		switch {
		case step.Finding != "", step.Note != "":
			b.end()
			_, err := fmt.Fprintln(out, printable(cmp.Or(step.Finding, step.Note)))
			return err
		case r == nil:
			b.at(step.Part, step.Done, step.Total, "")
			return nil
		case r.Findings > 0:
			b.end()
			return fmt.Errorf("the log %s contradicts itself in %d places; nothing was changed", r.Store, r.Findings)
		}
		b.end()
		unmade := ""
		if r.Unmade > 0 {
			unmade = fmt.Sprintf("; %d others looked at what this log does not hold", r.Unmade)
		}
		_, err := fmt.Fprintf(out, "The log %s is whole: %d streams, up to %s; %d decisions of routing were made again, and are the same%s.\n", r.Store, r.Streams, r.Head, r.Decisions, unmade)
		return err
	}), "not all was looked at, and nothing was changed")
}

// inFlight is how long before the end of the log something may have begun that
// is still to be followed up.
const inFlight = 10 * time.Second

// answerCheck is the server's side: first the bytes, then what they tell.
func (h *house) answerCheck(w http.ResponseWriter, r *http.Request) error {
	lines := newLines(w, r)
	progress := func(part string) func(done, total uint64) {
		return func(done, total uint64) { lines.now(map[string]any{"part": part, "done": done, "total": total}) }
	}
	report, err := h.bytes(r.Context(), progress("records"))
	if err != nil {
		return lines.fail(err)
	}
	grace := inFlight
	if r.URL.Query().Get("settled") == "true" {
		grace = 0
	}
	marks, err := h.log.Marks(r.Context())
	if err != nil {
		return lines.fail(err)
	}
	// The views are compared while the rules are looked at; their progress is told
	// once that of the rules has come to its end.
	ctx, cancel := context.WithCancelCause(r.Context())
	var ruled atomic.Bool
	var beside, notes []string
	done := make(chan struct{})
	go func() {
		defer close(done)
		var err error
		tell := progress("views")
		beside, notes, err = h.beside(ctx, func(done, total uint64) {
			if ruled.Load() {
				tell(done, total)
			}
		})
		if err != nil {
			cancel(err)
		}
	}()
	defer func() { cancel(nil); <-done }()
	told, err := audit.Run(ctx, h.engine.Log, h.engine.Codec, audit.Options{
		Zone: h.cfg.location, Grace: grace, Marks: cursors(marks), Progress: progress("rules"),
	})
	if err != nil {
		cancel(err)
	}
	ruled.Store(true)
	<-done
	if err := context.Cause(ctx); err != nil {
		return lines.fail(err)
	}
	found := make([]string, 0, len(told.Findings))
	for _, f := range told.Findings {
		found = append(found, f.String())
	}
	for _, text := range append(found, beside...) {
		if err := lines.write(map[string]any{"finding": text}); err != nil {
			return err
		}
	}
	for _, text := range append(notes, putAside(marks)...) {
		if err := lines.write(map[string]any{"note": text}); err != nil {
			return err
		}
	}
	return lines.write(map[string]any{"result": map[string]any{
		"store": report.Store, "head": eventstore.Position(report.Head).Text(report.Store), "streams": report.Streams, "decisions": told.Decisions, "unmade": told.Unmade, "findings": told.Total + len(beside),
	}})
}

// cursors are the marks that tell how far reactors are, of whichever there are.
func cursors(marks map[string]eventstore.Mark) []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(marks)), func(name string) bool { return !strings.HasPrefix(name, reactorMarks) })
}

// putAside tells of the events whose work failed for good: they wait for an
// operator, and no rule of the log is broken.
func putAside(marks map[string]eventstore.Mark) (notes []string) {
	for _, mark := range slices.Sorted(maps.Keys(marks)) {
		name, is := strings.CutPrefix(mark, parkedMarks)
		if !is || len(marks[mark].Value) == 0 {
			continue
		}
		var list []eventstore.Parked
		if err := json.Unmarshal(marks[mark].Value, &list); err != nil {
			notes = append(notes, fmt.Sprintf("what the reactor %s has put aside cannot be read: %v", name, err))
		} else if len(list) > 0 {
			notes = append(notes, fmt.Sprintf("the reactor %s has put %d events aside, the first at position %d: %s: POST /v1/reactors/%s/replay tries them again", name, len(list), list[0].Position, list[0].Error, name))
		}
	}
	return notes
}

// beside looks at what lies beside the log: keys that should be gone, and views
// that tell something else than the log. The notes tell of views that cannot be
// held against all of it, and are no findings: the log is whole without them.
func (h *house) beside(ctx context.Context, progress func(done, total uint64)) (found, notes []string, err error) {
	defer func() {
		if p := recover(); p != nil { // one request cannot take the others down
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	kept, err := api.Unerased(ctx, h.log, h.engine.Codec, h.keys)
	if err != nil {
		return nil, nil, err
	}
	for _, subject := range kept {
		found = append(found, fmt.Sprintf("%s was erased and its key is in %s: bring newer keys, or erase again [erased]", subject, h.cfg.keys()))
	}
	var names []string
	for _, p := range projections.All() {
		names = append(names, p.Name)
	}
	all, err := h.runner.VerifyAll(ctx, names, progress)
	if err != nil {
		return found, notes, err
	}
	for i, name := range names {
		v, err := all[i], all[i].Err
		var parked []projections.Parked
		if err == nil {
			parked, err = h.runner.Parked(ctx, name)
		}
		switch {
		case ctx.Err() != nil:
			return found, notes, ctx.Err()
		case errors.Is(err, projections.ErrBehind):
			notes = append(notes, fmt.Sprintf("the view %s is being built anew and was not compared", name))
		case err != nil:
			if _, damaged := errors.AsType[*eventstore.DamageError](err); damaged || errors.Is(err, eventstore.ErrClosed) {
				return found, notes, err
			}
			found = append(found, fmt.Sprintf("the view %s cannot be read: %v: build it anew with parley projections rebuild %s [view]", name, err, name))
		case v.Difference != nil:
			found = append(found, fmt.Sprintf("%v: build it anew with parley projections rebuild %s [view]", v.Difference, name))
		}
		if err == nil && v.Short() != "" {
			notes = append(notes, fmt.Sprintf("the view %s is %s at %d of %d and was not compared beyond it", name, v.Short(), v.Position, v.Head))
		}
		if len(parked) > 0 {
			notes = append(notes, fmt.Sprintf("the view %s has put %d events aside, the first of %s at position %d: %s", name, len(parked), parked[0].Stream, parked[0].Position, parked[0].Error))
		}
	}
	return found, notes, nil
}
