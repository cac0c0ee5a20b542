package esdbnode

import (
	"context"

	"github.com/google/uuid"

	"parley/eventstore"
)

// expectation is what a writer expects of a stream.
type expectation struct {
	kind     expected
	revision uint64 // of expectRevision
}

type expected int

const (
	expectRevision expected = iota
	expectNone
	expectAny
	expectExists
)

// number is the expectation as EventStoreDB writes it in messages.
func (e expectation) number() int64 {
	switch e.kind {
	case expectNone:
		return -1
	case expectAny:
		return -2
	case expectExists:
		return -4
	}
	return int64(e.revision)
}

// exact is the one revision that is expected, as the log says it; false when
// more than one would do, or when no stream can be so long.
func (e expectation) exact() (eventstore.Revision, bool) {
	switch e.kind {
	case expectNone:
		return eventstore.None, true
	case expectRevision:
		return eventstore.Revision(e.revision), e.revision < forever
	}
	return 0, false
}

// verdict is what becomes of an append.
type verdict struct {
	wrong    bool                // another revision than expected
	done     bool                // it had been written before: last and position say where
	last     eventstore.Revision // of the earlier write
	position eventstore.Position
}

// judge decides on an append, as EventStoreDB does: the same ids again are a
// success where it can be known that they are.
func (s *streamStore) judge(ctx context.Context, stream string, e expectation, st *standing, ids []uuid.UUID) (verdict, error) {
	if st.tomb {
		return verdict{}, deleted(stream)
	}
	soft := st.softDeleted()
	switch e.kind {
	case expectAny:
		return s.again.find(stream, ids), nil
	case expectExists:
		if soft {
			return verdict{}, deleted(stream)
		}
		if st.last == eventstore.None && !st.hasMeta {
			return verdict{wrong: true}, nil
		}
		return s.again.find(stream, ids), nil
	case expectNone:
		if st.last == eventstore.None {
			return verdict{}, nil
		}
		v, err := s.same(ctx, stream, 0, ids)
		if soft && v.wrong {
			v = verdict{}
		}
		return v, err
	}
	at := eventstore.Revision(e.revision)
	switch {
	case e.revision > forever || at > st.last:
		return verdict{wrong: true}, nil
	case at == st.last:
		return verdict{}, nil
	}
	return s.same(ctx, stream, at+1, ids)
}

// same tells whether a stream holds exactly these ids from a revision on.
func (s *streamStore) same(ctx context.Context, stream string, from eventstore.Revision, ids []uuid.UUID) (verdict, error) {
	if len(ids) == 0 {
		return verdict{wrong: true}, nil
	}
	v, n := verdict{done: true}, 0
	for r, err := range s.log.Read(ctx, eventstore.Query{Stream: stream, From: from, Limit: len(ids)}) {
		if err != nil {
			return verdict{}, err
		}
		if r.ID != ids[n] {
			return verdict{wrong: true}, nil
		}
		v.last, v.position = r.Revision, r.Position
		n++
	}
	if n < len(ids) {
		return verdict{wrong: true}, nil
	}
	return v, nil
}
