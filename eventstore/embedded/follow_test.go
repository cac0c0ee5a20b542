package embedded

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"parley/eventstore"
)

// muster knows how far each follower is, and lets a writer wait for all.
type muster struct {
	mu   sync.Mutex
	at   []eventstore.Position
	on   *sync.Cond
	idle *time.Timer // ends it all when nobody gets on
}

// mostIdle is how long nobody gets on before somebody sleeps for good. All of it
// may take longer.
const mostIdle = 5 * time.Minute

func newMuster(ctx context.Context, end func(), followers int) *muster {
	m := &muster{at: make([]eventstore.Position, followers), idle: time.AfterFunc(mostIdle, end)}
	m.on = sync.NewCond(&m.mu)
	context.AfterFunc(ctx, func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.on.Broadcast()
	})
	return m
}

func (m *muster) reached(follower int, p eventstore.Position) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if p > m.at[follower] {
		m.idle.Reset(mostIdle)
	}
	m.at[follower] = p
	m.on.Broadcast()
}

// all waits until every follower is at p, or until the time is up.
func (m *muster) all(ctx context.Context, p eventstore.Position) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range m.at {
		for m.at[i] < p {
			if ctx.Err() != nil {
				return fmt.Errorf("%d came, and not everybody read it: %v", p, m.at)
			}
			m.on.Wait()
		}
	}
	return nil
}

// TestEveryFollowerIsWoken has many write, now at once, now after everybody
// has read all, while many follow, give up and begin again where they were. A
// follower that sleeps though there is news would be waited for in vain.
func TestEveryFollowerIsWoken(t *testing.T) {
	for _, test := range []struct {
		name                   string
		writers, appends, wait int // one append in wait is waited for
		Options
	}{
		{"from memory", 6, 200, 4, Options{}},
		{"from disk", 6, 200, 4, Options{tailRecords: 3, headsKept: 2}},
		{"one after the other", 2, 6000, 1, Options{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			const followers = 9
			writers, appends := test.writers, test.appends
			test.Dir, test.FS = "log", vfs.NewMem()
			l := opened(t, test.Options)
			limit, done := context.WithCancel(t.Context())
			defer done()
			following, stop := context.WithCancel(limit)
			m := newMuster(limit, done, followers)
			defer m.idle.Stop()
			var read, written sync.WaitGroup
			for i := range followers {
				read.Go(func() { follow(t, following, l, i, m) })
			}
			for w := range writers {
				written.Go(func() {
					chance := rand.New(rand.NewPCG(1, uint64(w)))
					stream := fmt.Sprintf("%s-%d", []string{"line", "agent"}[w%2], w)
					for n := range appends {
						r := sample()
						if chance.IntN(20) == 0 {
							r.Name = "conversation.rare"
						}
						out, err := l.Append(limit, stream, eventstore.Revision(n-1), r)
						if err != nil {
							t.Error(err)
							return
						}
						if chance.IntN(test.wait) > 0 {
							continue
						}
						if err := m.all(limit, out[0].Position); err != nil {
							t.Error(err)
							return
						}
					}
				})
			}
			written.Wait()
			if err := m.all(limit, eventstore.Position(writers*appends)); err != nil {
				t.Error(err)
			}
			stop()
			read.Wait()
		})
	}
}

// follow follows everything, one name or one kind, and begins again and again.
func follow(t *testing.T, ctx context.Context, l *Log, i int, m *muster) {
	f := []eventstore.Filter{{}, {Names: []string{"conversation.rare"}}, {Kinds: []string{"agent"}}}[i%3]
	chance := rand.New(rand.NewPCG(2, uint64(i)))
	for at := eventstore.Position(0); ctx.Err() == nil; {
		one, leave := context.WithCancel(ctx)
		for u, err := range l.Follow(one, at, f) {
			if err != nil {
				t.Errorf("follower %d: %v", i, err)
				leave()
				return
			}
			switch {
			case u.Position < at, u.Record != nil && u.Position == at:
				t.Errorf("follower %d: %d after %d", i, u.Position, at)
			case i%3 == 0 && u.Record != nil && u.Position != at+1:
				t.Errorf("follower %d: from %d to %d", i, at, u.Position)
			}
			at = u.Position
			m.reached(i, at)
			if chance.IntN(50) == 0 {
				leave()
			}
		}
		leave()
	}
}
