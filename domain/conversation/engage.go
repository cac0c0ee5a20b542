package conversation

import (
	"time"

	"parley/domain"
)

// How a conversation came to its agent.
const (
	HowAccept = "accept"
	HowPick   = "pick"
	HowAssign = "assign"
	HowReopen = "reopen"
	HowImport = "import"
	HowTake   = "take_over"   // by an agent who had joined, since the primary is gone
	HowAuto   = "auto_assign" // without asking, by the scenario's template
)

// Engage gives the conversation to the agent who holds room for it, without an
// offer: a pick from open work items, a supervisor's assignment, or reopening
// one's own from waiting.
type Engage struct {
	Hold          string
	Agent         string
	Turn          int
	How           string
	VisitorNumber int
	At            time.Time
	Replaces      string // the hold of the primary who is gone: a take-over
}

// Decide lets one of two racing picks win. Picking what is offered to oneself
// is accepting.
func (cmd Engage) Decide(c Conversation) ([]Event, error) {
	if c.Primary.Hold == cmd.Hold && cmd.Hold != "" {
		return nil, nil
	}
	if c.Offer != nil && c.Offer.Hold == cmd.Hold && cmd.How == HowPick {
		return Accept{Hold: cmd.Hold, Agent: cmd.Agent, At: cmd.At}.Decide(c)
	}
	if err := c.live(); err != nil {
		return nil, err
	}
	switch {
	case cmd.How == HowTake:
		return cmd.takeOver(c)
	case c.Status == StatusOffered:
		return nil, c.standing(ErrElsewhere)
	case c.Status == StatusEngaged:
		return nil, c.standing(ErrTaken)
	case cmd.How == HowReopen && c.Status != StatusWaiting,
		cmd.How != HowReopen && c.Status != StatusOpen:
		return nil, c.standing(ErrNotOpen)
	case cmd.How == HowReopen && c.Last != cmd.Agent:
		return nil, c.standing(ErrNotYours)
	case c.Turn != cmd.Turn:
		return nil, c.standing(ErrTurn)
	}
	return []Event{c.engage(cmd.Hold, cmd.Agent, cmd.How, "", cmd.VisitorNumber, cmd.At)}, nil
}

// TakeOverHold names the hold by which a participant would take over. It is named
// after his part as well: leaving and joining again is no turn, and the name of
// a hold that was refused never comes back.
func (c Conversation) TakeOverHold(p Participant) string {
	return domain.Hold(c.ID, c.Turn, p.Agent+"|"+p.ID)
}

// takeOver gives the conversation to an agent who had joined (CON-5).
func (cmd Engage) takeOver(c Conversation) ([]Event, error) {
	switch {
	case c.Status != StatusEngaged:
		return nil, c.standing(ErrNotEngaged)
	case c.Primary.Hold != cmd.Replaces:
		return nil, c.standing(ErrTaken)
	case c.Offer != nil:
		return nil, c.standing(ErrTransferPending)
	case !c.Joined(cmd.Agent):
		return nil, c.standing(ErrNotParticipant)
	case c.Turn != cmd.Turn:
		return nil, c.standing(ErrTurn)
	}
	return []Event{c.engage(cmd.Hold, cmd.Agent, HowTake, cmd.Replaces, cmd.VisitorNumber, cmd.At)}, nil
}

func (c Conversation) engage(hold, agent, how, replaces string, visitor int, at time.Time) Engaged {
	e := Engaged{
		Conversation: c.ID, Subject: c.Subject, Hold: hold, Agent: agent, How: how, Replaces: replaces,
		Queue: c.Queue, Segment: c.Segment, VisitorNumber: visitor, At: at,
		CloseAt: c.Terms.CloseEngaged.After(at), Presence: c.Terms.Presence, PresenceName: c.Terms.PresenceName,
	}
	if c.Mode != domain.ModeAsync {
		e.CloseAt = time.Time{}
	}
	if replaces != "" {
		e.Former, e.Leaving = c.Primary.Agent, c.leaving(false, agent)
	}
	if !c.WaitFrom.IsZero() {
		e.Waited = at.Sub(c.WaitFrom).Milliseconds()
	}
	return e
}

// Engaged says which agent has the conversation from now on.
type Engaged struct {
	Conversation  string    `json:"conversation"`
	Subject       string    `json:"subject"`
	Hold          string    `json:"hold"`
	Agent         string    `json:"agent"`
	How           string    `json:"how"`
	Replaces      string    `json:"replaces,omitempty"` // the hold of the former agent
	Former        string    `json:"former,omitempty"`   // the former agent
	Queue         string    `json:"queue"`
	Segment       int       `json:"segment"`
	VisitorNumber int       `json:"visitorNumber"`
	Waited        int64     `json:"waitedMs,omitempty"` // the customer's wait, in milliseconds (SUM-4)
	At            time.Time `json:"at"`
	CloseAt       time.Time `json:"closeAt,omitzero"`
	// Presence is what the agent's becomes when his session starts, by the terms
	// (AGT-4): computed from his capacity when empty.
	Presence     string `json:"presence,omitempty"`
	PresenceName string `json:"presenceName,omitempty"`
	// Scenario and Template are those of the toast of what was not asked for, and
	// Decision the router's, when it was one (NOT-3, RTE-7).
	Scenario string           `json:"scenario,omitempty"`
	Template *domain.Template `json:"template,omitempty"`
	Decision *domain.Decision `json:"decision,omitempty"`
	// Leaving are the participants whose part ends with it (CON-5).
	Leaving []Participant `json:"leaving,omitempty"`
}

func (e Engaged) apply(c *Conversation) {
	c.Escalated = false
	c.drop(e.Leaving)
	c.Status, c.Turn = StatusEngaged, c.Turn+1
	c.Primary, c.Last = Holder{Hold: e.Hold, Agent: e.Agent}, e.Agent
	c.Offer, c.Affinity, c.Reasons, c.PassedAt, c.WaitFrom = nil, "", "", time.Time{}, time.Time{}
	c.CloseAt = e.CloseAt
}
