package projections

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestNoConnectionOutlivesItsDatabase: a rebuild deletes the file it replaces;
// a connection left open would keep it on the disk, and a descriptor with it.
func TestNoConnectionOutlivesItsDatabase(t *testing.T) {
	dir := t.TempDir()
	h := newHouse(t, dir)
	defer h.close()
	r, stop := h.start()
	at := h.record("card-1", opened{Queue: "q", Guest: "g"})
	settled(t, r)
	cards(t, r, at) // by a reader, which is kept
	first := r.byName["toy"].gen.db
	if err := r.Rebuild(soon(t), []string{"toy"}, nil); err != nil {
		t.Fatal(err)
	}
	cards(t, r, at)
	second := r.byName["toy"].gen.db
	stop()
	for i, d := range []*database{first, second} {
		if n := d.reading.Stats().OpenConnections; n > 0 || d.writer.conn != nil {
			t.Errorf("generation %d: %d connections for reading are still open, or that for writing", i+1, n)
		}
	}
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skipf("the system does not tell which files are open: %v", err)
	}
	for _, f := range open {
		if name, err := os.Readlink(filepath.Join("/proc/self/fd", f.Name())); err == nil && strings.HasPrefix(name, dir) && strings.Contains(name, "toy.") {
			t.Errorf("%s is still open", name)
		}
	}
}
