package agent

import (
	"time"

	"parley/domain"
)

// Causes of a presence.
const (
	ByAgent   = "agent"   // manual
	ByRule    = "rule"    // computed from capacity at accept, close, release
	ByMiss    = "miss"    // a missed or rejected offer
	BySignOut = "signout" // signed out
	ByLoss    = "loss"    // the last feed was lost
	ByReturn  = "return"  // back within the grace
)

// SetPresence is the agent's own choice.
type SetPresence struct {
	Presence Presence
	// Custom is the administrator's own name of it, which maps to Presence.
	Custom string
	At     time.Time
}

// chosen tells whether an agent may choose it: any base presence but the
// system's own.
func (p Presence) chosen() bool {
	switch p {
	case Available, Busy, DoNotDisturb, Away, Offline:
		return true
	}
	return false
}

// Decide takes any base presence but the system's own.
func (cmd SetPresence) Decide(a Agent) ([]Event, error) {
	if err := a.active(); err != nil {
		return nil, err
	}
	if !cmd.Presence.chosen() {
		return nil, domain.Invalid("presence", "give available, busy, do_not_disturb, away or offline")
	}
	if a.Presence == cmd.Presence && a.Custom == cmd.Custom && a.Manual && !a.SignedOut {
		return nil, nil
	}
	return []Event{PresenceChanged{Agent: a.ID, Presence: cmd.Presence, Custom: cmd.Custom, Former: a.Presence, Cause: ByAgent, At: cmd.At}}, nil
}

// FollowCapacity computes the presence from the capacity: full is do not
// disturb, partly used is busy, free is available (AGT-4). A manual away,
// offline or do not disturb stays until changed by hand, and so does inactive.
type FollowCapacity struct {
	// At is when the session started or ended: a presence chosen since then
	// stands. The zero time is now.
	At time.Time
	// KeepManual leaves any presence chosen by hand: an offer came to nothing,
	// which is neither an accept nor a close.
	KeepManual bool
	// To is what the workstream asks for instead (AGT-4): PresenceUsual, or a
	// presence; Custom is its name when it has one of its own.
	To     Presence
	Custom string
}

// PresenceUsual asks for the agent's own default presence.
const PresenceUsual Presence = "default"

// Decide records nothing when the presence is right already.
func (cmd FollowCapacity) Decide(a Agent) ([]Event, error) {
	switch {
	case a.active() != nil, a.Presence == Offline, a.Presence == Inactive:
		return nil, nil
	case a.Manual && (a.Presence == Away || a.Presence == DoNotDisturb):
		return nil, nil
	case a.Manual && (cmd.KeepManual || !cmd.At.IsZero() && cmd.At.Before(a.Chosen)):
		return nil, nil
	}
	now, held := Available, a.Held()
	switch {
	case cmd.To == PresenceUsual && a.Usual != "":
		now = a.Usual
	case cmd.To == PresenceUsual:
	case cmd.To != "":
		now = cmd.To
	case held >= a.Units, a.blocked(a.VisitorDay, "") != "":
		now = DoNotDisturb
	case held > 0, a.counts():
		now = Busy
	}
	if now == a.Presence && cmd.Custom == a.Custom {
		return nil, nil
	}
	return []Event{PresenceChanged{Agent: a.ID, Presence: now, Custom: cmd.Custom, Former: a.Presence, Cause: ByRule}}, nil
}

// Fall sets the presence that the terms of a missed or rejected offer ask for.
// At is when the offer ended: what the agent chose since then stands.
type Fall struct {
	Presence Presence
	At       time.Time
}

// Decide leaves who is offline, or has chosen since, as he is.
func (cmd Fall) Decide(a Agent) ([]Event, error) {
	if a.active() != nil || a.Presence == Offline || a.Presence == cmd.Presence || !cmd.At.After(a.Chosen) {
		return nil, nil
	}
	return []Event{PresenceChanged{Agent: a.ID, Presence: cmd.Presence, Former: a.Presence, Cause: ByMiss, At: cmd.At}}, nil
}

