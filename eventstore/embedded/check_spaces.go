package embedded

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/cockroachdb/pebble/v2"

	"parley/eventstore"
)

// streams sees that revisions have no gap and that no copy stands alone.
func (c *check) streams(ctx context.Context) error {
	var stream []byte
	next, total := uint64(0), uint64(0)
	err := c.each(ctx, spaceStream, func(key, value []byte) error {
		if len(key) < 10 {
			return c.say("a key has the wrong length", "the key %x", key)
		}
		prefix := key[:len(key)-8]
		rev := binary.BigEndian.Uint64(key[len(prefix):])
		if what := verify(value); what != "" {
			return c.say(what, "%s at revision %d", prefix[1:len(prefix)-1], rev)
		}
		if storedPosition(value) > c.head {
			return nil
		}
		if total++; c.adding {
			c.add(spaceStream, key, value)
		}
		if !bytes.Equal(prefix, stream) {
			stream = append(stream[:0], prefix...)
			next = 0
			c.report.Streams++
		}
		want := next
		next = rev + 1
		if rev != want {
			return c.say(fmt.Sprintf("revision %d is missing", want), "%s", prefix[1:len(prefix)-1])
		}
		return nil
	})
	if err == nil && total > uint64(c.head) {
		err = c.say(fmt.Sprintf("they hold %d records, the log %d", total, c.head), "the streams")
	}
	return err
}

// index sees that an index names nothing that is not there, and that its
// ordinals count.
func (c *check) index(ctx context.Context, space byte) error {
	var list, marked []byte
	var e entry
	before, next, total := uint64(0), uint64(0), uint64(0)
	known := true // which ordinal is next
	err := c.each(ctx, space, func(key, value []byte) error {
		if len(key) < 10 || space == spaceCommand && len(key) < commandMark {
			return c.say("a key has the wrong length", "the key %x", key)
		}
		prefix := key[:prefixOf(key)]
		if marked != nil && !bytes.Equal(prefix, marked) {
			if err := c.say("it is marked as being on record and is not", "the command %x", marked[1:]); err != nil {
				return err
			}
		}
		marked = nil
		if !bytes.Equal(prefix, list) {
			list, before, next, known = append(list[:0], prefix...), 0, 0, true
			if c.adding && space == spaceCommand && len(key) != commandMark {
				return errDiffer // it is not marked as being on record
			}
		}
		if !readEntry(&e, len(prefix), key, value) {
			known = false
			return c.say("it cannot be read", "the index entry %q", key)
		}
		if len(e.run) == 0 {
			marked = append(marked, key...)
			return nil
		}
		if e.run[0] <= before {
			return c.say("it names a record out of order", "the index entry %q", key)
		}
		before = e.run[len(e.run)-1]
		there := within(e.run, 0, uint64(c.head))
		total += uint64(len(there))
		if c.adding {
			for _, p := range there {
				c.addNamed(space, prefix, p)
			}
		}
		for _, p := range e.run[len(there):] {
			if other, err := c.get(positionKey(nil, eventstore.Position(p))); err == nil && other == nil {
				return c.say("it names a record that is not there", "the index entry %q", key)
			} else if err != nil {
				return c.found(err)
			} // appended since the check began
		}
		if space == spaceCommand {
			return nil
		}
		n, want, sure := e.ordinal+1-uint64(len(e.run)), next, known
		next, known = e.ordinal+1, true
		if sure && n != want {
			return c.say(fmt.Sprintf("its first ordinal is %d and should be %d", n, want), "the index entry %q", key)
		}
		return nil
	})
	if err == nil && marked != nil {
		err = c.say("it is marked as being on record and is not", "the command %x", marked[1:])
	}
	if err == nil && total != c.counts[space] && !c.adding {
		err = c.say(fmt.Sprintf("it names %d records and should name %d", total, c.counts[space]), "the index %q", space)
	}
	return err
}

// names tells whether an index names a position. Who asks goes upwards.
func (c *check) names(space byte, prefix []byte, p uint64) (bool, error) {
	it, ok := c.indexes[space]
	if !ok {
		var err error
		if it, err = c.snap.NewIter(&pebble.IterOptions{LowerBound: []byte{space}, UpperBound: []byte{space + 1}}); err != nil {
			return false, err
		}
		c.indexes[space] = it
	}
	starts := [][]byte{at(prefix, p)}
	if space == spaceCommand {
		starts = [][]byte{prefix, starts[0]} // its mark names the first of them
	}
	for _, start := range starts {
		if !it.SeekGE(start) {
			return false, it.Error()
		}
		if !bytes.HasPrefix(it.Key(), prefix) {
			return false, nil
		}
		value, err := it.ValueAndErr()
		if err != nil {
			return false, err
		}
		if !readEntry(&c.entry, len(prefix), it.Key(), value) {
			continue // told when the index is looked through
		}
		if _, found := slices.BinarySearch(c.entry.run, p); found {
			return true, nil
		}
	}
	return false, nil
}

func (c *check) marks(ctx context.Context) error {
	return c.each(ctx, spaceMark, func(key, value []byte) error {
		c.report.Marks++
		if _, ok := decodeMark(value); !ok {
			return c.say("the checksum does not match the mark", "the mark %q", key[1:])
		}
		return nil
	})
}
