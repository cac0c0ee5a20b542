package api

import (
	"bytes"
	"context"
	"encoding/json"

	"github.com/google/uuid"

	"parley/domain"
	"parley/eventstore"
	"parley/projections"
)

// guarded is a command that is refused when its stream is no longer what the
// caller has seen. Deciding it together with the command leaves no moment in
// between.
type guarded[S, E any] struct {
	domain.Command[S, E]
	seen  S
	stale bool // what the caller has seen is older still
}

// Decide refuses what was decided on another state.
func (g guarded[S, E]) Decide(s S) ([]E, error) {
	if g.stale || !alike(g.seen, s) {
		return nil, &domain.Error{Code: "changed", Field: "If-Match"}
	}
	return g.Command.Decide(s)
}

// alike compares what JSON keeps of two states.
func alike[S any](a, b S) bool {
	one, err := json.Marshal(a)
	if err != nil {
		return false
	}
	other, err := json.Marshal(b)
	return err == nil && bytes.Equal(one, other)
}

// change carries out a command on something that two people may edit, under
// the caller's If-Match, and gives what it is now with the position written.
func change[S, E any](ctx context.Context, s *Server, k *domain.Kind[S, E], id string, cmd domain.Command[S, E]) (S, Position, error) {
	var none S
	seen, given, err := s.match(ctx)
	if err != nil {
		return none, "", err
	}
	if given {
		state, revision, err := eventstore.Load(ctx, s.engine, k, id)
		if err != nil {
			return none, "", err
		}
		cmd = guarded[S, E]{Command: cmd, seen: state, stale: revision != seen}
	}
	out, err := eventstore.Act(ctx, s.engine, k, id, cmd, s.meta(ctx))
	if err != nil {
		return none, "", err
	}
	state, revision, err := eventstore.Load(ctx, s.engine, k, id)
	if err != nil {
		return none, "", err
	}
	s.etag(ctx, revision)
	return state, s.at(ctx, out.Position), nil
}

// stateNow gives a stream's state, at least as new as the caller asks, with
// its version in the answer's ETag.
func stateNow[S, E any](ctx context.Context, s *Server, k *domain.Kind[S, E], id string, after *Position) (S, Position, error) {
	var none S
	at, err := s.present(ctx, after)
	if err != nil {
		return none, "", err
	}
	state, revision, err := eventstore.Load(ctx, s.engine, k, id)
	if err != nil {
		return none, "", err
	}
	s.etag(ctx, revision)
	return state, s.at(ctx, at), nil
}

// present gives the head of the log for answers that are made from the log
// itself: whatever is read from now on is at least as new.
func (s *Server) present(ctx context.Context, after *Position) (eventstore.Position, error) {
	wanted, err := s.after(after)
	if err != nil {
		return 0, err
	}
	info, err := s.engine.Log.Info(ctx)
	if err != nil {
		return 0, err
	}
	if wanted > info.Head {
		return 0, projections.ErrBehind
	}
	return info.Head, nil
}

// ownID is the id that the caller gives to what is to be made, or one that a
// repeat of the command gives again, or a fresh one.
func (s *Server) ownID(ctx context.Context, given *ID, sort string) (string, error) {
	if given != nil && *given != "" {
		return *given, nil
	}
	if m := s.meta(ctx); m.Command != uuid.Nil {
		return domain.Derive(m.Command.String(), sort), nil
	}
	fresh, err := uuid.NewV7()
	return fresh.String(), err
}
