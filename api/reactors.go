package api

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/samber/lo"

	"parley/domain"
	"parley/eventstore"
)

// ListReactors tells how the reactors are, and what they have put aside.
func (s *Server) ListReactors(ctx context.Context, _ ListReactorsRequestObject) (ListReactorsResponseObject, error) {
	head, err := s.present(ctx, nil)
	if err != nil {
		return nil, err
	}
	answer := ListReactors200JSONResponse{Reactors: []Reactor{}, Position: s.at(ctx, head)}
	for _, r := range s.opts.Reactors {
		one, err := s.shownReactor(ctx, r, head)
		if err != nil {
			return nil, err
		}
		answer.Reactors = append(answer.Reactors, one)
	}
	return answer, nil
}

// ReplayReactor does the work of parked events again. What fails again is in
// the answer, with its reason: it stays parked.
func (s *Server) ReplayReactor(ctx context.Context, r ReplayReactorRequestObject) (ReplayReactorResponseObject, error) {
	reactor, ok := lo.Find(s.opts.Reactors, func(one *eventstore.Reactor) bool { return one.Status().Name == r.Reactor })
	if !ok {
		return nil, &domain.Error{Code: "not_found", Field: "reactor", Message: fmt.Sprintf("there is no reactor %q: list them to see their names", r.Reactor)}
	}
	var keys []string
	switch key := lo.FromPtr(r.Body.Key); {
	case key == "" && !lo.FromPtr(r.Body.All):
		return nil, domain.Invalid("key", "name the sequence, or say all")
	case key != "" && lo.FromPtr(r.Body.All):
		return nil, domain.Invalid("key", "name the sequence or say all, not both")
	case key != "":
		keys = []string{key}
	}
	done, failure := reactor.Replay(ctx, keys...)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	head, err := s.present(ctx, nil)
	if err != nil {
		return nil, err
	}
	one, err := s.shownReactor(ctx, reactor, head)
	if err != nil {
		return nil, err
	}
	one.Replayed = &done
	if failure != nil {
		one.Failure = some(failure.Error())
	}
	s.at(ctx, head)
	return ReplayReactor200JSONResponse(one), nil
}

// shownReactor is a reactor as the API shows it.
func (s *Server) shownReactor(ctx context.Context, r *eventstore.Reactor, head eventstore.Position) (Reactor, error) {
	st := r.Status()
	one := Reactor{
		Name: st.Name, Checkpoint: st.Position.Text(s.store), Head: head.Text(s.store), Behind: st.Behind,
		LagSeconds: st.Age.Seconds(), Broken: st.Broken,
	}
	if !st.Advanced.IsZero() {
		one.Advanced = lo.ToPtr(st.Advanced.UTC())
	}
	if st.Err != nil {
		one.Failure = some(st.Err.Error())
	}
	parked, err := r.Parked(ctx)
	if err != nil {
		return one, err
	}
	one.Parked = lo.Map(parked, func(p eventstore.Parked, _ int) ParkedSequence {
		return ParkedSequence{
			Key: p.Key, Position: p.Position.Text(s.store), Event: uuid.UUID(p.Event).String(), Name: p.Name, Error: p.Error, At: p.At.UTC(),
		}
	})
	return one, nil
}
