package routing

import (
	"testing"
	"time"

	"parley/domain"
	"parley/domain/agent"
	"parley/domain/conversation"
	"parley/domain/hours"
	"parley/domain/queue"
)

// shop is a queue "q" that is open from 9 to 17 with ana, who is free, and one
// "night" without hours and with ben.
func shop(o queue.Overflow) *town {
	w := newTown()
	h := hours.Set{Hours: "day", Name: "Day", Zone: "UTC"}
	for d := time.Sunday; d <= time.Saturday; d++ {
		h.Weekly = append(h.Weekly, hours.Span{Day: d, From: 540, To: 1020})
	}
	w.tell("day", h)
	w.tell("q", queue.Configured{Queue: "q", Name: "q", Hours: "day", Overflow: o}, queue.MemberAdded{Queue: "q", Agent: "ana"})
	w.queue("night", "", "ben")
	w.agent("ana")
	w.agent("ben")
	return w
}

func clock(hour, minute int) time.Time { return time.Date(2026, 5, 4, hour, minute, 0, 0, time.UTC) }

func mode(m string) func(*domain.Opening) { return func(o *domain.Opening) { o.Mode = m } }

func TestCON7_OutsideTheHoursNobodyIsAskedUntilTheyBegin(t *testing.T) {
	for _, m := range []string{domain.ModePersistent, domain.ModeAsync} {
		w := shop(queue.Overflow{})
		w.now = clock(7, 0)
		w.asks("c", "q", w.now, mode(m))
		d := about(t, w.round(), "c").Decision
		if d.Action != domain.ActionNone || d.Digest() != Closed || d.Hours != "closed" || !d.HoursUntil.Equal(clock(9, 0)) || len(d.Best) != 0 {
			t.Errorf("%s: got %+v", m, d)
		}
		w.now = clock(8, 59)
		if r := w.Round(w.now, ""); len(r.Choices) != 0 || !r.Again.Equal(clock(9, 0)) {
			t.Errorf("%s: decided %+v before the hours, again %s", m, r.Choices, r.Again)
		}
		w.now = clock(9, 0)
		if got := chosen(w.round()); got["c"] != "ana" {
			t.Errorf("%s: chosen %v when the hours begin", m, got)
		}
	}
}

func TestCON7_AtClosingTimeQueuedLiveChatsAreToldAndClosedAndNothingElse(t *testing.T) {
	w := shop(queue.Overflow{})
	w.now = clock(16, 0)
	w.asks("engaged", "q", w.now)
	w.round()
	c, _ := w.Conversation("engaged")
	w.do("engaged", conversation.Accept{Hold: c.Offer.Hold, Agent: "ana", At: w.now})
	w.presence("ana", agent.Away)
	w.asks("live", "q", w.now)
	w.asks("care", "q", w.now, mode(domain.ModePersistent))
	r := w.Round(w.now, "")
	if !r.Again.Equal(clock(17, 0)) {
		t.Errorf("looks again at %s, want at closing time", r.Again)
	}
	w.now = clock(17, 0)
	w.round()
	if _, open := w.Conversation("live"); open {
		t.Error("the live chat is still there")
	}
	told, closed := false, false
	for _, f := range w.log {
		if f.ID != "live" {
			continue
		}
		switch e := f.Event.(type) {
		case conversation.Told:
			told = !closed && e.Until.Equal(clock(9, 0).AddDate(0, 0, 1))
		case conversation.Closed:
			closed = e.Reason == conversation.ReasonOutsideHours && told
		}
	}
	if !told || !closed {
		t.Errorf("told %v, and then closed %v", told, closed)
	}
	if c, _ := w.Conversation("engaged"); c.Status != conversation.StatusEngaged {
		t.Errorf("the engaged one is %s: it goes on", c.Status)
	}
	if c, _ := w.Conversation("care"); c.Status != conversation.StatusOpen || !c.ToldClosed.IsZero() {
		t.Errorf("the persistent one is %s", c.Status)
	}
}

func TestCON7_ALiveChatThatBeganOutsideTheHoursWaitsForThem(t *testing.T) {
	w := shop(queue.Overflow{})
	w.now = clock(7, 0)
	w.asks("c", "q", w.now)
	w.tell("c", conversation.Told{Conversation: "c", What: conversation.ToldClosed, Until: clock(9, 0), At: w.now})
	w.round()
	if c, open := w.Conversation("c"); !open || c.Status != conversation.StatusOpen {
		t.Fatal("it was closed")
	}
	w.presence("ana", agent.Away)
	w.now = clock(9, 0)
	w.round()
	w.now = clock(17, 0) // the hours began and ended, and nobody was there
	w.round()
	if _, open := w.Conversation("c"); open {
		t.Error("at the next closing time it is still there")
	}
}

