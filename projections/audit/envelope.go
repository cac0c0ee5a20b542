package audit

import (
	"context"

	"github.com/google/uuid"

	"parley/eventstore"
)

// So many revisions and event ids are kept at hand. What is not among them is
// looked up in the log.
const (
	maxRevisions = 1 << 17
	maxRecent    = 1 << 17
	maxOwing     = 1 << 16
)

// envelope holds a record against the one before it in its stream, against the
// event it follows from, and against the latest ones: a command that is tried
// again lands once.
func (a *audit) envelope(ctx context.Context, r eventstore.Record) error {
	former, known := a.revisions[r.Stream]
	if !known {
		var err error
		if former, err = a.former(ctx, r); err != nil {
			return err
		}
	}
	if r.Revision != former+1 {
		a.find("revision", "revision %d was expected here", former+1)
	}
	if len(a.revisions) >= maxRevisions || a.revisions == nil {
		a.revisions = map[string]eventstore.Revision{}
	}
	a.revisions[r.Stream] = r.Revision
	if r.Causation != uuid.Nil && !a.causes.has(r.Causation) {
		a.causes.owe(r.Causation, a.now)
	}
	if a.causes.has(r.ID) && a.codec.Kinds.Has(r.Kind()) { // others name theirs as they like
		a.find("id_once", "event %s is recorded a second time", r.ID)
	}
	a.causes.saw(r.ID)
	return nil
}

// former finds the revision before a record's in its stream.
func (a *audit) former(ctx context.Context, r eventstore.Record) (eventstore.Revision, error) {
	if r.Revision <= 0 {
		return eventstore.None, nil
	}
	for before, err := range a.log.Read(ctx, eventstore.Query{Stream: r.Stream, From: r.Revision - 1, Backwards: true, Limit: 1, Lend: true}) {
		if err != nil {
			return 0, err
		}
		if before.Position < r.Position {
			return before.Revision, nil
		}
	}
	return eventstore.None, nil
}

// causes knows the latest events by their ids, and which ids were named as a
// cause without being among them.
type causes struct {
	recent map[uuid.UUID]struct{}
	ring   []uuid.UUID
	next   int
	owing  map[uuid.UUID]moment
}

func (c *causes) begin() { c.recent, c.owing = map[uuid.UUID]struct{}{}, map[uuid.UUID]moment{} }

func (c *causes) has(id uuid.UUID) bool { _, ok := c.recent[id]; return ok }

func (c *causes) owe(id uuid.UUID, m moment) {
	if _, known := c.owing[id]; !known && len(c.owing) < maxOwing {
		c.owing[id] = m // the first to name it: what names it later is later still
	}
}

func (c *causes) saw(id uuid.UUID) {
	if len(c.ring) < maxRecent {
		c.ring = append(c.ring, id)
	} else {
		delete(c.recent, c.ring[c.next])
		c.ring[c.next] = id
		c.next = (c.next + 1) % maxRecent
	}
	c.recent[id] = struct{}{}
}

// resolve reads the log once more for causes that lie far back; what is not
// found before its effect is a contradiction.
func (a *audit) resolve(ctx context.Context, head eventstore.Position) error {
	if len(a.causes.owing) == 0 {
		return nil
	}
	for r, err := range a.log.Read(ctx, eventstore.Query{Until: head, Lend: true}) {
		if err != nil {
			return err
		}
		if m, ok := a.causes.owing[r.ID]; ok && r.Position < m.position {
			delete(a.causes.owing, r.ID)
			if len(a.causes.owing) == 0 {
				return nil
			}
		}
	}
	for id, m := range a.causes.owing {
		a.findAt(m, "causation", "no event before it has the id %s, which it says it follows from", id)
	}
	return nil
}
