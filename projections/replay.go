package projections

import (
	"cmp"
	"context"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"parley/eventstore"
)

// recordsAtOnce is how many records one worker decodes in one go.
const recordsAtOnce = 512

// block is a run of records: read by one goroutine, decoded by any of several,
// folded in the order it was read, and used again.
type block struct {
	records []eventstore.Record
	data    []byte // of the records
	items   []item
	ready   chan struct{}
	folding atomic.Int32 // generations that have not folded it yet
}

var blocks = sync.Pool{New: func() any {
	return &block{records: make([]eventstore.Record, 0, recordsAtOnce), items: make([]item, 0, recordsAtOnce)}
}}

func newBlock() *block {
	b, _ := blocks.Get().(*block)
	b.ready = make(chan struct{})
	return b
}

// done gives back a block that was folded everywhere.
func (b *block) done() {
	clear(b.records)
	clear(b.items)
	b.records, b.data, b.items = b.records[:0], b.data[:0], b.items[:0]
	blocks.Put(b)
}

// replay folds the log into generations, up to a position, decoding each
// record once for all of them, and writes what remains. each is told how far
// it is and how many events that were.
func (r *Runner) replay(ctx context.Context, gens []*generation, until eventstore.Position, each func(eventstore.Position, int)) error {
	if len(gens) == 0 || until == 0 {
		return nil
	}
	after, kinds := gens[0].pos, []string(nil)
	for _, g := range gens {
		after = min(after, g.pos)
		kinds = append(kinds, g.p.Kinds...)
	}
	if after >= until {
		return flushAll(gens)
	}
	group, inner := errgroup.WithContext(ctx)
	workers := max(2, min(4, runtime.GOMAXPROCS(0)))
	undecoded := make(chan *block, 2*workers)
	all := []chan<- *block{undecoded}
	var telling sync.Mutex
	room := &room{limit: r.room, taken: map[*generation]int{}}
	for _, g := range gens {
		room.taken[g] = 0
		g.db.writer.pace = func() { r.giveWay(ctx) }
		defer func() { g.db.writer.pace = nil }()
	}
	for _, g := range gens {
		ordered := make(chan *block, 2*workers)
		all = append(all, ordered)
		group.Go(func() error {
			return r.foldBlocks(inner, g, room, ordered, func(b *block) {
				if b.folding.Add(-1) > 0 {
					return
				}
				if n := len(b.items); n > 0 && each != nil {
					telling.Lock()
					each(b.items[n-1].at.Position, n)
					telling.Unlock()
				}
				b.done()
			})
		})
	}
	group.Go(func() error {
		for _, c := range all {
			defer close(c)
		}
		return readBlocks(inner, r.cfg.Log, eventstore.Query{After: after, Until: until, Kinds: kinds}, len(gens), all...)
	})
	for range workers {
		group.Go(func() error {
			for b := range undecoded {
				b.decode(r.cfg.Codec)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for _, g := range gens {
		g.pass(until)
	}
	return flushAll(gens)
}

// flushAll writes each generation into its own database, side by side.
func flushAll(gens []*generation) error {
	gens = slices.Clone(gens)
	slices.SortStableFunc(gens, func(a, b *generation) int { return cmp.Compare(b.weigh(), a.weigh()) }) // what takes longest first
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for _, g := range gens {
		group.Go(g.flush)
	}
	return group.Wait()
}

// finishAll ends the building of those that were built, side by side.
func finishAll(gens []*generation) error {
	gens = slices.Clone(gens)
	slices.SortStableFunc(gens, func(a, b *generation) int { return cmp.Compare(b.reached().written, a.reached().written) })
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for _, g := range gens {
		group.Go(g.finish)
	}
	return group.Wait()
}

// readBlocks reads the log into blocks and hands each to the decoders and, in
// order, to the folds, of which there are so many.
func readBlocks(ctx context.Context, log eventstore.Log, q eventstore.Query, folds int, to ...chan<- *block) error {
	b := newBlock()
	send := func() error {
		b.folding.Store(int32(folds))
		for _, c := range to {
			select {
			case c <- b:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		b = newBlock()
		return nil
	}
	q.Lend = true
	for rec, err := range log.Read(ctx, q) {
		if err != nil {
			return err
		}
		at := len(b.data)
		b.data = append(b.data, rec.Data...)
		rec.Data, rec.BodyHash = b.data[at:len(b.data):len(b.data)], nil
		if b.records = append(b.records, rec); len(b.records) == recordsAtOnce {
			if err := send(); err != nil {
				return err
			}
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return send()
}

func (b *block) decode(d Decoder) {
	b.items = b.items[:len(b.records)]
	for i := range b.records {
		b.items[i].fill(d, &b.records[i])
	}
	close(b.ready)
}

// foldBlocks folds block after block into one generation, and writes when much
// has gathered. Generations share nothing but what is only read.
func (r *Runner) foldBlocks(ctx context.Context, g *generation, room *room, blocks <-chan *block, done func(*block)) error {
	for {
		var b *block
		select {
		case b = <-blocks:
		case <-ctx.Done():
			return ctx.Err()
		}
		if b == nil {
			return nil
		}
		select {
		case <-b.ready:
		case <-ctx.Done():
			return ctx.Err()
		}
		for i := range b.items {
			if err := g.fold(ctx, r.cfg.Log, r.cfg.Codec, &b.items[i]); err != nil {
				return err
			}
		}
		if room.full(g) {
			if err := g.flush(); err != nil {
				return err
			}
			g.shed(room.limit / 32)
		}
		done(b)
	}
}

// room is the memory that the rows of the generations folded together share.
type room struct {
	limit int
	mu    sync.Mutex
	taken map[*generation]int // bytes, by estimate
	total int
}

// full tells that a generation has to write, and to drop what it wrote: of
// those that are built, when all together have taken the room, and this one its
// part of it or more. Rows are written as seldom as the memory allows: each of
// them once, if it can be.
func (m *room) full(g *generation) bool {
	bytes := g.weigh()
	if !g.rows.building {
		return g.since >= eventsAtOnce && (bytes >= bytesKept || g.since >= 20*eventsAtOnce)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.total += bytes - m.taken[g]
	m.taken[g] = bytes
	return m.total >= m.limit && bytes*len(m.taken) >= m.total
}

// shed leaves a quarter of the rows in memory, those used last; a table that
// takes no more than little keeps all.
func (g *generation) shed(little int) {
	if !g.rows.building {
		return
	}
	for _, t := range g.tables {
		t.shed(max(t.weigh()/4, little))
	}
}
