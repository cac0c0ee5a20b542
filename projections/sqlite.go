package projections

import (
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	_ "modernc.org/sqlite" // SQLite in pure Go: one binary, no server
)

// use is what a connection is for.
type use int

const (
	toRead use = iota
	toWrite
	// toBuild is writing what nobody sees before it is finished: no journal, no
	// sync, no other connection. What fails or is cut off is thrown away.
	toBuild
)

// source names a database file and how it is opened. The busy timeout comes
// before the journal mode, or two connections opened together fail at once.
// Commits are not synced one by one: the log is the truth, and what a crash
// takes away is folded again. Whoever writes takes the journal over; SQLite does so
// itself after 32 MB. A connection keeps 16 MB of pages at most.
func source(path string, u use) string {
	q := url.Values{}
	pragmas := []string{"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(NORMAL)", "cache_size(-16000)", "wal_autocheckpoint(8000)", "temp_store(MEMORY)"}
	if u == toBuild { // sorting for an index goes to files when it is too large for the memory for pages
		pragmas = []string{"locking_mode(EXCLUSIVE)", "journal_mode(OFF)", "synchronous(OFF)", "cache_size(-16000)", "temp_store(FILE)"}
	}
	for _, p := range pragmas {
		q.Add("_pragma", p)
	}
	if u == toRead { // a file that is not there is not made: it would be empty
		q.Add("mode", "rw")
		q.Add("_pragma", "query_only(1)")
	} else {
		q.Add("_txlock", "immediate")
	}
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + q.Encode()
}

// openSQLite opens a database file for reading by many.
func openSQLite(path string) (*sql.DB, error) {
	db, err := sql.Open("sqlite", source(path, toRead))
	if err != nil {
		return nil, fmt.Errorf("projections: %s: %w", path, err)
	}
	return db, nil
}

// writable tells of a file that cannot be written: SQLite would open it to read, and
// refuse the first write. Nobody else in this process has it open, or he would lose
// his locks.
func writable(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if os.IsNotExist(err) {
		return nil
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		return fmt.Errorf("projections: %w", err)
	}
	return nil
}

// takesFiles tells of a folder in which no file can be made.
func takesFiles(dir string) error {
	f, err := os.Create(filepath.Join(dir, ".tried")) // the same each time: one that a kill left behind is written over
	if err == nil {
		err = errors.Join(f.Close(), os.Remove(f.Name()))
	}
	if failed, ok := errors.AsType[*os.PathError](err); ok {
		err = failed.Err // nobody knows the file's name
	}
	if err != nil {
		return fmt.Errorf("projections: in the folder %s no view can be written: %w", dir, err)
	}
	return nil
}

// removeSQLite deletes a database file and what SQLite keeps beside it.
func removeSQLite(path string) error {
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(path + suffix); err != nil && !os.IsNotExist(err) {
			return fmt.Errorf("projections: %w", err)
		}
	}
	return nil
}

// syncFile brings a file that is closed by its writer to the disk.
func syncFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("projections: %w", err)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("projections: %s: %w", path, err)
	}
	return nil
}

// eachRow hands over the values of each row; the slice is used again.
func eachRow(rows *sql.Rows, each func([]any) error) (err error) {
	defer func() {
		if closing := rows.Close(); err == nil {
			err = closing
		}
	}()
	names, err := rows.Columns()
	if err != nil {
		return err
	}
	values, into := make([]any, len(names)), make([]any, len(names))
	for i := range values {
		into[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		if err := each(values); err != nil {
			return err
		}
	}
	return rows.Err()
}
