package projections

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"

	"parley/eventstore"
)

// View is one consistent snapshot of a projection. Close it soon: while it is
// open, its connection serves nobody else.
type View struct {
	// Position is how far the rows have read the log; a query's answer tells it.
	Position eventstore.Position

	from *database
	r    *reader
}

// reader is a connection for queries, with its statements kept prepared.
type reader struct {
	conn     *sql.Conn
	prepared map[string]*sql.Stmt
}

// statementsKept bounds the prepared statements of one connection.
const statementsKept = 256

// openView begins a snapshot of a held database. shown is how far the rows of
// the checkpoint saved are known to be right although it lies behind: nothing
// between the two concerned them.
func openView(ctx context.Context, d *database, saved, shown eventstore.Position) (*View, error) {
	r, err := d.borrow(ctx)
	if err != nil {
		return nil, errors.Join(err, d.release())
	}
	v := &View{from: d, r: r}
	if _, err := r.conn.ExecContext(ctx, "BEGIN"); err != nil {
		v.r.drop()
		return nil, errors.Join(d.heed(fmt.Errorf("projections: %w", err)), v.giveBack())
	}
	err = v.each(ctx, "SELECT position FROM parley_checkpoint", nil, func(values []any) error {
		n, _ := values[0].(int64)
		v.Position = eventstore.Position(n)
		return nil
	})
	if err != nil {
		return nil, errors.Join(err, v.Close())
	}
	if v.Position == saved && shown > saved {
		v.Position = shown
	}
	return v, nil
}

// Close ends the snapshot.
func (v *View) Close() error {
	if v.r == nil {
		return nil
	}
	_, err := v.r.conn.ExecContext(context.Background(), "ROLLBACK")
	if err != nil {
		v.r.drop()
	}
	return errors.Join(err, v.giveBack())
}

func (v *View) giveBack() error {
	v.from.readers <- v.r
	v.r = nil
	return v.from.release()
}

// drop gives up a connection that did not end its transaction.
func (r *reader) drop() {
	_ = r.forget()
	_ = r.conn.Raw(func(any) error { return driver.ErrBadConn }) // a refused connection is closed by the pool
	_ = r.conn.Close()
	r.conn = nil
}

// close hands the connection back to the pool.
func (r *reader) close() error {
	if r.conn == nil {
		return nil
	}
	err := errors.Join(r.forget(), r.conn.Close())
	r.conn = nil
	return err
}

// forget closes the prepared statements: SQLite keeps a connection, and its
// file, until the last of them is closed.
func (r *reader) forget() error {
	var errs []error
	for _, s := range r.prepared {
		errs = append(errs, s.Close())
	}
	r.prepared = nil
	return errors.Join(errs...)
}

// each runs a query and hands over the values of each row.
func (v *View) each(ctx context.Context, text string, args []any, each func([]any) error) error {
	s := v.r.prepared[text]
	if s == nil {
		if len(v.r.prepared) >= statementsKept {
			if err := v.r.forget(); err != nil {
				return fmt.Errorf("projections: %w", err)
			}
			v.r.prepared = map[string]*sql.Stmt{}
		}
		var err error
		if s, err = v.r.conn.PrepareContext(ctx, text); err != nil {
			return v.from.heed(fmt.Errorf("projections: %w in %s", err, text))
		}
		v.r.prepared[text] = s
	}
	rows, err := s.QueryContext(ctx, arguments(args)...)
	if err != nil {
		return v.from.heed(fmt.Errorf("projections: %w in %s", err, text))
	}
	return v.from.heed(eachRow(rows, each))
}

// arguments gives times as their columns hold them.
func arguments(args []any) []any {
	out := make([]any, len(args))
	for i, a := range args {
		if t, ok := a.(time.Time); ok {
			a = micros(t)
		}
		out[i] = a
	}
	return out
}
