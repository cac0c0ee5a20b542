package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strconv"
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
// are always lost.
func (c *campaign) open(ctx context.Context, disk *vfs.MemFS) (l *life, err error) {
	h := &house{cfg: &config{data: c.views, location: time.UTC, zone: "UTC"}, logger: slog.New(slog.DiscardHandler), run: strconv.Itoa(c.turn)}
	l = &life{house: h, campaign: c}
	defer func() {
		if err != nil {
			err = errors.Join(err, h.close())
		}
	}()
	if err := os.RemoveAll(h.cfg.views()); err != nil {
		return nil, err
	}
	if err := c.goneFromDisk(disk); err != nil {
		return nil, err
	}
	files := lazyDisk{disk, &c.asleep}
	if h.log, err = embedded.Open(embedded.Options{Dir: "data/log", FS: files, Now: c.now}); err != nil {
		return nil, err
	}
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
	h.engine = eventstore.NewEngine(&notingLog{h.log, c.witness, c.faults}, codec, c.policies, c.now)
	h.runner, err = projections.Open(ctx, projections.Config{Log: h.log, Codec: codec, Dir: h.cfg.views(), Projections: projections.All(), Now: c.now})
	if err != nil {
		return nil, err
	}
	h.opened = append(h.opened, h.runner)
	h.views = &projections.Views{Runner: h.runner, Codec: codec}
	h.reactor = eventstore.NewReactor(h.engine, eventstore.ReactorOptions{
		Name: "policies", Delay: 20 * time.Millisecond, Backoff: 5 * time.Millisecond, Pause: 20 * time.Millisecond,
	})
	h.erasure = eventstore.NewReactor(h.engine, api.Erasing(h.engine, h.keys))
	h.bulk = eventstore.NewReactor(h.engine, api.FinishingBulk(func() *api.Server { return nil })) // nobody begins any here
	h.parts = eventstore.NewReactor(h.engine, api.EndingParts(h.engine, h.views))
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

// rest waits until nothing follows any more: reactor, wheel and views are at
// the head, no command is being decided or waits to be tried again, nothing is
// due, and a round of routing finds nothing to do.
func (l *life) rest(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	r := &router{engine: l.engine, views: l.views, zone: time.UTC, logger: l.logger}
	var calm int
	var last eventstore.Position
	for {
		info, err := l.log.Info(ctx)
		if err != nil {
			return err
		}
		reacted, wheel, erased := l.reactor.Status(), l.wheel.Status(), l.erasure.Status()
		due := !wheel.Next.IsZero() && !wheel.Next.After(l.engine.Now())
		if info.Head == last && reacted.Read >= info.Head && reacted.Behind == 0 && erased.Read >= info.Head && erased.Behind == 0 && wheel.Position >= info.Head && !due && l.engine.Busy() == 0 {
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
			return fmt.Errorf("it does not come to rest: head %d, reactor %+v, wheel %+v", info.Head, reacted, wheel)
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
	if s := l.reactor.Status(); s.Parked > 0 {
		parked, err := l.reactor.Parked(ctx)
		return errors.Join(err, fmt.Errorf("the reactor parked %+v", parked))
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
