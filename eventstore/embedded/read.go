package embedded

import (
	"context"
	"errors"
	"iter"
	"math"
	"strings"

	"github.com/cockroachdb/pebble/v2"
	"github.com/google/uuid"

	"parley/eventstore"
)

// A chunk is what is read at once: nothing of Pebble stays open while the
// reader does his work, so a slow reader holds up neither Close nor the
// clearing of old files.
const (
	chunkRecords = 512
	firstRecords = 32 // that the first has room for: most streams are short
	chunkBytes   = 1 << 20
)

// Read yields what a query asks, as of the head when reading begins.
func (l *Log) Read(ctx context.Context, q eventstore.Query) iter.Seq2[eventstore.Record, error] {
	return func(yield func(eventstore.Record, error) bool) {
		head, _ := l.tail.state()
		s, err := l.scan(q, head)
		if err == nil {
			s.reuse = true // what is yielded is a copy
		}
		if err == nil && s.memory != nil {
			s.memory.lent = q.Lend
		}
		for left := q.Limit; err == nil; {
			if err = ctx.Err(); err != nil {
				break
			}
			var records []eventstore.Record
			records, err = s.chunk(most(left))
			for i := range records {
				if !yield(records[i], nil) || left == 1 {
					return
				}
				left--
			}
			if err == nil && s.done {
				return
			}
		}
		yield(eventstore.Record{}, err)
	}
}

// most is how many records the next chunk may hold.
func most(left int) int {
	if left > 0 && left < chunkRecords {
		return left
	}
	return chunkRecords
}

// scan is a query on its way: where it reads, how far it is, and what it keeps.
type scan struct {
	log       *Log
	source    func(s *scan, max int) ([]eventstore.Record, error)
	stream    string
	prefixes  [][]byte // of the indexes to merge
	lo, hi    uint64   // what is left: revisions of a stream, else positions
	backwards bool
	done      bool
	exact     bool // the next one must be there; a stream's end is not known when it is read backwards
	head      eventstore.Position
	keep      filter
	full      bool // the last chunk held about as much as it could
	memory    *memory
	reuse     bool                // the records of the last chunk are done with
	last      []eventstore.Record // their room
}

// scan finds the way to read a query.
func (l *Log) scan(q eventstore.Query, head eventstore.Position) (*scan, error) {
	if !nameable(q.Stream) {
		return &scan{log: l, done: true}, nil
	}
	s := &scan{log: l, backwards: q.Backwards, head: head, exact: true, keep: newFilter(q)}
	s.lo, s.hi = uint64(q.After)+1, uint64(head)
	if q.Until != 0 {
		s.hi = min(s.hi, uint64(q.Until))
	}
	if uint64(q.After) >= s.hi {
		s.done = true
		return s, nil
	}
	switch {
	case q.Command != uuid.Nil:
		if known, err := l.knows(q.Command); err != nil || !known {
			s.done = true
			return s, err
		}
		s.source, s.memory = (*scan).byIndex, newMemory(fewTexts)
		s.prefixes = [][]byte{commandPrefix(nil, q.Command)}
	case q.Stream != "":
		if l.isNewStream(q.Stream) {
			s.done = true
			return s, nil
		}
		s.source, s.memory = (*scan).byStream, newMemory(fewTexts)
		s.stream = q.Stream
		s.keep.stream = ""
		s.lo, s.hi = revisions(q)
		s.exact = !q.Backwards
	case len(q.Names) > 0 || len(q.Kinds) > 0:
		s.memory = newMemory(manyTexts)
		return s, s.byNamesOrKinds()
	default:
		s.source, s.memory = (*scan).byPosition, newMemory(manyTexts)
	}
	return s, nil
}

// nameable tells whether a stream, a kind or an event may have a name: none has a
// zero byte, and with one its keys would look like another's.
func nameable(text string) bool { return strings.IndexByte(text, 0) < 0 }

