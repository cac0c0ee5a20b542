package queue

import (
	"testing"

	"parley/domain/spec"
)

func TestGolden(t *testing.T) {
	spec.Golden(t, &Kind, "testdata/events", map[string]Event{
		"queue.configured":      Configured{Queue: "billing", Name: "Billing", Number: 2, Method: MethodRoundRobin},
		"queue.member_added":    MemberAdded{Queue: "billing", Agent: "ana"},
		"queue.member_removed":  MemberRemoved{Queue: "billing", Agent: "ana"},
		"queue.deleted":         Deleted{Queue: "sales"},
		"queue.carried_forward": CarriedForward{State: Queue{ID: "billing", Name: "Billing", Number: 2, Method: MethodRoundRobin, Members: []string{"ana", "ben"}}},
	})
}
