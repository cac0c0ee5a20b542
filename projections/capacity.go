package projections

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"parley/domain"
	"parley/domain/agent"
	"parley/eventstore"
)

// AgentRow is one agent and what room he has (AGT-1).
type AgentRow struct {
	ID            string `row:",key"`
	Subject       string `row:",subject"`
	Name          domain.Personal
	Units         int
	Held          int
	Free          int // negative when overloaded by a pick, affinity, transfer or supervisor (AGT-2)
	Sessions      int
	Presence      agent.Presence
	Custom        string // the administrator's own name of it, when it has one (AGT-4)
	FormerCustom  string
	Manual        bool
	SignedOut     bool
	Counts        string    // by capacity profile, such as "cases=2": see Counted
	ConnectedAt   time.Time // when a device connected last
	FormerManual  bool      // before the last feed was lost
	Connected     bool
	Known         bool // a device of his was connected once
	Disabled      bool
	Feeds         int
	Assigned      time.Time
	Focus         string
	Panel         string
	Skills        []string
	Registered    time.Time
	PresenceSince time.Time
	Modified      time.Time
	Intervals     int // how many there are in his history
}

// HoldRow is the room held for one conversation.
type HoldRow struct {
	Hold         string `row:",key"`
	Agent        string
	Conversation string
	Units        int
	Slot         bool
	Purpose      string
	Forced       bool
	Turn         int
	Segment      int
	Profile      string // the capacity profile it counts by (AGT-3)
	Since        time.Time
	Reserved     eventstore.Position // where the reservation is on record
}

// CapacityRow is a stretch of time in which an agent's capacity and presence
// did not change (AGT-5).
type CapacityRow struct {
	Agent     string `row:",key"`
	Number    int    `row:",key"`
	Begins    time.Time
	Ends      time.Time // zero: it lasts
	Units     int
	Held      int
	Free      int
	Sessions  int
	Presence  agent.Presence
	Custom    string
	Counts    string
	Connected bool
	Disabled  bool
}

var (
	agentTable    = NewTable[AgentRow]("agents")
	holdTable     = NewTable[HoldRow]("agent_holds", "agent, since", "since")
	intervalTable = NewTable[CapacityRow]("agent_intervals", "agent, begins")
)

// Capacity is who works, with how much room, now and at any time before.
func Capacity() Projection {
	return Projection{
		Name: "agent_capacity", Version: 2, Kinds: []string{"agent"},
		Tables: []AnyTable{agentTable, holdTable, intervalTable}, Fold: foldCapacity,
	}
}

func foldCapacity(r *Rows, f domain.Fact, at At) error {
	if _, ok := f.Event.(agent.CarriedForward); ok {
		return nil
	}
	row := agentTable.Make(r, f.ID)
	row.Modified = at.HappenedAt
	switch e := f.Event.(type) {
	case agent.Registered:
		if row.Registered.IsZero() {
			row.Registered, row.Presence, row.PresenceSince = at.HappenedAt, agent.Offline, at.HappenedAt
		}
		if e.Name != "" {
			row.Name, row.Subject = e.Name, at.Subject
		}
		row.Units, row.Skills = e.Units, slices.Clone(e.Skills)
	case agent.PresenceChanged:
		row.Presence, row.PresenceSince = e.Presence, at.HappenedAt
		switch e.Cause {
		case agent.ByLoss:
			row.Manual, row.FormerManual, row.FormerCustom, row.Custom = false, row.Manual, row.Custom, ""
		case agent.ByReturn:
			row.Manual, row.FormerManual, row.FormerCustom, row.Custom = row.FormerManual, false, "", e.Custom
		default:
			row.Manual, row.FormerManual = e.Cause == agent.ByAgent || e.Cause == agent.ByMiss, false
			row.Custom, row.FormerCustom = e.Custom, ""
		}
		row.SignedOut = row.SignedOut && e.Cause != agent.ByAgent
	case agent.Connected:
		row.Feeds++
		row.Known, row.SignedOut, row.ConnectedAt = true, false, at.HappenedAt
	case agent.Disconnected:
		row.Feeds--
	case agent.SignedOut:
		row.SignedOut = true
	case agent.Focused:
		row.Focus = e.Session
	case agent.PanelSet:
		row.Panel = e.Mode
	case agent.Enabled:
		row.Disabled = false
	case agent.Disabled:
		row.Disabled, row.Presence, row.Manual, row.PresenceSince = true, agent.Offline, true, at.HappenedAt
	default:
		row.hold(r, f.Event, at)
	}
	row.Connected = !row.SignedOut && (row.Feeds > 0 || !row.Known)
	row.Free = row.Units - row.Held
	row.keepInterval(r, at)
	return nil
}

