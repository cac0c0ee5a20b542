package conversation

import (
	"slices"
	"time"

	"parley/domain"
)

// PassOver records that a round of routing found nobody, and why (RTE-7). It
// says nothing new when the reasons are the ones on record.
type PassOver struct {
	Turn     int
	Reasons  []Reason
	Digest   string // of the reasons, without numbers that change each time
	Decision *domain.Decision
	At       time.Time
}

// PassedAtMost is how often at most it is recorded that nobody could be asked.
const PassedAtMost = time.Minute

// Reason counts the agents who were refused for one reason.
type Reason struct {
	Code   string   `json:"code"`
	Count  int      `json:"count"`
	Agents []string `json:"agents,omitempty"` // at most twenty
}

// Decide refuses nothing: a round that came late is not news.
func (cmd PassOver) Decide(c Conversation) ([]Event, error) {
	switch {
	case c.Status != StatusOpen, c.Turn != cmd.Turn, c.Reasons == cmd.Digest:
		return nil, nil
	case !c.PassedAt.IsZero() && !cmd.At.IsZero() && cmd.At.Before(c.PassedAt.Add(PassedAtMost)):
		return nil, nil
	}
	return []Event{PassedOver{Reasons: cmd.Reasons, Digest: cmd.Digest, Decision: cmd.Decision, At: cmd.At}}, nil
}

// PassedOver says that nobody could be asked, and why.
type PassedOver struct {
	Reasons []Reason `json:"reasons"`
	Digest  string   `json:"digest"`
	// Decision is all that the round looked at.
	Decision *domain.Decision `json:"decision,omitempty"`
	At       time.Time        `json:"at,omitzero"`
}

func (e PassedOver) apply(c *Conversation) { c.Reasons, c.PassedAt = e.Digest, e.At }

// ReasonsOf counts what a decision found, with names where it has them; without
// a decision they are the ones that were recorded.
func ReasonsOf(recorded []Reason, d *domain.Decision) []Reason {
	if d == nil {
		return recorded
	}
	names := map[string][]string{}
	for _, c := range d.Best {
		names[c.Reason] = append(names[c.Reason], c.Agent)
	}
	tallies := d.Tallies()
	reasons := make([]Reason, len(tallies))
	for i, t := range tallies {
		slices.Sort(names[t.Code])
		reasons[i] = Reason{Code: t.Code, Count: t.Count, Agents: names[t.Code]}
	}
	return reasons
}

// TurnDown records that the agent chosen had no room after all: his own stream
// refused, because the round looked at a moment that was over.
type TurnDown struct {
	Agent    string
	Code     string
	Decision *domain.Decision
}

// Decide records it whatever has become of the conversation since: the decisions
// after it in its round counted on it, and cannot be made again without (RTE-7).
func (cmd TurnDown) Decide(c Conversation) ([]Event, error) {
	if c.Status == StatusNone || cmd.Decision == nil {
		return nil, nil
	}
	return []Event{TurnedDown{Conversation: c.ID, Agent: cmd.Agent, Code: cmd.Code, Decision: cmd.Decision}}, nil
}

// TurnedDown says that a decision could not be carried out, and why.
type TurnedDown struct {
	Conversation string           `json:"conversation"`
	Agent        string           `json:"agent"`
	Code         string           `json:"code"`
	Decision     *domain.Decision `json:"decision"`
}

func (e TurnedDown) apply(*Conversation) {}

// MakeOffer offers the conversation to the agent who holds room for it; with
// Replaces it offers a transfer of what another agent holds (CON-5).
type MakeOffer struct {
	Hold          string
	Agent         string
	Turn          int
	Replaces      string
	At            time.Time
	Countdown     domain.Seconds
	VisitorNumber int
	Scenario      string
	Forced        bool
	Reasons       []Reason
	Decision      *domain.Decision
	Template      *domain.Template // of its notification, as it is now (NOT-7)
}

