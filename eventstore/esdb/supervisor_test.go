package esdb

import (
	"errors"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	client "github.com/EventStore/EventStore-Client-Go/v4/esdb"

	"parley/eventstore"
)

// TestNobodySharesAClient: the client survives neither being closed under a
// caller nor a failed discovery while others are in it.
func TestNobodySharesAClient(t *testing.T) {
	conf, err := client.ParseConnectionString("esdb://127.0.0.1:1?tls=false")
	if err != nil {
		t.Fatal(err)
	}
	s := newSupervisor(conf, 1)
	var mu sync.Mutex
	inside, lost := map[*session]bool{}, map[*session]bool{}
	var wg sync.WaitGroup
	for n := range 40 {
		wg.Go(func() {
			for i := range 100 {
				used, err := s.use()
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				if inside[used] || lost[used] {
					t.Error("a client was given to two callers, or after it lost its server")
				}
				inside[used] = true
				mu.Unlock()
				runtime.Gosched()
				mu.Lock()
				delete(inside, used)
				if gone := (n+i)%10 == 0; gone {
					lost[used] = true
					s.lost(used)
				}
				mu.Unlock()
				s.release(used)
			}
		})
	}
	wg.Wait()
	s.close()
	if len(s.idle) > 0 {
		t.Fatalf("%d clients are left", len(s.idle))
	}
	if _, err := s.use(); !errors.Is(err, eventstore.ErrClosed) {
		t.Fatalf("after closing: %v", err)
	}
}

// TestALostServerLeavesNobodyBehind: whoever was in a client when its server
// went away comes out of it, and the client ends.
func TestALostServerLeavesNobodyBehind(t *testing.T) {
	s := started(t)
	l := opened(t, s.url())
	l.options.Patience = 0
	var wg sync.WaitGroup
	for n := range 30 {
		wg.Go(func() {
			for i := range 40 {
				if i == 20 && n == 0 {
					s.kill()
				}
				_, _ = l.Mark(t.Context(), "m", nil) // most fail: only that all come out counts
			}
		})
	}
	wg.Wait()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 4<<20)
	for end := time.Now().Add(5 * time.Minute); ; runtime.Gosched() {
		stacks := string(buf[:runtime.Stack(buf, true)])
		left := strings.Count(stacks, "grpcClient") + strings.Count(stacks, "connectionStateMachine")
		if left == 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d are left in the client:\n%s", left, stacks)
		}
	}
}
