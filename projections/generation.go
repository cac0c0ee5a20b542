package projections

import (
	"context"
	"fmt"
	"sync"
	"time"

	"parley/eventstore"
)

// generation is one database of a projection together with what is in memory
// over it: the live one, or one that is being built beside it. One goroutine
// at a time advances it; anyone may read its progress.
type generation struct {
	p      *Projection
	number int
	db     *database
	rows   *Rows
	tables []keeper

	pos         eventstore.Position // folded, or passed over, as far as this
	saved       eventstore.Position // the checkpoint in the database
	since       int                 // events folded since
	dirtyAt     time.Time           // when the first of them was
	flushed     time.Time           // when it was written last
	took        time.Duration       // so long did that take
	rest        time.Duration       // so long it is not written again without need
	parked      map[string]bool     // streams
	newlyParked []parked

	mu       sync.Mutex // guards what follows, which others read
	progress reached
}

// parked is an event that was put aside.
type parked struct {
	stream   string
	position eventstore.Position
	reason   string
}

// reached is how far a generation is, for those who ask.
type reached struct {
	saved, shown    eventstore.Position // shown: nothing between the two concerned it
	advanced        time.Time           // when shown moved last
	folded, written int64
	parked          int
}

// open makes a generation of a database.
func openGeneration(p *Projection, number int, d *database, c checkpoint) (*generation, error) {
	g := &generation{p: p, number: number, db: d, pos: c.Position, saved: c.Position}
	g.rows = &Rows{building: d.writer.building}
	for _, t := range p.Tables {
		k := t.live(g.rows, d)
		g.rows.shapes = append(g.rows.shapes, t.shape())
		g.rows.stores = append(g.rows.stores, k)
		g.tables = append(g.tables, k)
		if c.Position == 0 {
			k.fresh()
		}
	}
	streams, n, err := d.parked()
	if err != nil {
		return nil, err
	}
	g.parked = streams
	g.progress = reached{saved: c.Position, shown: c.Position, folded: c.Folded, written: c.Written, parked: n}
	return g, nil
}

// changed tells whether something waits to be written.
func (g *generation) changed() bool {
	if len(g.newlyParked) > 0 {
		return true
	}
	for _, t := range g.tables {
		if t.changed() > 0 {
			return true
		}
	}
	return false
}

// weigh estimates the memory of the rows.
func (g *generation) weigh() (bytes int) {
	for _, t := range g.tables {
		bytes += t.weigh()
	}
	return bytes
}

// finish ends the building of a generation: what follows is written as it is
// to those that are served.
func (g *generation) finish() error {
	if !g.rows.building {
		return nil
	}
	g.rows.building = false
	if err := g.db.finish(g.p); err != nil {
		return fmt.Errorf("%s: %w", g.p.Name, err)
	}
	for _, t := range g.tables {
		t.clean()
	}
	return nil
}

// pass notes that the log was read up to a position.
func (g *generation) pass(read eventstore.Position) {
	if read > g.pos {
		g.pos = read
	}
}

// publish lets others see how far the rows in the database are right.
func (g *generation) publish(now time.Time) reached {
	changed := g.changed()
	g.mu.Lock()
	defer g.mu.Unlock()
	shown := g.saved
	if !changed {
		shown = g.pos
	}
	if shown > g.progress.shown {
		g.progress.shown, g.progress.advanced = shown, now
	}
	g.progress.saved = g.saved
	return g.progress
}

func (g *generation) reached() reached {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.progress
}

// flush saves, and takes the journal over when it is long.
func (g *generation) flush() error {
	if err := g.save(); err != nil {
		return err
	}
	return g.db.writer.takeOver()
}

// save writes every changed row once, together with the checkpoint, in one
// transaction.
func (g *generation) save() error {
	if g.pos == g.saved {
		return nil
	}
	rows := 0
	err := g.db.writer.atomic(func() error {
		for _, t := range g.tables {
			n, err := t.write(g.db.writer)
			if err != nil {
				return err
			}
			rows += n
		}
		for _, p := range g.newlyParked {
			if err := g.db.writer.exec("REPLACE INTO parley_parked VALUES (?, ?, ?)", []any{p.stream, int64(p.position), p.reason}); err != nil {
				return err
			}
		}
		return g.db.writer.exec("UPDATE parley_checkpoint SET position = ?, folded = folded + ?, written = written + ?",
			[]any{int64(g.pos), g.since, rows})
	})
	if err != nil {
		return fmt.Errorf("%s: %w", g.p.Name, err)
	}
	for _, t := range g.tables {
		t.clean()
	}
	g.mu.Lock()
	g.progress.folded += int64(g.since)
	g.progress.written += int64(rows)
	g.progress.parked += len(g.newlyParked)
	g.mu.Unlock()
	g.saved, g.since, g.newlyParked = g.pos, 0, nil
	return nil
}

// discard forgets all that is not written and goes back to the checkpoint.
func (g *generation) discard() error {
	for _, t := range g.tables {
		t.discard()
	}
	g.rows.fault, g.rows.broken = nil, nil
	g.pos, g.since, g.newlyParked = g.saved, 0, nil
	streams, _, err := g.db.parked()
	if err == nil {
		g.parked = streams
	}
	return err
}

// catchUp folds what the log holds after the generation's place, up to a
// position, and writes it.
func (g *generation) catchUp(ctx context.Context, log eventstore.Log, d Decoder, until eventstore.Position) error {
	if until <= g.pos {
		return nil
	}
	for rec, err := range log.Read(ctx, eventstore.Query{After: g.pos, Until: until, Kinds: g.p.Kinds, Lend: true}) {
		if err != nil {
			return fmt.Errorf("%s: %w", g.p.Name, err)
		}
		it := prepare(d, &rec)
		if err := g.fold(ctx, log, d, &it); err != nil {
			return err
		}
		if g.since >= eventsAtOnce {
			if err := g.flush(); err != nil {
				return err
			}
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	g.pass(until)
	return g.flush()
}
