package embedded

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"pgregory.net/rapid"

	"parley/eventstore"
)

// TestWriteAheadLogsAreFilledAhead holds that an append does not make the file of
// the write-ahead log longer, most of the time: then its sync is a short one.
func TestWriteAheadLogsAreFilledAhead(t *testing.T) {
	dir := t.TempDir()
	l := opened(t, Options{Dir: dir})
	grew, before := 0, logSize(t, dir)
	for n := range 200 {
		if _, err := l.Append(t.Context(), "line-1", eventstore.Revision(n-1), sample()); err != nil {
			t.Fatal(err)
		}
		if now := logSize(t, dir); now != before {
			grew, before = grew+1, now
		}
	}
	if grew == 0 || grew > 6 {
		t.Fatalf("the write-ahead log grew %d times in 200 appends", grew)
	}
}

func logSize(t *testing.T, dir string) (size int64) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, pebbleFolder, "*.log"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		info, err := vfs.Default.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		size += info.Size()
	}
	return size
}

// TestADiskWithoutRoomForZeros lets them fail: appends go on as they can.
func TestADiskWithoutRoomForZeros(t *testing.T) {
	mem := vfs.NewMem()
	failed := 0
	disk := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpFileWriteAt {
			failed++
			return errorfs.ErrInjected
		}
		return nil
	}))
	l, err := Open(Options{Dir: "log", FS: disk})
	if err != nil {
		t.Fatal(err)
	}
	for n := range 50 {
		if _, err := l.Append(t.Context(), "line-1", eventstore.Revision(n-1), sample()); err != nil {
			t.Fatal(err)
		}
	}
	if failed == 0 {
		t.Fatal("nothing was filled ahead")
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	again := opened(t, Options{Dir: "log", FS: mem})
	if info, err := again.Info(t.Context()); err != nil || info.Head != 50 {
		t.Fatalf("the head is %+v, %v", info, err)
	}
}

// TestABackupHasNoHole appends while a backup copies the write-ahead log, after
// each piece that it has read: what it copied can be opened, and has all that was
// there when it began.
func TestABackupHasNoHole(t *testing.T) {
	for _, before := range []int{10, 27, 100} {
		for _, between := range []int{3, 40} {
			var reads atomic.Pointer[func()]
			fs := toldFS{vfs.NewMem(), &reads}
			l := opened(t, Options{Dir: "log", FS: fs})
			n := 0
			add := func(more int) {
				for range more {
					r := sample()
					r.Data = append(append([]byte{'"'}, bytes.Repeat([]byte("x"), 1000)...), '"')
					if _, err := l.Append(t.Context(), "line-1", eventstore.Revision(n-1), r); err != nil {
						t.Fatal(err)
					}
					n++
				}
			}
			add(before)
			left := 12
			appends := func() {
				if left--; left > 0 {
					add(between)
				}
			}
			reads.Store(&appends)
			if err := l.Backup(t.Context(), "copy"); err != nil {
				t.Fatal(err)
			}
			reads.Store(nil)
			if left == 12 {
				t.Fatal("the write-ahead log was not copied")
			}
			c, err := Open(Options{Dir: "copy", FS: fs})
			if err != nil {
				t.Fatalf("a backup of %d to %d records: %v", before, n, err)
			}
			if info, err := c.Info(t.Context()); err != nil || int(info.Head) < before || int(info.Head) > n {
				t.Errorf("a backup of %d to %d records has %d: %v", before, n, info.Head, err)
			}
			if _, err := c.Check(t.Context(), nil); err != nil {
				t.Error(err)
			}
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// toldFS tells each read of a write-ahead log.
type toldFS struct {
	vfs.FS
	reads *atomic.Pointer[func()]
}

func (f toldFS) Unwrap() vfs.FS { return f.FS }

func (f toldFS) Open(name string, o ...vfs.OpenOption) (vfs.File, error) {
	file, err := f.FS.Open(name, o...)
	if err != nil || !strings.HasSuffix(name, ".log") {
		return file, err
	}
	return &toldFile{file, f.reads}, nil
}

type toldFile struct {
	vfs.File
	reads *atomic.Pointer[func()]
}

func (f *toldFile) Read(b []byte) (int, error) {
	n, err := f.File.Read(b)
	if told := f.reads.Load(); told != nil {
		(*told)()
	}
	return n, err
}

// TestWhatIsWrittenLiesBeforeTheZeros writes pieces into new and used files: what
// lies there is what was written, and behind it zeros or what was there before.
func TestWhatIsWrittenLiesBeforeTheZeros(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		fs := newAheadFS(vfs.NewMem())
		var before []byte
		for turn := range rapid.IntRange(1, 4).Draw(t, "files") {
			f, err := fs.Create(fmt.Sprint(turn, ".log"), vfs.WriteCategoryUnspecified)
			if turn > 0 {
				f, err = fs.ReuseForWrite(fmt.Sprint(turn-1, ".log"), fmt.Sprint(turn, ".log"), vfs.WriteCategoryUnspecified)
			}
			if err != nil {
				t.Fatal(err)
			}
			var want []byte
			for range rapid.IntRange(0, 6).Draw(t, "pieces") {
				b := bytes.Repeat([]byte{byte(1 + turn)}, rapid.IntRange(1, 100_000).Draw(t, "bytes"))
				want = append(want, b...) // Write may change what it is given
				if n, err := f.Write(b); err != nil || n != len(b) {
					t.Fatalf("%d of %d: %v", n, len(b), err)
				}
			}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
			got, err := readWhole(fs, fmt.Sprint(turn, ".log"))
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.HasPrefix(got, want) {
				t.Fatalf("file %d does not begin with what was written", turn)
			}
			rest := got[len(want):]
			if old := min(len(rest), max(len(before)-len(want), 0)); !bytes.Equal(rest[:old], before[len(before)-max(len(before)-len(want), 0):][:old]) || !zero(rest[old:]) {
				t.Fatalf("file %d goes on with something else", turn)
			}
			before = got
		}
	})
}
