package projections

import (
	"slices"
)

// The plain fold is a second, independent way from events to rows: maps of
// encoded rows, decoded for every event that touches them, without SQL,
// without a cache and without batches. It is slow and easy to believe; the
// drift check and the tests hold the database against it.

// judge is the plain rows of one table of any row type.
type judge interface {
	weigh() error              // whether all that the event changed can be kept
	keep()                     // keep what it changed
	forget()                   // it failed: forget what it changed
	encoded() map[string][]any // all rows
}

// plain keeps one table for the plain fold.
type plain[R any] struct {
	s       *shape
	rows    *Rows
	all     map[string][]any                 // the rows, encoded
	filed   []map[string]map[string]struct{} // by lookup: value, keys
	changed map[string]*R                    // by the event at hand; nil: deleted
	next    map[string][]any                 // the same, encoded
}

func newPlain[R any](s *shape, r *Rows) *plain[R] {
	p := &plain[R]{s: s, rows: r, all: map[string][]any{}, changed: map[string]*R{}, next: map[string][]any{}}
	for range s.lookups {
		p.filed = append(p.filed, map[string]map[string]struct{}{})
	}
	return p
}

func (p *plain[R]) edit(key string) *R {
	if row, ok := p.changed[key]; ok {
		return row
	}
	values, ok := p.all[key]
	if !ok {
		return nil
	}
	row := new(R)
	if err := p.s.decode(values, fieldsOf(row)); err != nil {
		p.rows.blame(err)
	}
	p.changed[key] = row
	return row
}

func (p *plain[R]) look(key string) *R { return p.edit(key) }

func (p *plain[R]) put(key string, row R) *R {
	p.changed[key] = &row
	return &row
}

func (p *plain[R]) drop(key string) {
	if p.edit(key) != nil {
		p.changed[key] = nil
	}
}

func (p *plain[R]) where(lookup int, value string) []*R {
	c := &p.s.columns[p.s.lookups[lookup]]
	keys := map[string]struct{}{}
	for key := range p.filed[lookup][value] {
		if _, ok := p.changed[key]; !ok {
			keys[key] = struct{}{}
		}
	}
	for key, row := range p.changed {
		if row != nil && c.text(fieldsOf(row)) == value {
			keys[key] = struct{}{}
		}
	}
	sorted := make([]string, 0, len(keys))
	for key := range keys {
		sorted = append(sorted, key)
	}
	slices.Sort(sorted)
	out := make([]*R, len(sorted))
	for i, key := range sorted {
		out[i] = p.edit(key)
	}
	return out
}

func (p *plain[R]) weigh() error {
	clear(p.next)
	for key, row := range p.changed {
		if row == nil {
			p.next[key] = nil
			continue
		}
		v := fieldsOf(row)
		if carried := p.s.keyOf(v); carried != key {
			return &keyChanged{p.s.name, key, carried}
		}
		values, err := p.s.encodeAnew(v, p.all[key])
		if err != nil {
			return err
		}
		p.next[key] = values
	}
	return nil
}

func (p *plain[R]) keep() {
	for key, values := range p.next {
		p.file(key, p.all[key], values)
		if values == nil {
			delete(p.all, key)
		} else {
			p.all[key] = values
		}
	}
	clear(p.changed)
}

// file puts a row under its lookup values, and takes it away from those it had
// before; nil is no row.
func (p *plain[R]) file(key string, before, values []any) {
	for i, l := range p.s.lookups {
		if before != nil && values != nil && before[l] == values[l] {
			continue
		}
		if before != nil {
			former := plainText(before[l])
			if delete(p.filed[i][former], key); len(p.filed[i][former]) == 0 {
				delete(p.filed[i], former)
			}
		}
		if values == nil {
			continue
		}
		value := plainText(values[l])
		if p.filed[i][value] == nil {
			p.filed[i][value] = map[string]struct{}{}
		}
		p.filed[i][value][key] = struct{}{}
	}
}

func (p *plain[R]) forget()                   { clear(p.changed) }
func (p *plain[R]) encoded() map[string][]any { return p.all }
