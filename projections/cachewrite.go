package projections

import (
	"cmp"
	"hash/maphash"
	"math"
	"slices"
	"unsafe"
)

// rowsAtOnce is how many rows one statement writes.
const rowsAtOnce = 16

// write writes every changed row once, in order of the keys: neighbours in the
// tree are written together.
func (c *cache[R]) write(w *writer) (int, error) {
	slices.SortFunc(c.dirty, func(a, b *entry[R]) int { return cmp.Compare(a.key, b.key) })
	for i, e := range c.dirty {
		e.queued = i
	}
	var args []any
	rows := 0
	for i, e := range c.dirty {
		if w.pace != nil && i%256 == 255 {
			w.pace()
		}
		if !e.here {
			if e.absent {
				continue
			}
			if err := w.exec(c.s.text.remove, c.s.parts(e.key)); err != nil {
				return 0, err
			}
			continue
		}
		var err error
		before := len(args)
		if args, err = c.s.encode(fieldsOf(&e.row), args); err != nil {
			return 0, err
		}
		done, err := c.update(w, e, args[before:])
		if err != nil {
			return 0, err
		}
		if done {
			args = args[:before]
			continue
		}
		if rows++; rows == rowsAtOnce {
			if err := w.exec(c.s.text.upsertMany, args); err != nil {
				return 0, err
			}
			args, rows = args[:0], 0
		}
	}
	for ; rows > 0; rows-- { // what is left, one by one: few statements are kept prepared
		n := len(c.s.columns)
		if err := w.exec(c.s.text.upsert, args[:n]); err != nil {
			return 0, err
		}
		args = args[n:]
	}
	return len(c.dirty), nil
}

// update writes a row that the database has in a way that leaves those indexes
// alone in which nothing changed; false when the row must be written whole.
func (c *cache[R]) update(w *writer, e *entry[R], values []any) (bool, error) {
	if len(c.s.indexed) == 0 || w.building {
		return false, nil // there are none, or they are made at the end
	}
	mask := uint64(0)
	e.storing = e.storing[:0]
	for i, o := range c.s.indexed {
		sum := c.sum(values[o])
		e.storing = append(e.storing, sum)
		if e.stored != nil && e.stored[i] != sum {
			mask |= 1 << i
		}
	}
	if e.stored == nil {
		return false, nil
	}
	how, ok := c.updates[mask]
	if !ok {
		how = c.s.update(mask)
		c.updates[mask] = how
	}
	c.args = c.args[:0]
	for _, i := range how.ordinals {
		c.args = append(c.args, values[i])
	}
	changed, err := w.count(how.text, c.args)
	return changed == 1, err
}

// sum stands for a value in an index: a number is itself, a text its hash of
// this process.
func (c *cache[R]) sum(value any) uint64 {
	switch v := value.(type) {
	case int64:
		return uint64(v)
	case string:
		return maphash.String(c.seed, v)
	case float64:
		return math.Float64bits(v)
	}
	return 0
}

// clean tells the rows that they are written, and drops those not used for
// longest when there are too many.
func (c *cache[R]) clean() {
	for _, e := range c.dirty {
		e.dirty, e.absent = false, !e.here
		if !e.here && c.complete {
			delete(c.entries, e.key)
		}
		if e.stored, e.storing = e.storing, nil; !e.here || len(e.stored) == 0 {
			e.stored = nil
		}
	}
	clear(c.dirty)
	c.dirty = c.dirty[:0]
	c.round++
	if c.weigh() > bytesKept && !c.rows.building {
		c.shed(bytesKept / 2)
	}
}

// weigh estimates the memory of the rows by a few of those that changed. While
// a generation is built it is the clock as well, by which rows grow old.
func (c *cache[R]) weigh() int {
	const sampled = 4
	n := len(c.dirty)
	if c.rows.building {
		c.round++
	}
	for i := range min(sampled, n) {
		e := c.dirty[n-1-i*(n/sampled)]
		w := int(unsafe.Sizeof(*e)) + 2*len(e.key) + 64 // what the maps take beside it
		for j := range c.s.columns {
			w += c.s.columns[j].weigh(fieldsOf(&e.row))
		}
		if c.weight == 0 {
			c.weight = w
		}
		c.weight += (w - c.weight) / 16
	}
	return len(c.entries) * c.weight
}

// shed drops rows that are written until about so many bytes are left.
func (c *cache[R]) shed(keep int) {
	if c.weigh() > keep {
		c.shrink(keep / max(c.weight, 1))
	}
}

// shrink drops rows until so many are in memory, those not used for longest
// first. It never changes what a fold sees, only from where.
func (c *cache[R]) shrink(keep int) {
	c.forgetWhole()
	for _, old := range []uint32{512, 64, 8, 0} {
		for key, e := range c.entries {
			if len(c.entries) <= keep {
				return
			}
			if c.round-e.round > old && !e.dirty {
				c.unfile(e)
				delete(c.entries, key)
			}
		}
	}
}

// discard forgets all that is not written, after a fault: it is read again.
func (c *cache[R]) discard() {
	c.forgetWhole()
	for _, e := range c.dirty {
		c.unfile(e)
		delete(c.entries, e.key)
	}
	clear(c.dirty)
	clear(c.touched)
	c.dirty, c.touched = c.dirty[:0], c.touched[:0]
}

// forgetWhole takes back that whole values, or all rows, are in memory.
func (c *cache[R]) forgetWhole() {
	c.complete = false
	for i := range c.full {
		clear(c.full[i])
	}
}

// keyChanged is the fault of a fold that changed a key in place.
type keyChanged struct{ table, from, to string }

func (e *keyChanged) Error() string {
	return "table " + e.table + ": the fold changed the key " + e.from + " to " + e.to + " in place: delete the row and put another"
}
