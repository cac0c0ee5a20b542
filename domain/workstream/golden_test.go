package workstream

import (
	"testing"

	"parley/domain"
	"parley/domain/spec"
)

var full = Settings{
	Name: "Chat with account", Queue: "billing", Assignment: AssignPush, Units: 30, Block: domain.BlockFor, BlockSeconds: 300, Countdown: 120,
	CloseOpen: 1200, CloseEngaged: 7200, CloseWrapUp: 900, CloseWaiting: 86400, KeepSameAgent: true, DeclineLimit: 3, MissedInactive: true,
	RejectedDisturb: true, Keys: []Key{{ID: "k1", Algorithm: "EdDSA", PEM: "-----BEGIN PUBLIC KEY-----"}},
}

func TestGolden(t *testing.T) {
	spec.Golden(t, &Kind, "testdata/events", map[string]Event{
		"workstream.created":      Created{Workstream: "chat", Channel: domain.ChannelChat, Mode: domain.ModePersistent, Settings: full},
		"workstream.reconfigured": Reconfigured{Workstream: "chat", Settings: full},
		"workstream.template_set": TemplateSet{Workstream: "chat", Scenario: domain.ScenarioChat, Template: &domain.Template{
			Form: domain.FormToast, Title: "{Customer}", Icon: "chat", AutoAssign: true, ShowSeconds: 8, Desktop: "never", Theme: "light",
		}},
		"workstream.carried_forward": CarriedForward{State: Workstream{
			ID: "chat", Channel: domain.ChannelChat, Mode: domain.ModePersistent, Settings: full, Revision: 2,
		}},
	})
}