// Decide grants the offer when nothing happened since the agent's room was
// held.
func (cmd MakeOffer) Decide(c Conversation) ([]Event, error) {
	if c.Names(cmd.Hold) {
		return nil, nil
	}
	if err := c.live(); err != nil {
		return nil, err
	}
	switch {
	case c.Turn != cmd.Turn:
		return nil, c.standing(ErrTurn)
	case cmd.Replaces == "" && c.Status != StatusOpen:
		return nil, c.standing(ErrNotOpen)
	case cmd.Replaces != "" && (c.Status != StatusEngaged || c.Primary.Hold != cmd.Replaces):
		return nil, c.standing(ErrNotEngaged)
	case cmd.Replaces != "" && c.Offer != nil:
		return nil, ErrTransferPending
	}
	if t := cmd.Template; t != nil {
		if t.AutoAssign { // engages at once, and a toast tells (NOT-3)
			e := c.engage(cmd.Hold, cmd.Agent, HowAuto, cmd.Replaces, cmd.VisitorNumber, cmd.At)
			e.Scenario, e.Template, e.Decision = cmd.Scenario, t, cmd.Decision
			return []Event{e}, nil
		}
		if t.Countdown != 0 {
			cmd.Countdown = t.Countdown
		}
	}
	return []Event{Offered{
		Hold: cmd.Hold, Agent: cmd.Agent, Replaces: cmd.Replaces, Turn: cmd.Turn, Deadline: cmd.At.Add(cmd.Countdown.Duration()),
		VisitorNumber: cmd.VisitorNumber, Scenario: cmd.Scenario, Forced: cmd.Forced, Reasons: cmd.Reasons,
		Conversation: c.ID, Subject: c.Subject, Queue: c.Queue, Since: c.WaitFrom, Decision: cmd.Decision,
		Template: cmd.Template,
	}}, nil
}

// ErrTransferPending refuses what would cut off a transfer under way (CON-5).
var ErrTransferPending = domain.Refuse("transfer_pending", "CON-5", "a transfer is being offered: wait for its answer, or end the conversation")

// Offered says whom the conversation is offered to, and until when.
type Offered struct {
	Conversation  string    `json:"conversation"`
	Subject       string    `json:"subject"`
	Hold          string    `json:"hold"`
	Agent         string    `json:"agent"`
	Replaces      string    `json:"replaces,omitempty"`
	Turn          int       `json:"turn"`
	Queue         string    `json:"queue"`
	Since         time.Time `json:"since"`
	Deadline      time.Time `json:"deadline"`
	VisitorNumber int       `json:"visitorNumber"`
	Scenario      string    `json:"scenario"`
	Forced        bool      `json:"forced,omitempty"`
	Reasons       []Reason  `json:"reasons,omitempty"`
	// Decision is the router's, with all that it looked at (RTE-7).
	Decision *domain.Decision `json:"decision,omitempty"`
	// Template is that of the alert, as it was in force (NOT-7).
	Template *domain.Template `json:"template,omitempty"`
}

func (e Offered) apply(c *Conversation) {
	c.Turn++
	if e.Replaces == "" {
		c.Status = StatusOffered
	}
	c.Offer = &Offer{Hold: e.Hold, Agent: e.Agent, Deadline: e.Deadline, Replaces: e.Replaces, VisitorNumber: e.VisitorNumber}
	c.Offer.MustDecide = e.Template != nil && !e.Template.MayReject
	c.Affinity, c.Reasons, c.PassedAt = "", "", time.Time{}
}

// Deliver records that the offer reached a device of the agent (NOT-6).
type Deliver struct{ Hold string }

// Decide says nothing of an offer that is no more.
func (cmd Deliver) Decide(c Conversation) ([]Event, error) {
	if c.Offer == nil || c.Offer.Hold != cmd.Hold || c.Offer.Delivered {
		return nil, nil
	}
	return []Event{OfferDelivered(cmd)}, nil
}

// OfferDelivered says that an offer reached the agent, so that its expiry
// counts as a miss.
type OfferDelivered struct {
	Hold string `json:"hold"`
}

func (e OfferDelivered) apply(c *Conversation) {
	if c.Offer != nil && c.Offer.Hold == e.Hold {
		o := *c.Offer
		o.Delivered = true
		c.Offer = &o
	}
}
