package embedded

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"parley/eventstore"
)

// TestStopsAfterAFailedWrite lets the disk fail: nothing is acknowledged any
// more, reading goes on, and after opening again all that was acknowledged is
// there.
func TestStopsAfterAFailedWrite(t *testing.T) {
	var failing atomic.Bool
	mem := vfs.NewMem()
	disk := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if failing.Load() && (op.Kind == errorfs.OpFileWrite || op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData) && strings.HasSuffix(op.Path, ".log") {
			return errorfs.ErrInjected
		}
		return nil
	}))
	l, err := Open(Options{Dir: "log", FS: disk})
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	done, err := l.Append(ctx, "line-1", eventstore.None, sample())
	if err != nil {
		t.Fatal(err)
	}
	failing.Store(true)
	for n := range 3 {
		if _, err := l.Append(ctx, "line-1", eventstore.Revision(n), sample()); !errors.Is(err, eventstore.ErrStopped) {
			t.Fatalf("append %d says %v", n, err)
		}
	}
	failing.Store(false)
	if _, err := l.Append(ctx, "line-1", 0, sample()); !errors.Is(err, eventstore.ErrStopped) {
		t.Fatalf("once the disk is well again: %v", err)
	}
	if _, err := l.Mark(ctx, "cursor", func(eventstore.Mark) ([]byte, bool) { return nil, true }); !errors.Is(err, eventstore.ErrStopped) {
		t.Fatalf("a mark: %v", err)
	}
	if info, err := l.Info(ctx); err != nil || info.Head != done[0].Position {
		t.Fatalf("the head is %+v, %v", info, err)
	}
	if err := firstError(l, eventstore.Query{}); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	again := opened(t, Options{Dir: "log", FS: mem})
	for r, err := range again.Read(ctx, eventstore.Query{Stream: "line-1", Limit: 1}) {
		if err != nil || r.ID != done[0].ID {
			t.Fatalf("after opening again: %+v, %v", r, err)
		}
	}
	head, err := again.Info(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := again.Append(ctx, "line-1", eventstore.Revision(head.Head)-1, sample()); err != nil {
		t.Fatal(err)
	}
}

// TestStopsWhenTablesCannotBeWritten lets only Pebble's background work fail:
// the log says so instead of standing still later.
func TestStopsWhenTablesCannotBeWritten(t *testing.T) {
	for _, suffix := range []string{tableSuffix, apartSuffix} {
		for _, what := range []errorfs.OpKind{errorfs.OpCreate, errorfs.OpFileWrite, errorfs.OpFileSyncData} {
			t.Run(fmt.Sprint(suffix, " ", what), func(t *testing.T) { stopsWithout(t, suffix, what) })
		}
	}
}

func stopsWithout(t *testing.T, suffix string, what errorfs.OpKind) {
	var failing atomic.Bool
	mem := vfs.NewMem()
	disk := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if failing.Load() && op.Kind == what && strings.HasSuffix(op.Path, suffix) {
			return errorfs.ErrInjected
		}
		return nil
	}))
	l, err := Open(Options{Dir: "log", FS: disk})
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	if _, err := l.Append(ctx, "line-1", eventstore.None, sample()); err != nil {
		t.Fatal(err)
	}
	failing.Store(true)
	if _, err := l.db.AsyncFlush(); err != nil {
		t.Fatal(err)
	}
	<-l.halt
	if _, err := l.Append(ctx, "line-1", 0, sample()); !errors.Is(err, eventstore.ErrStopped) || !strings.Contains(err.Error(), "in the background failed") {
		t.Fatalf("got %v", err)
	}
	failing.Store(false)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	again := opened(t, Options{Dir: "log", FS: mem})
	if _, err := again.Append(ctx, "line-1", 0, sample()); err != nil {
		t.Fatal(err)
	}
}

// withoutManifest is a disk on which no manifest can be made or written once it fails.
func withoutManifest(fs vfs.FS) (disk vfs.FS, failing *atomic.Bool) {
	failing = &atomic.Bool{}
	return errorfs.Wrap(fs, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if failing.Load() && (op.Kind == errorfs.OpCreate || op.Kind == errorfs.OpFileWrite) && strings.Contains(op.Path, manifestPrefix) {
			return syscall.EACCES
		}
		return nil
	})), failing
}

