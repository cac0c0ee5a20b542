package eventstore

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"parley/domain"
)

// reacting runs a reactor until the function it gives is called.
func reacting(t *testing.T, r *Reactor) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- r.Run(ctx) }()
	synctest.Wait()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// after lets virtual time pass, and waits until all is quiet.
func after(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// What a request left undone, because the process died between two appends,
// the reactor does: the log ends up the same as if nothing had happened.
func TestTheReactorDoesWhatWasLeftOfARequest(t *testing.T) {
	for killed := range 4 {
		synctest.Test(t, func(t *testing.T) {
			log := &faultyLog{memLog: newMemLog()}
			e := newEngine(t, log, ripples()...)
			r := NewReactor(newEngine(t, log.memLog, ripples()...), ReactorOptions{Name: "policies"})
			stop := reacting(t, r)
			var begun atomic.Int64 // what follows is appended side by side
			log.set(func(string, []Record) error {
				if begun.Add(1) > int64(killed+1) {
					return ErrClosed // the process is gone
				}
				return nil
			}, nil)
			if _, err := Act(t.Context(), e, rooms(), "1", enter{Guest: "anna"}, Meta{}); err != nil {
				t.Fatal(err)
			}
			if got := names(log.memLog); len(got) != killed+1 {
				t.Errorf("killed after %d: %v", killed, got)
			}
			after(200 * time.Millisecond)
			if got := names(log.memLog); len(got) != killed+1 {
				t.Errorf("the reactor was too early: %v", got)
			}
			after(time.Second)
			if got := names(log.memLog); !slices.Equal(got, wanted) {
				t.Errorf("killed after %d: got %v", killed, got)
			}
			stop()
			if s := r.Status(); s.Behind != 0 || s.Position != 50 || s.Err != nil {
				t.Errorf("status %+v", s)
			}
		})
	}
}

func TestWhatIsDoneNeverGoesThroughTheLanes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newMemLog()
		nothing := domain.Policy{Name: "nothing", Follow: func(domain.Fact) []domain.Intent {
			return []domain.Intent{{Kind: "room", ID: "1", Command: leave{"nobody"}}}
		}}
		e := newEngine(t, log, append(ripples(), nothing)...)
		other := newEngine(t, log, ripples()...) // knows only what the log shows
		one, two := NewReactor(e, ReactorOptions{Name: "one"}), NewReactor(other, ReactorOptions{Name: "two"})
		stopOne, stopTwo := reacting(t, one), reacting(t, two)
		for i := range 50 {
			if _, err := Act(t.Context(), e, rooms(), fmt.Sprint(i), enter{Guest: "anna"}, Meta{}); err != nil {
				t.Fatal(err)
			}
		}
		before := len(log.all())
		after(2 * time.Second)
		for _, r := range []*Reactor{one, two} {
			if s := r.Status(); s.Crossed != 250 || s.Worked != 0 || s.Behind != 0 {
				t.Errorf("status %+v", s)
			}
		}
		if len(log.all()) != before {
			t.Error("the reactor recorded something")
		}
		stopOne()
		stopTwo()
	})
}

func TestAReactorGoesOnWhereItStoppedAndBeginsAtThePresent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newMemLog()
		quiet := newEngine(t, log)
		put := func(id string) {
			if _, err := Do(t.Context(), quiet, rooms(), id, enter{Guest: "g" + id}, Meta{}); err != nil {
				t.Fatal(err)
			}
		}
		put("1")
		e := newEngine(t, log, ripples()...)
		stop := reacting(t, NewReactor(e, ReactorOptions{Name: "policies"}))
		after(time.Second)
		if got := names(log); len(got) != 1 {
			t.Errorf("the past was worked on: %v", got)
		}
		put("2")
		after(time.Second)
		stop()
		put("3")
		if got := names(log); !slices.Contains(got, "tally-g2 tally.counted") || len(got) != 7 {
			t.Errorf("got %v", got)
		}
		stop = reacting(t, NewReactor(e, ReactorOptions{Name: "policies"}))
		after(time.Second)
		stop()
		if got := names(log); !slices.Contains(got, "tally-g3 tally.counted") || len(got) != 11 {
			t.Errorf("got %v", got)
		}
	})
}

