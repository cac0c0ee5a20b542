package embedded

import (
	"encoding/binary"
	"sync"
	"sync/atomic"

	"github.com/google/uuid"
)

// What is on record, as a Bloom filter: nearly every command and many a stream
// that is asked for are new, and the filter knows that without looking into
// Pebble, where the latest keys lie in memtables that have no filters. It grows
// by layers of so many, 6 MiB each, up to 16; of a log with more, Pebble is asked.
const (
	layerHolds  = 1 << 22
	layerBlocks = layerHolds * 12 / 512 // of 512 bits: one line of a processor's cache
	layerProbes = 6
	layersMost  = 16
)

// bloomFilter may be asked by many goroutines; one at a time adds to what is new,
// and one fills in what was on record before.
type bloomFilter struct {
	whole  atomic.Bool // all that is on record is in it
	mu     sync.RWMutex
	layers []*layer
	full   bool // there was more than it takes
}

type layer struct {
	words [layerBlocks * 8]atomic.Uint64
	n     int // added; under the lock
}

// places gives the block of an id, and the numbers that its bits are made of: it
// is a hash, or random, already.
func places(id uuid.UUID) (block uint64, bits uint64) {
	a, b := binary.LittleEndian.Uint64(id[:8]), binary.LittleEndian.Uint64(id[8:])
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

// new tells that an id is surely not on record; false says nothing.
func (f *bloomFilter) new(id uuid.UUID) bool {
	if !f.whole.Load() {
		return false
	}
	block, bits := places(id)
	f.mu.RLock()
	defer f.mu.RUnlock()
	if f.full { // since it was looked at
		return false
	}
	for _, l := range f.layers {
		if l.has(block, bits) {
			return false
		}
	}
	return true
}

// add takes in an id before it is on record.
func (f *bloomFilter) add(id uuid.UUID) {
	block, bits := places(id)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.full {
		return
	}
	if n := len(f.layers); n == 0 || f.layers[n-1].n == layerHolds {
		if n == layersMost {
			f.full, f.layers = true, nil
			f.whole.Store(false)
			return
		}
		f.layers = append(f.layers, &layer{})
	}
	last := f.layers[len(f.layers)-1]
	for i := range layerProbes {
		word, bit := probe(block, bits, i)
		last.words[word].Or(bit)
	}
	last.n++
}

// complete notes that all that was on record before is in it.
func (f *bloomFilter) complete() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.whole.Store(!f.full)
}

// learns tells whether what was on record before is still to be filled in.
func (f *bloomFilter) learns() bool {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return !f.full && !f.whole.Load()
}
