package api

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"parley/domain/bulk"
	"parley/eventstore"
)

// bulkRest is how long nothing may have come of a bulk action before it counts as
// cut off.
const bulkRest = 5 * time.Second

// FinishingBulk is the reactor that sees every bulk action through: one whose
// request broke off is gone on with, whoever had asked for it, and nothing of it
// is done twice (SUP-1).
func FinishingBulk(server func() *Server) eventstore.ReactorOptions {
	return eventstore.ReactorOptions{
		Name: "bulk", Names: []string{"bulk.begun"}, Delay: bulkRest,
		Work: func(ctx context.Context, r eventstore.Record) error { return server().finishBulk(ctx, r) },
	}
}

// finishBulk does what is left of a bulk action, once nobody else seems to. Each
// conversation has a command of its own, so two who go on with it at once do
// nothing twice.
func (s *Server) finishBulk(ctx context.Context, begun eventstore.Record) error {
	event, err := s.engine.Codec.Decode(begun)
	if err != nil {
		return err
	}
	one, ok := event.(bulk.Begun)
	if !ok {
		return fmt.Errorf("%s is read as %T", begun.Name, event)
	}
	id := one.Bulk
	for {
		b, _, err := eventstore.Load(ctx, s.engine, &bulk.Kind, id)
		if err != nil || b.Finished {
			return err
		}
		rest, err := s.bulkRests(ctx, id)
		if err != nil {
			return err
		}
		if rest <= 0 {
			return s.goOnWithBulk(ctx, begun, id)
		}
		wait := time.NewTimer(rest)
		select {
		case <-wait.C:
		case <-ctx.Done():
			wait.Stop()
			return ctx.Err()
		}
	}
}

// bulkRests is how long to wait until a bulk action counts as cut off.
func (s *Server) bulkRests(ctx context.Context, id string) (time.Duration, error) {
	for last, err := range s.engine.Log.Read(ctx, eventstore.Query{Stream: bulk.Kind.Stream(id), From: eventstore.None, Backwards: true, Limit: 1}) {
		if err != nil {
			return 0, err
		}
		return last.RecordedAt.Add(bulkRest).Sub(s.now()), nil
	}
	return 0, nil
}

// goOnWithBulk does the rest in the name of who began it.
func (s *Server) goOnWithBulk(ctx context.Context, begun eventstore.Record, id string) error {
	ctx = context.WithValue(ctx, callKey{}, &call{
		caller: Caller{Actor: begun.Actor}, correlation: begun.Correlation, bodyHash: begun.BodyHash, header: http.Header{},
	})
	_, err := s.bulkLeft(ctx, id)
	return err
}