// worker works on records as it is told, and remembers them.
type worker struct {
	mu   sync.Mutex
	fail map[string]bool // by the guest's name
	done []string
}

func (w *worker) work(_ context.Context, r Record) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for name := range w.fail {
		if strings.Contains(string(r.Data), name) {
			return errors.New("cannot work on " + name)
		}
	}
	w.done = append(w.done, fmt.Sprintf("%s/%d", r.Stream, r.Revision))
	return nil
}

func (w *worker) set(names ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fail = map[string]bool{}
	for _, name := range names {
		w.fail[name] = true
	}
}

func TestPoisonParksItsLaneKeyOnlyAndIsReplayed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newMemLog()
		e, w := newEngine(t, log), &worker{}
		w.set("poison")
		r := NewReactor(e, ReactorOptions{Name: "hooks", Work: w.work, Lanes: 1, Tries: 3})
		stop := reacting(t, r)
		for _, in := range []struct{ room, guest string }{{"1", "poison"}, {"2", "anna"}, {"1", "bert"}, {"2", "cara"}} {
			if _, err := Do(t.Context(), e, rooms(), in.room, enter{Guest: in.guest}, Meta{}); err != nil {
				t.Fatal(err)
			}
		}
		after(5 * time.Second)
		if !slices.Equal(w.done, []string{"room-2/0", "room-2/1"}) {
			t.Errorf("done %v", w.done)
		}
		list, err := r.Parked(t.Context())
		if err != nil || len(list) != 2 || list[0].Error != "cannot work on poison" || list[0].Key != "room-1" || list[1].Error != "" || list[1].Position != 30 {
			t.Errorf("parked %+v, %v", list, err)
		}
		if s := r.Status(); s.Parked != 2 || s.Position != 40 {
			t.Errorf("status %+v", s)
		}
		stop()

		r = NewReactor(e, ReactorOptions{Name: "hooks", Work: w.work, Lanes: 1, Tries: 3})
		stop = reacting(t, r)
		if _, err := Do(t.Context(), e, rooms(), "1", leave{"bert"}, Meta{}); err != nil {
			t.Fatal(err)
		}
		after(time.Second)
		if n, err := r.Replay(t.Context()); n != 0 || err == nil {
			t.Errorf("replayed %d, %v", n, err)
		}
		w.set()
		if n, err := r.Replay(t.Context(), "room-9"); n != 0 || err != nil {
			t.Errorf("replayed %d of another key, %v", n, err)
		}
		if n, err := r.Replay(t.Context(), "room-1"); n != 3 || err != nil {
			t.Errorf("replayed %d, %v", n, err)
		}
		if _, err := Do(t.Context(), e, rooms(), "1", leave{"poison"}, Meta{}); err != nil {
			t.Fatal(err)
		}
		after(time.Second)
		stop()
		if want := []string{"room-2/0", "room-2/1", "room-1/0", "room-1/1", "room-1/2", "room-1/3"}; !slices.Equal(w.done, want) {
			t.Errorf("done %v, want %v", w.done, want)
		}
	})
}

// A policy that panics and a record nobody can read park their own sequence.
func TestAPanicIsParkedAndTheRestGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newMemLog()
		quiet := newEngine(t, log)
		stormy := domain.Policy{Name: "stormy", Follow: func(f domain.Fact) []domain.Intent {
			if e, ok := f.Event.(entered); ok && e.Guest == "storm" {
				return []domain.Intent{{Kind: "room", ID: "other", Command: storm{}}}
			}
			return nil
		}}
		r := NewReactor(newEngine(t, log, append(ripples(), stormy)...), ReactorOptions{Name: "policies"})
		stop := reacting(t, r)
		if _, err := log.Append(t.Context(), "room-9", None, Record{Name: "room.unheard_of", Data: []byte(`{}`)}); err != nil {
			t.Fatal(err)
		}
		for _, guest := range []string{"storm", "anna"} {
			if _, err := Do(t.Context(), quiet, rooms(), guest, enter{Guest: guest}, Meta{}); err != nil {
				t.Fatal(err)
			}
		}
		after(10 * time.Second)
		list, err := r.Parked(t.Context())
		if err != nil || len(list) != 2 || !strings.Contains(list[0].Error, "room.unheard_of") || !strings.Contains(list[1].Error, "a storm") {
			t.Errorf("parked %+v, %v", list, err)
		}
		if !slices.Contains(names(log), "tally-anna tally.counted") {
			t.Errorf("got %v", names(log))
		}
		stop()
	})
}

