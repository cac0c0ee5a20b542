package conversation

import (
	"slices"
	"time"

	"parley/domain"
)

// Conditions of an overflow (RTE-6).
const (
	OverflowHours   = "outside_hours"
	OverflowWaiting = "waiting" // more wait than the queue takes
	OverflowWaited  = "waited"  // it waited longer than it should
	// OverflowDeleted is a queue that was deleted at the moment in which the
	// conversation came into it.
	OverflowDeleted = "queue_deleted"
)

// What an overflow does.
const (
	OverflowEnd   = "end"
	OverflowQueue = "queue"
	OverflowKeep  = "anyway"
)

// Overflow carries out what a queue does when one of its conditions is met.
type Overflow struct {
	Turn     int
	Why      string
	Action   string
	Queue    string // the other queue
	At       time.Time
	Decision *domain.Decision
}

// OverflowKey names a condition of a queue among those that were met.
func OverflowKey(queue, why string) string { return queue + "/" + why }

// Decide records each condition once; only a live chat is ended by it.
func (cmd Overflow) Decide(c Conversation) ([]Event, error) {
	if c.Status != StatusOpen || c.Turn != cmd.Turn || slices.Contains(c.Overflows, OverflowKey(c.Queue, cmd.Why)) {
		return nil, nil
	}
	e := Overflowed{Conversation: c.ID, Why: cmd.Why, Action: cmd.Action, From: c.Queue, Decision: cmd.Decision}
	switch {
	case cmd.Action == OverflowEnd && c.Mode == domain.ModeLive:
		return []Event{e, c.close(ReasonOverflow, nil)}, nil
	case cmd.Action == OverflowQueue && domain.ValidID(cmd.Queue) && cmd.Queue != c.Queue:
		e.To = cmd.Queue
		return []Event{e, Queued{
			Queue: cmd.Queue, Segment: c.Segment + 1, Since: c.Since, Priority: c.Priority, Reason: QueuedOverflow,
			CloseAt: c.Terms.CloseOpen.After(cmd.At),
		}}, nil
	}
	e.Action = OverflowKeep
	return []Event{e}, nil
}

// Overflowed says which condition was met, and what the queue does then.
type Overflowed struct {
	Conversation string           `json:"conversation"`
	Why          string           `json:"why"`
	Action       string           `json:"action"`
	From         string           `json:"from"`
	To           string           `json:"to,omitempty"`
	Decision     *domain.Decision `json:"decision,omitempty"`
}

func (e Overflowed) apply(c *Conversation) {
	c.Overflows = append(slices.Clone(c.Overflows), OverflowKey(e.From, e.Why))
}

// ToldClosed is what a customer is told: that it is outside the hours.
const ToldClosed = "outside_hours"

// EndOutsideHours tells the customer of a live chat that waits that it is outside
// the hours, and ends it: at closing time (CON-7).
type EndOutsideHours struct {
	Turn     int
	Until    time.Time // when the hours begin; zero is not known
	At       time.Time
	Decision *domain.Decision
}

// Decide touches only what still waits: who is engaged goes on.
func (cmd EndOutsideHours) Decide(c Conversation) ([]Event, error) {
	if c.Status != StatusOpen || c.Turn != cmd.Turn || c.Mode != domain.ModeLive {
		return nil, nil
	}
	told := Told{Conversation: c.ID, What: ToldClosed, Until: cmd.Until, At: cmd.At, Decision: cmd.Decision}
	return []Event{told, c.close(ReasonOutsideHours, nil)}, nil
}

// Told says what the customer was told by Parley itself.
type Told struct {
	Conversation string           `json:"conversation"`
	What         string           `json:"what"`
	Until        time.Time        `json:"until,omitzero"`
	At           time.Time        `json:"at"`
	Decision     *domain.Decision `json:"decision,omitempty"`
}

func (e Told) apply(c *Conversation) { c.ToldClosed = e.At }
