package notification

import (
	"testing"

	"parley/domain"
	"parley/domain/spec"
)

func TestNOT6_TheLedgerTellsNeverSeenFromIgnored(t *testing.T) {
	raise := Raise{Agent: "ana", Conversation: "c1", Form: FormAlert, Scenario: ScenarioChat, Title: "Visitor 1", Deadline: nine}
	raised := Raised(raise)
	delivered := func(device string, first bool) Event {
		return Delivered{Agent: "ana", Conversation: "c1", Device: device, First: first}
	}
	displayed := Displayed{Agent: "ana", Conversation: "c1", Device: "desk"}
	done := func(outcome string, seen bool) Event {
		return Resolved{Agent: "ana", Conversation: "c1", Outcome: outcome, Seen: seen}
	}
	resolve := func(outcome string) Resolve { return Resolve{Agent: "ana", Conversation: "c1", Outcome: outcome} }
	spec.Run(t, &Kind, []spec.Case[Notification, Event]{
		{Name: "raised once", When: raise, Then: []Event{raised}},
		{Name: "an end may come first", When: resolve("withdrawn"), Then: []Event{done("withdrawn", false)}},
		{Name: "then the raising records nothing", Given: []Event{done("withdrawn", false)}, When: raise},
		{Name: "delivered to the first device", Given: []Event{raised}, When: Deliver{Agent: "ana", Device: "desk"}, Then: []Event{delivered("desk", true)}},
		{Name: "and to a second", Given: []Event{raised, delivered("desk", true)}, When: Deliver{Agent: "ana", Device: "phone"}, Then: []Event{delivered("phone", false)}},
		{Name: "once to each", Given: []Event{raised, delivered("desk", true)}, When: Deliver{Agent: "ana", Device: "desk"}},
		{Name: "what is displayed was delivered", Given: []Event{raised}, When: Display{Agent: "ana", Device: "desk"}, Then: []Event{delivered("desk", true), displayed}},
		{Name: "displayed after the delivery", Given: []Event{raised, delivered("desk", true)}, When: Display{Agent: "ana", Device: "desk"}, Then: []Event{displayed}},
		{Name: "never seen", Given: []Event{raised}, When: resolve("expired"), Then: []Event{done("expired", false)}},
		{Name: "ignored", Given: []Event{raised, delivered("desk", true), displayed}, When: resolve("expired"), Then: []Event{done("expired", true)}},
		{Name: "the first outcome stands", Given: []Event{raised, done("accepted", false)}, When: resolve("withdrawn")},
		{Name: "what is over is not delivered any more", Given: []Event{raised, done("accepted", false)}, When: Display{Agent: "ana", Device: "desk"}},
		{Name: "another agent's", Given: []Event{raised}, When: Deliver{Agent: "ben", Device: "desk"}, Err: domain.Refuse("not_yours", "NOT-1", "")},
		{Name: "unknown", When: Deliver{Agent: "ana", Device: "desk"}, Err: ErrUnknown},
	})
}
