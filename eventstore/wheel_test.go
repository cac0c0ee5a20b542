package eventstore

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"parley/domain"
)

// stays makes each guest leave a while after entering; leaving cancels it.
func stays(d time.Duration) Due {
	return func(f domain.Fact) []domain.Timer {
		switch e := f.Event.(type) {
		case entered:
			return []domain.Timer{{Key: "stay-" + e.Guest, At: f.At.Add(d), Intent: domain.Intent{Kind: "room", ID: f.ID, Command: leave{e.Guest}}}}
		case left:
			return []domain.Timer{{Key: "stay-" + e.Guest}}
		}
		return nil
	}
}

// turning runs a wheel until the function it gives is called.
func turning(t *testing.T, w *Wheel) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- w.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func room1(t *testing.T, e *Engine, at time.Duration, cmd domain.Command[room, roomEvent]) {
	t.Helper()
	if _, err := Do(t.Context(), e, rooms(), "1", cmd, Meta{At: time.Now().Add(at)}); err != nil {
		t.Fatal(err)
	}
}

func departures(l *memLog) []string {
	var all []string
	for _, r := range l.all() {
		if r.Name == "room.left" {
			all = append(all, strings.Trim(strings.TrimPrefix(string(r.Data), `{"Guest":`), `"}`))
		}
	}
	return all
}

func TestATimerFiresWithinItsSecondAndOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newMemLog()
		e := newEngine(t, log)
		w := &Wheel{Engine: e, Due: stays(time.Minute)}
		stop := turning(t, w)
		room1(t, e, 0, enter{Guest: "anna"})
		begin := time.Now()
		after(59 * time.Second)
		if got := departures(log); len(got) != 0 {
			t.Errorf("too early: %v", got)
		}
		after(2 * time.Second)
		all := log.all()
		last := all[len(all)-1]
		if got := departures(log); !slices.Equal(got, []string{"anna"}) || last.Actor != timersActor || last.HappenedAt.Sub(begin) > 61*time.Second {
			t.Errorf("got %v, %+v", got, last)
		}
		after(time.Hour)
		if s := w.Status(); len(log.all()) != 2 || s.Fired != 1 || s.Timers != 0 {
			t.Errorf("%d records, %+v", len(log.all()), s)
		}
		stop()
	})
}

func TestWhatIsCancelledOrReplacedNeverFires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newMemLog()
		e := newEngine(t, log)
		stop := turning(t, &Wheel{Engine: e, Due: stays(time.Minute)})
		room1(t, e, 0, enter{Guest: "anna"})
		after(30 * time.Second)
		room1(t, e, 0, leave{"anna"})
		room1(t, e, 0, enter{Guest: "anna"})
		after(45 * time.Second)
		if got := departures(log); !slices.Equal(got, []string{"anna"}) {
			t.Errorf("after the first time: %v", got)
		}
		after(20 * time.Second)
		if got := departures(log); !slices.Equal(got, []string{"anna", "anna"}) {
			t.Errorf("after the second time: %v", got)
		}
		stop()
	})
}

func TestWhatFellDueWhileStoppedFiresAtStartInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newMemLog()
		e := newEngine(t, log)
		for i, guest := range []string{"anna", "bert", "cara"} {
			at := []time.Duration{-10, -70, -40}[i] * time.Second
			if _, err := Do(t.Context(), e, rooms(), fmt.Sprint(i), enter{Guest: guest}, Meta{At: time.Now().Add(at)}); err != nil {
				t.Fatal(err)
			}
		}
		loaded := []domain.Timer{{Key: "stay-dora", At: time.Now().Add(-time.Hour), Intent: domain.Intent{Kind: "room", ID: "9", Command: leave{"dora"}}},
			{Key: "stay-emil", At: time.Now().Add(-time.Hour), Intent: domain.Intent{Kind: "room", ID: "9", Command: enter{Guest: "ghost"}}}}
		room9 := func() ([]domain.Timer, Position, error) { return loaded, 0, nil }
		if _, err := Do(t.Context(), e, rooms(), "9", enter{Guest: "dora"}, Meta{Imported: true}); err != nil {
			t.Fatal(err)
		}
		if _, err := Do(t.Context(), e, rooms(), "9", enter{Guest: "emil"}, Meta{Imported: true}); err != nil {
			t.Fatal(err)
		}
		if _, err := Do(t.Context(), e, rooms(), "9", leave{"emil"}, Meta{}); err != nil {
			t.Fatal(err)
		}
		after(45 * time.Second)
		w := &Wheel{Engine: e, Due: stays(time.Minute), Load: func(context.Context) ([]domain.Timer, Position, error) { return room9() }}
		stop := turning(t, w)
		synctest.Wait()
		if got, want := departures(log), []string{"emil", "dora", "bert", "cara"}; !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
		if slices.ContainsFunc(log.all(), func(r Record) bool { return strings.Contains(string(r.Data), "ghost") }) {
			t.Error("a timer fired that was cancelled before the wheel began")
		}
		stop()
		after(10 * time.Second)
		loaded = nil
		stop = turning(t, w)
		synctest.Wait()
		if got, want := departures(log), []string{"emil", "dora", "bert", "cara", "anna"}; !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
		stop()
	})
}

func TestAFailingTimerIsTriedAgainAndStopsNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &faultyLog{memLog: newMemLog()}
		e := newEngine(t, log)
		w := &Wheel{Engine: e, Due: stays(time.Minute)}
		stop := turning(t, w)
		room1(t, e, 0, enter{Guest: "anna"})
		if _, err := Do(t.Context(), e, rooms(), "2", enter{Guest: "bert"}, Meta{}); err != nil {
			t.Fatal(err)
		}
		log.set(func(stream string, _ []Record) error {
			if stream == "room-1" {
				return errDisk
			}
			return nil
		}, nil)
		after(65 * time.Second)
		if got := departures(log.memLog); !slices.Equal(got, []string{"bert"}) || w.Status().Failed < 3 || w.Status().Timers != 1 {
			t.Errorf("got %v, %+v", got, w.Status())
		}
		log.set(nil, nil)
		after(wheelRetryMax)
		if got := departures(log.memLog); !slices.Equal(got, []string{"bert", "anna"}) {
			t.Errorf("got %v, %+v", got, w.Status())
		}
		stop()
	})
}
