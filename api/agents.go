package api

import (
	"context"

	"github.com/samber/lo"

	"parley/domain"
	"parley/domain/agent"
)

// PutAgent registers an agent, or gives what is known of him anew.
func (s *Server) PutAgent(ctx context.Context, r PutAgentRequestObject) (PutAgentResponseObject, error) {
	answer, err := s.setUpAgent(ctx, r.Agent, agent.Register{
		ID: r.Agent, Name: domain.Personal(lo.FromPtr(r.Body.Name)), Units: lo.FromPtr(r.Body.Units), Skills: lo.FromPtr(r.Body.Skills),
		Levels: lo.FromPtr(r.Body.Levels), Usual: agent.Presence(lo.FromPtr(r.Body.DefaultPresence)),
	})
	if err != nil {
		return nil, err
	}
	return PutAgent200JSONResponse(answer), nil
}

// DisableAgent takes an agent out of work.
func (s *Server) DisableAgent(ctx context.Context, r DisableAgentRequestObject) (DisableAgentResponseObject, error) {
	answer, err := s.setUpAgent(ctx, r.Agent, agent.Disable{})
	if err != nil {
		return nil, err
	}
	return DisableAgent200JSONResponse(answer), nil
}

// EnableAgent lets a disabled agent work again.
func (s *Server) EnableAgent(ctx context.Context, r EnableAgentRequestObject) (EnableAgentResponseObject, error) {
	answer, err := s.setUpAgent(ctx, r.Agent, agent.Enable{})
	if err != nil {
		return nil, err
	}
	return EnableAgent200JSONResponse(answer), nil
}

func (s *Server) setUpAgent(ctx context.Context, id string, cmd domain.Command[agent.Agent, agent.Event]) (AgentSetUp, error) {
	a, at, err := change(ctx, s, &agent.Kind, id, cmd)
	if err != nil {
		return AgentSetUp{}, err
	}
	shown := AgentSetUp{Id: a.ID, Units: a.Units, Disabled: a.Disabled, Skills: list(a.Skills), DefaultPresence: some(string(a.Usual)), Position: at}
	if len(a.Levels) > 0 {
		shown.Levels = &a.Levels
	}
	if len(a.Profiles) > 0 {
		shown.Profiles = &a.Profiles
	}
	return shown, nil
}
