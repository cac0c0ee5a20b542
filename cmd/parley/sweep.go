package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"parley/domain"
	"parley/domain/agent"
	"parley/domain/conversation"
	"parley/domain/policy"
	"parley/eventstore"
	"parley/projections"
)

const (
	// sweepEvery is how often all holds are looked at; the first time is
	// sweepAge after the start, once the reactor has done what a crash left.
	sweepEvery = time.Minute
	// sweepAge is how old a hold, and the latest word of its conversation, is
	// before something may be amiss: what follows takes less.
	sweepAge = 10 * time.Second
)

// sweeper is who asks again.
var sweeper = domain.Actor{ID: "sweep", Role: domain.RoleSystem}

// sweepHolds looks at the holds again and again until ctx is done (flow.md,
// SWEEP): the net under the policies. What it has to mend without a crash before
// it is an incident, so it is written down.
func (h *house) sweepHolds(ctx context.Context) error {
	for wait := sweepAge; ; wait = sweepEvery {
		t := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			t.Stop()
			return nil
		case <-t.C:
		}
		if _, err := h.sweep(ctx, h.engine.Now().Add(-sweepAge)); err != nil && ctx.Err() == nil {
			h.logger.ErrorContext(ctx, "the holds could not all be looked at, and are again in a minute", "error", err)
		}
	}
}

// sweep repeats what was asked for with each hold that is older than a moment,
// and tells how many needed it. A claim that the conversation grants or
// refuses now, when it did neither before, was lost on its way; for a hold it
// knows nothing changes.
func (h *house) sweep(ctx context.Context, before time.Time) (mended int, err error) {
	rows, _, err := h.views.Holds(ctx, before, 0)
	for _, row := range rows {
		if ctx.Err() != nil {
			return mended, ctx.Err()
		}
		done, failure := h.claimAgain(ctx, row, before)
		if failure != nil {
			err = errors.Join(err, fmt.Errorf("hold %s: %w", row.Hold, failure))
		}
		if done {
			mended++
			h.logger.WarnContext(ctx, "a hold was left behind, and is mended", "hold", row.Hold, "agent", row.Agent,
				"conversation", row.Conversation, "purpose", row.Purpose, "since", row.Since)
		}
	}
	return mended, err
}

func (h *house) claimAgain(ctx context.Context, row projections.HoldRow, before time.Time) (mended bool, err error) {
	granted := false // as nearly all are
	err = eventstore.Look(ctx, h.engine, &conversation.Kind, row.Conversation, func(c conversation.Conversation, _ eventstore.Revision) {
		// to pick what is offered to oneself is to accept it
		granted = c.Primary.Hold == row.Hold || row.Purpose != agent.PurposePick && c.Names(row.Hold)
	})
	if err != nil || granted {
		return false, err
	}
	for last, err := range h.log.Read(ctx, eventstore.Query{
		Stream: conversation.Kind.Stream(row.Conversation), From: eventstore.None, Backwards: true, Limit: 1,
	}) {
		if err != nil || last.RecordedAt.After(before) {
			return false, err // what follows from its latest word is on its way
		}
	}
	a, _, err := eventstore.Load(ctx, h.engine, &agent.Kind, row.Agent)
	if err != nil {
		return false, err
	}
	if _, held := a.Holds[row.Hold]; !held {
		return false, nil // released since the view was read
	}
	for r, err := range h.log.Read(ctx, eventstore.Query{After: row.Reserved - 1, Until: row.Reserved}) {
		if err != nil {
			return false, err
		}
		fact, err := h.engine.Codec.Fact(r)
		if err != nil {
			return false, err
		}
		for _, claim := range policy.Claim(fact) {
			out, err := h.engine.Run(ctx, claim, eventstore.Meta{Actor: sweeper, Correlation: r.Correlation, Causation: r.ID})
			_, refused := errors.AsType[*domain.Error](err)
			if err != nil && !refused {
				return mended, err
			}
			mended = mended || refused || len(out.Records) > 0
		}
	}
	return mended, nil
}
