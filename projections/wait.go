package projections

import (
	"context"
	"slices"
	"strconv"

	"parley/domain"
	"parley/eventstore"
)

// ErrBehind is answered when a view has not read far enough in time; compare
// with errors.Is.
var ErrBehind = &domain.Error{Code: "behind", Rule: "API-2",
	Message: "the view has not read that far yet: ask again, or without a position to read what there is"}

// waiter is a query that waits for a position.
type waiter struct {
	position eventstore.Position
	done     chan struct{}
}

// Wait returns once the projection shows a position, or with ErrBehind when
// ctx ends before, and at once when the log does not reach so far.
func (r *Runner) Wait(ctx context.Context, name string, position eventstore.Position) error {
	s, err := r.slotOf(name)
	if err != nil {
		return err
	}
	w := s.wait(position)
	if w == nil {
		return nil
	}
	ring(r.urgent)
	info, err := r.cfg.Log.Info(ctx)
	if err != nil && ctx.Err() == nil {
		s.leave(w)
		return err
	}
	if err == nil && position <= info.Head {
		select {
		case <-w.done:
			return nil
		case <-ctx.Done():
		}
	}
	s.leave(w)
	shown, _ := s.shown()
	return ErrBehind.With("shown", strconv.FormatUint(uint64(shown), 10))
}

// Position tells how far a projection shows the log.
func (r *Runner) Position(name string) (eventstore.Position, error) {
	s, err := r.slotOf(name)
	if err != nil {
		return 0, err
	}
	p, _ := s.shown()
	return p, nil
}

// View gives a consistent snapshot of a projection that shows at least the
// position after. It waits as long as ctx allows, and then answers ErrBehind.
func (r *Runner) View(ctx context.Context, name string, after eventstore.Position) (*View, error) {
	if err := r.Wait(ctx, name, after); err != nil {
		return nil, err
	}
	s, err := r.slotOf(name)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	g := s.gen
	held := g != nil && g.db.hold()
	s.mu.Unlock()
	if !held {
		return nil, ErrBehind
	}
	at := g.reached() // before the snapshot: what is written later shows itself
	return openView(ctx, g.db, at.saved, at.shown)
}

// Watch gives a bell that rings, without counting, whenever a projection shows
// more than before, fails, or ends a rebuild. Call cancel when done.
func (r *Runner) Watch() (bell <-chan struct{}, cancel func()) {
	c := make(chan struct{}, 1)
	r.mu.Lock()
	r.watchers[c] = struct{}{}
	r.mu.Unlock()
	return c, func() {
		r.mu.Lock()
		delete(r.watchers, c)
		r.mu.Unlock()
	}
}

// publish tells those who wait how far a slot is.
func (r *Runner) publish(s *slot) {
	s.mu.Lock()
	g := s.gen
	if g == nil {
		s.mu.Unlock()
		return
	}
	before := g.reached().shown
	shown := before
	if !s.stale {
		shown = g.publish(r.cfg.Now()).shown
		s.failure = ""
	}
	s.waiters = slices.DeleteFunc(s.waiters, func(w *waiter) bool {
		if w.position <= shown {
			close(w.done)
			return true
		}
		return false
	})
	s.mu.Unlock()
	if shown != before {
		r.ringAll()
	}
}

func (r *Runner) ringAll() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for c := range r.watchers {
		ring(c)
	}
}

// wait queues for a position; nil when it is shown already.
func (s *slot) wait(position eventstore.Position) *waiter {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gen != nil && s.gen.reached().shown >= position {
		return nil
	}
	w := &waiter{position, make(chan struct{})}
	s.waiters = append(s.waiters, w)
	return w
}

func (s *slot) leave(w *waiter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiters = slices.DeleteFunc(s.waiters, func(x *waiter) bool { return x == w })
}

// waited tells whether a query waits for something up to a position.
func (s *slot) waited(position eventstore.Position) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.waiters, func(w *waiter) bool { return w.position <= position })
}

// shown is how far the slot shows the log; false before anything is built.
func (s *slot) shown() (eventstore.Position, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gen == nil {
		return 0, false
	}
	return s.gen.reached().shown, true
}
