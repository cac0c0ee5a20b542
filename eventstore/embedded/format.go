package embedded

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/cockroachdb/errors/oserror"
	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// The format file stands beside Pebble's folder and is written last when a log
// is made: with it the log must be whole, without it nothing was ever
// acknowledged.
const (
	formatFile    = "FORMAT"
	formatLine    = "parley event log, format "
	formatVersion = "3"
	formatBefore  = "2" // an index entry for each record, and not noted in the log itself
	pebbleFolder  = "pebble"
)

// format is what the format file says.
type format struct{ store, version string }

// readFormat reads the format file; found is false when there is none.
func readFormat(f vfs.FS, dir string) (is format, found bool, err error) {
	text, err := readWhole(f, f.PathJoin(dir, formatFile))
	if oserror.IsNotExist(err) {
		return is, false, nil
	}
	if err != nil {
		return is, false, err
	}
	where := "the file " + f.PathJoin(dir, formatFile)
	version, rest, ok := strings.Cut(string(text), "\n")
	is.version, _ = strings.CutPrefix(version, formatLine)
	switch {
	case !ok || !strings.HasPrefix(version, formatLine) || strings.Trim(is.version, "0123456789") != "":
		return is, false, damaged("it does not say what a parley log's says", "%s", where)
	case is.version != formatVersion && is.version != formatBefore:
		return is, false, fmt.Errorf("eventstore: %s is of format %s, this program knows %s: use the parley that wrote it, or a newer one", dir, is.version, formatVersion)
	}
	is.store, ok = strings.CutPrefix(strings.TrimSuffix(rest, "\n"), "store ")
	if !ok || is.store == "" {
		return is, false, damaged("it does not name the store", "%s", where)
	}
	return is, true, nil
}

// writeFormat makes the format file, whole or not at all.
func writeFormat(f vfs.FS, dir, store string) error {
	return writeWhole(f, dir, formatFile, formatLine+formatVersion+"\nstore "+store+"\n")
}

// create names the store. The format file comes last.
func (l *Log) create() (format, error) {
	name, err := newName()
	if err != nil {
		return format{}, err
	}
	is := format{store: name, version: formatVersion}
	b := l.db.NewBatch()
	err = errors.Join(b.Set(keyStore, []byte(is.store), nil), b.Set(keyFormat, []byte(is.version), nil))
	if err == nil {
		err = l.sure(b.Commit(pebble.Sync))
	}
	if err = errors.Join(err, b.Close()); err != nil {
		return format{}, err
	}
	return is, writeFormat(l.fs, l.dir, is.store)
}

func newName() (string, error) {
	var name [8]byte
	if _, err := rand.Read(name[:]); err != nil {
		return "", err
	}
	return hex.EncodeToString(name[:]), nil
}

// compareFormat holds the format file against what the log says of itself, and
// brings a log of the format before up to this one, before anything is written
// that a parley of then could not read.
func (l *Log) compareFormat(is format) error {
	where := "the file " + l.fs.PathJoin(l.dir, formatFile)
	store, err := l.get(keyStore)
	if err != nil {
		return err
	}
	if string(store) != is.store {
		return damaged(fmt.Sprintf("it names the store %q, the log itself says %q", is.store, store), "%s", where)
	}
	version, err := l.get(keyFormat)
	if err != nil || string(version) == is.version {
		return err
	}
	if version != nil {
		return damaged(fmt.Sprintf("it names the format %s, the log itself says %q", is.version, version), "%s", where)
	}
	if l.still {
		return nil
	}
	if is.version != formatVersion {
		if err := writeFormat(l.fs, l.dir, is.store); err != nil {
			return err
		}
	}
	return l.sure(l.db.Set(keyFormat, []byte(formatVersion), pebble.Sync))
}
