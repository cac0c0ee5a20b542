package routing

import (
	"slices"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"parley/domain"
	"parley/domain/agent"
	"parley/domain/conversation"
	"parley/domain/queue"
)

// rest holds rounds until one finds nothing to do at this moment.
func (w *town) rest(t interface{ Fatalf(string, ...any) }) {
	for range 1000 {
		r := w.Round(w.now, strconv.Itoa(len(w.log)))
		for _, c := range r.Choices {
			w.kept = append(w.kept, Recorded{Conversation: c.Of.ID, Decision: c.Decision})
			w.carryOut(c)
		}
		if len(r.Choices) == 0 && (r.Again.IsZero() || r.Again.After(w.now)) {
			return
		}
	}
	t.Fatalf("the rounds do not end")
}

// idle gives the offers that a board makes which looks at everything, at a
// moment when this one has nothing left to do.
func (w *town) idle() []Choice {
	all := New(utc, w.own)
	for _, f := range w.log {
		all.Fold(f)
	}
	for id, it := range w.items {
		for who, r := range it.refused {
			if w.seat(who).version == r.version {
				all.Refused(id, it.Turn, who, r.code)
			}
		}
	}
	var offers []Choice
	for _, c := range all.Round(w.now, "").Choices {
		if c.Action == domain.ActionOffer {
			offers = append(offers, c)
		}
	}
	return offers
}

func costs(units int) func(*domain.Opening) {
	return func(o *domain.Opening) { o.Terms.Units = units }
}

// TestRTE1_NobodyIsForgottenWhereARoundIsCutShort has an agent name what he could take
// behind more than one round looks at, and another get it in the next round.
func TestRTE1_NobodyIsForgottenWhereARoundIsCutShort(t *testing.T) {
	w := newTown()
	w.queue("crowd", "")
	w.tell("common", queue.Configured{Queue: "common", Name: "common", Number: 1}, queue.MemberAdded{Queue: "common", Agent: "ana"}, queue.MemberAdded{Queue: "common", Agent: "ben"})
	w.tell("own", queue.Configured{Queue: "own", Name: "own", Number: 2}, queue.MemberAdded{Queue: "own", Agent: "ana"})
	w.agent("ana")
	w.agent("ben")
	held := w.holds("ana", 80, noon)
	full := w.holds("ben", 80, noon)
	w.asks("c", "common", noon)
	w.asks("mine", "own", noon)
	w.rest(t)
	for i := range roundAtMost {
		w.asks("crowd"+strconv.Itoa(i), "crowd", noon)
	}
	w.frees("ana", held) // she names c, and has no room to name hers as well
	w.holds("ana", 70, noon)
	w.frees("ben", full)
	w.rest(t)
	for id, want := range map[string]string{"c": "ben", "mine": "ana"} {
		if c, _ := w.Conversation(id); c.Offer == nil || c.Offer.Agent != want {
			t.Errorf("%s is offered as %+v, and %s is free for it", id, c.Offer, want)
		}
	}
}

func TestRTE1_WhatIsTooLargeKeepsNothingSmallerFromAnAgent(t *testing.T) {
	w := newTown()
	w.queue("q", "", "ana")
	w.agent("ana")
	hold := w.holds("ana", 100, noon)
	for i, units := range []int{60, 60, 30} {
		w.asks("c"+strconv.Itoa(i), "q", noon.Add(1), costs(units))
	}
	w.rest(t)
	w.frees("ana", hold)
	w.rest(t)
	for id, want := range map[string]conversation.Status{"c0": conversation.StatusOffered, "c1": conversation.StatusOpen, "c2": conversation.StatusOffered} {
		if c, _ := w.Conversation(id); c.Status != want {
			t.Errorf("%s is %s, want %s: after the first she has 40 units left", id, c.Status, want)
		}
	}
}

func TestRTE5_WhatNobodyIsAskedForKeepsNothingElseFromAnAgent(t *testing.T) {
	w := newTown()
	var members []string
	for i := range MaxDecliners {
		id := "a" + strconv.Itoa(1000+i)
		members = append(members, id)
		w.agent(id)
	}
	w.queue("q", "", append(members, "ana")...)
	w.asks("declined", "q", noon)
	for range MaxDecliners {
		w.rest(t)
		w.answers("declined", rejects(w.now))
	}
	w.rest(t)
	for _, id := range members {
		w.presence(id, agent.Away)
	}
	w.asks("next", "q", noon.Add(1))
	w.rest(t)
	w.tell("ana", agent.Registered{Agent: "ana", Units: 30}, agent.PresenceChanged{Agent: "ana", Presence: agent.Available, Cause: agent.ByRule})
	w.rest(t)
	if c, _ := w.Conversation("next"); c.Offer == nil || c.Offer.Agent != "ana" {
		t.Errorf("what comes next is %s, though ana is free", c.Status)
	}
	if c, _ := w.Conversation("declined"); c.Status != conversation.StatusOpen {
		t.Errorf("what a hundred declined is %s", c.Status)
	}
}

// TestRTE1_NobodyWaitsForAnAgentWhoIsFree: when a board has nothing left to do,
// one that looks at everything finds nothing either, whatever costs how much.
func TestRTE1_NobodyWaitsForAnAgentWhoIsFree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newTown()
		agents := []string{"ana", "ben", "cho", "dia"}
		for i, q := range []string{"p", "q", "r"} {
			method := rapid.SampledFrom([]string{queue.MethodHighestCapacity, queue.MethodRoundRobin, queue.MethodLeastActive}).Draw(t, "method")
			w.tell(q, queue.Configured{Queue: q, Name: q, Number: rapid.IntRange(0, 1).Draw(t, "number"), Method: method})
			for _, a := range agents[i : i+2] {
				w.tell(q, queue.MemberAdded{Queue: q, Agent: a})
			}
		}
		for _, a := range agents {
			w.agent(a)
		}
		type held struct{ agent, hold string }
		var holds []held
		for n := range rapid.IntRange(1, 40).Draw(t, "steps") {
			who := rapid.SampledFrom(agents).Draw(t, "who")
			switch rapid.IntRange(0, 5).Draw(t, "what") {
			case 0, 1, 2:
				w.asks("c"+strconv.Itoa(n), rapid.SampledFrom([]string{"p", "q", "r"}).Draw(t, "queue"), w.now.Add(1), func(o *domain.Opening) {
					o.Terms.Units = rapid.SampledFrom([]int{10, 20, 30, 60}).Draw(t, "units")
					o.Priority = rapid.IntRange(0, 1).Draw(t, "priority")
				})
			case 3:
				holds = append(holds, held{who, w.holds(who, rapid.SampledFrom([]int{20, 50, 90}).Draw(t, "held"), w.now)})
			case 4:
				if len(holds) > 0 {
					i := rapid.IntRange(0, len(holds)-1).Draw(t, "which")
					w.frees(holds[i].agent, holds[i].hold)
					holds = slices.Delete(holds, i, i+1)
				}
			case 5:
				w.presence(who, rapid.SampledFrom([]agent.Presence{agent.Available, agent.Busy, agent.Away}).Draw(t, "presence"))
			}
			if rapid.Bool().Draw(t, "round") {
				w.rest(t)
				for _, c := range w.idle() {
					t.Fatalf("conversation %s (%d units) waits, though %s could be asked: %+v", c.Of.ID, c.Of.Terms.Units, c.Agent, c.Best)
				}
			}
		}
	})
}
