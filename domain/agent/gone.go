package agent

import "parley/domain"

// Grace is how long an agent whose last feed was lost may take to come back
// before his work goes to others (AGT-4).
const Grace = domain.Seconds(150)

// Vanish says that the grace of a loss is over. Loss is the one it was armed
// for.
type Vanish struct{ Loss int }

// Decide ignores a timer that is stale: he came back, or was lost again.
func (cmd Vanish) Decide(a Agent) ([]Event, error) {
	if !a.Lost || a.Losses != cmd.Loss {
		return nil, nil
	}
	return []Event{Gone{Agent: a.ID, Holds: a.holders()}}, nil
}

// Gone says that the agent did not come back within the grace; his holds are
// named so that each conversation can move on.
type Gone struct {
	Agent string   `json:"agent"`
	Holds []Holder `json:"holds,omitempty"`
}

func (e Gone) apply(a *Agent) { a.Lost, a.Former, a.FormerManual = false, "", false }

// lost is what follows at once from the loss of the last feed: offline, until
// he is back.
func (a Agent) lost(feed string, grace domain.Seconds) []Event {
	events := []Event{Disconnected{Agent: a.ID, Feed: feed, Last: true, Loss: a.Losses + 1, Holds: a.holders(), Grace: grace}}
	if a.Presence == Offline || a.Disabled {
		return events
	}
	return append(events, PresenceChanged{Agent: a.ID, Presence: Offline, Former: a.Presence, Cause: ByLoss})
}

// back gives who comes back within the grace the presence of before.
func (a Agent) back() []Event {
	if !a.Lost || a.Former == "" {
		return nil
	}
	return []Event{PresenceChanged{Agent: a.ID, Presence: a.Former, Custom: a.FormerCustom, Former: a.Presence, Cause: ByReturn}}
}
