package embedded

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/cockroachdb/errors/oserror"
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

// The format file stands beside Pebble's folder and is written last when a log
// is made: with it the log must be whole, without it nothing was ever
// acknowledged.
const (
	formatFile    = "FORMAT"
	formatLine    = "parley event log, format "
	formatVersion = "2"
	pebbleFolder  = "pebble"
)

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

func syncFolder(f vfs.FS, dir string) error {
	d, err := f.OpenDir(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// readFormat gives the store's name from the format file; found is false when
// there is none.
func readFormat(f vfs.FS, dir string) (store string, found bool, err error) {
	text, err := readWhole(f, f.PathJoin(dir, formatFile))
	if oserror.IsNotExist(err) {
		return "", false, nil
	}
	if err != nil {
		return "", false, err
	}
	where := "the file " + f.PathJoin(dir, formatFile)
	version, rest, ok := strings.Cut(string(text), "\n")
	version, known := strings.CutPrefix(version, formatLine)
	switch {
	case !ok || !known || strings.Trim(version, "0123456789") != "":
		return "", false, damaged("it does not say what a parley log's says", "%s", where)
	case version != formatVersion:
		return "", false, fmt.Errorf("eventstore: %s is of format %s, this program knows %s: use the parley that wrote it, or a newer one", dir, version, formatVersion)
	}
	store, ok = strings.CutPrefix(strings.TrimSuffix(rest, "\n"), "store ")
	if !ok || store == "" {
		return "", false, damaged("it does not name the store", "%s", where)
	}
	return store, true, nil
}

// writeFormat makes the format file, whole or not at all.
func writeFormat(f vfs.FS, dir, store string) error {
	return writeWhole(f, dir, formatFile, formatLine+formatVersion+"\nstore "+store+"\n")
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
