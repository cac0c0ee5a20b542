package routing

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"parley/domain"
	"parley/domain/agent"
	"parley/domain/conversation"
	"parley/domain/hours"
	"parley/domain/queue"
	"parley/domain/workstream"
)

// aDay plays a random day of a small contact centre, with every method, skills,
// hours, declines, returns and overflow.
func aDay(seed uint64, steps int) *town {
	r := rand.New(rand.NewPCG(seed, 7))
	w := newTown()
	w.now = noon.Add(-4 * time.Hour)
	w.tell("day", hours.Set{Hours: "day", Name: "Day", Zone: "UTC", Weekly: []hours.Span{{Day: noon.Weekday(), From: 8 * 60, To: 13 * 60}}})
	w.tell("chat", workstream.Created{Workstream: "chat", Settings: workstream.Settings{Presences: []string{"available", "busy", "do_not_disturb"}}})
	methods := []string{queue.MethodHighestCapacity, queue.MethodRoundRobin, queue.MethodLeastActive, queue.MethodSkillExact, queue.MethodSkillClosest}
	for i, m := range methods {
		id := "q" + strconv.Itoa(i)
		c := queue.Configured{Queue: id, Name: id, Number: i % 3, Method: m}
		if i == 0 {
			c.Hours = "day"
			c.Overflow = queue.Overflow{OutsideHours: queue.Action{Do: queue.DoQueue, Queue: "q1"}}
		}
		if i == 2 {
			c.Overflow = queue.Overflow{MoreThan: 3, Waiting: queue.Action{Do: queue.DoQueue, Queue: "q4"}, LongerThan: 120, Waited: queue.Action{Do: queue.DoEnd}}
		}
		if i == 3 {
			c.Overflow = queue.Overflow{MoreThan: 2, Waiting: queue.Action{Do: queue.DoAnyway}}
		}
		w.tell(id, c)
	}
	skills := []string{"de", "pt", "fr"}
	for i := range 9 {
		id := "agent" + strconv.Itoa(i)
		w.agent(id, skills[:i%4]...)
		for q := range methods {
			if (i+q)%3 > 0 {
				w.tell("q"+strconv.Itoa(q), queue.MemberAdded{Queue: "q" + strconv.Itoa(q), Agent: id})
			}
		}
	}
	agentID := func() string { return "agent" + strconv.Itoa(r.IntN(9)) }
	for n := range steps {
		w.now = w.now.Add(time.Duration(r.IntN(90)) * time.Second)
		switch r.IntN(9) {
		case 0, 1, 2:
			w.asks("c"+strconv.Itoa(n), "q"+strconv.Itoa(r.IntN(5)), w.now, func(o *domain.Opening) {
				o.Priority = r.IntN(3)
				if r.IntN(2) == 0 {
					o.Skills = []domain.SkillLevel{{Skill: skills[r.IntN(3)], Level: 1 + r.IntN(2)}}
				}
			})
		case 3:
			w.presence(agentID(), []agent.Presence{agent.Available, agent.Busy, agent.Away, agent.Offline, agent.DoNotDisturb}[r.IntN(5)])
		case 4:
			id := agentID()
			w.tell(id, agent.Connected{Agent: id, Feed: strconv.Itoa(n), Run: "r", At: w.now})
		default:
			ids := make([]string, 0, len(w.items))
			for id, it := range w.items {
				if it.Status != conversation.StatusOpen {
					ids = append(ids, id)
				}
			}
			if len(ids) == 0 {
				break
			}
			slices.Sort(ids)
			id := ids[r.IntN(len(ids))]
			c, _ := w.Conversation(id)
			switch {
			case c.Offer != nil && r.IntN(3) > 0:
				w.do(id, conversation.Accept{Hold: c.Offer.Hold, Agent: c.Offer.Agent, At: c.Offer.Deadline.Add(-time.Second)})
			case c.Offer != nil:
				w.answers(id, []func(conversation.Offer) domain.Command[conversation.Conversation, conversation.Event]{rejects(w.now), expires}[r.IntN(2)])
			case c.Status == conversation.StatusEngaged && r.IntN(2) == 0:
				w.tell(id, conversation.Parked{Conversation: id, Hold: c.Primary.Hold, Agent: c.Primary.Agent})
				w.frees(c.Primary.Agent, c.Primary.Hold)
				w.tell(id, conversation.Queued{Queue: c.Queue, Segment: c.Segment + 1, Since: w.now, Reason: conversation.QueuedReturn, Affinity: c.Primary.Agent})
			case c.Status == conversation.StatusEngaged:
				w.do(id, conversation.ForceClose{Reason: conversation.ReasonSupervisorClosed})
				w.frees(c.Primary.Agent, c.Primary.Hold)
			}
		}
		if r.IntN(3) > 0 {
			w.round()
		}
	}
	return w
}

