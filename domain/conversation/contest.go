package conversation

import (
	"time"

	"parley/domain"
)

// How an offer ended without an acceptance.
const (
	OutcomeRejected  = "rejected"
	OutcomeExpired   = "expired"
	OutcomeWithdrawn = "withdrawn"
)

// Refusals of the contest for one offer: first append wins (NOT-8).
var (
	ErrOfferEnded   = domain.Refuse("offer_ended", "NOT-8", "the offer is over: look at the conversation again")
	ErrNoReject     = domain.Refuse("reject_not_allowed", "NOT-7", "this offer cannot be rejected: accept it, or let it run out")
	ErrOfferExpired = domain.Refuse("offer_expired", "NOT-8", "the offer's countdown has run out")
)

// contest tells whether the offer stands, and if not, how it ended and what
// stands instead.
func (c Conversation) contest(hold string) (Offer, error) {
	switch {
	case c.Status == StatusNone:
		return Offer{}, ErrUnknown
	case c.Offer != nil && c.Offer.Hold == hold:
		return *c.Offer, nil
	case c.Former.Hold != hold:
		return Offer{}, c.standing(ErrOfferEnded)
	case c.Former.Outcome == OutcomeExpired:
		return Offer{}, c.standing(ErrOfferExpired).With("outcome", c.Former.Outcome)
	}
	return Offer{}, c.standing(ErrOfferEnded).With("outcome", c.Former.Outcome)
}

// FormerOffer is the last offer that ended without an acceptance: who comes
// late is told how.
type FormerOffer struct {
	Hold    string `json:"hold"`
	Agent   string `json:"agent"`
	Outcome string `json:"outcome"`
}

// Accept takes the conversation that is offered to the agent.
type Accept struct {
	Hold  string
	Agent string
	At    time.Time
}

// Decide lets the first of accept, reject, expire, withdraw and end win.
func (cmd Accept) Decide(c Conversation) ([]Event, error) {
	if c.Status == StatusEngaged && c.Primary == (Holder{Hold: cmd.Hold, Agent: cmd.Agent}) {
		return nil, nil // accepted already, on this device or another
	}
	o, err := c.contest(cmd.Hold)
	switch {
	case err != nil:
		return nil, err
	case o.Agent != cmd.Agent:
		return nil, c.standing(ErrElsewhere)
	case !cmd.At.Before(o.Deadline):
		return nil, c.standing(ErrOfferExpired)
	}
	return []Event{c.engage(o.Hold, o.Agent, HowAccept, o.Replaces, o.VisitorNumber, cmd.At)}, nil
}

// Reject declines the offer.
type Reject struct {
	Hold  string
	Agent string
	At    time.Time
}

// Decide lets the first of the contest win.
func (cmd Reject) Decide(c Conversation) ([]Event, error) {
	if c.Offer == nil && c.Former == (FormerOffer{Hold: cmd.Hold, Agent: cmd.Agent, Outcome: OutcomeRejected}) {
		return nil, nil // rejected already, on this device or another
	}
	o, err := c.contest(cmd.Hold)
	switch {
	case err != nil:
		return nil, err
	case o.Agent != cmd.Agent:
		return nil, c.standing(ErrElsewhere)
	case o.MustDecide:
		return nil, c.standing(ErrNoReject)
	}
	e := c.endOffer(OutcomeRejected, "agent_rejected")
	e.Declined, e.At = true, cmd.At
	if c.Terms.RejectedDisturb {
		e.Presence = "do_not_disturb"
	}
	return []Event{e}, nil
}

// Expire ends the offer when its countdown is over. Due is the deadline the
// timer was armed for.
type Expire struct {
	Hold string
	At   time.Time
}

// Decide ignores a timer that came too late or too early: who won has won.
func (cmd Expire) Decide(c Conversation) ([]Event, error) {
	if c.Offer == nil || c.Offer.Hold != cmd.Hold || cmd.At.Before(c.Offer.Deadline) {
		return nil, nil
	}
	e := c.endOffer(OutcomeExpired, "countdown")
	e.At = cmd.At
	if c.Offer.Delivered {
		e.Declined = true
		if c.Terms.MissedInactive {
			e.Presence = "inactive"
		}
	}
	return []Event{e}, nil
}

