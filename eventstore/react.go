package eventstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"parley/domain"
)

// ReactorOptions say how a reactor works. Only the name is needed.
type ReactorOptions struct {
	// Name names its cursor beside the log, the mark "reactor-<name>", and
	// the list of what it parked, "parked-<name>".
	Name string
	// Delay is how old an event must be, so that what was done at once is seen
	// in the log. Policies: 250 ms when zero.
	Delay time.Duration
	// Lanes is how many keys are worked on side by side: 64 when zero.
	Lanes int
	// Ahead bounds the records read ahead, and those in the lanes: 16,384
	// when zero.
	Ahead int
	// Tries is after how many an event is parked: 5 when zero. Between them
	// Backoff, doubled each time: 50 ms when zero.
	Tries   int
	Backoff time.Duration
	// Pause is how long the lanes wait for a store that is away: a second when
	// zero. Patience is how long one event may fail in a store that works for
	// others, before it is parked: 10 minutes when zero.
	Pause, Patience time.Duration
	// Lane gives the key whose events stay in order: Lane when nil.
	Lane func(domain.Fact) string
	// Names are those of the events it follows; empty follows all.
	Names []string
	// Work is what is done for a record, at least once; nil runs the engine's
	// policies, as far as the log does not show that they have run.
	Work func(context.Context, Record) error
	// Logger is told what Watermill has to say; nil keeps it quiet.
	Logger *slog.Logger
}

// Reactor follows the log and does what follows from its events, each at
// least once, in order within its lane.
type Reactor struct {
	engine  *Engine
	options ReactorOptions

	progress progress
	done     chan struct{} // holds one when a job may be done
	broken   atomic.Bool   // the breaker is not closed
	crossed  atomic.Uint64
	worked   atomic.Uint64

	mu     sync.Mutex
	status ReactorStatus
	oldest time.Time // recorded-at of the first record not looked at yet

	parkLock    sync.Mutex
	parked      map[string]int // events parked, by key
	parkedCount int
}

// ReactorStatus tells how a reactor fares.
type ReactorStatus struct {
	Name     string
	Position Position      // all up to here is done
	Read     Position      // how far the log was read
	Behind   int           // records read and not done
	Age      time.Duration // of the oldest record waiting to be looked at
	Advanced time.Time     // when Position last moved
	Parked   int
	Crossed  uint64 // records with nothing left to do
	Worked   uint64 // records whose work was done, or parked
	Broken   bool   // the store is away: the lanes wait
	Err      error  // the last failure
}

// NewReactor makes a reactor; Run starts it.
func NewReactor(e *Engine, o ReactorOptions) *Reactor {
	if o.Work == nil && o.Delay == 0 {
		o.Delay = 250 * time.Millisecond
	}
	o.Lanes, o.Ahead, o.Tries = orElse(o.Lanes, 64), orElse(o.Ahead, 1<<14), orElse(o.Tries, 5)
	o.Backoff, o.Pause = orElse(o.Backoff, 50*time.Millisecond), orElse(o.Pause, time.Second)
	o.Patience = orElse(o.Patience, 10*time.Minute)
	if o.Lane == nil {
		o.Lane = Lane
	}
	return &Reactor{engine: e, options: o, done: make(chan struct{}, 1)}
}

func orElse[T int | time.Duration](v, otherwise T) T {
	if v <= 0 {
		return otherwise
	}
	return v
}

// React runs a reactor until ctx is done.
func React(ctx context.Context, e *Engine, o ReactorOptions) error {
	return NewReactor(e, o).Run(ctx)
}

// Status tells how the reactor fares now.
func (r *Reactor) Status() ReactorStatus {
	r.parkLock.Lock()
	parked := r.parkedCount
	r.parkLock.Unlock()
	_, open := r.progress.reached()
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.status
	s.Name, s.Parked, s.Behind = r.options.Name, parked, s.Behind+open
	s.Crossed, s.Worked, s.Broken = r.crossed.Load(), r.worked.Load(), r.broken.Load()
	if !r.oldest.IsZero() {
		s.Age = max(0, time.Since(r.oldest))
	}
	return s
}

