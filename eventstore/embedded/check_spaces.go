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
		total++
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
	err := c.each(ctx, space, func(key, value []byte) error {
		prefix := key[:prefixOf(key)]
		if marked != nil && !bytes.Equal(prefix, marked) {
			if err := c.say("it is marked as being on record and is not", "the command %x", marked[1:]); err != nil {
				return err
			}
		}
		marked = nil
		if len(key) < 10 || space == spaceCommand && len(key) < commandMark {
			return c.say("a key has the wrong length", "the key %x", key)
		}
		if !readEntry(&e, len(prefix), key, value) {
			return c.say("it cannot be read", "the index entry %q", key)
		}
		if !bytes.Equal(prefix, list) {
			list, before, next = append(list[:0], prefix...), 0, 0
		}
		if len(e.run) == 0 {
			marked = append(marked, key...)
			return nil
		}
		if e.run[0] <= before {
			return c.say("it names a record out of order", "the index entry %q", key)
		}
		before = e.run[len(e.run)-1]
		known := within(e.run, 0, uint64(c.head))
		total += uint64(len(known))
		for _, p := range e.run[len(known):] {
			if other, err := c.get(positionKey(nil, eventstore.Position(p))); err == nil && other == nil {
				return c.say("it names a record that is not there", "the index entry %q", key)
			} else if err != nil {
				return c.found(err)
			} // appended since the check began
		}
		if space == spaceCommand {
			return nil
		}
		n, want := e.ordinal+1-uint64(len(e.run)), next
		next = e.ordinal + 1
		if n != want {
			return c.say(fmt.Sprintf("its first ordinal is %d and should be %d", n, want), "the index entry %q", key)
		}
		return nil
	})
	if err == nil && marked != nil {
		err = c.say("it is marked as being on record and is not", "the command %x", marked[1:])
	}
	if err == nil && total != c.counts[space] {
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
	start := at(prefix, p)
	if space == spaceCommand {
		start = prefix // its mark names the first of them
	}
	for ok := it.SeekGE(start); ok && bytes.HasPrefix(it.Key(), prefix); ok = it.Next() {
		value, err := it.ValueAndErr()
		if err != nil {
			return false, err
		}
		if !readEntry(&c.entry, len(prefix), it.Key(), value) {
			return false, nil // told when the index is looked through
		}
		if _, found := slices.BinarySearch(c.entry.run, p); found {
			return true, nil
		}
		if len(c.entry.run) > 0 && c.entry.run[0] > p {
			return false, nil
		}
	}
	return false, it.Error()
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
