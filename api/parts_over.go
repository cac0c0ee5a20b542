package api

import (
	"context"
	"errors"
	"time"

	"parley/domain"
	"parley/domain/agent"
	"parley/domain/conversation"
	"parley/domain/session"
	"parley/eventstore"
	"parley/projections"
)

// partsRest is how long an event waits until what was begun before it shows.
const partsRest = time.Second

// EndingParts is the reactor that ends the parts which an agent has in the
// conversations of others when he signs out, is gone past the grace or is
// disabled: who is not there neither consults nor looks on (CON-5, AGT-6). What
// he is the primary of goes its own way, by policy.
func EndingParts(engine *eventstore.Engine, views *projections.Views) eventstore.ReactorOptions {
	return eventstore.ReactorOptions{
		Name: "parts", Names: []string{"agent.signed_out", "agent.gone", "agent.disabled"}, Delay: partsRest,
		Work: func(ctx context.Context, r eventstore.Record) error {
			event, err := engine.Codec.Decode(r)
			if err != nil {
				return err
			}
			who, why := whoLeft(event)
			if who == "" {
				return nil
			}
			w, _, err := views.Workspace(ctx, who, r.Position)
			if err != nil {
				return err
			}
			for _, one := range w.Sessions {
				if one.Form != session.FormConsult && one.Form != session.FormJoined && one.Form != session.FormMonitor || one.Started.After(r.RecordedAt) {
					continue // what he began since then is his
				}
				_, err := eventstore.Act(ctx, engine, &conversation.Kind, one.Conversation, conversation.LeavePart{ID: one.ID, Why: why},
					eventstore.Meta{Actor: partsActor, Correlation: r.Correlation, Causation: r.ID})
				if _, refused := errors.AsType[*domain.Error](err); err != nil && !refused {
					return err
				}
			}
			return nil
		},
	}
}

// partsActor is who ends the parts of those who are not there.
var partsActor = domain.Actor{ID: "parts", Role: domain.RoleSystem}

func whoLeft(event any) (who, why string) {
	switch e := event.(type) {
	case agent.SignedOut:
		return e.Agent, "signed_out"
	case agent.Gone:
		return e.Agent, "agent_gone"
	case agent.Disabled:
		return e.Agent, "agent_disabled"
	}
	return "", ""
}
