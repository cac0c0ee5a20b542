package projections

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"parley/domain"
	"parley/eventstore"
)

func TestANA1_RebuildWhileWritingLosesNothing(t *testing.T) {
	h := newHouse(t, t.TempDir())
	defer h.close()
	r, stop := h.start()
	defer stop()
	for i := range 50 {
		h.record(fmt.Sprintf("card-%d", i), opened{Queue: "q", Guest: "g"}, moved{"r"})
	}
	settled(t, r)
	done := make(chan struct{})
	var writing sync.WaitGroup
	var last eventstore.Position
	writing.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-done:
				return
			default:
				last = h.record(fmt.Sprintf("card-%d", i%80), moved{fmt.Sprint(i)}, tagged{"t"})
			}
		}
	})
	seen := map[string]bool{}
	for range 5 {
		if err := r.Rebuild(soon(t), []string{"toy"}, func(p Progress) { seen[p.Name] = p.Done <= p.Total }); err != nil {
			t.Fatal(err)
		}
		v, err := r.View(soon(t), "toy", 0) // a view outlives a switch
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Rebuild(soon(t), nil, nil); err != nil {
			t.Fatal(err)
		}
		if n, err := cardTable.Count(context.Background(), v, ""); err != nil || n < 50 {
			t.Fatalf("%d %v", n, err)
		}
		if err := v.Close(); err != nil {
			t.Fatal(err)
		}
	}
	close(done)
	writing.Wait()
	if !seen["toy"] {
		t.Error("no progress was told")
	}
	if err := r.Wait(soon(t), "toy", last); err != nil {
		t.Fatal(err)
	}
	same(t, r, "toy")
	if n := databases(t, h.dir); n != 1 {
		t.Errorf("%d databases are left", n)
	}
}

// databases counts the database files of the toy projection.
func databases(t testing.TB, dir string) (n int) {
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if strings.HasPrefix(f.Name(), "toy.") && strings.HasSuffix(f.Name(), ".db") {
			n++
		}
	}
	return n
}

func TestANewVersionIsBuiltBesideTheOld(t *testing.T) {
	h := newHouse(t, t.TempDir())
	defer h.close()
	r, stop := h.start()
	at := h.record("card-a", opened{Queue: "q"})
	cards(t, r, at)
	stop()
	next := toy()
	next.Version = 2
	next.Fold = func(r *Rows, f domain.Fact, at At) error {
		err := foldToy(r, f, at)
		if row := cardTable.Get(r, f.ID); row != nil {
			row.Weight = 9
		}
		return err
	}
	r = h.open(next)
	if st, err := r.Status(soon(t)); err != nil || st[0].State != StateStale {
		t.Fatalf("%+v %v", st, err)
	}
	if rows := cards(t, r, at); len(rows) != 1 || rows[0].Weight != 0 {
		t.Fatalf("the old version is not served: %+v", rows)
	}
	if err := r.CatchUp(soon(t)); err != nil {
		t.Fatal(err)
	}
	if rows := cards(t, r, at); rows[0].Weight != 9 {
		t.Fatalf("%+v", rows)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if n := databases(t, h.dir); n != 1 {
		t.Errorf("%d databases are left", n)
	}
}

func TestEverythingDeletedComesBack(t *testing.T) {
	h := newHouse(t, t.TempDir())
	defer h.close()
	r, stop := h.start()
	at := h.record("card-a", opened{Queue: "q"}, moved{"r"})
	want := cards(t, r, at)
	stop()
	for _, spoil := range []func() error{
		func() error { return os.RemoveAll(h.dir) },
		func() error { return overwrite(h.dir, "toy.") },
		func() error { return overwrite(h.dir, "catalogue.") },
	} {
		if err := spoil(); err != nil {
			t.Fatal(err)
		}
		r, stop = h.start()
		if got := cards(t, r, at); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("%+v, not %+v", got, want)
		}
		same(t, r, "toy")
		stop()
	}
}

// overwrite fills files with what is no database.
func overwrite(dir, prefix string) error {
	files, err := os.ReadDir(dir)
	for _, f := range files {
		if err == nil && strings.HasPrefix(f.Name(), prefix) {
			err = os.WriteFile(dir+"/"+f.Name(), []byte(strings.Repeat("no database ", 1000)), 0o600)
		}
	}
	return err
}

func TestAnotherLogIsAnotherView(t *testing.T) {
	dir := t.TempDir()
	h := newHouse(t, dir)
	r, stop := h.start()
	cards(t, r, h.record("card-a", opened{Queue: "q"}))
	stop()
	h.close()
	if err := os.RemoveAll(dir + "/log"); err != nil {
		t.Fatal(err)
	}
	h = newHouse(t, dir)
	defer h.close()
	r, stop = h.start()
	defer stop()
	if rows := cards(t, r, h.record("card-b", opened{Queue: "q"})); len(rows) != 1 || rows[0].ID != "b" {
		t.Fatalf("%+v", rows)
	}
}

func TestOneRebuildAtATime(t *testing.T) {
	h := newHouse(t, t.TempDir())
	defer h.close()
	r := h.open()
	slots, err := r.claim(nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Rebuild(soon(t), []string{"toy"}, nil); err == nil || !strings.Contains(err.Error(), "rebuild_running") {
		t.Fatalf("a second rebuild: %v", err)
	}
	r.unclaim(slots)
	if err := r.Rebuild(soon(t), []string{"nothing"}, nil); err == nil {
		t.Fatal("an unknown projection was rebuilt")
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
}
