package embedded

import (
	"context"
	"encoding/binary"
	"errors"
	"hash/maphash"
	"runtime"

	"golang.org/x/sync/errgroup"
)

// errDiffer ends a reading that is not to name what is wrong.
var errDiffer = errors.New("the spaces of the log differ")

// agree tells whether the log is whole, without saying what is wrong when it is
// not. Looking up what belongs to each record costs many times what it costs to
// read each space through in its own order. So each space is read for itself,
// several at a time; what the records say that the other spaces must hold is added
// up, as a hash of each thing, and so is what those hold: whatever the order, the
// sums are the same when the things are. The hashes begin with a number that was
// drawn for this check, so that damage which leaves a sum as it was is one chance in
// 2^64, whatever it is.
func (c *check) agree(ctx context.Context) (bool, error) {
	seed := maphash.MakeSeed()
	walk := func(progress func(done, total uint64)) *check {
		w := newCheck(c.log, c.snap, c.head, progress)
		w.adding, w.seed = true, seed
		return w
	}
	none := func(uint64, uint64) {}
	records, streams := walk(c.progress), walk(none)
	g, inner := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	read := func(space func() error) {
		g.Go(func() (err error) {
			defer func() {
				if recover() != nil { // Pebble panics on some damage: the next reading meets it where the caller is
					err = errDiffer
				}
			}()
			return space()
		})
	}
	read(func() error { return records.positions(inner) })
	read(func() error { return streams.streams(inner) })
	held := map[byte]*check{spaceStream: streams}
	for _, space := range []byte{spaceKind, spaceName, spaceCommand} {
		index := walk(none)
		held[space] = index
		read(func() error { return index.index(inner, space) })
	}
	marks := walk(none)
	read(func() error { return marks.marks(inner) })
	if err := g.Wait(); errors.Is(err, errDiffer) && ctx.Err() == nil {
		return false, nil
	} else if err != nil {
		return false, err
	}
	for space, holds := range held {
		if holds.says[space] != records.says[space] {
			return false, nil
		}
	}
	c.report.Streams, c.report.Marks = streams.report.Streams, marks.report.Marks
	return true, nil
}

// add adds up that something lies at a key of a space.
func (c *check) add(space byte, key, value []byte) {
	var h maphash.Hash
	h.SetSeed(c.seed)
	_, _ = h.Write(key) // it never fails
	_, _ = h.Write(value)
	c.says[space] += h.Sum64()
}

// addNamed adds up that an index names a position.
func (c *check) addNamed(space byte, prefix []byte, position uint64) {
	var number [8]byte
	binary.BigEndian.PutUint64(number[:], position)
	c.add(space, prefix, number[:])
}
