package projections

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"slices"

	"golang.org/x/sync/errgroup"

	"parley/eventstore"
)

// comparison is a view that is to be held against the log.
type comparison struct {
	size int64 // of its database
	// open begins it. Its error ends all comparisons: it is the log's, or the context's.
	open func(ctx context.Context, f *folding) error
}

// folding is a comparison under way: the plain fold beside a snapshot of the database.
type folding struct {
	out   *Verified
	p     *Projection
	view  *View
	plain *plainFold
	items chan []item
}

// Items go to the folds so many at once, and so many times that wait for each.
const (
	itemsAtOnce  = 512
	itemsWaiting = 4
)

// compareAll holds views against the log and answers in their order. To read and
// decode the log costs more than most folds, so that it is done for several views
// at a time: for as many as have no more rows, by the size of their files, than the
// two largest. A plain fold keeps its rows in memory.
func (r *Runner) compareAll(ctx context.Context, all []comparison, progress func(done, total uint64)) ([]Verified, error) {
	info, err := r.cfg.Log.Info(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]Verified, len(all))
	groups := together(all)
	for i, group := range groups {
		said := func(at eventstore.Position) {
			if progress != nil {
				progress(uint64(i)*uint64(info.Head)+uint64(min(at, info.Head)), uint64(len(groups))*uint64(info.Head))
			}
		}
		said(0)
		if err := r.compareGroup(ctx, all, group, out, said); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// together puts views, which are numbers, into groups that are compared at once: none
// larger than the largest view, unless fewer do with the room of the two largest.
func together(all []comparison) [][]int {
	order := make([]int, len(all))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(all[j].size, all[i].size) })
	within := func(room int64) (groups [][]int) {
		var left []int64 // of each group's room
		for _, i := range order {
			at := slices.IndexFunc(left, func(l int64) bool { return all[i].size <= l })
			if at < 0 {
				at = len(groups)
				groups, left = append(groups, nil), append(left, room)
			}
			groups[at] = append(groups[at], i)
			left[at] -= all[i].size
		}
		return groups
	}
	if len(all) < 2 {
		return within(0)
	}
	largest, next := all[order[0]].size, all[order[1]].size
	narrow, wide := within(largest), within(largest+next)
	if len(wide) < len(narrow) {
		return wide
	}
	return narrow
}

// compareGroup opens views, folds the log for them and compares each.
func (r *Runner) compareGroup(ctx context.Context, all []comparison, group []int, out []Verified, said func(eventstore.Position)) error {
	var folds []*folding
	err := func() error {
		for _, i := range group {
			f := &folding{out: &out[i]}
			if err := all[i].open(ctx, f); err != nil {
				return err
			}
			if f.view != nil {
				folds = append(folds, f)
			}
		}
		return r.foldAll(ctx, folds, said)
	}()
	for _, f := range folds {
		f.out.Err = errors.Join(f.out.Err, f.view.Close())
	}
	return err
}

// open begins a snapshot of a generation's database.
func (f *folding) open(ctx context.Context, g *generation) {
	if !g.db.hold() {
		f.out.Err = ErrBehind
		return
	}
	at := g.reached() // before the snapshot, as for View
	v, err := openView(ctx, g.db, at.saved, at.shown)
	if err != nil {
		f.out.Err = err
		return
	}
	f.out.Position = v.Position
	f.p, f.view, f.plain = g.p, v, newPlainFold(g.p)
	f.items = make(chan []item, itemsWaiting)
}

// foldAll reads the log once for all folds, each of which goes on by itself.
func (r *Runner) foldAll(ctx context.Context, folds []*folding, said func(eventstore.Position)) error {
	if len(folds) == 0 {
		return ctx.Err()
	}
	group, ctx := errgroup.WithContext(ctx)
	for _, f := range folds {
		group.Go(func() error { return f.run(ctx) })
	}
	group.Go(func() error { return r.readItems(ctx, folds, said) })
	return group.Wait()
}

// recovered makes an error of a panic, so that it ends what was asked for and not
// the process.
func recovered(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("projections: panic: %v\n%s", p, debug.Stack())
	}
}

// readItems decodes what any fold asks for and hands it to all of them.
func (r *Runner) readItems(ctx context.Context, folds []*folding, said func(eventstore.Position)) (err error) {
	defer recovered(&err)
	q := eventstore.Query{Lend: true}
	for _, f := range folds {
		q.Until = max(q.Until, f.view.Position)
		q.Kinds = append(q.Kinds, f.p.Kinds...)
	}
	var items []item
	send := func() error {
		for _, f := range folds {
			select {
			case f.items <- items:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		items = make([]item, 0, itemsAtOnce)
		return nil
	}
	if q.Until > 0 {
		for rec, err := range r.cfg.Log.Read(ctx, q) {
			if err != nil {
				return err
			}
			if items = append(items, prepare(r.cfg.Codec, &rec)); len(items) >= itemsAtOnce {
				if err := send(); err != nil {
					return err
				}
				said(rec.Position)
			}
		}
	}
	if err := errors.Join(ctx.Err(), send()); err != nil {
		return err
	}
	for _, f := range folds { // not closed when the log could not be read to its end
		close(f.items)
	}
	return nil
}

// run folds what is read, and compares once all is. What the database says stays
// with its view.
func (f *folding) run(ctx context.Context) (err error) {
	defer recovered(&err)
	for {
		select {
		case items, more := <-f.items:
			if !more {
				f.out.Difference, f.out.Err = f.compare(ctx)
				f.plain = nil // its rows are many
				return ctx.Err()
			}
			for i := range items {
				if it := &items[i]; it.at.Position <= f.view.Position && slices.Contains(f.p.Kinds, it.kind) {
					f.plain.fold(it)
				}
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (f *folding) compare(ctx context.Context) (*Difference, error) {
	if d, err := f.plain.compare(ctx, f.view); d != nil || err != nil {
		return d, err
	}
	return compareIndexes(ctx, f.p.Name, f.view)
}

// size tells how large the file is, and what waits to be taken over into it: an
// estimate.
func (d *database) size() (bytes int64) {
	for _, path := range []string{d.path, d.path + "-wal"} {
		if info, err := os.Stat(path); err == nil {
			bytes += info.Size()
		}
	}
	return bytes
}
