package embedded

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"parley/eventstore"
)

// contents are the files of a folder, by their path in it.
func contents(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		all[path[len(dir):]] = text
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func sameContents(t *testing.T, before, after map[string][]byte) {
	t.Helper()
	for name, text := range before {
		if !bytes.Equal(text, after[name]) {
			t.Errorf("%s was changed", name)
		}
	}
	for name := range after {
		if _, ok := before[name]; !ok {
			t.Errorf("%s was made", name)
		}
	}
}

func TestALogThatIsLookedAtStaysAsItIs(t *testing.T) {
	dir := t.TempDir()
	l := opened(t, Options{Dir: filepath.Join(dir, "log")})
	for n := range eventstore.Revision(50) {
		if _, err := l.Append(t.Context(), "line-1", n-1, sample()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := l.Mark(t.Context(), "cursor", func(eventstore.Mark) ([]byte, bool) { return []byte(l.store + ":7"), true }); err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(dir, "copy")
	if err := l.Backup(t.Context(), to); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenStill(Options{Dir: filepath.Join(dir, "log")}); !errors.Is(err, ErrLocked) {
		t.Errorf("a log in use: %v", err)
	}
	before := contents(t, to)
	for range 2 {
		still, err := OpenStill(Options{Dir: to})
		if err != nil {
			t.Fatal(err)
		}
		report, err := still.Check(t.Context(), nil)
		if err != nil || report.Head != 50 || report.Marks != 1 {
			t.Errorf("%+v, %v", report, err)
		}
		if _, err := still.Append(t.Context(), "line-2", eventstore.None, sample()); !errors.Is(err, ErrStill) {
			t.Errorf("an append: %v", err)
		}
		if err := still.Close(); err != nil {
			t.Fatal(err)
		}
		sameContents(t, before, contents(t, to))
	}

	name, err := Rename(Options{Dir: to})
	if err != nil || name == l.store {
		t.Fatalf("it is named %q, was %q: %v", name, l.store, err)
	}
	renamed := opened(t, Options{Dir: to})
	info, err := renamed.Info(t.Context())
	if err != nil || info.Store != name || info.Head != 50 {
		t.Errorf("%+v, %v", info, err)
	}
	m, err := renamed.Mark(t.Context(), "cursor", nil)
	if err != nil || string(m.Value) != name+":7" || m.Revision != 1 {
		t.Errorf("the mark is %q of revision %d: %v", m.Value, m.Revision, err)
	}
}