// A store that is away for a long time parks nothing: the lanes wait for it.
func TestAStoreThatIsAwayParksNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &faultyLog{memLog: newMemLog()}
		quiet := newEngine(t, log.memLog)
		r := NewReactor(newEngine(t, log, ripples()...), ReactorOptions{Name: "policies"})
		stop := reacting(t, r)
		log.set(func(string, []Record) error { return errDisk }, nil)
		if _, err := Do(t.Context(), quiet, rooms(), "1", enter{Guest: "anna"}, Meta{}); err != nil {
			t.Fatal(err)
		}
		after(time.Hour)
		if s := r.Status(); s.Parked != 0 || !s.Broken || s.Position >= 10 || s.Behind != 1 {
			t.Errorf("status %+v", s)
		}
		log.set(nil, nil)
		after(10 * time.Second)
		if got := names(log.memLog); !slices.Equal(got, wanted) {
			t.Errorf("got %v", got)
		}
		stop()
		if s := r.Status(); s.Behind != 0 || s.Position != 50 {
			t.Errorf("status %+v", s)
		}
	})
}

// fullList is a log whose list of parked events takes no more.
type fullList struct{ *memLog }

func (l fullList) Mark(ctx context.Context, name string, change func(Mark) ([]byte, bool)) (Mark, error) {
	if change != nil && strings.HasPrefix(name, "parked-") {
		return Mark{}, fmt.Errorf("%w: the list of parked events", ErrTooLarge)
	}
	return l.memLog.Mark(ctx, name, change)
}

// What cannot be put aside waits, and the status says why.
func TestAFullListOfParkedEventsIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newMemLog()
		e := newEngine(t, fullList{log})
		r := NewReactor(e, ReactorOptions{Name: "work", Work: func(context.Context, Record) error { return errors.New("it never works") }})
		stop := reacting(t, r)
		if _, err := Do(t.Context(), e, tallies(), "t", count{"x"}, Meta{}); err != nil {
			t.Fatal(err)
		}
		after(time.Minute)
		if s := r.Status(); s.Behind != 1 || s.Position >= 10 || !errors.Is(s.Err, ErrTooLarge) {
			t.Errorf("status %+v", s)
		}
		stop()
	})
}

// What is on its way when a reactor is stopped is not done: the next one does it.
func TestWhatWasUnderWayAtTheStopIsDoneByTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, away := newMemLog(), true
		e := newEngine(t, log)
		var done []Position
		o := ReactorOptions{Name: "work", Work: func(_ context.Context, r Record) error {
			if away {
				return store(errDisk)
			}
			done = append(done, r.Position)
			return nil
		}}
		stop := reacting(t, NewReactor(e, o))
		if _, err := Do(t.Context(), e, tallies(), "t", count{"x"}, Meta{}); err != nil {
			t.Fatal(err)
		}
		after(time.Minute)
		stop()
		away = false
		stop = reacting(t, NewReactor(e, o))
		after(time.Minute)
		stop()
		if !slices.Equal(done, []Position{10}) {
			t.Errorf("done are %v", done)
		}
	})
}

// While a record waits to be looked at, the news that the log was passed over
// beyond it moves no cursor.
func TestNoCursorPassesWhatWaits(t *testing.T) {
	log := newMemLog()
	r, w := NewReactor(newEngine(t, log), ReactorOptions{Name: "late"}), &window{seen: map[uuid.UUID]int{}}
	r.hear(w, Update{Position: 10, Record: &Record{Position: 10, RecordedAt: time.Now()}})
	r.hear(w, Update{Position: 30, CaughtUp: true})
	if reached, _ := r.progress.reached(); reached >= 10 {
		t.Errorf("the cursor is at %d", reached)
	}
}

