package bulk

import (
	"strconv"
	"testing"

	"parley/domain"
	"parley/domain/spec"
)

func TestGolden(t *testing.T) {
	outcomes := []Outcome{{Conversation: "c1"}, {Conversation: "c2", Code: "conversation_closed"}}
	spec.Golden(t, &Kind, "testdata/events", map[string]Event{
		"bulk.begun":             Begun{Bulk: "b1", Action: Assign, Conversations: []string{"c1", "c2"}, Agent: "ana", Queue: "q", Reason: "spam"},
		"bulk.outcomes_recorded": OutcomesRecorded{Bulk: "b1", Outcomes: outcomes},
		"bulk.finished":          Finished{Bulk: "b1", Done: 1, Refused: 1},
		"bulk.carried_forward":   CarriedForward{State: Bulk{ID: "b1", Action: Assign, Conversations: []string{"c1", "c2"}, Agent: "ana", Outcomes: outcomes, Finished: true}},
	})
}

func TestSUP1_EachOutcomeIsRecordedOnce(t *testing.T) {
	ids := func(n int) []string {
		all := make([]string, n)
		for i := range all {
			all[i] = "c" + strconv.Itoa(i)
		}
		return all
	}
	begun := Begun{Bulk: "b1", Action: Transfer, Conversations: []string{"c1", "c2"}, Queue: "q"}
	first := OutcomesRecorded{Bulk: "b1", Outcomes: []Outcome{{Conversation: "c1"}}}
	spec.Run(t, &Kind, []spec.Case[Bulk, Event]{
		{Name: "each conversation once", When: Begin{ID: "b1", Action: Transfer, Conversations: []string{"c1", "c2", "c1"}, Queue: "q"}, Then: []Event{begun}},
		{Name: "1,000", When: Begin{ID: "b1", Action: ForceClose, Conversations: ids(1000), Reason: "spam"}, Then: []Event{Begun{Bulk: "b1", Action: ForceClose, Conversations: ids(1000), Reason: "spam"}}},
		{Name: "1,001", When: Begin{ID: "b1", Action: ForceClose, Conversations: ids(1001), Reason: "spam"}, Err: domain.Refuse("invalid", "SUP-1", "").On("conversations")},
		{Name: "none", When: Begin{ID: "b1", Action: ForceClose, Reason: "spam"}, Err: domain.Invalid("conversations", "")},
		{Name: "to nobody", When: Begin{ID: "b1", Action: Assign, Conversations: ids(1)}, Err: domain.Invalid("agent", "")},
		{Name: "into no queue", When: Begin{ID: "b1", Action: Transfer, Conversations: ids(1)}, Err: domain.Invalid("queue", "")},
		{Name: "another reason", When: Begin{ID: "b1", Action: ForceClose, Conversations: ids(1), Reason: "bored"}, Err: domain.Invalid("reason", "")},
		{Name: "the first outcome stands", Given: []Event{begun, first}, When: Record{[]Outcome{{Conversation: "c1", Code: "taken"}}}},
		{Name: "of others nothing is recorded", Given: []Event{begun}, When: Record{[]Outcome{{Conversation: "c9"}}}},
		{Name: "the last one finishes it", Given: []Event{begun, first}, When: Record{[]Outcome{{Conversation: "c2", Code: "taken"}}},
			Then: []Event{OutcomesRecorded{Bulk: "b1", Outcomes: []Outcome{{Conversation: "c2", Code: "taken"}}}, Finished{Bulk: "b1", Done: 1, Refused: 1}}},
		{Name: "of what was not begun", When: Record{[]Outcome{{Conversation: "c1"}}}, Err: ErrUnknown},
	})
}