func TestRTE7_EveryDecisionOfADayIsMadeAgainFromTheLog(t *testing.T) {
	checked, actions := 0, map[string]int{}
	for seed := range uint64(20) {
		w := aDay(seed, 400)
		checked += w.replay(t)
		for _, k := range w.kept {
			actions[k.Action]++
		}
	}
	t.Logf("%d decisions: %v", checked, actions)
	for _, a := range []string{domain.ActionOffer, domain.ActionNone, domain.ActionMove, domain.ActionEnd, domain.ActionKeep} {
		if actions[a] == 0 {
			t.Errorf("no decision of the days is %q: they show too little", a)
		}
	}
}

// TestRTE7_OneFactMoreIsAnotherDecision changes one fact of each sort in the log
// of a decision, and the decision is another.
func TestRTE7_OneFactMoreIsAnotherDecision(t *testing.T) {
	scene := func() *town {
		w := newTown()
		w.tell("day", hours.Set{Hours: "day", Name: "Day", Zone: "UTC", Weekly: []hours.Span{{Day: noon.Weekday(), From: 0, To: 1440}}})
		w.tell("q", queue.Configured{Queue: "q", Name: "q", Hours: "day", Method: queue.MethodSkillClosest})
		for _, id := range []string{"ana", "ben"} {
			w.tell("q", queue.MemberAdded{Queue: "q", Agent: id})
			w.agent(id, "de")
		}
		w.frees("ben", w.holds("ben", 30, noon.Add(-time.Minute)))
		w.asks("c", "q", noon, func(o *domain.Opening) { o.Skills = []domain.SkillLevel{{Skill: "de", Level: 1}} })
		return w
	}
	plain := about(t, scene().round(), "c")
	if plain.Agent != "ana" {
		t.Fatalf("the scene goes to %q", plain.Agent)
	}
	for name, fact := range map[string]func(w *town){
		"presence": func(w *town) { w.presence("ana", agent.Away) },
		"capacity": func(w *town) { w.holds("ana", 80, noon.Add(-time.Hour)) },
		"sessions": func(w *town) {
			for range 10 {
				w.holds("ana", 0, noon.Add(-time.Hour))
			}
		},
		"connection":    func(w *town) { w.tell("ana", agent.SignedOut{Agent: "ana"}) },
		"disabled":      func(w *town) { w.tell("ana", agent.Disabled{Agent: "ana"}) },
		"agent's skill": func(w *town) { w.tell("ana", agent.Registered{Agent: "ana", Units: 100}) },
		"required skill": func(w *town) {
			w.tell("c", conversation.SkillRequired{Conversation: "c", Skill: "pt", Level: 1})
			w.tell("ben", agent.Registered{Agent: "ben", Units: 100, Skills: []string{"de", "pt"}})
		},
		"decline": func(w *town) {
			w.tell("c", conversation.OfferEnded{Conversation: "c", Agent: "ana", Outcome: conversation.OutcomeRejected, Declined: true, At: noon})
		},
		"last assignment": func(w *town) { w.frees("ana", w.holds("ana", 30, noon.Add(-time.Second))) },
		"membership":      func(w *town) { w.tell("q", queue.MemberRemoved{Queue: "q", Agent: "ana"}) },
		"hours":           func(w *town) { w.tell("day", hours.Set{Hours: "day", Name: "Day", Zone: "UTC"}) },
		"allowed presence": func(w *town) {
			w.tell("chat", workstream.Created{Workstream: "chat", Settings: workstream.Settings{Presences: []string{"busy"}}})
		},
		"affinity": func(w *town) {
			w.tell("c", conversation.Queued{Queue: "q", Since: noon, Affinity: "ben", Reason: conversation.QueuedReturn})
		},
		"unseen offer": func(w *town) {
			w.tell("c", conversation.OfferEnded{Conversation: "c", Agent: "ana", Outcome: conversation.OutcomeExpired, At: noon})
		},
	} {
		w := scene()
		fact(w)
		d := about(t, w.round(), "c").Decision
		if d.Agent == "ana" {
			t.Errorf("%s: the decision is still ana", name)
		}
		if why := found(d, "ana"); why == Chosen {
			t.Errorf("%s: ana is %s", name, why)
		}
	}
}

