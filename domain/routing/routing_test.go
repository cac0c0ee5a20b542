package routing

import (
	"maps"
	"slices"
	"strconv"
	"testing"
	"time"

	"parley/domain"
	"parley/domain/agent"
	"parley/domain/conversation"
	"parley/domain/queue"
	"parley/domain/workstream"
)

func TestRTE3_HighestCapacityTiesRoundRobin(t *testing.T) {
	w := newTown()
	w.queue("q", queue.MethodHighestCapacity, "ana", "ben", "cho")
	for _, id := range []string{"ana", "ben", "cho"} {
		w.agent(id)
	}
	w.holds("ana", 30, noon.Add(-time.Second))
	w.frees("ben", w.holds("ben", 30, noon.Add(-time.Minute)))
	w.frees("cho", w.holds("cho", 30, noon.Add(-time.Hour)))
	w.asks("first", "q", noon)
	w.asks("second", "q", noon.Add(time.Second))
	w.asks("third", "q", noon.Add(2*time.Second))
	got := chosen(w.round())
	// After two of them all three have 70 free: ana was given something longest ago.
	if want := map[string]string{"first": "cho", "second": "ben", "third": "ana"}; !maps.Equal(got, want) {
		t.Errorf("chosen %v, want %v", got, want)
	}
}

func TestRTE3_RoundRobinIsWhoWasAskedLongestAgo(t *testing.T) {
	w := newTown()
	w.queue("q", queue.MethodRoundRobin, "ana", "ben", "cho")
	for _, id := range []string{"ana", "ben", "cho"} {
		w.agent(id)
	}
	w.holds("ana", 60, noon.Add(-time.Hour))
	w.frees("ben", w.holds("ben", 30, noon.Add(-time.Minute)))
	w.asks("1", "q", noon)
	w.asks("2", "q", noon.Add(1))
	w.asks("3", "q", noon.Add(2))
	w.asks("4", "q", noon.Add(3))
	got := chosen(w.round())
	// Cho was never asked, ana an hour ago: that she has less room does not count,
	// but once she has none, ben is asked again before her.
	if want := map[string]string{"1": "cho", "2": "ana", "3": "ben", "4": "cho"}; !maps.Equal(got, want) {
		t.Errorf("chosen %v, want %v", got, want)
	}
}

func TestRTE3_LeastActiveCountsSessionsAndNotUnits(t *testing.T) {
	w := newTown()
	w.queue("q", queue.MethodLeastActive, "ana", "ben")
	w.agent("ana")
	w.agent("ben")
	w.holds("ana", 70, noon)
	w.holds("ben", 10, noon.Add(-time.Hour))
	w.holds("ben", 10, noon.Add(-time.Hour))
	w.asks("c", "q", noon)
	if got := chosen(w.round()); got["c"] != "ana" {
		t.Errorf("chosen %v, want ana: one session against two, though she has less room", got)
	}
}

func TestRTE3_SkillExactTakesNobodyWhoLacksOne(t *testing.T) {
	w := newTown()
	w.queue("q", queue.MethodSkillExact, "ana", "ben", "cho")
	w.agent("ana", "de")
	w.agent("cho", "de", "pt")
	w.agent("ben", "de", "pt")
	w.tell("ben", agent.Registered{Agent: "ben", Units: 100, Skills: []string{"de", "pt"}, Levels: map[string]int{"pt": 5}})
	needs := func(level int) func(*domain.Opening) {
		return func(o *domain.Opening) {
			o.Skills = []domain.SkillLevel{{Skill: "de", Level: 1}, {Skill: "pt", Level: level}}
		}
	}
	w.asks("good", "q", noon, needs(4))
	w.asks("best", "q", noon.Add(time.Second), needs(6))
	all := w.round()
	if c := about(t, all, "good"); c.Agent != "ben" || found(c.Decision, "ana") != Skills || found(c.Decision, "cho") != Skills {
		t.Errorf("%+v: want ben, and neither ana nor cho for want of skills", c.Decision)
	}
	if c := about(t, all, "best"); c.Agent != "" {
		t.Errorf("%s was chosen, though nobody has level 6", c.Agent)
	}
	w.tell("cho", agent.Registered{Agent: "cho", Units: 100, Skills: []string{"de", "pt"}, Levels: map[string]int{"pt": 6}})
	if got := chosen(w.round()); got["best"] != "cho" {
		t.Errorf("chosen %v: cho learned it", got)
	}
}

