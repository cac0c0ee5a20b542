package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync/atomic"
	"time"

	"parley/eventstore"
)

// copying is one copy under way.
type copying struct {
	from, to         end
	fromName, toName string // without passwords
	bar              *bar

	source, target eventstore.Info
	done           copied
	patience       time.Duration // without any progress; 0 is copyPatience
	progressed     atomic.Int64  // when something was done last
}

// copyMark is kept beside the target: what it is a copy of, and whether it is
// finished. Nobody serves from one that is not.
const copyMark = "copy"

type copyState struct {
	From     string `json:"from"` // the name of the log it is a copy of
	Finished bool   `json:"finished"`
}

const (
	// copyBytes and copyRecords bound what is handed to the target at once.
	copyBytes   = 4 << 20
	copyRecords = 4096
	// copyPatience is how long a copy waits for a server that is away, or loses its
	// answers, before it gives up.
	copyPatience = 2 * time.Minute
	// copyRounds is how often a source that goes on is followed.
	copyRounds = 4
)

func (c *copying) run(ctx context.Context) (copied, error) {
	var before eventstore.Mark
	err := c.survive(ctx, func(ctx context.Context) (err error) {
		if c.source, err = c.from.Info(ctx); err != nil {
			return err
		}
		if c.target, err = c.to.Info(ctx); err != nil {
			return err
		}
		before, err = c.from.Mark(ctx, workLease, nil)
		return err
	})
	if err != nil {
		return c.done, err
	}
	if c.source.Store == c.target.Store {
		return c.done, fmt.Errorf("%s and %s are the same log: name two", c.fromName, c.toName)
	}
	c.done.From, c.done.To = c.source.Store, c.target.Store
	var at eventstore.Position
	if err := c.survive(ctx, func(ctx context.Context) (err error) { at, err = c.begin(ctx); return err }); err != nil {
		return c.done, err
	}
	for round := 0; ; round++ {
		until := c.source.Head
		err := c.survive(ctx, func(ctx context.Context) (err error) { at, err = c.records(ctx, at, until); return err })
		if err != nil {
			return c.done, err
		}
		if err := c.survive(ctx, func(ctx context.Context) (err error) { c.source, err = c.from.Info(ctx); return err }); err != nil {
			return c.done, err
		}
		if c.source.Head == until {
			break
		}
		if round == copyRounds {
			return c.done, c.moved()
		}
	}
	if err := c.survive(ctx, c.compare); err != nil {
		return c.done, err
	}
	return c.done, c.survive(ctx, func(ctx context.Context) error { return c.finish(ctx, before) })
}

// finish takes the marks along, once the source is seen to rest.
func (c *copying) finish(ctx context.Context, before eventstore.Mark) error {
	now, err := c.from.Info(ctx)
	if err != nil {
		return err
	}
	if served, err := c.served(ctx, c.from, before); err != nil || served || now.Head != c.source.Head {
		return errors.Join(err, c.moved())
	}
	if err := c.marks(ctx); err != nil {
		return err
	}
	return c.note(ctx, copyState{From: c.source.Store, Finished: true})
}

// survive repeats what a server that is away has interrupted, as long as it
// gets on now and then. Everything here can be repeated.
func (c *copying) survive(ctx context.Context, do func(context.Context) error) error {
	c.progress()
	patience := c.patience
	if patience == 0 {
		patience = copyPatience
	}
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, 5*time.Second) {
		began := c.progressed.Load()
		err := do(ctx)
		if err == nil || !errors.Is(err, eventstore.ErrAway) || ctx.Err() != nil {
			return err
		}
		last := c.progressed.Load()
		if last != began {
			wait = 100 * time.Millisecond
		}
		if time.Since(time.UnixMicro(last)) > patience {
			return fmt.Errorf("nothing got on for %v: give the same command again when the server is well, and it goes on where it stopped: %w", patience, err)
		}
		t := time.NewTimer(wait)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return ctx.Err()
		}
	}
}

// progress notes that something was done.
func (c *copying) progress() { c.progressed.Store(time.Now().UnixMicro()) }

