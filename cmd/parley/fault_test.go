package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"parley/domain/agent"
	"parley/eventstore"
	"parley/eventstore/embedded"
)

// TestTheEngineSurvivesAFailingStore lets appends and marks fail before they
// are made, and, worse, after: what was written and not told is found again by
// its ids, and lands once.
func TestTheEngineSurvivesAFailingStore(t *testing.T) {
	for _, seed := range seeds(t, 4) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			t.Parallel()
			c := newCampaign(t, seed)
			c.faults = &faults{random: rand.New(rand.NewPCG(seed, 3))}
			if err := c.fail(t.Context()); err != nil {
				t.Fatalf("PARLEY_CRASH_SEED=%d: %v", seed, err)
			}
			t.Logf("%d commands, %d acknowledged", c.asked.Load(), c.witness.total())
		})
	}
}

// TestTheEngineSurvivesAStoreThatFailsForGood lets one command in twenty fail as
// often as its caller tries it, written or not: all that follows from it is left
// to the reactor.
func TestTheEngineSurvivesAStoreThatFailsForGood(t *testing.T) {
	for _, seed := range seeds(t, 4) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			t.Parallel()
			c := newCampaign(t, seed)
			c.faults = &faults{random: rand.New(rand.NewPCG(seed, 3))}
			c.forGood = 0.05
			if err := c.fail(t.Context()); err != nil {
				t.Fatalf("PARLEY_CRASH_SEED=%d: %v", seed, err)
			}
			t.Logf("%d commands, %d acknowledged", c.asked.Load(), c.witness.total())
		})
	}
}

// fail is one life on a store that fails now and then, and is well again.
func (c *campaign) fail(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	disk := vfs.NewCrashableMem()
	l, err := c.open(ctx, disk)
	if err != nil {
		return err
	}
	if err := c.recover(ctx, l); err != nil {
		return errors.Join(err, l.stop())
	}
	if c.faults.begin(0.04, 0.08); c.forGood > 0 {
		c.faults.begin(0, 0)
		c.faults.keep(c.forGood)
	}
	c.witness.begin(200, func() {})
	c.turn++
	who := &asker{campaign: c, life: l, random: rand.New(rand.NewPCG(c.seed, 4))}
	for !c.witness.over() && ctx.Err() == nil {
		who.ask(ctx) // what fails is asked again later
	}
	c.faults.begin(0, 0)
	c.witness.begin(0, nil)
	return errors.Join(c.recoverWithout(ctx, l), l.stop(), c.leave(disk))
}

// recoverWithout is recover of a life that goes on.
func (c *campaign) recoverWithout(ctx context.Context, l *life) error {
	if err := c.repeat(ctx, l); err != nil {
		return err
	}
	if err := l.rest(ctx); err != nil {
		return err
	}
	return errors.Join(c.witness.compare(ctx, l), l.whole(ctx), c.erased(ctx, l, true))
}

// TestTheStoreStopsWhenTheDiskFails lets writes and syncs of the disk fail at
// random: the log stops and says so, and opened again it holds all that was
// acknowledged.
func TestTheStoreStopsWhenTheDiskFails(t *testing.T) {
	for _, seed := range seeds(t, 20) {
		random := rand.New(rand.NewPCG(seed, 5))
		var left atomic.Int64
		left.Store(1 + random.Int64N(300))
		mem := vfs.NewMem()
		disk := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
			writes := op.Kind == errorfs.OpFileWrite || op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData || op.Kind == errorfs.OpFileSyncTo
			if writes && strings.HasSuffix(op.Path, ".log") && left.Add(-1) < 0 {
				return errorfs.ErrInjected
			}
			return nil
		}))
		if err := untilTheDiskFails(t.Context(), disk, mem, seed); err != nil {
			t.Fatalf("PARLEY_CRASH_SEED=%d: %v", seed, err)
		}
	}
}

func untilTheDiskFails(ctx context.Context, disk, mem vfs.FS, seed uint64) error {
	l, err := embedded.Open(embedded.Options{Dir: "log", FS: disk})
	if err != nil {
		return nil // it failed before there was a log
	}
	var acked []eventstore.Record
	random := rand.New(rand.NewPCG(seed, 6))
	for n := 0; ; n++ {
		stream := agent.Kind.Stream(strconv.Itoa(n))
		done, err := l.Append(ctx, stream, eventstore.None, eventstore.Record{ID: randomID(random), Name: "agent.enabled", Command: randomID(random), Data: []byte("{}")})
		if err != nil {
			if !errors.Is(err, eventstore.ErrStopped) {
				return fmt.Errorf("the append that failed says %w", err)
			}
			break
		}
		acked = append(acked, done...)
	}
	if _, err := l.Append(ctx, "agent-after", eventstore.None, eventstore.Record{ID: randomID(random), Name: "agent.enabled", Data: []byte("{}")}); !errors.Is(err, eventstore.ErrStopped) {
		return fmt.Errorf("an append after the failure says %w", err)
	}
	if _, err := l.Mark(ctx, "reactor-policies", func(eventstore.Mark) ([]byte, bool) { return nil, true }); !errors.Is(err, eventstore.ErrStopped) {
		return fmt.Errorf("a mark after the failure says %w", err)
	}
	_ = l.Close() // the disk is still broken
	if l, err = embedded.Open(embedded.Options{Dir: "log", FS: mem}); err != nil {
		return fmt.Errorf("opening again: %w", err)
	}
	_, err = l.Check(ctx, nil)
	for _, want := range acked {
		found := false
		for r, err := range l.Read(ctx, eventstore.Query{After: want.Position - 1, Until: want.Position}) {
			found = err == nil && r.ID == want.ID
		}
		if !found {
			err = errors.Join(err, fmt.Errorf("position %d was acknowledged and is lost", want.Position))
		}
	}
	return errors.Join(err, l.Close())
}
