package agent

import (
	"slices"
	"time"

	"parley/domain"
)

// Purposes of a hold: what is asked of the conversation once there is room.
const (
	PurposeOffer    = "offer"
	PurposeTransfer = "transfer"
	PurposePick     = "pick"
	PurposeAssign   = "assign"
	PurposeReopen   = "reopen"
	PurposeTake     = "take_over" // by an agent who had joined
)

// Refusals of a reservation.
var (
	ErrCapacity     = domain.Refuse("capacity", "AGT-2", "the agent has no room for it")
	ErrSessionLimit = domain.Refuse("session_limit", "AGT-2", "the agent has 10 sessions: close one first")
	ErrPresence     = domain.Refuse("presence", "RTE-1", "the agent's presence allows no offers")
	ErrNotConnected = domain.Refuse("not_connected", "RTE-1", "no device of the agent is connected")
	ErrHoldPast     = domain.Refuse("turn_passed", "AGT-1", "this hold has ended: look at the conversation again")
	ErrHoldExists   = domain.Refuse("hold_exists", "AGT-1", "the agent holds this conversation already")
)

// Reserve holds room for a conversation before anything is asked of it (flow
// 4, P, T). Whoever reserves for a pick, an assignment, a reopening or a
// transfer first asks the conversation, as it stands at that turn, whether it
// would grant it: what is refused once at its own turn would be refused again.
// Forced ignores units, and for affinity the presences but offline; never the
// ten sessions.
type Reserve struct {
	Hold         string
	Conversation string
	Subject      string
	Turn         int
	Segment      int
	Units        int
	Purpose      string
	Forced       bool
	Replaces     string
	Scenario     string
	Countdown    domain.Seconds
	Presences    []Presence // that allow an offer; available and busy when empty
	Affinity     bool
	Day          string // calendar day in the organisation's zone, for Visitor n
	At           time.Time
	Reasons      []Reason
	Position     string           // the position the router looked at (RTE-7)
	Decision     *domain.Decision // the router's, when it is one
	Profile      domain.Profile   // the capacity profile it counts by, when it does (AGT-3)
}

// Reason counts the agents who were refused for one reason.
type Reason struct {
	Code   string   `json:"code"`
	Count  int      `json:"count"`
	Agents []string `json:"agents,omitempty"`
}

// Decide is the one place where an agent is found to have room.
func (cmd Reserve) Decide(a Agent) ([]Event, error) {
	if _, ok := a.Holds[cmd.Hold]; ok {
		return nil, nil
	}
	if err := a.active(); err != nil {
		return nil, err
	}
	if slices.Contains(a.Past, cmd.Hold) {
		return nil, ErrHoldPast
	}
	for _, h := range a.Holds {
		if h.Conversation == cmd.Conversation && h.Slot {
			return nil, ErrHoldExists.With("conversation", cmd.Conversation)
		}
	}
	switch {
	case a.Sessions() >= MaxSessions:
		return nil, ErrSessionLimit
	case cmd.Purpose == PurposeOffer && !a.Connected():
		return nil, ErrNotConnected
	case cmd.Purpose == PurposeOffer && !a.allows(cmd):
		return nil, ErrPresence
	case cmd.Purpose == PurposeTransfer && !a.takesTransfers():
		return nil, ErrPresence
	case !cmd.Forced && a.Room(cmd.Units, cmd.Profile, max(cmd.Day, a.VisitorDay)) != "":
		return nil, ErrCapacity
	}
	// Days only go forward: a router whose clock is behind at midnight gives no
	// number of the new day twice.
	day, number := max(cmd.Day, a.VisitorDay), 1
	if a.VisitorDay == day {
		number = a.VisitorNumber + 1
	}
	return []Event{Reserved{
		Agent: a.ID, Hold: cmd.Hold, Conversation: cmd.Conversation, Subject: cmd.Subject, Turn: cmd.Turn, Segment: cmd.Segment,
		Units: cmd.Units, Purpose: cmd.Purpose, Forced: cmd.Forced, Replaces: cmd.Replaces, Scenario: cmd.Scenario,
		Countdown: cmd.Countdown, Day: day, VisitorNumber: number, At: cmd.At, Reasons: cmd.Reasons, Position: cmd.Position,
		Decision: cmd.Decision, Profile: cmd.Profile,
	}}, nil
}

