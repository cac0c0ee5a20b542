package projections

import (
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestAFullDiskForAMoment has no room for the database to grow: nothing was moved,
// and once there is room the journal is taken over as ever.
func TestAFullDiskForAMoment(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rows.db")
	w, err := newWriter(path, toWrite)
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	const enough = takeOverAfter + 100 // rows, a page each
	insert := func() {
		t.Helper()
		err := w.atomic(func() error {
			for range enough {
				if err := w.exec("INSERT INTO texts VALUES (?)", []any{strings.Repeat("x", 3000)}); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.exec("CREATE TABLE texts (text TEXT NOT NULL)", nil); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		insert()
		if err := w.takeOver(); err != nil {
			t.Fatal(err)
		}
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	insert()
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &old); err != nil {
		t.Fatal(err)
	}
	signal.Ignore(syscall.SIGXFSZ)
	defer signal.Reset(syscall.SIGXFSZ)
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: uint64(info.Size()) + 100*4096, Max: old.Max}); err != nil {
		t.Fatal(err)
	}
	full := w.takeOver()
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &old); err != nil {
		t.Fatal(err)
	}
	if full == nil {
		t.Fatal("there was room")
	}
	if left, err := w.journal("NOOP"); err != nil || left < enough {
		t.Errorf("%d pages are left, %v", left, err)
	}
	if err := w.takeOver(); err != nil {
		t.Errorf("with room again: %v", err)
	}
	if n := countIn(t, path); n != 3*enough {
		t.Errorf("the file by itself has %d rows", n)
	}
}
