package projections

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"

	"parley/domain"
)

// TestANA1_ResumingAfterALongPauseStopsNobody holds a resume in the middle of
// what it has to fold.
func TestANA1_ResumingAfterALongPauseStopsNobody(t *testing.T) {
	h := newHouse(t, t.TempDir())
	defer h.close()
	var armed atomic.Bool
	reached, goOn := make(chan struct{}), make(chan struct{})
	slow, other := toy(), toy()
	other.Name = "other"
	slow.Fold = func(r *Rows, f domain.Fact, at At) error {
		if e, ok := f.Event.(moved); ok && e.Queue == "gate" && armed.CompareAndSwap(true, false) {
			close(reached)
			<-goOn
		}
		return foldToy(r, f, at)
	}
	r, stop := h.start(slow, other)
	defer stop()
	cards(t, r, h.record("card-a", opened{Queue: "q"}))
	settled(t, r)
	if err := r.Pause("toy"); err != nil {
		t.Fatal(err)
	}
	h.record("card-a", moved{"gate"})
	for range 3 {
		h.record("card-a", many(foldAtOnce, moved{"r"})...)
	}
	armed.Store(true)
	resumed := make(chan error, 1)
	go func() { resumed <- r.Resume(soon(t), "toy") }()
	<-reached
	at := h.record("card-a", moved{"s"})
	v, err := r.View(soon(t), "other", at)
	if err != nil {
		t.Fatalf("another view stands still: %v", err)
	}
	if row, ok, err := cardTable.Find(context.Background(), v, "a"); err != nil || !ok || row.Queue != "s" {
		t.Errorf("%+v %v %v", row, ok, err)
	}
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	for _, again := range []func() error{
		func() error { return r.Resume(soon(t), "toy") },
		func() error { return r.Rebuild(soon(t), []string{"toy"}, nil) },
	} {
		if err := again(); err == nil || !strings.Contains(err.Error(), "rebuild_running") {
			t.Errorf("at the same time: %v", err)
		}
	}
	if err := r.CatchUp(soon(t)); err != nil {
		t.Fatal(err)
	}
	close(goOn)
	if err := <-resumed; err != nil {
		t.Fatal(err)
	}
	if rows := cards(t, r, at); rows[0].Queue != "s" || rows[0].Moves != 3*foldAtOnce+2 {
		t.Fatalf("%+v", rows)
	}
	same(t, r, "toy")
	if st, err := r.Status(soon(t)); err != nil || st[0].State != StateLive || st[0].Building != nil {
		t.Errorf("%+v %v", st[0], err)
	}
}

// TestAResumeThatIsBrokenOffLeavesThePause goes on where it was.
func TestAResumeThatIsBrokenOffLeavesThePause(t *testing.T) {
	h := newHouse(t, t.TempDir())
	defer h.close()
	r, stop := h.start()
	defer stop()
	cards(t, r, h.record("card-a", opened{Queue: "q"}))
	settled(t, r)
	if err := r.Pause("toy"); err != nil {
		t.Fatal(err)
	}
	at := h.record("card-a", many(foldAtOnce, moved{"r"})...)
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	if err := r.Resume(gone, "toy"); err == nil {
		t.Fatal("a resume that was broken off went well")
	}
	if st, err := r.Status(soon(t)); err != nil || st[0].State != StatePaused || st[0].Building != nil {
		t.Fatalf("%+v %v", st[0], err)
	}
	if err := r.Resume(soon(t), "toy"); err != nil {
		t.Fatal(err)
	}
	if rows := cards(t, r, at); rows[0].Moves != foldAtOnce {
		t.Fatalf("%+v", rows)
	}
	same(t, r, "toy")
}

func many(n int, e any) []any {
	all := make([]any, n)
	for i := range all {
		all[i] = e
	}
	return all
}

// TestAViewAheadOfAnotherFoldsNothingTwice reads the log for two views of which one is
// behind: the other is handed what it has folded, and the last of that as well.
func TestAViewAheadOfAnotherFoldsNothingTwice(t *testing.T) {
	h := newHouse(t, t.TempDir())
	defer h.close()
	behind := toy()
	behind.Name = "behind"
	r := h.open(toy(), behind)
	defer func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}()
	catchUp := func() {
		t.Helper()
		if err := r.CatchUp(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	h.record("card-a", opened{Queue: "q"})
	catchUp()
	r.slots[1].paused = true
	h.record("card-a", moved{"s"})
	catchUp()
	r.slots[1].paused = false
	catchUp()
	at := h.record("card-a", tagged{"written"})
	catchUp()
	if rows := cards(t, r, at); len(rows) != 1 || rows[0].Moves != 1 {
		t.Errorf("it shows %+v", rows)
	}
	same(t, r, "toy")
	same(t, r, "behind")
}
