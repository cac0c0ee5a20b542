package embedded

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"parley/eventstore"
)

// TestATornManifestThatCountsNotIsPassedOver cuts the power while Pebble makes a
// new manifest, before its first sync and before the marker names it: of the two
// records in it the first sector is lost.
func TestATornManifestThatCountsNotIsPassedOver(t *testing.T) {
	mem := vfs.NewCrashableMem()
	l, err := Open(Options{Dir: "log", FS: mem})
	if err != nil {
		t.Fatal(err)
	}
	for n := range 8 {
		if _, err := l.Append(t.Context(), strings.Repeat("x", 400)+fmt.Sprintf("line-%d", n), eventstore.None, sample()); err != nil {
			t.Fatal(err)
		}
		if n < 6 {
			if err := l.db.Flush(); err != nil {
				t.Fatal(err)
			}
		}
	}
	crashed := mem.CrashClone(vfs.CrashCloneCfg{})
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	var again *vfs.MemFS
	var newest string
	var once sync.Once
	disk := errorfs.Wrap(crashed, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if (op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData) && strings.Contains(op.Path, manifestPrefix) {
			once.Do(func() {
				newest = op.Path
				again = crashed.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: rand.New(rand.NewPCG(1, 2))})
			})
		}
		return nil
	}))
	if l, err = Open(Options{Dir: "log", FS: disk}); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	text, err := readWhole(again, newest)
	if err != nil {
		t.Fatal(err)
	}
	if len(text) <= sector {
		t.Fatalf("the new manifest has %d bytes: too few to lose a sector of", len(text))
	}
	clear(text[:sector])
	if err := writeWhole(again, filepath.Dir(newest), filepath.Base(newest), string(text)); err != nil {
		t.Fatal(err)
	}
	l, err = Open(Options{Dir: "log", FS: again})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if info, err := l.Info(t.Context()); err != nil || info.Head != 8 {
		t.Errorf("it is at %d, %v", info.Head, err)
	}
}

// TestOpeningOnAFullDiskSaysSo crashes, and then leaves no room for the table that
// Pebble writes as it recovers: it would try for ever.
func TestOpeningOnAFullDiskSaysSo(t *testing.T) {
	mem := vfs.NewCrashableMem()
	l, err := Open(Options{Dir: "log", FS: mem})
	if err != nil {
		t.Fatal(err)
	}
	for n := range 10 {
		if _, err := l.Append(t.Context(), "line-1", eventstore.Revision(n-1), sample()); err != nil {
			t.Fatal(err)
		}
	}
	crashed := mem.CrashClone(vfs.CrashCloneCfg{})
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	var full atomic.Bool
	full.Store(true)
	disk := errorfs.Wrap(crashed, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if full.Load() && (strings.HasSuffix(op.Path, tableSuffix) || strings.HasSuffix(op.Path, apartSuffix)) && (op.Kind == errorfs.OpCreate || op.Kind == errorfs.OpFileWrite) {
			return errors.New("no space left on device")
		}
		return nil
	}))
	if l, err := Open(Options{Dir: "log", FS: disk}); !errors.Is(err, eventstore.ErrStopped) || !strings.Contains(err.Error(), "no space") {
		t.Fatalf("it opens as %v, %v", l, err)
	}
	full.Store(false)
	for end := time.Now().Add(time.Minute); ; { // until Pebble has let go of the folder
		l, err := Open(Options{Dir: "log", FS: disk})
		if err == nil {
			defer l.Close()
			if _, err := l.Append(t.Context(), "line-1", 9, sample()); err != nil {
				t.Fatal(err)
			}
			return
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
}

// slowFile holds its syncs.
type slowFile struct {
	vfs.File
	reached, goOn chan struct{}
	once          sync.Once
}

func (f *slowFile) Sync() error {
	f.once.Do(func() { close(f.reached) })
	<-f.goOn
	return f.File.Sync()
}

// TestASharedKeyIsOnTheDiskForAll asks for what another has written and is about to
// sync: nobody is answered before.
func TestASharedKeyIsOnTheDiskForAll(t *testing.T) {
	key := func(k *SharedKeys) error { _, err := k.Key("visitor-1", true); return err }
	destroy := func(k *SharedKeys) error { return k.Destroy("visitor-1") }
	for name, do := range map[string]func(*SharedKeys) error{"a key": key, "its end": destroy} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "keys")
			here, there := sharedKeys(t, dir), sharedKeys(t, dir)
			if name == "its end" {
				if err := errors.Join(key(here), key(there)); err != nil {
					t.Fatal(err)
				}
			}
			slow := &slowFile{File: here.file, reached: make(chan struct{}), goOn: make(chan struct{})}
			here.file = slow
			var open atomic.Bool
			first, second := make(chan error, 1), make(chan error, 1)
			go func() { first <- do(here) }()
			<-slow.reached
			go func() {
				err := do(there)
				if !open.Load() {
					err = errors.Join(err, errors.New("it was answered before the file was synced"))
				}
				second <- err
			}()
			select {
			case err := <-second:
				t.Error(err)
				second <- nil
			case <-time.After(100 * time.Millisecond): // what is wrong is seen within it, nearly always
			}
			open.Store(true)
			close(slow.goOn)
			if err := errors.Join(<-first, <-second); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// TestANameWithAZeroIsNoStream asks for a stream whose name would begin the keys of
// another.
func TestANameWithAZeroIsNoStream(t *testing.T) {
	l := opened(t, Options{Dir: "log", FS: vfs.NewMem()})
	for n := range 2 {
		if _, err := l.Append(t.Context(), "line-1", eventstore.Revision(n-1), sample()); err != nil {
			t.Fatal(err)
		}
	}
	for r, err := range l.Read(t.Context(), eventstore.Query{Stream: "line-1\x00"}) {
		t.Fatalf("it has %v, %v", r, err)
	}
}

// TestPowerCutAfterClosing cuts the power once a log is closed and sealed: files
// that were deleted meanwhile are not there again.
func TestPowerCutAfterClosing(t *testing.T) {
	alone(t)
	mem := vfs.NewCrashableMem()
	for n := range 12 {
		l, err := Open(Options{Dir: "log", FS: mem})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := l.Append(t.Context(), fmt.Sprintf("line-%d", n), eventstore.None, sample()); err != nil {
			t.Fatal(err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		opened(t, Options{Dir: "log", FS: mem.CrashClone(vfs.CrashCloneCfg{})})
	}
}
