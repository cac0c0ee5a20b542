package widget

import (
	"strings"
	"testing"

	"parley/domain"
	"parley/domain/spec"
)

func TestPER2_AWidgetBelongsToOneWorkstream(t *testing.T) {
	known := Configured{Widget: "shop", Workstream: "chat", Proactive: true}
	spec.Run(t, &Kind, []spec.Case[Widget, Event]{
		{Name: "configured", When: Configure{ID: "shop", Workstream: "chat", Proactive: true}, Then: []Event{known}},
		{Name: "the same again", Given: []Event{known}, When: Configure{ID: "shop", Workstream: "chat", Proactive: true}},
		{Name: "PRO-2: invitations off", Given: []Event{known}, When: Configure{ID: "shop", Workstream: "chat"}, Then: []Event{Configured{Widget: "shop", Workstream: "chat"}}},
		{Name: "of no workstream", When: Configure{ID: "shop"}, Err: domain.Invalid("workstream", "")},
		{Name: "too many origins", When: Configure{ID: "shop", Workstream: "chat", Origins: make([]string, 51)}, Err: domain.Invalid("origins", "")},
		{Name: "an origin of 254 characters", When: Configure{ID: "shop", Workstream: "chat", Origins: []string{strings.Repeat("o", 254)}}, Err: domain.Invalid("origins", "")},
	})
}
