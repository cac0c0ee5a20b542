package embedded

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"parley/eventstore"
)

// TestABackupThatWasKilledMakesRoom: what a process that died left of a backup is
// cleared away by the next one by that name; all else stays, and is named.
func TestABackupThatWasKilledMakesRoom(t *testing.T) {
	dir := t.TempDir()
	l := opened(t, Options{Dir: filepath.Join(dir, "log")})
	if _, err := l.Append(t.Context(), "line-1", eventstore.None, sample()); err != nil {
		t.Fatal(err)
	}
	killed := func(name string, also ...string) string {
		t.Helper()
		to := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Join(to, "pebble"), 0o700); err != nil {
			t.Fatal(err)
		}
		for _, file := range append(also, "pebble/000004.log", "SEAL.new") {
			if err := os.WriteFile(filepath.Join(to, file), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return to
	}
	to := killed("one", Unfinished)
	if still, err := OpenStill(Options{Dir: to}); err == nil {
		t.Error("half a backup passes for a whole one", still.Close())
	}
	if err := l.Backup(t.Context(), to); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(to, Unfinished)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it still says that it is not finished: %v", err)
	}
	still, err := OpenStill(Options{Dir: to})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := still.Check(t.Context(), nil); err != nil {
		t.Error(err)
	}
	if err := still.Close(); err != nil {
		t.Error(err)
	}
	for to, says := range map[string]string{
		killed("nobody's"):                     "is there already",
		killed("whole", Unfinished, "FORMAT"):  "is there already",
		killed("shared", Unfinished, "letter"): "letter",
	} {
		before := contents(t, to)
		if err := l.Backup(t.Context(), to); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", to, err)
		}
		sameContents(t, before, contents(t, to))
	}
	at := killed("at work", Unfinished)
	lock, err := l.fs.Lock(filepath.Join(at, Unfinished))
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Backup(t.Context(), at); err == nil || !strings.Contains(err.Error(), "another backup is being made") {
		t.Errorf("beside another one: %v", err)
	}
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
	if err := l.Backup(t.Context(), at); err != nil {
		t.Error(err)
	}
}

// TestABackupThatNobodyWaitsForLeavesNothing ends one once its files are copied.
func TestABackupThatNobodyWaitsForLeavesNothing(t *testing.T) {
	mem, why := vfs.NewMem(), errors.New("nobody waits")
	ctx, cancel := context.WithCancelCause(t.Context())
	disk := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if strings.HasPrefix(op.Path, "backup") && op.Kind == errorfs.OpFileWrite {
			cancel(why)
		}
		return nil
	}))
	l := opened(t, Options{Dir: "log", FS: disk})
	if _, err := l.Append(t.Context(), "line-1", eventstore.None, sample()); err != nil {
		t.Fatal(err)
	}
	failed, ok := errors.AsType[*BackupError](l.Backup(ctx, "backup"))
	if !ok || failed.Left || !errors.Is(failed, why) {
		t.Errorf("it came to %v", failed)
	}
	if _, err := mem.Stat("backup"); err == nil {
		t.Error("the folder is there")
	}
}
