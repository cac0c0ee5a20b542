package projections

import "reflect"

// Table is one table of a projection; its rows are of the Go type R. A field
// is a column, named in snake case unless its tag says otherwise:
//
//	ID      string          `row:",key"`      // part of the key
//	Visitor string          `row:",index"`    // a fold may find rows by it
//	Owner   string          `row:",subject"`  // whose Personal text the row holds
//	Title   domain.Personal                   // stays sealed
//	Since   time.Time                         // microseconds UTC; 0 is the zero time
//	Skills  []string                          // slices, maps and structs as JSON text
//	Cached  int             `row:"-"`         // no column: for answers, never used by a fold
//
// A table is made once, in a package variable, and never changes.
type Table[R any] struct{ s *shape }

// AnyTable is a table of any row type.
type AnyTable interface {
	shape() *shape
	// Name is the table's name in SQL.
	Name() string
	// Subject is the column that names whose personal text a row holds; empty without any.
	Subject() string
	live(r *Rows, from loader) keeper
	plain(r *Rows) judge
}

// NewTable declares a table. Further indexes, for queries, are given as SQL
// has them between the brackets: "queue, since DESC". A wrong declaration is
// told when a runner opens.
func NewTable[R any](name string, indexes ...string) *Table[R] {
	return &Table[R]{newShape(name, reflect.TypeFor[R](), indexes)}
}

func (t *Table[R]) shape() *shape   { return t.s }
func (t *Table[R]) Name() string    { return t.s.name }
func (t *Table[R]) Subject() string { return t.s.subject }

func (t *Table[R]) live(r *Rows, from loader) keeper { return newCache[R](t.s, r, from) }
func (t *Table[R]) plain(r *Rows) judge              { return newPlain[R](t.s, r) }

// Get gives the row of a key to read and to change in place, or nil without
// one. What is changed is kept; so use Peek where nothing changes.
func (t *Table[R]) Get(r *Rows, key ...any) *R {
	if s, k, ok := t.open(r, key); ok {
		return s.edit(k)
	}
	return nil
}

// Make gives the row of a key to change in place, and makes one that holds
// only the key when there is none.
func (t *Table[R]) Make(r *Rows, key ...any) *R {
	s, k, ok := t.open(r, key)
	if !ok {
		return new(R)
	}
	if row := s.edit(k); row != nil {
		return row
	}
	var fresh R
	v := fieldsOf(&fresh)
	for i, part := range t.s.parts(k) {
		if err := t.s.columns[t.s.keys[i]].set(v, part); err != nil {
			r.blame(err)
		}
	}
	return s.put(k, fresh)
}

// Peek gives a copy of the row of a key, and whether there is one. Slices and
// maps in it are the row's own: do not change them.
func (t *Table[R]) Peek(r *Rows, key ...any) (R, bool) {
	if s, k, ok := t.open(r, key); ok {
		if row := s.look(k); row != nil {
			return *row, true
		}
	}
	var none R
	return none, false
}

// Put writes a row in the place of the one with its key, if any.
func (t *Table[R]) Put(r *Rows, row R) {
	if s := t.in(r); s != nil {
		s.put(t.s.keyOf(fieldsOf(&row)), row)
	}
}

// Delete removes the row of a key, if there is one.
func (t *Table[R]) Delete(r *Rows, key ...any) {
	if s, k, ok := t.open(r, key); ok {
		s.drop(k)
	}
}

// Where gives all rows whose column, which must be tagged "index", holds the
// value, in order of their keys, to change in place. It is for the resolved
// customer of a row (linked, merged); the empty value finds nothing.
func (t *Table[R]) Where(r *Rows, column string, value any) []*R {
	s := t.in(r)
	if s == nil {
		return nil
	}
	for i, l := range t.s.lookups {
		if t.s.columns[l].name == column {
			if text := plainText(value); text != "" {
				return s.where(i, text)
			}
			return nil
		}
	}
	r.blame(&undeclaredIndex{t.s.name, column})
	return nil
}

// undeclaredIndex is the fault of a fold that looks rows up by a column without an index.
type undeclaredIndex struct{ table, column string }

func (e *undeclaredIndex) Error() string {
	return "table " + e.table + ": the column " + e.column + " has no tag `row:\",index\"`"
}

// open gives the rows of this table and the key as one text.
func (t *Table[R]) open(r *Rows, key []any) (store[R], string, bool) {
	s := t.in(r)
	if s == nil {
		return nil, "", false
	}
	k, err := t.s.key(key)
	if err != nil {
		r.blame(err)
		return nil, "", false
	}
	return s, k, true
}

func (t *Table[R]) in(r *Rows) store[R] {
	for i := range r.shapes {
		if r.shapes[i] == t.s {
			s, _ := r.stores[i].(store[R])
			return s
		}
	}
	r.blame(errUndeclared)
	return nil
}
