package projections

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"

	"parley/domain"
	"parley/eventstore"
)

// TestAPauseThatFailsLosesNothing pauses a view whose database cannot be written
// for a moment: it goes on, and what it had folded and not yet written is folded
// again.
func TestAPauseThatFailsLosesNothing(t *testing.T) {
	h := newHouse(t, t.TempDir())
	defer h.close()
	p := toy()
	p.Lazy = true
	r, stop := h.start(p)
	defer stop()
	cards(t, r, h.record("card-a", opened{Queue: "q"}))
	settled(t, r)
	g := r.slots[0].gen
	r.step.Lock()
	err := g.db.writer.once("PRAGMA busy_timeout = 1")
	r.step.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	other, err := newWriter(g.db.path, toWrite)
	if err != nil {
		t.Fatal(err)
	}
	defer other.close()
	blocked := func(at eventstore.Position) bool { // once it is folded, before it is written
		for {
			r.step.Lock()
			if g.pos < at {
				r.step.Unlock()
				runtime.Gosched()
				continue
			}
			defer r.step.Unlock()
			if g.saved >= at {
				return false
			}
			if err := other.exec("BEGIN IMMEDIATE", nil); err != nil {
				t.Fatal(err)
			}
			return true
		}
	}
	for !blocked(h.record("card-a", tagged{"lost"})) {
	}
	paused := r.Pause("toy")
	if err := other.exec("ROLLBACK", nil); err != nil {
		t.Fatal(err)
	}
	if paused == nil {
		t.Fatal("it was paused, though it could not be written")
	}
	rows := cards(t, r, h.record("card-a", moved{"s"}))
	if len(rows) != 1 || len(rows[0].Tags) == 0 || rows[0].Queue != "s" {
		t.Errorf("it shows %+v", rows)
	}
	same(t, r, "toy")
}

// gated is a toy that stands still once at a card that is moved to "gate", when it
// is armed.
func gated() (p Projection, armed *atomic.Bool, reached, goOn chan struct{}) {
	p, armed, reached, goOn = toy(), &atomic.Bool{}, make(chan struct{}), make(chan struct{})
	p.Fold = func(r *Rows, f domain.Fact, at At) error {
		if e, ok := f.Event.(moved); ok && e.Queue == "gate" && armed.CompareAndSwap(true, false) {
			close(reached)
			<-goOn
		}
		return foldToy(r, f, at)
	}
	return p, armed, reached, goOn
}

// breaks makes the writer one that did not reach the disk.
func breaks(r *Runner) {
	r.step.Lock()
	defer r.step.Unlock()
	r.slots[0].gen.db.writer.broken = errors.New("what was to be on the disk is not")
}

// TestAViewThatBreaksDuringARebuildIsMadeAnew breaks the file that is served while
// somebody rebuilds it, who then leaves.
func TestAViewThatBreaksDuringARebuildIsMadeAnew(t *testing.T) {
	h := newHouse(t, t.TempDir())
	defer h.close()
	p, armed, reached, goOn := gated()
	r, stop := h.start(p)
	defer stop()
	cards(t, r, h.record("card-a", opened{Queue: "q"}, moved{"gate"}))
	settled(t, r)
	armed.Store(true)
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	rebuilt := make(chan error, 1)
	go func() { rebuilt <- r.Rebuild(ctx, []string{"toy"}, nil) }()
	<-reached
	breaks(r)
	at := h.record("card-a", moved{"s"})
	awaitState(t, r, func(s Status) bool { return s.State == StateStale })
	leave()
	close(goOn)
	if err := <-rebuilt; !errors.Is(err, context.Canceled) {
		t.Fatalf("the rebuild says %v", err)
	}
	awaitState(t, r, func(s Status) bool { return s.State == StateLive && s.Checkpoint >= at })
	same(t, r, "toy")
}

