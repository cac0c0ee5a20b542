package embedded

import (
	"errors"
	"fmt"
	"io"
	"syscall"

	"github.com/cockroachdb/errors/oserror"
	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// ErrStill is what a log that was opened to be looked at answers to a write.
var ErrStill = errors.New("eventstore: the log was opened to be looked at: nothing is written to it")

// OpenStill opens a log that nobody writes to, such as a backup, and changes
// nothing in its folder, not even by a lock: the folder may be on a disk that
// cannot be written. Appends and marks are refused; all else works. A folder
// that another process has open is ErrLocked.
func OpenStill(o Options) (*Log, error) {
	o.complete()
	l := &Log{dir: o.Dir, health: newLogHealth(o), closing: make(chan struct{}), still: true}
	inner := o.FS.PathJoin(o.Dir, pebbleFolder)
	lock, err := lockStill(o.FS, inner)
	if err != nil {
		return nil, err
	}
	o.FS = stillFS{o.FS, lock}
	l.fs = o.FS
	is, found, err := readFormat(o.FS, o.Dir)
	if err == nil && !found {
		err = damaged("it is missing: this is no parley log, or a backup that did not end", "the file %s", o.FS.PathJoin(o.Dir, formatFile))
	}
	if err == nil {
		l.lock, err = pebble.LockDirectory(inner, o.FS)
	}
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	if err := l.open(o, inner, is, true); err != nil {
		return nil, errors.Join(err, l.abandon())
	}
	l.stop(ErrStill)
	close(l.writer.done)
	return l, nil
}

// lockStill keeps everybody else from writing, where somebody ever did: a
// backup that was never opened has no lock, and gets none.
func lockStill(f vfs.FS, inner string) (io.Closer, error) {
	name := f.PathJoin(inner, "LOCK")
	if _, err := f.Stat(name); oserror.IsNotExist(err) {
		return nothing{}, nil
	}
	lock, err := f.Lock(name)
	if oserror.IsPermission(err) || errors.Is(err, syscall.EROFS) {
		return nothing{}, nil // who cannot be written is not written to
	}
	if err != nil {
		return nil, locked(inner, err)
	}
	return lock, nil
}

// Hold keeps every other process from the log in a folder until what it returns
// is closed. Where there is none, nothing is held, and nothing is made.
func Hold(o Options) (io.Closer, error) {
	o.complete()
	return lockStill(o.FS, o.FS.PathJoin(o.Dir, pebbleFolder))
}

type nothing struct{}

func (nothing) Close() error { return nil }

// stillFS refuses whatever would change a file.
type stillFS struct {
	vfs.FS
	lock io.Closer
}

func refused(what, name string) error { return fmt.Errorf("%w (%s %s)", ErrStill, what, name) }

func (stillFS) Create(name string, _ vfs.DiskWriteCategory) (vfs.File, error) {
	return nil, refused("create", name)
}
func (stillFS) Link(_, name string) error        { return refused("link", name) }
func (stillFS) Remove(name string) error         { return refused("remove", name) }
func (stillFS) RemoveAll(name string) error      { return refused("remove", name) }
func (stillFS) Rename(name, _ string) error      { return refused("rename", name) }
func (f stillFS) Lock(string) (io.Closer, error) { return f.lock, nil }
func (f stillFS) Unwrap() vfs.FS                 { return f.FS }
func (stillFS) OpenReadWrite(name string, _ vfs.DiskWriteCategory, _ ...vfs.OpenOption) (vfs.File, error) {
	return nil, refused("write", name)
}
func (stillFS) ReuseForWrite(_, name string, _ vfs.DiskWriteCategory) (vfs.File, error) {
	return nil, refused("write", name)
}
