package policy_test

import (
	"cmp"
	"slices"

	"parley/domain"
	"parley/domain/agent"
	"parley/domain/conversation"
)

func sortTimers(ts []domain.Timer) {
	slices.SortFunc(ts, func(a, b domain.Timer) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Key, b.Key)) })
}

// watch looks at what must hold at every revision, however late the rest is.
func (w *world) watch() {
	f := w.facts[len(w.facts)-1]
	if e, ok := f.Event.(agent.Reserved); ok {
		a := w.agents.states[f.ID]
		if !e.Forced && a.Held() > a.Units {
			w.fail("AGT-2: %s is over capacity by an automatic assignment: %d of %d", f.ID, a.Held(), a.Units)
		}
		if a.Sessions() > agent.MaxSessions {
			w.fail("AGT-2: %s has %d sessions", f.ID, a.Sessions())
		}
	}
	for id, c := range w.conversations.states {
		if c.Offer != nil {
			w.held(id, c, c.Offer.Agent, c.Offer.Hold, "offered", true)
		}
		switch c.Status {
		case conversation.StatusEngaged:
			w.held(id, c, c.Primary.Agent, c.Primary.Hold, "engaged", true)
		case conversation.StatusWrapUp:
			w.held(id, c, c.Primary.Agent, c.Primary.Hold, "wrap_up", c.Terms.Block == domain.BlockAlways)
		}
		if (c.Status == conversation.StatusOffered) != (c.Offer != nil && c.Offer.Replaces == "") {
			w.fail("%s is %s with the offer %+v", id, c.Status, c.Offer)
		}
		if (c.Status == conversation.StatusEngaged || c.Status == conversation.StatusWrapUp) != (c.Primary.Agent != "") {
			w.fail("%s is %s with the agent %q", id, c.Status, c.Primary.Agent)
		}
	}
	w.watchLines()
	w.watchTurns()
}

// held proves that what a conversation grants is held by its agent.
func (w *world) held(id string, c conversation.Conversation, agentID, hold, as string, units bool) {
	h, ok := w.agents.states[agentID].Holds[hold]
	switch {
	case !ok:
		w.fail("AGT-1: %s is %s to %s, who holds nothing for it", id, as, agentID)
	case h.Conversation != id:
		w.fail("AGT-1: %s is %s by a hold of %s", id, as, h.Conversation)
	case !h.Slot:
		w.fail("AGT-2: %s is %s to %s without a session slot", id, as, agentID)
	case units && h.Units != c.Terms.Units:
		w.fail("AGT-1: %s is %s to %s with %d units of %d", id, as, agentID, h.Units, c.Terms.Units)
	}
}

// watchLines proves that one key has one conversation that is not over (CON-3).
func (w *world) watchLines() {
	going := map[string]string{}
	for id, events := range w.conversations.events {
		s, ok := events[0].(conversation.Started)
		if !ok {
			w.fail("%s begins with %T", id, events[0])
			continue
		}
		if w.conversations.states[id].Status.Over() {
			continue
		}
		if other := going[s.Line]; other != "" {
			w.fail("CON-3: %s and %s are both going on at %s", id, other, s.Line)
		}
		going[s.Line] = id
	}
}

// watchTurns proves that each routing event is a turn of its own, so that the
// name of a hold never comes back.
func (w *world) watchTurns() {
	f := w.facts[len(w.facts)-1]
	if f.Kind != "conversation" {
		return
	}
	turn := 0
	for _, e := range w.conversations.events[f.ID] {
		switch e.(type) {
		case conversation.Queued, conversation.Offered, conversation.OfferEnded, conversation.Engaged, conversation.Parked,
			conversation.Requeued, conversation.Ended, conversation.Closed:
			turn++
		}
	}
	if got := w.conversations.states[f.ID].Turn; got != turn {
		w.fail("%s counts turn %d after %d routing events", f.ID, got, turn)
	}
}

// quiet proves what must hold once all that follows is done.
func (w *world) quiet() {
	w.watch()
	for id, a := range w.agents.states {
		for hold, h := range a.Holds {
			c := w.conversations.states[h.Conversation]
			if !names1(c, hold) {
				w.fail("SWEEP: %s holds %s for %s, which is %s and knows nothing of it", id, hold, h.Conversation, c.Status)
			}
		}
		if len(a.Holds) == 0 && !a.Manual && a.Presence != agent.Available && a.Presence != agent.Offline && a.Presence != agent.Inactive {
			w.fail("AGT-4: %s holds nothing and is %s", id, a.Presence)
		}
		for hold, h := range a.Holds {
			if c := w.conversations.states[h.Conversation]; a.Lost && c.Offer != nil && c.Offer.Hold == hold && c.Offer.Replaces == "" {
				w.fail("RTE-5: %s lost his last device and is still offered %s", id, h.Conversation)
			}
		}
		if a.Disabled && len(a.Holds) > 0 {
			w.fail("AGT-6: %s is disabled and holds %+v", id, a.Holds)
		}
	}
	w.quietHolds()
	w.quietFollowers()
	w.quietTimers()
	w.quietParts()
	w.quietSentiment()
}