// Withdraw takes the offer back: the agent is gone, or a supervisor moves it.
// Agent and Turn are those of the hold: with them a hold of which the
// conversation does not know yet is ended as well.
type Withdraw struct {
	Hold  string
	Why   string
	Agent string
	Turn  int
}

// Decide records nothing when the offer is over already. Of an offer that is
// still to come it records the end, so that the offer is refused when it comes.
func (cmd Withdraw) Decide(c Conversation) ([]Event, error) {
	switch {
	case c.Offer != nil && c.Offer.Hold == cmd.Hold:
		return []Event{c.endOffer(OutcomeWithdrawn, cmd.Why)}, nil
	case c.Offer != nil, cmd.Turn == 0, c.Turn != cmd.Turn, c.live() != nil, c.Status == StatusWrapUp:
		return nil, nil
	}
	return []Event{OfferEnded{
		Conversation: c.ID, Hold: cmd.Hold, Agent: cmd.Agent, Outcome: OutcomeWithdrawn, Why: cmd.Why,
		Transfer: c.Status != StatusOpen, Unmade: true,
	}}, nil
}

func (c Conversation) endOffer(outcome, why string) OfferEnded {
	e := OfferEnded{
		Conversation: c.ID, Hold: c.Offer.Hold, Agent: c.Offer.Agent, Outcome: outcome, Why: why,
		Delivered: c.Offer.Delivered, Transfer: c.Offer.Replaces != "",
	}
	if e.Transfer {
		e.Keeper, e.KeeperHold = c.Primary.Agent, c.Primary.Hold
	}
	return e
}

// OfferEnded says how an offer ended without an acceptance. The conversation
// is open again, at its old place; a transfer leaves it with its agent.
type OfferEnded struct {
	Conversation string `json:"conversation"`
	Hold         string `json:"hold"`
	Agent        string `json:"agent"`
	Outcome      string `json:"outcome"`
	Why          string `json:"why"`
	Delivered    bool   `json:"delivered,omitempty"`
	Declined     bool   `json:"declined,omitempty"` // counts as a decline (RTE-5)
	Transfer     bool   `json:"transfer,omitempty"`
	// Unmade tells that the offer was withdrawn before it came: the
	// conversation stays as it is, and the offer is refused when it comes.
	Unmade bool `json:"unmade,omitempty"`
	// Presence is what the terms make the agent's presence after a miss or a
	// rejection; empty leaves it.
	Presence string `json:"presence,omitempty"`
	// At is when it was declined, or expired.
	At time.Time `json:"at,omitzero"`
	// Keeper is the agent with whom a transfer leaves it, and KeeperHold his hold:
	// he is told (CON-5).
	Keeper     string `json:"keeper,omitempty"`
	KeeperHold string `json:"keeperHold,omitempty"`
}

func (e OfferEnded) apply(c *Conversation) {
	c.Turn++
	c.Offer, c.Former = nil, FormerOffer{Hold: e.Hold, Agent: e.Agent, Outcome: e.Outcome}
	if !e.Transfer {
		c.Status = StatusOpen
	}
	switch {
	case e.Transfer:
	case e.Declined:
		c.declined(e.Agent, e.At)
	case e.Outcome == OutcomeExpired && !e.Delivered:
		unseen := make(map[string]time.Time, len(c.Unseen)+1)
		for a, t := range c.Unseen {
			unseen[a] = t
		}
		unseen[e.Agent] = e.At
		c.Unseen = unseen
	}
}

// withdrawn forgets the offer that another event ended, if there was one.
func (c *Conversation) withdrawn(hold, agent string) {
	if c.Offer = nil; hold != "" {
		c.Former = FormerOffer{Hold: hold, Agent: agent, Outcome: OutcomeWithdrawn}
	}
}

// declined counts one decline of the agent in this segment, in a map of its own.
func (c *Conversation) declined(agent string, at time.Time) {
	d := make(map[string]int, len(c.Declines)+1)
	for a, n := range c.Declines {
		d[a] = n
	}
	d[agent]++
	c.Declines, c.LastDecline = d, at
}

// forgetDeclines begins a stay in a queue in which nobody has declined yet.
func (c *Conversation) forgetDeclines() {
	c.Declines, c.LastDecline, c.Unseen = nil, time.Time{}, nil
	c.Reasons, c.PassedAt = "", time.Time{}
}
