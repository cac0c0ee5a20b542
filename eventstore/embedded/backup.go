package embedded

import (
	"context"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"parley/domain"
	"parley/eventstore"
)

// Backup writes a whole copy of the log, as of now, into a folder that is not
// there yet, while appends go on. The format file is written last: a backup
// that was broken off is refused when it is opened, and one that was changed since
// by its seal. Keys lie elsewhere and are
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
	if _, err := l.fs.Stat(dir); err == nil {
		return domain.Invalid("folder", dir+" is there already: a backup needs a new folder")
	}
	if err := makeFolder(l.fs, dir); err != nil {
		return domain.Invalid("folder", fmt.Sprintf("%s cannot be made: %v", dir, err))
	}
	err := l.sure(l.db.Checkpoint(l.fs.PathJoin(dir, pebbleFolder), pebble.WithFlushedWAL()))
	if err == nil {
		err = writeSeal(l.fs, dir, l.store, true)
	}
	if err == nil {
		err = writeFormat(l.fs, dir, l.store)
	}
	if err != nil {
		return &BackupError{Dir: dir, Left: l.fs.RemoveAll(dir) != nil, Err: l.damage(err)}
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
