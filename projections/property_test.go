package projections

import (
	"context"
	"fmt"
	"os"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"parley/eventstore"
)

// event draws one event and the stream it goes to. Ids are few, so that
// streams meet.
func event(t *rapid.T) (string, any) {
	id := rapid.SampledFrom([]string{"a", "b", "c", "d", "e", "f"}).Draw(t, "id")
	text := rapid.SampledFrom([]string{"", "x", "y", "ä:1", "urgent"}).Draw(t, "text")
	switch rapid.IntRange(0, 11).Draw(t, "event") {
	case 0, 1, 2:
		guest := rapid.SampledFrom([]string{"", "g", "h"}).Draw(t, "guest")
		due := time.UnixMicro(rapid.Int64Range(-1e15, 1e16).Draw(t, "due")).Add(7 * time.Nanosecond).UTC()
		return "card-" + id, opened{Queue: text, Guest: guest, Due: due, Tags: []string{"t"}}
	case 3, 4:
		return "card-" + id, moved{text}
	case 5, 6:
		return "card-" + id, tagged{text}
	case 7:
		return "card-" + id, removed{}
	case 8:
		if rapid.IntRange(0, 9).Draw(t, "spoil") == 0 {
			return "card-" + id, spoiled{Panic: rapid.Bool().Draw(t, "panic")}
		}
		return "card-" + id, moved{text}
	default:
		return "guest-" + rapid.SampledFrom([]string{"g", "h"}).Draw(t, "who"), linked{rapid.SampledFrom([]string{"", "m", "n"}).Draw(t, "contact")}
	}
}

// crash ends a runner that never ran, as if the power went: nothing is written.
func (h *house) crash(r *Runner) {
	for _, s := range r.slots {
		if s.gen != nil {
			if err := s.gen.db.close(); err != nil {
				h.t.Error(err)
			}
		}
	}
	if err := r.cat.close(); err != nil {
		h.t.Error(err)
	}
}

// TestLiveIsRebuildIsPlainFold folds random events in random batches, with
// restarts and crashes between fold and commit, and compares three ways.
func TestLiveIsRebuildIsPlainFold(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp(t.TempDir(), "h")
		if err != nil {
			t.Fatal(err)
		}
		h := newHouse(t, dir)
		defer h.close()
		ctx := context.Background()
		r := h.open()
		if err := r.CatchUp(ctx); err != nil {
			t.Fatal(err)
		}
		var folded eventstore.Position
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			for range rapid.IntRange(0, 8).Draw(rt, "events") {
				h.record(event(rt))
			}
			switch rapid.IntRange(0, 5).Draw(rt, "then") {
			case 0: // crash after the fold, before the commit
				foldOnly(t, h, r, folded)
				h.crash(r)
				r = h.open()
				folded = r.slots[0].gen.pos
			case 1: // restart
				if err := r.Close(); err != nil {
					t.Fatal(err)
				}
				r = h.open()
				folded = r.slots[0].gen.pos
			case 2: // fold on without a commit
				folded = foldOnly(t, h, r, folded)
			case 3: // the cache forgets
				forget(r.slots[0].gen, rapid.IntRange(0, 3).Draw(rt, "keep"))
			default: // fold and commit
				folded = foldOnly(t, h, r, folded)
				if err := r.slots[0].gen.flush(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := r.CatchUp(ctx); err != nil {
			t.Fatal(err)
		}
		same(t, r, "toy")
		live := everything(t, r)
		if err := r.RebuildCompared(ctx, nil, nil); err != nil {
			t.Fatal(err)
		}
		if rebuilt := everything(t, r); !reflect.DeepEqual(live, rebuilt) {
			t.Fatalf("live %v\nrebuilt %v", live, rebuilt)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// forget drops rows from memory, as when there are too many.
func forget(g *generation, keep int) {
	if g.changed() {
		return
	}
	for _, k := range g.tables {
		switch c := k.(type) {
		case *cache[cardRow]:
			c.round++
			c.shrink(keep)
		case *cache[tallyRow]:
			c.round++
			c.shrink(keep)
		case *cache[contactRow]:
			c.round++
			c.shrink(keep)
		}
	}
}

// foldOnly folds what is new without writing it.
func foldOnly(t testing.TB, h *house, r *Runner, after eventstore.Position) eventstore.Position {
	t.Helper()
	g := r.slots[0].gen
	for rec, err := range h.log.Read(context.Background(), eventstore.Query{After: after}) {
		if err != nil {
			t.Fatal(err)
		}
		it := prepare(h.codec, &rec)
		if err := g.fold(context.Background(), h.log, h.codec, &it); err != nil {
			t.Fatal(err)
		}
		after = rec.Position
	}
	return after
}

// everything reads all rows of all tables.
func everything(t testing.TB, r *Runner) []string {
	t.Helper()
	v, err := r.View(soon(t), "toy", 0)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, table := range toy().Tables {
		err := v.each(context.Background(), table.shape().scan(), nil, func(values []any) error {
			out = append(out, fmt.Sprint(table.Name(), values))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestPropertyCanFail shows that the property would notice a lost commit.
func TestPropertyCanFail(t *testing.T) {
	h := newHouse(t, t.TempDir())
	defer h.close()
	r := h.open()
	if err := r.CatchUp(context.Background()); err != nil {
		t.Fatal(err)
	}
	h.record("card-a", opened{Queue: "q"})
	foldOnly(t, h, r, 0)
	g := r.slots[0].gen
	g.tables[0].discard() // the rows are lost, the checkpoint moves
	if err := g.flush(); err != nil {
		t.Fatal(err)
	}
	if v, err := r.Verify(soon(t), "toy"); err != nil || v.Difference == nil || v.Difference.Table != "cards" {
		t.Fatalf("%v %v", v.Difference, err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
}
