package main

import (
	"context"
	"maps"

	"parley/domain/agent"
	"parley/domain/routing"
	"parley/eventstore"
)

// rounds are held by hand, each over the log as it is then. What agents' own
// streams refused is kept in mind until they change, as a router that runs does:
// else a hold that was left behind would have the same asked for ever.
type rounds struct {
	router
	kept []keptRefusal
}

// keptRefusal is a refusal, and as of which of the agent's events.
type keptRefusal struct {
	refused
	revision eventstore.Revision
}

// once holds rounds until one finds nothing to do.
func (r *rounds) once(ctx context.Context) error {
	info, err := r.engine.Log.Info(ctx)
	if err != nil {
		return err
	}
	r.store = info.Store
	for {
		s, err := r.seed(ctx)
		if err != nil {
			return err
		}
		revisions := maps.Clone(s.loaded)
		for rec, err := range r.engine.Log.Read(ctx, eventstore.Query{After: s.from, Until: s.head, Names: routing.Names()}) {
			if err != nil {
				return err
			}
			if revision, known := revisions[rec.Stream]; known && rec.Revision <= revision {
				continue
			}
			fact, err := r.engine.Codec.Fact(rec)
			if err != nil {
				return err
			}
			r.board.Fold(fact)
			revisions[rec.Stream] = rec.Revision
		}
		r.at, r.seen, r.refused = s.head, 0, nil
		for _, k := range r.kept {
			if revisions[agent.Kind.Stream(k.agent)] == k.revision {
				r.refused = append(r.refused, k.refused)
			}
		}
		if _, err := r.round(ctx); err != nil {
			return err
		}
		for _, f := range r.refused {
			r.kept = append(r.kept, keptRefusal{f, revisions[agent.Kind.Stream(f.agent)]})
		}
		if r.seen <= s.head {
			return nil
		}
	}
}
