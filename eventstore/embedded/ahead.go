package embedded

import (
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// aheadFS writes zeros ahead of the end of write-ahead logs. A sync of a file
// that has grown waits for the file system's own journal, and with it for
// whoever else is synced there; one of a place that was written before takes two
// thirds of the time. Pebble writes over logs that it needs no more, but not before
// some 200 MB: until then the logs grow, which may take hours.
type aheadFS struct{ vfs.FS }

func (a aheadFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := a.FS.Create(name, category)
	if err != nil || !strings.HasSuffix(name, ".log") {
		return f, err
	}
	return &aheadFile{File: f}, nil
}

func (a aheadFS) ReuseForWrite(from, to string, category vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := a.FS.ReuseForWrite(from, to, category)
	if err != nil || !strings.HasSuffix(to, ".log") {
		return f, err
	}
	old, err := f.Stat()
	if err != nil {
		return f, nil // it is as good without
	}
	return &aheadFile{File: f, filled: old.Size()}, nil
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
	written int64
	filled  int64 // how far the file reaches
	never   bool
}

var zeros [aheadMost]byte

func (f *aheadFile) Write(b []byte) (int, error) {
	if end := f.written + int64(len(b)); end > f.filled && !f.never {
		more := min(max(f.written, aheadLeast), aheadMost)
		n, err := f.File.WriteAt(zeros[:more], end)
		f.filled = end + int64(n)
		f.never = err != nil // where there is no room for zeros there may be some for b
	}
	n, err := f.File.Write(b)
	f.written += int64(n)
	return n, err
}
