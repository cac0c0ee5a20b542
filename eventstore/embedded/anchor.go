package embedded

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// anchor is a file or folder as it lay when it was opened. Who deletes or moves a
// folder that is in use leaves the files that are open: they take what is written
// and sync it, and nobody finds it again. So it is looked at before anything is
// acknowledged.
type anchor struct {
	name string
	was  fs.FileInfo // nil where it is not looked at: on file systems that tests make
}

func anchored(f vfs.FS, name string) (a anchor, err error) {
	if f == vfs.Default {
		a.name = name
		a.was, err = os.Stat(name)
	}
	return a, err
}

// holds tells what is wrong when the file is not where it was. That it cannot be looked
// at says nothing: what was written is synced.
func (a anchor) holds() error {
	if a.was == nil {
		return nil
	}
	switch now, err := os.Stat(a.name); {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return fmt.Errorf("%s is gone: it, or a folder that it is in, was moved or deleted while it was in use; end this process, and bring it back or restore a backup", a.name)
	case err == nil && !os.SameFile(now, a.was):
		return fmt.Errorf("%s is another than it was: it, or a folder that it is in, was exchanged while it was in use; end this process, and see which of the two is wanted", a.name)
	}
	return nil
}
