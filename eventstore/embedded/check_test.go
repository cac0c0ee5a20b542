package embedded

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"parley/eventstore"
)

// misreadFS changes one bit of what is read next of the records' files.
type misreadFS struct {
	vfs.FS
	next *atomic.Bool
}

func (m misreadFS) Open(name string, options ...vfs.OpenOption) (vfs.File, error) {
	f, err := m.FS.Open(name, options...)
	if err != nil || !strings.HasSuffix(name, apartSuffix) {
		return f, err
	}
	return misreadFile{f, m.next}, nil
}

func (m misreadFS) Unwrap() vfs.FS { return m.FS }

type misreadFile struct {
	vfs.File
	next *atomic.Bool
}

func (f misreadFile) ReadAt(b []byte, off int64) (int, error) {
	n, err := f.File.ReadAt(b, off)
	if n > 0 && f.next.CompareAndSwap(true, false) {
		b[n/2] ^= 4
	}
	return n, err
}

// TestWhatReadsAsDamagedOnceIsTold: the second reading, which is to name the damage,
// finds none.
func TestWhatReadsAsDamagedOnceIsTold(t *testing.T) {
	disk := misreadFS{vfs.NewMem(), &atomic.Bool{}}
	l, err := Open(Options{Dir: "log", FS: disk})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Append(t.Context(), "line-1", eventstore.None, sample(), sample()); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if l, err = Open(Options{Dir: "log", FS: disk}); err != nil { // with nothing in memory
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }() // it has stopped
	disk.next.Store(true)
	report, err := l.Check(t.Context(), nil)
	var d *eventstore.DamageError
	if !errors.As(err, &d) || len(report.Damages) != 1 || !strings.Contains(d.What, "read again as whole") {
		t.Errorf("%+v, %v", report, err)
	}
	if disk.next.Load() {
		t.Error("nothing was read")
	}
}

// TestACheckThatIsStoppedSaysNothingOfDamage stops it while it tells how far it is.
func TestACheckThatIsStoppedSaysNothingOfDamage(t *testing.T) {
	l := opened(t, Options{Dir: "log", FS: vfs.NewMem()})
	if _, err := l.Append(t.Context(), "line-1", eventstore.None, many(2000)...); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	report, err := l.Check(ctx, func(done, total uint64) {
		if total != 2000 || done == 0 || done > total {
			t.Errorf("it is at %d of %d", done, total)
		}
		cancel()
	})
	if !errors.Is(err, context.Canceled) || len(report.Damages) > 0 {
		t.Errorf("%+v, %v", report, err)
	}
}

func many(n int) []eventstore.Record {
	records := make([]eventstore.Record, n)
	for i := range records {
		records[i] = sample()
	}
	return records
}
