package embedded

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/google/uuid"

	"parley/eventstore"
)

// TestAnIndexOfCommandsWhoseLogFailsTakesInNoMore lets the disk fill up: the process
// lives, and opened again the index has all up to where it says.
func TestAnIndexOfCommandsWhoseLogFailsTakesInNoMore(t *testing.T) {
	var full atomic.Bool
	mem := vfs.NewMem()
	disk := faultFS{mem, func(_ errorfs.OpKind, name string) error {
		if full.Load() && strings.HasSuffix(name, ".log") {
			return syscall.ENOSPC
		}
		return nil
	}}
	c, err := OpenCommands(Options{Dir: "index", FS: disk})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Begin("log"); err != nil {
		t.Fatal(err)
	}
	var places []eventstore.CommandPlace
	for err == nil && len(places) < 1000 {
		full.Store(len(places) >= 3)
		p := eventstore.CommandPlace{Command: uuid.New(), Stream: strings.Repeat("x", 60_000), Position: eventstore.Position(len(places) + 1)}
		places = append(places, p)
		err = c.Add(p.Position, places[len(places)-1:])
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("after %d: %v", len(places), err)
	}
	if found, err := c.Find(places[0].Command); err != nil || len(found) != 1 {
		t.Errorf("%d, %v", len(found), err)
	}
	full.Store(false)
	if err := c.Add(2000, nil); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("once there is room: %v", err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if c, err = OpenCommands(Options{Dir: "index", FS: mem}); err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	at, err := c.Begin("log")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range places[:at] {
		if found, err := c.Find(p.Command); err != nil || len(found) != 1 || found[0] != p {
			t.Errorf("of %d the one at %d is lost: %v", at, p.Position, err)
		}
	}
}

// TestADamagedIndexOfCommandsIsMadeAnew breaks its files: it opens, and is
// empty.
func TestADamagedIndexOfCommandsIsMadeAnew(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "index")
	c, err := OpenCommands(Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	place := eventstore.CommandPlace{Command: uuid.New(), Stream: "line-1", Revision: 3, Position: 7}
	if _, err := c.Begin("log"); err != nil {
		t.Fatal(err)
	}
	if err := c.Add(9, []eventstore.CommandPlace{place}); err != nil {
		t.Fatal(err)
	}
	if found, err := c.Find(place.Command); err != nil || len(found) != 1 || found[0] != place {
		t.Fatalf("%+v, %v", found, err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "MANIFEST*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%v, %v", files, err)
	}
	if err := os.WriteFile(files[0], []byte("nonsense, and long enough to be read as a record of the manifest"), 0o600); err != nil {
		t.Fatal(err)
	}
	if c, err = OpenCommands(Options{Dir: dir}); err != nil {
		t.Fatal(err)
	}
	if at, err := c.Begin("log"); err != nil || at != 0 {
		t.Errorf("it says that it reaches %d: %v", at, err)
	}
	if found, err := c.Find(place.Command); err != nil || len(found) != 0 {
		t.Errorf("%+v, %v", found, err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestAnIndexThatCannotBeWrittenIsTold opens one in a folder that takes no files.
func TestAnIndexThatCannotBeWrittenIsTold(t *testing.T) {
	disk := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpCreate {
			return syscall.EACCES
		}
		return nil
	}))
	if _, err := OpenCommands(Options{Dir: "index", FS: disk}); !errors.Is(err, syscall.EACCES) || !strings.Contains(err.Error(), "the folder index") {
		t.Errorf("got %v", err)
	}
}

// TestAnIndexOfCommandsWithoutAManifestIsFatal lets the manifest of one that is in use
// fail, in a goroutine of Pebble's: whoever ends the process is told why, and until he
// does it takes in no more.
func TestAnIndexOfCommandsWithoutAManifestIsFatal(t *testing.T) {
	t.Parallel() // its end waits for Pebble
	disk, failing := withoutManifest(vfs.NewMem())
	told := make(chan error, 1)
	c, err := OpenCommands(Options{Dir: "index", FS: disk, Fatal: func(err error) { told <- err; select {} }})
	if err != nil {
		t.Fatal(err)
	}
	place := eventstore.CommandPlace{Command: uuid.New(), Stream: "line-1", Position: 1}
	if err := c.Add(1, []eventstore.CommandPlace{place}); err != nil {
		t.Fatal(err)
	}
	failing.Store(true)
	if _, err := c.db.AsyncFlush(); err != nil {
		t.Fatal(err)
	}
	if err := <-told; !errors.Is(err, syscall.EACCES) || !strings.Contains(err.Error(), "the index of commands in index cannot go on") {
		t.Errorf("it is told %v", err)
	}
	if err := c.Add(2, nil); !errors.Is(err, syscall.EACCES) {
		t.Errorf("it takes in more: %v", err)
	}
	if found, err := c.Find(place.Command); err != nil || len(found) != 1 {
		t.Errorf("%d, %v", len(found), err)
	}
	if err := c.Close(); !errors.Is(err, syscall.EACCES) || !strings.Contains(err.Error(), "stays locked") {
		t.Errorf("its end says %v", err)
	}
}

// TestAnIndexOfCommandsThatCannotStartSaysWhy opens one that was killed, on a disk that
// takes no manifest.
func TestAnIndexOfCommandsThatCannotStartSaysWhy(t *testing.T) {
	mem := vfs.NewCrashableMem()
	c, err := OpenCommands(Options{Dir: "index", FS: mem})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Begin("log"); err != nil {
		t.Fatal(err)
	}
	if err := c.Add(1, []eventstore.CommandPlace{{Command: uuid.New(), Stream: "line-1", Position: 1}}); err != nil {
		t.Fatal(err)
	}
	left := mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: rand.New(rand.NewPCG(1, 2))})
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	disk, failing := withoutManifest(left)
	failing.Store(true)
	fatally := func(err error) { t.Errorf("it is fatal: %v", err) }
	if _, err := OpenCommands(Options{Dir: "index", FS: disk, Fatal: fatally}); !errors.Is(err, syscall.EACCES) || !strings.Contains(err.Error(), "MANIFEST") {
		t.Fatalf("got %v", err)
	}
}