// allows tells whether the presence allows an offer (RTE-1, RTE-4).
func (a Agent) allows(cmd Reserve) bool {
	switch {
	case a.Presence == Offline, a.Presence == Inactive, a.Presence == "":
		return false
	case cmd.Affinity:
		return true
	case len(cmd.Presences) == 0:
		return a.Presence == Available || a.Presence == Busy
	}
	for _, p := range cmd.Presences {
		if p == a.Presence {
			return true
		}
	}
	return false
}

// takesTransfers tells whether another agent may hand him a conversation
// (CON-5): a full one may, who is not there may not.
func (a Agent) takesTransfers() bool {
	return a.Presence != Offline && a.Presence != Away && a.Presence != DoNotDisturb && a.Presence != ""
}

// Reserved says that the agent holds room for a conversation, and what is to
// be asked of it.
type Reserved struct {
	Agent         string         `json:"agent"`
	Hold          string         `json:"hold"`
	Conversation  string         `json:"conversation"`
	Subject       string         `json:"subject"`
	Turn          int            `json:"turn"`
	Segment       int            `json:"segment"`
	Units         int            `json:"units"`
	Purpose       string         `json:"purpose"`
	Forced        bool           `json:"forced,omitempty"`
	Replaces      string         `json:"replaces,omitempty"`
	Scenario      string         `json:"scenario,omitempty"`
	Countdown     domain.Seconds `json:"countdown,omitempty"`
	Day           string         `json:"day"`
	VisitorNumber int            `json:"visitorNumber"`
	At            time.Time      `json:"at"`
	Reasons       []Reason       `json:"reasons,omitempty"`
	Position      string         `json:"position,omitempty"`
	// Decision is the router's, with all that it looked at.
	Decision *domain.Decision `json:"decision,omitempty"`
	Profile  domain.Profile   `json:"profile,omitzero"`
}

func (e Reserved) apply(a *Agent) {
	h := Hold{Conversation: e.Conversation, Units: e.Units, Slot: true, Turn: e.Turn, Forced: e.Forced, Profile: e.Profile.ID}
	if e.Profile.Blocking {
		h.BlocksAt = a.limit(e.Profile)
	}
	a.Holds = with(a.Holds, e.Hold, h)
	a.VisitorDay, a.VisitorNumber, a.Assigned, a.AssignedIndex = e.Day, e.VisitorNumber, e.At, 0
	if e.Decision != nil {
		a.AssignedIndex = e.Decision.Index
	}
	a.countDay(e)
}

// Release ends what is left of a hold: units and slot, each once.
type Release struct {
	Hold string
	Why  string
	// UnitsOnly keeps the session's slot: wrap-up goes on without blocking.
	UnitsOnly bool
}

// Decide does nothing for a hold that is no more.
func (cmd Release) Decide(a Agent) ([]Event, error) {
	h, ok := a.Holds[cmd.Hold]
	if !ok {
		return nil, nil
	}
	var events []Event
	if h.Units > 0 || h.Profile != "" {
		events = append(events, UnitsReleased{Agent: a.ID, Hold: cmd.Hold, Conversation: h.Conversation, Units: h.Units, Why: cmd.Why})
	}
	if h.Slot && !cmd.UnitsOnly {
		events = append(events, SlotFreed{Agent: a.ID, Hold: cmd.Hold, Conversation: h.Conversation, Why: cmd.Why})
	}
	return events, nil
}

// UnitsReleased says that the units of a hold are free, all that were reserved.
type UnitsReleased struct {
	Agent        string `json:"agent"`
	Hold         string `json:"hold"`
	Conversation string `json:"conversation"`
	Units        int    `json:"units"`
	Why          string `json:"why"`
}

func (e UnitsReleased) apply(a *Agent) {
	h := a.Holds[e.Hold]
	h.Units, h.Profile, h.BlocksAt = 0, "", 0
	a.keep(e.Hold, h)
}

// SlotFreed says that the hold's session slot is free.
type SlotFreed struct {
	Agent        string `json:"agent"`
	Hold         string `json:"hold"`
	Conversation string `json:"conversation"`
	Why          string `json:"why"`
}

func (e SlotFreed) apply(a *Agent) {
	h := a.Holds[e.Hold]
	h.Slot = false
	a.keep(e.Hold, h)
}

// pastKept is how many ended holds are remembered.
const pastKept = 64

// keep stores what is left of a hold, and only its name once nothing is.
func (a *Agent) keep(name string, h Hold) {
	if h.Units == 0 && !h.Slot {
		a.Holds = without(a.Holds, name)
		from := max(0, len(a.Past)+1-pastKept)
		a.Past = append(append(make([]string, 0, len(a.Past)+1-from), a.Past[from:]...), name)
		return
	}
	a.Holds = with(a.Holds, name, h)
}
