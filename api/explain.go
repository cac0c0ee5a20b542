package api

import (
	"context"

	"github.com/samber/lo"

	"parley/domain"
	"parley/domain/agent"
	"parley/eventstore"
	"parley/projections"
)

// ExplainConversation tells who was considered for a conversation, decision by
// decision, and why or why not (RTE-7).
func (s *Server) ExplainConversation(ctx context.Context, r ExplainConversationRequestObject) (ExplainConversationResponseObject, error) {
	c, at, err := s.seenNow(ctx, r.Conversation, r.Params.After)
	if err != nil {
		return nil, err
	}
	all, err := projections.ConversationDecisions(ctx, s.engine.Log, s.engine.Codec, c.ID)
	if err != nil {
		return nil, err
	}
	return ExplainConversation200JSONResponse{
		Decisions: lo.Map(all, func(d projections.DecisionEntry, _ int) RoutingDecision { return s.shownDecision(ctx, d, "") }), Position: s.at(ctx, at),
	}, nil
}

// ExplainAgent tells which decisions considered an agent, and what was found of
// him in each.
func (s *Server) ExplainAgent(ctx context.Context, r ExplainAgentRequestObject) (ExplainAgentResponseObject, error) {
	if err := looksAt(ctx, r.Agent); err != nil {
		return nil, err
	}
	at, err := s.present(ctx, r.Params.After)
	if err != nil {
		return nil, err
	}
	page, err := pageOf(r.Params.Cursor, r.Params.Limit)
	if err != nil {
		return nil, err
	}
	a, _, err := eventstore.Load(ctx, s.engine, &agent.Kind, r.Agent)
	switch {
	case err != nil:
		return nil, err
	case !a.Registered:
		return nil, agent.ErrUnknown
	}
	var before eventstore.Position
	if page.Cursor != "" {
		if before, err = eventstore.ParsePosition(s.store, page.Cursor); err != nil {
			return nil, domain.Invalid("cursor", "give the cursor as the page before gave it")
		}
	}
	if page.Limit == 0 {
		page.Limit = 50
	}
	all, more, err := projections.AgentDecisions(ctx, s.engine.Log, s.engine.Codec, r.Agent, before, page.Limit)
	if err != nil {
		return nil, err
	}
	answer := ExplainAgent200JSONResponse{
		Decisions: lo.Map(all, func(d projections.DecisionEntry, _ int) RoutingDecision { return s.shownDecision(ctx, d, r.Agent) }), Position: s.at(ctx, at),
	}
	if more > 0 {
		answer.Next = some(more.Text(s.store))
	}
	return answer, nil
}

// shownDecision is a decision as the API shows it; of tells whom it is asked
// about.
func (s *Server) shownDecision(_ context.Context, d projections.DecisionEntry, of string) RoutingDecision {
	a := RoutingDecision{
		Conversation: d.Conversation, Event: d.EventID, At: d.At, Recorded: d.Recorded.Text(s.store), Read: some(d.Position), Round: &d.Round, Index: &d.Index,
		Queue: some(d.Queue), Method: some(d.Method), Hours: some(d.Hours), HoursUntil: opt(d.HoursUntil), Action: d.Action, Agent: some(d.Agent),
		Forced: opt(d.Forced), HeldUp: &d.HeldUp, Why: some(d.Why), Target: some(d.Target), Sentence: d.Sentence, Candidates: []RoutingCandidate{},
		Rest: []RoutingReason{},
	}
	for _, c := range d.Best {
		if c.Agent == of {
			a.Found = some(c.Reason)
		}
		a.Candidates = append(a.Candidates, RoutingCandidate{
			Agent: c.Agent, Reason: c.Reason, Free: c.Free, Sessions: c.Sessions, Presence: some(c.Presence), Declines: opt(c.Declines),
			SkillsMatched: opt(c.Match), LevelsShort: opt(c.Short),
		})
	}
	for _, t := range d.Rest {
		a.Rest = append(a.Rest, RoutingReason{Code: t.Code, Count: t.Count})
	}
	return a
}
