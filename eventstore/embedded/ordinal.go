package embedded

import (
	"encoding/binary"
	"errors"
	"sort"

	"parley/eventstore"
)

// Index is one of the log's indexes.
type Index byte

// The indexes number what they name: the first record of a kind, or of an event
// name, is 0.
const (
	ByKind Index = spaceKind
	ByName Index = spaceName
)

// Count tells how many records up to a position are of a kind or a name.
func (l *Log) Count(by Index, text string, until eventstore.Position) (uint64, error) {
	n, ok, err := l.ordinalFrom(by, text, until, true)
	if err != nil || !ok {
		return 0, err
	}
	return n.ordinal + 1, nil
}

// Find gives the position of the record of a kind or a name that has a number,
// and false when there is none yet. It takes some thirty look-ups.
func (l *Log) Find(by Index, text string, number uint64) (eventstore.Position, bool, error) {
	head, _ := l.tail.state()
	var failed error
	p := sort.Search(int(head)+1, func(p int) bool {
		n, ok, err := l.ordinalFrom(by, text, eventstore.Position(p), false)
		failed = errors.Join(failed, err)
		return !ok || n.ordinal >= number
	})
	if failed != nil {
		return 0, false, failed
	}
	n, ok, err := l.ordinalFrom(by, text, eventstore.Position(p), false)
	if err != nil || !ok || n.ordinal != number || n.position > head {
		return 0, false, err
	}
	return n.position, true, nil
}

type numbered struct {
	ordinal  uint64
	position eventstore.Position
}

// ordinalFrom reads the first index entry at or behind a position, or the last
// one at or before it.
func (l *Log) ordinalFrom(by Index, text string, p eventstore.Position, before bool) (n numbered, ok bool, err error) {
	l.reading.RLock()
	defer l.reading.RUnlock()
	if l.shut {
		return n, false, eventstore.ErrClosed
	}
	prefix := prefixKey(nil, byte(by), text)
	s := scan{log: l}
	lo, hi := uint64(p), uint64(1<<64-1)
	if before {
		lo, hi = 0, uint64(p)
	}
	it, err := s.iterate(prefix, lo, hi)
	if err != nil {
		return n, false, err
	}
	defer func() { err = errors.Join(err, l.damage(it.Close())) }()
	start := it.First
	if before {
		start = it.Last
	}
	if !start() {
		return n, false, l.damage(it.Error())
	}
	value, err := it.ValueAndErr()
	if err != nil {
		return n, false, l.damage(err)
	}
	place, good := below(it.Key(), len(prefix))
	ordinal, used := binary.Uvarint(value)
	if !good || used <= 0 {
		return n, false, damaged("it cannot be read", "the index entry %x", it.Key())
	}
	return numbered{ordinal, eventstore.Position(place)}, true, nil
}
