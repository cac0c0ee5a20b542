package widget

import (
	"testing"

	"parley/domain/spec"
)

func TestGolden(t *testing.T) {
	spec.Golden(t, &Kind, "testdata/events", map[string]Event{
		"widget.configured":      Configured{Widget: "shop", Workstream: "chat", Proactive: true, Origins: []string{"https://shop.example"}},
		"widget.carried_forward": CarriedForward{State: Widget{ID: "shop", Workstream: "chat", Proactive: true, Origins: []string{"https://shop.example"}}},
	})
}