func TestRTE3_SkillClosestTakesTheBestThereIs(t *testing.T) {
	w := newTown()
	w.queue("q", queue.MethodSkillClosest, "ana", "ben", "cho", "dia")
	w.agent("ana")
	w.agent("ben", "de")
	w.agent("cho", "de", "pt")
	w.agent("dia", "de", "pt")
	w.frees("cho", w.holds("cho", 30, noon.Add(-time.Minute)))
	w.frees("dia", w.holds("dia", 30, noon.Add(-time.Hour)))
	wants := func(o *domain.Opening) {
		o.Skills = []domain.SkillLevel{{Skill: "de", Level: 1}, {Skill: "pt", Level: 3}, {Skill: "fr", Level: 1}}
	}
	w.asks("c", "q", noon, wants)
	c := about(t, w.round(), "c")
	if c.Agent != "dia" {
		t.Errorf("%s was chosen: cho and dia are equally close, dia was asked longer ago", c.Agent)
	}
	if best := c.Best; best[1].Agent != "cho" || best[2].Agent != "ben" || best[3].Agent != "ana" || best[0].Match != 1 || best[0].Short != 3 {
		t.Errorf("ranked %+v", best)
	}
	w.tell("c", conversation.SkillDropped{Conversation: "c", Skill: "fr"})
	if c, _ := w.Conversation("c"); len(c.Skills) != 2 {
		t.Errorf("it asks for %v", c.Skills)
	}
}

func TestRTE1_WhoMayBeAskedAndWhyNot(t *testing.T) {
	cases := []struct {
		name   string
		change func(w *town)
		reason string
	}{
		{"disabled", func(w *town) { w.tell("ana", agent.Disabled{Agent: "ana"}) }, Disabled},
		{"not connected", func(w *town) {
			w.tell("ana", agent.Connected{Agent: "ana", Feed: "f"}, agent.Disconnected{Agent: "ana", Feed: "f", Last: true, Loss: 1})
		}, Unconnected},
		{"signed out", func(w *town) { w.tell("ana", agent.SignedOut{Agent: "ana"}) }, Unconnected},
		{"away", func(w *town) { w.presence("ana", agent.Away) }, Presence},
		{"inactive", func(w *town) { w.presence("ana", agent.Inactive) }, Presence},
		{"busy where only the available are asked", func(w *town) {
			w.presence("ana", agent.Busy)
			w.tell("chat", workstream.Created{Workstream: "chat", Settings: workstream.Settings{Presences: []string{"available"}}})
		}, Presence},
		{"ten sessions", func(w *town) {
			for range agent.MaxSessions {
				w.holds("ana", 0, noon)
			}
		}, SessionLimit},
		{"one unit short", func(w *town) { w.holds("ana", 71, noon) }, NoRoom},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			w := newTown()
			w.queue("q", "", "ana")
			w.agent("ana")
			c.change(w)
			w.asks("c", "q", noon)
			d := about(t, w.round(), "c").Decision
			if d.Action != domain.ActionNone || d.Agent != "" || found(d, "ana") != c.reason || d.Digest() != c.reason {
				t.Errorf("got %+v; want nobody, because of %s", d, c.reason)
			}
		})
	}
	t.Run("do not disturb where the workstream allows it", func(t *testing.T) {
		w := newTown()
		w.queue("q", "", "ana")
		w.agent("ana")
		w.presence("ana", agent.DoNotDisturb)
		w.asks("c", "q", noon)
		if got := chosen(w.round()); got["c"] != "" {
			t.Errorf("chosen %v", got)
		}
		w.tell("chat", workstream.Created{Workstream: "chat", Settings: workstream.Settings{Presences: []string{"do_not_disturb"}}})
		if got := chosen(w.round()); got["c"] != "ana" {
			t.Errorf("chosen %v: allowed presences are read when it is decided", got)
		}
	})
	t.Run("full to the last unit is still room", func(t *testing.T) {
		w := newTown()
		w.queue("q", "", "ana")
		w.agent("ana")
		w.holds("ana", 70, noon)
		w.asks("c", "q", noon)
		if got := chosen(w.round()); got["c"] != "ana" {
			t.Errorf("chosen %v, want ana", got)
		}
	})
	t.Run("who is no member is not considered", func(t *testing.T) {
		w := newTown()
		w.queue("q", "", "ana")
		w.agent("ana")
		w.agent("ben")
		w.presence("ana", agent.Away)
		w.asks("c", "q", noon)
		if d := about(t, w.round(), "c").Decision; d.Agent != "" || found(d, "ben") != "" {
			t.Errorf("got %+v", d)
		}
		w.tell("q", queue.MemberAdded{Queue: "q", Agent: "ben"})
		if got := chosen(w.round()); got["c"] != "ben" {
			t.Errorf("chosen %v: ben is a member now", got)
		}
	})
	t.Run("what is picked is offered to nobody", func(t *testing.T) {
		w := newTown()
		w.queue("q", "", "ana")
		w.agent("ana")
		w.asks("c", "q", noon, func(o *domain.Opening) { o.Terms.Push = false })
		if d := about(t, w.round(), "c").Decision; d.Agent != "" || d.Digest() != Picked {
			t.Errorf("got %+v", d)
		}
	})
}

