package projections

import (
	"context"
	"errors"
	"slices"
	"time"

	"parley/eventstore"
)

// follow advances the live generations with the log, until ctx is done.
func (r *Runner) follow(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	start, err := r.start(ctx)
	if err != nil {
		cancel()
		return err
	}
	f, ended := newFeed(start), make(chan struct{})
	go func() {
		defer close(ended)
		f.fill(ctx, r.cfg.Log, r.cfg.Codec, start, eventstore.Filter{Kinds: r.kinds()})
	}()
	defer func() { cancel(); <-ended }()

	timer := time.NewTimer(flushIgnored)
	defer timer.Stop()
	var used []item
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-f.bell:
		case <-r.urgent:
		case <-timer.C:
		}
		items, read, caughtUp, err := f.take(used)
		if err != nil {
			return err
		}
		next, err := r.advance(ctx, items, read, caughtUp)
		if err != nil {
			return err
		}
		used = items
		timer.Reset(next)
	}
}

// start is where the follower begins: at the smallest checkpoint of those it
// advances, or at the head when all are still to be built.
func (r *Runner) start(ctx context.Context) (eventstore.Position, error) {
	info, err := r.cfg.Log.Info(ctx)
	if err != nil {
		return 0, err
	}
	r.step.Lock()
	defer r.step.Unlock()
	start := info.Head
	for _, s := range r.slots {
		if g := s.advancing(); g != nil {
			start = min(start, g.pos)
		}
	}
	r.read = start
	return start, nil
}

// kinds are those that any projection folds.
func (r *Runner) kinds() (out []string) {
	for _, s := range r.slots {
		out = append(out, s.p.Kinds...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// advance folds what was read and writes what is due. It answers after what
// time something will be due again.
func (r *Runner) advance(ctx context.Context, items []item, read eventstore.Position, caughtUp bool) (time.Duration, error) {
	r.step.Lock()
	defer r.step.Unlock()
	if err := r.throwAway(); err != nil {
		return 0, errors.Join(err, r.resetAll())
	}
	now := time.Now()
	if len(items) > 0 {
		r.busy.Store(now.UnixNano())
	}
	r.pace.add(len(items), now)
	next := flushIgnored
	all := chunks(items, foldAtOnce)
	for i, chunk := range all {
		last := read
		if i < len(all)-1 {
			last = chunk[len(chunk)-1].at.Position
		}
		next = flushIgnored
		for _, s := range r.slots {
			g := s.advancing()
			if g == nil {
				continue
			}
			due, err := r.advanceOne(ctx, s, g, chunk, last, caughtUp)
			if err != nil {
				return 0, errors.Join(err, r.resetAll())
			}
			next = min(next, due)
		}
		r.read = max(r.read, last)
	}
	return next, nil
}

// advanceOne folds a chunk into one generation and writes it when that is due. A
// generation that was thrown back since, as a pause failed, is caught up before.
func (r *Runner) advanceOne(ctx context.Context, s *slot, g *generation, chunk []item, last eventstore.Position, caughtUp bool) (time.Duration, error) {
	if err := g.catchUp(ctx, r.cfg.Log, r.cfg.Codec, r.read); err != nil {
		return 0, err
	}
	for i := range chunk {
		if err := g.fold(ctx, r.cfg.Log, r.cfg.Codec, &chunk[i]); err != nil {
			return 0, err
		}
	}
	g.pass(last)
	due := g.due(caughtUp)
	if due <= 0 || g.changed() && s.waited(g.pos) {
		began := time.Now()
		if err := g.save(); err != nil {
			return 0, err
		}
		g.flushed = time.Now()
		g.took = g.flushed.Sub(began)
		switch g.rest = min(flushShare*g.took, flushMost); {
		case r.pace.perSecond < flushCalm:
			g.rest = min(g.rest, flushSoon)
		case r.pace.perSecond < flushBusy:
			g.rest = min(g.rest, flushTogether*r.writing(g.flushed))
		}
		r.publish(s) // before what takes long, and nobody waits for
		return flushIgnored, g.db.writer.takeOver()
	}
	r.publish(s)
	return due, nil
}

// due tells in what time the generation is to be written.
func (g *generation) due(caughtUp bool) time.Duration {
	switch {
	case g.since >= eventsAtOnce:
		return 0
	case g.pos == g.saved:
		return flushIgnored
	case !g.changed():
		return flushIgnored - time.Since(g.flushed)
	case g.p.Lazy:
		return flushLazy - time.Since(g.dirtyAt)
	case caughtUp:
		return max(flushAfter-time.Since(g.dirtyAt), g.rest-time.Since(g.flushed))
	default:
		return max(flushBehind-time.Since(g.dirtyAt), g.rest-time.Since(g.flushed))
	}
}

// writing is how long the last writes of all projections took together that were
// written not long ago.
func (r *Runner) writing(now time.Time) (all time.Duration) {
	for _, s := range r.slots {
		if g := s.advancing(); g != nil && now.Sub(g.flushed) < 2*flushMost {
			all += g.took
		}
	}
	return all
}

// paceOver is how long events are counted before their pace is told anew.
const paceOver = 250 * time.Millisecond

// pace is how fast the log goes on.
type pace struct {
	perSecond float64
	events    int // since then
	since     time.Time
}

func (p *pace) add(events int, now time.Time) {
	p.events += events
	if d := now.Sub(p.since); d >= paceOver {
		p.perSecond, p.events, p.since = float64(p.events)/d.Seconds(), 0, now
	}
}

// chunks cuts items; without any it gives one empty chunk, since what was
// passed over counts too.
func chunks(items []item, size int) [][]item {
	if len(items) == 0 {
		return [][]item{nil}
	}
	return slices.Collect(slices.Chunk(items, size))
}
