package conversation

import (
	"time"

	"parley/domain"
)

// Monitor lets a supervisor look on, unannounced; Join lets him write as well,
// and all are told (CON-5).
type Monitor struct {
	Agent string
	Join  bool
	At    time.Time
}

// HowJoin is how a supervisor takes part by his own word.
const HowJoin = "join"

// Decide takes what is engaged or in wrap-up, and not his own.
func (cmd Monitor) Decide(c Conversation) ([]Event, error) {
	if err := c.live(); err != nil {
		return nil, err
	}
	p, there := c.PartOf(cmd.Agent)
	_, watches := c.watching(cmd.Agent)
	switch {
	case !domain.ValidID(cmd.Agent):
		return nil, domain.Invalid("agent", "give an agent's id")
	case c.Status != StatusEngaged && c.Status != StatusWrapUp:
		return nil, c.standing(ErrNotEngaged)
	case c.Primary.Agent == cmd.Agent:
		return nil, c.standing(ErrOwn)
	case there && !p.Invited && p.As == AsJoined, watches && !cmd.Join:
		return nil, nil // he sees it already
	case there && p.As != AsMonitor:
		return nil, c.standing(ErrParticipant)
	}
	id := c.nextPart(cmd.Agent)
	if !cmd.Join {
		return []Event{Monitored{Conversation: c.ID, ID: id, Agent: cmd.Agent, At: cmd.At}}, nil
	}
	return []Event{Joined{Conversation: c.ID, Subject: c.Subject, ID: id, Agent: cmd.Agent, As: AsJoined, How: HowJoin, At: cmd.At, Monitor: p.ID}}, nil
}

// Monitored says that a supervisor looks on. Nobody else is told.
type Monitored struct {
	Conversation string    `json:"conversation"`
	ID           string    `json:"id"`
	Agent        string    `json:"agent"`
	At           time.Time `json:"at"`
}

func (e Monitored) apply(c *Conversation) {
	c.Parts++
	c.enter(Participant{ID: e.ID, Agent: e.Agent, As: AsMonitor})
}

// MonitorLeft says that a supervisor looks on no more.
type MonitorLeft struct {
	Conversation string `json:"conversation"`
	ID           string `json:"id"`
	Agent        string `json:"agent"`
	Why          string `json:"why,omitempty"`
}

func (e MonitorLeft) apply(c *Conversation) { c.drop([]Participant{{ID: e.ID}}) }

// ShowUp records that the customer of a waiting conversation opened the widget:
// it changes no state, and tells the agent of before (PER-8).
type ShowUp struct{ At time.Time }

// presentMost is how often that is news.
const presentMost = 5 * time.Minute

// Decide tells nobody of what nobody had.
func (cmd ShowUp) Decide(c Conversation) ([]Event, error) {
	if c.Status != StatusWaiting || c.Last == "" || !c.PresentAt.IsZero() && cmd.At.Before(c.PresentAt.Add(presentMost)) {
		return nil, nil
	}
	return []Event{CustomerPresent{Conversation: c.ID, Agent: c.Last, At: cmd.At}}, nil
}

// CustomerPresent says that the customer is there, and has written nothing yet.
type CustomerPresent struct {
	Conversation string    `json:"conversation"`
	Agent        string    `json:"agent"` // of before
	At           time.Time `json:"at"`
}

func (e CustomerPresent) apply(c *Conversation) { c.PresentAt = e.At }
