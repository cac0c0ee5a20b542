package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/google/uuid"

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

// TestTheStoreStopsWhenTheDiskFails lets an operation of the disk fail at random, or
// all from there on: the log stops and says so, and opened again after a crash it
// holds all that was acknowledged. Manifests and their markers do not fail, nor does
// anything but write-ahead logs while it is opened: of that Pebble panics.
func TestTheStoreStopsWhenTheDiskFails(t *testing.T) {
	n := 20
	if testing.Short() {
		n = 5
	}
	for _, seed := range seeds(t, n) {
		if err := untilTheDiskFails(t.Context(), seed); err != nil {
			t.Fatalf("PARLEY_CRASH_SEED=%d: %v", seed, err)
		}
	}
}

func untilTheDiskFails(ctx context.Context, seed uint64) error {
	random := rand.New(rand.NewPCG(seed, 5))
	var left atomic.Int64
	var open atomic.Bool
	left.Store(1 + random.Int64N(300))
	once, logs := random.IntN(2) == 0, random.IntN(2) == 0
	size, most := 0, 120
	if random.IntN(3) == 0 {
		size, most = 60_000, 15 // a write-ahead log is full after a few
	}
	mem := vfs.NewCrashableMem()
	disk := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		name := mem.PathBase(op.Path)
		if op.Kind.ReadOrWrite() == errorfs.OpIsRead || (logs || !open.Load()) && !strings.HasSuffix(name, ".log") ||
			strings.HasPrefix(name, "MANIFEST") || strings.HasPrefix(name, "marker") {
			return nil
		}
		if n := left.Add(-1); n == -1 || n < 0 && !once {
			return errorfs.ErrInjected
		}
		return nil
	}))
	l, err := embedded.Open(embedded.Options{Dir: "log", FS: disk})
	if err != nil {
		return nil // it failed before there was a log
	}
	open.Store(true)
	acked, failed := make([][]eventstore.Record, 3), make([]error, 3)
	var all sync.WaitGroup
	for who := range acked {
		all.Go(func() {
			random := rand.New(rand.NewPCG(seed, 6+uint64(who)))
			for n := 0; n < most && failed[who] == nil; n++ {
				var done []eventstore.Record
				done, failed[who] = l.Append(ctx, agent.Kind.Stream(fmt.Sprintf("%d.%d", who, n)), eventstore.None, eventstore.Record{
					ID: randomID(random), Name: "agent.enabled", Command: randomID(random), Data: fmt.Appendf(nil, "%q", strings.Repeat("x", size)),
				})
				acked[who] = append(acked[who], done...)
			}
		})
	}
	all.Wait()
	for _, err := range failed {
		if err != nil && !errors.Is(err, eventstore.ErrStopped) {
			return fmt.Errorf("the append that failed says %w", err)
		}
	}
	if info, err := l.Info(ctx); err != nil || info.Stopped == nil && !slices.Equal(failed, make([]error, len(failed))) {
		return fmt.Errorf("appends failed with %w, and the log says %+v", errors.Join(failed...), info)
	} else if info.Stopped != nil {
		if _, err := l.Append(ctx, "agent-after", eventstore.None, eventstore.Record{ID: randomID(random), Name: "agent.enabled", Data: []byte("{}")}); !errors.Is(err, eventstore.ErrStopped) {
			return fmt.Errorf("an append after the failure says %w", err)
		}
		if _, err := l.Mark(ctx, "reactor-policies", func(eventstore.Mark) ([]byte, bool) { return nil, true }); !errors.Is(err, eventstore.ErrStopped) {
			return fmt.Errorf("a mark after the failure says %w", err)
		}
	}
	crash := func() vfs.FS {
		return mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 50 * random.IntN(3), RNG: random})
	}
	running := crash()
	_ = l.Close() // the disk may still be broken
	return errors.Join(stillThere(ctx, running, acked), stillThere(ctx, crash(), acked))
}

// stillThere looks on a disk that is well again for what was acknowledged.
func stillThere(ctx context.Context, disk vfs.FS, acked [][]eventstore.Record) error {
	l, err := embedded.Open(embedded.Options{Dir: "log", FS: disk})
	if err != nil {
		return fmt.Errorf("opening again: %w", err)
	}
	_, err = l.Check(ctx, nil)
	there := map[eventstore.Position]uuid.UUID{}
	for r, failed := range l.Read(ctx, eventstore.Query{}) {
		there[r.Position], err = r.ID, errors.Join(err, failed)
	}
	for _, want := range slices.Concat(acked...) {
		if there[want.Position] != want.ID {
			err = errors.Join(err, fmt.Errorf("position %d was acknowledged and is lost", want.Position))
		}
	}
	return errors.Join(err, l.Close())
}