// TestRTE7_ARoundLooksOnlyAtWhatWasTouchedAndDecidesTheSame holds the rounds of a
// day against a board that looks at everything in each of them.
func TestRTE7_ARoundLooksOnlyAtWhatWasTouchedAndDecidesTheSame(t *testing.T) {
	for seed := range uint64(10) {
		w := aDay(100+seed, 300)
		offers := map[string]string{}
		for _, k := range w.kept {
			if k.Action == domain.ActionOffer {
				offers[fmt.Sprint(k.Position, k.Round, k.Conversation)] = k.Agent
			}
		}
		for _, round := range InRounds(w.kept) {
			position, _ := strconv.Atoi(round[0].Position)
			all := New(utc, time.UTC)
			for _, f := range w.log[:position] {
				all.Fold(f)
			}
			for _, it := range all.items { // everything that waits
				if it.lane != nil {
					all.changed[it] = struct{}{}
				}
			}
			got := map[string]string{}
			for _, c := range all.Round(round[0].At, round[0].Position).Choices {
				if c.Action == domain.ActionOffer {
					got[c.Of.ID] = c.Agent
				}
			}
			want := map[string]string{}
			for _, r := range round {
				if r.Action == domain.ActionOffer {
					want[r.Conversation] = r.Agent
				}
			}
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Fatalf("day %d at %d: looking at everything gives %v, looking at what was touched %v", seed, position, got, want)
			}
		}
	}
}

// TestRTE7_WhatTwoRoutersDecideSideBySideIsMadeAgain: two routers may both work
// for a while, and their rounds lie between each other on record. Each is made
// again upon its own picture, the older one first, whichever is recorded first.
func TestRTE7_WhatTwoRoutersDecideSideBySideIsMadeAgain(t *testing.T) {
	w := newTown()
	w.queue("sales", queue.MethodHighestCapacity, "ana", "ben")
	w.agent("ana")
	w.agent("ben")
	for i := range 4 {
		w.asks(fmt.Sprint("c", i), "sales", noon)
	}
	decided := func() []Choice {
		b := New(utc, time.UTC)
		for _, f := range w.log {
			b.Fold(f)
		}
		return b.Round(w.now, strconv.Itoa(len(w.log))).Choices
	}
	tell := func(c Choice) {
		w.tell(c.Decision.Agent, agent.Reserved{Agent: c.Decision.Agent, Hold: "h-" + c.Of.ID, Conversation: c.Of.ID, Units: 1, Decision: &c.Decision, Purpose: agent.PurposeOffer})
	}
	slower := decided()
	w.presence(slower[0].Decision.Agent, agent.Away)
	w.now = w.now.Add(time.Second)
	faster := decided()
	if len(slower) != 4 || len(faster) != 4 || slower[0].Decision.Agent == faster[0].Decision.Agent {
		t.Fatalf("decided are %+v and %+v", slower, faster)
	}
	for i := range 3 {
		tell(faster[i])
		tell(slower[i])
	}
	if n := w.replay(t); n != 6 {
		t.Errorf("%d of 6 decisions were made again", n)
	}
	for range idleAtMost + 1 {
		w.tell("nobody", agent.Gone{Agent: "nobody"})
	}
	tell(slower[3]) // its round was taken for whole long ago
	c := w.check(func(id string, at uint64, what string) { t.Errorf("%s at %d: %s", id, at, what) })
	if len(c.rounds) != 1 || len(c.pending) > 2*idleAtMost {
		t.Errorf("%d rounds and %d events are kept", len(c.rounds), len(c.pending))
	}
	c.End()
	if c.Checked != 6 || c.Skipped != 0 {
		t.Errorf("%d decisions were made again and %d skipped", c.Checked, c.Skipped)
	}
	late := c.Late()
	for i, f := range w.log {
		late.See(f, uint64(i+1))
	}
	late.End()
	if c.Checked != 7 || c.Skipped != 0 || c.Late() != nil {
		t.Errorf("with a second reading %d decisions were made again and %d skipped", c.Checked, c.Skipped)
	}
}

