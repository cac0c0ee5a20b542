package policy

import (
	"parley/domain"
	"parley/domain/conversation"
	"parley/domain/notification"
)

// sentiment tells supervisors of a message that made its conversation sound
// worse, when that brought it down to the administrator's threshold (NOT-2,
// SES-10). The threshold in force is filled in as it is carried out, and only
// then: most messages need none.
func sentiment(f domain.Fact) []domain.Intent {
	e, ok := f.Event.(conversation.MessageReceived)
	if !ok || !e.Sentiment.Scored() || e.Sentiment.Conversation >= min(e.Sentiment.Former, domain.Neutral) {
		return nil
	}
	return []domain.Intent{to(kindNotification, domain.Derive("sentiment", f.EventID), notification.Raise{
		Role: domain.RoleSupervisor, Conversation: e.Conversation, Form: notification.FormToast, Scenario: domain.ScenarioSentiment,
		Title: notification.Untitled, Since: f.At, ShowSeconds: domain.ToastTime,
		Sentiment: &domain.Fall{From: e.Sentiment.Former, To: e.Sentiment.Conversation, Threshold: domain.DefaultThreshold},
	})}
}