func TestRTE4_AffinityWaitsForTheHoursToo(t *testing.T) {
	w := shop(queue.Overflow{})
	w.now = clock(7, 0)
	w.asks("c", "q", w.now, mode(domain.ModePersistent))
	w.tell("c", conversation.Queued{Queue: "q", Segment: 2, Since: w.now, Reason: conversation.QueuedReturn, Affinity: "ana"})
	if got := chosen(w.round()); got["c"] != "" {
		t.Errorf("chosen %v outside the hours", got)
	}
	w.now = clock(9, 0)
	if c := about(t, w.round(), "c"); c.Agent != "ana" || !c.Forced {
		t.Errorf("got %+v when they begin", c.Decision)
	}
}

func TestRTE6_Overflow(t *testing.T) {
	night := queue.Action{Do: queue.DoQueue, Queue: "night"}
	t.Run("outside the hours into the other queue, where it keeps its place", func(t *testing.T) {
		w := shop(queue.Overflow{OutsideHours: night})
		w.now = clock(20, 0)
		w.asks("c", "q", clock(19, 0))
		if d := about(t, w.round(), "c").Decision; d.Action != domain.ActionMove || d.Target != "night" || d.Why != conversation.OverflowHours {
			t.Fatalf("got %+v", d)
		}
		if c, _ := w.Conversation("c"); c.Queue != "night" || !c.Since.Equal(clock(19, 0)) || c.Segment != 2 || !c.ToldClosed.IsZero() {
			t.Fatalf("it is %+v", c)
		}
		if got := chosen(w.round()); got["c"] != "ben" {
			t.Errorf("chosen %v", got)
		}
	})
	t.Run("outside the hours a live chat ends, and no other does", func(t *testing.T) {
		w := shop(queue.Overflow{OutsideHours: queue.Action{Do: queue.DoEnd}})
		w.now = clock(20, 0)
		w.asks("live", "q", w.now)
		w.asks("care", "q", w.now, mode(domain.ModePersistent))
		all := w.round()
		if d := about(t, all, "live").Decision; d.Action != domain.ActionEnd {
			t.Errorf("got %+v", d)
		}
		if d := about(t, all, "care").Decision; d.Action != domain.ActionKeep {
			t.Errorf("got %+v", d)
		}
		if _, open := w.Conversation("live"); open {
			t.Error("it is still there")
		}
		if c, open := w.Conversation("care"); !open || c.Queue != "q" {
			t.Error("the persistent one is not in its place")
		}
	})
	t.Run("more than two waiting: the third goes elsewhere, those before it stay", func(t *testing.T) {
		w := shop(queue.Overflow{MoreThan: 2, Waiting: night})
		w.presence("ana", agent.Away)
		for _, id := range []string{"1", "2", "3"} {
			w.asks(id, "q", w.now)
			w.now = w.now.Add(time.Second)
			w.round()
		}
		for id, want := range map[string]string{"1": "q", "2": "q", "3": "night"} {
			if c, _ := w.Conversation(id); c.Queue != want {
				t.Errorf("%s is in %s, want %s", id, c.Queue, want)
			}
		}
	})
	t.Run("waited too long: at its time and not before", func(t *testing.T) {
		w := shop(queue.Overflow{LongerThan: 120, Waited: night})
		w.presence("ana", agent.Away)
		w.asks("c", "q", noon)
		w.round()
		if r := w.Round(noon.Add(119*time.Second), ""); len(r.Choices) > 0 || !r.Again.Equal(noon.Add(2*time.Minute)) {
			t.Errorf("decided %+v, again %s", r.Choices, r.Again)
		}
		w.now = noon.Add(2 * time.Minute)
		if d := about(t, w.round(), "c").Decision; d.Action != domain.ActionMove || d.Why != conversation.OverflowWaited {
			t.Errorf("got %+v", d)
		}
	})
	t.Run("who is free is asked before anything flows over", func(t *testing.T) {
		w := shop(queue.Overflow{LongerThan: 60, Waited: night, MoreThan: 1, Waiting: night})
		w.asks("c", "q", noon.Add(-time.Hour))
		if got := chosen(w.round()); got["c"] != "ana" {
			t.Errorf("chosen %v", got)
		}
	})
	t.Run("two queues do not send it to and fro", func(t *testing.T) {
		w := shop(queue.Overflow{LongerThan: 60, Waited: night})
		w.tell("night", queue.Configured{Queue: "night", Name: "night", Overflow: queue.Overflow{LongerThan: 60, Waited: queue.Action{Do: queue.DoQueue, Queue: "q"}}})
		w.presence("ana", agent.Away)
		w.presence("ben", agent.Away)
		w.asks("c", "q", noon)
		moves := 0
		for range 20 {
			for _, c := range w.round() {
				if c.Action == domain.ActionMove {
					moves++
				}
			}
			w.now = w.now.Add(30 * time.Second)
		}
		if c, _ := w.Conversation("c"); moves != 1 || c.Queue != "night" {
			t.Errorf("%d moves, and it is in %s", moves, c.Queue)
		}
	})
	t.Run("none bypasses capacity or presence", func(t *testing.T) {
		w := shop(queue.Overflow{OutsideHours: queue.Action{Do: queue.DoAnyway}, LongerThan: 60, Waited: queue.Action{Do: queue.DoAnyway}})
		w.presence("ana", agent.Away)
		w.asks("c", "q", noon)
		for range 5 {
			w.now = w.now.Add(time.Minute)
			if got := chosen(w.round()); got["c"] != "" {
				t.Errorf("chosen %v", got)
			}
		}
		if c, _ := w.Conversation("c"); c.Queue != "q" || c.Status != conversation.StatusOpen {
			t.Errorf("it is %s in %s", c.Status, c.Queue)
		}
	})
}

