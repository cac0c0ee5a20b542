package embedded

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/maphash"

	"github.com/cockroachdb/pebble/v2"
	"github.com/google/uuid"

	"parley/eventstore"
)

// learnAfter is how often Pebble is asked for a command or a stream before the
// filters are filled in: a server that has little to do reads nothing for them.
const learnAfter = 5_000

// learnAtOnce is how many keys are read before others may have their turn.
const learnAtOnce = 10_000

// The streams' names are hashed twice, each time with a seed of this process.
var streamSeeds = [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}

// streamID stands for a stream in the filter.
func streamID(stream string) (id uuid.UUID) {
	binary.LittleEndian.PutUint64(id[:8], maphash.String(streamSeeds[0], stream))
	binary.LittleEndian.PutUint64(id[8:], maphash.String(streamSeeds[1], stream))
	return id
}

// isNewStream tells that a stream surely has no record; false says nothing.
func (l *Log) isNewStream(stream string) bool {
	if l.streams.new(streamID(stream)) {
		return true
	}
	l.unsure()
	return false
}

// unsure notes that a filter could not answer: often enough, and they are filled in.
func (l *Log) unsure() {
	if !(l.commands.whole.Load() && l.streams.whole.Load()) && l.asked.Add(1) == l.learnAfter {
		go l.learn()
	}
}

// learn fills in what was on record before.
func (l *Log) learn() {
	if l.commands.learns() && l.learnAll(spaceCommand, l.learnCommands) {
		l.commands.complete()
	}
	if l.streams.learns() && l.learnAll(spaceStream, l.learnStreams) {
		l.streams.complete()
	}
}

// learnAll goes through a key space; false when it was cut off. Pebble answers
// then, and tells what is wrong with it.
func (l *Log) learnAll(space byte, some func(*pebble.Iterator) []byte) bool {
	for from := []byte{space}; from != nil; {
		select {
		case <-l.closing:
			return false
		default:
		}
		var err error
		if from, err = l.learnSome(from, []byte{space + 1}, some); err != nil {
			return false
		}
	}
	return true
}

// learnSome lets a function go through some keys, and gives where it is to go on;
// nil at the end.
func (l *Log) learnSome(from, upper []byte, some func(*pebble.Iterator) []byte) (next []byte, err error) {
	l.reading.RLock()
	defer l.reading.RUnlock()
	if l.shut {
		return nil, eventstore.ErrClosed
	}
	it, err := l.db.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: upper})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	next = some(it)
	return next, it.Error()
}

// learnCommands takes in the commands of some keys.
func (l *Log) learnCommands(it *pebble.Iterator) []byte {
	n := 0
	for ok := it.First(); ok; ok = it.Next() {
		if n++; n > learnAtOnce {
			return bytes.Clone(it.Key())
		}
		if key := it.Key(); len(key) == commandMark {
			l.commands.add(uuid.UUID(key[1:]))
		}
	}
	return nil
}

// learnStreams takes in some streams. Any of a stream's records will do, so that
// one whose first is lost is known as well; the others are stepped over.
func (l *Log) learnStreams(it *pebble.Iterator) []byte {
	n := 0
	for ok := it.First(); ok; {
		if n++; n > learnAtOnce/10 { // a leap costs more than a step
			return bytes.Clone(it.Key())
		}
		end := bytes.IndexByte(it.Key()[1:], 0) + 1 // the name's
		if end == 0 {
			ok = it.Next() // no stream's key: whoever reads there is told
			continue
		}
		l.streams.add(streamID(string(it.Key()[1:end])))
		after := bytes.Clone(it.Key()[:end+1])
		after[end] = 1
		ok = it.SeekGE(after)
	}
	return nil
}
