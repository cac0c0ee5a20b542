package storetest

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"parley/domain"
	"parley/eventstore"
)

func testAppendAndRead(t *testing.T, s Store) {
	if got := read(t, s.Log, eventstore.Query{Stream: "line-1"}); len(got) != 0 {
		t.Fatalf("a stream that was never written yields %s", brief(got))
	}
	first := must(t, s.Log, "line-1", eventstore.None, events("line.taken", 0, 1)...)
	other := must(t, s.Log, "line-10", eventstore.None, event("line.taken", 2))
	second := must(t, s.Log, "line-1", 1, event("line.taken", 3))
	if first[0].Revision != 0 || first[1].Revision != 1 || second[0].Revision != 2 || other[0].Revision != 0 {
		t.Fatalf("revisions: %s %s %s", brief(first), brief(other), brief(second))
	}
	all := append(append(first, other...), second...)
	for i := 1; i < len(all); i++ {
		if all[i].Position <= all[i-1].Position {
			t.Fatalf("positions are not ordered: %s", brief(all))
		}
	}
	if all[0].Position == 0 {
		t.Fatal("zero is before the first record")
	}
	same(t, read(t, s.Log, eventstore.Query{}), all)
	same(t, read(t, s.Log, eventstore.Query{Stream: "line-1"}), append(first, second...))
	same(t, read(t, s.Log, eventstore.Query{Stream: "line-10"}), other)
	info, err := s.Log.Info(limited(t))
	if err != nil || info.Head < second[0].Position || info.Store == "" {
		t.Fatalf("info is %+v, %v; the last record is at %d", info, err, second[0].Position)
	}
}

func testFullRecord(t *testing.T, s Store) {
	full := eventstore.Record{
		ID:          uuid.New(),
		Name:        "conversation.assigned",
		HappenedAt:  time.Date(1999, 12, 31, 23, 59, 59, 987654000, time.FixedZone("east", 7200)),
		Actor:       domain.Actor{ID: "läna", Role: domain.RoleSupervisor},
		Command:     uuid.New(),
		BodyHash:    []byte{0, 1, 2, 255},
		Correlation: uuid.New(),
		Causation:   uuid.New(),
		Subject:     "visitor-7",
		Imported:    true,
		Data:        []byte("{\"b\": 1,  \"a\":\"ü\u2028\",\"b\":2}"),
	}
	together := full
	together.ID, together.Correlation, together.Imported = uuid.New(), full.Command, false
	bare := eventstore.Record{ID: uuid.New(), Name: "conversation.bare", HappenedAt: time.Unix(0, 0), Data: []byte("{}")}
	done := must(t, s.Log, "conversation-a-b-c", eventstore.None, full, together, bare)
	for i, want := range []eventstore.Record{full, together, bare} {
		want.Stream, want.HappenedAt = "conversation-a-b-c", want.HappenedAt.UTC()
		want.Revision, want.Position, want.RecordedAt = eventstore.Revision(i), done[i].Position, done[i].RecordedAt
		same(t, done[i:i+1], []eventstore.Record{want})
		if want.RecordedAt.IsZero() || want.RecordedAt.Location() != time.UTC {
			t.Fatalf("recorded at %v", want.RecordedAt)
		}
	}
	same(t, read(t, s.Log, eventstore.Query{Stream: "conversation-a-b-c"}), done)
	same(t, read(t, s.Log, eventstore.Query{}), done)
	if k, id := done[0].Kind(), done[0].StreamID(); k != "conversation" || id != "a-b-c" {
		t.Fatalf("kind %q, id %q", k, id)
	}
}

func testConflict(t *testing.T, s Store) {
	const stream = "agent-lena"
	done := must(t, s.Log, stream, eventstore.None, events("agent.reserved", 0, 3)...)
	for _, test := range []struct {
		name     string
		expected eventstore.Revision
		inTheWay []eventstore.Record
	}{
		{"none", eventstore.None, done},
		{"behind", 1, done[2:]},
		{"past the end", 9, nil},
	} {
		_, err := s.Log.Append(limited(t), stream, test.expected, events("agent.lost", 0, 1)...)
		var conflict *eventstore.ConflictError
		if !errors.As(err, &conflict) {
			t.Fatalf("%s: got %v, want a conflict", test.name, err)
		}
		if conflict.Stream != stream || conflict.Expected != test.expected || conflict.Actual != 3 {
			t.Fatalf("%s: %+v", test.name, conflict)
		}
		same(t, conflict.Records, test.inTheWay)
	}
	_, err := s.Log.Append(limited(t), "agent-new", 0, event("agent.lost", 0))
	var conflict *eventstore.ConflictError
	if !errors.As(err, &conflict) || conflict.Actual != eventstore.None || len(conflict.Records) != 0 {
		t.Fatalf("a stream that holds nothing: %v", err)
	}
	same(t, read(t, s.Log, eventstore.Query{}), done)
}

