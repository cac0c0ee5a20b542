// Package agent is one who talks with customers. Whether there is room is
// decided here and nowhere else: units, the ten sessions, and the number of
// the next unknown visitor. A hold is written here before a conversation
// grants anything, and ended here after it took something back.
package agent

import (
	"slices"
	"time"

	"parley/domain"
)

// MaxSessions is the hard limit of sessions on conversations (AGT-2).
const MaxSessions = 10

// DefaultUnits is the capacity of an agent who was given none (AGT-1).
const DefaultUnits = 100

// Agent is what a decision needs to know, and nothing more.
type Agent struct {
	ID         string   `json:"id"`
	Registered bool     `json:"registered,omitempty"`
	Disabled   bool     `json:"disabled,omitempty"`
	Units      int      `json:"units"`
	Skills     []string `json:"skills,omitempty"`
	// Levels are those of the skills that have another than 1 (RTE-3).
	Levels map[string]int `json:"levels,omitempty"`
	// Profiles are the capacity profiles the agent works by, each with a limit of
	// his own; 0 is the profile's. Days counts what was given by those that are
	// reset at the end of the day (AGT-3).
	Profiles map[string]int    `json:"profiles,omitempty"`
	Days     map[string]DayUse `json:"days,omitempty"`

	Presence Presence `json:"presence"`
	// Manual tells that the agent chose the presence himself.
	Manual bool      `json:"manual,omitempty"`
	Chosen time.Time `json:"chosen,omitzero"`
	// Feeds are the open live feeds by id, with the run of the node that
	// serves them; Known tells that there ever was one.
	Feeds map[string]string `json:"feeds,omitempty"`
	Known bool              `json:"known,omitempty"`
	// ConnectedAt is when a device connected last. SignedOut tells that he went by
	// his own word: he counts as connected no more until he is back.
	ConnectedAt time.Time `json:"connectedAt,omitzero"`
	SignedOut   bool      `json:"signedOut,omitempty"`
	// Custom is the administrator's name of the presence, when it has one (AGT-4).
	Custom       string `json:"custom,omitempty"`
	FormerCustom string `json:"formerCustom,omitempty"`
	// Usual is the presence that a workstream may ask for as the default one.
	Usual Presence `json:"usual,omitempty"`
	// Losses counts how often the last feed was lost; Lost tells that the grace
	// of the latest runs, and Former the presence he comes back to.
	Losses       int      `json:"losses,omitempty"`
	Lost         bool     `json:"lost,omitempty"`
	Former       Presence `json:"former,omitempty"`
	FormerManual bool     `json:"formerManual,omitempty"`

	// Holds are by their name, until both units and slot are free.
	Holds map[string]Hold `json:"holds,omitempty"`
	// Past are the names of the latest holds that ended: a reservation that
	// comes late does not bring one back.
	Past []string `json:"past,omitempty"`
	// VisitorDay and VisitorNumber count the unknown visitors of a day (SES-9).
	VisitorDay    string `json:"visitorDay,omitempty"`
	VisitorNumber int    `json:"visitorNumber,omitempty"`
	// Assigned is when a conversation was last reserved for the agent, and
	// AssignedIndex which one it was of its round.
	Assigned      time.Time `json:"assigned,omitzero"`
	AssignedIndex int       `json:"assignedIndex,omitempty"`
	Focus         string    `json:"focus,omitempty"` // the session in focus
	Panel         string    `json:"panel,omitempty"`
}

// Hold is room held for one conversation for one turn.
type Hold struct {
	Conversation string `json:"conversation"`
	Units        int    `json:"units"` // 0 once released
	Slot         bool   `json:"slot"`  // false once free
	Turn         int    `json:"turn"`
	Forced       bool   `json:"forced,omitempty"`
	// Profile is the capacity profile it counts by, until the room is free again;
	// BlocksAt is the count from which it keeps all other work away.
	Profile  string `json:"profile,omitempty"`
	BlocksAt int    `json:"blocksAt,omitempty"`
}

// Presence is the agent's status (product.md §1).
type Presence string

// The base presences. Inactive is set by the system only.
const (
	Available    Presence = "available"
	Busy         Presence = "busy"
	DoNotDisturb Presence = "do_not_disturb"
	Away         Presence = "away"
	Offline      Presence = "offline"
	Inactive     Presence = "inactive"
)

// Held is how many units are held.
func (a Agent) Held() int {
	n := 0
	for _, h := range a.Holds {
		n += h.Units
	}
	return n
}

// Sessions is how many sessions on conversations are open.
func (a Agent) Sessions() int {
	n := 0
	for _, h := range a.Holds {
		if h.Slot {
			n++
		}
	}
	return n
}

// Connected tells that a device is there; who never opened a feed counts as
// connected until signed out (AGT-4).
func (a Agent) Connected() bool { return !a.SignedOut && (len(a.Feeds) > 0 || !a.Known) }

// Level is how well the agent has a skill; 0 is not at all.
func (a Agent) Level(skill string) int {
	if level := a.Levels[skill]; level > 0 {
		return level
	}
	if slices.Contains(a.Skills, skill) {
		return 1
	}
	return 0
}

// Event is something that happened to an agent.
type Event interface{ apply(*Agent) }

// Kind is every name this package has ever written to disk.
var Kind = domain.Kind[Agent, Event]{
	Name:  "agent",
	Apply: func(a *Agent, e Event) { e.apply(a) },
	Names: domain.Names[Event]{
		"agent.registered":       Registered{},
		"agent.presence_changed": PresenceChanged{},
		"agent.connected":        Connected{},
		"agent.disconnected":     Disconnected{},
		"agent.gone":             Gone{},
		"agent.signed_out":       SignedOut{},
		"agent.profiles_set":     ProfilesSet{},
		"agent.reserved":         Reserved{},
		"agent.units_released":   UnitsReleased{},
		"agent.slot_freed":       SlotFreed{},
		"agent.focused":          Focused{},
		"agent.panel_set":        PanelSet{},
		"agent.enabled":          Enabled{},
		"agent.disabled":         Disabled{},
		"agent.carried_forward":  CarriedForward{},
	},
	Subject: func(id string, _ Agent, e Event) string {
		if _, ok := e.(Registered); ok {
			return "agent-" + id
		}
		return ""
	},
	Carry: func(a Agent) Event { return CarriedForward{State: a} },
}

// CarriedForward is the whole state, so that an agent of many years loads at
// once.
type CarriedForward struct {
	State Agent `json:"state"`
}

func (e CarriedForward) apply(a *Agent) { *a = e.State }

// Refusals of more than one command.
var (
	ErrUnknown  = domain.Refuse("agent_unknown", "AGT-1", "there is no such agent: register one first")
	ErrDisabled = domain.Refuse("disabled", "AGT-6", "the agent is disabled")
)

func (a Agent) active() error {
	switch {
	case !a.Registered:
		return ErrUnknown
	case a.Disabled:
		return ErrDisabled
	}
	return nil
}
