package queue

import (
	"testing"

	"parley/domain"
	"parley/domain/spec"
)

func TestRTE3_AQueueHasMembersAndAMethod(t *testing.T) {
	known := Configured{Queue: "q", Name: "Billing", Method: MethodHighestCapacity}
	add := func(a string) Event { return MemberAdded{Queue: "q", Agent: a} }
	spec.Run(t, &Kind, []spec.Case[Queue, Event]{
		{Name: "highest capacity unless told otherwise", When: Configure{ID: "q", Name: "Billing"}, Then: []Event{known}},
		{Name: "the same again", Given: []Event{known}, When: Configure{ID: "q", Name: "Billing"}},
		{Name: "another method", Given: []Event{known}, When: Configure{ID: "q", Name: "Billing", Method: MethodRoundRobin}, Then: []Event{Configured{Queue: "q", Name: "Billing", Method: MethodRoundRobin}}},
		{Name: "a name of blanks", When: Configure{ID: "q", Name: "  "}, Err: domain.Invalid("name", "")},
		{Name: "no method anybody knows", When: Configure{ID: "q", Name: "Billing", Method: "lottery"}, Err: domain.Invalid("method", "")},
		{Name: "a member", Given: []Event{known}, When: AddMember{Agent: "ben"}, Then: []Event{add("ben")}},
		{Name: "once", Given: []Event{known, add("ben")}, When: AddMember{Agent: "ben"}},
		{Name: "AGT-6: removed", Given: []Event{known, add("ben"), add("ana")}, When: RemoveMember{Agent: "ben"}, Then: []Event{MemberRemoved{Queue: "q", Agent: "ben"}}},
		{Name: "who is none", Given: []Event{known}, When: RemoveMember{Agent: "ben"}},
		{Name: "of no queue", When: AddMember{Agent: "ben"}, Err: ErrUnknown},
	})
}
