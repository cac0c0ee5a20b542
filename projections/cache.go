package projections

import (
	"hash/maphash"
	"slices"
	"strings"
	"time"
)

// Bounds of the rows of one table in memory, by estimate, in bytes: between two
// writes of what is served live, and of all tables together while they are
// built. While nothing had to be dropped from a table that was empty at first,
// no row is ever looked for in the database.
const (
	bytesKept  = 16 << 20
	bytesBuilt = 96 << 20
)

// loader reads rows from a database, by their key or by a lookup column.
type loader interface {
	load(query string, args []any, each func(values []any) error) error
	find(s *shape, query string, args []any, each func(values []any) error) error
}

// keeper is a cache of any row type, as the writer of a generation sees it.
type keeper interface {
	settle()                      // after each event
	write(w *writer) (int, error) // all changed rows
	clean()                       // they are written
	discard()                     // forget all that is not written
	changed() int                 // how many rows are to be written
	fresh()                       // the table is known to be empty
	weigh() int                   // about how many bytes of memory the rows take
	shed(keep int)                // drop rows that are written until about so many bytes are left
}

// entry is one row in memory, or the knowledge that there is none.
type entry[R any] struct {
	key     string
	row     R
	here    bool     // the row exists
	absent  bool     // the database is known to have no row of this key
	dirty   bool     // not as in the database
	queued  int      // its place among the dirty ones
	touched bool     // by the event at hand
	filed   []string // the lookup values that the row is filed under
	round   uint32   // the write before which it was used last

	stored  []uint64 // what the database's indexes hold of it; nil: not known, or no row
	storing []uint64 // the same once the write at hand is done
}

// cache keeps the rows of one table over its database, and files them by their
// lookup columns, so that what an event changed is found by the next one.
type cache[R any] struct {
	s        *shape
	rows     *Rows
	from     loader
	entries  map[string]*entry[R]
	files    []map[string]map[string]*entry[R] // by lookup: value, key
	full     []map[string]bool                 // by lookup: values all of whose rows are here
	dirty    []*entry[R]
	touched  []*entry[R]
	complete bool // every row of the database is here
	round    uint32
	weight   int // of one row, by estimate, in bytes

	updates map[uint64]updating // by mask; few masks ever come up
	seed    maphash.Seed
	args    []any
}

func newCache[R any](s *shape, r *Rows, from loader) *cache[R] {
	c := &cache[R]{s: s, rows: r, from: from, entries: map[string]*entry[R]{}, updates: map[uint64]updating{}, seed: maphash.MakeSeed()}
	for range s.lookups {
		c.files = append(c.files, map[string]map[string]*entry[R]{})
		c.full = append(c.full, map[string]bool{})
	}
	return c
}

// entry finds a key in memory, else in the database; nil when all rows are in
// memory and none has it, and when the database fails: what it did not tell is
// not known, and asked again.
func (c *cache[R]) entry(key string) *entry[R] {
	e := c.entries[key]
	if e == nil {
		if c.complete {
			return nil
		}
		e = &entry[R]{key: key}
		err := c.from.load(c.s.text.load, c.s.parts(key), func(values []any) error {
			e.here = true
			return c.s.decode(values, fieldsOf(&e.row))
		})
		if err != nil {
			c.rows.fail(err)
			return nil
		}
		e.absent = !e.here
		c.add(e)
	}
	e.round = c.round
	return e
}

func (c *cache[R]) add(e *entry[R]) {
	c.entries[e.key] = e
	e.round = c.round
	if e.here {
		c.file(e, fieldsOf(&e.row))
	}
}

func (c *cache[R]) touch(e *entry[R]) {
	if !e.touched {
		e.touched = true
		c.touched = append(c.touched, e)
	}
	if !e.dirty {
		e.dirty, e.queued = true, len(c.dirty)
		c.dirty = append(c.dirty, e)
	}
}

// forget drops what came and went between two writes: it was never in the
// database, and since all rows are in memory, its absence tells the same.
func (c *cache[R]) forget(e *entry[R]) {
	if !c.complete || !e.absent || !e.dirty {
		return
	}
	last := len(c.dirty) - 1
	c.dirty[e.queued] = c.dirty[last]
	c.dirty[e.queued].queued = e.queued
	c.dirty[last] = nil
	c.dirty = c.dirty[:last]
	e.dirty = false
	delete(c.entries, e.key)
}

