package eventstore

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// cutOff is a log that can be away for one node.
type cutOff struct {
	Log
	away atomic.Bool
}

var errAway = errors.New("the log is away")

func (c *cutOff) Mark(ctx context.Context, name string, move func(Mark) ([]byte, bool)) (Mark, error) {
	if c.away.Load() {
		return Mark{}, errAway
	}
	return c.Log.Mark(ctx, name, move)
}

// leaseNodeTest is one node of a lease's test.
type leaseNodeTest struct {
	*Lease
	log    *cutOff
	cancel context.CancelFunc
	done   chan error

	mu      sync.Mutex
	working bool
	told    []string
}

func runLease(t *testing.T, log Log, node, turn string) *leaseNodeTest {
	t.Helper()
	n := &leaseNodeTest{log: &cutOff{Log: log}, done: make(chan error, 1)}
	n.Lease = &Lease{Log: n.log, Name: "work", Node: node, Turn: turn}
	if err := n.Join(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	n.cancel = cancel
	set := func(working bool) {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.working = working
	}
	go func() {
		n.done <- n.Hold(ctx, func(ctx context.Context) error {
			set(true)
			<-ctx.Done()
			set(false)
			return ctx.Err()
		}, func(_ context.Context, live []string) error {
			n.mu.Lock()
			defer n.mu.Unlock()
			n.told = live
			return nil
		})
	}()
	synctest.Wait()
	return n
}

func (n *leaseNodeTest) works() bool {
	synctest.Wait()
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.working
}

func (n *leaseNodeTest) stop(t *testing.T) {
	t.Helper()
	n.cancel()
	if err := <-n.done; err != nil {
		t.Errorf("%s ended with %v", n.Turn, err)
	}
}

func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestOneNodeOfSeveralHoldsTheLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newMemLog()
		a := runLease(t, log, "a", "a1")
		b := runLease(t, log, "b", "b1")
		pass(time.Minute)
		if !a.works() || b.works() {
			t.Fatal("the first does not work, or the second does")
		}
		if !slices.Equal(a.told, []string{"a1", "b1"}) {
			t.Errorf("it was told of %v", a.told)
		}
		// In good order the other takes over at once.
		a.stop(t)
		pass(LeaseRenewed)
		if !b.works() || a.works() || !slices.Equal(b.told, []string{"b1"}) {
			t.Error("the second did not take over, or was not told")
		}
		if held, term := b.Held(); !held || term != 2 {
			t.Errorf("the term is %d, held %v", term, held)
		}
		b.stop(t)
	})
}

func TestALeaseIsTakenOverFromWhoIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newMemLog()
		a := runLease(t, log, "a", "a1")
		b := runLease(t, log, "b", "b1")
		pass(time.Minute)
		a.log.away.Store(true)
		pass(LeaseLost - time.Second)
		if b.works() {
			t.Error("it was taken over too early")
		}
		if a.works() {
			t.Error("who could not renew works on when another may take over")
		}
		pass(3 * LeaseRenewed)
		if !b.works() || !slices.Equal(b.told, []string{"b1"}) {
			t.Error("it was not taken over")
		}
		// Back again, it learns that it was held for gone.
		a.log.away.Store(false)
		if err := <-a.done; !errors.Is(err, ErrLeaseLost) {
			t.Errorf("it ended with %v", err)
		}
		b.stop(t)
	})
}

// TestALeaseOutlivesALogThatIsAway keeps the log from all nodes for a minute:
// nobody is late when it is back.
func TestALeaseOutlivesALogThatIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newMemLog()
		a := runLease(t, log, "a", "a1")
		b := runLease(t, log, "b", "b1")
		pass(10 * time.Second)
		a.log.away.Store(true)
		b.log.away.Store(true)
		pass(time.Minute)
		if a.works() || b.works() {
			t.Error("one works though nothing can be written")
		}
		b.log.away.Store(false)
		pass(2 * LeaseRenewed)
		a.log.away.Store(false)
		pass(2 * LeaseRenewed)
		if !a.works() || b.works() {
			t.Errorf("a works: %v, b works: %v", a.works(), b.works())
		}
		a.stop(t)
		b.stop(t)
	})
}

func TestANodeThatIsStartedAgainWaitsForNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newMemLog()
		killed := &Lease{Log: log, Name: "work", Node: "a", Turn: "a1"}
		if err := killed.Join(t.Context()); err != nil {
			t.Fatal(err)
		}
		again := runLease(t, log, "a", "a2")
		if live := again.Live(); !again.works() || !slices.Equal(live, []string{"a2"}) {
			t.Errorf("it waits, or still sees %v", live)
		}
		again.stop(t)
	})
}

func TestWorkThatFailsEndsTheHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &Lease{Log: newMemLog(), Name: "work", Node: "a", Turn: "a1"}
		if err := l.Join(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := l.Hold(t.Context(), func(context.Context) error { return errAway }, nil); !errors.Is(err, errAway) {
			t.Errorf("it ended with %v", err)
		}
	})
}

// TestWorkThatFailsWithTheLogBeginsAnew lets the work fail while the log is
// away, at once and when it is stopped: with the log back it runs again.
func TestWorkThatFailsWithTheLogBeginsAnew(t *testing.T) {
	for _, atOnce := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			log := &cutOff{Log: newMemLog()}
			l := &Lease{Log: log, Name: "work", Node: "a", Turn: "a1"}
			if err := l.Join(t.Context()); err != nil {
				t.Fatal(err)
			}
			begun := 0
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() {
				done <- l.Hold(ctx, func(ctx context.Context) error {
					begun++
					for ctx.Err() == nil && !(atOnce && log.away.Load()) {
						time.Sleep(time.Second)
					}
					if log.away.Load() {
						return errAway
					}
					return ctx.Err()
				}, nil)
			}()
			pass(10 * time.Second)
			log.away.Store(true)
			pass(30 * time.Second)
			log.away.Store(false)
			pass(10 * time.Second)
			if begun != 2 {
				t.Errorf("the work was begun %d times", begun)
			}
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
}

// slowMark is a log that takes its time over a mark: asked is called meanwhile.
type slowMark struct {
	Log
	asked func()
}

func (s *slowMark) Mark(ctx context.Context, name string, move func(Mark) ([]byte, bool)) (Mark, error) {
	s.asked()
	return s.Log.Mark(ctx, name, move)
}

// TestWhoAsksForTheLeaseDoesNotWaitForTheLog asks who holds it and who is there
// while the log is asked.
func TestWhoAsksForTheLeaseDoesNotWaitForTheLog(t *testing.T) {
	log := &slowMark{Log: newMemLog()}
	l := &Lease{Log: log, Name: "work", Node: "a", Turn: "a1"}
	told := 0
	log.asked = func() {
		answered := make(chan struct{})
		go func() {
			defer close(answered)
			l.Held()
			l.Live()
		}()
		select {
		case <-answered:
			told++
		case <-time.After(time.Minute):
			t.Error("who asks waits for the log")
		}
	}
	if err := l.Join(t.Context()); err != nil {
		t.Fatal(err)
	}
	if held, _ := l.Held(); !held {
		t.Error("nobody else is there, and it does not hold the lease")
	}
	if err := l.leave(t.Context()); err != nil {
		t.Fatal(err)
	}
	if held, _ := l.Held(); held || told != 2 {
		t.Errorf("held %v after leaving, answered %d times", held, told)
	}
}
