package projections

import (
	"context"
	"time"

	"parley/domain"
	"parley/eventstore"
)

// stalledAfter is how long a projection may be behind without advancing.
const stalledAfter = 10 * time.Second

// States of a projection.
const (
	StateLive     = "live"
	StateBuilding = "building" // the first one is being built
	StateStale    = "stale"    // an older version, or what cannot be written, is served while a new one is built
	StatePaused   = "paused"
)

// Status is how a projection is doing.
type Status struct {
	Name       string
	Version    int
	State      string
	Checkpoint eventstore.Position // how far its rows show the log
	Head       eventstore.Position // how far the log is
	// Lag is the distance from one to the other in the log; Delay is how long
	// the first event that it has not shown has been on record.
	Lag      uint64
	Delay    time.Duration
	Advanced time.Time // when Checkpoint moved last, or this process began
	Stalled  bool      // behind and not advancing
	Parked   int       // events put aside
	Events   int64     // folded by this generation
	Rows     int64     // written by this generation
	Building *Progress // of a rebuild that runs
	Failure  string    // what keeps it from advancing
	File     string
}

// Parked is an event that could not be folded, or follows such a one in its stream.
type Parked struct {
	Stream   string
	Position eventstore.Position
	Error    string
}

// Status tells of all projections, in the order they were declared.
func (r *Runner) Status(ctx context.Context) ([]Status, error) {
	info, err := r.cfg.Log.Info(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]Status, 0, len(r.slots))
	for _, s := range r.slots {
		st, err := r.statusOf(ctx, s, info.Head)
		if err != nil {
			return nil, err
		}
		out = append(out, st)
	}
	return out, nil
}

func (r *Runner) statusOf(ctx context.Context, s *slot, head eventstore.Position) (Status, error) {
	s.mu.Lock()
	st := Status{Name: s.p.Name, Version: s.p.Version, State: StateLive, Head: head, Failure: s.failure}
	if s.building != nil {
		b := *s.building
		st.Building = &b
	}
	switch {
	case s.paused:
		st.State = StatePaused
	case s.gen == nil:
		st.State = StateBuilding
	case s.stale:
		st.State = StateStale
	}
	if g := s.gen; g != nil {
		at := g.reached()
		st.Checkpoint, st.Advanced, st.Parked, st.Events, st.Rows = at.shown, at.advanced, at.parked, at.folded, at.written
		st.File = g.db.path
	}
	s.mu.Unlock()
	if st.Checkpoint >= head {
		return st, nil
	}
	st.Lag = uint64(head - st.Checkpoint)
	now := r.cfg.Now()
	for rec, err := range r.cfg.Log.Read(ctx, eventstore.Query{After: st.Checkpoint, Kinds: s.p.Kinds, Limit: 1}) {
		if err != nil {
			return st, err
		}
		st.Delay = max(0, now.Sub(rec.RecordedAt))
	}
	st.Stalled = st.Building == nil && st.Delay > stalledAfter && now.Sub(st.Advanced) > stalledAfter
	return st, nil
}

// Parked lists the events that a projection has put aside, by stream.
func (r *Runner) Parked(ctx context.Context, name string) ([]Parked, error) {
	v, err := r.View(ctx, name, 0)
	if err != nil {
		return nil, err
	}
	var out []Parked
	err = v.each(ctx, "SELECT stream, position, error FROM parley_parked ORDER BY stream, position", nil, func(values []any) error {
		stream, _ := values[0].(string)
		position, _ := values[1].(int64)
		reason, _ := values[2].(string)
		out = append(out, Parked{stream, eventstore.Position(position), reason})
		return nil
	})
	if closing := v.Close(); err == nil {
		err = closing
	}
	return out, err
}

// Pause keeps a projection where it is until Resume; it is served meanwhile.
// It stays paused over a restart.
func (r *Runner) Pause(name string) error {
	return r.setPaused(context.Background(), name, true)
}

// Resume brings a paused projection up to date and lets it go on. What was
// written during a long pause is folded as in a rebuild, beside the views that
// go on; only the rest is folded while they wait.
func (r *Runner) Resume(ctx context.Context, name string) error {
	slots, err := r.claim([]string{name})
	if err != nil {
		return err
	}
	defer r.unclaim(slots)
	s := slots[0]
	s.mu.Lock()
	g, paused, stale := s.gen, s.paused, s.stale
	s.mu.Unlock()
	if g != nil && !stale && paused { // else there is nothing to do, or it is refused below
		if err := r.build(ctx, slots, []*generation{g}, nil); err != nil {
			return joinUndo(err, r.reset(s, g))
		}
	}
	return r.setPaused(ctx, name, false)
}

func (r *Runner) setPaused(ctx context.Context, name string, paused bool) error {
	s, err := r.slotOf(name)
	if err != nil {
		return err
	}
	r.step.Lock()
	defer r.step.Unlock()
	s.mu.Lock()
	g, was, stale := s.gen, s.paused, s.stale
	s.mu.Unlock()
	if g == nil || stale {
		return domain.Refuse("rebuild_running", "ANA-1", name+" is being built: wait until that has ended")
	}
	if was == paused {
		return nil
	}
	if err := g.catchUp(ctx, r.cfg.Log, r.cfg.Codec, r.read); err != nil {
		return joinUndo(err, r.reset(s, g))
	}
	if err := g.flush(); err != nil {
		return joinUndo(err, r.reset(s, g))
	}
	if err := r.cat.put(activeFile{name, s.p.Version, s.p.file(g.number), paused}); err != nil {
		return err
	}
	s.mu.Lock()
	s.paused = paused
	s.mu.Unlock()
	r.publish(s)
	return nil
}
