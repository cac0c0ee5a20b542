package settings

import (
	"testing"

	"parley/domain"
	"parley/domain/spec"
)

func TestGolden(t *testing.T) {
	spec.Golden(t, &Kind, "testdata/events", map[string]Event{
		"settings.changed":         Changed{Presences: []Presence{{ID: "lunch", Name: "At lunch", Base: "away"}}, Grace: 120},
		"settings.template_set":    TemplateSet{Scenario: "incoming_chat", Template: &domain.Template{Form: "alert", Title: "{Customer}", Icon: "chat", Fields: []domain.Field{{Label: "Comment", Value: "comment"}}, Countdown: 45, ShowCountdown: true, MayReject: true, ShowSeconds: 8, Desktop: "always", Theme: "dark"}},
		"settings.carried_forward": CarriedForward{State: Settings{Presences: []Presence{{ID: "lunch", Name: "At lunch", Base: "away"}}, Grace: 120}},
	})
}
