package embedded

import (
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"parley/eventstore"
)

// TestMakingALogOnAFailingDiskIsAnError lets each write in turn fail, from the
// first on: a log that cannot be made says so and does not end the process. On
// a disk that is well again it is made.
func TestMakingALogOnAFailingDiskIsAnError(t *testing.T) {
	failures := 0
	for good := range int64(12) {
		var left atomic.Int64
		left.Store(good)
		mem := vfs.NewMem()
		disk := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
			writes := op.Kind == errorfs.OpFileWrite || op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData
			if writes && strings.HasSuffix(op.Path, ".log") && left.Add(-1) < 0 {
				return errorfs.ErrInjected
			}
			return nil
		}))
		l, err := Open(Options{Dir: "log", FS: disk})
		if err == nil {
			_ = l.Close() // the disk may fail now
			continue
		}
		if failures++; !errors.Is(err, errorfs.ErrInjected) && !errors.Is(err, eventstore.ErrStopped) {
			t.Errorf("after %d good writes: %v", good, err)
		}
		again, err := Open(Options{Dir: "log", FS: mem})
		if err != nil {
			t.Errorf("after %d good writes, on a disk that is well again: %v", good, err)
			continue
		}
		if err := again.Close(); err != nil {
			t.Error(err)
		}
	}
	if failures == 0 {
		t.Error("nothing failed")
	}
}

// TestALogCutOffWhileItIsOpenedOpens cuts the power at each thing that is written
// while a log is made, and while one of the format before is brought up to this
// one: what is left opens, and is then of this format.
func TestALogCutOffWhileItIsOpenedOpens(t *testing.T) {
	for name, before := range map[string]bool{"made": false, "brought up": true} {
		for _, percent := range []int{0, 100} {
			mem := vfs.NewCrashableMem()
			if before {
				ofFormatBefore(t, Options{Dir: "log", FS: mem})
			}
			var lock sync.Mutex // Pebble deletes files beside
			var left []*vfs.MemFS
			disk := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
				if op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
					lock.Lock()
					defer lock.Unlock()
					left = append(left, mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: rand.New(rand.NewPCG(1, 2))}))
				}
				return nil
			}))
			l, err := Open(Options{Dir: "log", FS: disk})
			if err != nil {
				t.Fatal(err)
			}
			lock.Lock()
			cuts := left // those behind are of its closing
			lock.Unlock()
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			if len(cuts) < 10 {
				t.Fatalf("%s: only %d things were written", name, len(cuts))
			}
			for n, crashed := range cuts {
				again, err := Open(Options{Dir: "log", FS: crashed})
				if err != nil {
					t.Errorf("%s, cut off at write %d of %d, %d%% of what was not synced kept: %v", name, n, len(cuts), percent, err)
					continue
				}
				if version, err := again.get(keyFormat); err != nil || string(version) != formatVersion {
					t.Errorf("%s, cut off at write %d: it says that it is of format %q (%v)", name, n, version, err)
				}
				if err := again.Close(); err != nil {
					t.Error(err)
				}
			}
		}
	}
}

// ofFormatBefore makes an empty log of the format before, which lies still.
func ofFormatBefore(t *testing.T, o Options) {
	t.Helper()
	l, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.db.Delete(keyFormat, pebble.Sync); err != nil {
		t.Fatal(err)
	}
	l.writer.wrote = true
	if err := errors.Join(l.Close(), writeWhole(o.FS, o.Dir, formatFile, formatLine+formatBefore+"\nstore "+l.store+"\n")); err != nil {
		t.Fatal(err)
	}
}