func TestAGT3_CapacityProfiles(t *testing.T) {
	cases := domain.Profile{ID: "cases", Limit: 2}
	by := func(p domain.Profile) func(*domain.Opening) {
		return func(o *domain.Opening) { o.Terms.Units, o.Terms.Profile = 0, p }
	}
	scene := func() *town {
		w := newTown()
		w.queue("q", "", "ana", "ben")
		w.agent("ana")
		w.agent("ben")
		w.tell("ana", agent.ProfilesSet{Agent: "ana", Profiles: map[string]int{"cases": 0}})
		return w
	}
	t.Run("it is counted, by those who work by it, up to its limit, and room comes back at once", func(t *testing.T) {
		w := scene()
		for _, id := range []string{"1", "2", "3"} {
			w.asks(id, "q", w.now, by(cases))
		}
		all := w.round()
		if got := chosen(all); got["1"] != "ana" || got["2"] != "ana" || got["3"] != "" {
			t.Fatalf("chosen %v", got)
		}
		if d := about(t, all, "3").Decision; found(d, "ana") != agent.ProfileFull || found(d, "ben") != agent.NoProfile {
			t.Errorf("got %+v", d)
		}
		w.answers("1", rejects(w.now))
		if got := chosen(w.round()); got["3"] != "ana" {
			t.Errorf("chosen %v once there is room", got)
		}
	})
	t.Run("an agent's own limit stands before the profile's", func(t *testing.T) {
		w := scene()
		w.tell("ana", agent.ProfilesSet{Agent: "ana", Profiles: map[string]int{"cases": 1}})
		w.asks("1", "q", w.now, by(cases))
		w.asks("2", "q", w.now, by(cases))
		if got := chosen(w.round()); got["1"] != "ana" || got["2"] != "" {
			t.Errorf("chosen %v", got)
		}
	})
	t.Run("reset at the end of the day: what was given counts until midnight", func(t *testing.T) {
		w := scene()
		daily := domain.Profile{ID: "cases", Limit: 1, Daily: true}
		w.asks("1", "q", w.now, by(daily))
		w.round()
		w.answers("1", rejects(w.now))
		w.do("1", conversation.ForceClose{Reason: conversation.ReasonSupervisorClosed})
		w.asks("2", "q", w.now, by(daily))
		if got := chosen(w.round()); got["2"] != "" {
			t.Errorf("chosen %v on the same day", got)
		}
		midnight := time.Date(2026, 5, 5, 0, 0, 0, 0, time.UTC)
		if r := w.Round(w.now, ""); !r.Again.Equal(midnight) {
			t.Errorf("looks again at %s, want at midnight", r.Again)
		}
		w.now = midnight
		if got := chosen(w.round()); got["2"] != "ana" {
			t.Errorf("chosen %v on the next", got)
		}
	})
	t.Run("blocking: a full count keeps other work away, and only then", func(t *testing.T) {
		w := scene()
		blocking := domain.Profile{ID: "cases", Limit: 1, Blocking: true}
		w.presence("ben", agent.Away)
		w.asks("chat", "q", w.now)
		if got := chosen(w.round()); got["chat"] != "ana" {
			t.Fatalf("chosen %v", got)
		}
		w.asks("case", "q", w.now, by(blocking))
		w.asks("chat2", "q", w.now.Add(time.Second))
		all := w.round()
		if got := chosen(all); got["case"] != "ana" || got["chat2"] != "" {
			t.Errorf("chosen %v", got)
		}
		if d := about(t, all, "chat2").Decision; found(d, "ana") != agent.ProfileBlocked {
			t.Errorf("got %+v", d)
		}
		w.answers("case", rejects(w.now))
		if got := chosen(w.round()); got["chat2"] != "ana" {
			t.Errorf("chosen %v once the case is gone", got)
		}
	})
}
