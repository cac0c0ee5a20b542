package conversation

import (
	"slices"
	"time"
	"unicode/utf8"

	"parley/domain"
)

// CloseSession is the agent's X on the conversation's session (SES-7): a live
// chat goes back to its queue, persistent and async wait for the customer, and
// wrap-up closes.
type CloseSession struct {
	// Hold names the session; with it a session that is over closes none that
	// came after it. Empty is the agent's present one.
	Hold        string
	Agent       string
	Disposition []string
	At          time.Time
}

// Decide follows the table of product.md §2.
func (cmd CloseSession) Decide(c Conversation) ([]Event, error) {
	if err := c.live(); err != nil {
		return nil, err
	}
	switch {
	case c.Status != StatusEngaged && c.Status != StatusWrapUp:
		return nil, c.standing(ErrNotEngaged)
	case c.Primary.Agent != cmd.Agent, cmd.Hold != "" && c.Primary.Hold != cmd.Hold:
		return nil, c.standing(ErrNotYours)
	case len(cmd.Disposition) > 12:
		return nil, domain.Invalid("disposition", "12 codes at most")
	case slices.ContainsFunc(cmd.Disposition, func(code string) bool { return utf8.RuneCountInString(code) > 64 }):
		return nil, domain.Invalid("disposition", "a code has 64 characters at most")
	case c.Status == StatusWrapUp:
		return []Event{c.close(c.Closed, cmd.Disposition)}, nil
	case c.Offer != nil:
		return nil, c.standing(ErrTransferPending)
	case c.Mode == domain.ModeLive:
		return []Event{c.requeue(RequeuedClosed, c.Queue, cmd.At)}, nil
	}
	return []Event{Parked{
		Conversation: c.ID, Hold: c.Primary.Hold, Agent: c.Primary.Agent, CloseAt: c.Terms.CloseWaiting.After(cmd.At),
		Leaving: c.leaving(true, ""),
	}}, nil
}

// Parked says that the conversation waits for the customer to come back (PER-7).
type Parked struct {
	Conversation string    `json:"conversation"`
	Hold         string    `json:"hold"`
	Agent        string    `json:"agent"`
	CloseAt      time.Time `json:"closeAt,omitzero"`
	// Leaving are the participants whose part ends with it (CON-5).
	Leaving []Participant `json:"leaving,omitempty"`
}

func (e Parked) apply(c *Conversation) {
	c.drop(e.Leaving)
	c.Status, c.Turn = StatusWaiting, c.Turn+1
	c.Primary, c.CloseAt = Holder{}, e.CloseAt
}

// Why a conversation went from its agent back to a queue.
const (
	RequeuedClosed   = "session_closed" // X on a live chat: a decline
	RequeuedReleased = "released"
	RequeuedTransfer = "transferred"
	RequeuedGone     = "agent_gone"
)

// Requeue takes an engaged conversation from its agent and puts it into a
// queue: released by him, transferred to a queue, or the agent is gone. Queue
// empty keeps the one it came from.
type Requeue struct {
	Hold   string
	Queue  string
	Reason string
	At     time.Time
}

// Decide records nothing when the agent has it no more.
func (cmd Requeue) Decide(c Conversation) ([]Event, error) {
	if c.Primary.Hold != cmd.Hold || c.Status != StatusEngaged {
		if cmd.Reason == RequeuedGone {
			return nil, nil
		}
		if err := c.live(); err != nil {
			return nil, err
		}
		return nil, c.standing(ErrNotEngaged)
	}
	if c.Offer != nil && cmd.Reason != RequeuedGone {
		return nil, c.standing(ErrTransferPending) // one transfer at a time
	}
	queue := cmd.Queue
	if queue == "" {
		queue = c.Queue
	}
	return []Event{c.requeue(cmd.Reason, queue, cmd.At)}, nil
}

func (c Conversation) requeue(reason, queue string, at time.Time) Requeued {
	e := Requeued{
		Conversation: c.ID, Hold: c.Primary.Hold, Agent: c.Primary.Agent, Reason: reason,
		Queue: queue, Segment: c.Segment + 1, Since: c.Since, At: at, CloseAt: c.Terms.CloseOpen.After(at),
		Declined: reason == RequeuedClosed, Leaving: c.leaving(true, ""),
	}
	if c.Offer != nil {
		e.Offer, e.OfferAgent = c.Offer.Hold, c.Offer.Agent
	}
	return e
}

// Requeued says that the conversation is open again, at its old place (RTE-2).
type Requeued struct {
	Conversation string    `json:"conversation"`
	Hold         string    `json:"hold"`
	Agent        string    `json:"agent"`
	Reason       string    `json:"reason"`
	Queue        string    `json:"queue"`
	Segment      int       `json:"segment"`
	Since        time.Time `json:"since"`
	At           time.Time `json:"at"`
	Declined     bool      `json:"declined,omitempty"`
	// Offer and OfferAgent name the transfer offer that ends with it.
	Offer      string    `json:"offer,omitempty"`
	OfferAgent string    `json:"offerAgent,omitempty"`
	CloseAt    time.Time `json:"closeAt,omitzero"`
	// Leaving are the participants whose part ends with it (CON-5).
	Leaving []Participant `json:"leaving,omitempty"`
}

func (e Requeued) apply(c *Conversation) {
	c.drop(e.Leaving)
	c.Status, c.Turn = StatusOpen, c.Turn+1
	c.Queue, c.Segment, c.Since = e.Queue, e.Segment, e.Since
	c.Primary, c.Returned, c.Overflows = Holder{}, false, nil
	c.forgetDeclines()
	c.withdrawn(e.Offer, e.OfferAgent)
	c.Escalated = e.Reason == RequeuedTransfer
	c.WaitFrom, c.CloseAt = e.At, e.CloseAt
	if e.Declined {
		c.declined(e.Agent, e.At)
	}
}
