package esdbnode

import (
	"context"
	"iter"

	"parley/eventstore"
)

// entry is one event of what is followed or read; without a record it says only
// how far the log was passed over, or that there is no more for now.
type entry struct {
	record   *eventstore.Record
	target   *eventstore.Record  // what the record links to, when that is known
	at       uint64              // its revision, or, of the whole log, its position
	position eventstore.Position // how far the log was looked through
	caughtUp bool
}

// source is what can be followed: a stream, a virtual one, or the whole log.
type source struct {
	stream string  // empty: the whole log
	filter *filter // of the whole log
}

// follow yields what a source holds from a revision or position on, and then
// what comes. A stream need not be there yet; its tombstone ends it with an
// error.
func (s *streamStore) follow(ctx context.Context, from source, next uint64) iter.Seq2[entry, error] {
	return func(yield func(entry, error) bool) {
		info, err := s.log.Info(ctx)
		if err != nil {
			yield(entry{}, err)
			return
		}
		follow := s.followStream(ctx, from.stream, info.Head, eventstore.Revision(next))
		if v, ok := s.virtualOf(from.stream); ok {
			follow = v.follow(ctx, s.log, info.Head, next)
		} else if from.stream == "" {
			follow = s.followAll(ctx, from.filter, next)
		}
		for e, err := range follow {
			if !yield(e, err) || err != nil {
				return
			}
		}
	}
}

func (s *streamStore) followAll(ctx context.Context, f *filter, next uint64) iter.Seq2[entry, error] {
	return func(yield func(entry, error) bool) {
		for u, err := range s.log.Follow(ctx, eventstore.Position(max(next, 1)-1), eventstore.Filter{}) {
			e := entry{position: u.Position, caughtUp: u.CaughtUp}
			if u.Record != nil && f.keeps(u.Record) {
				e.record, e.at = u.Record, uint64(u.Position)
			}
			if !yield(e, err) || err != nil {
				return
			}
		}
	}
}

func (s *streamStore) followStream(ctx context.Context, stream string, head eventstore.Position, next eventstore.Revision) iter.Seq2[entry, error] {
	return func(yield func(entry, error) bool) {
		st, err := s.standing(ctx, stream)
		if err == nil && st.tomb {
			err = deleted(stream)
		}
		if err != nil {
			yield(entry{}, err)
			return
		}
		if next = max(next, st.first()); st.softDeleted() {
			next = max(next, st.last+1)
		}
		give := func(r *eventstore.Record) bool {
			if r.Stream != stream || r.Revision < next {
				return true
			}
			if r.Name == typeDeleted {
				yield(entry{}, deleted(stream))
				return false
			}
			next = r.Revision + 1
			return yield(entry{record: r, at: uint64(r.Revision), position: r.Position}, nil)
		}
		for r, err := range s.log.Read(ctx, eventstore.Query{Stream: stream, From: next}) {
			if err != nil {
				yield(entry{}, err)
				return
			}
			if st.young(&r, s.now()) && !give(&r) {
				return
			}
		}
		if !yield(entry{position: head, caughtUp: true}, nil) {
			return
		}
		kind := (&eventstore.Record{Stream: stream}).Kind()
		for u, err := range s.log.Follow(ctx, head, eventstore.Filter{Kinds: []string{kind}}) {
			if err != nil {
				yield(entry{}, err)
				return
			}
			if u.Record != nil && !give(u.Record) {
				return
			}
		}
	}
}