func testAtomic(t *testing.T, s Store) {
	var all []eventstore.Record
	for n := range 20 {
		all = append(all, must(t, s.Log, "queue-1", eventstore.Revision(n*10-1), events("queue.changed", n*10, n*10+9)...)...)
		_, err := s.Log.Append(limited(t), "queue-1", eventstore.Revision(n), events("queue.lost", 0, 9)...)
		if n > 0 && err == nil {
			t.Fatal("a wrong revision was taken")
		}
	}
	same(t, read(t, s.Log, eventstore.Query{Stream: "queue-1"}), all)
}

func testRefused(t *testing.T, s Store) {
	if _, err := s.Log.Append(limited(t), "queue-1", eventstore.None); err == nil {
		t.Error("an append of nothing was taken")
	}
	large := event("queue.changed", 0)
	large.Data = append(append([]byte{'"'}, make([]byte, eventstore.MaxAppend)...), '"')
	for i := 1; i < len(large.Data)-1; i++ {
		large.Data[i] = 'x'
	}
	if _, err := s.Log.Append(limited(t), "queue-1", eventstore.None, large); !errors.Is(err, eventstore.ErrTooLarge) {
		t.Errorf("one record too large: %v", err)
	}
	half := large
	half.Data = append(large.Data[:eventstore.MaxAppend/2:eventstore.MaxAppend/2], '"')
	if _, err := s.Log.Append(limited(t), "queue-1", eventstore.None, half, half); !errors.Is(err, eventstore.ErrTooLarge) {
		t.Errorf("two records too large together: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Log.Append(ctx, "queue-1", eventstore.None, event("queue.changed", 0)); !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that has ended: %v", err)
	}
	if got := read(t, s.Log, eventstore.Query{}); len(got) != 0 {
		t.Errorf("a refused append wrote %s", brief(got))
	}
	half.ID = uuid.New()
	done := must(t, s.Log, "queue-1", eventstore.None, half)
	same(t, read(t, s.Log, eventstore.Query{}), done)
}

// testOneWinner lets many append at the same revision: one wins each round, and
// all others are told the truth about what is in the way.
func testOneWinner(t *testing.T, s Store) {
	const rounds, writers = 20, 8
	for round := range rounds {
		var wg sync.WaitGroup
		var mu sync.Mutex
		var won []eventstore.Record
		var lost []*eventstore.ConflictError
		for n := range writers {
			wg.Go(func() {
				done, err := s.Log.Append(limited(t), "line-1", eventstore.Revision(round-1), event("line.taken", n))
				mu.Lock()
				defer mu.Unlock()
				var conflict *eventstore.ConflictError
				if err == nil {
					won = append(won, done...)
				} else if errors.As(err, &conflict) {
					lost = append(lost, conflict)
				} else {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if len(won) != 1 || len(lost) != writers-1 {
			t.Fatalf("%d won and %d lost", len(won), len(lost))
		}
		for _, c := range lost {
			same(t, c.Records, won)
		}
	}
}

func testRecordedAt(t *testing.T, s Store) {
	before := time.Now().UTC().Add(-time.Second)
	kept := event("contact.created", 0)
	kept.RecordedAt = time.Date(2020, 1, 2, 3, 4, 5, 678901000, time.UTC)
	a := must(t, s.Log, "contact-1", eventstore.None, kept)
	if !a[0].RecordedAt.Equal(kept.RecordedAt) {
		t.Errorf("recorded at %v, it was given %v", a[0].RecordedAt, kept.RecordedAt)
	}
	b := must(t, s.Log, "contact-2", eventstore.None, event("contact.created", 1))
	if b[0].RecordedAt.Before(before) || b[0].RecordedAt.After(time.Now().Add(time.Minute)) {
		t.Errorf("recorded at %v", b[0].RecordedAt)
	}
	c := must(t, s.Log, "contact-1", 0, kept, event("contact.created", 2))
	all := append(append(a, b...), c...)
	for i := 1; i < len(all); i++ {
		if all[i].RecordedAt.Before(all[i-1].RecordedAt) {
			t.Errorf("recorded-at runs backwards at %s", brief(all[i:i+1]))
		}
	}
	same(t, read(t, s.Log, eventstore.Query{}), all)
}

// testOwnBytes changes the bytes that were handed in, and those that were read:
// the log keeps its own. Those who follow may share theirs.
func testOwnBytes(t *testing.T, s Store) {
	r := event("widget.changed", 1)
	r.BodyHash = []byte("hash")
	must(t, s.Log, "widget-1", eventstore.None, r)
	r.Data[1], r.BodyHash[0] = '#', '#'
	whole := func(got eventstore.Record) {
		t.Helper()
		if string(got.Data) != `{"n":1}` || string(got.BodyHash) != "hash" {
			t.Fatalf("got %s, %s", got.Data, got.BodyHash)
		}
	}
	spoil := func(got eventstore.Record) {
		t.Helper()
		whole(got)
		got.Data[1], got.BodyHash[0] = '#', '#'
	}
	for range 2 {
		spoil(read(t, s.Log, eventstore.Query{})[0])
		spoil(read(t, s.Log, eventstore.Query{Stream: "widget-1"})[0])
		for u, err := range s.Log.Follow(limited(t), 0, eventstore.Filter{}) {
			if err != nil {
				t.Fatal(err)
			}
			if u.Record != nil {
				whole(*u.Record)
				break
			}
		}
	}
}
