package embedded

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"syscall"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"parley/domain"
	"parley/eventstore"
)

// Unfinished is the file in a backup that is not whole: whoever writes it holds its
// lock, and of one that was killed the next by that name clears away what is left.
const Unfinished = "UNFINISHED"

// Backup writes a whole copy of the log, as of now, into a folder that is not
// there yet, while appends go on; what a backup that was killed left there makes
// room. The format file is written last: a backup
// that was broken off is refused when it is opened, and one that was changed since
// by its seal. Once ctx is done nothing is copied that would not be missed. Keys lie elsewhere and are
// not part of it. On one and the same file system unchanged files are shared
// with the log (hard links): copy the folder away to be safe from the disk.
// A folder that cannot be used is a refusal that names the field folder. Of a
// backup that failed nothing stays, and a BackupError says why it did.
func (l *Log) Backup(ctx context.Context, dir string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	l.reading.RLock()
	defer l.reading.RUnlock()
	if l.shut {
		return eventstore.ErrClosed
	}
	if err := l.stoppedBy(); err != nil {
		return err
	}
	lock, err := ownFolder(l.fs, dir)
	if err != nil {
		return err
	}
	err = l.sure(l.db.Checkpoint(l.fs.PathJoin(dir, pebbleFolder), pebble.WithFlushedWAL()))
	if err == nil {
		err = writeSeal(ctx, l.fs, dir, l.store, true)
	}
	if err == nil {
		err = writeFormat(l.fs, dir, l.store)
	}
	if err != nil {
		left := l.fs.RemoveAll(dir) != nil
		return &BackupError{Dir: dir, Left: left, Err: errors.Join(l.damage(err), lock.Close())}
	}
	// By now it is whole, whatever else is in the folder.
	return errors.Join(lock.Close(), l.fs.Remove(l.fs.PathJoin(dir, Unfinished)), syncFolder(l.fs, dir))
}

// ownFolder makes the folder of a backup, empty but for the file that says that it is
// not finished, which it gives locked. A folder that is there is refused, unless it
// is what a backup left that was killed.
func ownFolder(f vfs.FS, dir string) (lock io.Closer, err error) {
	mark := f.PathJoin(dir, Unfinished)
	if _, err := f.Stat(dir); err == nil {
		if _, err := f.Stat(mark); err != nil {
			return nil, thereAlready(dir)
		}
	} else if err := f.MkdirAll(dir, 0o700); err != nil {
		return nil, domain.Invalid("folder", fmt.Sprintf("%s cannot be made: %v", dir, err))
	}
	if lock, err = f.Lock(mark); err != nil {
		if _, path := errors.AsType[*fs.PathError](err); path || errors.Is(err, syscall.ENOSPC) {
			return nil, &BackupError{Dir: dir, Left: f.Remove(dir) != nil, Err: err}
		}
		return nil, domain.Invalid("folder", "another backup is being made in "+dir+": wait for its end, or name another folder")
	}
	if err := clearAway(f, dir); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	if err := makeFolder(f, dir); err != nil { // durably, which takes a while: one who is killed meanwhile has left the mark
		return nil, &BackupError{Dir: dir, Left: f.RemoveAll(dir) != nil, Err: errors.Join(err, lock.Close())}
	}
	return lock, nil
}

func thereAlready(dir string) error {
	return domain.Invalid("folder", dir+" is there already: a backup needs a new folder")
}

// clearAway removes what is left of a backup that was killed, and nothing else.
func clearAway(f vfs.FS, dir string) error {
	names, err := f.List(dir)
	if err != nil {
		return err
	}
	parts := []string{pebbleFolder, sealFile, sealFile + ".new", formatFile + ".new", Unfinished}
	for _, name := range names {
		switch {
		case name == formatFile: // it was killed when it was whole
			return thereAlready(dir)
		case !slices.Contains(parts, name):
			return domain.Invalid("folder", fmt.Sprintf("%s holds what is left of a backup that did not end, and %s, which is no part of one: move that away, or name another folder", dir, name))
		}
	}
	for _, name := range parts[:len(parts)-1] {
		if err := f.RemoveAll(f.PathJoin(dir, name)); err != nil {
			return err
		}
	}
	return nil
}

// BackupError tells that a backup could not be written.
type BackupError struct {
	Dir  string
	Left bool // what was written of it could not be removed
	Err  error
}

func (e *BackupError) Error() string {
	after := "nothing of it is left"
	if e.Left {
		after = "remove that folder"
	}
	return fmt.Sprintf("the backup into %s failed, and %s: %v", e.Dir, after, e.Err)
}

func (e *BackupError) Unwrap() error { return e.Err }
