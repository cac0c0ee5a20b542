package notification

import (
	"testing"

	"parley/domain"
	"parley/domain/spec"
)

func TestNOT2_OnlyAFallToTheThresholdIsTold(t *testing.T) {
	raise := func(from, to, threshold domain.Level) Raise {
		return Raise{Role: domain.RoleSupervisor, Conversation: "c", Form: FormToast, Scenario: domain.ScenarioSentiment, Sentiment: &domain.Fall{From: from, To: to, Threshold: threshold}}
	}
	told := func(r Raise) []Event { return []Event{Raised(r)} }
	const off = domain.Neutral
	at, past, first := raise(0, -2, -2), raise(-1, -3, -2), raise(1, -1, -1)
	spec.Run(t, &Kind, []spec.Case[Notification, Event]{
		{Name: "to the threshold", When: at, Then: told(at)},
		{Name: "past it", When: past, Then: told(past)},
		{Name: "to the nearest threshold", When: first, Then: told(first)},
		{Name: "not so far", When: raise(0, -1, -2)},
		{Name: "below it already", When: raise(-2, -3, -2)},
		{Name: "switched off", When: raise(3, -3, off)},
		{Name: "once", Given: told(at), When: at},
		{Name: "it is no agent's to have seen", Given: told(at), When: Deliver{Agent: "ana", Device: "d"}, Err: domain.Refuse("not_yours", "", "")},
	})
}
