package projections

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"parley/eventstore"
)

// toys are projections that fold alike, but for one that folds less.
func toys() (all []Projection) {
	for _, name := range []string{"toy", "more", "less", "most"} {
		p := toy()
		p.Name = name
		if name == "less" {
			p.Kinds = []string{"guest"}
		}
		all = append(all, p)
	}
	return all
}

// TestViewsAreComparedTogether compares some that are as the log, one that is not and
// one that is behind: each is told by itself, in the order of the names.
func TestViewsAreComparedTogether(t *testing.T) {
	h := newHouse(t, t.TempDir())
	defer h.close()
	r, stop := h.start(toys()...)
	defer stop()
	settled(t, r)
	for n := range 2 * itemsAtOnce {
		h.record(fmt.Sprintf("card-%d", n), opened{Queue: "q", Guest: "g"})
	}
	early := h.record("guest-g", linked{"c"})
	if err := r.Wait(soon(t), "more", early); err != nil {
		t.Fatal(err)
	}
	if err := r.Pause("more"); err != nil {
		t.Fatal(err)
	}
	late := h.record("card-1", moved{"r"})
	if err := r.Wait(soon(t), "toy", late); err != nil {
		t.Fatal(err)
	}
	plant(t, r, "UPDATE cards SET moves = 7 WHERE id = '3'")
	names := []string{"most", "toy", "less", "more"}
	var last, of uint64
	all, err := r.VerifyAll(soon(t), names, func(done, total uint64) {
		if done < last || done > total || of > 0 && total != of {
			t.Errorf("it is at %d of %d, after %d of %d", done, total, last, of)
		}
		last, of = done, total
	})
	if err != nil || len(all) != len(names) {
		t.Fatalf("%+v, %v", all, err)
	}
	if of < uint64(late) || last == 0 {
		t.Errorf("it was told %d of %d", last, of)
	}
	for i, v := range all {
		want, short := late, ""
		if names[i] == "more" {
			want, short = early, "paused"
		}
		if v.Err != nil || v.Position != want || v.Head != late || v.Short() != short {
			t.Errorf("%s: %+v", names[i], v)
		}
		if d := v.Difference; (d != nil) != (names[i] == "toy") || d != nil && (d.Projection != "toy" || d.Key != "3" || d.Column != "moves") {
			t.Errorf("%s differs: %v", names[i], d)
		}
	}
	if _, err := r.VerifyAll(soon(t), []string{"toy", "nothing"}, nil); err == nil {
		t.Error("a view that is not there is compared")
	}
	ctx, cancel := context.WithCancel(soon(t))
	if all, err := r.VerifyAll(ctx, names, func(uint64, uint64) { cancel() }); !errors.Is(err, context.Canceled) || all != nil {
		t.Errorf("when it is stopped: %+v, %v", all, err)
	}
}

// cutLog fails in the midst of a reading.
type cutLog struct {
	eventstore.Log
	left int
	err  error
}

func (c *cutLog) Read(ctx context.Context, q eventstore.Query) iter.Seq2[eventstore.Record, error] {
	return func(yield func(eventstore.Record, error) bool) {
		for r, err := range c.Log.Read(ctx, q) {
			if c.left--; c.err != nil && c.left < 0 {
				yield(eventstore.Record{}, c.err)
				return
			}
			if !yield(r, err) {
				return
			}
		}
	}
}

// TestALogThatCannotBeReadIsNoDifference: what was folded till then is not compared.
func TestALogThatCannotBeReadIsNoDifference(t *testing.T) {
	h := newHouse(t, t.TempDir())
	defer h.close()
	cut := &cutLog{Log: h.log}
	r, err := Open(t.Context(), Config{Log: cut, Codec: h.codec, Dir: h.dir, Projections: toys()})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for n := range 2 * itemsAtOnce {
		h.record(fmt.Sprintf("card-%d", n), opened{Queue: "q"})
	}
	if err := r.CatchUp(soon(t)); err != nil {
		t.Fatal(err)
	}
	names := []string{"toy", "more", "less", "most"}
	for _, left := range []int{0, 3, itemsAtOnce, 2*itemsAtOnce - 1} {
		cut.left, cut.err = left, errors.New("the cable is cut")
		if all, err := r.VerifyAll(soon(t), names, nil); !errors.Is(err, cut.err) || all != nil {
			t.Errorf("after %d: %+v, %v", left, all, err)
		}
	}
	cut.err = nil
	for _, name := range names {
		same(t, r, name)
	}
}

// TestAPanicWhileViewsAreComparedIsAnError: the process serves others.
func TestAPanicWhileViewsAreComparedIsAnError(t *testing.T) {
	h := newHouse(t, t.TempDir())
	defer h.close()
	r := h.open()
	defer r.Close()
	h.record("card-a", opened{Queue: "q"})
	if err := r.CatchUp(soon(t)); err != nil {
		t.Fatal(err)
	}
	r.cfg.Log = &cutLog{} // which there is none behind
	f := &folding{out: &Verified{}, view: &View{Position: 1}, p: &r.byName["toy"].p, items: make(chan []item)}
	if err := r.foldAll(t.Context(), []*folding{f}, func(eventstore.Position) {}); err == nil || !strings.Contains(err.Error(), "panic") {
		t.Errorf("got %v", err)
	}
}

// TestViewsThatAreComparedTogetherFitIntoMemory: none is left out, and no more rows
// are held at once than the two largest views have.
func TestViewsThatAreComparedTogetherFitIntoMemory(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sizes := rapid.SliceOfN(rapid.Int64Range(0, 1000), 0, 12).Draw(t, "sizes")
		all := make([]comparison, len(sizes))
		for i, size := range sizes {
			all[i].size = size
		}
		slices.Sort(sizes)
		room := int64(0)
		for _, size := range sizes[max(0, len(sizes)-2):] {
			room += size
		}
		seen := map[int]bool{}
		for _, group := range together(all) {
			sum := int64(0)
			for _, i := range group {
				if seen[i] {
					t.Fatalf("%d is compared twice", i)
				}
				seen[i] = true
				sum += all[i].size
			}
			if sum > room || len(group) == 0 {
				t.Fatalf("%v take %d of %d", group, sum, room)
			}
		}
		if len(seen) != len(all) {
			t.Fatalf("%d of %d are compared", len(seen), len(all))
		}
	})
}
