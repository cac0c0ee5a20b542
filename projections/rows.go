package projections

// Rows is what a fold sees: the rows of its projection's tables, reached
// through the tables. Reading never fails in the fold's sight: when the
// database fails, the runner throws the whole batch away and tries again.
type Rows struct {
	shapes []*shape
	stores []any // a store[R] for each table
	fault  error // what the fold did wrong: parks the event
	broken error // what the database did: the batch is tried again

	building bool // a new generation is built: what is kept is bounded there
}

// store keeps the rows of one table while events are folded. There are two,
// written independently: the cache over the database, and the plain one that
// checks it.
type store[R any] interface {
	look(key string) *R              // to read; nil without a row
	edit(key string) *R              // to change; nil without a row
	put(key string, row R) *R        // to replace
	drop(key string)                 // to delete
	where(lookup int, v string) []*R // to change, in order of keys
}

// blame keeps the first fault of a fold.
func (r *Rows) blame(err error) {
	if r.fault == nil {
		r.fault = err
	}
}

// fail keeps the first failure of the database.
func (r *Rows) fail(err error) {
	if r.broken == nil {
		r.broken = err
	}
}