func TestRTE2_OrderIsQueueNumberPriorityPlace(t *testing.T) {
	w := newTown()
	w.tell("q", queue.Configured{Queue: "q", Name: "q", Number: 1})
	w.tell("r", queue.Configured{Queue: "r", Name: "r", Number: 2})
	for _, q := range []string{"q", "r"} {
		w.tell(q, queue.MemberAdded{Queue: q, Agent: "ana"})
	}
	w.tell("ana", agent.Registered{Agent: "ana", Units: 30}, agent.PresenceChanged{Agent: "ana", Presence: agent.Available, Cause: agent.ByRule})
	w.asks("old", "q", noon)
	w.asks("low", "r", noon.Add(-time.Hour), func(o *domain.Opening) { o.Priority = 9 })
	w.asks("urgent", "q", noon.Add(time.Hour), func(o *domain.Opening) { o.Priority = 1 })
	w.asks("twin", "q", noon)
	var order []string
	all := w.round()
	for _, c := range all {
		order = append(order, c.Of.ID)
	}
	if want := []string{"urgent", "old", "twin", "low"}; !slices.Equal(order, want) {
		t.Errorf("order %v, want %v", order, want)
	}
	if got := chosen(all); got["urgent"] != "ana" || got["old"] != "" || got["twin"] != "" || got["low"] != "" {
		t.Errorf("chosen %v: the one place is for the urgent one", got)
	}
	// A reject keeps the place: the next to be asked is the urgent one again, but
	// ana has declined it, so the oldest is first.
	w.now = noon.Add(time.Minute)
	w.answers("urgent", rejects(w.now))
	if got := chosen(w.round()); got["old"] != "ana" {
		t.Errorf("chosen %v, want the oldest, since ana declined the urgent one just now", got)
	}
}

func TestRTE2_AReturnToTheQueueKeepsItsPlace(t *testing.T) {
	w := newTown()
	w.queue("q", "", "ana")
	w.queue("r", "")
	w.agent("ana")
	w.presence("ana", agent.Away)
	w.asks("first", "q", noon)
	w.asks("second", "q", noon.Add(time.Minute))
	w.asks("third", "q", noon.Add(2*time.Minute))
	w.tell("first", conversation.Requeued{Conversation: "first", Reason: conversation.RequeuedTransfer, Queue: "r", Segment: 2, Since: noon, At: noon.Add(time.Hour)})
	w.tell("first", conversation.Requeued{Conversation: "first", Reason: conversation.RequeuedGone, Queue: "q", Segment: 3, Since: noon, At: noon.Add(time.Hour)})
	w.round()
	var order []string
	for _, it := range w.lanes["q"].waiting {
		order = append(order, it.ID)
	}
	if want := []string{"first", "second", "third"}; !slices.Equal(order, want) {
		t.Errorf("order %v, want %v: neither a transfer nor an agent who is gone moves it", order, want)
	}
}

