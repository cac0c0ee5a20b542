package embedded

import (
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// walFS keeps failures of the write-ahead logs from Pebble: where it goes on from
// one to the next it panics on them, and leaves a lock so that the process ends.
// They stop the log instead, and Pebble is told that all is well.
//
// Once the log has stopped nothing reaches a write-ahead log any more, as after a
// power cut: what comes behind a hole would be damage, and so would be a next one
// behind one without its end. Whoever writes must therefore ask whether the log has
// stopped after Pebble said that it is written; it has before Pebble says so. What
// Pebble holds it may still move to tables, and then delete the write-ahead logs
// that have it: of tables and manifests it is told all.
type walFS struct {
	vfs.FS
	dir     string // Pebble's own: a backup may fail without stopping anything
	stop    func(error)
	stopped func() error
	made    atomic.Bool               // a write-ahead log was made, and its folder not yet synced
	folder  atomic.Pointer[walFolder] // through which Pebble syncs it
}

func (w *walFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if !w.of(name) {
		return w.FS.Create(name, category)
	}
	return w.make(func() (vfs.File, error) { return w.FS.Create(name, category) })
}

func (w *walFS) ReuseForWrite(from, to string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if !w.of(to) {
		return w.FS.ReuseForWrite(from, to, category)
	}
	return w.make(func() (vfs.File, error) { return w.FS.ReuseForWrite(from, to, category) })
}

// OpenDir gives a folder that knows when it is synced for a write-ahead log.
func (w *walFS) OpenDir(name string) (vfs.File, error) {
	f, err := w.FS.OpenDir(name)
	if err != nil || name != w.dir {
		return f, err
	}
	return &walFolder{f, w}, nil
}

// Unwrap is the file system below.
func (w *walFS) Unwrap() vfs.FS { return w.FS }

func (w *walFS) of(name string) bool {
	return strings.HasSuffix(name, ".log") && w.PathDir(name) == w.dir
}

// make makes a write-ahead log, or one that is nowhere.
func (w *walFS) make(open func() (vfs.File, error)) (vfs.File, error) {
	w.made.Store(true)
	f := vfs.NewMemFile(nil)
	w.try(func() error {
		real, err := open()
		if err == nil {
			f = real
		}
		return err
	})
	return &walFile{f, w}, nil
}

// try does something to a write-ahead log, unless the log has stopped.
func (w *walFS) try(do func() error) {
	if w.stopped() == nil {
		w.failed(do())
	}
}

func (w *walFS) failed(err error) {
	if err != nil {
		w.stop(fmt.Errorf("the write-ahead log failed: %w", err))
	}
}

// walFile never fails.
type walFile struct {
	vfs.File
	fs *walFS
}

func (f *walFile) Write(b []byte) (int, error) {
	f.fs.try(func() error { _, err := f.File.Write(b); return err })
	return len(b), nil
}

func (f *walFile) Sync() error {
	f.fs.try(f.File.Sync)
	return nil
}

func (f *walFile) SyncData() error {
	f.fs.try(f.File.SyncData)
	return nil
}

func (f *walFile) SyncTo(length int64) (full bool, _ error) {
	f.fs.try(func() (err error) { full, err = f.File.SyncTo(length); return err })
	return full, nil
}

// Close gives the file back in any case.
func (f *walFile) Close() error {
	f.fs.failed(f.File.Close())
	return nil
}

func (f *walFile) Stat() (vfs.FileInfo, error) {
	info, err := f.File.Stat()
	if err != nil {
		f.fs.failed(err)
		return vfs.NewMemFile(nil).Stat()
	}
	return info, nil
}

// walFolder is the folder as Pebble opens it, more than once: the one for its
// write-ahead logs it syncs next after it made the first of them, while nothing else
// runs yet. A sync through the others is of tables and the manifest, and what it
// says decides whether a write-ahead log may go: of that Pebble is told.
type walFolder struct {
	vfs.File
	fs *walFS
}

func (f *walFolder) Sync() error {
	if f.fs.made.Load() {
		f.fs.folder.CompareAndSwap(nil, f)
	}
	if f.fs.folder.Load() != f {
		return f.File.Sync()
	}
	f.fs.try(f.File.Sync)
	return nil
}