// TestRTE7_ARoundThatACrashToreApartIsMadeAgain keeps any decisions of a round off
// the record that a crash may: those that are there come out the same, since they
// name what was given before them, and not when they name something else.
func TestRTE7_ARoundThatACrashToreApartIsMadeAgain(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newTown()
		w.queue("sales", rapid.SampledFrom([]string{queue.MethodHighestCapacity, queue.MethodRoundRobin, queue.MethodLeastActive}).Draw(rt, "method"), "ana", "ben", "cem", "dov")
		for _, id := range []string{"ana", "ben", "cem", "dov"} {
			w.agent(id)
		}
		for i := range rapid.IntRange(1, 30).Draw(rt, "conversations") {
			w.asks(fmt.Sprint("c", i), "sales", noon.Add(time.Duration(i)*time.Second))
		}
		b := New(utc, time.UTC)
		for _, f := range w.log {
			b.Fold(f)
		}
		choices := b.Round(w.now, strconv.Itoa(len(w.log))).Choices
		begun := rapid.IntRange(1, len(choices)).Draw(rt, "begun")
		there, named := 0, -1
		for i, c := range choices[:begun] {
			if i > begun-AtATime && rapid.Bool().Draw(rt, "lost") {
				continue
			}
			d := c.Decision
			if there++; len(d.Given) > 0 {
				named = len(w.log)
			}
			if d.Action == domain.ActionOffer {
				w.tell(d.Agent, agent.Reserved{Agent: d.Agent, Hold: "h-" + c.Of.ID, Conversation: c.Of.ID, Units: 1, Decision: &d, Purpose: agent.PurposeOffer})
			} else {
				w.tell(c.Of.ID, conversation.PassedOver{Decision: &d})
			}
		}
		c := w.check(func(id string, at uint64, what string) { rt.Errorf("%s at %d: %s", id, at, what) })
		if c.End(); c.Checked != there || c.Skipped != 0 {
			rt.Errorf("of %d on record %d were made again and %d skipped", there, c.Checked, c.Skipped)
		}
		if named < 0 {
			return
		}
		d := DecisionOf(w.log[named])
		d.Given = append([]domain.Given(nil), d.Given...)
		d.Given[0].Agent = "eve"
		found := 0
		if w.check(func(string, uint64, string) { found++ }).End(); found == 0 {
			rt.Error("another is named as given before, and it is not found")
		}
	})
}

// TestRTE7_ARoundIsNotWholeForTheNextOfAnotherRouter has another router's decision,
// of the round with the next number, come on record in the middle of a round.
func TestRTE7_ARoundIsNotWholeForTheNextOfAnotherRouter(t *testing.T) {
	const many, before = 26, AtATime + 3
	w := newTown()
	agents := []string{"ana", "ben", "cem", "dov", "eli", "fay", "gil", "hal", "ida", "jan"}
	w.queue("sales", queue.MethodHighestCapacity, agents...)
	for _, id := range agents {
		w.agent(id)
	}
	for i := range many {
		w.asks(fmt.Sprintf("c%02d", i), "sales", noon.Add(time.Duration(i)*time.Second))
	}
	round := func() []Choice {
		b := New(utc, time.UTC)
		for _, f := range w.log {
			b.Fold(f)
		}
		return b.Round(w.now, strconv.Itoa(len(w.log))).Choices
	}
	tell := func(c Choice, next int) {
		d := c.Decision
		d.Round += next
		if d.Action != domain.ActionOffer {
			t.Fatalf("%s is not offered", c.Of.ID)
		}
		w.tell(d.Agent, agent.Reserved{Agent: d.Agent, Hold: "h-" + c.Of.ID, Conversation: c.Of.ID, Units: 1, Decision: &d, Purpose: agent.PurposeOffer})
	}
	choices := round()
	for _, c := range choices[:before] {
		tell(c, 0)
	}
	other := round()
	tell(other[0], 1)
	for _, c := range choices[before : many-1] {
		tell(c, 0)
	}
	wrong := func(id string, at uint64, what string) { t.Errorf("%s at %d: %s", id, at, what) }
	c := w.check(wrong)
	c.End()
	if late := c.Late(); late != nil {
		for i, f := range w.log {
			late.See(f, uint64(i+1))
		}
		late.End()
	}
	if c.Checked < many-1 || c.Skipped != 0 {
		t.Errorf("%d decisions were made again and %d skipped", c.Checked, c.Skipped)
	}
}

