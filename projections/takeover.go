package projections

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"os"
)

// takeOverAfter is how many pages of 4 KiB lie in the journal before they are
// taken over into the database. A page that is written again meanwhile is moved
// once, and the log waits for the disk the more seldom.
const takeOverAfter = 3000

// takeOver moves what lies in the journal into the database, once that is enough.
// SQLite would do it in one go, and sync both files as it does: the log, which waits
// for the same disk, would stand still for milliseconds. Both are brought to the
// disk bit by bit instead, in the order that SQLite keeps: the journal before
// anything is moved, the database before the journal is written again.
func (w *writer) takeOver() error {
	if w.building || w.broken != nil {
		return w.broken // while it is built there is no journal
	}
	waiting, err := w.journal("NOOP")
	if err != nil || waiting < takeOverAfter+w.held {
		w.held = min(w.held, waiting)
		return err
	}
	if w.file == nil {
		if w.file, err = os.OpenFile(w.path, os.O_RDWR, 0); err != nil {
			return w.miss(err)
		}
	}
	journal, err := os.OpenFile(w.path+"-wal", os.O_RDWR, 0)
	if err != nil {
		return w.miss(err)
	}
	if w.broken = errors.Join(bringToDisk(journal), journal.Close()); w.broken != nil {
		w.lost = true // what could not be written is read from there as well
		return w.broken
	}
	return w.moveJournal()
}

// moveJournal moves what lies in a journal that is on the disk, and brings the
// database there. What could not be moved, for want of room as it may be, lies in
// the journal as before, and is moved another time.
func (w *writer) moveJournal() error {
	if err := w.once("PRAGMA synchronous = OFF"); err != nil {
		return err
	}
	held, err := w.journal("PASSIVE")
	if err == nil {
		w.held = held
	}
	synced := bringToDisk(w.file)
	w.lost = w.lost || synced != nil
	w.broken = errors.Join(w.broken, synced, w.once("PRAGMA synchronous = NORMAL")) // the checkpoint may have come upon damage
	return errors.Join(err, w.broken)
}

// journal runs a checkpoint of SQLite's and tells how many pages are left to be
// taken over.
func (w *writer) journal(mode string) (left int64, err error) {
	err = w.load("PRAGMA wal_checkpoint("+mode+")", nil, func(v []any) error {
		lie, ok1 := v[1].(int64)
		moved, ok2 := v[2].(int64)
		if !ok1 || !ok2 {
			return errDriver
		}
		left = lie - moved
		return nil
	})
	return left, err
}

// once runs a statement that does its work while it is prepared.
func (w *writer) once(text string) error {
	c, ok := w.conn.(driver.ExecerContext)
	if !ok {
		return errDriver
	}
	if _, err := c.ExecContext(context.Background(), text, nil); err != nil {
		return fmt.Errorf("projections: %w in %s", err, text)
	}
	return nil
}
