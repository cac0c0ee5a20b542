package embedded

import (
	"encoding/binary"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"github.com/google/uuid"

	"parley/eventstore"
)

// The commands on record, as a Bloom filter: nearly every command asked for is
// new, and the filter knows that without looking into Pebble, where the latest
// keys lie in memtables that have no filters. It grows by layers of so many
// commands, 6 MiB each, up to 16; a log with more commands is asked itself.
const (
	layerCommands = 1 << 22
	layerBlocks   = layerCommands * 12 / 512 // of 512 bits: one line of a processor's cache
	layerProbes   = 6
	layersMost    = 16
)

// learnAfter is how many commands Pebble is asked for before the filter is
// filled in: a server that has little to do reads and keeps nothing for it.
const learnAfter = 5_000

// commands may be asked by many goroutines; one at a time adds to what is new,
// and one fills in what was on record before.
type commands struct {
	whole  atomic.Bool   // all that is on record is in it
	asked  atomic.Uint64 // how often it could not answer because it was not
	mu     sync.RWMutex
	layers []*layer
	full   bool // there were more commands than it takes
}

type layer struct {
	words [layerBlocks * 8]atomic.Uint64
	n     int // commands added; under the lock
}

// places gives a command's block, and the numbers that its bits are made of:
// its id is a hash, or random, already.
func places(c uuid.UUID) (block uint64, bits uint64) {
	a, b := binary.LittleEndian.Uint64(c[:8]), binary.LittleEndian.Uint64(c[8:])
	return (a ^ b>>17) * 0x9e3779b97f4a7c15 % layerBlocks, (a>>7 ^ b) * 0xbf58476d1ce4e5b9
}

// probe gives the word and the bit of the i-th probe.
func probe(block, bits uint64, i int) (word uint64, bit uint64) {
	at := bits >> (10 * i) & 511
	return block*8 + at>>6, 1 << (at & 63)
}

func (l *layer) has(block, bits uint64) bool {
	for i := range layerProbes {
		word, bit := probe(block, bits, i)
		if l.words[word].Load()&bit == 0 {
			return false
		}
	}
	return true
}

// new tells that a command is surely not on record; false says nothing.
func (c *commands) new(command uuid.UUID) bool {
	if !c.whole.Load() {
		return false
	}
	block, bits := places(command)
	c.mu.RLock()
	defer c.mu.RUnlock()
	for _, l := range c.layers {
		if l.has(block, bits) {
			return false
		}
	}
	return true
}

// add takes in a command before it is on record.
func (c *commands) add(command uuid.UUID) {
	block, bits := places(command)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.full {
		return
	}
	if n := len(c.layers); n == 0 || c.layers[n-1].n == layerCommands {
		if n == layersMost {
			c.full, c.layers = true, nil
			c.whole.Store(false)
			return
		}
		c.layers = append(c.layers, &layer{})
	}
	last := c.layers[len(c.layers)-1]
	for i := range layerProbes {
		word, bit := probe(block, bits, i)
		last.words[word].Or(bit)
	}
	last.n++
}

// commandsAtOnce is how many keys are read before others may have their turn.
const commandsAtOnce = 10_000

// learnCommands fills in what was on record before.
func (l *Log) learnCommands() {
	from := []byte{spaceCommand}
	for from != nil {
		select {
		case <-l.closing:
			return
		default:
		}
		var err error
		if from, err = l.learnSome(from); err != nil {
			return // Pebble answers, and tells what is wrong with it
		}
	}
	l.commands.mu.Lock()
	defer l.commands.mu.Unlock()
	l.commands.whole.Store(!l.commands.full)
}

// learnSome takes in the commands of some keys, and gives the next key; nil at
// the end.
func (l *Log) learnSome(from []byte) (next []byte, err error) {
	l.reading.RLock()
	defer l.reading.RUnlock()
	if l.shut {
		return nil, eventstore.ErrClosed
	}
	it, err := l.db.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: []byte{spaceCommand + 1}})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	n := 0
	for ok := it.First(); ok; ok = it.Next() {
		if n++; n > commandsAtOnce {
			return append(next, it.Key()...), nil
		}
		if key := it.Key(); len(key) == commandMark {
			l.commands.add(uuid.UUID(key[1:]))
		}
	}
	return nil, it.Error()
}
