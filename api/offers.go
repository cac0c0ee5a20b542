package api

import (
	"context"

	"parley/domain"
	"parley/domain/conversation"
	"parley/eventstore"
)

// offered tells for which agent the caller answers an offer: for himself, or
// as a supervisor for the agent who has it.
func offered(ctx context.Context, c conversation.Conversation, hold string) string {
	caller := CallerOf(ctx)
	switch {
	case caller.Role == domain.RoleAgent:
		return caller.ID
	case c.Offer != nil && c.Offer.Hold == hold:
		return c.Offer.Agent
	case c.Primary.Hold == hold:
		return c.Primary.Agent
	}
	return caller.ID
}

// AcceptOffer takes what is offered; the first of all answers wins (NOT-8).
func (s *Server) AcceptOffer(ctx context.Context, r AcceptOfferRequestObject) (AcceptOfferResponseObject, error) {
	c, _, err := s.conversationOf(ctx, r.Conversation)
	if err != nil {
		return nil, err
	}
	a, err := s.accept(ctx, c, r.Hold, offered(ctx, c, r.Hold))
	if err != nil {
		return nil, err
	}
	return AcceptOffer200JSONResponse(a), nil
}

func (s *Server) accept(ctx context.Context, c conversation.Conversation, hold, agentID string) (Assignment, error) {
	if err := s.mayAct(ctx, c, nil); err != nil {
		return Assignment{}, err
	}
	out, err := eventstore.Act(ctx, s.engine, &conversation.Kind, c.ID, conversation.Accept{Hold: hold, Agent: agentID, At: s.now()}, s.meta(ctx))
	if err != nil {
		return Assignment{}, err
	}
	for _, e := range out.Events {
		if e, ok := e.(conversation.Engaged); ok {
			hold, agentID = e.Hold, e.Agent // of a repeat, what it was that time
		}
	}
	return s.assigned(ctx, c.ID, hold, agentID, out.Position)
}

// assigned answers that an agent got the conversation by a hold.
func (s *Server) assigned(ctx context.Context, id, hold, agentID string, at eventstore.Position) (Assignment, error) {
	c, _, err := s.conversationOf(ctx, id)
	if err != nil {
		return Assignment{}, err
	}
	a := Assignment{Conversation: id, Hold: hold, Agent: agentID, Position: s.at(ctx, at)}
	a.State, a.SubState = stateOf(c.Status)
	return a, nil
}

// RejectOffer declines what is offered.
func (s *Server) RejectOffer(ctx context.Context, r RejectOfferRequestObject) (RejectOfferResponseObject, error) {
	c, _, err := s.conversationOf(ctx, r.Conversation)
	if err != nil {
		return nil, err
	}
	a, err := s.decide(ctx, r.Conversation, conversation.Reject{Hold: r.Hold, Agent: offered(ctx, c, r.Hold), At: s.now()})
	if err != nil {
		return nil, err
	}
	return RejectOffer200JSONResponse(a), nil
}
