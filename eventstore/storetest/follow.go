package storetest

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"parley/eventstore"
)

// testFollow reads what is there, hears that it caught up, and then gets what
// is appended.
func testFollow(t *testing.T, s Store) {
	all := must(t, s.Log, "line-1", eventstore.None, events("line.taken", 0, 4)...)
	var got []eventstore.Record
	caughtUp := 0
	for u, err := range s.Log.Follow(limited(t), all[1].Position, eventstore.Filter{}) {
		if err != nil {
			t.Fatal(err)
		}
		if u.Record != nil {
			if u.Position != u.Record.Position {
				t.Fatalf("an update of %d holds the record at %d", u.Position, u.Record.Position)
			}
			got = append(got, *u.Record)
		}
		if !u.CaughtUp {
			continue
		}
		caughtUp++
		same(t, got, all[2:])
		if u.Position < all[len(all)-1].Position {
			t.Fatalf("caught up at %d, the last record is at %d", u.Position, all[len(all)-1].Position)
		}
		if caughtUp == 4 {
			return
		}
		all = append(all, must(t, s.Log, "line-1", eventstore.Revision(len(all)-1), events("line.taken", 5, 6)...)...)
	}
	t.Fatalf("following ended after %d records", len(got))
}

// testFollowFilter follows one kind while others are written: it is told how
// far the log was passed over.
func testFollowFilter(t *testing.T, s Store) {
	all := mixed(t, s.Log)
	f := eventstore.Filter{Kinds: []string{"line"}, Names: []string{"line.two"}}
	want := keep(all, eventstore.Query{Kinds: f.Kinds, Names: f.Names})
	var got []eventstore.Record
	appended := false
	last := all[len(all)-1].Position
	at := eventstore.Position(0)
	for u, err := range s.Log.Follow(limited(t), 0, f) {
		if err != nil {
			t.Fatal(err)
		}
		if u.Position < at {
			t.Fatalf("from %d back to %d", at, u.Position)
		}
		at = u.Position
		if u.Record != nil {
			got = append(got, *u.Record)
		}
		if !u.CaughtUp || u.Position < last {
			continue
		}
		same(t, got, want)
		if appended {
			return
		}
		appended = true
		last = must(t, s.Log, "case-1", eventstore.None, event("case.opened", 1))[0].Position
	}
	t.Fatal("following ended")
}

// testFollowConcurrent follows with several followers while many write: each
// sees everything once and in order.
func testFollowConcurrent(t *testing.T, s Store) {
	const writers, appends, followers = 8, 40, 4
	ctx := limited(t)
	var wg sync.WaitGroup
	seen := make([][]eventstore.Record, followers)
	for i := range followers {
		wg.Go(func() {
			for u, err := range s.Log.Follow(ctx, 0, eventstore.Filter{}) {
				if err != nil {
					t.Errorf("following: %v", err)
					return
				}
				if u.Record != nil {
					seen[i] = append(seen[i], *u.Record)
				}
				if len(seen[i]) == 2*writers*appends {
					return
				}
			}
			t.Errorf("follower %d saw %d records only", i, len(seen[i]))
		})
	}
	for w := range writers {
		wg.Go(func() {
			for n := range appends {
				stream := fmt.Sprintf("line-%d", w)
				if _, err := s.Log.Append(ctx, stream, eventstore.Revision(2*n-1), events("line.taken", n, n+1)...); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	if t.Failed() {
		return
	}
	all := read(t, s.Log, eventstore.Query{})
	for _, got := range seen {
		same(t, got, all)
	}
}

func testFollowStops(t *testing.T, s Store) {
	must(t, s.Log, "line-1", eventstore.None, events("line.taken", 0, 4)...)
	ctx, cancel := context.WithCancel(limited(t))
	defer cancel()
	for u, err := range s.Log.Follow(ctx, 0, eventstore.Filter{}) {
		if err != nil {
			t.Fatalf("a follower that is told to stop ends without an error, not with %v", err)
		}
		if u.CaughtUp {
			cancel()
		}
	}
	if ctx.Err() == nil {
		t.Fatal("following ended by itself")
	}
	for range s.Log.Follow(ctx, 0, eventstore.Filter{}) {
		t.Fatal("a follower that has been told to stop yields nothing")
	}
}
