package visitor

import (
	"time"

	"parley/domain"
)

// InvitationLasts is how long an unanswered invitation stands: exactly sixty
// seconds, and nobody can configure it (PRO-5).
const InvitationLasts = 60 * time.Second

// How an invitation ended.
const (
	InvitationAcceptedOutcome = "accepted"
	InvitationDismissed       = "dismissed"
	InvitationExpired         = "expired"
	InvitationWithdrawn       = "withdrawn"
)

// Refusals of invitations.
var (
	ErrInvitationPending = domain.Refuse("invitation_pending", "PRO-5", "an invitation stands already: one at a time")
	ErrInvitationExpired = domain.Refuse("invitation_expired", "PRO-5", "the invitation's sixty seconds are over")
	ErrInvitationEnded   = domain.Refuse("invitation_ended", "PRO-5", "the invitation is over")
)

// Invite offers a chat to the visitor.
type Invite struct {
	ID      string
	Rule    string
	Message domain.Personal
	Page    domain.Personal // where the visitor is
	OnPage  domain.Seconds  // how long already
	At      time.Time
}

// Decide lets one invitation stand at a time.
func (cmd Invite) Decide(v Visitor) ([]Event, error) {
	switch {
	case v.ID == "":
		return nil, ErrUnknown
	case !domain.ValidID(cmd.ID):
		return nil, domain.Invalid("id", "an invitation needs an id")
	case v.Invitation.ID == cmd.ID:
		return nil, nil
	case v.Invitation.ID != "" && v.Invitation.Outcome == "" && cmd.At.Before(v.Invitation.Deadline):
		return nil, ErrInvitationPending.With("invitation", v.Invitation.ID)
	case cmd.Message == "":
		return nil, domain.Invalid("message", "an invitation says something")
	}
	var events []Event
	if v.Invitation.ID != "" && v.Invitation.Outcome == "" {
		// The one before ran out and its timer has not come: it closes first.
		events = append(events, InvitationEnded{Visitor: v.ID, ID: v.Invitation.ID, Outcome: InvitationExpired})
	}
	return append(events, Invited{
		Visitor: v.ID, Widget: v.Widget, ID: cmd.ID, Rule: cmd.Rule, Message: cmd.Message, Page: cmd.Page, OnPage: cmd.OnPage,
		Deadline: cmd.At.Add(InvitationLasts),
	}), nil
}

// Invited says that a chat is offered to the visitor.
type Invited struct {
	Visitor  string          `json:"visitor"`
	Widget   string          `json:"widget"`
	ID       string          `json:"id"`
	Rule     string          `json:"rule,omitempty"`
	Message  domain.Personal `json:"message"`
	Page     domain.Personal `json:"page,omitempty"`
	OnPage   domain.Seconds  `json:"onPage,omitempty"`
	Deadline time.Time       `json:"deadline"`
}

func (e Invited) apply(v *Visitor) { v.Invitation = Invitation{ID: e.ID, Deadline: e.Deadline} }

// AcceptInvitation starts the chat: the line is taken with the opening, and
// After is the conversation seen on it that is over.
type AcceptInvitation struct {
	ID      string
	Line    string
	After   string
	Opening domain.Opening
	At      time.Time
}

// Decide lets exactly one of accept, dismiss, expire and withdraw win.
func (cmd AcceptInvitation) Decide(v Visitor) ([]Event, error) {
	if v.Invitation.ID == cmd.ID && v.Invitation.Outcome == InvitationAcceptedOutcome {
		return nil, nil
	}
	if err := v.stands(cmd.ID); err != nil {
		return nil, err
	}
	if !cmd.At.Before(v.Invitation.Deadline) {
		return nil, ErrInvitationExpired
	}
	if err := cmd.Opening.Check(); err != nil {
		return nil, err
	}
	return []Event{InvitationAccepted{Visitor: v.ID, ID: cmd.ID, Line: cmd.Line, After: cmd.After, Opening: cmd.Opening}}, nil
}

func (v Visitor) stands(id string) error {
	switch {
	case v.ID == "":
		return ErrUnknown
	case v.Invitation.ID != id, v.Invitation.Outcome != "":
		if v.Invitation.Outcome == InvitationExpired {
			return ErrInvitationExpired
		}
		return ErrInvitationEnded.With("outcome", v.Invitation.Outcome)
	}
	return nil
}

// InvitationAccepted says that the visitor wants to talk.
type InvitationAccepted struct {
	Visitor string         `json:"visitor"`
	ID      string         `json:"id"`
	Line    string         `json:"line"`
	After   string         `json:"after,omitempty"`
	Opening domain.Opening `json:"opening"`
}

func (e InvitationAccepted) apply(v *Visitor) { v.Invitation.Outcome = InvitationAcceptedOutcome }

// EndInvitation dismisses, expires or withdraws it. Expiring asks for the
// deadline to be past.
type EndInvitation struct {
	ID      string
	Outcome string
	At      time.Time
}

// Decide keeps the first outcome; a timer that comes late is no refusal. After
// sixty seconds nothing but the expiry is left, though its timer be late.
func (cmd EndInvitation) Decide(v Visitor) ([]Event, error) {
	err := v.stands(cmd.ID)
	switch cmd.Outcome {
	case InvitationExpired:
		if err != nil || cmd.At.Before(v.Invitation.Deadline) {
			return nil, nil
		}
	case InvitationDismissed, InvitationWithdrawn:
		switch {
		case v.Invitation.ID == cmd.ID && v.Invitation.Outcome == cmd.Outcome:
			return nil, nil
		case err != nil:
			return nil, err
		case !cmd.At.Before(v.Invitation.Deadline):
			return nil, ErrInvitationExpired
		}
	default:
		return nil, domain.Invalid("outcome", "give dismissed, expired or withdrawn")
	}
	return []Event{InvitationEnded{Visitor: v.ID, ID: cmd.ID, Outcome: cmd.Outcome}}, nil
}

// Talk withdraws the invitation that stands, since a conversation began on the
// widget (PRO-5). One that was made after it is none of its business.
type Talk struct {
	Widget string
	At     time.Time // when it began
}

// Decide leaves alone what was accepted: the conversation began with it.
func (cmd Talk) Decide(v Visitor) ([]Event, error) {
	i := v.Invitation
	switch {
	case i.ID == "", i.Outcome != "", v.Widget != cmd.Widget, i.Deadline.Add(-InvitationLasts).After(cmd.At):
		return nil, nil
	case !cmd.At.Before(i.Deadline):
		return nil, nil // it is over: its timer says so
	}
	return []Event{InvitationEnded{Visitor: v.ID, ID: i.ID, Outcome: InvitationWithdrawn}}, nil
}

// InvitationEnded says that the invitation came to nothing.
type InvitationEnded struct {
	Visitor string `json:"visitor"`
	ID      string `json:"id"`
	Outcome string `json:"outcome"`
}

func (e InvitationEnded) apply(v *Visitor) { v.Invitation.Outcome = e.Outcome }