// served tells whether a server works on a log, though nothing happens there:
// then it renews its lease, and a busy one as late as the others bear with.
func (c *copying) served(ctx context.Context, l eventstore.Log, before eventstore.Mark) (bool, error) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for until := time.Now().Add(eventstore.LeaseLost); ; {
		now, err := l.Mark(ctx, workLease, nil)
		if err != nil || now.Revision != before.Revision {
			return err == nil, err
		}
		if nodes, err := eventstore.LeaseNodes(now); err != nil || len(nodes) == 0 || time.Now().After(until) {
			return false, err
		}
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case <-tick.C:
		}
	}
}

// moved tells that the source does not rest.
func (c *copying) moved() error {
	return fmt.Errorf("%s is in use and went on while it was copied: what was there is in %s; stop every server that writes to it, then give the same command again", c.fromName, c.toName)
}

// begin sees that the target is empty, or an earlier part of this copy, and
// gives the source's position to go on from.
func (c *copying) begin(ctx context.Context) (eventstore.Position, error) {
	m, err := c.to.Mark(ctx, copyMark, nil)
	if err != nil {
		return 0, err
	}
	var state copyState
	if m.Revision > 0 {
		if err := json.Unmarshal(m.Value, &state); err != nil {
			return 0, &eventstore.DamageError{Where: "the mark \"copy\" of " + c.toName, What: err.Error()}
		}
	}
	last, err := lastOf(ctx, c.to, 0)
	if err != nil {
		return 0, err
	}
	switch {
	case state.From != "" && state.From != c.source.Store:
		return 0, fmt.Errorf("%s holds a copy of another log, %s: name an empty one", c.toName, state.From)
	case state.From == "" && last != nil:
		return 0, fmt.Errorf("%s holds a log of its own, up to %s: name an empty one", c.toName, last.Position.Text(c.target.Store))
	case state.From == "":
		if err := c.sameKeys(ctx); err != nil {
			return 0, err
		}
	}
	// It would react to all that comes as if it happened now.
	lease, err := c.to.Mark(ctx, workLease, nil)
	if err != nil {
		return 0, err
	}
	served, err := c.served(ctx, c.to, lease)
	if err != nil {
		return 0, err
	}
	if served {
		return 0, fmt.Errorf("a server works on %s already: stop it first; nothing was copied", c.toName)
	}
	at, err := c.resume(ctx, last)
	if err != nil {
		return 0, err
	}
	return at, c.note(ctx, copyState{From: c.source.Store})
}

// copyLooksBack is how many of the last records are compared before a copy goes on
// behind them: more than are ever under way at once.
const copyLooksBack = 4096

// resume finds the last record of the target in the source, and sees that those
// before it are there as well: a server need not keep the order of what was under
// way when it was interrupted.
func (c *copying) resume(ctx context.Context, last *eventstore.Record) (eventstore.Position, error) {
	if last == nil {
		return 0, nil
	}
	at := eventstore.Position(0)
	for r, err := range c.from.Read(ctx, eventstore.Query{Stream: last.Stream, From: last.Revision, Limit: 1}) {
		if err != nil {
			return 0, err
		}
		if same(&r, last) == "" {
			at = r.Position
		}
	}
	if at == 0 {
		return 0, fmt.Errorf("%s has gone on by itself: %s at revision %d is not in %s. Name an empty one", c.toName, last.Stream, last.Revision, c.fromName)
	}
	next, stop := iter.Pull2(own(c.from.Read(ctx, eventstore.Query{Until: at, Backwards: true})))
	defer stop()
	n := 0
	for there, err := range own(c.to.Read(ctx, eventstore.Query{Until: last.Position, Backwards: true})) {
		if err != nil {
			return 0, err
		}
		here, err, ok := next()
		if err != nil {
			return 0, err
		}
		if !ok || same(&here, &there) != "" {
			return 0, fmt.Errorf("%s is no part of %s: %s at revision %d is out of its place. Begin again with an empty one", c.toName, c.fromName, there.Stream, there.Revision)
		}
		if n++; n == copyLooksBack {
			break
		}
	}
	return at, nil
}

// sameKeys refuses a target that was opened with other keys before.
func (c *copying) sameKeys(ctx context.Context) error {
	here, err := c.from.Mark(ctx, keysMark, nil)
	if err != nil {
		return err
	}
	there, err := c.to.Mark(ctx, keysMark, nil)
	if err != nil {
		return err
	}
	if there.Revision > 0 && string(there.Value) != string(here.Value) {
		return fmt.Errorf("%s was opened with other keys than those of %s: name an empty one", c.toName, c.fromName)
	}
	return nil
}