// note keeps a failure that is dealt with, for the status.
func (r *Reactor) note(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status.Err = err
}

// noted keeps a failure that is tried again, for the status, and gives it back.
func (r *Reactor) noted(err error) error {
	if err != nil {
		r.note(err)
	}
	return err
}

// finished is called by the lanes when a job is done or parked.
func (r *Reactor) finished(j *job) {
	r.worked.Add(1)
	r.progress.finish(j.record.Position)
	select {
	case r.done <- struct{}{}:
	default:
	}
}

// work does what follows from a record.
func (r *Reactor) work(ctx context.Context, record Record) error {
	if r.options.Work != nil {
		return r.options.Work(ctx, record)
	}
	event, err := r.engine.Codec.Open(record)
	if err != nil {
		return err
	}
	_, err = r.engine.settle(ctx, record, event, 1)
	return err
}

// Begin sets the cursor of a new reactor to the present. Whoever lets commands in
// calls it before: what is recorded then is followed, though the process die
// before Run.
func (r *Reactor) Begin(ctx context.Context) error {
	_, _, err := r.begin(ctx)
	return err
}

// begin gives the position to go on from; a new reactor starts at the present.
func (r *Reactor) begin(ctx context.Context) (Position, string, error) {
	info, err := r.engine.Log.Info(ctx)
	if err != nil {
		return 0, "", err
	}
	m, err := r.engine.Log.Mark(ctx, r.mark(), func(m Mark) ([]byte, bool) {
		return []byte(info.Head.Text(info.Store)), m.Revision == 0
	})
	if err != nil {
		return 0, "", err
	}
	position, err := ParsePosition(info.Store, string(m.Value))
	if err != nil {
		return 0, "", fmt.Errorf("eventstore: the cursor of the reactor %s: %w", r.options.Name, err)
	}
	return position, info.Store, r.learnParked(ctx)
}

func (r *Reactor) mark() string { return "reactor-" + r.options.Name }

// save moves the cursor to what is done, never back.
func (r *Reactor) save(ctx context.Context, store string) error {
	reached, _ := r.progress.reached()
	r.mu.Lock()
	same := reached == r.status.Position
	r.mu.Unlock()
	if same {
		return nil
	}
	_, err := r.engine.Log.Mark(ctx, r.mark(), func(m Mark) ([]byte, bool) {
		before, err := ParsePosition(store, string(m.Value))
		return []byte(reached.Text(store)), err == nil && before < reached
	})
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status.Position, r.status.Advanced = reached, time.Now()
	return nil
}

// judge tells what is to be done for a record; nil when nothing is left.
func (r *Reactor) judge(record *Record, seen map[uuid.UUID]int) *job {
	ours := r.options.Work == nil
	if ours && (record.Imported || r.engine.settled.has(record.ID)) {
		return nil
	}
	f, err := r.engine.Codec.Fact(*record)
	if err != nil {
		return &job{record: *record, key: record.Stream} // its work will fail likewise, and it is parked
	}
	if ours && r.engine.shown(f, seen) {
		return nil
	}
	return &job{record: *record, key: r.options.Lane(f)}
}

// shown tells that the log shows all that follows from a fact.
func (e *Engine) shown(f domain.Fact, seen map[uuid.UUID]int) bool {
	all, err := e.pursuits(f)
	return err == nil && !slices.ContainsFunc(all, func(p pursuit) bool { return !p.seen(seen) })
}

// seen tells that the log shows the intent, or what was done in its place.
func (p pursuit) seen(commands map[uuid.UUID]int) bool {
	if commands[p.command()] > 0 {
		return true
	}
	for i, other := range p.intent.Else {
		if !(pursuit{intent: other, name: elseName(p.name, i)}).seen(commands) {
			return false
		}
	}
	return len(p.intent.Else) > 0
}

// errStopped tells that a part of the reactor ended by itself.
var errStopped = errors.New("eventstore: a part of the reactor stopped")