func names1(c conversation.Conversation, hold string) bool {
	return c.Offer != nil && c.Offer.Hold == hold || c.Primary.Hold == hold
}

// quietHolds proves that each hold was released exactly once when it was over.
func (w *world) quietHolds() {
	type count struct{ reserved, released, freed int }
	for id, events := range w.agents.events {
		counts := map[string]*count{}
		of := func(hold string) *count {
			if counts[hold] == nil {
				counts[hold] = &count{}
			}
			return counts[hold]
		}
		for _, e := range events {
			switch e := e.(type) {
			case agent.Reserved:
				of(e.Hold).reserved++
			case agent.UnitsReleased:
				of(e.Hold).released++
			case agent.SlotFreed:
				of(e.Hold).freed++
			}
		}
		for hold, n := range counts {
			h, open := w.agents.states[id].Holds[hold]
			switch {
			case n.reserved != 1:
				w.fail("%s reserved %s %d times", id, hold, n.reserved)
			case !open && (n.released != 1 || n.freed != 1):
				w.fail("AGT-1: %s released %s %d times and freed its slot %d times", id, hold, n.released, n.freed)
			case open && (n.freed != 0 || n.released != 0 && h.Units != 0 || n.released > 1):
				w.fail("AGT-1: %s is still held by %s: %+v", hold, id, n)
			}
		}
	}
}

// quietFollowers proves that notifications and sessions tell what the
// conversation decided.
func (w *world) quietFollowers() {
	for _, f := range w.facts {
		switch e := f.Event.(type) {
		case conversation.Offered:
			c, n := w.conversations.states[f.ID], w.notifications.states[e.Hold]
			stands := c.Offer != nil && c.Offer.Hold == e.Hold
			if !n.Raised && n.Outcome == "" || stands == (n.Outcome != "") {
				w.fail("NOT-6: the offer %s stands: %v, and its notification is %+v", e.Hold, stands, n)
			}
		case conversation.OfferEnded:
			if n := w.notifications.states[e.Hold]; n.Outcome != e.Outcome {
				w.fail("NOT-8: the offer %s was %s, and its notification says %q", e.Hold, e.Outcome, n.Outcome)
			}
		case conversation.Engaged:
			c, s := w.conversations.states[f.ID], w.sessions.states[e.Hold]
			if has := c.Primary.Hold == e.Hold; !s.Started && s.Closed == "" || has == (s.Closed != "") {
				w.fail("SES-2: %s has %s: %v, and the session is %+v", e.Agent, f.ID, has, s)
			}
			if n := w.notifications.states[e.Hold]; e.How == conversation.HowAccept && n.Outcome != "accepted" {
				w.fail("NOT-8: %s accepted, and the notification says %q", e.Agent, n.Outcome)
			}
		}
	}
}

// quietTimers proves that exactly the timers of the present state are armed.
func (w *world) quietTimers() {
	want := map[string]bool{}
	for id, c := range w.conversations.states {
		if c.Offer != nil {
			w.armed("offer/"+c.Offer.Hold, func(t domain.Timer) bool { return t.At.Equal(c.Offer.Deadline) })
			want["offer/"+c.Offer.Hold] = true
		}
		for _, part := range c.Participants {
			if part.Invited {
				w.armed("invite/"+part.ID, func(t domain.Timer) bool { return t.At.Equal(part.Deadline) })
				want["invite/"+part.ID] = true
			}
		}
		if !c.CloseAt.IsZero() {
			w.armed("close/"+id, func(t domain.Timer) bool { return t.At.Equal(c.CloseAt) })
			want["close/"+id] = true
		}
		if c.Status == conversation.StatusWrapUp && c.Terms.Block == domain.BlockFor {
			if w.agents.states[c.Primary.Agent].Holds[c.Primary.Hold].Units > 0 {
				w.armed("units/"+c.Primary.Hold, func(domain.Timer) bool { return true })
			}
			want["units/"+c.Primary.Hold] = true
		}
	}
	for id, a := range w.agents.states {
		if a.Lost {
			w.armed("gone/"+id, func(domain.Timer) bool { return true })
			want["gone/"+id] = true
		}
	}
	for key := range w.timers {
		if !want[key] {
			w.fail("the timer %s is armed for nothing", key)
		}
	}
}

func (w *world) armed(key string, right func(domain.Timer) bool) {
	if t, ok := w.timers[key]; !ok || !right(t) {
		w.fail("the timer %s is not armed rightly: %+v", key, t)
	}
}
