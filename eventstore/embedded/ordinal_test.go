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

// A zero byte is in no name: what is asked by one is not found, however the log is
// read, and is no damage.
func TestANameWithAZeroByteIsNotFound(t *testing.T) {
	l, err := Open(Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	records := make([]eventstore.Record, chunkRecords+1)
	for i := range records {
		records[i] = eventstore.Record{ID: uuid.New(), Name: "k.done", HappenedAt: time.Unix(1, 0), Data: []byte("{}")}
	}
	if _, err := l.Append(t.Context(), "k-1", eventstore.None, records...); err != nil {
		t.Fatal(err)
	}
	for _, q := range []eventstore.Query{
		{Names: []string{"k.done\x00"}}, {Names: []string{"k\x00", "\x00"}}, {Kinds: []string{"k\x00"}}, {Stream: "k-1\x00"},
		{Names: []string{"k.done\x00"}, Backwards: true, From: eventstore.None},
	} {
		for r, err := range l.Read(t.Context(), q) {
			t.Errorf("%+v gives %v, %v", q, r.Position, err)
		}
	}
	n := 0
	for _, err := range l.Read(t.Context(), eventstore.Query{Names: []string{"k.done\x00", "k.done"}}) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if n != len(records) {
		t.Errorf("%d records are of a name beside such a one, want %d", n, len(records))
	}
	for _, by := range []Index{ByKind, ByName} {
		for _, text := range []string{"k\x00", "k.done\x00"} {
			if n, err := l.Count(by, text, 1000); n != 0 || err != nil {
				t.Errorf("%q: %d, %v", text, n, err)
			}
			if p, ok, err := l.Find(by, text, 0); ok || err != nil {
				t.Errorf("%q is at %d, %v", text, p, err)
			}
		}
	}
}
