package projections

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"

	"parley/eventstore"
)

// database is one generation's file: the tables of its projection, the
// checkpoint, and the events that were parked.
type database struct {
	path    string
	reading *sql.DB
	writer  *writer
	readers chan *reader
	damage  atomic.Pointer[error] // what a query has found wrong with the file
	alarm   func()                // tells who advances it of that

	mu      sync.Mutex
	users   int  // views open on it
	retired bool // another generation took its place
}

// checkpoint is what a database says of itself.
type checkpoint struct {
	Position eventstore.Position
	Store    string // the log that it was folded from
	Version  int
	Schema   string
	Folded   int64 // events
	Written  int64 // rows
}

// ownTables are the tables that the runner keeps beside those of the projection.
var ownTables = []string{
	`CREATE TABLE parley_checkpoint (one INTEGER PRIMARY KEY CHECK (one = 1), position INTEGER NOT NULL, store TEXT NOT NULL,
		version INTEGER NOT NULL, schema TEXT NOT NULL, folded INTEGER NOT NULL, written INTEGER NOT NULL)`,
	`CREATE TABLE parley_parked (stream TEXT NOT NULL, position INTEGER NOT NULL, error TEXT NOT NULL, PRIMARY KEY (stream, position)) WITHOUT ROWID`,
}

// errUnusable tells that a file is no database of this shape; it is made anew.
var errUnusable = errors.New("projections: the file is no database of a projection")

// createDatabase makes the file of a new generation: its tables, still without
// indexes, and its checkpoint. Only who builds it has it, until it is finished.
func createDatabase(path string, p *Projection, store string) (*database, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil { // it may have been deleted while it was served
		return nil, fmt.Errorf("projections: %w", err)
	}
	if err := removeSQLite(path); err != nil {
		return nil, err
	}
	d, err := connect(path, toBuild)
	if err != nil {
		return nil, errors.Join(err, removeSQLite(path))
	}
	err = d.writer.atomic(func() error {
		if err := d.writer.all(ownTables); err != nil {
			return err
		}
		for _, t := range p.Tables {
			d.writer.bare[t.shape()] = true
			if err := d.writer.exec(t.shape().table(), nil); err != nil {
				return err
			}
		}
		return d.writer.exec("INSERT INTO parley_checkpoint VALUES (1, 0, ?, ?, ?, 0, 0)", []any{store, p.Version, p.schema()})
	})
	if err != nil {
		return nil, errors.Join(err, d.remove())
	}
	return d, nil
}

// finish makes the indexes of a database that was built, brings it to the disk
// and opens it as the others are: sorted at once, an index costs a part of what
// it costs row by row.
func (d *database) finish(p *Projection) error {
	if !d.writer.building {
		return nil
	}
	for _, t := range p.Tables {
		if err := errors.Join(d.writer.lookups(t.shape()), d.writer.all(t.shape().queryIndexes())); err != nil {
			return err
		}
	}
	if err := d.writer.close(); err != nil {
		return err
	}
	// Opening it turns the journal on, and that is to be on the disk as well.
	w, err := newWriter(d.path, toWrite)
	if err != nil {
		return err
	}
	d.writer = w
	return syncFile(d.path)
}

// openDatabase opens an existing file and reads what it says of itself.
func openDatabase(path string) (*database, checkpoint, error) {
	err := writable(path)
	var d *database
	if err == nil {
		d, err = connect(path, toWrite)
	}
	if err != nil {
		return nil, checkpoint{}, fmt.Errorf("%w: %w", errUnusable, err)
	}
	c, err := d.checkpoint()
	if err != nil {
		return nil, c, fmt.Errorf("%w: %w", errUnusable, errors.Join(err, d.close()))
	}
	return d, c, nil
}

func connect(path string, u use) (*database, error) {
	d := &database{path: path}
	var err error
	if d.writer, err = newWriter(path, u); err != nil {
		return nil, err
	}
	if d.reading, err = openSQLite(path); err != nil { // it connects when it is asked first
		return nil, errors.Join(err, d.writer.close())
	}
	d.readers = make(chan *reader, 4*runtime.GOMAXPROCS(0))
	for range cap(d.readers) {
		d.readers <- &reader{}
	}
	return d, nil
}

func (d *database) checkpoint() (c checkpoint, err error) {
	found := false
	err = d.writer.load("SELECT position, store, version, schema, folded, written FROM parley_checkpoint", nil, func(v []any) error {
		found = true
		return scanCheckpoint(v, &c)
	})
	if err == nil && !found {
		err = errors.New("no checkpoint")
	}
	return c, err
}

func scanCheckpoint(v []any, c *checkpoint) error {
	position, ok1 := v[0].(int64)
	store, ok2 := v[1].(string)
	version, ok3 := v[2].(int64)
	schema, ok4 := v[3].(string)
	folded, ok5 := v[4].(int64)
	written, ok6 := v[5].(int64)
	if !ok1 || !ok2 || !ok3 || !ok4 || !ok5 || !ok6 {
		return errors.New("the checkpoint cannot be read")
	}
	*c = checkpoint{eventstore.Position(position), store, int(version), schema, folded, written}
	return nil
}

// load reads rows for a fold.
func (d *database) load(query string, args []any, each func([]any) error) error {
	return d.writer.load(query, args, each)
}

// find is load by a lookup column, whose index is there from the first time on.
func (d *database) find(s *shape, query string, args []any, each func([]any) error) error {
	if err := d.writer.lookups(s); err != nil {
		return err
	}
	return d.writer.load(query, args, each)
}

// parked reads the streams whose events are parked, and how many events are.
func (d *database) parked() (map[string]bool, int, error) {
	streams, n := map[string]bool{}, 0
	err := d.writer.load("SELECT stream FROM parley_parked", nil, func(v []any) error {
		s, _ := v[0].(string)
		streams[s] = true
		n++
		return nil
	})
	return streams, n, err
}

// hold keeps the file from being deleted while a view reads it; false when it
// is on its way out already.
func (d *database) hold() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.retired {
		return false
	}
	d.users++
	return true
}

// release ends a hold; the last one deletes a retired file.
func (d *database) release() error {
	d.mu.Lock()
	d.users--
	last := d.retired && d.users == 0
	d.mu.Unlock()
	if last {
		return d.remove()
	}
	return nil
}

// retire deletes the file once nobody reads it.
func (d *database) retire() error {
	d.mu.Lock()
	first := !d.retired
	d.retired = true
	idle := d.users == 0
	d.mu.Unlock()
	if first && idle {
		return d.remove()
	}
	return nil
}

func (d *database) remove() error { return errors.Join(d.close(), removeSQLite(d.path)) }

// close ends all connections. Those for reading are handed back first: the pool
// would keep what is lent out, and with it a deleted file on the disk.
func (d *database) close() error {
	var errs []error
	for {
		select {
		case r := <-d.readers:
			errs = append(errs, r.close())
			continue
		default:
		}
		return errors.Join(append(errs, d.reading.Close(), d.writer.close())...)
	}
}

// borrow takes a reading connection; it waits while all are in use.
func (d *database) borrow(ctx context.Context) (*reader, error) {
	select {
	case r := <-d.readers:
		if r.conn == nil {
			conn, err := d.reading.Conn(ctx)
			if err != nil {
				d.readers <- r
				return nil, d.heed(fmt.Errorf("projections: %w", err))
			}
			r.conn, r.prepared = conn, map[string]*sql.Stmt{}
		}
		return r, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
