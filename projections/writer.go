package projections

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"os"

	"modernc.org/sqlite"
)

// writer is the one connection that writes a database, with its statements
// kept prepared. It speaks to the driver itself: a pool for one connection
// costs as much as writing a small row. One goroutine at a time uses it.
type writer struct {
	path     string
	file     *os.File // the database's, closed after the connections: to close it takes their locks from SQLite
	held     int64    // pages of the journal that a reader kept from being taken over
	broken   error    // what was to be on the disk is not: nothing is written any more, and the file is made anew
	lost     bool     // that is so of the database itself: what is read of it may be old
	conn     driver.Conn
	prepared map[string]*prepared
	args     []driver.NamedValue

	building bool            // the file is a new one that nobody reads yet
	bare     map[*shape]bool // tables without the indexes of their lookup columns
	pace     func()          // lets others go first, now and then; nil: they need not
}

// prepared is a statement as the driver has it.
type prepared struct {
	driver.Stmt
	exec  driver.StmtExecContext
	query driver.StmtQueryContext
}

// errDriver tells that the driver is not the one this was written for.
var errDriver = errors.New("projections: the SQLite driver cannot run a prepared statement")

func newWriter(path string, u use) (*writer, error) {
	conn, err := new(sqlite.Driver).Open(source(path, u))
	if err != nil {
		return nil, fmt.Errorf("projections: %s: %w", path, err)
	}
	return &writer{path: path, conn: conn, prepared: map[string]*prepared{}, building: u == toBuild, bare: map[*shape]bool{}}, nil
}

// statement prepares once. The texts are the program's own, so there are few.
func (w *writer) statement(text string) (*prepared, error) {
	if s := w.prepared[text]; s != nil {
		return s, nil
	}
	stmt, err := w.conn.Prepare(text)
	if err != nil {
		return nil, w.heed(fmt.Errorf("projections: %w in %s", err, text))
	}
	s := &prepared{Stmt: stmt}
	var ok bool
	if s.exec, ok = stmt.(driver.StmtExecContext); ok {
		s.query, ok = stmt.(driver.StmtQueryContext)
	}
	if !ok {
		return nil, errors.Join(errDriver, stmt.Close())
	}
	w.prepared[text] = s
	return s, nil
}

// arguments are values as the driver takes them, until the next statement.
func (w *writer) arguments(args []any) ([]driver.NamedValue, error) {
	w.args = w.args[:0]
	for i, a := range args {
		switch x := a.(type) {
		case string, int64, float64:
		case int:
			a = int64(x)
		default:
			return nil, fmt.Errorf("projections: a statement takes no %T", a)
		}
		w.args = append(w.args, driver.NamedValue{Ordinal: i + 1, Value: a})
	}
	return w.args, nil
}

func (w *writer) exec(text string, args []any) error {
	_, err := w.run(text, args)
	return err
}

// count is exec that tells how many rows changed.
func (w *writer) count(text string, args []any) (int64, error) {
	done, err := w.run(text, args)
	if err != nil {
		return 0, err
	}
	return done.RowsAffected()
}

func (w *writer) run(text string, args []any) (driver.Result, error) {
	s, err := w.statement(text)
	if err != nil {
		return nil, err
	}
	values, err := w.arguments(args)
	if err != nil {
		return nil, err
	}
	done, err := s.exec.ExecContext(context.Background(), values)
	if err != nil {
		return nil, w.heed(fmt.Errorf("projections: %w in %s", err, text))
	}
	return done, nil
}

// atomic runs a function in one transaction.
func (w *writer) atomic(f func() error) error {
	if w.broken != nil {
		return w.broken
	}
	if err := w.exec("BEGIN IMMEDIATE", nil); err != nil {
		return err
	}
	if err := f(); err != nil {
		return joinUndo(err, w.exec("ROLLBACK", nil))
	}
	if err := w.exec("COMMIT", nil); err != nil {
		return joinUndo(err, w.exec("ROLLBACK", nil))
	}
	return nil
}

func joinUndo(err, undo error) error {
	if undo != nil {
		return fmt.Errorf("%w (and the transaction could not be undone: %w)", err, undo)
	}
	return err
}

// load reads rows with all columns, as int64, float64 and string. The slice is
// used again.
func (w *writer) load(text string, args []any, each func([]any) error) (err error) {
	s, err := w.statement(text)
	if err != nil {
		return err
	}
	values, err := w.arguments(args)
	if err != nil {
		return err
	}
	rows, err := s.query.QueryContext(context.Background(), values)
	if err != nil {
		return w.heed(fmt.Errorf("projections: %w in %s", err, text))
	}
	defer func() {
		if closing := rows.Close(); err == nil {
			err = closing
		}
	}()
	read := make([]driver.Value, len(rows.Columns()))
	out := make([]any, len(read))
	for {
		if err := rows.Next(read); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return w.heed(fmt.Errorf("projections: %w in %s", err, text))
		}
		for i := range read {
			out[i] = read[i]
		}
		if err := each(out); err != nil {
			return err
		}
	}
}

// lookups makes the indexes of a table's lookup columns, if it has none yet.
func (w *writer) lookups(s *shape) error {
	if !w.bare[s] {
		return nil
	}
	delete(w.bare, s)
	return w.all(s.lookupIndexes())
}

// all runs statements without arguments.
func (w *writer) all(texts []string) error {
	for _, text := range texts {
		if err := w.exec(text, nil); err != nil {
			return err
		}
	}
	return nil
}

// close ends the connection; a second time it does nothing.
func (w *writer) close() error {
	if w.conn == nil {
		return nil
	}
	var errs []error
	for _, s := range w.prepared {
		errs = append(errs, s.Close())
	}
	if w.broken != nil {
		// SQLite deletes the journal as it closes. The database goes first, or a kill
		// in between would leave one that looks whole. Where a file that is open cannot
		// be deleted, it goes below.
		_ = removeSQLite(w.path)
	}
	errs = append(errs, w.conn.Close())
	if w.file != nil {
		errs = append(errs, w.file.Close())
	}
	if w.broken != nil {
		errs = append(errs, removeSQLite(w.path))
	}
	w.prepared, w.conn, w.file = nil, nil, nil
	return errors.Join(errs...)
}
