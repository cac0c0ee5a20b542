// Package storetest is what every store must do, as a suite that each
// implementation runs. It assumes no more than the contract: positions are
// ordered, not dense.
package storetest

import (
	"context"
	"fmt"
	"iter"
	"reflect"
	"testing"
	"time"

	"github.com/google/uuid"

	"parley/domain"
	"parley/eventstore"
)

// Store is one store under test, empty at first and closed by its opener's
// cleanup.
type Store struct {
	Log eventstore.Log
	// Reopen closes the log and opens it again, as after a restart; nil when
	// the store has no such thing.
	Reopen func(t *testing.T) eventstore.Log
}

// Run runs the whole suite; open gives a new empty store each time.
func Run(t *testing.T, open func(t *testing.T) Store) {
	tests := []struct {
		name string
		run  func(t *testing.T, s Store)
	}{
		{"append and read", testAppendAndRead},
		{"a record keeps everything", testFullRecord},
		{"a wrong revision writes nothing", testConflict},
		{"an append is whole", testAtomic},
		{"what cannot be appended", testRefused},
		{"one writer wins", testOneWinner},
		{"one order explains all answers", testLinear},
		{"reading a stream", testReadStream},
		{"reading the log", testReadLog},
		{"filters", testFilters},
		{"a reading ends at its beginning's head", testReadEnds},
		{"recorded-at", testRecordedAt},
		{"the caller's bytes are his own", testOwnBytes},
		{"follow", testFollow},
		{"follow with a filter", testFollowFilter},
		{"follow under writers", testFollowConcurrent},
		{"follow stops", testFollowStops},
		{"marks", testMarks},
		{"marks under writers", testMarksConcurrent},
		{"positions outside", testPositions},
		{"reopen", testReopen},
		{"model", testModel},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { test.run(t, open(t)) })
	}
}

// patience ends a wait for what must come at once. A busy machine may take its
// time.
const patience = 5 * time.Minute

func limited(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// event makes a record of a name; the data tell them apart.
func event(name string, n int) eventstore.Record {
	return eventstore.Record{
		ID:         uuid.New(),
		Name:       name,
		HappenedAt: time.Date(2026, 3, 1, 9, 0, n, 0, time.UTC),
		Actor:      domain.Actor{ID: "lena", Role: domain.RoleAgent},
		Command:    uuid.New(),
		Data:       fmt.Appendf(nil, `{"n":%d}`, n),
	}
}

func events(name string, from, to int) (all []eventstore.Record) {
	for n := from; n <= to; n++ {
		all = append(all, event(name, n))
	}
	return all
}

func must(t *testing.T, log eventstore.Log, stream string, expected eventstore.Revision, records ...eventstore.Record) []eventstore.Record {
	t.Helper()
	done, err := log.Append(limited(t), stream, expected, records...)
	if err != nil {
		t.Fatalf("append to %s at %d: %v", stream, expected, err)
	}
	return done
}

func collect(t *testing.T, records iter.Seq2[eventstore.Record, error]) (all []eventstore.Record) {
	t.Helper()
	for r, err := range records {
		if err != nil {
			t.Fatalf("reading: %v", err)
		}
		all = append(all, r)
	}
	return all
}

func read(t *testing.T, log eventstore.Log, q eventstore.Query) []eventstore.Record {
	t.Helper()
	return collect(t, log.Read(limited(t), q))
}

// same compares what was read with what was appended, in all they hold.
func same(t *testing.T, got, want []eventstore.Record) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("got %d records, want %d\ngot  %s\nwant %s", len(got), len(want), brief(got), brief(want))
	}
	for i := range got {
		g, w := got[i], want[i]
		if len(g.Data) == 0 && len(w.Data) == 0 {
			g.Data, w.Data = nil, nil
		}
		if !reflect.DeepEqual(g.Apart(), w.Apart()) {
			t.Fatalf("record %d:\ngot  %+v\nwant %+v", i, g, w)
		}
	}
}

func brief(records []eventstore.Record) string {
	s := ""
	for _, r := range records {
		s += fmt.Sprintf("[%d %s@%d %s]", r.Position, r.Stream, r.Revision, r.Name)
	}
	return s
}

func reversed(records []eventstore.Record) (back []eventstore.Record) {
	for i := range records {
		back = append(back, records[len(records)-1-i])
	}
	return back
}
