package eventstore

import (
	"context"
	"fmt"
	"iter"
	"slices"

	"github.com/google/uuid"
)

// All gives the names of all kinds, sorted.
func (k *Kinds) All() (all []string) {
	for name := range k.kinds {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}

// Check tells why a record cannot be an event of its stream: a kind or a name
// that is not known, or data that are not what the name promises.
func (c *Codec) Check(r Record) error {
	k, ok := c.Kinds.kinds[r.Kind()]
	if !ok {
		return fmt.Errorf("eventstore: %s is of no kind that is known", r.Stream)
	}
	if !slices.ContainsFunc(k.shapes, func(s *shape) bool { return s.name == r.Name }) {
		return fmt.Errorf("eventstore: the kind %s has no event %q: who wrote it may be newer than this server", k.name, r.Name)
	}
	_, err := c.Decode(r)
	return err
}

// Own is a log that others write to as well, seen as if they did not: of
// streams that are none of these kinds nothing is read, and followers only
// hear that the log went on.
func Own(log Log, kinds []string) Log {
	o := &ownLog{Log: log, kinds: map[string]bool{}}
	for _, k := range kinds {
		o.kinds[k] = true
	}
	return o
}

type ownLog struct {
	Log
	kinds map[string]bool
}

// narrow tells that a query or filter by kinds reaches none but own ones.
func (o *ownLog) narrow(kinds []string) bool {
	return len(kinds) > 0 && !slices.ContainsFunc(kinds, func(k string) bool { return !o.kinds[k] })
}

func (o *ownLog) Read(ctx context.Context, q Query) iter.Seq2[Record, error] {
	one := Record{Stream: q.Stream}
	switch {
	case o.narrow(q.Kinds), q.Stream != "" && o.kinds[one.Kind()]:
		return o.Log.Read(ctx, q)
	case q.Stream != "":
		return func(func(Record, error) bool) {}
	}
	limit := q.Limit
	q.Limit = 0
	return func(yield func(Record, error) bool) {
		left := limit
		for r, err := range o.Log.Read(ctx, q) {
			if err == nil && !o.kinds[r.Kind()] {
				continue
			}
			if !yield(r, err) || err != nil {
				return
			}
			if left--; left == 0 {
				return
			}
		}
	}
}

func (o *ownLog) Follow(ctx context.Context, after Position, f Filter) iter.Seq2[Update, error] {
	if o.narrow(f.Kinds) {
		return o.Log.Follow(ctx, after, f)
	}
	return func(yield func(Update, error) bool) {
		for u, err := range o.Log.Follow(ctx, after, f) {
			if u.Record != nil && !o.kinds[u.Record.Kind()] {
				u.Record = nil
			}
			if !yield(u, err) {
				return
			}
		}
	}
}

// Recorded is the log's, when it knows.
func (o *ownLog) Recorded(command uuid.UUID) ([]Record, bool) {
	log, ok := o.Log.(commandKnower)
	if !ok {
		return nil, false
	}
	records, ok := log.Recorded(command)
	return slices.DeleteFunc(records, func(r Record) bool { return !o.kinds[r.Kind()] }), ok
}

// Last is the log's, when it knows.
func (o *ownLog) Last(stream string) (Revision, bool) {
	if log, ok := o.Log.(lastKnower); ok {
		return log.Last(stream)
	}
	return 0, false
}