func TestLaneIsTheConversation(t *testing.T) {
	for want, f := range map[string]domain.Fact{
		"conversation-c": {Kind: "conversation", ID: "c", Event: entered{}},
		"conversation-d": {Kind: "agent", ID: "a", Event: entered{Conversation: "d"}},
		"agent-a":        {Kind: "agent", ID: "a", Event: entered{}},
		"tally-t":        {Kind: "tally", ID: "t", Event: counted{}},
	} {
		if got := Lane(f); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// TestHeldKeysAreNothingAgainstAnEvent has work need a key while somebody holds them
// all: it is done when they are free again, and nothing is parked.
func TestHeldKeysAreNothingAgainstAnEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEngine(t, newMemLog())
		var held atomic.Bool
		held.Store(true)
		done := 0
		r := NewReactor(e, ReactorOptions{Name: "hooks", Lanes: 1, Tries: 3, Work: func(context.Context, Record) error {
			if held.Load() {
				return fmt.Errorf("erasing: %w", ErrKeysHeld)
			}
			done++
			return nil
		}})
		stop := reacting(t, r)
		if _, err := Do(t.Context(), e, rooms(), "1", enter{Guest: "anna"}, Meta{}); err != nil {
			t.Fatal(err)
		}
		after(time.Minute)
		if s := r.Status(); s.Parked != 0 {
			t.Errorf("status %+v", s)
		}
		held.Store(false)
		after(time.Minute)
		stop()
		if done != 1 {
			t.Errorf("done %d times", done)
		}
	})
}

// The cursor stands before the first of what is not done, whatever is done
// behind it: a process that dies goes on from there.
func TestProgressHasNoGap(t *testing.T) {
	var p progress
	p.restart(5)
	for _, position := range []Position{10, 20, 30} {
		p.begin(position)
		p.pass(position)
	}
	for _, step := range []struct{ finished, reached Position }{{20, 9}, {10, 29}, {30, 30}} {
		p.finish(step.finished)
		if reached, _ := p.reached(); reached != step.reached {
			t.Errorf("with %d done the cursor is at %d, want %d", step.finished, reached, step.reached)
		}
	}
}

func TestACursorNeverMovesBack(t *testing.T) {
	log := newMemLog()
	r := NewReactor(newEngine(t, log), ReactorOptions{Name: "late"})
	if _, err := log.Mark(t.Context(), r.mark(), func(Mark) ([]byte, bool) { return []byte("mem:50"), true }); err != nil {
		t.Fatal(err)
	}
	r.progress.restart(20)
	if err := r.save(t.Context(), "mem"); err != nil {
		t.Fatal(err)
	}
	if m, err := log.Mark(t.Context(), r.mark(), nil); err != nil || string(m.Value) != "mem:50" {
		t.Errorf("the cursor is at %s, %v", m.Value, err)
	}
}

// breakingLog breaks off each following after one record.
type breakingLog struct{ *memLog }

func (l breakingLog) Follow(ctx context.Context, after Position, f Filter) iter.Seq2[Update, error] {
	return func(yield func(Update, error) bool) {
		for u, err := range l.memLog.Follow(ctx, after, f) {
			if !yield(u, err) {
				return
			}
			if u.Record != nil {
				yield(Update{}, errDisk)
				return
			}
		}
	}
}

func TestWhoListensGoesOnWhereItBrokeOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newMemLog()
		for range 3 {
			if _, err := Do(t.Context(), newEngine(t, log), tallies(), "t", count{"x"}, Meta{}); err != nil {
				t.Fatal(err)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		news, ended, failures := make(chan Update, 10), make(chan error), 0
		go func() { ended <- listen(ctx, breakingLog{log}, 0, Filter{}, 0, news, func(error) { failures++ }) }()
		after(time.Minute)
		cancel()
		if err := <-ended; err != nil || failures != 3 {
			t.Errorf("it ended with %v, after %d failures", err, failures)
		}
		close(news)
		var heard []Position
		for u := range news {
			if u.Record != nil {
				heard = append(heard, u.Position)
			}
		}
		if !slices.Equal(heard, []Position{10, 20, 30}) {
			t.Errorf("it heard of %v", heard)
		}
	})
}
