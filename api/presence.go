package api

import (
	"context"
	"time"

	"github.com/samber/lo"

	"parley/domain"
	"parley/domain/agent"
	"parley/eventstore"
	"parley/projections"
)

// SetPresence is the agent's own choice of presence (AGT-4).
func (s *Server) SetPresence(ctx context.Context, r SetPresenceRequestObject) (SetPresenceResponseObject, error) {
	if err := actsFor(ctx, r.Agent); err != nil {
		return nil, err
	}
	base, custom, err := s.presenceOf(ctx, r.Body.Presence, "presence")
	if err != nil {
		switch again, failed := s.recorded(ctx, agent.Kind.Stream(r.Agent)); {
		case failed != nil:
			return nil, failed
		case !again: // else it was one of the organisation's own then
			return nil, err
		}
	}
	a, err := s.presence(ctx, r.Agent, agent.SetPresence{Presence: base, Custom: custom, At: s.now()})
	if err != nil {
		return nil, err
	}
	return SetPresence200JSONResponse(a), nil
}

// SignOut is the agent's word that he goes (AGT-4).
func (s *Server) SignOut(ctx context.Context, r SignOutRequestObject) (SignOutResponseObject, error) {
	if err := actsFor(ctx, r.Agent); err != nil {
		return nil, err
	}
	a, err := s.presence(ctx, r.Agent, agent.SignOut{Confirm: r.Body != nil && lo.FromPtr(r.Body.Confirm)})
	if err != nil {
		return nil, err
	}
	return SignOut200JSONResponse(a), nil
}

func (s *Server) presence(ctx context.Context, id string, cmd domain.Command[agent.Agent, agent.Event]) (AgentPresence, error) {
	out, err := eventstore.Act(ctx, s.engine, &agent.Kind, id, cmd, s.meta(ctx))
	if err != nil {
		return AgentPresence{}, err
	}
	a, _, err := eventstore.Load(ctx, s.engine, &agent.Kind, id)
	if err != nil {
		return AgentPresence{}, err
	}
	return AgentPresence{
		Agent: id, Presence: string(a.Presence), Custom: some(a.Custom), Manual: &a.Manual, SignedOut: opt(a.SignedOut), Position: s.at(ctx, out.Position),
	}, nil
}

// ListAgents lists who works here, with how much room.
func (s *Server) ListAgents(ctx context.Context, r ListAgentsRequestObject) (ListAgentsResponseObject, error) {
	after, err := s.after(r.Params.After)
	if err != nil {
		return nil, err
	}
	page, err := pageOf(r.Params.Cursor, r.Params.Limit)
	if err != nil {
		return nil, err
	}
	rows, next, at, err := s.opts.Views.Agents(ctx, page, after)
	if err != nil {
		return nil, err
	}
	return ListAgents200JSONResponse{
		Next: some(next), Position: s.at(ctx, at),
		Agents: lo.Map(rows, func(a projections.AgentRow, _ int) AgentCapacity {
			return AgentCapacity{
				Agent: a.ID, Name: some(string(a.Name)), Units: a.Units, Held: a.Held, Free: a.Free, Sessions: a.Sessions, Presence: string(a.Presence),
				Custom: some(a.Custom), Profiles: counts(a.Counts), Manual: opt(a.Manual), Connected: a.Connected, Disabled: a.Disabled, Assigned: opt(a.Assigned), PresenceSince: opt(a.PresenceSince),
				Skills: optList(a.Skills),
			}
		}),
	}, nil
}

// counts are how many an agent has by each capacity profile; nil without any.
func counts(text string) *map[string]int {
	if text == "" {
		return nil
	}
	all := projections.Counted(text)
	return &all
}

// GetCapacity tells an agent's room, hold by hold; with at, as it was then
// (AGT-5).
func (s *Server) GetCapacity(ctx context.Context, r GetCapacityRequestObject) (GetCapacityResponseObject, error) {
	if err := looksAt(ctx, r.Agent); err != nil {
		return nil, err
	}
	after, err := s.after(r.Params.After)
	if err != nil {
		return nil, err
	}
	if r.Params.At != nil {
		then, found, at, err := s.opts.Views.CapacityAt(ctx, r.Agent, *r.Params.At, after)
		switch {
		case err != nil:
			return nil, err
		case !found:
			return nil, agent.ErrUnknown
		}
		return GetCapacity200JSONResponse{
			Agent: r.Agent, Units: then.Units, Held: then.Held, Free: then.Free, Sessions: then.Sessions, Presence: string(then.Presence),
			Custom: some(then.Custom), Profiles: counts(then.Counts),
			Connected: then.Connected, Disabled: then.Disabled, At: r.Params.At, Position: s.at(ctx, at),
		}, nil
	}
	a, holds, found, at, err := s.opts.Views.Agent(ctx, r.Agent, after)
	switch {
	case err != nil:
		return nil, err
	case !found:
		return nil, agent.ErrUnknown
	}
	held := lo.Map(holds, func(h projections.HoldRow, _ int) CapacityHold {
		return CapacityHold{
			Hold: h.Hold, Conversation: h.Conversation, Units: h.Units, Slot: &h.Slot, Purpose: some(h.Purpose), Forced: opt(h.Forced), Since: opt(h.Since),
		}
	})
	return GetCapacity200JSONResponse{
		Agent: a.ID, Name: some(string(a.Name)), Units: a.Units, Held: a.Held, Free: a.Free, Sessions: a.Sessions, Presence: string(a.Presence),
		Custom: some(a.Custom), Profiles: counts(a.Counts), Manual: &a.Manual, Connected: a.Connected, Disabled: a.Disabled, Holds: &held, Position: s.at(ctx, at),
	}, nil
}

// GetCapacityHistory tells how an agent's room and presence changed.
func (s *Server) GetCapacityHistory(ctx context.Context, r GetCapacityHistoryRequestObject) (GetCapacityHistoryResponseObject, error) {
	if err := looksAt(ctx, r.Agent); err != nil {
		return nil, err
	}
	after, err := s.after(r.Params.After)
	if err != nil {
		return nil, err
	}
	to := s.now()
	if r.Params.To != nil {
		to = *r.Params.To
	}
	if to.Before(r.Params.From) || to.Sub(r.Params.From) > 366*24*time.Hour {
		return nil, domain.Invalid("to", "give an instant at most 366 days after from")
	}
	rows, at, err := s.opts.Views.CapacityHistory(ctx, r.Agent, r.Params.From, to, after)
	if err != nil {
		return nil, err
	}
	return GetCapacityHistory200JSONResponse{
		Agent: r.Agent, Position: s.at(ctx, at),
		Rows: lo.Map(rows, func(c projections.CapacityRow, _ int) CapacityEntry {
			return CapacityEntry{
				Begins: c.Begins, Ends: opt(c.Ends), Units: c.Units, Held: c.Held, Free: c.Free, Sessions: c.Sessions,
				Presence: string(c.Presence), Custom: some(c.Custom), Profiles: counts(c.Counts), Connected: c.Connected, Disabled: c.Disabled,
			}
		}),
	}, nil
}
