package embedded

import (
	"errors"
	"math"
	"slices"
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
	if !nameable(text) {
		return 0, nil
	}
	return l.rank(prefixKey(nil, byte(by), text), uint64(until))
}

func (l *Log) rank(prefix []byte, until uint64) (uint64, error) {
	n, ok, err := l.ordinalFrom(prefix, until, true)
	if err != nil || !ok {
		return 0, err
	}
	return n.ordinal + 1, nil
}

// Find gives the position of the record of a kind or a name that has a number,
// and false when there is none yet. It takes some thirty look-ups.
func (l *Log) Find(by Index, text string, number uint64) (eventstore.Position, bool, error) {
	if !nameable(text) {
		return 0, false, nil
	}
	head, _ := l.tail.state()
	prefix := prefixKey(nil, byte(by), text)
	var failed error
	p := sort.Search(int(head)+1, func(p int) bool {
		n, ok, err := l.ordinalFrom(prefix, uint64(p), false)
		failed = errors.Join(failed, err)
		return !ok || n.ordinal >= number
	})
	if failed != nil {
		return 0, false, failed
	}
	n, ok, err := l.ordinalFrom(prefix, uint64(p), false)
	if err != nil || !ok || n.ordinal != number || n.position > head {
		return 0, false, err
	}
	return n.position, true, nil
}

type numbered struct {
	ordinal  uint64
	position eventstore.Position
}

// ordinalFrom finds the first position of an index at or behind one, or the last
// one at or before it.
func (l *Log) ordinalFrom(prefix []byte, p uint64, before bool) (n numbered, ok bool, err error) {
	l.reading.RLock()
	defer l.reading.RUnlock()
	if l.shut {
		return n, false, eventstore.ErrClosed
	}
	c := cursor{backwards: before}
	s := scan{log: l, backwards: before, lo: p, hi: math.MaxUint64}
	if before {
		s.lo, s.hi = 0, p
	}
	err = c.open(&s, prefix)
	if c.it != nil {
		defer func() { err = errors.Join(err, l.damage(c.it.Close())) }()
	}
	if err != nil || !c.ok {
		return n, false, l.damage(err)
	}
	place, _ := slices.BinarySearch(c.entry.run, c.at)
	return numbered{c.entry.ordinal - uint64(len(c.entry.run)-1-place), eventstore.Position(c.at)}, true, nil
}
