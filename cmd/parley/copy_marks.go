package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"parley/eventstore"
	"parley/eventstore/esdbnode"
)

// Marks by their names. A reactor's cursor and its list of parked events name
// positions, which are translated by the events that stand there; what only
// the running servers know of each other stays behind, and so do the persistent
// subscriptions of other programs, as their events do: how far they are is told in
// positions of the whole log and in revisions of streams that are not copied.
const (
	keysMark      = "keys"
	reactorMarks  = "reactor-"
	parkedMarks   = "parked-"
	leaseMarks    = eventstore.LeaseMarks
	workLease     = leaseMarks + workName
	markCopied    = "copied"
	markMoved     = "translated"
	markLeft      = "left behind"
	positionDigit = "0123456789"
)

// marks takes along what lies beside the log.
func (c *copying) marks(ctx context.Context) error {
	all, err := c.from.Marks(ctx)
	if err != nil {
		return err
	}
	c.done.Marks = map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		value, what, err := c.translate(ctx, name, all[name].Value)
		if err != nil {
			return fmt.Errorf("the mark %q of %s: %w", name, c.fromName, err)
		}
		if c.done.Marks[name] = what; what == markLeft {
			continue
		}
		_, err = c.to.Mark(ctx, name, func(m eventstore.Mark) ([]byte, bool) { return value, m.Revision == 0 || !bytes.Equal(m.Value, value) })
		if err != nil {
			return err
		}
	}
	return nil
}

// translate gives a mark's value as it is in the target.
func (c *copying) translate(ctx context.Context, name string, value []byte) ([]byte, string, error) {
	switch {
	case name == copyMark, strings.HasPrefix(name, leaseMarks), strings.HasPrefix(name, esdbnode.GroupMarks):
		return nil, markLeft, nil
	case strings.HasPrefix(name, parkedMarks):
		var list []eventstore.Parked
		if len(value) > 0 {
			if err := json.Unmarshal(value, &list); err != nil {
				return nil, "", err
			}
		}
		for i := range list {
			at, err := c.place(ctx, list[i].Position)
			if err != nil {
				return nil, "", err
			}
			list[i].Position = at
		}
		moved, err := json.Marshal(list)
		return moved, markMoved, err
	}
	if !c.isPosition(value) {
		if strings.HasPrefix(name, reactorMarks) {
			return nil, "", eventstore.ErrLogMoved // it was another log's already
		}
		return value, markCopied, nil
	}
	old, err := eventstore.ParsePosition(c.source.Store, string(value))
	if err != nil {
		return nil, "", err
	}
	at, err := c.place(ctx, old)
	return []byte(at.Text(c.target.Store)), markMoved, err
}

// isPosition tells whether a value is a position of the source.
func (c *copying) isPosition(value []byte) bool {
	number, ok := strings.CutPrefix(string(value), c.source.Store+":")
	return ok && number != "" && strings.Trim(number, positionDigit) == ""
}

// place gives the target's position of the last record up to a position of the
// source: by its stream and revision, and its id must be the same.
func (c *copying) place(ctx context.Context, old eventstore.Position) (eventstore.Position, error) {
	if old == 0 {
		return 0, nil
	}
	last, err := lastOf(ctx, c.from, old)
	if err != nil || last == nil {
		return 0, err
	}
	for r, err := range c.to.Read(ctx, eventstore.Query{Stream: last.Stream, From: last.Revision, Limit: 1}) {
		if err != nil {
			return 0, err
		}
		if r.ID == last.ID {
			return r.Position, nil
		}
	}
	return 0, &eventstore.DamageError{Where: fmt.Sprintf("%s at revision %d in %s", last.Stream, last.Revision, c.toName), What: "it is not the event that the cursor stands at"}
}
