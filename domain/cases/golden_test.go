package cases

import (
	"testing"

	"parley/domain"
	"parley/domain/spec"
)

var ana = domain.Actor{ID: "ana", Role: domain.RoleAgent}

func TestGolden(t *testing.T) {
	spec.Golden(t, &Kind, "testdata/events", map[string]Event{
		"case.opened": Opened{
			Case: "case-7", Number: "2026-0007", Contact: "kim", Subject: "contact-kim", Title: "Invoice missing", Product: "Subscriptions",
			Description: "The invoice of April never came.", By: ana,
		},
		"case.noted":           Noted{Case: "case-7", Contact: "kim", ID: "n1", Text: "Sent again.", By: ana},
		"case.status_set":      StatusSet{Case: "case-7", Contact: "kim", Status: StatusResolved},
		"case.carried_forward": CarriedForward{State: Case{ID: "case-7", Subject: "contact-kim", Contact: "kim", Status: StatusResolved, Recent: domain.Recent{Older: []string{"n1"}}}},
	})
}
