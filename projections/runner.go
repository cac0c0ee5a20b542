package projections

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"parley/domain"
	"parley/eventstore"
)

// Bounds of a batch: how long the first event waits for company, how long when
// the log is far ahead, how many events one transaction holds at most, and how
// long a checkpoint that moved over ignored events only stays in memory.
const (
	flushAfter   = 5 * time.Millisecond
	flushBehind  = 100 * time.Millisecond
	flushIgnored = time.Second
	eventsAtOnce = 50_000
	foldAtOnce   = 1_000 // events folded before anybody who waits is looked after

	// flushShare is how many times as long as a write took passes before the
	// projection's next one that nobody waits for, flushMost at most. There are some
	// ten projections, so that all of them take a third of one processor; and as a
	// write takes the longer the more there is to write, a log that goes on fast is
	// written seldom, more at once.
	flushShare = 25
	flushMost  = 400 * time.Millisecond
	// Below flushCalm events a second, of all together, a projection rests for
	// flushSoon at most: the processor has time, and whoever looks sees what has just
	// happened. Below flushBusy, which two thousand commands of all sorts stay under,
	// it rests no longer than flushTogether times what the last writes of all took.
	flushCalm     = 2_500
	flushSoon     = 12 * time.Millisecond
	flushBusy     = 3_300
	flushTogether = 3
	// flushLazy is how late a lazy projection is written.
	flushLazy = 500 * time.Millisecond
)

// Config is what a runner needs.
type Config struct {
	Log         eventstore.Log
	Codec       Decoder
	Dir         string // the folder of the databases; all of it may be deleted
	Projections []Projection
	Now         func() time.Time // nil is time.Now; only for the times it tells
	Logger      *slog.Logger     // is told what keeps the views from going on; nil: nobody
}

// Runner keeps projections up to date and serves snapshots of them.
type Runner struct {
	cfg    Config
	store  string
	cat    *catalogue
	slots  []*slot
	byName map[string]*slot

	step sync.Mutex          // held by whoever advances what is served
	read eventstore.Position // how far the live follower has read; under step
	pace pace                // of the log; under step
	busy atomic.Int64        // when the live follower folded last, in Unix nanoseconds

	urgent  chan struct{} // a query waits
	missing chan struct{} // a database is to be made anew

	room     int           // bytes of rows in memory while generations are built; only tests set it, to less
	patience time.Duration // with a view that is compared and does not go on; only tests set it, to less

	mu       sync.Mutex
	watchers map[chan struct{}]struct{}
}

// slot is the place of one projection: the generation that is served.
type slot struct {
	p Projection

	mu       sync.Mutex
	gen      *generation // nil until the first is built
	stale    bool        // gen is of another version, or cannot be written: read, but not advanced
	paused   bool
	number   int       // the last generation's
	building *Progress // a rebuild runs
	failure  string    // the last failure of database or log; empty once it goes on
	waiters  []*waiter
}

// Open opens the databases. What is missing, damaged, of another version, of
// another log or ahead of the log is built when Run or CatchUp runs.
func Open(ctx context.Context, cfg Config) (*Runner, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	r := &Runner{cfg: cfg, room: bytesBuilt, patience: stalledAfter, byName: map[string]*slot{}, urgent: make(chan struct{}, 1), missing: make(chan struct{}, 1), watchers: map[chan struct{}]struct{}{}}
	for _, p := range cfg.Projections {
		if err := p.check(); err != nil {
			return nil, err
		}
		if r.byName[p.Name] != nil {
			return nil, fmt.Errorf("projections: %s is declared twice", p.Name)
		}
		s := &slot{p: p}
		r.slots, r.byName[p.Name] = append(r.slots, s), s
	}
	info, err := cfg.Log.Info(ctx)
	if err != nil {
		return nil, err
	}
	r.store = info.Store
	if r.cat, err = openCatalogue(cfg.Dir); err != nil {
		return nil, err
	}
	rows, err := r.cat.all()
	if err == nil {
		err = r.cat.sweep(rows)
	}
	for _, s := range r.slots {
		if row, ok := rows[s.p.Name]; ok && err == nil {
			err = r.openSlot(s, row, info)
		}
	}
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// openSlot opens the database that the catalogue names, if it can be used.
func (r *Runner) openSlot(s *slot, row activeFile, info eventstore.Info) error {
	_, s.number, _ = numbers(row.file)
	s.paused = row.paused
	db, c, err := openDatabase(filepath.Join(r.cfg.Dir, row.file))
	if errors.Is(err, errUnusable) {
		return nil
	}
	if err != nil {
		return err
	}
	if c.Store != info.Store || c.Position > info.Head || c.Schema != s.p.schema() {
		return db.close() // the rows cannot be read, or tell of what is not in this log
	}
	s.stale = c.Version != s.p.Version
	db.alarm = r.alarm
	if s.gen, err = openGeneration(&s.p, s.number, db, c); err != nil {
		s.gen = nil
		return db.close()
	}
	s.gen.progress.advanced = r.cfg.Now()
	return nil
}

// alarm has the follower look at what is damaged.
func (r *Runner) alarm() { ring(r.urgent) }

// Run keeps all projections up to date until ctx is done. A failing database
// or log is tried again; Status tells of it.
func (r *Runner) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return r.retry(ctx, r.follow) })
	g.Go(func() error {
		for {
			if err := r.retry(ctx, r.buildMissing); err != nil {
				return err
			}
			select {
			case <-r.missing:
			case <-ctx.Done():
				return nil
			}
		}
	})
	return g.Wait()
}

