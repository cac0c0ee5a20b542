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
		{Name: "an origin of 254 characters", When: Configure{ID: "shop", Workstream: "chat", Origins: []string{"https://" + strings.Repeat("o", 246)}}, Err: domain.Invalid("origins", "")},
	})
}

func TestPER2_AnOriginIsOneThatABrowserSends(t *testing.T) {
	for origin, is := range map[string]bool{
		"https://shop.example": true, "http://localhost:3000": true, "https://shop.example:8443": true, "http://[::1]:80": false,
		"http://[::1]:8080": true, "capacitor://localhost": true, "null": true, "https://xn--bcher-kva.example": true,
		"": false, "-": false, "*": false, "../..": false, "shop.example": false, "https://": false, "://shop.example": false,
		"https://shop.example/": false, "https://shop.example/chat": false, "https://shop.example?": false, "https://shop.example#": false,
		"https://ana@shop.example": false, "https://Shop.example": false, "HTTPS://shop.example": false, "https://bücher.example": false,
		"https://shop.example:443": false, "http://shop.example:80": false, "https://shop.example ": false, `https://shop.example\chat`: false,
	} {
		_, err := Configure{ID: "shop", Workstream: "chat", Origins: []string{"https://other.example", origin}}.Decide(Widget{})
		if (err == nil) != is {
			t.Errorf("%q is answered by %v", origin, err)
		}
	}
}
