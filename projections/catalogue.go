package projections

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
)

// catalogue says which database is the active one of each projection. A switch
// is one transaction over its rows.
type catalogue struct {
	dir    string
	mu     sync.Mutex // guards the writer, which serves one at a time
	w      *writer
	unread bool // the writer is closed: what was spoiled could not be read anew
}

// activeFile is one row of it.
type activeFile struct {
	name    string
	version int
	file    string
	paused  bool
}

// openCatalogue opens it, and makes it anew when it is unreadable: then all
// projections are built again. A file that may not be read and written stays, and is
// told: it knows what was paused.
func openCatalogue(dir string) (*catalogue, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("projections: %w", err)
	}
	if err := takesFiles(dir); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, catalogueFile)
	if err := writable(path); err != nil {
		return nil, err
	}
	c, err := connectCatalogue(dir, path)
	if err == nil {
		_, unread := c.all()
		if unread == nil {
			return c, nil
		}
		if err = errors.Join(unread, c.close()); !spoilt(unread) && !foreign(unread) {
			return nil, err
		}
	}
	if err := removeSQLite(path); err != nil {
		return nil, err
	}
	return connectCatalogue(dir, path)
}

func connectCatalogue(dir, path string) (*catalogue, error) {
	w, err := newWriter(path, toWrite)
	if err != nil {
		return nil, err
	}
	// What was answered to stay, such as a pause, stays when the power fails.
	if err := w.once("PRAGMA synchronous = FULL"); err != nil {
		return nil, errors.Join(err, w.close())
	}
	err = w.exec(`CREATE TABLE IF NOT EXISTS projections (name TEXT PRIMARY KEY, version INTEGER NOT NULL, file TEXT NOT NULL,
		state TEXT NOT NULL) WITHOUT ROWID`, nil)
	if err != nil {
		return nil, errors.Join(err, w.close())
	}
	return &catalogue{dir: dir, w: w}, nil
}

// all reads every row by name.
func (c *catalogue) all() (map[string]activeFile, error) {
	var out map[string]activeFile
	err := c.do(func() error {
		out = map[string]activeFile{}
		return c.w.load("SELECT name, version, file, state FROM projections", nil, func(v []any) error {
			name, _ := v[0].(string)
			version, _ := v[1].(int64)
			file, _ := v[2].(string)
			out[name] = activeFile{name, int(version), file, v[3] == "paused"}
			return nil
		})
	})
	return out, err
}

// do does something with the catalogue, which may be nothing or all of it. Where what
// lies in memory of its files was spoiled, it is read from them anew, once.
func (c *catalogue) do(what func() error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var err error
	if !c.unread {
		if err = what(); !spoilt(err) {
			return err
		}
		c.w.broken = nil // the files stay: who paused what is written nowhere else
		_ = c.w.close()  // of what is spoiled nothing is left to be said
	}
	again, opening := connectCatalogue(c.dir, filepath.Join(c.dir, catalogueFile))
	if c.unread = opening != nil; c.unread { // the next one tries again
		return errors.Join(err, opening)
	}
	c.w = again.w
	return what()
}

const catalogueFile = "catalogue.db"

// put writes rows in one transaction: from then on these are the active ones.
func (c *catalogue) put(rows ...activeFile) error {
	return c.do(func() error {
		return c.w.atomic(func() error {
			for _, r := range rows {
				state := "live"
				if r.paused {
					state = "paused"
				}
				if err := c.w.exec("REPLACE INTO projections VALUES (?, ?, ?, ?)", []any{r.name, r.version, r.file, state}); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// sweep deletes the databases that no row names: an unfinished rebuild, or one
// that was replaced just before a crash; and what was left beside one that is gone,
// or SQLite would take it for the journal of the next that has its name.
func (c *catalogue) sweep(rows map[string]activeFile) error {
	named := map[string]bool{}
	for _, r := range rows {
		named[r.file] = true
	}
	files, err := os.ReadDir(c.dir)
	if err != nil {
		return fmt.Errorf("projections: %w", err)
	}
	for _, f := range files {
		database := strings.TrimSuffix(strings.TrimSuffix(f.Name(), "-wal"), "-shm")
		if _, _, ok := numbers(database); ok && !named[database] {
			if err := removeSQLite(filepath.Join(c.dir, database)); err != nil {
				return err
			}
		}
	}
	return nil
}

// numbers reads version and generation from "<name>.v<version>.<generation>.db".
func numbers(file string) (version, generation int, ok bool) {
	parts := strings.Split(file, ".")
	if len(parts) != 4 || parts[3] != "db" || !strings.HasPrefix(parts[1], "v") {
		return 0, 0, false
	}
	version, err1 := strconv.Atoi(parts[1][1:])
	generation, err2 := strconv.Atoi(parts[2])
	return version, generation, err1 == nil && err2 == nil
}

func (c *catalogue) close() error { return c.w.close() }
