package audit

import (
	"parley/domain"
	"parley/domain/agent"
	"parley/domain/conversation"
)

// desk is an agent and what he holds, as the log says up to the record at hand.
type desk struct{ state agent.Agent }

// hold is room that an agent reserved for a conversation, and all that is to
// follow from it.
type hold struct {
	name, agent, conversation string
	turn, units               int

	reserved  moment
	held      bool   // the units
	slot      bool   // the session's slot
	named     bool   // the conversation names it now
	unnamed   moment // since when the conversation names it no more
	offered   moment
	offerOver moment // the offer was answered, or ended
	engaged   moment
	left      moment // the agent has the conversation no more
	toast     bool

	raised, resolved moment // its notification
	started, closed  moment // its session
}

// agent looks at what happened to an agent: room is reserved once, by its own
// name, within the units when nobody forced it, and given back once (AGT-1,
// AGT-2).
func (a *audit) agent(f domain.Fact) {
	d := a.agents[f.ID]
	if d == nil {
		d = &desk{}
		a.agents[f.ID] = d
	}
	e, ok := f.Event.(agent.Event)
	if !ok {
		a.find("decode", "%T is no event of an agent", f.Event)
		return
	}
	switch e := e.(type) {
	case agent.Reserved:
		a.reserve(d, f.ID, e)
		return
	case agent.UnitsReleased:
		h, ok := d.state.Holds[e.Hold]
		switch {
		case !ok || h.Units == 0 && h.Profile == "":
			a.find("units_once", "it releases units of %s, which holds none", e.Hold)
		case h.Units != e.Units:
			a.find("units_whole", "it releases %d of the %d units of %s", e.Units, h.Units, e.Hold)
		}
		if c := a.naming(e.Hold); c != nil && (c.state.Status != conversation.StatusWrapUp || c.state.Terms.Block == domain.BlockAlways) {
			a.find("hold_early", "conversation-%s is %s by %s, whose units are released", e.Conversation, c.state.Status, e.Hold)
		}
		a.ended(e.Hold, func(h *hold) { h.held = false })
	case agent.SlotFreed:
		if h, ok := d.state.Holds[e.Hold]; !ok || !h.Slot {
			a.find("slot_once", "it frees the slot of %s, which has none", e.Hold)
		}
		if c := a.naming(e.Hold); c != nil {
			a.find("hold_early", "conversation-%s is %s by %s, whose slot is freed", e.Conversation, c.state.Status, e.Hold)
		}
		a.ended(e.Hold, func(h *hold) { h.slot = false })
	}
	agent.Kind.Apply(&d.state, e)
}

func (a *audit) reserve(d *desk, id string, e agent.Reserved) {
	if _, twice := d.state.Holds[e.Hold]; twice || a.holds[e.Hold] != nil || a.before(e) {
		a.find("hold_once", "%s is reserved a second time", e.Hold)
	}
	if e.Purpose != agent.PurposeTake && e.Hold != domain.Hold(e.Conversation, e.Turn, id) { // a take-over is named after the part as well
		a.find("hold_name", "%s is not the name of agent %s's hold on conversation %s at turn %d", e.Hold, id, e.Conversation, e.Turn)
	}
	agent.Kind.Apply(&d.state, e)
	if held := d.state.Held(); !e.Forced && held > d.state.Units {
		a.find("capacity", "%d units of %d are held after an assignment that nobody forced", held, d.state.Units)
	}
	if n := d.state.Sessions(); n > agent.MaxSessions {
		a.find("slots", "%d sessions are held, %d at most", n, agent.MaxSessions)
	}
	a.holds[e.Hold] = &hold{
		name: e.Hold, agent: id, conversation: e.Conversation, turn: e.Turn, units: e.Units,
		reserved: a.now, unnamed: a.now, held: e.Units > 0, slot: true,
	}
	if c := a.conversations[e.Conversation]; c != nil {
		c.open[e.Hold] = true
	}
}

// before tells that a hold of this name was there before, in a conversation
// that goes on.
func (a *audit) before(e agent.Reserved) bool {
	c := a.conversations[e.Conversation]
	return c != nil && c.former[e.Hold]
}

// naming gives the conversation that names a hold now; nil when none does.
func (a *audit) naming(name string) *talk {
	h := a.holds[name]
	if h == nil || !h.named {
		return nil
	}
	return a.conversations[h.conversation]
}

// ended notes that a part of a hold is over, and forgets the hold when nothing
// of it is to come.
func (a *audit) ended(name string, note func(*hold)) {
	if h := a.holds[name]; h != nil {
		note(h)
		a.forget(h)
	}
}

// forget drops a hold of which nothing is to come any more, and then perhaps
// its conversation.
func (a *audit) forget(h *hold) {
	switch {
	case h.named, h.held, h.slot:
		return
	case h.offered.is() && !h.resolved.is(), h.engaged.is() && !h.closed.is():
		return
	case h.toast && !h.raised.is():
		return
	}
	delete(a.holds, h.name)
	if c := a.conversations[h.conversation]; c != nil {
		delete(c.open, h.name)
		c.former[h.name] = true
		a.leave(h.conversation, c)
	}
}

// leave forgets a conversation that is closed and holds nobody.
func (a *audit) leave(id string, c *talk) {
	if c.state.Status == conversation.StatusClosed && len(c.open) == 0 {
		delete(a.conversations, id)
		a.closed.keep(id, c)
	}
}
