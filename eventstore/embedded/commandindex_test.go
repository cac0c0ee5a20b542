package embedded

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/uuid"

	"parley/eventstore"
)

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
