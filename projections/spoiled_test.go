package projections

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// damages writes garbage over the first page of a table, while nobody has the file
// open.
func damages(t *testing.T, path, table string) {
	t.Helper()
	overwrites(t, path, table, bytes.Repeat([]byte{0xa5}, 4096))
}

// overwrites puts something into the first page of a table or an index, and gives what
// was there.
func overwrites(t *testing.T, path, table string, with []byte) []byte {
	t.Helper()
	db, err := openSQLite(path)
	if err != nil {
		t.Fatal(err)
	}
	var page int64
	if err := db.QueryRow("SELECT rootpage FROM sqlite_master WHERE name = ?", table).Scan(&page); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	was := make([]byte, 4096)
	if _, err := f.ReadAt(was, (page-1)*4096); err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(with, (page-1)*4096); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return was
}

// TestAnIndexThatIsBehindItsTableIsADifference loses what was written of an index: its
// rows are as the log says, and whoever looks for them by it finds them where they
// were.
func TestAnIndexThatIsBehindItsTableIsADifference(t *testing.T) {
	h := newHouse(t, t.TempDir())
	defer h.close()
	caughtUp := func() *Runner {
		r := h.open()
		if err := r.CatchUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		return r
	}
	closes := func(r *Runner) string {
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		return r.slots[0].gen.db.path
	}
	h.record("card-a", opened{Queue: "q"})
	path := closes(caughtUp())
	before := overwrites(t, path, "cards_1", nil)
	h.record("card-a", moved{"s"})
	closes(caughtUp())
	overwrites(t, path, "cards_1", before)
	r := caughtUp()
	defer closes(r)
	if v, err := r.Verify(soon(t), "toy"); err != nil || v.Difference == nil || v.Difference.Table != "indexes" {
		t.Errorf("it is called whole: %+v, %v", v, err)
	}
}

// TestADamagedFileIsMadeAnew damages a view's file that can still be opened: whoever
// comes upon it, a query or the writer, the view is made anew.
func TestADamagedFileIsMadeAnew(t *testing.T) {
	for _, by := range []string{"a query", "the writer", "who resumes"} {
		t.Run(by, func(t *testing.T) {
			h := newHouse(t, t.TempDir())
			defer h.close()
			r, stop := h.start()
			cards(t, r, h.record("card-a", opened{Queue: "q"}))
			settled(t, r)
			if by == "who resumes" {
				if err := r.Pause("toy"); err != nil {
					t.Fatal(err)
				}
			}
			path := r.slots[0].gen.db.path
			stop()
			damages(t, path, "cards")
			r, stop = h.start()
			defer stop()
			if by == "a query" { // the writer has nothing to do with that row yet
				v, err := r.View(t.Context(), "toy", 0)
				if err != nil {
					t.Fatal(err)
				}
				if err := v.each(t.Context(), "SELECT * FROM cards", nil, func([]any) error { return nil }); !errors.Is(err, ErrLost) {
					t.Errorf("the damage is not told: %v", err)
				}
				if err := v.Close(); err != nil {
					t.Fatal(err)
				}
				awaitState(t, r, func(s Status) bool { return s.State == StateLive && s.File != path })
			}
			at := h.record("card-a", moved{"s"})
			if by == "who resumes" {
				if err := r.Resume(t.Context(), "toy"); err == nil {
					t.Fatal("it was resumed")
				}
				awaitState(t, r, func(s Status) bool {
					return s.State == StatePaused && s.File != "" && s.File != path && s.Building == nil
				})
				if err := r.Resume(t.Context(), "toy"); err != nil {
					t.Fatal(err)
				}
			}
			awaitState(t, r, func(s Status) bool { return s.State == StateLive && s.Checkpoint >= at && s.File != path })
			if rows := cards(t, r, at); len(rows) != 1 || rows[0].Queue != "s" {
				t.Errorf("it shows %+v", rows)
			}
			same(t, r, "toy")
		})
	}
}

// TestAFileThatIsGoneIsMadeAnew takes a view's file away while it is served: the next
// query that opens it fails, and the view is made anew.
func TestAFileThatIsGoneIsMadeAnew(t *testing.T) {
	for how, take := range map[string]func(path string) error{
		"deleted":         os.Remove,
		"with its folder": func(path string) error { return os.RemoveAll(filepath.Dir(path)) },
		"emptied":         func(path string) error { return os.Truncate(path, 0) },
		"its map cut":     func(path string) error { return os.Truncate(path+"-shm", 0) }, // which lies in memory
	} {
		t.Run(how, func(t *testing.T) {
			t.Parallel() // SQLite waits for who might be filling an empty file
			h := newHouse(t, t.TempDir())
			defer h.close()
			r, stop := h.start()
			defer stop()
			at := h.record("card-a", opened{Queue: "q"})
			cards(t, r, at)
			settled(t, r)
			path := r.slots[0].gen.db.path
			if err := take(path); err != nil {
				t.Fatal(err)
			}
			failed := false
			for range 2 * cap(r.slots[0].gen.db.readers) { // those that had it open still read it
				v, err := r.View(t.Context(), "toy", 0)
				if failed = err != nil; failed {
					if !errors.Is(err, ErrLost) {
						t.Errorf("nobody is told that the file is lost: %v", err)
					}
					break
				}
				if err := v.Close(); err != nil {
					t.Fatal(err)
				}
			}
			if !failed {
				t.Fatal("everybody reads a file that is not there")
			}
			awaitState(t, r, func(s Status) bool { return s.State == StateLive && s.Checkpoint >= at && s.File != path })
			if rows := cards(t, r, at); len(rows) != 1 || rows[0].Queue != "q" {
				t.Errorf("it shows %+v", rows)
			}
			same(t, r, "toy")
		})
	}
}