func TestRTE4_AffinityGoesFirstAndMayOverload(t *testing.T) {
	back := func(w *town) {
		w.asks("back", "q", noon)
		w.tell("back", conversation.Queued{Queue: "q", Segment: 2, Since: noon.Add(time.Minute), Reason: conversation.QueuedReturn, Affinity: "ana"})
	}
	full := func() *town {
		w := newTown()
		w.queue("q", "", "ana", "ben")
		w.agent("ana")
		w.agent("ben")
		w.holds("ana", 100, noon)
		w.asks("other", "q", noon.Add(-time.Hour))
		return w
	}
	t.Run("first of all, and over the units", func(t *testing.T) {
		for _, p := range []agent.Presence{agent.Available, agent.Busy, agent.Away, agent.DoNotDisturb} {
			w := full()
			w.presence("ana", p)
			back(w)
			all := w.round()
			if c := all[0]; c.Of.ID != "back" || c.Agent != "ana" || !c.Forced || found(c.Decision, "ana") != Affinity {
				t.Errorf("%s: got %+v, want the returning customer first, with ana, forced", p, c.Decision)
			}
		}
	})
	t.Run("ordinary routing at once, with the reason, when she cannot be asked", func(t *testing.T) {
		for why, change := range map[string]func(w *town){
			Presence:    func(w *town) { w.presence("ana", agent.Offline) },
			Disabled:    func(w *town) { w.tell("ana", agent.Disabled{Agent: "ana"}) },
			Unconnected: func(w *town) { w.tell("ana", agent.SignedOut{Agent: "ana"}) },
			SessionLimit: func(w *town) {
				for range 9 {
					w.holds("ana", 0, noon)
				}
			},
		} {
			w := full()
			change(w)
			back(w)
			d := about(t, w.round(), "back").Decision
			if d.Agent != "ben" || d.Forced || !slices.Contains(d.Rest, domain.Tally{Code: Affinity + "_" + why, Count: 1}) {
				t.Errorf("%s: got %+v, want ben in the ordinary way", why, d)
			}
		}
	})
	t.Run("one offer: after a reject it is routed like any other", func(t *testing.T) {
		w := full()
		back(w)
		w.round()
		w.now = noon.Add(time.Minute)
		w.answers("back", rejects(w.now))
		if d := about(t, w.round(), "back").Decision; d.Agent != "ben" || d.Forced {
			t.Errorf("got %+v, want ben in the ordinary way", d)
		}
	})
	t.Run("in a pick workstream too", func(t *testing.T) {
		w := full()
		w.asks("back", "q", noon, func(o *domain.Opening) { o.Terms.Push = false })
		w.tell("back", conversation.Queued{Queue: "q", Segment: 2, Since: noon, Reason: conversation.QueuedReturn, Affinity: "ana"})
		if c := about(t, w.round(), "back"); c.Agent != "ana" || !c.Forced {
			t.Errorf("got %+v", c.Decision)
		}
		w.answers("back", rejects(noon))
		if d := about(t, w.round(), "back").Decision; d.Agent != "" || d.Digest() != Picked {
			t.Errorf("got %+v: from then on it is picked", d)
		}
	})
}

func TestRTE5_Declines(t *testing.T) {
	t.Run("a decliner ranks last", func(t *testing.T) {
		w := newTown()
		w.queue("q", "", "ana", "ben")
		w.agent("ana")
		w.agent("ben")
		w.holds("ben", 60, noon)
		w.asks("c", "q", noon)
		if got := chosen(w.round()); got["c"] != "ana" {
			t.Fatalf("chosen %v", got)
		}
		w.answers("c", rejects(noon))
		if got := chosen(w.round()); got["c"] != "ben" {
			t.Errorf("chosen %v, want ben, who has not declined, though he has less room", got)
		}
	})
	t.Run("alone, he is asked again after 30 seconds, and three times in all", func(t *testing.T) {
		w := newTown()
		w.queue("q", "", "ana")
		w.agent("ana")
		w.asks("c", "q", noon)
		for n := 1; ; n++ {
			if got := chosen(w.round()); got["c"] != "ana" {
				t.Fatalf("offer %d: chosen %v", n, got)
			}
			w.answers("c", rejects(w.now))
			r := w.Round(w.now, "")
			if n == 3 {
				if d := about(t, r.Choices, "c").Decision; d.Digest() != Declined || !r.Again.IsZero() {
					t.Errorf("after three: %+v, again %s", d, r.Again)
				}
				break
			}
			if d := about(t, r.Choices, "c").Decision; d.Digest() != Resting || !r.Again.Equal(w.now.Add(30*time.Second)) {
				t.Errorf("after %d: %+v, again %s", n, d, r.Again)
			}
			w.now = w.now.Add(30*time.Second - 1)
			if got := chosen(w.round()); got["c"] != "" {
				t.Errorf("chosen %v a moment too early", got)
			}
			w.now = w.now.Add(1)
		}
		w.tell("c", conversation.Requeued{Conversation: "c", Reason: conversation.RequeuedTransfer, Queue: "q", Segment: 2, Since: noon, At: w.now})
		if got := chosen(w.round()); got["c"] != "ana" {
			t.Errorf("chosen %v: in another stay nobody has declined yet", got)
		}
	})
	t.Run("an offer that no device had is no decline, and waits for a device", func(t *testing.T) {
		w := newTown()
		w.queue("q", "", "ana")
		w.agent("ana")
		w.tell("ana", agent.Connected{Agent: "ana", Feed: "f", At: noon.Add(-time.Hour)})
		w.asks("c", "q", noon)
		w.round()
		w.answers("c", expires)
		w.now = noon.Add(2 * time.Minute)
		if d := about(t, w.round(), "c").Decision; d.Agent != "" || d.Digest() != Unseen || d.Best[0].Declines != 0 {
			t.Errorf("got %+v", d)
		}
		w.now = noon.Add(3 * time.Minute)
		w.tell("ana", agent.Connected{Agent: "ana", Feed: "g", At: w.now})
		if got := chosen(w.round()); got["c"] != "ana" {
			t.Errorf("chosen %v, want ana, whose device is there now", got)
		}
	})
	t.Run("after a hundred decliners it is offered to nobody", func(t *testing.T) {
		w := newTown()
		var members []string
		for i := range 102 {
			id := "a" + strconv.Itoa(1000+i)
			members = append(members, id)
			w.agent(id)
		}
		w.queue("q", queue.MethodRoundRobin, members...)
		w.asks("c", "q", noon)
		asked := map[string]bool{}
		for range 100 {
			c := about(t, w.round(), "c")
			if c.Agent == "" || asked[c.Agent] {
				t.Fatalf("%q after %d", c.Agent, len(asked))
			}
			asked[c.Agent] = true
			w.answers("c", rejects(w.now))
		}
		if d := about(t, w.round(), "c").Decision; d.Agent != "" || d.Digest() != TooMany {
			t.Errorf("got %+v after a hundred", d)
		}
	})
}

