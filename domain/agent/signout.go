package agent

import (
	"strconv"

	"parley/domain"
)

// ErrConfirm asks whether an agent who has work means to go.
var ErrConfirm = domain.Refuse("confirm_required", "AGT-4", "the agent has work: sign out with confirm, and it goes back to its queues")

// SignOut is the agent's word that he goes. With work it asks to be confirmed,
// and then he is gone at once, without a grace (AGT-4).
type SignOut struct{ Confirm bool }

// Decide records nothing when he is out already.
func (cmd SignOut) Decide(a Agent) ([]Event, error) {
	switch {
	case !a.Registered:
		return nil, ErrUnknown
	case a.SignedOut:
		return nil, nil
	case !cmd.Confirm && a.Sessions() > 0:
		return nil, ErrConfirm.With("sessions", strconv.Itoa(a.Sessions())).With("unitsFreed", strconv.Itoa(a.Held()))
	}
	events := []Event{SignedOut{Agent: a.ID, Holds: a.holders()}}
	if a.Presence != Offline {
		events = append(events, PresenceChanged{Agent: a.ID, Presence: Offline, Former: a.Presence, Cause: BySignOut})
	}
	return events, nil
}

// SignedOut says that the agent went; his holds are named so that each
// conversation can move on.
type SignedOut struct {
	Agent string   `json:"agent"`
	Holds []Holder `json:"holds,omitempty"`
}

func (e SignedOut) apply(a *Agent) {
	a.SignedOut = true
	a.Lost, a.Former, a.FormerManual, a.FormerCustom = false, "", false, ""
}
