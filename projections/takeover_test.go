package projections

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestTheJournalIsTakenOver writes more than the journal is to hold: from then on
// the database's own file has all rows, and is written safely as before. A reader
// that looks at what was keeps pages from being taken over, until it ends.
func TestTheJournalIsTakenOver(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rows.db")
	w, err := newWriter(path, toWrite)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := w.close(); err != nil {
			t.Error(err)
		}
	}()
	if err := w.exec("CREATE TABLE texts (id INTEGER PRIMARY KEY, text TEXT NOT NULL)", nil); err != nil {
		t.Fatal(err)
	}
	rows := 0
	write := func(n int) {
		t.Helper()
		err := w.atomic(func() error {
			for range n {
				rows++
				if err := w.exec("INSERT INTO texts VALUES (?, ?)", []any{rows, strings.Repeat("x", 3000)}); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := w.takeOver(); err != nil {
			t.Fatal(err)
		}
	}
	left := func() int64 {
		t.Helper()
		n, err := w.journal("NOOP")
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	write(100)
	if n := left(); n < 100 {
		t.Fatalf("%d pages are left of a short journal: it was taken over", n)
	}
	write(takeOverAfter)
	if n := left(); n != 0 {
		t.Fatalf("%d pages are left of a long journal", n)
	}
	if n := countIn(t, path); n != rows {
		t.Fatalf("the file by itself has %d rows of %d", n, rows)
	}
	err = w.load("PRAGMA synchronous", nil, func(v []any) error {
		if v[0] != int64(1) {
			return fmt.Errorf("synchronous is %v", v[0])
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}

	db, err := openSQLite(path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	write(10)
	tx, err := db.BeginTx(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var n int
	if err := tx.QueryRow("SELECT count(*) FROM texts").Scan(&n); err != nil || n != rows {
		t.Fatalf("the reader sees %d of %d: %v", n, rows, err)
	}
	write(takeOverAfter + 100)
	if w.held == 0 || left() != w.held {
		t.Fatalf("%d pages are held, %d left, while somebody reads", w.held, left())
	}
	held := w.held
	write(10) // too little to try again
	if w.held != held || left() <= held {
		t.Fatalf("%d pages are held, %d left, after a little more", w.held, left())
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	write(takeOverAfter)
	if w.held != 0 || left() != 0 {
		t.Fatalf("%d pages are held, %d left, when nobody reads", w.held, left())
	}
	write(1)
	if n := countIn(t, path); n < rows-1 {
		t.Fatalf("the file by itself has %d rows of %d", n, rows)
	}
}

// TestAFileThatCannotBeSyncedIsMadeAnew lets the database's own file fail when the
// journal was moved there: nothing more is written, which would take the
// journal's place, and the file is thrown away.
func TestAFileThatCannotBeSyncedIsMadeAnew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rows.db")
	w, err := newWriter(path, toWrite)
	if err != nil {
		t.Fatal(err)
	}
	insert := func() error {
		return w.atomic(func() error {
			return w.exec("INSERT INTO texts VALUES (?)", []any{strings.Repeat("x", takeOverAfter*4096)})
		})
	}
	if err := errors.Join(w.exec("CREATE TABLE texts (text TEXT NOT NULL)", nil), insert()); err != nil {
		t.Fatal(err)
	}
	if w.file, err = os.Open(path); err != nil { //nolint:gosec // the test's own file
		t.Fatal(err)
	}
	if err := w.file.Close(); err != nil {
		t.Fatal(err)
	}
	if err := w.takeOver(); err == nil {
		t.Fatal("what could not be synced was taken over")
	}
	if err := insert(); err == nil {
		t.Fatal("the journal is written again")
	}
	if err := w.takeOver(); err == nil {
		t.Fatal("a second time it is well")
	}
	_ = w.close() // the file was closed twice
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("the file is there: %v", err)
	}
}

// countIn counts the rows of a database of which nothing but its own file is left.
func countIn(t *testing.T, path string) (n int) {
	t.Helper()
	b, err := os.ReadFile(path) //nolint:gosec // the test's own file
	if err != nil {
		t.Fatal(err)
	}
	alone := filepath.Join(t.TempDir(), "alone.db")
	if err := os.WriteFile(alone, b, 0o600); err != nil {
		t.Fatal(err)
	}
	db, err := openSQLite(alone)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.QueryRow("SELECT count(*) FROM texts").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}
