package embedded

import (
	"errors"
	"math"
	"slices"

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

// cursor goes through the entries of one prefix, and through the positions of
// each.
type cursor struct {
	it        *pebble.Iterator
	prefix    int
	backwards bool
	lo, hi    uint64
	entry     entry
	left      []uint64 // of the entry's run, in reading order from where it is read
	at        uint64
	ok        bool
}

// open begins where the first position within the bounds may be. The bounds of
// keys are wider: an entry's key is its last position, and the mark of a command
// has none.
func (c *cursor) open(s *scan, prefix []byte) (err error) {
	c.prefix, c.backwards, c.lo, c.hi = len(prefix), s.backwards, s.lo, s.hi
	lower, upper := at(prefix, s.lo), append(at(prefix, math.MaxUint64), 0)
	if prefix[0] == spaceCommand {
		lower = prefix
	}
	if c.it, err = s.log.db.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: upper}); err != nil {
		return err
	}
	ok := false
	switch {
	case !c.backwards:
		if ok, err = c.first(prefix); err != nil {
			return err
		}
	case c.it.SeekGE(at(prefix, s.hi)):
		ok = true
	default:
		if err := c.it.Error(); err != nil {
			return err
		}
		ok = c.it.Last()
	}
	return c.settle(ok)
}

// first finds where reading forwards begins: of a command at its mark, unless all
// that this names lies before.
func (c *cursor) first(prefix []byte) (bool, error) {
	if !c.it.First() {
		return false, c.it.Error()
	}
	if prefix[0] != spaceCommand || len(c.it.Key()) != commandMark {
		return true, nil
	}
	value, err := c.it.ValueAndErr()
	if err != nil {
		return false, err
	}
	if !readEntry(&c.entry, c.prefix, c.it.Key(), value) {
		return true, nil // told as it is settled on
	}
	if n := len(c.entry.run); n > 0 && c.entry.run[n-1] >= c.lo {
		return true, nil
	}
	return c.it.SeekGE(at(prefix, c.lo)), c.it.Error()
}

// settle takes the first position of an entry that is within the bounds, or of one
// behind it.
func (c *cursor) settle(ok bool) error {
	for c.ok = false; ok; ok = c.step() {
		value, err := c.it.ValueAndErr()
		if err != nil {
			return err
		}
		if !readEntry(&c.entry, c.prefix, c.it.Key(), value) {
			return damaged("it cannot be read", "the index entry %x", c.it.Key())
		}
		c.left = within(c.entry.run, c.lo, c.hi)
		if len(c.left) > 0 {
			return c.next()
		}
		if n := len(c.entry.run); n > 0 && (!c.backwards && c.entry.run[0] > c.hi || c.backwards && c.entry.run[n-1] < c.lo) {
			return nil // and so are all behind it
		}
	}
	return c.it.Error()
}

func (c *cursor) step() bool {
	if c.backwards {
		return c.it.Prev()
	}
	return c.it.Next()
}

// next goes on to the next position.
func (c *cursor) next() error {
	n := len(c.left)
	switch {
	case n == 0:
		return c.settle(c.step())
	case c.backwards:
		c.at, c.left = c.left[n-1], c.left[:n-1]
	default:
		c.at, c.left = c.left[0], c.left[1:]
	}
	c.ok = true
	return nil
}

// within cuts a run to what lies within bounds.
func within(run []uint64, lo, hi uint64) []uint64 {
	from, _ := slices.BinarySearch(run, lo)
	to, found := slices.BinarySearch(run, hi)
	if found {
		to++
	}
	return run[from:max(from, to)]
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
		if err := cursors[i].open(s, prefix); err != nil {
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
		if err := next.next(); err != nil {
			return nil, s.log.damage(err)
		}
	}
	return found, nil
}

// count tells how many entries the indexes hold in what is left to read, by
// their ordinals: two look-ups each.
func (s *scan) count() (total uint64, err error) {
	for _, prefix := range s.prefixes {
		upTo, err := s.log.rank(prefix, s.hi)
		if err != nil {
			return 0, err
		}
		before, err := s.log.rank(prefix, s.lo-1)
		if err != nil {
			return 0, err
		}
		total += upTo - before
	}
	return total, nil
}
