package policy_test

import (
	"testing"

	"parley/domain"
	"parley/domain/conversation"
	"parley/domain/notification"
	"parley/domain/policy"
)

func TestNOT2_SupervisorsAreToldOfAFallToTheThreshold(t *testing.T) {
	follow := func(s conversation.Sentiment) []domain.Intent {
		var all []domain.Intent
		f := domain.Fact{Kind: "conversation", ID: "c", EventID: "e", At: after(9),
			Event: conversation.MessageReceived{Conversation: "c", ID: "m", Agent: "ana", Sentiment: s}}
		for _, p := range policy.All() {
			all = append(all, p.Follow(f)...)
		}
		return all
	}
	told := follow(conversation.Sentiment{Level: -3, Conversation: -2, Former: 1, Of: 2})
	if len(told) != 1 || told[0].Kind != "notification" {
		t.Fatalf("%+v", told)
	}
	raise := told[0].Command.(notification.Raise)
	if raise.Scenario != domain.ScenarioSentiment || raise.Form != domain.FormToast || raise.Role != domain.RoleSupervisor || raise.Agent != "" || raise.Conversation != "c" ||
		*raise.Sentiment != (domain.Fall{From: 1, To: -2, Threshold: domain.DefaultThreshold}) {
		t.Errorf("%+v", raise)
	}
	if again := follow(conversation.Sentiment{Level: -3, Conversation: -2, Former: 1, Of: 2}); again[0].ID != told[0].ID {
		t.Error("run again, it is another notification")
	}
	for name, s := range map[string]conversation.Sentiment{
		"it stays there": {Level: -3, Conversation: -3, Former: -3, Of: 2}, "it comes up": {Level: 3, Conversation: -1, Former: -3, Of: 2}, "it was not scored": {},
		"it is fine": {Level: 3, Conversation: 3, Of: 2}, "it is less fine": {Conversation: 1, Former: 3, Of: 2},
	} {
		if all := follow(s); len(all) > 0 {
			t.Errorf("%s, and yet %+v", name, all)
		}
	}
}

// quietSentiment proves that each crossing is told, and nothing else.
func (w *world) quietSentiment() {
	told := map[string]bool{}
	for _, f := range w.facts {
		e, ok := f.Event.(conversation.MessageReceived)
		if !ok || !e.Sentiment.Scored() || e.Sentiment.Former <= domain.Negative || e.Sentiment.Conversation > domain.Negative {
			continue
		}
		id := domain.Derive("sentiment", f.EventID)
		if told[id] = true; !w.notifications.states[id].Raised {
			w.fail("NOT-2: %s fell to %s, and no supervisor is told", f.ID, e.Sentiment.Conversation)
		}
	}
	for id, events := range w.notifications.events {
		for _, e := range events {
			if r, ok := e.(notification.Raised); ok && r.Role != "" && !told[id] {
				w.fail("NOT-2: supervisors are told of %s without a reason", r.Conversation)
			}
		}
	}
}
