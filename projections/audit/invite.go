package audit

import (
	"slices"

	"parley/domain/conversation"
)

// invite is an invitation of which something is still to come: an alert, or the
// toast of an agent who was not asked.
type invite struct {
	agent                         string
	begun, raised, over, resolved moment
}

func (i *invite) began() moment { return i.begun }

// invitations follows who was invited to take part (CON-5).
func (a *audit) invitations(before conversation.Conversation, e conversation.Event) {
	end := func(id string) {
		if i := a.invites[id]; i != nil {
			i.over = a.now
			a.forgetInvite(id)
		}
	}
	switch e := e.(type) {
	case conversation.Invited:
		a.invites[e.ID] = &invite{agent: e.Agent, begun: a.now}
	case conversation.Joined:
		switch e.How {
		case conversation.HowAuto:
			a.invites[e.ID] = &invite{agent: e.Agent, begun: a.now, over: a.now, resolved: a.now}
		case conversation.HowAccept:
			end(e.ID)
		}
	case conversation.InviteEnded:
		end(e.ID)
	case conversation.Engaged, conversation.Ended, conversation.Parked, conversation.Requeued, conversation.Closed:
		after := before
		conversation.Kind.Apply(&after, e)
		for _, p := range before.Participants {
			if !slices.ContainsFunc(after.Participants, func(q conversation.Participant) bool { return q.ID == p.ID }) {
				end(p.ID)
			}
		}
	}
}

// forgetInvite drops an invitation of which nothing is to come any more.
func (a *audit) forgetInvite(id string) {
	if i := a.invites[id]; i.over.is() && i.resolved.is() {
		delete(a.invites, id)
	}
}