// hold follows what room is held, and freed: units and slot each once.
func (row *AgentRow) hold(r *Rows, event any, at At) {
	switch e := event.(type) {
	case agent.Reserved:
		holdTable.Put(r, HoldRow{
			Hold: e.Hold, Agent: row.ID, Conversation: e.Conversation, Units: e.Units, Slot: true, Purpose: e.Purpose, Forced: e.Forced,
			Profile: e.Profile.ID, Turn: e.Turn, Segment: e.Segment, Since: at.HappenedAt, Reserved: at.Position,
		})
		row.Held += e.Units
		row.count(e.Profile.ID, 1)
		row.Sessions++
		row.Assigned = e.At
	case agent.UnitsReleased:
		if h := holdTable.Get(r, e.Hold); h != nil {
			row.Held -= h.Units
			row.count(h.Profile, -1)
			h.Units, h.Profile = 0, ""
			h.drop(r)
		}
	case agent.SlotFreed:
		if h := holdTable.Get(r, e.Hold); h != nil {
			if h.Slot {
				row.Sessions--
			}
			h.Slot = false
			h.drop(r)
		}
	}
}

// count follows how many the agent has by a capacity profile.
func (row *AgentRow) count(profile string, by int) {
	if profile == "" {
		return
	}
	counts := Counted(row.Counts)
	counts[profile] += by
	var parts []string
	for _, id := range slices.Sorted(maps.Keys(counts)) {
		if counts[id] > 0 {
			parts = append(parts, id+"="+strconv.Itoa(counts[id]))
		}
	}
	row.Counts = strings.Join(parts, ",")
}

// Counted reads how many an agent has by each capacity profile.
func Counted(text string) map[string]int {
	counts := map[string]int{}
	for part := range strings.SplitSeq(text, ",") {
		if id, n, ok := strings.Cut(part, "="); ok {
			counts[id], _ = strconv.Atoi(n) // it was written above
		}
	}
	return counts
}

// drop forgets a hold of which nothing is left.
func (h *HoldRow) drop(r *Rows) {
	if h.Units == 0 && !h.Slot && h.Profile == "" {
		holdTable.Delete(r, h.Hold)
	}
}

// keepInterval ends the present stretch when something in it changed. Clocks
// that run backwards do not make time run backwards here.
func (row *AgentRow) keepInterval(r *Rows, at At) {
	now := CapacityRow{
		Agent: row.ID, Number: row.Intervals, Begins: at.HappenedAt, Units: row.Units, Held: row.Held, Free: row.Free,
		Sessions: row.Sessions, Presence: row.Presence, Custom: row.Custom, Counts: row.Counts, Connected: row.Connected, Disabled: row.Disabled,
	}
	last := intervalTable.Get(r, row.ID, row.Intervals)
	if last == nil {
		row.Intervals = 1
		now.Number = 1
		intervalTable.Put(r, now)
		return
	}
	if !now.Begins.After(last.Begins) { // at the same instant the last word counts
		now.Begins = last.Begins
		*last = now
		return
	}
	same := *last
	same.Begins = now.Begins
	if same == now {
		return
	}
	last.Ends = now.Begins
	row.Intervals++
	now.Number = row.Intervals
	intervalTable.Put(r, now)
}
