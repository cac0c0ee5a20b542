package hours

import (
	"testing"

	"parley/domain/spec"
)

func TestGolden(t *testing.T) {
	spec.Golden(t, &Kind, "testdata/events", map[string]Event{
		"hours.set": Set{Hours: "office", Name: "Office", Zone: "Europe/Berlin", Weekly: []Span{{Day: 1, From: 540, To: 1020}},
			Holidays: []Holiday{{Date: "2026-12-24", Name: "Christmas Eve", Hours: []Part{{From: 540, To: 720}}}}},
		"hours.carried_forward": CarriedForward{State: Hours{ID: "office", Name: "Office", Zone: "Europe/Berlin",
			Weekly: []Span{{Day: 1, From: 540, To: 1020}}, Holidays: []Holiday{{Date: "2026-12-25"}}}},
	})
}
