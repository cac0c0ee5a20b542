package projections

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"parley/eventstore"
)

// Difference is the first row that the database and the plain fold do not have
// alike. An empty column is the whole row.
type Difference struct {
	Projection, Table, Key, Column string
	Want, Got                      string // the plain fold's, the database's
}

func (d *Difference) Error() string {
	return fmt.Sprintf("projections: %s differs from the log: table %s, key %s, column %s: want %s, got %s",
		d.Projection, d.Table, d.Key, d.Column, d.Want, d.Got)
}

// Verify folds the log a second, independent way, up to the checkpoint of a
// snapshot of the database, and compares every row. It answers nil when they
// are alike.
func (r *Runner) Verify(ctx context.Context, name string) (*Difference, error) {
	s, err := r.slotOf(name)
	if err != nil {
		return nil, err
	}
	if err := r.Wait(ctx, name, 0); err != nil {
		return nil, err
	}
	s.mu.Lock()
	g, stale := s.gen, s.stale
	s.mu.Unlock()
	if g == nil || stale {
		return nil, ErrBehind
	}
	return r.compare(ctx, g)
}

// compare holds a generation's database against the plain fold.
func (r *Runner) compare(ctx context.Context, g *generation) (diff *Difference, err error) {
	if !g.db.hold() {
		return nil, ErrBehind
	}
	v, err := openView(ctx, g.db, 0, 0)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, v.Close()) }()
	f := newPlainFold(g.p)
	if v.Position > 0 {
		for rec, err := range r.cfg.Log.Read(ctx, eventstore.Query{Until: v.Position, Kinds: g.p.Kinds, Lend: true}) {
			if err != nil {
				return nil, err
			}
			it := prepare(r.cfg.Codec, &rec)
			f.fold(&it)
		}
	}
	return f.compare(ctx, v)
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
