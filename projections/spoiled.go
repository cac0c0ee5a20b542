package projections

import (
	"errors"
	"fmt"
	"os"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// ErrLost is what a query comes to that meets a view's file which is damaged or
// gone. Where the view is live it is made anew: whoever asks again waits for that.
// Compare with errors.Is.
var ErrLost = errors.New("projections: the view's file is damaged or gone")

// spoilt tells that an error says of a view that its file is damaged.
func spoilt(err error) bool {
	failed, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return false
	}
	if failed.Code() == sqlite3.SQLITE_IOERR_IN_PAGE { // one of its files was cut while it lay in memory
		return true
	}
	code := failed.Code() & 0xff // without what SQLite says beyond that
	return code == sqlite3.SQLITE_CORRUPT || code == sqlite3.SQLITE_NOTADB
}

// Full tells that an error says of a view that there is no room for it on its disk.
func Full(err error) bool {
	failed, ok := errors.AsType[*sqlite.Error](err)
	return ok && (failed.Code()&0xff == sqlite3.SQLITE_FULL || failed.Code() == sqlite3.SQLITE_IOERR_SHMSIZE) // or none for what lies beside it
}

// foreign tells that a statement does not fit the tables of a database.
func foreign(err error) bool {
	failed, ok := errors.AsType[*sqlite.Error](err)
	return ok && failed.Code()&0xff == sqlite3.SQLITE_ERROR
}

// heed looks at what a statement of the writer's came to.
func (w *writer) heed(err error) error {
	if w.broken == nil && !w.building && spoilt(err) {
		w.broken, w.lost = err, true
	}
	return err
}

// heed looks at what a query came to; who advances the projection throws the file
// away.
func (d *database) heed(err error) error {
	if !spoilt(err) && !d.gone(err) {
		return err
	}
	if d.damage.CompareAndSwap(nil, &err) && d.alarm != nil {
		d.alarm()
	}
	return fmt.Errorf("%w: %w", ErrLost, err)
}

// gone tells that what failed had no file to read. Who opens it next finds nothing,
// and would for as long as it is served.
func (d *database) gone(failed error) bool {
	_, ok := errors.AsType[*sqlite.Error](failed)
	return ok && absent(d.path)
}

// absent tells that a database was deleted, or emptied.
func absent(path string) bool {
	info, err := os.Stat(path)
	return errors.Is(err, os.ErrNotExist) || err == nil && info.Size() == 0
}

// miss takes note when a file that the writer has open is not to be found: it would
// write on into what is deleted, and whoever opens the view next sees nothing of that.
func (w *writer) miss(failed error) error {
	failed = fmt.Errorf("projections: %w", failed)
	if w.broken == nil && errors.Is(failed, os.ErrNotExist) {
		w.broken, w.lost = failed, true
	}
	return failed
}

// lookFor looks whether the writer's file is still there.
func (w *writer) lookFor() {
	if w.broken == nil && !w.building && absent(w.path) {
		w.broken, w.lost = fmt.Errorf("projections: the file %s was deleted or emptied while it was in use", w.path), true
	}
}

// throwAway serves no more what a query has found damaged. Call it with step held.
func (r *Runner) throwAway() error {
	var errs []error
	for _, s := range r.slots {
		s.mu.Lock()
		g := s.gen
		if g == nil || g.db.damage.Load() == nil || s.paused && s.building != nil { // who resumes it comes upon it as well
			s.mu.Unlock()
			continue
		}
		s.gen, s.stale = nil, true
		s.mu.Unlock()
		w := g.db.writer
		w.broken, w.lost = *g.db.damage.Load(), true
		ring(r.missing)
		errs = append(errs, w.broken, g.db.retire())
	}
	return errors.Join(errs...)
}
