package embedded

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"parley/eventstore"
)

// TestNumbersOfAnIndex finds every record of a kind and of a name by its number.
func TestNumbersOfAnIndex(t *testing.T) {
	l, err := Open(Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	want := map[string][]eventstore.Position{}
	for i := range 60 {
		kind, name := fmt.Sprintf("k%d", i%3), fmt.Sprintf("n.%d", i%7)
		done, err := l.Append(t.Context(), fmt.Sprintf("%s-%d", kind, i), eventstore.None, eventstore.Record{ID: uuid.New(), Name: name, HappenedAt: time.Unix(1, 0), Data: []byte("{}")})
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{kind, name} {
			want[text] = append(want[text], done[0].Position)
		}
	}
	for text, positions := range want {
		by := ByKind
		if text[0] == 'n' {
			by = ByName
		}
		for i, p := range positions {
			if got, ok, err := l.Find(by, text, uint64(i)); err != nil || !ok || got != p {
				t.Fatalf("%s %d is at %d, found %d, %v, %v", text, i, p, got, ok, err)
			}
			if n, err := l.Count(by, text, p); err != nil || n != uint64(i+1) {
				t.Fatalf("%s up to %d: %d, %v", text, p, n, err)
			}
		}
		if _, ok, err := l.Find(by, text, uint64(len(positions))); ok || err != nil {
			t.Fatalf("%s has one too many (%v)", text, err)
		}
	}
	if n, err := l.Count(ByKind, "none", 60); n != 0 || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
}
