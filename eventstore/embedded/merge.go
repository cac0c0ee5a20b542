package embedded

import (
	"encoding/binary"
	"errors"

	"github.com/cockroachdb/pebble/v2"

	"parley/eventstore"
)

// byIndex merges the positions of several index entries in order, and reads
// the records there.
func (s *scan) byIndex(limit int) (records []eventstore.Record, err error) {
	found, err := s.positions(limit)
	if err != nil || len(found) == 0 {
		s.done = true
		return nil, err
	}
	it, err := s.iterate([]byte{spacePosition}, s.lo, s.hi)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.log.damage(it.Close())) }()
	records = s.room(limit)
	defer func() { s.used(records, limit) }()
	var key []byte
	size := 0
	for _, p := range found {
		key = positionKey(key, eventstore.Position(p))
		if !it.SeekGE(key) {
			if err := it.Error(); err != nil {
				return records, s.log.damage(err)
			}
			return records, damaged("an index names it, and it is missing", "the record at position %d", p)
		}
		if n, _ := below(it.Key(), 1); n != p {
			return records, damaged("an index names it, and it is missing", "the record at position %d", p)
		}
		value, err := it.ValueAndErr()
		if err != nil {
			return records, s.log.damage(err)
		}
		if what := verify(value); what != "" {
			return records, damaged(what, "the record at position %d", p)
		}
		s.passed(p)
		if records, err = s.take(records, value); err != nil {
			return records, err
		}
		if size += len(value); size > chunkBytes {
			break
		}
	}
	return records, nil
}

// cursor is one index entry list being merged.
type cursor struct {
	it     *pebble.Iterator
	prefix int
	at     uint64
	ok     bool
}

func (c *cursor) settle(ok bool) error {
	if c.ok = ok; !ok {
		return c.it.Error()
	}
	if c.at, ok = below(c.it.Key(), c.prefix); !ok {
		return damaged("a key has the wrong length", "the index entry %x", c.it.Key())
	}
	return nil
}

// positions gives the next positions that the indexes name, in reading order.
func (s *scan) positions(limit int) (found []uint64, err error) {
	cursors := make([]cursor, len(s.prefixes))
	defer func() {
		for _, c := range cursors {
			if c.it != nil {
				err = errors.Join(err, s.log.damage(c.it.Close()))
			}
		}
	}()
	for i, prefix := range s.prefixes {
		c := &cursors[i]
		c.prefix = len(prefix)
		if c.it, err = s.iterate(prefix, s.lo, s.hi); err != nil {
			return nil, err
		}
		start := c.it.First
		if s.backwards {
			start = c.it.Last
		}
		if err := c.settle(start()); err != nil {
			return nil, s.log.damage(err)
		}
	}
	for len(found) < limit {
		var next *cursor
		for i := range cursors {
			c := &cursors[i]
			if c.ok && (next == nil || (c.at < next.at) != s.backwards) {
				next = c
			}
		}
		if next == nil {
			return found, nil
		}
		found = append(found, next.at)
		step := next.it.Next
		if s.backwards {
			step = next.it.Prev
		}
		if err := next.settle(step()); err != nil {
			return nil, s.log.damage(err)
		}
	}
	return found, nil
}

// count tells how many entries the indexes hold in what is left to read, by
// their ordinals: two look-ups each.
func (s *scan) count() (total uint64, err error) {
	s.log.reading.RLock()
	defer s.log.reading.RUnlock()
	if s.log.shut {
		return 0, eventstore.ErrClosed
	}
	for _, prefix := range s.prefixes {
		n, err := s.countOne(prefix)
		if err != nil {
			return 0, err
		}
		total += n
	}
	return total, nil
}

func (s *scan) countOne(prefix []byte) (n uint64, err error) {
	it, err := s.iterate(prefix, s.lo, s.hi)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, s.log.damage(it.Close())) }()
	ordinal := func() (uint64, error) {
		value, err := it.ValueAndErr()
		if err != nil {
			return 0, s.log.damage(err)
		}
		n, used := binary.Uvarint(value)
		if used <= 0 {
			return 0, damaged("its ordinal cannot be read", "the index entry %x", it.Key())
		}
		return n, nil
	}
	if !it.First() {
		return 0, s.log.damage(it.Error())
	}
	first, err := ordinal()
	if err != nil || !it.Last() {
		return 0, errors.Join(err, s.log.damage(it.Error()))
	}
	last, err := ordinal()
	return last - first + 1, err
}
