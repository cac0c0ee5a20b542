package policy

import (
	"time"

	"parley/domain"
	"parley/domain/agent"
	"parley/domain/conversation"
	"parley/domain/visitor"
)

// GraceKey begins the key of the timer of an agent who lost his last feed.
const GraceKey = "gone/"

// Due tells which timers a fact arms, and which it cancels (product.md §11),
// from the terms in the event alone. What was imported arms nothing.
func Due(f domain.Fact) []domain.Timer {
	if f.Imported {
		return nil
	}
	switch e := f.Event.(type) {
	case conversation.Queued:
		return []domain.Timer{closing(f.ID, e.CloseAt)}
	case conversation.MessageReceived:
		return []domain.Timer{closing(f.ID, e.CloseAt)}
	case conversation.MessageSent:
		return []domain.Timer{closing(f.ID, e.CloseAt)}
	case conversation.Parked:
		return inviteOver([]domain.Timer{closing(f.ID, e.CloseAt)}, e.Leaving...)
	case conversation.Requeued:
		return inviteOver(append(offerOver(e.Offer), closing(f.ID, e.CloseAt)), e.Leaving...)
	case conversation.Invited:
		return []domain.Timer{{Key: inviteKey + e.ID, At: e.Deadline, Intent: domain.Intent{
			Kind: kindConversation, ID: f.ID, Command: conversation.ExpireInvite{ID: e.ID, At: e.Deadline},
		}}}
	case conversation.InviteEnded:
		return []domain.Timer{{Key: inviteKey + e.ID}}
	case conversation.Joined:
		if e.How == conversation.HowAccept {
			return []domain.Timer{{Key: inviteKey + e.ID}}
		}
	case conversation.Offered:
		return []domain.Timer{{Key: "offer/" + e.Hold, At: e.Deadline, Intent: domain.Intent{
			Kind: kindConversation, ID: f.ID, Command: conversation.Expire{Hold: e.Hold, At: e.Deadline},
		}}}
	case conversation.OfferEnded:
		return offerOver(e.Hold)
	case conversation.Engaged:
		return inviteOver(append(offerOver(e.Hold), closing(f.ID, e.CloseAt)), e.Leaving...)
	case conversation.Ended:
		timers := inviteOver(append(offerOver(e.Offer), closing(f.ID, e.CloseAt)), e.Leaving...)
		if e.UnitsFreeAt.After(e.At) {
			timers = append(timers, domain.Timer{Key: "units/" + e.Hold, At: e.UnitsFreeAt, Intent: domain.Intent{
				Kind: kindAgent, ID: e.Agent, Command: agent.Release{Hold: e.Hold, Why: "wrap_up", UnitsOnly: true},
			}})
		}
		return timers
	case conversation.Closed:
		timers := inviteOver(append(offerOver(e.Offer), closing(f.ID, time.Time{})), e.Leaving...)
		if e.Hold != "" {
			timers = append(timers, domain.Timer{Key: "units/" + e.Hold})
		}
		return timers
	case agent.Disconnected:
		if e.Last {
			return []domain.Timer{{Key: GraceKey + e.Agent, At: grace(e.Grace).After(f.At), Intent: domain.Intent{
				Kind: kindAgent, ID: e.Agent, Command: agent.Vanish{Loss: e.Loss},
			}}}
		}
	case agent.Connected:
		return []domain.Timer{{Key: GraceKey + e.Agent}}
	case agent.SignedOut:
		return []domain.Timer{{Key: GraceKey + e.Agent}}
	case agent.Gone:
		return []domain.Timer{{Key: GraceKey + e.Agent}}
	case visitor.Invited:
		return []domain.Timer{{Key: "invitation/" + e.ID, At: e.Deadline, Intent: domain.Intent{
			Kind: kindVisitor, ID: f.ID, Command: visitor.EndInvitation{ID: e.ID, Outcome: visitor.InvitationExpired, At: e.Deadline},
		}}}
	case visitor.InvitationAccepted:
		return []domain.Timer{{Key: "invitation/" + e.ID}}
	case visitor.InvitationEnded:
		return []domain.Timer{{Key: "invitation/" + e.ID}}
	}
	return nil
}

// grace is how long an agent may take to come back.
func grace(s domain.Seconds) domain.Seconds {
	if s == 0 {
		return agent.Grace
	}
	return s
}

// closing is the auto-close timer of a conversation: each of its events says
// when it falls due from then on, or that it does not.
func closing(id string, at time.Time) domain.Timer {
	return domain.Timer{Key: "close/" + id, At: at, Intent: domain.Intent{
		Kind: kindConversation, ID: id, Command: conversation.TimeOut{Due: at, At: at},
	}}
}

func offerOver(hold string) []domain.Timer {
	if hold == "" {
		return nil
	}
	return []domain.Timer{{Key: "offer/" + hold}}
}
