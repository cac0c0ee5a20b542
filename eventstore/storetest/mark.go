package storetest

import (
	"errors"
	"strconv"
	"sync"
	"testing"

	"parley/eventstore"
)

func testMarks(t *testing.T, s Store) {
	ctx := limited(t)
	m, err := s.Log.Mark(ctx, "reactor", nil)
	if err != nil || m.Revision != 0 || len(m.Value) != 0 {
		t.Fatalf("a mark that was never written: %+v, %v", m, err)
	}
	m, err = s.Log.Mark(ctx, "reactor", func(eventstore.Mark) ([]byte, bool) { return []byte("no"), false })
	if err != nil || m.Revision != 0 {
		t.Fatalf("a mark that was not to be moved: %+v, %v", m, err)
	}
	for n := range uint64(3) {
		m, err = s.Log.Mark(ctx, "reactor", func(m eventstore.Mark) ([]byte, bool) {
			if m.Revision != n {
				t.Errorf("moving from %+v, want revision %d", m, n)
			}
			return append(m.Value, 'x'), true
		})
		if err != nil || m.Revision != n+1 || len(m.Value) != int(n)+1 {
			t.Fatalf("moved to %+v, %v", m, err)
		}
	}
	other, err := s.Log.Mark(ctx, "reacto", nil)
	if err != nil || other.Revision != 0 {
		t.Fatalf("another mark: %+v, %v", other, err)
	}
	m, err = s.Log.Mark(ctx, "reactor", nil)
	if err != nil || string(m.Value) != "xxx" || m.Revision != 3 {
		t.Fatalf("read %+v, %v", m, err)
	}
	if got := read(t, s.Log, eventstore.Query{}); len(got) != 0 {
		t.Fatalf("a mark is no record: %s", brief(got))
	}
}

// testMarksConcurrent counts with one mark from many sides: no count is lost.
func testMarksConcurrent(t *testing.T, s Store) {
	const writers, moves = 8, 25
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for range moves {
				_, err := s.Log.Mark(limited(t), "count", func(m eventstore.Mark) ([]byte, bool) {
					n := 0
					if len(m.Value) > 0 {
						n, _ = strconv.Atoi(string(m.Value))
					}
					return strconv.AppendInt(nil, int64(n+1), 10), true
				})
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	m, err := s.Log.Mark(limited(t), "count", nil)
	if err != nil || string(m.Value) != strconv.Itoa(writers*moves) || m.Revision != writers*moves {
		t.Fatalf("counted %s at revision %d (%v), want %d", m.Value, m.Revision, err, writers*moves)
	}
}

func testPositions(t *testing.T, s Store) {
	done := must(t, s.Log, "line-1", eventstore.None, event("line.taken", 0))
	info, err := s.Log.Info(limited(t))
	if err != nil {
		t.Fatal(err)
	}
	text := done[0].Position.Text(info.Store)
	if p, err := eventstore.ParsePosition(info.Store, text); err != nil || p != done[0].Position {
		t.Fatalf("%s reads as %d, %v", text, p, err)
	}
	if _, err := eventstore.ParsePosition(info.Store+"x", text); !errors.Is(err, eventstore.ErrLogMoved) {
		t.Fatalf("a position of another log: %v", err)
	}
}

func testReopen(t *testing.T, s Store) {
	if s.Reopen == nil {
		t.Skip("this store cannot be opened again")
	}
	all := mixed(t, s.Log)
	mark, err := s.Log.Mark(limited(t), "reactor", func(eventstore.Mark) ([]byte, bool) { return []byte("7"), true })
	if err != nil {
		t.Fatal(err)
	}
	before, err := s.Log.Info(limited(t))
	if err != nil {
		t.Fatal(err)
	}
	log := s.Reopen(t)
	after, err := log.Info(limited(t))
	if err != nil || after != before {
		t.Fatalf("info was %+v, is %+v, %v", before, after, err)
	}
	if m, err := log.Mark(limited(t), "reactor", nil); err != nil || string(m.Value) != "7" || m.Revision != mark.Revision {
		t.Fatalf("the mark was %+v, is %+v, %v", mark, m, err)
	}
	same(t, read(t, log, eventstore.Query{}), all)
	if _, err := log.Append(limited(t), all[0].Stream, eventstore.None, event("line.taken", 0)); err == nil {
		t.Fatal("the stream's revision was forgotten")
	}
	stream := all[len(all)-1]
	more := must(t, log, stream.Stream, stream.Revision, event("line.taken", 0))
	if more[0].Position <= stream.Position || more[0].RecordedAt.Before(stream.RecordedAt) {
		t.Fatalf("after %s came %s", brief(all[len(all)-1:]), brief(more))
	}
	same(t, read(t, log, eventstore.Query{Stream: stream.Stream, From: stream.Revision}), append([]eventstore.Record{stream}, more...))
}
