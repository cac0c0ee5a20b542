package embedded

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"parley/eventstore"
)

// taken are the ways in which a folder goes away under who uses it.
var taken = map[string]struct {
	take func(dir string) error
	says string
}{
	"deleted": {os.RemoveAll, "is gone"},
	"moved":   {func(dir string) error { return os.Rename(dir, dir+".old") }, "is gone"},
	"exchanged": {func(dir string) error {
		return errors.Join(os.Rename(dir, dir+".old"), os.CopyFS(dir, os.DirFS(dir+".old")))
	}, "is another than it was"},
	"a file now": {func(dir string) error {
		return errors.Join(os.RemoveAll(dir), os.WriteFile(dir, nil, 0o600))
	}, "is gone"},
}

// stoppedBecause wants an error to say that nothing is taken any more, and why.
func stoppedBecause(t *testing.T, err error, says ...string) {
	t.Helper()
	if !errors.Is(err, eventstore.ErrStopped) {
		t.Fatalf("got %v, want that nothing more is taken", err)
	}
	for _, part := range says {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%v does not say %q", err, part)
		}
	}
}

func TestNothingIsAcknowledgedOnceTheFolderIsTakenAway(t *testing.T) {
	for name, how := range taken {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "log")
			l, err := Open(Options{Dir: dir})
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close() // which cannot seal what is not there
			if _, err := l.Append(t.Context(), "line-1", eventstore.None, sample()); err != nil {
				t.Fatal(err)
			}
			if err := how.take(dir); err != nil {
				t.Fatal(err)
			}
			_, err = l.Append(t.Context(), "line-1", 0, sample())
			stoppedBecause(t, err, how.says, filepath.Join(dir, pebbleFolder))
			_, err = l.Append(t.Context(), "line-2", eventstore.None, sample())
			stoppedBecause(t, err)
			if info, err := l.Info(t.Context()); err != nil || info.Stopped == nil || info.Head != 1 {
				t.Errorf("%+v, %v", info, err)
			}
		})
	}
}

func TestNothingIsAcknowledgedOnceTheInnerFolderIsTakenAway(t *testing.T) {
	dir := t.TempDir()
	l, err := Open(Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := os.RemoveAll(filepath.Join(dir, pebbleFolder)); err != nil {
		t.Fatal(err)
	}
	_, err = l.Append(t.Context(), "line-1", eventstore.None, sample())
	stoppedBecause(t, err, "is gone", filepath.Join(dir, pebbleFolder))
}

func TestNoKeyIsGivenOnceTheFolderIsTakenAway(t *testing.T) {
	for name, how := range taken {
		for whose, open := range map[string]func(dir string) (eventstore.Keys, error){
			"own":    func(dir string) (eventstore.Keys, error) { return OpenKeys(Options{Dir: dir}) },
			"shared": func(dir string) (eventstore.Keys, error) { return OpenSharedKeys(dir) },
		} {
			t.Run(name+", "+whose, func(t *testing.T) {
				dir := filepath.Join(t.TempDir(), "keys")
				k, err := open(dir)
				if err != nil {
					t.Fatal(err)
				}
				defer k.(interface{ Close() error }).Close()
				if _, err := k.Key("visitor-1", true); err != nil {
					t.Fatal(err)
				}
				if err := how.take(dir); err != nil {
					t.Fatal(err)
				}
				_, err = k.Key("visitor-2", true)
				stoppedBecause(t, err, how.says, filepath.Join(dir, keysFile))
				stoppedBecause(t, k.Destroy("visitor-1"))
			})
		}
	}
}
