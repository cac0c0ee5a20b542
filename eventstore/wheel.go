package eventstore

import (
	"cmp"
	"container/heap"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"parley/domain"
)

// Due says which timers a fact sets, replaces or cancels. It is pure: the times
// come from the terms in the event.
type Due func(domain.Fact) []domain.Timer

// timersActor is who does what falls due.
var timersActor = domain.Actor{ID: "timers", Role: domain.RoleSystem}

const (
	// wheelWidth bounds the timers fired side by side.
	wheelWidth = 32
	// wheelSpan is how far apart in time those may be due: within a second
	// nobody can tell which was first, beyond it the order is kept.
	wheelSpan = time.Second
	// wheelNap bounds each sleep, so that a clock that was set is noticed.
	wheelNap = time.Second
	// wheelRest is how late the wheel may hear of what sets a timer: a small part
	// of the second in which a timer fires.
	wheelRest = 10 * time.Millisecond

	wheelRetry    = 100 * time.Millisecond
	wheelRetryMax = 30 * time.Second
)

// Wheel fires the commands that fall due. Its timers are derived from the log
// and kept in memory only. Firing twice is harmless: a timer's command has an
// id made of its key and time, and the domain ignores what is stale.
type Wheel struct {
	Engine *Engine
	Due    Due
	// Load gives the timers that stood at a position of the log; nil begins
	// at the start of the log.
	Load func(ctx context.Context) ([]domain.Timer, Position, error)

	mu     sync.Mutex
	timers map[string]*timing
	queue  timingQueue // of those that wait to be fired
	status WheelStatus
}

// WheelStatus tells how a wheel fares.
type WheelStatus struct {
	Timers   int       // set and not yet fired
	Next     time.Time // when the next one is due or tried again; zero without any
	Position Position  // how far the log was followed
	Fired    uint64
	Failed   uint64 // tries that failed and are repeated
	Skipped  uint64 // records that could not be read
	Err      error  // the last failure
}

// fired is what became of one try.
type fired struct {
	timing *timing
	err    error
}

// Status tells how the wheel fares now.
func (w *Wheel) Status() WheelStatus {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.status
	s.Timers = len(w.timers)
	if len(w.queue) > 0 {
		s.Next = w.queue[0].next
	}
	return s
}

// Run follows the log and fires what falls due, in order of time and then of
// key, until ctx is done. Nothing is fired before the wheel has read the log
// to its head once, so that what was cancelled never fires.
func (w *Wheel) Run(ctx context.Context) error {
	position, err := w.load(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	results := make(chan fired)
	var firing sync.WaitGroup
	news, failure := make(chan Update, 256), make(chan error, 1)
	firing.Go(func() { failure <- listen(ctx, w.Engine.Log, position, Filter{}, wheelRest, news, w.note) })
	defer firing.Wait()
	defer cancel()

	alarm := time.NewTimer(0)
	defer alarm.Stop()
	var running []*timing
	for ready := false; ; {
		if ready {
			now := w.Engine.Now()
			for t := w.pop(now, running); t != nil; t = w.pop(now, running) {
				running = append(running, t)
				firing.Go(func() {
					select {
					case results <- fired{t, w.fire(ctx, t.Timer, now)}:
					case <-ctx.Done():
					}
				})
			}
			alarm.Reset(w.nap(now, len(running) > 0))
		}
		select {
		case u := <-news:
			ready = w.learn(u) || ready
		case r := <-results:
			running = slices.DeleteFunc(running, func(t *timing) bool { return t == r.timing })
			w.finish(r, w.Engine.Now())
		case <-alarm.C:
		case err := <-failure:
			if ctx.Err() != nil {
				return nil
			}
			return cmp.Or(err, errors.New("eventstore: the log stopped being followed"))
		case <-ctx.Done():
			return nil
		}
	}
}

func (w *Wheel) load(ctx context.Context) (Position, error) {
	w.mu.Lock()
	w.timers, w.queue = map[string]*timing{}, nil
	w.mu.Unlock()
	if w.Load == nil {
		return 0, nil
	}
	timers, position, err := w.Load(ctx)
	if err != nil {
		return 0, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.status.Position = position
	for _, t := range timers {
		w.set(t)
	}
	return position, nil
}

// note keeps a failure that is dealt with, for the status.
func (w *Wheel) note(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.status.Err = err
}

// learn takes in what was recorded, and tells whether it was the last for now.
func (w *Wheel) learn(u Update) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.status.Position = u.Position
	if u.Record != nil && !u.Record.Imported {
		if timers, err := w.due(*u.Record); err != nil {
			w.status.Skipped++
			w.status.Err = err
		} else {
			for _, t := range timers {
				w.set(t)
			}
		}
	}
	return u.CaughtUp
}

func (w *Wheel) due(r Record) (timers []domain.Timer, err error) {
	defer recovered(&err)
	f, err := w.Engine.Codec.Fact(r)
	if err != nil {
		return nil, err
	}
	return w.Due(f), nil
}

// set is called with mu held.
func (w *Wheel) set(t domain.Timer) {
	if old, ok := w.timers[t.Key]; ok {
		if old.At.Equal(t.At) {
			return
		}
		if old.index >= 0 {
			heap.Remove(&w.queue, old.index)
		}
		delete(w.timers, t.Key)
	}
	if t.At.IsZero() {
		return
	}
	fresh := &timing{Timer: t, next: t.At}
	w.timers[t.Key] = fresh
	heap.Push(&w.queue, fresh)
}

// pop takes the next timer to be fired beside those running; nil when it has
// to wait.
func (w *Wheel) pop(now time.Time, running []*timing) *timing {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.queue) == 0 || len(running) >= wheelWidth || w.queue[0].next.After(now) {
		return nil
	}
	first := w.queue[0]
	for _, t := range running {
		far := first.At.Sub(t.At) > wheelSpan && t.tries == 0
		if far || t.Kind == first.Kind && t.ID == first.ID {
			return nil
		}
	}
	heap.Pop(&w.queue)
	return first
}

// nap is how long to sleep when nothing is heard.
func (w *Wheel) nap(now time.Time, running bool) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.queue) == 0 {
		return wheelNap
	}
	d := w.queue[0].next.Sub(now)
	if d <= 0 && running {
		return wheelNap // a result will wake the wheel
	}
	return min(max(d, 0), wheelNap)
}

func (w *Wheel) fire(ctx context.Context, t domain.Timer, now time.Time) (err error) {
	defer recovered(&err)
	_, err = w.Engine.Run(ctx, t.Intent, Meta{
		Command: derive(t.Key, t.At.UTC().Format(time.RFC3339Nano)), At: now, Actor: timersActor})
	return err
}

// finish removes what was fired, also when the domain refused it as stale;
// what failed is tried again later, out of the way of the others.
func (w *Wheel) finish(r fired, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, refused := errors.AsType[*domain.Error](r.err)
	current := w.timers[r.timing.Key] == r.timing
	if r.err == nil || refused {
		w.status.Fired++
		if current {
			delete(w.timers, r.timing.Key)
		}
		return
	}
	w.status.Failed++
	w.status.Err = r.err
	if current {
		r.timing.next = now.Add(min(wheelRetry<<min(r.timing.tries, 16), wheelRetryMax))
		r.timing.tries++
		heap.Push(&w.queue, r.timing)
	}
}
