package api

import (
	"context"

	"parley/domain"
	"parley/domain/agent"
	"parley/eventstore"
)

// OnlyEnabled refuses whatever an agent asks for who is disabled (AGT-6),
// though his token still counts, for Options.Admit.
func OnlyEnabled(e *eventstore.Engine) func(context.Context, Caller) error {
	return func(ctx context.Context, c Caller) error {
		if c.Role != domain.RoleAgent {
			return nil
		}
		disabled := false
		err := eventstore.Look(ctx, e, &agent.Kind, c.ID, func(a agent.Agent, _ eventstore.Revision) { disabled = a.Disabled })
		if err == nil && disabled {
			err = agent.ErrDisabled
		}
		return err
	}
}
