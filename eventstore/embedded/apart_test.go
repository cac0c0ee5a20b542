package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"parley/eventstore"
)

// apartLog is a log of records in tables, and the files that hold them.
func apartLog(t *testing.T) (l *Log, dir string, files []string) {
	t.Helper()
	dir = t.TempDir()
	l, err := Open(Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	for n := range 200 {
		if _, err := l.Append(t.Context(), fmt.Sprintf("line-%d", n%20), eventstore.Revision(n/20-1), sample()); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.db.Flush(); err != nil {
		t.Fatal(err)
	}
	files, err = filepath.Glob(filepath.Join(dir, pebbleFolder, "*"+apartSuffix))
	if err != nil || len(files) != 2 {
		t.Fatalf("the records lie in %v: %v", files, err)
	}
	return l, dir, files
}

// TestRecordsLieApart compacts a log: the files of its records stay as they are.
func TestRecordsLieApart(t *testing.T) {
	l, _, files := apartLog(t)
	for n := range 200 {
		if _, err := l.Append(t.Context(), fmt.Sprintf("line-%d", n%20), eventstore.Revision(n/20+9), sample()); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.db.Compact(t.Context(), []byte{0}, []byte{0xff}, false); err != nil {
		t.Fatal(err)
	}
	l.db.TestOnlyWaitForCleaning()
	for _, name := range files {
		if _, err := os.Stat(name); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := l.Check(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	m := l.db.Metrics()
	if m.BlobFiles.LiveCount != 4 || m.BlobFiles.ValueSize != m.BlobFiles.ReferencedValueSize {
		t.Fatalf("%d files, %d bytes, of which %d are used", m.BlobFiles.LiveCount, m.BlobFiles.ValueSize, m.BlobFiles.ReferencedValueSize)
	}
}

// TestFilesOfRecordsAreLookedAt damages a file of records of a log that was
// killed: it is named as the log is opened, or read.
func TestFilesOfRecordsAreLookedAt(t *testing.T) {
	l, dir, files := apartLog(t)
	killed := t.TempDir()
	if err := errors.Join(os.CopyFS(killed, os.DirFS(dir)), l.Close()); err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		name = filepath.Join(killed, pebbleFolder, filepath.Base(name))
		good, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, is := range []struct {
			what string
			do   func() error
			want string
		}{
			{"missing", func() error { return os.Remove(name) }, "is missing"},
			{"cut off", func() error { return os.WriteFile(name, good[:len(good)-1], 0o600) }, "should have"},
			{"longer", func() error { return os.WriteFile(name, append(good, 0), 0o600) }, "should have"},
		} {
			if err := is.do(); err != nil {
				t.Fatal(err)
			}
			_, err := Open(Options{Dir: killed})
			var d *eventstore.DamageError
			if !errors.As(err, &d) || !strings.Contains(d.Error(), is.want) || !strings.Contains(d.Error(), filepath.Base(name)) {
				t.Errorf("%s %s: %v", filepath.Base(name), is.what, err)
			}
			if err := os.WriteFile(name, good, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	opened(t, Options{Dir: killed})
}

// TestFilesOfRecordsThatBreakInUse takes one away, or its end, before it was ever
// read: who reads is told, and nothing ends.
func TestFilesOfRecordsThatBreakInUse(t *testing.T) {
	for what, do := range map[string]func(name string) error{
		"missing": os.Remove,
		"damaged at its end": func(name string) error {
			good, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			good[len(good)-9] ^= 1
			return os.WriteFile(name, good, 0o600)
		},
	} {
		t.Run(what, func(t *testing.T) {
			l, _, files := apartLog(t)
			for _, name := range files {
				if err := do(name); err != nil {
					t.Fatal(err)
				}
			}
			var read error
			for _, read = range l.Read(t.Context(), eventstore.Query{Stream: "line-3"}) {
			}
			_, checked := l.Check(context.Background(), nil)
			for _, err := range []error{read, checked} {
				var d *eventstore.DamageError
				if !errors.As(err, &d) || !strings.Contains(d.Error(), apartSuffix) {
					t.Errorf("got %v", err)
				}
			}
		})
	}
}

// TestABackupWhoseRecordsCannotBeWrittenFails copies to another file system, which is
// full: the backup says so, and the log goes on.
func TestABackupWhoseRecordsCannotBeWrittenFails(t *testing.T) {
	mem := vfs.NewMem()
	for _, what := range []errorfs.OpKind{errorfs.OpFileWrite, errorfs.OpFileSyncData} {
		var failing atomic.Bool
		disk := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
			full := op.Kind == what && strings.HasPrefix(op.Path, "backup") && strings.HasSuffix(op.Path, apartSuffix)
			if failing.Load() && (full || op.Kind == errorfs.OpLink) { // a file of another file system is copied
				return errors.New("no space left on device")
			}
			return nil
		}))
		l := opened(t, Options{Dir: fmt.Sprint("log", what), FS: disk})
		grow := func(revision eventstore.Revision) {
			t.Helper()
			if _, err := l.Append(t.Context(), "line-1", revision, sample()); err != nil {
				t.Fatal(err)
			}
			if err := l.db.Flush(); err != nil {
				t.Fatal(err)
			}
		}
		grow(eventstore.None)
		failing.Store(true)
		var failed *BackupError
		if err := l.Backup(t.Context(), "backup"); !errors.As(err, &failed) || !strings.Contains(err.Error(), "no space") {
			t.Errorf("%v: the backup says %v", what, err)
		}
		grow(0)
		failing.Store(false)
		if err := l.Backup(t.Context(), fmt.Sprint("backup", what)); err != nil {
			t.Error(err)
		}
	}
}
