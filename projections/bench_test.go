package projections

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"parley/eventstore"
)

// BenchmarkRebuild measures log to rows: read, decode, fold, write, switch.
func BenchmarkRebuild(b *testing.B) {
	h := newHouse(b, b.TempDir())
	defer h.close()
	const streams, each = 8_000, 25
	for i := range streams {
		id := uuid.Must(uuid.NewV7()).String()
		events := []any{opened{Queue: fmt.Sprint("q", i%20), Guest: fmt.Sprint("g", i%3000), Due: time.Unix(1_700_000_000+int64(i)*60, 0), Title: "A title as people give it"}}
		for j := range each - 1 {
			if j%5 == 4 {
				events = append(events, tagged{"tag"})
			} else {
				events = append(events, moved{fmt.Sprint("q", j)})
			}
		}
		h.record("card-"+id, events...)
	}
	r := h.open()
	if err := r.CatchUp(context.Background()); err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	for range b.N {
		if err := r.Rebuild(context.Background(), nil, nil); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(streams*each*b.N)/b.Elapsed().Seconds(), "events/s")
	if err := r.Close(); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkFold measures one event on its way through a fold into memory.
func BenchmarkFold(b *testing.B) {
	h := newHouse(b, b.TempDir())
	defer h.close()
	r := h.open()
	if err := r.CatchUp(context.Background()); err != nil {
		b.Fatal(err)
	}
	h.record("card-a", opened{Queue: "q"})
	foldOnly(b, h, r, 0)
	g := r.slots[0].gen
	it := item{kind: "card", at: At{Stream: "card-a"}}
	it.fact.Kind, it.fact.ID, it.fact.Event = "card", "a", moved{"z"}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		it.at.Position = g.pos + 1
		if err := g.fold(context.Background(), h.log, h.codec, &it); err != nil {
			b.Fatal(err)
		}
	}
	if err := r.Close(); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkView measures a query by key, from the snapshot to the row.
func BenchmarkView(b *testing.B) {
	h := newHouse(b, b.TempDir())
	defer h.close()
	at := h.record("card-a", opened{Queue: "q"})
	r := h.open()
	if err := r.CatchUp(context.Background()); err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	defer cancel()
	b.ReportAllocs()
	for b.Loop() {
		v, err := r.View(ctx, "toy", at)
		if err != nil {
			b.Fatal(err)
		}
		if _, ok, err := cardTable.Find(ctx, v, "a"); err != nil || !ok {
			b.Fatal(err)
		}
		if err := v.Close(); err != nil {
			b.Fatal(err)
		}
	}
	if err := r.Close(); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkLive measures from an append to the row that shows it.
func BenchmarkLive(b *testing.B) {
	h := newHouse(b, b.TempDir())
	defer h.close()
	r, stop := h.start()
	defer stop()
	var at eventstore.Position
	for b.Loop() {
		at = h.record("card-a", moved{"x"})
		if err := r.Wait(context.Background(), "toy", at); err != nil {
			b.Fatal(err)
		}
	}
}
