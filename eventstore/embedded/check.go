package embedded

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/maphash"

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
	c := newCheck(l, l.db.NewSnapshot(), head, progress)
	agreed, err := c.agree(ctx)
	if err == nil && !agreed {
		err = c.name(ctx)
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
	memory   *memory

	adding bool // up what the spaces say, instead of looking it up
	seed   maphash.Seed
	says   map[byte]uint64 // by space, added up
}

func newCheck(l *Log, snap *pebble.Snapshot, head eventstore.Position, progress func(done, total uint64)) *check {
	c := &check{
		log: l, snap: snap, head: head, progress: progress,
		report: Report{Store: l.store, Head: head},
		counts: map[byte]uint64{}, indexes: map[byte]*pebble.Iterator{}, says: map[byte]uint64{},
		memory: newMemory(manyTexts),
	}
	c.memory.lent = true
	return c
}

// name looks up what belongs to each record, one by one, and names all that is
// wrong.
func (c *check) name(ctx context.Context) error {
	err := c.run(ctx)
	for _, it := range c.indexes {
		err = errors.Join(err, c.found(it.Close()))
	}
	if err == nil && len(c.report.Damages) == 0 {
		err = c.say("it read as damaged, and read again as whole: neither disk nor memory can be relied on", "the folder %s", c.log.dir)
	}
	return err
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
	if c.adding {
		return errDiffer
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
	var r eventstore.Record
	c.memory.again()
	if err := c.memory.decodeAll(value, &r); err != nil {
		return c.say(err.Error(), "the record at position %d", n)
	}
	if uint64(r.Position) != n {
		return c.say(fmt.Sprintf("the record of position %d lies there", r.Position), "the record at position %d", n)
	}
	c.key = entryKey(c.key, spaceStream, r.Stream, uint64(r.Revision))
	if err := c.copied(&r, value); err != nil {
		return err
	}
	if r.Command != uuid.Nil {
		c.key = commandPrefix(c.key, r.Command)
		if err := c.marked(r.Command); err != nil {
			return err
		}
		if err := c.indexed(spaceCommand, c.key, n); err != nil {
			return err
		}
	}
	c.key = prefixKey(c.key, spaceKind, r.Kind())
	if err := c.indexed(spaceKind, c.key, n); err != nil {
		return err
	}
	c.key = prefixKey(c.key, spaceName, r.Name)
	return c.indexed(spaceName, c.key, n)
}

// copied sees that a record lies in its stream as well, at the key at hand.
func (c *check) copied(r *eventstore.Record, value []byte) error {
	if c.adding {
		c.add(spaceStream, c.key, value)
		return nil
	}
	copied, err := c.get(c.key)
	if err != nil || !bytes.Equal(copied, value) {
		return c.either(err, "its two copies differ", "%s at revision %d (position %d)", r.Stream, r.Revision, r.Position)
	}
	return nil
}

// marked sees that a command, whose key is at hand, is marked as being on record.
func (c *check) marked(command uuid.UUID) error {
	if c.adding {
		return nil // the index sees that each of its commands is
	}
	if mark, err := c.get(c.key); err != nil || mark == nil {
		return c.either(err, "it is not marked as being on record", "the command %s", command)
	}
	return nil
}

// indexed sees that an index names a record.
func (c *check) indexed(space byte, prefix []byte, n uint64) error {
	if c.counts[space]++; c.adding {
		c.addNamed(space, prefix, n)
		return nil
	}
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
