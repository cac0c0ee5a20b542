package projections

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"parley/eventstore"
)

// Difference is the first row that the database and the plain fold do not have
// alike. An empty column is the whole row. The table "indexes" tells of those that
// are not as their tables.
type Difference struct {
	Projection, Table, Key, Column string
	Want, Got                      string // the plain fold's, the database's
}

func (d *Difference) Error() string {
	return fmt.Sprintf("projections: %s differs from the log: table %s, key %s, column %s: want %s, got %s",
		d.Projection, d.Table, d.Key, d.Column, d.Want, d.Got)
}

// Verified is how far a view was held against the log.
type Verified struct {
	Difference *Difference         // the first; nil: it is as the log
	Position   eventstore.Position // up to which it was compared
	Head       eventstore.Position // of the log, when the comparison began
	Paused     bool
	Err        error // why it was not compared: ErrBehind while it is built anew, else what its database says
}

// Short tells, by a word, why what was on record when the comparison began was
// not all compared; empty when it was.
func (v Verified) Short() string {
	switch {
	case v.Position >= v.Head:
		return ""
	case v.Paused:
		return "paused"
	}
	return "behind"
}

// Verify folds the log a second, independent way, up to the checkpoint of a
// snapshot of the database, and compares every row. It waits for a view that is
// on its way to the head of the log, as long as it goes on.
func (r *Runner) Verify(ctx context.Context, name string) (Verified, error) {
	all, err := r.VerifyAll(ctx, []string{name}, nil)
	if err != nil {
		return Verified{}, err
	}
	return all[0], all[0].Err
}

// VerifyAll is Verify of several, which reads the log once for as many of them as
// fit into memory together. It answers in the order of the names; the error tells
// that the log could not be read. Progress is told in positions.
func (r *Runner) VerifyAll(ctx context.Context, names []string, progress func(done, total uint64)) ([]Verified, error) {
	var all []comparison
	for _, name := range names {
		s, err := r.slotOf(name)
		if err != nil {
			return nil, err
		}
		s.mu.Lock()
		g := s.gen
		s.mu.Unlock()
		c := comparison{open: func(ctx context.Context, f *folding) error { return r.openCurrent(ctx, s, f) }}
		if g != nil {
			c.size = g.db.size()
		}
		all = append(all, c)
	}
	return r.compareAll(ctx, all, progress)
}

// openCurrent begins the comparison of the generation that is served.
func (r *Runner) openCurrent(ctx context.Context, s *slot, f *folding) error {
	if err := r.Wait(ctx, s.p.Name, 0); err != nil {
		return err
	}
	info, err := r.cfg.Log.Info(ctx)
	if err != nil {
		return err
	}
	r.await(ctx, s, info.Head)
	s.mu.Lock()
	g, stale, paused := s.gen, s.stale, s.paused
	s.mu.Unlock()
	f.out.Head, f.out.Paused = info.Head, paused
	if g == nil || stale {
		f.out.Err = ErrBehind
		return nil
	}
	f.open(ctx, g)
	return nil
}

// await waits for a position while the view comes nearer to it.
func (r *Runner) await(ctx context.Context, s *slot, position eventstore.Position) {
	for s.advancing() != nil {
		before, _ := s.shown()
		some, cancel := context.WithTimeout(ctx, r.patience)
		err := r.Wait(some, s.p.Name, position)
		cancel()
		if after, _ := s.shown(); err == nil || after <= before || ctx.Err() != nil {
			return
		}
	}
}

// compareIndexes has SQLite hold every index against its table: a query that goes by
// an index would pass over a row which is not there, and tell nobody.
func compareIndexes(ctx context.Context, name string, v *View) (*Difference, error) {
	said := ""
	err := v.each(ctx, "PRAGMA integrity_check(1)", nil, func(values []any) error {
		said, _ = values[0].(string)
		return nil
	})
	if err != nil || said == "ok" {
		return nil, err
	}
	return &Difference{Projection: name, Table: "indexes", Key: "all", Want: "as the tables", Got: said}, nil
}

// plainFold folds events into maps.
type plainFold struct {
	p      *Projection
	rows   *Rows
	tables []judge
	parked map[string]bool
}

