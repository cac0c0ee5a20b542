package embedded

import (
	"bytes"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"parley/eventstore"
)

// TestATornEndIsNoDamage lets a crash cut the last write of a log in use: of
// each chunk in turn only the sectors before a boundary are written, or only
// those behind it. Where a single byte lies beyond the boundary it looks like a
// byte that was damaged.
func TestATornEndIsNoDamage(t *testing.T) {
	mem := vfs.NewMem()
	l := opened(t, Options{Dir: "log", FS: mem})
	for n := range 3000 {
		r := sample()
		r.Data = append(append([]byte{'"'}, bytes.Repeat([]byte("x"), n%700)...), '"')
		if _, err := l.Append(t.Context(), "line-1", eventstore.Revision(n-1), r); err != nil {
			t.Fatal(err)
		}
	}
	names, err := stillFiles(mem, "log")
	if err != nil {
		t.Fatal(err)
	}
	torn, alone, damages := 0, 0, 0
	for _, name := range names {
		format := formatOf(name)
		if format == nil || format.number == 0 {
			continue
		}
		text, err := readWhole(mem, mem.PathJoin("log", pebbleFolder, name))
		if err != nil {
			t.Fatal(err)
		}
		for at := 0; at < len(text); {
			end := format.good(text, at, min((at/chunkBlock+1)*chunkBlock, len(text)))
			if end == 0 {
				break
			}
			whole := bytes.Clone(text[:end])
			for cut := (at/sector + 1) * sector; cut < end; cut += sector {
				for _, part := range [][2]int{{cut, end}, {at, cut}} {
					was := bytes.Clone(whole[part[0]:part[1]])
					clear(whole[part[0]:part[1]])
					torn++
					if part[1]-part[0] == 1 {
						alone++
					}
					if where, what := format.damage(whole); what != "" {
						damages++
						t.Logf("the chunk %d to %d of %s without %d to %d: at %d, %s", at, end, name, part[0], part[1], where, what)
					}
					copy(whole[part[0]:], was)
				}
			}
			at = end
		}
	}
	if alone == 0 {
		t.Error("no byte was alone beyond a boundary")
	}
	if damages > 0 {
		t.Errorf("%d of %d torn ends are called damage, %d of them for one byte", damages, torn, alone)
	}
}
