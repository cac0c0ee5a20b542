package projections

import (
	"fmt"
	"testing"
	"time"
)

// TestANA1_RebuildInLittleMemory gives a rebuild so little room that it writes
// and drops rows again and again, and finds them again by key and by lookup
// column: in a file that has no indexes until then.
func TestANA1_RebuildInLittleMemory(t *testing.T) {
	h := newHouse(t, t.TempDir())
	defer h.close()
	for i := range 12 {
		for j := range 60 {
			n := i*60 + j
			h.record(fmt.Sprintf("card-%d", n), opened{Queue: fmt.Sprint("q", n%7), Guest: fmt.Sprint("g", n%50), Due: time.Unix(int64(n)*5000, 0), Tags: []string{"a"}})
			old := fmt.Sprintf("card-%d", n/3)
			switch n % 5 {
			case 0:
				h.record(old, tagged{"urgent"})
			case 1:
				h.record(old, removed{})
			case 2:
				h.record(old, opened{Queue: "again", Guest: fmt.Sprint("g", n%50)})
			default:
				h.record(old, moved{fmt.Sprint("r", n)})
			}
		}
		h.record(fmt.Sprintf("guest-g%d", i), linked{fmt.Sprint("c", i%4)})
		h.record(fmt.Sprintf("card-%d", i*50), spoiled{Panic: i%2 == 0})
		h.record(fmt.Sprintf("card-%d", i*50), moved{"parked by now"})
	}
	var written []int64
	for _, room := range []int{1, 40_000, 200_000, bytesBuilt} {
		r := h.open()
		r.room = room
		if err := r.RebuildCompared(t.Context(), nil, nil); err != nil {
			t.Fatalf("with %d bytes: %v", room, err)
		}
		same(t, r, "toy")
		g := r.byName["toy"].gen
		if g.rows.building || g.db.writer.building {
			t.Error("it is still being built")
		}
		written = append(written, g.reached().written)
		var found []string
		if err := g.db.writer.load("SELECT sql FROM sqlite_master WHERE sql LIKE 'CREATE INDEX%' ORDER BY sql", nil, func(v []any) error {
			found = append(found, fmt.Sprint(v[0]))
			return nil
		}); err != nil || len(found) != len(cardTable.s.create())-1 {
			t.Errorf("%d indexes: %q %v", len(found), found, err)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if written[0] <= written[3] {
		t.Errorf("%d rows were written: with little room not more than with much", written)
	}
}