// TestAStartWithoutAManifestEnds opens a log that was killed, on a disk that takes no
// manifest: Pebble comes upon it in a goroutine of its own. The start ends and says
// why, and with the disk well again all is there.
func TestAStartWithoutAManifestEnds(t *testing.T) {
	mem := vfs.NewCrashableMem()
	l, err := Open(Options{Dir: "log", FS: mem})
	if err != nil {
		t.Fatal(err)
	}
	done, err := l.Append(t.Context(), "line-1", eventstore.None, sample())
	if err != nil {
		t.Fatal(err)
	}
	left := mem.CrashClone(vfs.CrashCloneCfg{})
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	disk, failing := withoutManifest(left)
	failing.Store(true)
	if _, err := Open(Options{Dir: "log", FS: disk}); !errors.Is(err, eventstore.ErrStopped) || !errors.Is(err, syscall.EACCES) || !strings.Contains(err.Error(), "MANIFEST create failed") {
		t.Fatalf("got %v", err)
	}
	again := opened(t, Options{Dir: "log", FS: left.CrashClone(vfs.CrashCloneCfg{})})
	if info, err := again.Info(t.Context()); err != nil || info.Head != done[0].Position {
		t.Fatalf("the head is %+v, %v", info, err)
	}
}

// TestALogWithoutAManifestIsFatal lets the manifest of a log that is in use fail, in a
// goroutine of Pebble's: whoever ends the process is told why, and nothing more is
// recorded until he does.
func TestALogWithoutAManifestIsFatal(t *testing.T) {
	disk, failing := withoutManifest(vfs.NewMem())
	told := make(chan error, 1)
	l, err := Open(Options{Dir: "log", FS: disk, Fatal: func(err error) { told <- err; select {} }})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Append(t.Context(), "line-1", eventstore.None, sample()); err != nil {
		t.Fatal(err)
	}
	failing.Store(true)
	if _, err := l.db.AsyncFlush(); err != nil {
		t.Fatal(err)
	}
	if err := <-told; !errors.Is(err, syscall.EACCES) || !strings.Contains(err.Error(), "the log in log cannot go on") {
		t.Errorf("it is told %v", err)
	}
	if _, err := l.Append(t.Context(), "line-1", 0, sample()); !errors.Is(err, eventstore.ErrStopped) {
		t.Errorf("an append: %v", err)
	}
}

// TestACloseWithoutAManifestEnds closes a log whose manifest fails only then.
func TestACloseWithoutAManifestEnds(t *testing.T) {
	t.Parallel() // it waits for Pebble
	disk, failing := withoutManifest(vfs.NewMem())
	l, err := Open(Options{Dir: "log", FS: disk, Fatal: func(err error) { t.Errorf("it is fatal: %v", err) }})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Append(t.Context(), "line-1", eventstore.None, sample()); err != nil {
		t.Fatal(err)
	}
	failing.Store(true)
	if err := l.Close(); !errors.Is(err, syscall.EACCES) || !strings.Contains(err.Error(), "stays locked") {
		t.Errorf("got %v", err)
	}
}

// TestABackupThatFailsLeavesNothing lets the disk of a backup be full at each of
// its writes in turn: the error says so, nothing stays, the log goes on.
func TestABackupThatFailsLeavesNothing(t *testing.T) {
	mem := vfs.NewMem()
	var left atomic.Int64
	disk := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if strings.HasPrefix(op.Path, "backup") && (op.Kind == errorfs.OpCreate || op.Kind == errorfs.OpFileWrite) && left.Add(-1) == 0 {
			return syscall.ENOSPC
		}
		return nil
	}))
	l := opened(t, Options{Dir: "log", FS: disk})
	if _, err := l.Append(t.Context(), "line-1", eventstore.None, sample()); err != nil {
		t.Fatal(err)
	}
	for n := int64(1); ; n++ {
		left.Store(n)
		err := l.Backup(t.Context(), "backup")
		if err == nil {
			if n < 4 {
				t.Fatalf("only %d writes could fail", n-1)
			}
			break
		}
		failed, ok := errors.AsType[*BackupError](err)
		if !ok || failed.Left || !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("write %d failed: %v", n, err)
		}
		if _, err := mem.Stat("backup"); err == nil {
			t.Fatalf("write %d failed, and the folder is there", n)
		}
	}
	if _, err := l.Append(t.Context(), "line-1", 0, sample()); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	opened(t, Options{Dir: "backup", FS: mem})
}
