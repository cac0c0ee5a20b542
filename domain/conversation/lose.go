package conversation

import "time"

// Lose takes from an agent who is disabled, or gone past the grace, what he
// holds by one hold, whatever the conversation calls it by now (AGT-6): one
// decision, so that nothing slips through between two.
type Lose struct {
	Hold  string
	Agent string
	Turn  int // of the hold
	Why   string
	// Disabled closes wrap-up as well, which otherwise stays with its timer.
	Disabled bool
	At       time.Time
}

// Decide withdraws the offer, also one still to come; an engaged conversation
// goes back to its queue at its old place.
func (cmd Lose) Decide(c Conversation) ([]Event, error) {
	switch {
	case c.Primary.Hold != cmd.Hold:
		return Withdraw{Hold: cmd.Hold, Why: cmd.Why, Agent: cmd.Agent, Turn: cmd.Turn}.Decide(c)
	case c.Status == StatusEngaged:
		return []Event{c.requeue(RequeuedGone, c.Queue, cmd.At)}, nil
	case c.Status == StatusWrapUp && cmd.Disabled:
		return []Event{c.close(c.Closed, []string{"none"})}, nil
	}
	return nil, nil
}