// TestAFileThatIsGoneIsNoticedWhereNobodyOpensIt takes the files of two views away
// while all who read have them open: whoever writes comes upon it, and neither view
// keeps the other back.
func TestAFileThatIsGoneIsNoticedWhereNobodyOpensIt(t *testing.T) {
	for how, take := range map[string]func(path string) error{
		"deleted":         removeSQLite,
		"with its folder": func(path string) error { return os.RemoveAll(filepath.Dir(path)) },
	} {
		t.Run(how, func(t *testing.T) {
			h := newHouse(t, t.TempDir())
			defer h.close()
			other := toy()
			other.Name = "other"
			r, stop := h.start(toy(), other)
			defer stop()
			cards(t, r, h.record("card-a", opened{Queue: "q"}))
			settled(t, r)
			old := map[string]string{}
			for _, s := range r.slots {
				old[s.p.Name] = s.gen.db.path
			}
			for _, path := range old {
				if err := take(path); err != nil && !errors.Is(err, os.ErrNotExist) {
					t.Fatal(err)
				}
			}
			r.step.Lock()
			for _, s := range r.slots {
				s.gen.db.writer.held = -takeOverAfter // it is taken over with the next row
			}
			r.step.Unlock()
			at := h.record("card-b", opened{Queue: "s"})
			for name, path := range old {
				if err := r.Wait(soon(t), name, at); err != nil {
					t.Fatal(err)
				}
				awaitAll(t, r, func(s Status) bool { return s.State == StateLive && s.File != path || s.Name != name })
				same(t, r, name)
			}
		})
	}
}

// awaitAll waits until all views are in a state.
func awaitAll(t *testing.T, r *Runner, reached func(Status) bool) {
	t.Helper()
	awaitState(t, r, func(Status) bool {
		all, err := r.Status(t.Context())
		return err == nil && !slices.ContainsFunc(all, func(s Status) bool { return !reached(s) })
	})
}

// TestADamagedCatalogueIsMadeAnew damages the page of the catalogue's rows.
func TestADamagedCatalogueIsMadeAnew(t *testing.T) {
	h := newHouse(t, t.TempDir())
	defer h.close()
	r, stop := h.start()
	at := h.record("card-a", opened{Queue: "q"})
	cards(t, r, at)
	settled(t, r)
	stop()
	damages(t, filepath.Join(h.dir, "catalogue.db"), "projections")
	r, stop = h.start()
	defer stop()
	cards(t, r, at)
	settled(t, r)
	same(t, r, "toy")
}

// TestTheCatalogueIsReadAnewWhenItsMapIsCut takes away what lies in memory of the
// catalogue while it is in use: what was paused, and is then, stays.
func TestTheCatalogueIsReadAnewWhenItsMapIsCut(t *testing.T) {
	h := newHouse(t, t.TempDir())
	defer h.close()
	r, stop := h.start()
	cards(t, r, h.record("card-a", opened{Queue: "q"}))
	settled(t, r)
	cut := func() {
		t.Helper()
		if err := os.Truncate(filepath.Join(h.dir, catalogueFile+"-shm"), 0); err != nil {
			t.Fatal(err)
		}
	}
	cut()
	if err := r.Pause("toy"); err != nil {
		t.Fatal(err)
	}
	cut()
	all, err := r.cat.all()
	if err != nil || !all["toy"].paused {
		t.Fatalf("%+v, %v", all, err)
	}
	cut()
	at := func(dir string) { // where the catalogue looks for its files
		r.cat.mu.Lock()
		defer r.cat.mu.Unlock()
		r.cat.dir = dir
	}
	at(filepath.Join(h.dir, "none"))
	for range 2 {
		if _, err := r.cat.all(); err == nil {
			t.Fatal("it was read, though it could not be opened")
		}
	}
	at(h.dir)
	if all, err = r.cat.all(); err != nil || !all["toy"].paused {
		t.Fatalf("%+v, %v", all, err)
	}
	stop()
	r, stop = h.start()
	defer stop()
	awaitState(t, r, func(s Status) bool { return s.State == StatePaused })
}

// TestDamageIsNotForgottenByACheckpoint moves the journal of a file that is known to
// be damaged.
func TestDamageIsNotForgottenByACheckpoint(t *testing.T) {
	w, err := newWriter(filepath.Join(t.TempDir(), "rows.db"), toWrite)
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	if err := w.exec("CREATE TABLE texts (text TEXT NOT NULL)", nil); err != nil {
		t.Fatal(err)
	}
	if w.file, err = os.OpenFile(w.path, os.O_RDWR, 0); err != nil {
		t.Fatal(err)
	}
	w.broken, w.lost = errors.New("it is damaged"), true
	if err := w.moveJournal(); err == nil || w.broken == nil || !w.lost {
		t.Errorf("it is forgotten: %v, %v", err, w.broken)
	}
}