func TestRTE7_NobodyIsRecordedWhenTheReasonsChangeAndOnceAMinute(t *testing.T) {
	w := newTown()
	w.queue("q", "", "ana", "ben")
	w.agent("ana")
	w.agent("ben")
	w.presence("ana", agent.Away)
	w.presence("ben", agent.Away)
	w.asks("c", "q", noon)
	if n := len(w.round()); n != 1 {
		t.Fatalf("%d decisions", n)
	}
	w.presence("ben", agent.Offline) // not there either: the same set of reasons
	w.now = noon.Add(2 * time.Minute)
	if got := w.round(); len(got) != 0 {
		t.Errorf("the same reasons are told again: %+v", got)
	}
	w.presence("ben", agent.Available)
	w.holds("ben", 100, w.now)
	if got := w.round(); len(got) != 1 || got[0].Digest() != "no_room,presence" {
		t.Errorf("new reasons are not told: %+v", got)
	}
	w.now = w.now.Add(time.Second)
	w.presence("ben", agent.Away)
	r := w.Round(w.now, "")
	if len(r.Choices) != 0 || !r.Again.Equal(noon.Add(3*time.Minute)) {
		t.Errorf("told %+v within the minute, again %s", r.Choices, r.Again)
	}
	w.now = noon.Add(3 * time.Minute)
	if got := w.round(); len(got) != 1 || got[0].Digest() != "presence" {
		t.Errorf("after the minute: %+v", got)
	}
}

func TestRTE7_TwentyAreNamedAndTheRestCounted(t *testing.T) {
	w := newTown()
	var members []string
	for i := range 50 {
		id := "a" + strconv.Itoa(100+i)
		members = append(members, id)
		w.agent(id)
		if i >= 30 {
			w.presence(id, agent.Away)
		}
	}
	w.queue("q", "", members...)
	w.asks("c", "q", noon)
	d := about(t, w.round(), "c").Decision
	want := []domain.Tally{{Code: Outranked, Count: 10}, {Code: Presence, Count: 20}}
	if len(d.Best) != 20 || d.Best[0].Reason != Chosen || !slices.Equal(d.Rest, want) {
		t.Errorf("named %d, the rest %v, want %v", len(d.Best), d.Rest, want)
	}
	if !d.At.Equal(noon) || d.Round != 1 || d.Index != 0 || d.Position == "" || d.Queue != "q" {
		t.Errorf("it does not say when and where: %+v", d)
	}
}

// TestTheBoardForgetsWhoIsClosed: what is told of a conversation that is closed
// does not bring it back.
func TestTheBoardForgetsWhoIsClosed(t *testing.T) {
	w := newTown()
	w.queue("sales", queue.MethodHighestCapacity)
	w.asks("c1", "sales", noon)
	w.tell("c1", conversation.Closed{Conversation: "c1", Reason: conversation.ReasonAbandoned})
	w.tell("c1", conversation.SkillRequired{}, conversation.PassedOver{})
	if len(w.items) != 0 || len(w.round()) != 0 {
		t.Errorf("%d conversations are on the board", len(w.items))
	}
}