// four is a round in which two agents get four conversations.
func four() (*town, []Choice) {
	w := newTown()
	w.queue("sales", queue.MethodHighestCapacity, "ana", "ben")
	w.agent("ana")
	w.agent("ben")
	for i := range 4 {
		w.asks(fmt.Sprint("c", i), "sales", noon.Add(time.Duration(i)*time.Second))
	}
	b := New(utc, time.UTC)
	for _, f := range w.log {
		b.Fold(f)
	}
	return w, b.Round(w.now, strconv.Itoa(len(w.log))).Choices
}

// TestRTE7_ADecisionBehindAGapIsMadeAgainOnceTheGapIsClosed takes a round for whole
// whose last decision is on record, and not all that it counts on: what comes later
// tells that.
func TestRTE7_ADecisionBehindAGapIsMadeAgainOnceTheGapIsClosed(t *testing.T) {
	w, choices := four()
	tell := func(c Choice, change func(*domain.Decision)) {
		d := c.Decision
		d.Given = nil // as before decisions named any
		change(&d)
		w.tell(d.Agent, agent.Reserved{Agent: d.Agent, Hold: "h-" + c.Of.ID, Conversation: c.Of.ID, Units: 1, Decision: &d, Purpose: agent.PurposeOffer})
	}
	same := func(*domain.Decision) {}
	tell(choices[0], same)
	tell(choices[1], same)
	tell(choices[3], func(d *domain.Decision) { d.Method = "by hand" })
	for range idleAtMost + 1 {
		w.tell("nobody", agent.Gone{Agent: "nobody"})
	}
	wrong := 0
	if c := w.check(func(string, uint64, string) { wrong++ }); c.Checked != 2 || c.Skipped != 1 || wrong != 0 {
		t.Errorf("%d decisions were made again, %d skipped and %d wrong before the gap is closed", c.Checked, c.Skipped, wrong)
	}
	tell(choices[2], same)
	c := w.check(func(string, uint64, string) { wrong++ })
	c.End()
	late := c.Late()
	for i, f := range w.log {
		late.See(f, uint64(i+1))
	}
	late.End()
	if c.Checked != 4 || c.Skipped != 0 || wrong != 1 {
		t.Errorf("%d decisions were made again, %d skipped and %d wrong, not 4, 0 and 1", c.Checked, c.Skipped, wrong)
	}
}

// TestRTE7_DecisionsThatNameNothingGivenAreMadeAgain: those of before decisions
// named what was given in their round are no contradiction.
func TestRTE7_DecisionsThatNameNothingGivenAreMadeAgain(t *testing.T) {
	w, choices := four()
	for _, c := range choices {
		d := c.Decision
		d.Given = nil
		w.tell(d.Agent, agent.Reserved{Agent: d.Agent, Hold: "h-" + c.Of.ID, Conversation: c.Of.ID, Units: 1, Decision: &d, Purpose: agent.PurposeOffer})
	}
	c := w.check(func(id string, at uint64, what string) { t.Errorf("%s at %d: %s", id, at, what) })
	if c.End(); c.Checked != 4 || c.Skipped != 0 {
		t.Errorf("%d decisions were made again and %d skipped", c.Checked, c.Skipped)
	}
}

// check reads the log so far.
func (w *town) check(wrong func(id string, at uint64, what string)) *Check {
	c := NewCheck(utc, time.UTC, func(text string) (uint64, bool) {
		n, err := strconv.ParseUint(text, 10, 64)
		return n, err == nil
	}, wrong)
	for i, f := range w.log {
		c.See(f, uint64(i+1))
	}
	return c
}