// TestAPausedViewThatBreaksIsMadeAnew breaks the file of a paused view as it is
// resumed: it stays paused, is made anew, and is then resumed.
func TestAPausedViewThatBreaksIsMadeAnew(t *testing.T) {
	h := newHouse(t, t.TempDir())
	defer h.close()
	r, stop := h.start()
	defer stop()
	cards(t, r, h.record("card-a", opened{Queue: "q"}))
	settled(t, r)
	if err := r.Pause("toy"); err != nil {
		t.Fatal(err)
	}
	old := r.slots[0].gen.db.path
	at := h.record("card-a", moved{"s"})
	breaks(r)
	if err := r.Resume(t.Context(), "toy"); err == nil {
		t.Fatal("it was resumed, though it cannot be written")
	}
	awaitState(t, r, func(s Status) bool { return s.State == StatePaused && s.File != old && s.Building == nil })
	if err := r.Resume(t.Context(), "toy"); err != nil {
		t.Fatal(err)
	}
	awaitState(t, r, func(s Status) bool { return s.State == StateLive && s.Checkpoint >= at })
	same(t, r, "toy")
}

// TestRowsThatMayBeOldAreNotServed lets the sync of the database fail as the journal
// is taken over: SQLite would from then on read rows there that may not be there.
func TestRowsThatMayBeOldAreNotServed(t *testing.T) {
	h := newHouse(t, t.TempDir())
	defer h.close()
	p, armed, reached, goOn := gated()
	r, stop := h.start(p)
	defer stop()
	cards(t, r, h.record("card-a", opened{Queue: "q"}, moved{"gate"}))
	settled(t, r)
	r.step.Lock()
	old := r.slots[0].gen.db
	w := old.writer
	if w.file == nil {
		w.file = closedFile(t, old.path)
	} else if err := w.file.Close(); err != nil {
		t.Error(err)
	}
	w.held = -takeOverAfter // it is taken over with the next row
	armed.Store(true)
	r.step.Unlock()
	at := h.record("card-a", moved{"s"})
	<-reached
	now, cancel := context.WithCancel(t.Context())
	cancel()
	if v, err := r.View(now, "toy", 0); !errors.Is(err, ErrBehind) {
		t.Errorf("it is served while it is made anew: %v, %v", v, err)
	}
	close(goOn)
	if rows := cards(t, r, at); len(rows) != 1 || rows[0].Queue != "s" {
		t.Errorf("it shows %+v", rows)
	}
	same(t, r, "toy")
	if left, err := filepath.Glob(old.path + "*"); err != nil || len(left) > 0 {
		t.Errorf("of the old file there is %v, %v", left, err)
	}
}

// closedFile is a file that no sync can be asked of.
func closedFile(t *testing.T, path string) *os.File {
	t.Helper()
	f, err := os.Open(path) //nolint:gosec // the test's own file
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return f
}

// TestARowThatCouldNotBeReadIsReadAgain takes a table away as a fold asks for one of
// its rows, and brings it back: the row is there, and not taken for missing.
func TestARowThatCouldNotBeReadIsReadAgain(t *testing.T) {
	h := newHouse(t, t.TempDir())
	defer h.close()
	r := h.open()
	h.record("card-a", opened{Queue: "q"})
	if err := r.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	r = h.open() // so that no row is in memory
	defer func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}()
	other, err := newWriter(r.slots[0].gen.db.path, toWrite)
	if err != nil {
		t.Fatal(err)
	}
	defer other.close()
	if err := other.once("ALTER TABLE cards RENAME TO elsewhere"); err != nil {
		t.Fatal(err)
	}
	at := h.record("card-a", moved{"s"})
	if err := r.CatchUp(t.Context()); err == nil {
		t.Fatal("it was folded without the row")
	}
	if err := other.once("ALTER TABLE elsewhere RENAME TO cards"); err != nil {
		t.Fatal(err)
	}
	if err := r.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	if rows := cards(t, r, at); len(rows) != 1 || rows[0].Queue != "s" {
		t.Errorf("it shows %+v", rows)
	}
	same(t, r, "toy")
}
