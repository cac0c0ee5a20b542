package embedded

import (
	"errors"

	"github.com/cockroachdb/pebble/v2"
	"github.com/google/uuid"

	"parley/eventstore"
)

// byPosition reads the log in order. Positions are dense: one that is missing
// is damage.
func (s *scan) byPosition(limit int) ([]eventstore.Record, error) {
	return s.overRange([]byte{spacePosition}, limit, func(n uint64) error {
		return damaged("it is missing", "the record at position %d", n)
	})
}

// byStream reads one stream in order. Revisions are dense up to its end.
func (s *scan) byStream(limit int) ([]eventstore.Record, error) {
	return s.overRange(prefixKey(nil, spaceStream, s.stream), limit, func(n uint64) error {
		return damaged("it is missing", "%s at revision %d", s.stream, n)
	})
}

// overRange reads what is left of a range of records.
func (s *scan) overRange(prefix []byte, limit int, missing func(uint64) error) (records []eventstore.Record, err error) {
	it, err := s.iterate(prefix, s.lo, s.hi)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.log.damage(it.Close())) }()
	start, step, inStream := it.First, it.Next, s.stream != ""
	if s.backwards {
		start, step = it.Last, it.Prev
	}
	records = s.room(limit)
	defer func() { s.used(records, limit) }()
	size := 0
	for ok := start(); ok; ok = step() {
		n, good := below(it.Key(), len(prefix))
		if !good {
			return records, damaged("a key has the wrong length", "the key %x", it.Key())
		}
		if n != s.here() && s.exact {
			return records, missing(s.here())
		}
		s.exact = true
		value, err := it.ValueAndErr()
		if err != nil {
			return records, s.log.damage(err)
		}
		if what := verify(value); what != "" {
			return records, damaged(what, "the record at %q %d", prefix, n)
		}
		if place := s.placeOf(value); place != n {
			return records, damaged("another record lies there", "the record at %q %d", prefix, n)
		}
		s.passed(n)
		if inStream && storedPosition(value) > s.head { // appended since reading began
			if s.done = s.done || !s.backwards; s.done {
				return records, nil
			}
			continue
		}
		if records, err = s.take(records, value); err != nil || s.done {
			return records, err
		}
		if size += len(value); len(records) >= limit || size > chunkBytes {
			return records, nil
		}
	}
	if err := it.Error(); err != nil {
		return records, s.log.damage(err)
	}
	if s.exact && (s.backwards || !inStream) {
		return records, missing(s.here())
	}
	s.done = true
	return records, nil
}

// room gives where the records of a chunk go: a reader who has done with the
// last chunk gets the same room again.
func (s *scan) room(limit int) []eventstore.Record {
	if s.reuse && s.last != nil {
		return s.last[:0]
	}
	if s.full { // the last chunk was, so this one may be
		return make([]eventstore.Record, 0, min(limit, chunkRecords))
	}
	return make([]eventstore.Record, 0, min(limit, firstRecords))
}

func (s *scan) used(records []eventstore.Record, limit int) {
	s.full = len(records) >= limit/2
	if s.reuse && cap(records) > cap(s.last) {
		s.last = records
	}
}

// here is the next revision or position to read.
func (s *scan) here() uint64 {
	if s.backwards {
		return s.hi
	}
	return s.lo
}

func (s *scan) placeOf(value []byte) uint64 {
	if s.stream != "" {
		return uint64(storedRevision(value))
	}
	return uint64(storedPosition(value))
}

// take decodes a verified record when it is asked for.
func (s *scan) take(records []eventstore.Record, value []byte) ([]eventstore.Record, error) {
	at := storedPosition(value)
	p := parts{rest: value[offsetBody:]}
	stream, name := p.text(), p.text()
	if p.err != nil {
		return records, damaged(p.err.Error(), "the record at position %d", at)
	}
	if !s.keep.wants(stream, name, storedRevision(value), at) {
		return records, nil
	}
	n := len(records)
	records = append(records, eventstore.Record{})
	if err := s.memory.decode(value, p, stream, name, &records[n]); err != nil {
		return records[:n], damaged(err.Error(), "the record at position %d", at)
	}
	if s.keep.command != uuid.Nil && records[n].Command != s.keep.command {
		return records[:n], nil
	}
	return records, nil
}

func (s *scan) iterate(prefix []byte, lo, hi uint64) (*pebble.Iterator, error) {
	lower, upper := span(prefix, lo, hi)
	it, err := s.log.db.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: upper})
	return it, s.log.damage(err)
}
