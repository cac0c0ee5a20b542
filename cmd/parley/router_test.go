package main

import (
	"context"

	"parley/domain/routing"
	"parley/eventstore"
)

// once holds rounds over the log as it is now, until one finds nothing to do.
func (r *router) once(ctx context.Context) error {
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
		for rec, err := range r.engine.Log.Read(ctx, eventstore.Query{After: s.from, Until: s.head, Names: routing.Names()}) {
			if err != nil {
				return err
			}
			if revision, known := s.loaded[rec.Stream]; known && rec.Revision <= revision {
				continue
			}
			fact, err := r.engine.Codec.Fact(rec)
			if err != nil {
				return err
			}
			r.board.Fold(fact)
		}
		r.at, r.seen = s.head, 0
		if _, err := r.round(ctx); err != nil || r.seen == 0 || r.seen <= s.head {
			return err
		}
	}
}
