package agent

import (
	"testing"
	"time"

	"parley/domain"
	"parley/domain/spec"
)

var nine = time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC)

func at(seconds int) time.Time { return nine.Add(time.Duration(seconds) * time.Second) }

func TestGolden(t *testing.T) {
	hold, c := "5e0b1c2e-0000-5000-8000-000000000001", "0196a1b2-0000-7000-8000-000000000001"
	spec.Golden(t, &Kind, "testdata/events", map[string]Event{
		"agent.registered":       Registered{Agent: "ana", Name: "Ana Lopes", Units: 100, Skills: []string{"billing", "pt"}},
		"agent.presence_changed": PresenceChanged{Agent: "ana", Presence: DoNotDisturb, Former: Available, Cause: ByMiss, At: nine},
		"agent.connected":        Connected{Agent: "ana", Feed: "f1", Run: "node-1"},
		"agent.disconnected":     Disconnected{Agent: "ana", Feed: "f1", Last: true, Loss: 2, Holds: []Holder{{Hold: hold, Conversation: c, Turn: 1}}},
		"agent.gone":             Gone{Agent: "ana", Holds: []Holder{{Hold: hold, Conversation: c, Turn: 1}}},
		"agent.reserved": Reserved{
			Agent: "ana", Hold: hold, Conversation: c, Subject: "visitor-v1", Turn: 1, Segment: 1, Units: 30, Purpose: PurposeTransfer, Forced: true,
			Replaces: "5e0b1c2e-0000-5000-8000-000000000002", Scenario: "transferred", Countdown: 120, Day: "2026-05-04", VisitorNumber: 4,
			At: nine, Reasons: []Reason{{Code: "chosen", Count: 1, Agents: []string{"ana"}}}, Position: "embedded:42",
		},
		"agent.units_released": UnitsReleased{Agent: "ana", Hold: hold, Conversation: c, Units: 30, Why: "closed"},
		"agent.slot_freed":     SlotFreed{Agent: "ana", Hold: hold, Conversation: c, Why: "closed"},
		"agent.focused":        Focused{Agent: "ana", Session: hold, Former: "home"},
		"agent.panel_set":      PanelSet{Agent: "ana", Mode: "collapsed"},
		"agent.enabled":        Enabled{},
		"agent.disabled":       Disabled{Agent: "ana", Holds: []Holder{{Hold: hold, Conversation: c, Turn: 1}}},
		"agent.signed_out":     SignedOut{Agent: "ana", Holds: []Holder{{Hold: hold, Conversation: c, Turn: 1}}},
		"agent.profiles_set":   ProfilesSet{Agent: "ana", Profiles: map[string]int{"cases": 3, "chat": 0}},
		"agent.carried_forward": CarriedForward{State: Agent{
			ID: "ana", Registered: true, Disabled: true, Units: 100, Skills: []string{"pt"}, Presence: Busy, Manual: true, Chosen: nine,
			Feeds: map[string]string{"f1": "node-1"}, Known: true, Losses: 2, Lost: true, Former: Busy, FormerManual: true, Holds: map[string]Hold{hold: {Conversation: c, Units: 30, Slot: true, Turn: 1, Forced: true}},
			Past: []string{"h0"}, VisitorDay: "2026-05-04", VisitorNumber: 4, Assigned: nine, Focus: hold, Panel: "collapsed",
		}},
	})
}

func invalid(field string) error { return domain.Invalid(field, "") }
