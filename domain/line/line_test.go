package line

import (
	"testing"

	"parley/domain"
	"parley/domain/spec"
)

func TestCON3_OneCurrentConversation(t *testing.T) {
	first := Taken{Opening: opening("c1")}
	bad, unproven := opening("c1"), opening("c1")
	bad.Queue = ""
	unproven.Mode = domain.ModePersistent
	spec.Run(t, &Kind, []spec.Case[Line, Event]{
		{Name: "the first conversation takes the line", When: Take{Opening: opening("c1")}, Then: []Event{first}},
		{Name: "the same again says nothing", Given: []Event{first}, When: Take{Opening: opening("c1")}},
		{Name: "of two racing starts the second gets the first", Given: []Event{first}, When: Take{Opening: opening("c2")}, Err: ErrTaken.With("conversation", "c1")},
		{Name: "after one that is over the next begins", Given: []Event{first}, When: Take{Opening: opening("c2"), After: "c1"}, Then: []Event{Taken{Opening: opening("c2"), After: "c1"}}},
		{Name: "a look that is out of date loses", Given: []Event{first, Taken{Opening: opening("c2"), After: "c1"}}, When: Take{Opening: opening("c3"), After: "c1"}, Err: ErrTaken},
		{Name: "a late repeat does not bring the first back", Given: []Event{first, Taken{Opening: opening("c2"), After: "c1"}}, When: Take{Opening: opening("c1")}, Err: ErrTaken},
		{Name: "what could never be started does not take the line", When: Take{Opening: bad}, Err: domain.Invalid("queue", "")},
		{Name: "PER-9: nor a persistent chat without a token", When: Take{Opening: unproven}, Err: domain.Refuse("persistent_needs_auth", "PER-9", "")},
		{Name: "no id", When: Take{}, Err: domain.Invalid("conversation", "")},
	})
}
