package audit

import (
	"parley/domain"
	"parley/domain/notification"
	"parley/domain/session"
	"parley/eventstore"
)

// follower looks at sessions and notifications, which follow the conversation
// and carry the name of the hold they are about.
func (a *audit) follower(r eventstore.Record, f domain.Fact) {
	h := a.holds[f.ID]
	switch e := f.Event.(type) {
	case notification.Raised:
		switch {
		case r.Revision != 0:
			a.find("begun_late", "it is raised after it was resolved")
		case e.Scenario == domain.ScenarioConsult:
			if i := a.invites[f.ID]; i == nil {
				a.find("notification", "it is raised for %s, to which nobody was invited", f.ID)
			} else {
				i.raised = a.now
				a.forgetInvite(f.ID)
			}
		case e.Form == notification.FormToast && e.Scenario != notification.ScenarioAssigned && !domain.Asks(e.Scenario): // news
		case h == nil || !h.offered.is() && !h.engaged.is():
			a.find("notification", "it is raised for %s, which nobody offered or assigned", f.ID)
		default:
			h.raised = a.now
		}
	case notification.Resolved:
		if i := a.invites[f.ID]; i != nil {
			if !i.over.is() {
				a.find("notification", "it is resolved as %s while the invitation stands", e.Outcome)
			}
			i.resolved = a.now
			a.forgetInvite(f.ID)
		}
		if h == nil {
			return
		}
		if h.offered.is() && !h.offerOver.is() {
			a.find("notification", "it is resolved as %s while the offer stands", e.Outcome)
		}
		h.resolved = a.now
	case session.Started:
		switch {
		case e.Form != session.FormConversation:
			return
		case r.Revision != 0:
			a.find("begun_late", "it is started after it was closed")
		case r.Imported:
		case h == nil || !h.engaged.is():
			a.find("session", "it is started for %s, by which nobody is engaged", f.ID)
		default:
			h.started = a.now
		}
	case session.Closed:
		if h == nil {
			return
		}
		if h.engaged.is() && !h.left.is() {
			a.find("session", "it is closed while agent %s has the conversation", h.agent)
		}
		h.closed = a.now
	}
	if h != nil {
		a.forget(h)
	}
}

// end looks at what is open at the end of the log. What began within the grace
// may still be on its way.
func (a *audit) end() {
	for _, w := range sorted(a.awaited) {
		if a.old(w.taken) {
			a.findAt(w.taken, "unstarted", "the conversation that took it was never started")
		}
	}
	for _, h := range sorted(a.holds) {
		a.endHold(h)
	}
	for _, i := range sorted(a.invites) {
		switch {
		case a.old(i.begun) && !i.raised.is() && !i.resolved.is():
			a.findAt(i.begun, "notification", "the invitation of agent %s was never shown to him", i.agent)
		case i.over.is() && a.old(i.over) && !i.resolved.is():
			a.findAt(i.over, "notification", "the invitation of agent %s is over, and he was not told", i.agent)
		}
	}
}

func (a *audit) endHold(h *hold) {
	if !h.named && a.old(h.unnamed) {
		switch {
		case h.held && h.slot:
			a.findAt(h.reserved, "leftover", "%s is held for conversation %s, which names it no more", h.name, h.conversation)
		case h.held:
			a.findAt(h.reserved, "leftover", "the units of %s are held for conversation %s, which names it no more", h.name, h.conversation)
		case h.slot:
			a.findAt(h.reserved, "leftover", "the slot of %s is held for conversation %s, which names it no more", h.name, h.conversation)
		}
	}
	owed := func(since moment, done bool, rule, format string) {
		if since.is() && !done && a.old(since) {
			a.findAt(since, rule, format, h.name, h.agent)
		}
	}
	owed(h.offered, h.raised.is() || h.resolved.is(), "notification", "the offer %s was never shown to agent %s")
	owed(h.offerOver, h.resolved.is(), "notification", "the offer %s is over, and agent %s was not told")
	owed(h.engaged, h.started.is() || h.closed.is(), "session", "%s has no session of agent %s")
	owed(h.left, h.closed.is(), "session", "the session %s of agent %s is open, and he has the conversation no more")
	if h.toast {
		owed(h.engaged, h.raised.is(), "notification", "the assignment %s was never shown to agent %s")
	}
}
