package embedded

import (
	"errors"
	"fmt"

	"github.com/cockroachdb/errors/oserror"
	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// Records are never changed, so a flush writes them into files of their own, in the
// order of their keys, and a compaction moves their keys alone. Only where more than apartDepth
// of those files have come to lie over one another it writes the records anew, so that
// a stream can be read from one place.
const (
	apartSuffix  = ".blob"
	tableSuffix  = ".sst"
	apartBytes   = 128 // what is shorter stays with its key
	apartDepth   = 10
	apartGarbage = 1 // a file goes when nothing in it is named any more, and is never written anew: of that apartFS could not tell an error
)

func apart() pebble.ValueSeparationPolicy {
	return pebble.ValueSeparationPolicy{
		Enabled: true, MinimumSize: apartBytes, MaxBlobReferenceDepth: apartDepth,
		TargetGarbageRatio: apartGarbage,
	}
}

// spaces parts the key space, so that no table holds keys of two sorts: those of positions are
// written in their order and need not be merged, and the entries of indexes, which are,
// stay with their keys.
func spaces(from []byte) (pebble.SpanPolicy, []byte, error) {
	with := pebble.SpanPolicy{ValueStoragePolicy: pebble.ValueStorageLowReadLatency}
	space := byte(0)
	if len(from) > 0 {
		space = from[0]
	}
	switch {
	case space < spacePosition:
		return with, []byte{spacePosition}, nil
	case space == spacePosition || space == spaceStream:
		return pebble.SpanPolicy{}, []byte{space + 1}, nil
	case space < spaceStream:
		return with, []byte{spaceStream}, nil
	}
	return with, nil, nil
}

// apartHere sees that all files of records are there, and as long as they were written:
// as a log is opened Pebble asks that of its tables alone.
func apartHere(f vfs.FS, inner string, db *pebble.DB) error {
	for {
		version := db.DebugCurrentVersion()
		hold, err := db.NewIter(nil) // of this version, if it is still the same behind it
		if err != nil {
			return err
		}
		if db.DebugCurrentVersion() != version {
			if err := hold.Close(); err != nil {
				return err
			}
			continue
		}
		for file := range version.BlobFiles.All() {
			if err := apartLength(f, f.PathJoin(inner, file.Physical.FileNum.String()+apartSuffix), file.Physical.Size); err != nil {
				return errors.Join(err, hold.Close())
			}
		}
		return hold.Close()
	}
}

func apartLength(f vfs.FS, name string, want uint64) error {
	info, err := f.Stat(name)
	switch {
	case oserror.IsNotExist(err):
		return damaged("it is missing", "the file %s", name)
	case err != nil:
		return err
	case info.Size() != int64(want):
		return damaged(fmt.Sprintf("it has %d bytes, and should have %d", info.Size(), want), "the file %s", name)
	}
	return nil
}
