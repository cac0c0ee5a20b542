package projections

import (
	"context"
	"fmt"
	"slices"
	"time"

	"parley/eventstore"
)

// fold applies one event, if it concerns the projection and was not applied
// before. It answers with an error only when the database or the log fails;
// then nothing since the checkpoint counts.
func (g *generation) fold(ctx context.Context, log eventstore.Log, d Decoder, it *item) error {
	if it.at.Position <= g.pos || !slices.Contains(g.p.Kinds, it.kind) {
		return nil
	}
	if len(g.parked) > 0 && g.parked[it.at.Stream] {
		g.park(it, "an earlier event of this stream is parked")
		return nil
	}
	fault := apply(g.p, g.rows, it)
	if fault == nil {
		for _, t := range g.tables {
			t.settle()
		}
		fault = g.rows.fault
	}
	if g.rows.broken != nil {
		return fmt.Errorf("%s: %w", g.p.Name, g.rows.broken)
	}
	if fault != nil {
		return g.poison(ctx, log, d, it, fault)
	}
	g.count(it)
	return nil
}

func (g *generation) count(it *item) {
	if g.since == 0 {
		g.dirtyAt = time.Now()
	}
	g.since++
	g.pos = it.at.Position
}

func (g *generation) park(it *item, reason string) {
	g.parked[it.at.Stream] = true
	g.newlyParked = append(g.newlyParked, parked{it.at.Stream, it.at.Position, reason})
	g.count(it)
}

// poison parks an event that cannot be folded. The fold may have left half its
// work in memory, so all since the checkpoint is thrown away and folded again
// up to this event, and written; then the event's stream is parked.
func (g *generation) poison(ctx context.Context, log eventstore.Log, d Decoder, it *item, fault error) error {
	if err := g.discard(); err != nil {
		return err
	}
	if err := g.catchUp(ctx, log, d, it.at.Position-1); err != nil {
		return err
	}
	g.park(it, fault.Error())
	return nil
}

// apply runs the fold; its panic is a fault like any other.
func apply(p *Projection, r *Rows, it *item) (fault error) {
	if it.err != nil {
		return it.err
	}
	defer func() {
		if v := recover(); v != nil {
			fault = fmt.Errorf("the fold of %s panicked: %v", p.Name, v)
		}
	}()
	return p.Fold(r, it.fact, it.at)
}
