package policy

import (
	"parley/domain"
	"parley/domain/conversation"
	"parley/domain/notification"
	"parley/domain/session"
)

// inviteKey begins the key of the timer of an invitation.
const inviteKey = "invite/"

// takePart shows invitations, opens and closes the sessions of those who take
// part beside the primary, and tells agents what became of what was theirs
// (CON-5, PER-8).
func takePart(f domain.Fact) []domain.Intent {
	tell := func(agent, conversationID, scenario, of string) []domain.Intent {
		return []domain.Intent{toast(domain.Derive("toast", f.EventID), agent, conversationID, "", scenario, of, 0, f.At, nil)}
	}
	switch e := f.Event.(type) {
	case conversation.Invited:
		return []domain.Intent{to(kindNotification, e.ID, notification.Raise{
			Agent: e.Agent, Conversation: e.Conversation, Subject: e.Subject, Form: notification.FormAlert, Scenario: domain.ScenarioConsult,
			Title: notification.Untitled, Since: e.At, Deadline: e.Deadline, Template: e.Template,
		})}
	case conversation.InviteEnded:
		return []domain.Intent{resolveInvite(e.ID, e.Agent, e.Conversation, e.Outcome)}
	case conversation.Joined:
		return joined(e)
	case conversation.Left:
		return []domain.Intent{partOver(e.ID, e.Agent, e.Conversation, "left")}
	case conversation.Monitored:
		return []domain.Intent{partSession(e.ID, e.Agent, conversation.AsMonitor, e.Conversation, conversation.AsMonitor)}
	case conversation.MonitorLeft:
		return []domain.Intent{partOver(e.ID, e.Agent, e.Conversation, "left")}
	case conversation.CustomerPresent:
		return tell(e.Agent, e.Conversation, domain.ScenarioPresent, "")
	case conversation.OfferEnded:
		if e.Keeper != "" && e.Outcome != conversation.OutcomeWithdrawn {
			return tell(e.Keeper, e.Conversation, domain.ScenarioTransferFailed, e.KeeperHold)
		}
	case conversation.Engaged:
		return partsOver(e.Leaving, e.Conversation, "primary_changed")
	case conversation.Ended:
		return partsOver(e.Leaving, e.Conversation, "ended")
	case conversation.Parked:
		return partsOver(e.Leaving, e.Conversation, "parked")
	case conversation.Requeued:
		return partsOver(e.Leaving, e.Conversation, e.Reason)
	case conversation.Closed:
		intents := partsOver(e.Leaving, e.Conversation, "closed")
		if e.Reason != conversation.ReasonSupervisorClosed {
			return intents
		}
		if e.Agent != "" && f.Actor.ID != e.Agent {
			intents = append(intents, tell(e.Agent, e.Conversation, domain.ScenarioClosed, "")...)
		}
		for _, p := range e.Leaving { // the participants are told as well (SUP-1)
			if !p.Invited && p.As != conversation.AsMonitor && f.Actor.ID != p.Agent {
				intents = append(intents, toast(domain.Derive("toast", f.EventID, p.ID), p.Agent, e.Conversation, "", domain.ScenarioClosed, "", 0, f.At, nil))
			}
		}
		return intents
	}
	return nil
}

// joined opens the session of who takes part from now on.
func joined(e conversation.Joined) []domain.Intent {
	intents := []domain.Intent{partSession(e.ID, e.Agent, e.As, e.Conversation, e.How)}
	switch e.How {
	case conversation.HowAccept:
		intents = append(intents, resolveInvite(e.ID, e.Agent, e.Conversation, notification.OutcomeAccepted))
	case conversation.HowAuto:
		intents = append(intents, toast(e.ID, e.Agent, e.Conversation, e.Subject, domain.ScenarioConsult, e.ID, 0, e.At, e.Template))
	}
	if e.Monitor != "" {
		intents = append(intents, partOver(e.Monitor, e.Agent, e.Conversation, "joined"))
	}
	return intents
}

func resolveInvite(id, agent, conversationID, outcome string) domain.Intent {
	return to(kindNotification, id, notification.Resolve{Agent: agent, Conversation: conversationID, Outcome: outcome})
}

func partSession(id, agent, as, conversationID, how string) domain.Intent {
	return to(kindSession, id, session.Start{Agent: agent, Form: as, Conversation: conversationID, How: how})
}

func partOver(id, agent, conversationID, why string) domain.Intent {
	return to(kindSession, id, session.Close{Agent: agent, Conversation: conversationID, Why: why})
}

// partsOver ends the parts of many: invitations are withdrawn, sessions closed.
func partsOver(all []conversation.Participant, conversationID, why string) []domain.Intent {
	var intents []domain.Intent
	for _, p := range all {
		if p.Invited {
			intents = append(intents, resolveInvite(p.ID, p.Agent, conversationID, notification.OutcomeWithdrawn))
			continue
		}
		intents = append(intents, partOver(p.ID, p.Agent, conversationID, why))
	}
	return intents
}

// inviteOver cancels the timers of invitations.
func inviteOver(timers []domain.Timer, all ...conversation.Participant) []domain.Timer {
	for _, p := range all {
		if p.Invited {
			timers = append(timers, domain.Timer{Key: inviteKey + p.ID})
		}
	}
	return timers
}
