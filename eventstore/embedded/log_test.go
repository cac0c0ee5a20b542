package embedded

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"parley/domain"
	"parley/eventstore"
	"parley/eventstore/storetest"
)

// opened opens a log that the test's end closes and checks.
func opened(t *testing.T, o Options) *Log {
	t.Helper()
	l, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := l.Check(context.Background(), nil); err != nil && !errors.Is(err, eventstore.ErrClosed) {
			t.Errorf("check: %v", err)
		}
		if err := l.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return l
}

func store(t *testing.T, o Options) storetest.Store {
	l := opened(t, o)
	return storetest.Store{Log: l, Reopen: func(t *testing.T) eventstore.Log {
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		return opened(t, o)
	}}
}

func TestStoreOnDisk(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Store { return store(t, Options{Dir: t.TempDir()}) })
}

func TestStoreInMemory(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Store { return store(t, Options{Dir: "log", FS: vfs.NewMem()}) })
}

// TestStoreWithLittleMemory sees that what was forgotten is looked up.
func TestStoreWithLittleMemory(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Store {
		return store(t, Options{Dir: "log", FS: vfs.NewMem(), tailRecords: 3, headsKept: 2, learnAfter: 1})
	})
}

// TestLongLog reads more than a chunk in every way, by index where that is
// less work.
func TestLongLog(t *testing.T) {
	l := opened(t, Options{Dir: "log", FS: vfs.NewMem()})
	const appends, each = 700, 4
	rare, long, total := 0, 0, appends*each
	for n := range appends {
		records := []eventstore.Record{sample(), sample(), sample(), sample()}
		if n%50 == 0 {
			records[3].Name = "conversation.rare"
			rare++
		}
		stream, expected := fmt.Sprintf("line-%d", n), eventstore.None
		if n%2 == 0 {
			stream, expected = "agent-long", eventstore.Revision(long-1)
			long += each
		}
		if _, err := l.Append(t.Context(), stream, expected, records...); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		q    eventstore.Query
		want int
	}{
		{eventstore.Query{}, total},
		{eventstore.Query{Limit: 1500}, 1500},
		{eventstore.Query{After: 1000, Until: 2500}, 1500},
		{eventstore.Query{Stream: "agent-long", From: eventstore.None}, long},
		{eventstore.Query{Stream: "agent-long", From: 700}, long - 700},
		{eventstore.Query{Names: []string{"conversation.rare"}}, rare},
		{eventstore.Query{Names: []string{"conversation.rare", "never"}}, rare},
		{eventstore.Query{Kinds: []string{"agent"}}, long},
		{eventstore.Query{Kinds: []string{"agent", "line"}, Names: []string{"conversation.rare"}}, rare},
		{eventstore.Query{Kinds: []string{"never"}}, 0},
	} {
		for _, backwards := range []bool{false, true} {
			q, want := test.q, test.want
			if q.Backwards = backwards; backwards && q.From > 0 {
				want = int(q.From) + 1
			}
			got, last := 0, eventstore.Position(0)
			for r, err := range l.Read(t.Context(), q) {
				if err != nil {
					t.Fatal(err)
				}
				if got > 0 && r.Position > last == backwards {
					t.Fatalf("%+v: %d after %d", q, r.Position, last)
				}
				last = r.Position
				got++
			}
			if got != want {
				t.Errorf("%+v: read %d records, want %d", q, got, want)
			}
		}
	}
	if s, err := l.scan(eventstore.Query{Names: []string{"conversation.rare"}}, eventstore.Position(total)); err != nil || len(s.prefixes) != 1 {
		t.Fatal(err)
	} else if n, err := s.count(); err != nil || n != uint64(rare) {
		t.Errorf("the index counts %d (%v), want %d", n, err, rare)
	}
	followed := 0
	for u, err := range l.Follow(t.Context(), 0, eventstore.Filter{Names: []string{"conversation.rare"}}) {
		if err != nil {
			t.Fatal(err)
		}
		if u.Record != nil {
			followed++
		}
		if u.CaughtUp {
			break
		}
	}
	if followed != rare {
		t.Errorf("followed %d records, want %d", followed, rare)
	}
}

// TestClosing closes a log under those who use it: each of them hears of it.
func TestClosing(t *testing.T) {
	l, err := Open(Options{Dir: "log", FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	began := make(chan struct{}, 16)
	for n := range 8 {
		wg.Go(func() {
			for rev := eventstore.None; ; rev++ {
				if _, err := l.Append(context.Background(), fmt.Sprintf("line-%d", n), rev, sample()); err != nil {
					if !errors.Is(err, eventstore.ErrClosed) {
						t.Errorf("append: %v", err)
					}
					return
				}
				if rev == 10 {
					began <- struct{}{}
				}
			}
		})
		wg.Go(func() {
			var last error
			for _, last = range l.Follow(context.Background(), 0, eventstore.Filter{}) {
			}
			if !errors.Is(last, eventstore.ErrClosed) {
				t.Errorf("follow: %v", last)
			}
		})
	}
	for range 8 {
		<-began
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	if err := firstError(l, eventstore.Query{}); !errors.Is(err, eventstore.ErrClosed) {
		t.Errorf("read: %v", err)
	}
	if _, err := l.Mark(context.Background(), "cursor", nil); !errors.Is(err, eventstore.ErrClosed) {
		t.Errorf("mark: %v", err)
	}
	if err := l.Backup(context.Background(), "backup"); !errors.Is(err, eventstore.ErrClosed) {
		t.Errorf("backup: %v", err)
	}
	if _, err := l.Check(context.Background(), nil); !errors.Is(err, eventstore.ErrClosed) {
		t.Errorf("check: %v", err)
	}
}

// alone leaves a test out of the short run, which is the one under the race
// detector: it runs nothing side by side.
func alone(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("skipped: it runs nothing side by side; leave out -short to run it")
	}
}

// TestAnAppendOfManyThatIsRefusedIsTold: those before it are on record.
func TestAnAppendOfManyThatIsRefusedIsTold(t *testing.T) {
	l := opened(t, Options{Dir: "log", FS: vfs.NewMem()})
	one := func(stream string) Ordered {
		return Ordered{Stream: stream, Expected: eventstore.None, Records: []eventstore.Record{sample()}}
	}
	err := l.AppendAll(t.Context(), []Ordered{one("line-1"), one("line-2"), one(""), one("line-4")})
	if _, refused := errors.AsType[*domain.Error](err); !refused {
		t.Errorf("it says %v", err)
	}
	if info, err := l.Info(t.Context()); err != nil || info.Head != 2 {
		t.Errorf("the head is %+v, %v", info, err)
	}
	if err := l.AppendAll(t.Context(), []Ordered{one("line-3"), one("line-1")}); err == nil {
		t.Error("a conflict was not told")
	}
}

// TestAnAppendOfEnvelopesIsBounded: of many records that hold nothing, too.
func TestAnAppendOfEnvelopesIsBounded(t *testing.T) {
	l := opened(t, Options{Dir: "log", FS: vfs.NewMem()})
	long := strings.Repeat("x", maxText)
	records := make([]eventstore.Record, 1<<16)
	for i := range records {
		records[i] = eventstore.Record{Name: "n", Subject: long, Actor: domain.Actor{ID: long, Role: long}}
	}
	if _, err := l.Append(t.Context(), long, eventstore.None, records...); !errors.Is(err, eventstore.ErrTooLarge) {
		t.Errorf("it says %v", err)
	}
	if _, err := l.Append(t.Context(), "line-1", eventstore.None, records[:64]...); err != nil {
		t.Error(err)
	}
}
