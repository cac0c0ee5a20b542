package conversation

import (
	"slices"
	"strconv"
	"time"

	"parley/domain"
)

// What an agent may be in a conversation beside its primary (CON-5).
const (
	AsConsult = "consult" // writes in the private thread only
	AsJoined  = "joined"  // writes to the customer too, and may take over
	AsMonitor = "monitor" // a supervisor who looks on unannounced
)

// MaxConsults is how many consult at once, those invited counted.
const MaxConsults = 5

// Participant is an agent in the conversation beside its primary. He holds no
// capacity and no session slot.
type Participant struct {
	// ID names his invitation, its notification and his session.
	ID    string `json:"id"`
	Agent string `json:"agent"`
	As    string `json:"as"`
	// Invited tells that he has not answered yet, until the deadline.
	Invited    bool      `json:"invited,omitempty"`
	Deadline   time.Time `json:"deadline,omitzero"`
	MustDecide bool      `json:"mustDecide,omitempty"`
}

// Refusals of what participants do.
var (
	ErrNotParticipant = domain.Refuse("not_participant", "CON-5", "only who takes part in the conversation may do this")
	ErrParticipant    = domain.Refuse("participant_exists", "CON-5", "the agent takes part already, or is invited")
	ErrConsultLimit   = domain.Refuse("consult_limit", "CON-5", "five consult already: let one leave first")
	ErrOwn            = domain.Refuse("own_conversation", "CON-5", "you have this conversation yourself")
)

// part finds a participant by what test says.
func (c Conversation) part(test func(Participant) bool) (Participant, bool) {
	i := slices.IndexFunc(c.Participants, test)
	if i < 0 {
		return Participant{}, false
	}
	return c.Participants[i], true
}

// PartOf finds what an agent is in the conversation beside its primary: of a
// supervisor who looks on and was invited, what he is invited to.
func (c Conversation) PartOf(agent string) (Participant, bool) {
	if p, ok := c.part(func(p Participant) bool { return p.Agent == agent && p.As != AsMonitor }); ok {
		return p, true
	}
	return c.watching(agent)
}

// watching finds an agent's part as monitor.
func (c Conversation) watching(agent string) (Participant, bool) {
	return c.part(func(p Participant) bool { return p.Agent == agent && p.As == AsMonitor })
}

// Joined tells that an agent may write to the customer beside the primary.
func (c Conversation) Joined(agent string) bool {
	p, ok := c.PartOf(agent)
	return ok && p.As == AsJoined && !p.Invited
}

// InThread tells that an agent reads and writes the private thread.
func (c Conversation) InThread(agent string) bool {
	p, ok := c.PartOf(agent)
	return agent != "" && c.Primary.Agent == agent || ok && !p.Invited && p.As != AsMonitor
}

// nextPart names the next participation.
func (c Conversation) nextPart(agent string) string {
	return domain.Derive(c.ID, "participant", strconv.Itoa(c.Parts+1), agent)
}

// leaving are those whose part is over when the primary changes or the
// conversation leaves engaged: who consults. Past wrap-up all leave.
func (c Conversation) leaving(all bool, primary string) []Participant {
	var gone []Participant
	for _, p := range c.Participants {
		if all || p.As == AsConsult || p.Invited || p.Agent == primary {
			gone = append(gone, p)
		}
	}
	return gone
}

// enter and drop change the participants in a slice of its own.
func (c *Conversation) enter(p Participant) {
	c.drop([]Participant{p})
	c.Participants = append(slices.Clip(c.Participants), p)
}

func (c *Conversation) drop(gone []Participant) {
	if len(gone) == 0 {
		return
	}
	var left []Participant
	for _, p := range c.Participants {
		if !slices.ContainsFunc(gone, func(g Participant) bool { return g.ID == p.ID }) {
			left = append(left, p)
		}
	}
	c.Participants = left
}

// LeavePart ends an agent's part: he leaves, or who has the conversation lets
// him go, or takes the invitation back.
type LeavePart struct {
	ID  string
	Why string
	// By is who does it; Agent is empty when a supervisor or the engine does.
	By string
}

// Decide records nothing when he left already.
func (cmd LeavePart) Decide(c Conversation) ([]Event, error) {
	if c.Status == StatusNone {
		return nil, ErrUnknown
	}
	p, ok := c.part(func(p Participant) bool { return p.ID == cmd.ID })
	switch {
	case !ok:
		return nil, nil
	case cmd.By != "" && cmd.By != p.Agent && cmd.By != c.Primary.Agent, p.As == AsMonitor && cmd.By != "" && cmd.By != p.Agent:
		return nil, c.standing(ErrNotParticipant)
	case p.Invited:
		return []Event{InviteEnded{Conversation: c.ID, ID: p.ID, Agent: p.Agent, By: c.Primary.Agent, Outcome: OutcomeWithdrawn}}, nil
	case p.As == AsMonitor:
		return []Event{MonitorLeft{Conversation: c.ID, ID: p.ID, Agent: p.Agent, Why: cmd.Why}}, nil
	}
	return []Event{Left{Conversation: c.ID, ID: p.ID, Agent: p.Agent, As: p.As, Why: cmd.Why}}, nil
}

// Left says that a participant takes part no more.
type Left struct {
	Conversation string `json:"conversation"`
	ID           string `json:"id"`
	Agent        string `json:"agent"`
	As           string `json:"as"`
	Why          string `json:"why,omitempty"`
}

func (e Left) apply(c *Conversation) { c.drop([]Participant{{ID: e.ID}}) }
