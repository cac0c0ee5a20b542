package embedded

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"

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
	next, total := uint64(0), uint64(0)
	err := c.each(ctx, space, func(key, value []byte) error {
		if marked != nil && !bytes.HasPrefix(key, marked) {
			if err := c.say("it is marked as being on record and is not", "the command %x", marked[1:]); err != nil {
				return err
			}
		}
		if marked = nil; space == spaceCommand && len(key) == commandMark {
			marked = append(marked, key...)
			return nil
		}
		if len(key) < 10 {
			return c.say("a key has the wrong length", "the key %x", key)
		}
		prefix := key[:len(key)-8]
		p := binary.BigEndian.Uint64(key[len(prefix):])
		if eventstore.Position(p) > c.head {
			if other, err := c.get(positionKey(nil, eventstore.Position(p))); err != nil || other != nil {
				return c.found(err) // appended since the check began
			}
			return c.say("it names a record that is not there", "the index entry %q", key)
		}
		total++
		if space == spaceCommand {
			return nil
		}
		if !bytes.Equal(prefix, list) {
			list, next = append(list[:0], prefix...), 0
		}
		n, _ := binary.Uvarint(value)
		want := next
		next = n + 1
		if n != want {
			return c.say(fmt.Sprintf("its ordinal is %d and should be %d", n, want), "the index entry %q", key)
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

func (c *check) marks(ctx context.Context) error {
	return c.each(ctx, spaceMark, func(key, value []byte) error {
		c.report.Marks++
		if _, ok := decodeMark(value); !ok {
			return c.say("the checksum does not match the mark", "the mark %q", key[1:])
		}
		return nil
	})
}
