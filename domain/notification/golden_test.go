package notification

import (
	"testing"
	"time"

	"parley/domain/spec"
)

var nine = time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC)

func TestGolden(t *testing.T) {
	spec.Golden(t, &Kind, "testdata/events", map[string]Event{
		"notification.raised": Raised{
			Agent: "ana", Conversation: "c1", Subject: "visitor-v1", Form: FormAlert, Scenario: ScenarioChat, Title: "Visitor 4", Since: nine,
			Deadline: nine.Add(2 * time.Minute), ShowSeconds: 8,
		},
		"notification.delivered": Delivered{Agent: "ana", Conversation: "c1", Device: "phone", First: true},
		"notification.displayed": Displayed{Agent: "ana", Conversation: "c1", Device: "phone"},
		"notification.resolved":  Resolved{Agent: "ana", Conversation: "c1", Outcome: OutcomeAccepted, Seen: true},
		"notification.carried_forward": CarriedForward{State: Notification{
			Agent: "ana", Conversation: "c1", Raised: true, Outcome: OutcomeWithdrawn, Delivered: []string{"phone", "desk"}, Displayed: []string{"desk"},
		}},
	})
}
