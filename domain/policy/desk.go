package policy

import (
	"strconv"
	"time"

	"parley/domain"
	"parley/domain/conversation"
	"parley/domain/notification"
	"parley/domain/session"
)

// toast tells an agent something; of is the session that selecting it opens.
func toast(id, agent, conversationID, subject, scenario, of string, number int, at time.Time, t *domain.Template) domain.Intent {
	show := domain.ToastTime
	if t != nil {
		show = t.ShowSeconds
	}
	title := notification.Untitled
	if number > 0 {
		title = visitorTitle(number)
	}
	return to(kindNotification, id, notification.Raise{
		Agent: agent, Conversation: conversationID, Subject: subject, Form: notification.FormToast, Scenario: scenario, Title: title,
		Since: at, ShowSeconds: show, Template: t, Of: of,
	})
}

// notify shows each offer to its agent, tells him how it ended, and lets the
// conversation know that it reached him.
func notify(f domain.Fact) []domain.Intent {
	resolve := func(hold, agent, conversationID, outcome string) []domain.Intent {
		if hold == "" {
			return nil
		}
		return []domain.Intent{to(kindNotification, hold, notification.Resolve{Agent: agent, Conversation: conversationID, Outcome: outcome})}
	}
	switch e := f.Event.(type) {
	case conversation.Offered:
		return []domain.Intent{to(kindNotification, e.Hold, notification.Raise{
			Agent: e.Agent, Conversation: e.Conversation, Subject: e.Subject, Form: notification.FormAlert, Scenario: e.Scenario,
			Title: visitorTitle(e.VisitorNumber), Since: e.Since, Deadline: e.Deadline, Template: e.Template,
		})}
	case conversation.Engaged:
		switch e.How {
		case conversation.HowAccept:
			return resolve(e.Hold, e.Agent, e.Conversation, notification.OutcomeAccepted)
		case conversation.HowAssign:
			return []domain.Intent{toast(e.Hold, e.Agent, e.Conversation, e.Subject, notification.ScenarioAssigned, e.Hold, e.VisitorNumber, e.At, nil)}
		case conversation.HowAuto:
			return []domain.Intent{toast(e.Hold, e.Agent, e.Conversation, e.Subject, e.Scenario, e.Hold, e.VisitorNumber, e.At, e.Template)}
		}
	case conversation.OfferEnded:
		return resolve(e.Hold, e.Agent, e.Conversation, e.Outcome)
	case conversation.Requeued:
		return resolve(e.Offer, e.OfferAgent, e.Conversation, notification.OutcomeWithdrawn)
	case conversation.Ended:
		return resolve(e.Offer, e.OfferAgent, e.Conversation, notification.OutcomeWithdrawn)
	case conversation.Closed:
		return resolve(e.Offer, e.OfferAgent, e.Conversation, notification.OutcomeWithdrawn)
	case notification.Delivered:
		if e.First {
			return []domain.Intent{to(kindConversation, e.Conversation, conversation.Deliver{Hold: f.ID})}
		}
	}
	return nil
}

// visitorTitle names a customer of whom no record is linked (SES-9).
func visitorTitle(n int) string { return "Visitor " + strconv.Itoa(n) }

// workspace opens the session of whoever became primary, and closes that of
// whoever is so no more (SES-2).
func workspace(f domain.Fact) []domain.Intent {
	closed := func(hold, agent, conversationID, why string) []domain.Intent {
		if hold == "" {
			return nil
		}
		return []domain.Intent{to(kindSession, hold, session.Close{Agent: agent, Conversation: conversationID, Why: why})}
	}
	switch e := f.Event.(type) {
	case conversation.Engaged:
		return append([]domain.Intent{to(kindSession, e.Hold, session.Start{
			Agent: e.Agent, Form: session.FormConversation, Conversation: e.Conversation, VisitorNumber: e.VisitorNumber, How: e.How,
		})}, closed(e.Replaces, e.Former, e.Conversation, "transferred")...)
	case conversation.Parked:
		return closed(e.Hold, e.Agent, e.Conversation, "parked")
	case conversation.Requeued:
		return closed(e.Hold, e.Agent, e.Conversation, e.Reason)
	case conversation.Closed:
		return closed(e.Hold, e.Agent, e.Conversation, "closed")
	}
	return nil
}