// retry runs until success, until ctx is done or until the log is closed.
func (r *Runner) retry(ctx context.Context, run func(context.Context) error) error {
	const shortest, longest = 50 * time.Millisecond, 5 * time.Second
	for wait := shortest; ; wait = min(2*wait, longest) {
		began := time.Now()
		err := run(ctx)
		if err == nil || ctx.Err() != nil {
			return nil
		}
		if errors.Is(err, eventstore.ErrClosed) {
			return err
		}
		r.fail(err)
		if time.Since(began) > 2*longest { // it went well for long: what failed before says nothing of this
			wait = shortest
		}
		t := time.NewTimer(wait)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return nil
		}
	}
}

// fail notes a failure where Status shows it, and tells of it once.
func (r *Runner) fail(err error) {
	known := true
	for _, s := range r.slots {
		s.mu.Lock()
		known = known && s.failure == err.Error()
		s.failure = err.Error()
		s.mu.Unlock()
	}
	if !known {
		r.cfg.Logger.Error("the views do not go on, and try again", "error", err)
	}
	r.ringAll()
}

// CatchUp brings every projection to the head of the log and returns: for
// commands that do not stay.
func (r *Runner) CatchUp(ctx context.Context) error {
	if err := r.buildMissing(ctx); err != nil {
		return err
	}
	info, err := r.cfg.Log.Info(ctx)
	if err != nil {
		return err
	}
	r.step.Lock()
	defer r.step.Unlock()
	var gens []*generation
	for _, s := range r.slots {
		if g := s.advancing(); g != nil {
			gens = append(gens, g)
		}
	}
	if err := r.replay(ctx, gens, info.Head, nil); err != nil {
		return errors.Join(err, r.resetAll())
	}
	r.read = max(r.read, info.Head)
	for _, s := range r.slots {
		if s.advancing() != nil { // a paused one may be caught up at this moment
			r.publish(s)
		}
	}
	return nil
}

// buildMissing builds what has no usable database, and what is of another
// version, beside what is served.
func (r *Runner) buildMissing(ctx context.Context) error {
	var names []string
	for _, s := range r.slots {
		s.mu.Lock()
		if (s.gen == nil || s.stale) && s.building == nil {
			names = append(names, s.p.Name)
		}
		s.mu.Unlock()
	}
	if len(names) == 0 {
		return nil
	}
	return r.Rebuild(ctx, names, nil)
}

// advancing is the generation to advance, if there is one.
func (s *slot) advancing() *generation {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stale || s.paused {
		return nil
	}
	return s.gen
}

// resetAll resets all that is advanced.
func (r *Runner) resetAll() error {
	var errs []error
	for _, s := range r.slots {
		if g := s.advancing(); g != nil {
			errs = append(errs, r.reset(s, g))
		}
	}
	return errors.Join(errs...)
}

// reset throws away what a generation has not written, after a failure. One that
// cannot be written any more is made anew, beside what is served; one whose rows
// may be old is not served until then. Of a file that is gone SQLite says one thing
// or another, if anything: it is looked for.
func (r *Runner) reset(s *slot, g *generation) error {
	w := g.db.writer
	w.lookFor()
	if w.broken == nil {
		return g.discard()
	}
	var err error
	if !w.lost {
		err = g.discard()
	}
	s.mu.Lock()
	s.stale = true
	if w.lost {
		s.gen = nil
	}
	s.mu.Unlock()
	ring(r.missing)
	if w.lost {
		err = errors.Join(err, g.db.retire())
	}
	return err
}

// slotOf finds a projection by its name.
func (r *Runner) slotOf(name string) (*slot, error) {
	if s := r.byName[name]; s != nil {
		return s, nil
	}
	return nil, domain.Invalid("projection", fmt.Sprintf("there is no projection %q: list them to see their names", name))
}

// Close writes what is in memory and closes the databases. Run has returned
// and all views are closed by then.
func (r *Runner) Close() error {
	r.step.Lock()
	defer r.step.Unlock()
	errs := []error{r.throwAway()}
	for _, s := range r.slots {
		if g := s.advancing(); g != nil {
			errs = append(errs, g.flush())
		}
		if s.gen != nil {
			errs = append(errs, s.gen.db.close())
		}
	}
	return errors.Join(append(errs, r.cat.close())...)
}
