package projections

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"parley/domain"
	"parley/eventstore"
)

// Progress tells how far a rebuild of one projection is. Done and Total are
// places in the log; PerSecond counts the events decoded.
type Progress struct {
	Name        string
	Done, Total eventstore.Position
	PerSecond   float64
	ETA         time.Duration
}

// reportEvery is how often progress is told.
const reportEvery = 200 * time.Millisecond

// Rebuild builds projections anew beside those that are served, from the whole
// log and decoding it once, and then switches to all of them in one
// transaction. Reads and writes go on meanwhile. Without names it rebuilds all.
func (r *Runner) Rebuild(ctx context.Context, names []string, progress func(Progress)) error {
	return r.rebuild(ctx, names, progress, false)
}

// RebuildCompared is Rebuild that holds each new database against the plain
// fold before it switches, and leaves everything as it was when they differ:
// the error is then the *Difference.
func (r *Runner) RebuildCompared(ctx context.Context, names []string, progress func(Progress)) error {
	return r.rebuild(ctx, names, progress, true)
}

func (r *Runner) rebuild(ctx context.Context, names []string, progress func(Progress), compare bool) error {
	slots, err := r.claim(names)
	if err != nil {
		return err
	}
	defer r.unclaim(slots)
	var gens []*generation
	for _, s := range slots {
		g, err := r.create(s)
		if err != nil {
			return errors.Join(err, removeAll(gens))
		}
		gens = append(gens, g)
	}
	if err := r.build(ctx, slots, gens, progress); err != nil {
		return errors.Join(err, removeAll(gens))
	}
	if compare {
		if err := r.compareBuilt(ctx, gens); err != nil {
			return errors.Join(err, removeAll(gens))
		}
	}
	return r.adopt(ctx, slots, gens)
}

// compareBuilt holds new generations against the log; the error is the first
// *Difference, or why they could not be compared.
func (r *Runner) compareBuilt(ctx context.Context, gens []*generation) error {
	all := make([]comparison, len(gens))
	for i, g := range gens {
		all[i] = comparison{size: g.db.size(), open: func(ctx context.Context, f *folding) error {
			f.open(ctx, g)
			return nil
		}}
	}
	verified, err := r.compareAll(ctx, all, nil)
	for _, v := range verified {
		if v.Difference != nil {
			return v.Difference
		}
		if v.Err != nil {
			return v.Err
		}
	}
	return err
}

// claim marks projections as being built or caught up, so that nobody does
// either twice at a time.
func (r *Runner) claim(names []string) ([]*slot, error) {
	slots := r.slots
	if len(names) > 0 {
		slots = nil
		for _, name := range names {
			s, err := r.slotOf(name)
			if err != nil {
				return nil, err
			}
			slots = append(slots, s)
		}
	}
	for i, s := range slots {
		s.mu.Lock()
		running := s.building != nil
		if !running {
			s.building = &Progress{Name: s.p.Name}
		}
		s.mu.Unlock()
		if running {
			r.unclaim(slots[:i])
			return nil, domain.Refuse("rebuild_running", "ANA-1", s.p.Name+" is being rebuilt or brought up to date: wait until that has ended")
		}
	}
	return slots, nil
}

// unclaim ends that. Whoever passed over a projection meanwhile that is to be made
// anew is told again.
func (r *Runner) unclaim(slots []*slot) {
	for _, s := range slots {
		s.mu.Lock()
		s.building = nil
		missing := s.gen == nil || s.stale
		s.mu.Unlock()
		if missing {
			ring(r.missing)
		}
	}
	r.ringAll()
}

// create makes the empty database of the next generation.
func (r *Runner) create(s *slot) (*generation, error) {
	s.mu.Lock()
	s.number++
	number := s.number
	s.mu.Unlock()
	db, err := createDatabase(filepath.Join(r.cfg.Dir, s.p.file(number)), &s.p, r.store)
	if err != nil {
		return nil, err
	}
	db.alarm = r.alarm
	g, err := openGeneration(&s.p, number, db, checkpoint{})
	if err != nil {
		return nil, errors.Join(err, db.remove())
	}
	g.progress.advanced = r.cfg.Now()
	return g, nil
}

func removeAll(gens []*generation) error {
	var errs []error
	for _, g := range gens {
		errs = append(errs, g.db.remove())
	}
	return errors.Join(errs...)
}

// build folds the log until little is left; a log that grows meanwhile is
// followed a few rounds.
func (r *Runner) build(ctx context.Context, slots []*slot, gens []*generation, progress func(Progress)) error {
	began, events, told := time.Now(), 0, time.Time{}
	for range 5 {
		info, err := r.cfg.Log.Info(ctx)
		if err != nil {
			return err
		}
		from := gens[0].pos
		err = r.replay(ctx, gens, info.Head, func(at eventstore.Position, n int) {
			if events += n; time.Since(told) >= reportEvery {
				told = time.Now()
				tell(slots, at, info.Head, float64(events), time.Since(began), progress)
			}
			r.giveWay(ctx)
		})
		if err != nil {
			return err
		}
		tell(slots, info.Head, info.Head, float64(events), time.Since(began), progress)
		if info.Head-from < foldAtOnce {
			break
		}
	}
	return finishAll(gens)
}

// giveWay makes a rebuild wait a little while the live follower is at work:
// who writes and reads now goes first.
func (r *Runner) giveWay(ctx context.Context) {
	if time.Since(time.Unix(0, r.busy.Load())) > 2*flushAfter {
		return
	}
	t := time.NewTimer(time.Millisecond)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// tell reports the progress of all that are built together.
func tell(slots []*slot, at, head eventstore.Position, events float64, took time.Duration, progress func(Progress)) {
	p := Progress{Done: at, Total: head}
	if took > 0 && at > 0 {
		p.PerSecond = events / took.Seconds()
		p.ETA = time.Duration(float64(took) * float64(head-at) / float64(at))
	}
	for _, s := range slots {
		p.Name = s.p.Name
		told := p
		s.mu.Lock()
		s.building = &told
		s.mu.Unlock()
		if progress != nil {
			progress(told)
		}
	}
}

// adopt brings the new generations to where the old ones are and switches to
// them: one transaction in the catalogue. The old files go when nobody reads them.
func (r *Runner) adopt(ctx context.Context, slots []*slot, gens []*generation) error {
	r.step.Lock()
	defer r.step.Unlock()
	rows := make([]activeFile, len(slots))
	for i, s := range slots {
		until := r.read
		s.mu.Lock()
		if s.gen != nil {
			until = max(until, s.gen.pos)
		}
		rows[i] = activeFile{s.p.Name, s.p.Version, s.p.file(gens[i].number), s.paused}
		s.mu.Unlock()
		if err := gens[i].catchUp(ctx, r.cfg.Log, r.cfg.Codec, until); err != nil {
			return errors.Join(err, removeAll(gens))
		}
	}
	if err := r.cat.put(rows...); err != nil {
		return errors.Join(fmt.Errorf("the switch: %w", err), removeAll(gens))
	}
	for i, s := range slots {
		s.mu.Lock()
		old := s.gen
		s.gen, s.stale = gens[i], false
		s.mu.Unlock()
		r.publish(s)
		if old == nil {
			continue
		}
		if err := old.db.retire(); err != nil { // the switch stands: the file goes at the next start
			s.mu.Lock()
			s.failure = err.Error()
			s.mu.Unlock()
		}
	}
	return nil
}