// knows tells whether a command has any records.
func (l *Log) knows(command uuid.UUID) (bool, error) {
	if l.commands.new(command) {
		return false, nil
	}
	l.unsure()
	l.reading.RLock()
	defer l.reading.RUnlock()
	if l.shut {
		return false, eventstore.ErrClosed
	}
	var key [17]byte
	_, closer, err := l.db.Get(commandPrefix(key[:0], command))
	if errors.Is(err, pebble.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, l.damage(err)
	}
	return true, closer.Close()
}

// revisions are those of a stream that a query may want.
func revisions(q eventstore.Query) (lo, hi uint64) {
	if !q.Backwards {
		return uint64(max(q.From, 0)), math.MaxInt64
	}
	if q.From < 0 {
		return 0, math.MaxInt64
	}
	return 0, uint64(q.From)
}

// byNamesOrKinds reads through the index unless the index names so much that
// reading all is less work.
func (s *scan) byNamesOrKinds() error {
	space, texts := byte(spaceName), s.keep.names
	if len(texts) == 0 {
		space, texts = spaceKind, s.keep.kinds
	}
	s.source = (*scan).byPosition
	if len(texts) > 64 {
		return nil
	}
	for text := range texts {
		if nameable(text) {
			s.prefixes = append(s.prefixes, prefixKey(nil, space, text))
		}
	}
	if s.hi-s.lo < chunkRecords {
		return nil
	}
	matches, err := s.count()
	if err == nil && matches < (s.hi-s.lo)/4 {
		s.source = (*scan).byIndex
	}
	return err
}

// chunk reads the next records; done is set when there are no more. An empty
// chunk is not the end.
func (s *scan) chunk(limit int) ([]eventstore.Record, error) {
	if s.done {
		return nil, nil
	}
	s.log.reading.RLock()
	defer s.log.reading.RUnlock()
	if s.log.shut {
		return nil, eventstore.ErrClosed
	}
	s.memory.again()
	return s.source(s, limit)
}

// passed moves the scan beyond n; the last one ends it.
func (s *scan) passed(n uint64) {
	switch {
	case s.backwards && n <= s.lo, !s.backwards && n >= s.hi:
		s.done = true
	case s.backwards:
		s.hi = n - 1
	default:
		s.lo = n + 1
	}
}

// filter keeps the records that a query or a follower asks for.
type filter struct {
	stream       string
	from         eventstore.Revision
	backwards    bool
	after, until eventstore.Position
	kinds, names map[string]struct{}
	command      uuid.UUID
}

func newFilter(q eventstore.Query) filter {
	f := filter{
		stream: q.Stream, from: q.From, backwards: q.Backwards, after: q.After, until: q.Until,
		kinds: set(q.Kinds), names: set(q.Names), command: q.Command,
	}
	if f.until == 0 {
		f.until = math.MaxUint64
	}
	return f
}

func set(texts []string) map[string]struct{} {
	if len(texts) == 0 {
		return nil
	}
	m := make(map[string]struct{}, len(texts))
	for _, t := range texts {
		m[t] = struct{}{}
	}
	return m
}

// wants tells whether a record is asked for, from what is known of it without
// decoding all of it.
func (f *filter) wants(stream, name []byte, rev eventstore.Revision, p eventstore.Position) bool {
	if p <= f.after || p > f.until {
		return false
	}
	if f.names != nil {
		if _, ok := f.names[string(name)]; !ok {
			return false
		}
	}
	if f.kinds != nil {
		if _, ok := f.kinds[string(kindOf(stream))]; !ok {
			return false
		}
	}
	if f.stream == "" {
		return true
	}
	if f.backwards && f.from >= 0 && rev > f.from || !f.backwards && rev < f.from {
		return false
	}
	return f.stream == string(stream)
}

func kindOf(stream []byte) []byte {
	for i, c := range stream {
		if c == '-' {
			return stream[:i]
		}
	}
	return stream
}