func newPlainFold(p *Projection) *plainFold {
	f := &plainFold{p: p, rows: &Rows{}, parked: map[string]bool{}}
	for _, t := range p.Tables {
		j := t.plain(f.rows)
		f.rows.shapes = append(f.rows.shapes, t.shape())
		f.rows.stores = append(f.rows.stores, j)
		f.tables = append(f.tables, j)
	}
	return f
}

// fold applies one event wholly or parks its stream.
func (f *plainFold) fold(it *item) {
	if f.parked[it.at.Stream] {
		return
	}
	f.rows.fault = nil
	fault := apply(f.p, f.rows, it)
	if fault == nil {
		fault = f.rows.fault
	}
	for _, t := range f.tables {
		if fault == nil {
			fault = t.weigh()
		}
	}
	for _, t := range f.tables {
		if fault == nil {
			t.keep()
		} else {
			t.forget()
		}
	}
	if fault != nil {
		f.parked[it.at.Stream] = true
	}
}

// compare finds the first difference from a snapshot of the database.
func (f *plainFold) compare(ctx context.Context, v *View) (*Difference, error) {
	for i, t := range f.tables {
		d, err := compareTable(ctx, v, f.rows.shapes[i], t.encoded())
		if d != nil {
			d.Projection = f.p.Name
		}
		if d != nil || err != nil {
			return d, err
		}
	}
	return f.compareParked(ctx, v)
}

func compareTable(ctx context.Context, v *View, s *shape, want map[string][]any) (*Difference, error) {
	var diff *Difference
	seen := 0
	err := v.each(ctx, s.scan(), nil, func(got []any) error {
		if diff != nil {
			return nil
		}
		parts := make([]any, len(s.keys))
		for i, k := range s.keys {
			parts[i] = got[k]
		}
		key, err := s.key(parts)
		if err != nil {
			return err
		}
		seen++
		diff = s.compareRow(key, want[key], got)
		return nil
	})
	if err != nil || diff != nil || seen == len(want) {
		return diff, err
	}
	have := map[string]bool{}
	err = v.each(ctx, s.scan(), nil, func(got []any) error {
		parts := make([]any, len(s.keys))
		for i, k := range s.keys {
			parts[i] = got[k]
		}
		key, err := s.key(parts)
		have[key] = true
		return err
	})
	missing := make([]string, 0, 1)
	for key := range want {
		if !have[key] {
			missing = append(missing, key)
		}
	}
	slices.Sort(missing)
	if err != nil || len(missing) == 0 {
		return nil, err
	}
	return &Difference{Table: s.name, Key: s.showKey(missing[0]), Want: fmt.Sprint(want[missing[0]]), Got: "no row"}, nil
}

func (s *shape) compareRow(key string, want, got []any) *Difference {
	if want == nil {
		return &Difference{Table: s.name, Key: s.showKey(key), Want: "no row", Got: fmt.Sprint(got)}
	}
	for i := range got {
		if got[i] != want[i] {
			return &Difference{Table: s.name, Key: s.showKey(key), Column: s.columns[i].name, Want: fmt.Sprint(want[i]), Got: fmt.Sprint(got[i])}
		}
	}
	return nil
}

// showKey writes a key for people.
func (s *shape) showKey(key string) string {
	parts := s.parts(key)
	texts := make([]string, len(parts))
	for i, p := range parts {
		texts[i] = fmt.Sprint(p)
	}
	return strings.Join(texts, ", ")
}

// compareParked compares which streams are parked.
func (f *plainFold) compareParked(ctx context.Context, v *View) (diff *Difference, err error) {
	left := map[string]bool{}
	for stream := range f.parked {
		left[stream] = true
	}
	err = v.each(ctx, "SELECT DISTINCT stream FROM parley_parked ORDER BY stream", nil, func(values []any) error {
		stream, _ := values[0].(string)
		if !f.parked[stream] && diff == nil {
			diff = &Difference{f.p.Name, "parley_parked", stream, "", "not parked", "parked"}
		}
		delete(left, stream)
		return nil
	})
	for _, stream := range slices.Sorted(maps.Keys(left)) {
		if diff == nil {
			diff = &Difference{f.p.Name, "parley_parked", stream, "", "parked", "not parked"}
		}
	}
	return diff, err
}
