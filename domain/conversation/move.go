package conversation

import (
	"time"

	"parley/domain"
)

// Move puts a conversation that nobody is engaged in into a queue: a
// supervisor's move (product.md §2). Queue empty keeps the one it has.
type Move struct {
	Queue string
	At    time.Time
}

// Decide ends the offer that stands. From waiting it is a new place at the end
// of the queue and nobody is asked first (RTE-4); from a queue the original
// time is kept (RTE-2).
func (cmd Move) Decide(c Conversation) ([]Event, error) {
	if err := c.live(); err != nil {
		return nil, err
	}
	queue := cmd.Queue
	if queue == "" {
		queue = c.Queue
	}
	switch {
	case !domain.ValidID(queue):
		return nil, domain.Invalid("queue", "give a queue's id")
	case c.Status == StatusWrapUp:
		return nil, c.standing(ErrClosed)
	case c.Status == StatusEngaged:
		return nil, c.standing(ErrTaken)
	case c.Status == StatusOpen && queue == c.Queue:
		return nil, nil
	}
	moved := Queued{
		Queue: queue, Segment: c.Segment + 1, Since: c.Since, Priority: c.Priority, Reason: QueuedMoved,
		CloseAt: c.Terms.CloseOpen.After(cmd.At),
	}
	switch c.Status {
	case StatusWaiting:
		moved.Since = cmd.At
	case StatusOffered:
		return []Event{c.endOffer(OutcomeWithdrawn, "moved"), moved}, nil
	}
	return []Event{moved}, nil
}
