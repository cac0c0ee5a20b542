package conversation

import (
	"time"

	"parley/domain"
)

// Limits of context variables (CON-9).
const (
	MaxVariables     = domain.MaxVariables
	MaxVariableName  = domain.MaxVariableName
	MaxVariableValue = domain.MaxVariableValue
)

// Start begins the conversation and puts it into its queue.
type Start struct {
	Opening domain.Opening
}

// Decide records nothing when the conversation was started already.
func (cmd Start) Decide(c Conversation) ([]Event, error) {
	if c.Status != StatusNone {
		return nil, nil
	}
	o := cmd.Opening
	if err := o.Check(); err != nil {
		return nil, err
	}
	events := []Event{
		Started{Opening: o},
		Queued{Queue: o.Queue, Segment: 1, Since: o.At, Priority: o.Priority, Reason: QueuedStart, CloseAt: o.Terms.CloseOpen.After(o.At)},
	}
	if o.ToldClosed {
		events = append(events, Told{Conversation: o.Conversation, What: ToldClosed, Until: o.HoursBegin, At: o.At})
	}
	return events, nil
}

// Started says with whom, where and on what terms the conversation began.
type Started struct {
	domain.Opening
}

func (e Started) apply(c *Conversation) {
	*c = Conversation{
		ID: e.Conversation, Subject: e.Subject, Visitor: e.Visitor, Contact: e.Contact, Widget: e.Widget,
		Channel: e.Channel, Mode: e.Mode, Workstream: e.Workstream, Authenticated: e.Authenticated, Terms: e.Terms,
		Status: StatusOpen, Skills: e.Skills, Invitation: e.Invitation, Variables: named(nil, e.Context),
	}
}

// Why a conversation entered its queue.
const (
	QueuedStart  = "start"
	QueuedReturn = "return" // the customer wrote in waiting
	QueuedMoved  = "moved"  // a supervisor's move
	// QueuedOverflow is a move to another queue because a condition of the one it
	// waited in was met (RTE-6).
	QueuedOverflow = "overflow"
)

// Queued says that a stay in a queue began from start or from waiting.
type Queued struct {
	Queue    string    `json:"queue"`
	Segment  int       `json:"segment"`
	Since    time.Time `json:"since"`
	Priority int       `json:"priority,omitempty"`
	Reason   string    `json:"reason"`
	// Affinity is the agent to be asked first (RTE-4).
	Affinity string    `json:"affinity,omitempty"`
	CloseAt  time.Time `json:"closeAt,omitzero"`
}

func (e Queued) apply(c *Conversation) {
	c.Status, c.Turn = StatusOpen, c.Turn+1
	c.Queue, c.Segment, c.Since, c.Priority, c.Affinity = e.Queue, e.Segment, e.Since, e.Priority, e.Affinity
	c.Offer, c.Primary = nil, Holder{}
	c.forgetDeclines()
	c.CloseAt, c.Returned = e.CloseAt, e.Reason == QueuedReturn
	c.Escalated = c.Escalated && !c.Returned // a move leaves it what it was
	if e.Reason != QueuedOverflow {
		c.Overflows = nil
	}
	if e.Reason != QueuedMoved && e.Reason != QueuedOverflow || c.WaitFrom.IsZero() {
		c.WaitFrom = e.Since // a move from queue to queue goes on with the same wait
	}
}
