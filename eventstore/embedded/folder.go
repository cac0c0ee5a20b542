package embedded

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/cockroachdb/pebble/v2/vfs"

	"parley/eventstore"
)

// ErrLocked tells that the folder is in use.
var ErrLocked = errors.New("eventstore: the folder is in use")

// locked turns the failure to lock a folder into one that says who has it.
func locked(dir string, err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return fmt.Errorf("eventstore: cannot lock %s: %w", dir, err)
	}
	return fmt.Errorf("%w: another parley process holds %s; stop it (or talk to it, it serves) and try again (%w)", ErrLocked, dir, err)
}

// makeFolder makes a folder and its parents, durably: a file synced inside is
// worth nothing when its folder's name is lost.
func makeFolder(f vfs.FS, dir string) error {
	if err := f.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for parent := dir; ; parent = f.PathDir(parent) {
		if err := syncFolder(f, parent); err != nil {
			if parent != dir && errors.Is(err, fs.ErrPermission) {
				return nil // a folder we may not open existed before us
			}
			return err
		}
		if f.PathDir(parent) == parent {
			return nil
		}
	}
}

// takesFiles tells of a folder in which no file can be made.
func takesFiles(f vfs.FS, dir string) error {
	name := f.PathJoin(dir, "tried")
	file, err := f.Create(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	return errors.Join(file.Close(), f.Remove(name))
}

func syncFolder(f vfs.FS, dir string) error {
	d, err := f.OpenDir(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// foreign refuses to make a log in a folder that holds something else.
func foreign(f vfs.FS, dir string) error {
	names, err := f.List(dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		if name != pebbleFolder && name != formatFile+".new" && name != sealFile && name != sealFile+".new" {
			return fmt.Errorf("eventstore: %s is no parley log and not empty (it holds %q): name another folder", dir, name)
		}
	}
	return nil
}

var _ eventstore.Log = (*Log)(nil)
