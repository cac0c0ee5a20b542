package embedded

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"parley/eventstore"
)

func TestSecondOpenerIsToldWhoHoldsTheFolder(t *testing.T) {
	dir := t.TempDir()
	opened(t, Options{Dir: dir})
	_, err := Open(Options{Dir: dir})
	if !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), "another parley process holds "+dir) {
		t.Fatalf("in the same process: %v", err)
	}
	other := exec.Command(os.Args[0], "-test.run=^TestOpenElsewhere$", "-test.v")
	other.Env = append(os.Environ(), "PARLEY_TEST_OPEN="+dir)
	out, err := other.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "another parley process holds "+dir) {
		t.Fatalf("in another process: %v\n%s", err, out)
	}
}

// TestOpenElsewhere is the other process of the test above.
func TestOpenElsewhere(t *testing.T) {
	dir := os.Getenv("PARLEY_TEST_OPEN")
	if dir == "" {
		t.Skip("run by TestSecondOpenerIsToldWhoHoldsTheFolder")
	}
	if _, err := Open(Options{Dir: dir}); !errors.Is(err, ErrLocked) {
		t.Fatalf("got %v", err)
	} else {
		t.Log(err)
	}
}

func TestForeignFolders(t *testing.T) {
	write := func(dir, name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	made := func() string {
		dir := t.TempDir()
		l := opened(t, Options{Dir: dir})
		if _, err := l.Append(t.Context(), "line-1", eventstore.None, sample()); err != nil {
			t.Fatal(err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	for _, test := range []struct {
		name   string
		damage bool
		says   string
		make   func() string
	}{
		{"something else", false, "is no parley log and not empty", func() string {
			dir := t.TempDir()
			write(dir, "letter.txt", "dear")
			return dir
		}},
		{"a newer format", false, "is of format 7", func() string {
			dir := made()
			write(dir, formatFile, formatLine+"7\nstore x\n")
			return dir
		}},
		{"another file of that name", true, "does not say", func() string {
			dir := t.TempDir()
			write(dir, formatFile, "hello")
			return dir
		}},
		{"no format file", true, "FORMAT", func() string {
			dir := made()
			if err := os.Remove(filepath.Join(dir, formatFile)); err != nil {
				t.Fatal(err)
			}
			return dir
		}},
		{"another store's format file", true, "names the store", func() string {
			dir := made()
			write(dir, formatFile, formatLine+formatVersion+"\nstore other\n")
			return dir
		}},
		{"no log", true, pebbleFolder, func() string {
			dir := made()
			if err := os.RemoveAll(filepath.Join(dir, pebbleFolder)); err != nil {
				t.Fatal(err)
			}
			return dir
		}},
		{"an empty log", true, pebbleFolder, func() string {
			dir := made()
			inner := filepath.Join(dir, pebbleFolder)
			if err := errors.Join(os.RemoveAll(inner), os.Mkdir(inner, 0o700)); err != nil {
				t.Fatal(err)
			}
			return dir
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			l, err := Open(Options{Dir: test.make()})
			if err == nil {
				_ = l.Close()
			}
			var d *eventstore.DamageError
			if err == nil || !strings.Contains(err.Error(), test.says) || errors.As(err, &d) != test.damage {
				t.Fatalf("got %v, want damage %v and %q", err, test.damage, test.says)
			}
		})
	}
}

func TestMakingALogSurvivesACrashAtAnyTime(t *testing.T) {
	disk := vfs.NewCrashableMem()
	l, err := Open(Options{Dir: "data/log", FS: disk})
	if err != nil {
		t.Fatal(err)
	}
	crashed := disk.CrashClone(vfs.CrashCloneCfg{})
	if err := crashed.Remove("data/log/" + formatFile); err != nil {
		t.Fatal(err)
	}
	again := opened(t, Options{Dir: "data/log", FS: crashed}) // as if it crashed before the last step
	if _, err := again.Append(t.Context(), "line-1", eventstore.None, sample()); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestBackup(t *testing.T) {
	dir := t.TempDir()
	l := opened(t, Options{Dir: filepath.Join(dir, "log")})
	rev := eventstore.None
	stop, stopped := make(chan struct{}), make(chan struct{})
	write := func() {
		if _, err := l.Append(t.Context(), "line-1", rev, sample(), sample()); err != nil {
			t.Error(err)
		}
		rev += 2
	}
	for range 100 {
		write()
	}
	before, err := l.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				write()
			}
		}
	}()
	to := filepath.Join(dir, "backups", "one")
	err = l.Backup(t.Context(), to)
	close(stop)
	<-stopped
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Backup(t.Context(), to); err == nil {
		t.Fatal("a backup was written over another")
	}
	copied := opened(t, Options{Dir: to})
	info, err := copied.Info(t.Context())
	if err != nil || info.Store != before.Store || info.Head < before.Head || info.Head%2 != 0 {
		t.Fatalf("the backup has %+v (%v), the log had %+v", info, err, before)
	}
	if _, err := copied.Check(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	beyond := info.Head + 1
	for _, err := range copied.Follow(t.Context(), beyond, eventstore.Filter{}) {
		if !errors.Is(err, eventstore.ErrLogMoved) {
			t.Fatalf("following from beyond the head: %v", err)
		}
	}
	names, err := filepath.Glob(filepath.Join(to, "*"))
	if err != nil || len(names) != 2 {
		t.Fatalf("the backup holds %v (%v)", names, err)
	}
}