// note writes down how the copy stands.
func (c *copying) note(ctx context.Context, s copyState) error {
	value, err := json.Marshal(s)
	if err != nil {
		return err
	}
	_, err = c.to.Mark(ctx, copyMark, func(m eventstore.Mark) ([]byte, bool) { return value, string(m.Value) != string(value) })
	return err
}

// records copies what lies between two positions of the source, and gives the
// position up to which it is in the target.
func (c *copying) records(ctx context.Context, after, until eventstore.Position) (eventstore.Position, error) {
	began, before := time.Now(), c.done.Written
	var batch []eventstore.Ordered
	size, count, last := 0, 0, 0 // last: of the last append
	read := after
	flush := func() error {
		if len(batch) > 0 {
			if err := c.append(ctx, batch); err != nil {
				return err
			}
			c.done.Written += uint64(count)
			c.bar.at("copied", uint64(read), uint64(until), fmt.Sprintf("%.0f records/s", float64(c.done.Written-before)/time.Since(began).Seconds()))
		}
		c.progress()
		after, batch, size, count = read, nil, 0, 0
		return nil
	}
	for r, err := range c.from.Read(ctx, eventstore.Query{After: after, Until: until}) {
		if err != nil {
			return after, fmt.Errorf("reading %s: %w", c.fromName, err)
		}
		read = r.Position
		if foreign(&r) {
			continue
		}
		bytes := weight(&r)
		if n := len(batch) - 1; n >= 0 && batch[n].Stream == r.Stream && batch[n].Expected+eventstore.Revision(len(batch[n].Records)+1) == r.Revision &&
			last+bytes <= eventstore.MaxAppend {
			batch[n].Records = append(batch[n].Records, r)
			last += bytes
		} else {
			last = bytes
			batch = append(batch, eventstore.Ordered{Stream: r.Stream, Expected: r.Revision - 1, Records: []eventstore.Record{r}})
		}
		size, count = size+bytes, count+1
		if size >= copyBytes || count >= copyRecords {
			if err := flush(); err != nil {
				return after, err
			}
		}
	}
	err := flush()
	return after, err
}

// weight is what a record counts of an append. A server counts its envelope too.
func weight(r *eventstore.Record) int { return len(r.Data) + len(r.Name) + 1024 }

// append writes a batch in its order.
func (c *copying) append(ctx context.Context, batch []eventstore.Ordered) error {
	if l, ok := c.to.(interface {
		AppendAll(ctx context.Context, appends []eventstore.Ordered) error
	}); ok {
		return c.gap(l.AppendAll(ctx, batch))
	}
	for _, a := range batch {
		if _, err := c.to.Append(ctx, a.Stream, a.Expected, a.Records...); err != nil {
			return c.gap(err)
		}
	}
	return nil
}

// gap names what a conflict means to a copy: the source does not tell a stream
// from its beginning on, or somebody else writes to the target.
func (c *copying) gap(err error) error {
	conflict, ok := errors.AsType[*eventstore.ConflictError](err)
	switch {
	case err == nil:
		return nil
	case !ok:
		return fmt.Errorf("writing to %s: %w", c.toName, err)
	case conflict.Actual < conflict.Expected:
		return &eventstore.DamageError{Where: fmt.Sprintf("%s in %s", conflict.Stream, c.fromName),
			What: fmt.Sprintf("revision %d follows revision %d", conflict.Expected+1, conflict.Actual)}
	}
	return fmt.Errorf("somebody else writes to %s: %s is at revision %d. Begin again with an empty one", c.toName, conflict.Stream, conflict.Actual)
}

// foreign tells whether a record is another program's, which came over
// EventStoreDB's protocol: Parley's own are JSON, in streams of its kinds.
func foreign(r *eventstore.Record) bool {
	return strings.HasPrefix(r.Stream, "$") || strings.HasPrefix(r.Stream, "~") || len(r.Data) > 0 && r.Data[0] == 0
}

// lastOf is the last record of Parley's up to a position, or, with 0, of the
// log; nil without one.
func lastOf(ctx context.Context, l eventstore.Log, until eventstore.Position) (*eventstore.Record, error) {
	for r, err := range l.Read(ctx, eventstore.Query{Until: until, Backwards: true}) {
		if err != nil {
			return nil, err
		}
		if !foreign(&r) {
			return &r, nil
		}
	}
	return nil, nil
}
