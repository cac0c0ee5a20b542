package conversation

import (
	"time"

	"parley/domain"
)

// End reasons, recorded exactly so that every definition of "abandoned" can be
// computed (CON-4).
const (
	ReasonAgentEnded       = "agent_ended"
	ReasonCustomerEnded    = "customer_ended"
	ReasonDisconnected     = "customer_disconnected"
	ReasonAbandoned        = "abandoned"
	ReasonAutoClosed       = "auto_closed"
	ReasonSupervisorClosed = "supervisor_closed"
	ReasonSpam             = "spam"
	ReasonImported         = "imported"
	ReasonOverflow         = "overflow"
	ReasonOutsideHours     = "outside_hours"
)

// ErrEndRefused refuses the customer's End where only the agent ends (PER-4).
var ErrEndRefused = domain.Refuse("end_refused_persistent", "PER-4", "only the agent ends this conversation: closing the widget keeps it as it is")

// End is the agent's End: the customer is gone, the agent wraps up.
type End struct {
	Agent  string
	Reason string // ReasonAgentEnded when empty; an import gives the source's
	At     time.Time
}

// Decide lets the primary agent end what is engaged.
func (cmd End) Decide(c Conversation) ([]Event, error) {
	if err := c.live(); err != nil {
		return nil, err
	}
	switch {
	case c.Status == StatusWrapUp && c.Primary.Agent == cmd.Agent:
		return nil, nil
	case c.Status != StatusEngaged:
		return nil, c.standing(ErrNotEngaged)
	case c.Primary.Agent != cmd.Agent:
		return nil, c.standing(ErrNotYours)
	}
	reason := cmd.Reason
	if reason == "" {
		reason = ReasonAgentEnded
	}
	return []Event{c.end(reason, cmd.At)}, nil
}

// Leave is the customer's End. Disconnected tells that he stayed away past the
// reconnect limit.
type Leave struct {
	Disconnected bool
	At           time.Time
}

// Decide ends a live chat by the customer's word, and no other.
func (cmd Leave) Decide(c Conversation) ([]Event, error) {
	if err := c.live(); err != nil {
		return nil, err
	}
	switch {
	case c.Status == StatusWrapUp:
		return nil, nil
	case c.Mode != domain.ModeLive:
		return nil, ErrEndRefused
	case c.Status == StatusEngaged && cmd.Disconnected:
		return []Event{c.end(ReasonDisconnected, cmd.At)}, nil
	case c.Status == StatusEngaged:
		return []Event{c.end(ReasonCustomerEnded, cmd.At)}, nil
	}
	return []Event{c.close(ReasonAbandoned, nil)}, nil
}

func (c Conversation) end(reason string, at time.Time) Ended {
	e := Ended{
		Conversation: c.ID, Hold: c.Primary.Hold, Agent: c.Primary.Agent, Reason: reason, At: at,
		CloseAt: c.Terms.CloseWrapUp.After(at), Leaving: c.leaving(false, ""),
	}
	switch c.Terms.Block {
	case domain.BlockNever:
		e.UnitsFreeAt = at
	case domain.BlockFor:
		e.UnitsFreeAt = at.Add(c.Terms.BlockSeconds.Duration())
	}
	if !e.CloseAt.IsZero() && e.UnitsFreeAt.After(e.CloseAt) {
		e.CloseAt = e.UnitsFreeAt // wrap-up ends at the later of its timer and its block (AGT-1)
	}
	if c.Offer != nil {
		e.Offer, e.OfferAgent = c.Offer.Hold, c.Offer.Agent
	}
	return e
}

// Ended says that talking is over and wrap-up began.
type Ended struct {
	Conversation string    `json:"conversation"`
	Hold         string    `json:"hold"`
	Agent        string    `json:"agent"`
	Reason       string    `json:"reason"`
	At           time.Time `json:"at"`
	// UnitsFreeAt is when wrap-up stops blocking the agent's units; zero means
	// at the close (AGT-1).
	UnitsFreeAt time.Time `json:"unitsFreeAt,omitzero"`
	Offer       string    `json:"offer,omitempty"` // the transfer offer that ends with it
	OfferAgent  string    `json:"offerAgent,omitempty"`
	CloseAt     time.Time `json:"closeAt,omitzero"`
	// Leaving are the participants whose part ends with it (CON-5).
	Leaving []Participant `json:"leaving,omitempty"`
}

func (e Ended) apply(c *Conversation) {
	c.drop(e.Leaving)
	c.Status, c.Turn, c.Closed, c.CloseAt = StatusWrapUp, c.Turn+1, e.Reason, e.CloseAt
	c.withdrawn(e.Offer, e.OfferAgent)
}

// ForceClose closes at once, without wrap-up: a supervisor, or spam.
type ForceClose struct {
	Reason string // ReasonSupervisorClosed or ReasonSpam
}

// Decide closes whatever is not closed.
func (cmd ForceClose) Decide(c Conversation) ([]Event, error) {
	switch {
	case c.Status == StatusNone:
		return nil, ErrUnknown
	case c.Status == StatusClosed:
		return nil, nil
	case cmd.Reason != ReasonSupervisorClosed && cmd.Reason != ReasonSpam && cmd.Reason != ReasonImported:
		return nil, domain.Invalid("reason", "give supervisor_closed or spam")
	}
	return []Event{c.close(cmd.Reason, nil)}, nil
}

// TimeOut closes when the auto-close timer of the present status falls due
// (product.md §11). Due is the time it was armed for.
type TimeOut struct {
	Due time.Time
	At  time.Time
}

// Decide recomputes what is due and ignores a stale timer.
func (cmd TimeOut) Decide(c Conversation) ([]Event, error) {
	if c.Status == StatusNone || c.Status == StatusClosed || c.CloseAt.IsZero() || !c.CloseAt.Equal(cmd.Due) || cmd.At.Before(cmd.Due) {
		return nil, nil
	}
	if c.Status == StatusWrapUp {
		return []Event{c.close(c.Closed, []string{"none"})}, nil
	}
	return []Event{c.close(ReasonAutoClosed, nil)}, nil
}

func (c Conversation) close(reason string, disposition []string) Closed {
	e := Closed{Conversation: c.ID, Reason: reason, From: c.Status, Hold: c.Primary.Hold, Agent: c.Primary.Agent, Disposition: disposition, Leaving: c.leaving(true, "")}
	if c.Offer != nil {
		e.Offer, e.OfferAgent = c.Offer.Hold, c.Offer.Agent
	}
	return e
}

// Closed is final.
type Closed struct {
	Conversation string   `json:"conversation"`
	Reason       string   `json:"reason"`
	From         Status   `json:"from"`
	Hold         string   `json:"hold,omitempty"` // the primary agent's, when there was one
	Agent        string   `json:"agent,omitempty"`
	Offer        string   `json:"offer,omitempty"` // the offer that ends with it
	OfferAgent   string   `json:"offerAgent,omitempty"`
	Disposition  []string `json:"disposition,omitempty"`
	// Leaving are the participants whose part ends with it (CON-5).
	Leaving []Participant `json:"leaving,omitempty"`
}

func (e Closed) apply(c *Conversation) {
	c.drop(e.Leaving)
	c.Status, c.Turn, c.Closed = StatusClosed, c.Turn+1, e.Reason
	c.Primary, c.CloseAt = Holder{}, time.Time{}
	c.withdrawn(e.Offer, e.OfferAgent)
	c.Declines, c.Unseen = nil, nil // Recent stays: a message sent again after the close is still the same message
}
