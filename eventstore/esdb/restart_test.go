package esdb

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"parley/domain"
	"parley/eventstore"
)

func event(name string, n int) eventstore.Record {
	return eventstore.Record{
		ID: uuid.New(), Name: name, HappenedAt: time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC),
		Actor: domain.Actor{ID: "lena", Role: domain.RoleAgent}, Command: uuid.New(), Data: fmt.Appendf(nil, `{"n":%d}`, n),
	}
}

func within(t testing.TB, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// TestTheServerRestarts kills and starts the node again and again while many
// append, mark and follow: nothing that was acknowledged is lost, nothing is
// written or told twice.
func TestTheServerRestarts(t *testing.T) {
	const writers, appends, kills = 6, 60, 5
	s := started(t)
	l := opened(t, s.url())
	ctx := within(t, 5*time.Minute)
	progress := make(chan struct{}, writers*appends)
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			stream := fmt.Sprintf("line-%d", w)
			for n := range appends {
				if _, err := l.Append(ctx, stream, eventstore.Revision(2*n-1), event("line.taken", n), event("line.left", n)); err != nil {
					t.Errorf("%s at %d: %v", stream, 2*n-1, err)
					return
				}
				progress <- struct{}{}
			}
		})
	}
	var followed [2][]eventstore.Record
	for i, f := range []eventstore.Filter{{}, {Names: []string{"line.left"}}} {
		wg.Go(func() {
			want := []int{2, 1}[i] * writers * appends
			for u, err := range l.Follow(ctx, 0, f) {
				if err != nil {
					t.Errorf("following: %v", err)
					return
				}
				if u.Record != nil {
					followed[i] = append(followed[i], *u.Record)
				}
				if len(followed[i]) == want {
					return
				}
			}
			t.Errorf("follower %d saw %d records only", i, len(followed[i]))
		})
	}
	counted := 0
	wg.Go(func() {
		for range 40 {
			_, err := l.Mark(ctx, "count", func(m eventstore.Mark) ([]byte, bool) { return append(m.Value, 'x'), true })
			if err != nil {
				t.Errorf("marking: %v", err)
				return
			}
			counted++
		}
	})
	wg.Go(func() {
		for range kills {
			for range writers * appends / (kills + 1) {
				select {
				case <-progress:
				case <-ctx.Done():
					return
				}
			}
			s.kill()
			s.start()
		}
	})
	wg.Wait()
	if t.Failed() {
		return
	}
	var all, left []eventstore.Record
	for r, err := range l.Read(ctx, eventstore.Query{}) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
		if r.Name == "line.left" {
			left = append(left, r)
		}
	}
	if len(all) != 2*writers*appends {
		t.Fatalf("the log holds %d records, %d were acknowledged", len(all), 2*writers*appends)
	}
	for i, want := range [][]eventstore.Record{all, left} {
		for n := range want {
			if got := followed[i][n]; got.ID != want[n].ID || got.Position != want[n].Position {
				t.Fatalf("follower %d: record %d is at %d, in the log at %d", i, n, got.Position, want[n].Position)
			}
		}
	}
	// A mark whose write was cut off may be moved once more, never less.
	if m, err := l.Mark(ctx, "count", nil); err != nil || len(m.Value) < counted || m.Revision != uint64(len(m.Value)) {
		t.Fatalf("the mark is %d long at revision %d (%v), it was moved %d times", len(m.Value), m.Revision, err, counted)
	}
}

// TestTheServerIsAway sees that what cannot be done is said with the server's
// name, and is done once the server is back: the client that gave up for good
// is replaced.
func TestTheServerIsAway(t *testing.T) {
	s := started(t)
	l := opened(t, s.url())
	l.options.Patience = 200 * time.Millisecond
	ctx := within(t, 5*time.Minute)
	s.kill()
	for _, try := range []func() error{
		func() error { _, err := l.Append(ctx, "line-1", eventstore.None, event("line.taken", 1)); return err },
		func() error { _, err := l.Info(ctx); return err },
		func() error { _, err := l.Mark(ctx, "m", nil); return err },
		func() error {
			for _, err := range l.Read(ctx, eventstore.Query{}) {
				return err
			}
			return nil
		},
	} {
		err := try()
		if err == nil || !contains(err.Error(), s.address, "see that it runs") {
			t.Fatalf("without a server: %v", err)
		}
	}
	if _, err := Open(ctx, Options{Address: "esdb://127.0.0.1:1?tls=false", Patience: time.Millisecond}); !errors.Is(err, eventstore.ErrAway) || !contains(err.Error(), "see that it runs") {
		t.Fatalf("where nobody listens: %v", err)
	}
	s.start()
	again := event("line.taken", 1)
	for {
		_, err := l.Append(ctx, "line-1", eventstore.None, again)
		if err == nil {
			break
		}
		if ctx.Err() != nil || !errors.Is(err, eventstore.ErrAway) {
			t.Fatalf("with the server back: %v", err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Append(ctx, "line-1", 0, event("line.taken", 2)); !errors.Is(err, eventstore.ErrClosed) {
		t.Fatalf("after closing: %v", err)
	}
}

// TestAnotherLog sees that a follower notices that the server is another one,
// or this one before it was restored from a backup.
func TestAnotherLog(t *testing.T) {
	s := started(t)
	l := opened(t, s.url())
	ctx := within(t, 5*time.Minute)
	done, err := l.Append(ctx, "line-1", eventstore.None, event("line.taken", 1))
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range l.Follow(ctx, done[0].Position+1000, eventstore.Filter{}) {
		if !errors.Is(err, eventstore.ErrLogMoved) {
			t.Fatalf("beyond the end: %v", err)
		}
	}
	moved := false
	for u, err := range l.Follow(ctx, 0, eventstore.Filter{}) {
		if moved = errors.Is(err, eventstore.ErrLogMoved); moved {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if u.CaughtUp {
			s.kill()
			s.dir = t.TempDir()
			s.start()
			opened(t, s.url())
		}
	}
	if !moved {
		t.Fatal("following went on with another log")
	}
}
