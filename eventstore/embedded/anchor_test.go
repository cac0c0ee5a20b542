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

// TestNothingOfAnothersKeysIsGivenOnceTheFolderIsTakenAway: what another process wrote
// before it found the folder gone is in the file that all have open, and in no folder.
func TestNothingOfAnothersKeysIsGivenOnceTheFolderIsTakenAway(t *testing.T) {
	second := func(_ []byte, err error) error { return err }
	for name, how := range taken {
		for what, one := range map[string]struct {
			others []func(k *SharedKeys) error
			ours   func(k *SharedKeys) error
		}{
			"the last key": {
				[]func(k *SharedKeys) error{func(k *SharedKeys) error { return second(k.Key("visitor-2", true)) }},
				func(k *SharedKeys) error { return second(k.Key("visitor-2", true)) },
			},
			"a key before it": {
				[]func(k *SharedKeys) error{
					func(k *SharedKeys) error { return second(k.Key("visitor-2", true)) },
					func(k *SharedKeys) error { return second(k.Key("visitor-3", true)) },
				},
				func(k *SharedKeys) error { return second(k.Key("visitor-2", false)) },
			},
			"a secret": {
				[]func(k *SharedKeys) error{func(k *SharedKeys) error { return second(k.Secret("tokens")) }},
				func(k *SharedKeys) error { return second(k.Secret("tokens")) },
			},
			"a destroyed key": {
				[]func(k *SharedKeys) error{func(k *SharedKeys) error { return k.Destroy("visitor-1") }},
				func(k *SharedKeys) error { return k.Destroy("visitor-1") },
			},
		} {
			t.Run(name+", "+what, func(t *testing.T) {
				dir := filepath.Join(t.TempDir(), "keys")
				var all []*SharedKeys // ours is the last
				for range len(one.others) + 1 {
					k, err := OpenSharedKeys(dir)
					if err != nil {
						t.Fatal(err)
					}
					defer k.Close() // which tells nothing where nothing is
					sharedKey(t, k, "visitor-1")
					all = append(all, k)
				}
				if err := how.take(dir); err != nil {
					t.Fatal(err)
				}
				for i, ask := range one.others {
					stoppedBecause(t, ask(all[i]), how.says)
				}
				stoppedBecause(t, one.ours(all[len(all)-1]), how.says, filepath.Join(dir, keysFile))
			})
		}
	}
}