func (c *cache[R]) look(key string) *R {
	if e := c.entry(key); e != nil && e.here {
		return &e.row
	}
	return nil
}

func (c *cache[R]) edit(key string) *R {
	e := c.entry(key)
	if e == nil || !e.here {
		return nil
	}
	c.touch(e)
	return &e.row
}

func (c *cache[R]) put(key string, row R) *R {
	e := c.entries[key]
	if e == nil { // whatever the database has is replaced: it need not be read
		e = &entry[R]{key: key, absent: c.complete}
		c.entries[key] = e
	}
	e.round = c.round
	e.row, e.here = row, true
	c.touch(e)
	return &e.row
}

func (c *cache[R]) drop(key string) {
	e := c.entry(key)
	if e != nil && e.here {
		var none R
		e.row, e.here = none, false
		c.touch(e)
	}
}

func (c *cache[R]) where(lookup int, value string) []*R {
	c.settle() // the event at hand may have changed the column
	if !c.complete && !c.full[lookup][value] {
		c.fill(lookup, value)
	}
	found := make([]*entry[R], 0, len(c.files[lookup][value]))
	for _, e := range c.files[lookup][value] {
		found = append(found, e)
	}
	slices.SortFunc(found, func(a, b *entry[R]) int { return strings.Compare(a.key, b.key) })
	out := make([]*R, len(found))
	for i, e := range found {
		e.round = c.round
		c.touch(e)
		out[i] = &e.row
	}
	return out
}

// fill reads the rows of a lookup value that are not in memory yet.
func (c *cache[R]) fill(lookup int, value string) {
	ordinal := c.s.lookups[lookup]
	err := c.from.find(c.s, c.s.text.find[lookup], []any{c.s.argument(ordinal, value)}, func(values []any) error {
		e := &entry[R]{here: true}
		row := fieldsOf(&e.row)
		if err := c.s.decode(values, row); err != nil {
			return err
		}
		if e.key = c.s.keyOf(row); c.entries[e.key] == nil {
			c.add(e)
		}
		return nil
	})
	if err != nil {
		c.rows.fail(err)
		return
	}
	c.full[lookup][value] = true
}

// settle brings what the event touched in order: times as the database gives
// them back, and files by what the lookup columns say now.
func (c *cache[R]) settle() {
	for _, e := range c.touched {
		e.touched = false
		row := fieldsOf(&e.row)
		if !e.here {
			c.unfile(e)
			c.forget(e)
			continue
		}
		for _, m := range c.s.moments {
			t := field[time.Time](row, &c.s.columns[m])
			*t = moment(*t)
		}
		for _, l := range c.s.slices {
			v := field[[]struct{}](row, &c.s.columns[l])
			*v = slices.Clip(*v) // an append never writes into what an event shares with other rows
		}
		if !c.s.carries(row, e.key) {
			c.rows.blame(&keyChanged{c.s.name, e.key, c.s.keyOf(row)})
		}
		c.file(e, row)
	}
	c.touched = c.touched[:0]
}

func (c *cache[R]) file(e *entry[R], row fields) {
	if len(c.s.lookups) == 0 {
		return
	}
	if e.filed == nil {
		e.filed = make([]string, len(c.s.lookups))
	}
	for i, l := range c.s.lookups {
		value := c.s.columns[l].text(row)
		if value == e.filed[i] {
			continue
		}
		c.leave(i, e)
		if e.filed[i] = value; value != "" {
			m := c.files[i][value]
			if m == nil {
				m = map[string]*entry[R]{}
				c.files[i][value] = m
			}
			m[e.key] = e
		}
	}
}

func (c *cache[R]) unfile(e *entry[R]) {
	for i := range e.filed {
		c.leave(i, e)
		e.filed[i] = ""
	}
}

func (c *cache[R]) leave(lookup int, e *entry[R]) {
	old := e.filed[lookup]
	if old == "" {
		return
	}
	m := c.files[lookup][old]
	if delete(m, e.key); len(m) == 0 {
		delete(c.files[lookup], old)
	}
}

func (c *cache[R]) changed() int { return len(c.dirty) }
func (c *cache[R]) fresh()       { c.complete = true }
