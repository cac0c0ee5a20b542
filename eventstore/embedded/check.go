package embedded

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
	"github.com/google/uuid"

	"parley/eventstore"
)

// Report tells what a check found.
type Report struct {
	Store   string
	Head    eventstore.Position
	Streams uint64
	Marks   uint64
	// Damages names what is wrong, the first hundred of it.
	Damages []*eventstore.DamageError
}

const maxDamages = 100

// Check reads the whole log and compares everything with everything: every
// position is there, under its stream as well, byte for byte; revisions have no
// gap; each index names each of its records, and nothing else. It changes
// nothing and may run while the log is in use. Progress is told in records.
// The error is the damage found, or why the check could not be done.
func (l *Log) Check(ctx context.Context, progress func(done, total uint64)) (Report, error) {
	if progress == nil {
		progress = func(uint64, uint64) {}
	}
	l.reading.RLock()
	defer l.reading.RUnlock()
	if l.shut {
		return Report{}, eventstore.ErrClosed
	}
	head, _ := l.tail.state()
	c := &check{
		log: l, snap: l.db.NewSnapshot(), head: head, progress: progress,
		report: Report{Store: l.store, Head: head},
		counts: map[byte]uint64{}, indexes: map[byte]*pebble.Iterator{},
	}
	err := c.run(ctx)
	for _, it := range c.indexes {
		err = errors.Join(err, c.found(it.Close()))
	}
	if err := errors.Join(err, c.snap.Close()); err != nil {
		return c.report, err
	}
	found := make([]error, len(c.report.Damages))
	for i, d := range c.report.Damages {
		found[i] = d
	}
	return c.report, errors.Join(found...)
}

type check struct {
	log      *Log
	snap     *pebble.Snapshot
	head     eventstore.Position
	done     uint64
	progress func(done, total uint64)
	report   Report
	counts   map[byte]uint64 // records that each space must hold
	indexes  map[byte]*pebble.Iterator
	entry    entry
	key      []byte
}

// run takes the log by position first, then each space in its own order. What
// the first pass found missing elsewhere is not told twice.
func (c *check) run(ctx context.Context) error {
	if err := c.positions(ctx); err != nil {
		return err
	}
	if err := c.streams(ctx); err != nil {
		return err
	}
	for _, space := range []byte{spaceKind, spaceName, spaceCommand} {
		if err := c.index(ctx, space); err != nil {
			return err
		}
	}
	return c.marks(ctx)
}

// found notes a damage; what is no damage ends the check.
func (c *check) found(err error) error {
	err = c.log.damage(err)
	var d *eventstore.DamageError
	if err == nil || !errors.As(err, &d) {
		return err
	}
	if len(c.report.Damages) < maxDamages {
		c.report.Damages = append(c.report.Damages, d)
	}
	return nil
}

func (c *check) say(what, where string, args ...any) error {
	return c.found(damaged(what, where, args...))
}

// each walks a space in order. It ends early when the log closes.
func (c *check) each(ctx context.Context, space byte, visit func(key, value []byte) error) (err error) {
	it, err := c.snap.NewIter(&pebble.IterOptions{LowerBound: []byte{space}, UpperBound: []byte{space + 1}})
	if err != nil {
		return c.found(err)
	}
	defer func() { err = errors.Join(err, c.found(it.Close())) }()
	for ok := it.First(); ok; ok = it.Next() {
		if err := ctx.Err(); err != nil {
			return err
		}
		select {
		case <-c.log.closing:
			return eventstore.ErrClosed
		default:
		}
		value, err := it.ValueAndErr()
		if err != nil {
			if err := c.found(err); err != nil {
				return err
			}
			continue
		}
		if err := visit(it.Key(), value); err != nil {
			return err
		}
	}
	return nil // what ended the walk early is told by Close
}

// positions compares every record with its other copy and its index entries.
func (c *check) positions(ctx context.Context) error {
	next := uint64(1)
	err := c.each(ctx, spacePosition, func(key, value []byte) error {
		n, ok := below(key, 1)
		if !ok {
			return c.say("a key has the wrong length", "the key %x", key)
		}
		if eventstore.Position(n) > c.head {
			return nil
		}
		for ; next < n; next++ {
			if err := c.say("it is missing", "the record at position %d", next); err != nil {
				return err
			}
			if len(c.report.Damages) == maxDamages {
				next = n
				break
			}
		}
		next = n + 1
		if c.done++; c.done%1024 == 0 {
			c.progress(c.done, uint64(c.head))
		}
		return c.record(n, value)
	})
	if err != nil {
		return err
	}
	c.progress(c.done, uint64(c.head))
	if next != uint64(c.head)+1 {
		return c.say("it is missing, and all behind it", "the record at position %d", next)
	}
	return nil
}

func (c *check) record(n uint64, value []byte) error {
	if what := verify(value); what != "" {
		return c.say(what, "the record at position %d", n)
	}
	r, err := decode(value)
	if err != nil {
		return c.say(err.Error(), "the record at position %d", n)
	}
	if uint64(r.Position) != n {
		return c.say(fmt.Sprintf("the record of position %d lies there", r.Position), "the record at position %d", n)
	}
	copied, err := c.get(entryKey(c.key, spaceStream, r.Stream, uint64(r.Revision)))
	if err != nil || !bytes.Equal(copied, value) {
		if err := c.either(err, "its two copies differ", "%s at revision %d (position %d)", r.Stream, r.Revision, n); err != nil {
			return err
		}
	}
	if r.Command != uuid.Nil {
		c.key = commandPrefix(c.key, r.Command)
		if mark, err := c.get(c.key); err != nil || mark == nil {
			if err := c.either(err, "it is not marked as being on record", "the command %s", r.Command); err != nil {
				return err
			}
		}
		if err := c.indexed(spaceCommand, c.key, n); err != nil {
			return err
		}
	}
	if err := c.indexed(spaceKind, prefixKey(c.key, spaceKind, r.Kind()), n); err != nil {
		return err
	}
	return c.indexed(spaceName, prefixKey(c.key, spaceName, r.Name), n)
}

// indexed sees that an index names a record.
func (c *check) indexed(space byte, prefix []byte, n uint64) error {
	c.counts[space]++
	if ok, err := c.names(space, prefix, n); err != nil || !ok {
		return c.either(err, "it does not name the record at position "+fmt.Sprint(n), "the index entry %q", at(prefix, n))
	}
	return nil
}

// either tells a read error, or else what is wrong.
func (c *check) either(err error, what, where string, args ...any) error {
	if err != nil {
		return c.found(err)
	}
	return c.say(what, where, args...)
}

// get reads a value; nil when it is not there, never nil when it is.
func (c *check) get(key []byte) ([]byte, error) {
	value, closer, err := c.snap.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	value = append(make([]byte, 0, len(value)+1), value...)
	return value, closer.Close()
}
