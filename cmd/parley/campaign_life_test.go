package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"parley/api"
	"parley/domain/agent"
	"parley/domain/policy"
	"parley/eventstore"
	"parley/eventstore/embedded"
	"parley/projections"
	"parley/projections/audit"
)

// life is the engine between two crashes: a house without its server.
type life struct {
	*house
	campaign *campaign
	cancel   context.CancelFunc
	ended    chan error
	nudges   int
}

// open opens bottom up, as openHouse does, on a disk that may crash. The views
// are lost at every second seed; at the others they are as they were last.
func (c *campaign) open(ctx context.Context, disk *vfs.MemFS) (l *life, err error) {
	h := &house{cfg: &config{data: c.views, location: time.UTC, zone: "UTC"}, logger: slog.New(slog.DiscardHandler), run: strconv.Itoa(c.turn)}
	l = &life{house: h, campaign: c}
	defer func() {
		if err != nil {
			err = errors.Join(err, h.close())
		}
	}()
	if c.seed%2 == 0 {
		if err := os.RemoveAll(h.cfg.views()); err != nil {
			return nil, err
		}
	}
	c.crashed.Store(false)
	if err := c.goneFromDisk(disk); err != nil {
		return nil, err
	}
	files := lazyDisk{disk, &c.asleep}
	log, err := embedded.Open(embedded.Options{Dir: "data/log", FS: files, Now: c.now})
	if err != nil {
		return nil, err
	}
	h.log = log
	h.opened = append(h.opened, h.log)
	if h.keys, err = embedded.OpenKeys(embedded.Options{Dir: "data/keys", FS: files}); err != nil {
		return nil, err
	}
	h.opened = append(h.opened, h.keys)
	if err := h.ownKeys(ctx); err != nil {
		return nil, err
	}
	kinds, err := projections.Kinds()
	if err != nil {
		return nil, err
	}
	codec := &eventstore.Codec{Kinds: kinds, Keys: h.keys}
	own := eventstore.Own(&notingLog{log, c.witness, c.faults}, kinds.All())
	h.engine = eventstore.NewEngine(own, codec, c.policies, c.now)
	h.engine.Terms = api.Terms(h.engine)
	h.runner, err = projections.Open(ctx, projections.Config{Log: eventstore.Own(&shownLog{log, &c.crashed}, kinds.All()), Codec: codec, Dir: h.cfg.views(), Projections: projections.All(), Now: c.now})
	if err != nil {
		return nil, err
	}
	h.opened = append(h.opened, h.runner)
	if err := h.viewsBehind(ctx); err != nil {
		return nil, err
	}
	h.views = &projections.Views{Runner: h.runner, Codec: codec}
	h.reactor = eventstore.NewReactor(h.engine, eventstore.ReactorOptions{
		Name: "policies", Delay: 20 * time.Millisecond, Backoff: 5 * time.Millisecond, Pause: 20 * time.Millisecond,
	})
	h.erasure = eventstore.NewReactor(h.engine, api.Erasing(h.engine, h.keys))
	h.bulk = eventstore.NewReactor(h.engine, api.FinishingBulk(func() *api.Server { return nil })) // nobody begins any here
	ending := api.EndingParts(h.engine, h.views)
	ending.Delay = 20 * time.Millisecond // rest waits for it
	h.parts = eventstore.NewReactor(h.engine, ending)
	h.wheel = &eventstore.Wheel{Engine: h.engine, Due: policy.Due, Load: h.timers}
	return l, errors.Join(h.reactor.Begin(ctx), h.erasure.Begin(ctx), h.bulk.Begin(ctx), h.parts.Begin(ctx))
}

// start lets things happen by themselves.
func (l *life) start(ctx context.Context) {
	ctx, l.cancel = context.WithCancel(ctx)
	l.ended = make(chan error, 1)
	go func() { l.ended <- l.work(ctx, true) }()
}

func (l *life) stop() error {
	var err error
	if l.cancel != nil {
		l.cancel()
		if err = <-l.ended; errors.Is(err, context.Canceled) || errors.Is(err, eventstore.ErrClosed) {
			err = nil
		}
	}
	return errors.Join(err, l.close())
}

// reactors are all that a house runs.
func (l *life) reactors() []*eventstore.Reactor {
	return []*eventstore.Reactor{l.reactor, l.erasure, l.bulk, l.parts}
}

// reacted tells how the reactors fare, and whether all of them have done what
// follows from the log up to its head.
func (l *life) reacted(head eventstore.Position) (all []eventstore.ReactorStatus, done bool) {
	done = true
	for _, r := range l.reactors() {
		s := r.Status()
		all, done = append(all, s), done && s.Read >= head && s.Behind == 0
	}
	return all, done
}

