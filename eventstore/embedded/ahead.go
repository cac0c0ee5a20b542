package embedded

import (
	"errors"
	"io"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// aheadFS writes zeros ahead of the end of write-ahead logs. A sync of a file
// that has grown waits for the file system's own journal, and with it for
// whoever else is synced there; one of a place that was written before takes two
// thirds of the time. Pebble writes over logs that it needs no more, but not before
// some 200 MB: until then the logs grow, which may take hours.
//
// Who copies such a file while it is written must not meet the zeros: what is
// appended behind them in the meantime would come after a hole. A file that is
// opened to be read therefore ends where it was written to.
type aheadFS struct {
	vfs.FS
	written *sync.Map // *aheadFile by name, while it is written
}

func newAheadFS(f vfs.FS) aheadFS { return aheadFS{FS: f, written: &sync.Map{}} }

func (a aheadFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := a.FS.Create(name, category)
	if err != nil || !strings.HasSuffix(name, ".log") {
		return f, err
	}
	return a.ahead(f, name, 0), nil
}

func (a aheadFS) ReuseForWrite(from, to string, category vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := a.FS.ReuseForWrite(from, to, category)
	if err != nil || !strings.HasSuffix(to, ".log") {
		return f, err
	}
	old, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return a.ahead(f, to, old.Size()), nil
}

func (a aheadFS) ahead(f vfs.File, name string, filled int64) *aheadFile {
	ahead := &aheadFile{File: f, fs: a, name: name, filled: filled}
	a.written.Store(name, ahead)
	return ahead
}

func (a aheadFS) Open(name string, options ...vfs.OpenOption) (vfs.File, error) {
	f, err := a.FS.Open(name, options...)
	if ahead, ok := a.written.Load(name); ok && err == nil {
		return &writtenFile{File: f, left: ahead.(*aheadFile).written.Load()}, nil
	}
	return f, err
}

// Unwrap is the file system below.
func (a aheadFS) Unwrap() vfs.FS { return a.FS }

// The zeros are as much again as was written, between these two.
const (
	aheadLeast = 64 << 10
	aheadMost  = 1 << 20
)

// aheadFile is written by one at a time, from its beginning on.
type aheadFile struct {
	vfs.File
	fs      aheadFS
	name    string
	written atomic.Int64
	filled  int64 // how far the file reaches
	never   bool  // there was no room for zeros
}

var zeros [aheadMost]byte

func (f *aheadFile) Write(b []byte) (int, error) {
	n, err := f.File.Write(b)
	written := f.written.Add(int64(n))
	if err == nil && written > f.filled && !f.never { // after b, which there may be room for though there is none for zeros
		n, err := f.File.WriteAt(zeros[:min(max(written, aheadLeast), aheadMost)], written)
		f.filled = written + int64(n)
		f.never = err != nil
	}
	return n, err
}

func (f *aheadFile) Close() error {
	f.fs.written.CompareAndDelete(f.name, f)
	return f.File.Close()
}

// writtenFile is read from its beginning on, as far as it was written.
type writtenFile struct {
	vfs.File
	left int64
}

func (f *writtenFile) Read(b []byte) (int, error) {
	if f.left == 0 {
		return 0, io.EOF
	}
	n, err := f.File.Read(b[:min(int64(len(b)), f.left)])
	f.left -= int64(n)
	return n, err
}
