package profile

import (
	"testing"

	"parley/domain/spec"
)

func TestGolden(t *testing.T) {
	spec.Golden(t, &Kind, "testdata/events", map[string]Event{
		"profile.set":             Set{Profile: "cases", Name: "Cases", Limit: 3, Daily: true, Blocking: true},
		"profile.carried_forward": CarriedForward{State: Profile{ID: "cases", Name: "Cases", Limit: 3, Daily: true, Blocking: true}},
	})
}