// rest waits until nothing follows any more: reactors, wheel and views are at
// the head, no command is being decided or waits to be tried again, nothing is
// due, and a round of routing finds nothing to do.
func (l *life) rest(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	r := &rounds{router: router{engine: l.engine, views: l.views, zone: time.UTC, logger: l.logger}}
	var calm int
	var last eventstore.Position
	for {
		info, err := l.log.Info(ctx)
		if err != nil {
			return err
		}
		wheel := l.wheel.Status()
		reacted, done := l.reacted(info.Head)
		within := func(d time.Duration) bool { return !wheel.Next.IsZero() && !wheel.Next.After(l.engine.Now().Add(d)) }
		due := within(0)
		again := wheel.Failed > 0 && within(time.Second) // a timer that failed is not given up, only put off
		if info.Head == last && done && wheel.Position >= info.Head && !due && !again && l.engine.Busy() == 0 {
			calm++
		} else {
			calm, last = 0, info.Head
		}
		if due && calm == 0 {
			l.nudge(ctx)
		}
		if calm > 0 && calm%4 == 0 {
			if err := r.once(ctx); err != nil && l.campaign.faults == nil {
				return fmt.Errorf("a round of routing: %w", err)
			}
		}
		if calm == 9 {
			return nil
		}
		select {
		case <-tick.C:
		case err := <-l.ended:
			l.ended <- err
			return fmt.Errorf("the engine ended: %w", err)
		case <-ctx.Done():
			return fmt.Errorf("it does not come to rest: head %d, reactors %+v, wheel %+v", info.Head, reacted, wheel)
		}
	}
}

// nudge records something, at which the wheel looks at the clock.
func (l *life) nudge(ctx context.Context) {
	l.nudges++
	mode := []string{"collapsed", "expanded"}[l.nudges%2]
	_, _ = eventstore.Do(ctx, l.engine, &agent.Kind, "ana", agent.SetPanel{Mode: mode}, eventstore.Meta{}) // a refusal is fine
}

// look holds the log against its rules. What is found is looked for again after
// a while: a timer may have fallen due in the meantime.
func (l *life) look(ctx context.Context) (report audit.Report, err error) {
	marks, err := l.log.Marks(ctx)
	if err != nil {
		return report, err
	}
	for range 6 {
		report, err = audit.Run(ctx, l.log, l.engine.Codec, audit.Options{Marks: cursors(marks), Most: 10})
		if err != nil || report.Total == 0 {
			return report, err
		}
		wait := time.NewTimer(500 * time.Millisecond)
		select {
		case <-wait.C:
		case <-ctx.Done():
			wait.Stop()
			return report, ctx.Err()
		}
		if err := l.rest(ctx); err != nil {
			return report, err
		}
	}
	return report, nil
}

// whole holds the log against its rules, and the views against the log.
func (l *life) whole(ctx context.Context) error {
	for _, r := range l.reactors() {
		if parked, err := r.Parked(ctx); err != nil || len(parked) > 0 {
			return errors.Join(err, fmt.Errorf("the reactor %s parked %+v", r.Status().Name, parked))
		}
	}
	report, err := l.look(ctx)
	if err != nil {
		return err
	}
	var found []error
	for _, f := range report.Findings {
		found = append(found, errors.New(f.String()))
	}
	if err := errors.Join(found...); err != nil {
		return fmt.Errorf("%d findings:\n%w", report.Total, err)
	}
	if err := l.fired(ctx); err != nil {
		return err
	}
	for _, p := range projections.All() {
		if parked, err := l.runner.Parked(ctx, p.Name); err != nil || len(parked) > 0 {
			return errors.Join(err, fmt.Errorf("%s parked %+v", p.Name, parked))
		}
		if v, err := l.runner.Verify(ctx, p.Name); err != nil {
			return err
		} else if v.Difference != nil {
			return v.Difference
		} else if v.Short() != "" {
			return fmt.Errorf("%s is %s at %d of %d", p.Name, v.Short(), v.Position, v.Head)
		}
	}
	return nil
}

// fired looks whether all that fell due was done: done once more it records
// nothing. A row of a timer that went stale may stay, so that there is one tells
// nothing. Who is in his grace got all of it again when this life began.
func (l *life) fired(ctx context.Context) error {
	info, err := l.log.Info(ctx)
	if err != nil {
		return err
	}
	if err := l.runner.Wait(ctx, "due", info.Head); err != nil {
		return err
	}
	timers, _, err := projections.LoadTimers(ctx, l.log, l.engine.Codec, l.views.Due)
	if err != nil {
		return err
	}
	past := l.engine.Now().Add(-time.Second) // what falls due just now is being done
	for _, t := range timers {
		if !t.At.Before(past) || strings.HasPrefix(t.Key, policy.GraceKey) {
			continue
		}
		switch out, err := l.engine.Run(ctx, t.Intent, eventstore.Meta{At: t.At}); {
		case failed(err):
			return err
		case len(out.Records) > 0:
			return fmt.Errorf("the timer %s fell due at %s and was not fired: done now it records %s", t.Key, t.At, out.Records[0].Name)
		}
	}
	return nil
}