// PresenceChanged says how the agent may be reached from now on.
type PresenceChanged struct {
	Agent    string   `json:"agent"`
	Presence Presence `json:"presence"`
	Former   Presence `json:"former"`
	Cause    string   `json:"cause"`
	Custom   string   `json:"custom,omitempty"` // the administrator's own name of it
	// At is when it was chosen; zero when it was computed.
	At time.Time `json:"at,omitzero"`
}

func (e PresenceChanged) apply(a *Agent) {
	switch e.Cause {
	case ByLoss:
		a.Former, a.FormerManual, a.FormerCustom = a.Presence, a.Manual, a.Custom
		a.Presence, a.Manual, a.Custom = e.Presence, false, ""
	case ByReturn:
		a.Presence, a.Manual, a.Custom = e.Presence, a.FormerManual, e.Custom
		a.Former, a.FormerManual, a.FormerCustom = "", false, ""
	default:
		a.Presence, a.Manual, a.Custom = e.Presence, e.Cause == ByAgent || e.Cause == ByMiss, e.Custom
		a.Former, a.FormerManual, a.FormerCustom = "", false, "" // what is chosen or computed since the loss stands
	}
	if e.Cause == ByAgent {
		a.SignedOut = false // who chooses a presence is back
	}
	if !e.At.IsZero() {
		a.Chosen = e.At
	}
}

// Connect records a live feed opened by one of the agent's devices. Run is the
// run of the node that serves it.
type Connect struct {
	Feed, Run string
	At        time.Time
}

// Decide records a feed once. Who is back within the grace has his former
// presence again (AGT-4).
func (cmd Connect) Decide(a Agent) ([]Event, error) {
	if err := a.active(); err != nil {
		return nil, err
	}
	if _, ok := a.Feeds[cmd.Feed]; ok {
		return nil, nil
	}
	return append([]Event{Connected{Agent: a.ID, Feed: cmd.Feed, Run: cmd.Run, At: cmd.At}}, a.back()...), nil
}

// Connected says that a device of the agent listens.
type Connected struct {
	Agent string `json:"agent"`
	Feed  string `json:"feed"`
	Run   string `json:"run"`
	// At is when it connected: an offer that nobody saw before may be made again.
	At time.Time `json:"at,omitzero"`
}

func (e Connected) apply(a *Agent) {
	a.Known, a.Lost, a.SignedOut = true, false, false
	a.ConnectedAt = e.At
	a.Feeds = with(a.Feeds, e.Feed, e.Run)
}

// Disconnect records that a feed is gone.
type Disconnect struct {
	Feed string
	// Grace is how long he may take to come back; Grace when 0.
	Grace domain.Seconds
}

// Decide records nothing of a feed that is not known.
func (cmd Disconnect) Decide(a Agent) ([]Event, error) {
	if _, ok := a.Feeds[cmd.Feed]; !ok {
		return nil, nil
	}
	if len(a.Feeds) == 1 {
		return a.lost(cmd.Feed, cmd.Grace), nil
	}
	return []Event{Disconnected{Agent: a.ID, Feed: cmd.Feed}}, nil
}

// Disconnected says that a device is gone; Last, that it was the last one.
type Disconnected struct {
	Agent string `json:"agent"`
	Feed  string `json:"feed"`
	Last  bool   `json:"last,omitempty"`
	// Loss numbers the losses of the last feed; Holds are what the agent held
	// then, so that pending offers can be withdrawn at once (RTE-5).
	Loss  int      `json:"loss,omitempty"`
	Holds []Holder `json:"holds,omitempty"`
	// Grace is how long he may take to come back; 150 seconds when 0.
	Grace domain.Seconds `json:"grace,omitempty"`
}

func (e Disconnected) apply(a *Agent) {
	a.Feeds = without(a.Feeds, e.Feed)
	if e.Last {
		a.Lost, a.Losses = true, e.Loss
	}
}

func with[V any](m map[string]V, k string, v V) map[string]V {
	c := make(map[string]V, len(m)+1)
	for key, value := range m {
		c[key] = value
	}
	c[k] = v
	return c
}

func without[V any](m map[string]V, k string) map[string]V {
	if len(m) <= 1 {
		if _, ok := m[k]; ok {
			return nil
		}
	}
	c := make(map[string]V, len(m))
	for key, value := range m {
		if key != k {
			c[key] = value
		}
	}
	return c
}
