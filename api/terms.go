package api

import (
	"context"

	"parley/domain"
	"parley/domain/conversation"
	"parley/domain/notification"
	"parley/domain/settings"
	"parley/domain/workstream"
	"parley/eventstore"
)

// Terms gives what follows from an event the templates of notifications (NOT-7)
// and the threshold of their sentiment (SES-10) in force as it is carried out, for
// Engine.Terms: the events record them.
func Terms(e *eventstore.Engine) func(context.Context, domain.Intent) (domain.Intent, error) {
	return func(ctx context.Context, intent domain.Intent) (domain.Intent, error) {
		switch cmd := intent.Command.(type) {
		case conversation.MakeOffer:
			if cmd.Template != nil {
				return intent, nil
			}
			asked := cmd.Scenario
			t, err := inForce(ctx, e, intent.ID, func(c conversation.Conversation) string {
				cmd.Scenario = c.Scenario(asked)
				return cmd.Scenario
			})
			if err != nil {
				return intent, err
			}
			cmd.Template = t
			intent.Command = cmd
		case notification.Raise:
			if cmd.Template != nil {
				return intent, nil
			}
			t, err := inForce(ctx, e, cmd.Conversation, func(conversation.Conversation) string { return cmd.Scenario })
			if err != nil {
				return intent, err
			}
			if cmd.Sentiment != nil {
				fall := *cmd.Sentiment
				if fall.Threshold, err = threshold(ctx, e); err != nil {
					return intent, err
				}
				cmd.Sentiment = &fall
			}
			if cmd.Template = t; t != nil && cmd.Form == notification.FormToast {
				cmd.ShowSeconds = t.ShowSeconds
			}
			intent.Command = cmd
		}
		return intent, nil
	}
}

// inForce gives the template of a scenario for a conversation, as it is now; nil
// when there is no such scenario.
func inForce(ctx context.Context, e *eventstore.Engine, id string, scenario func(conversation.Conversation) string) (*domain.Template, error) {
	var stream, asked string
	err := eventstore.Look(ctx, e, &conversation.Kind, id, func(c conversation.Conversation, _ eventstore.Revision) {
		stream, asked = c.Workstream, scenario(c)
	})
	if err != nil {
		return nil, err
	}
	var found *domain.Template
	look := func(set map[string]domain.Template) {
		if t, ok := set[asked]; ok && found == nil {
			found = &t
		}
	}
	if stream != "" {
		err = eventstore.Look(ctx, e, &workstream.Kind, stream, func(w workstream.Workstream, _ eventstore.Revision) { look(w.Templates) })
	}
	if err == nil && found == nil {
		err = eventstore.Look(ctx, e, &settings.Kind, settings.Only, func(s settings.Settings, _ eventstore.Revision) { look(s.Templates) })
	}
	if t, ok := domain.DefaultTemplate(asked); ok && found == nil {
		found = &t
	}
	return found, err
}
