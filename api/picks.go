package api

import (
	"context"

	"github.com/samber/lo"

	"parley/domain"
	"parley/domain/agent"
	"parley/domain/conversation"
	"parley/eventstore"
)

// actingAgent is for whom the caller acts: an agent for himself, a supervisor
// or admin for whom he names.
func actingAgent(ctx context.Context, named *ID) (string, error) {
	id := lo.FromPtr(named)
	if id == "" {
		id = CallerOf(ctx).ID
	}
	return id, actsFor(ctx, id)
}

// PickConversation takes an open conversation without an offer (flow P).
func (s *Server) PickConversation(ctx context.Context, r PickConversationRequestObject) (PickConversationResponseObject, error) {
	id, err := actingAgent(ctx, choice(r.Body))
	if err != nil {
		return nil, err
	}
	a, err := s.take(ctx, r.Conversation, id, agent.PurposePick)
	if err != nil {
		return nil, err
	}
	return PickConversation200JSONResponse(a), nil
}

// ReopenConversation takes a waiting conversation back by the agent who had it
// last. Once the customer has written it is accepting, or picking (PER-8).
func (s *Server) ReopenConversation(ctx context.Context, r ReopenConversationRequestObject) (ReopenConversationResponseObject, error) {
	id, err := actingAgent(ctx, choice(r.Body))
	if err != nil {
		return nil, err
	}
	a, err := s.take(ctx, r.Conversation, id, agent.PurposeReopen)
	if err != nil {
		return nil, err
	}
	return ReopenConversation200JSONResponse(a), nil
}

// AssignConversation gives an open conversation to an agent, by a supervisor.
func (s *Server) AssignConversation(ctx context.Context, r AssignConversationRequestObject) (AssignConversationResponseObject, error) {
	a, err := s.take(ctx, r.Conversation, r.Body.Agent, agent.PurposeAssign)
	if err != nil {
		return nil, err
	}
	return AssignConversation200JSONResponse(a), nil
}

func choice(b *AgentChoice) *ID {
	if b == nil {
		return nil
	}
	return b.Agent
}

// take holds room with the agent and asks the conversation for what the hold
// is for; what then stands is told. Nothing is held where the answer is no
// already.
func (s *Server) take(ctx context.Context, id, agentID, purpose string) (Assignment, error) {
	var none Assignment
	if !domain.ValidID(agentID) {
		return none, domain.Invalid("agent", "give an agent's id")
	}
	c, _, err := s.conversationOf(ctx, id)
	if err != nil {
		return none, err
	}
	again, err := s.recorded(ctx, agent.Kind.Stream(agentID))
	if err != nil {
		return none, err
	}
	hold := domain.Hold(id, c.Turn, agentID)
	if !again {
		// Taking what was offered was accepting it, and is on record there.
		accepted, err := s.recorded(ctx, conversation.Kind.Stream(id))
		switch {
		case err != nil:
			return none, err
		case accepted:
			return s.accept(ctx, c, hold, agentID)
		}
		switch {
		case c.Status == conversation.StatusEngaged && c.Primary.Agent == agentID:
			at, err := s.head(ctx)
			if err == nil && purpose != agent.PurposeAssign {
				at, err = s.focusOn(ctx, agentID, c.Primary.Hold)
			}
			if err != nil {
				return none, err
			}
			return s.assigned(ctx, id, c.Primary.Hold, agentID, at)
		case c.Offer != nil && c.Offer.Agent == agentID && purpose != agent.PurposeAssign:
			return s.accept(ctx, c, c.Offer.Hold, agentID)
		}
		if err := s.mayTake(ctx, c, agentID, purpose); err != nil {
			return none, err
		}
		if purpose == agent.PurposeReopen && c.Status == conversation.StatusOpen && c.Last == agentID {
			purpose = agent.PurposePick // the customer has written, and nobody was asked yet
		}
		if err := engageable(c, hold, agentID, purpose); err != nil {
			return none, err
		}
	}
	out, err := eventstore.Act(ctx, s.engine, &agent.Kind, agentID, s.reserve(c, hold, purpose), s.meta(ctx))
	if err != nil {
		return none, err
	}
	hold, turn := holdOf(out, hold, c.Turn)
	got, err := s.engagedBy(ctx, id, hold)
	if err != nil {
		return none, err
	}
	if got {
		return s.assigned(ctx, id, hold, agentID, out.Position)
	}
	return none, s.lost(ctx, id, hold, turn, agentID, purpose)
}

// mayTake lets members of the queue pick, and whoever had it last reopen; a
// supervisor gives it to anybody.
func (s *Server) mayTake(ctx context.Context, c conversation.Conversation, agentID, purpose string) error {
	if CallerOf(ctx).Is(domain.RoleSupervisor, domain.RoleAdmin) || purpose == agent.PurposeReopen && c.Last == agentID {
		return nil
	}
	member, err := s.serves(ctx, agentID, c.Queue)
	if err == nil && !member {
		err = &domain.Error{Code: "not_member", Message: "only a member of the queue may take this conversation"}
	}
	return err
}

// engageable tells what the conversation would say, without asking it.
func engageable(c conversation.Conversation, hold, agentID, purpose string) error {
	_, err := conversation.Engage{Hold: hold, Agent: agentID, Turn: c.Turn, How: purpose}.Decide(c)
	return err
}

// reserve is the command that holds room without regard to units.
func (s *Server) reserve(c conversation.Conversation, hold, purpose string) agent.Reserve {
	at := s.now()
	return agent.Reserve{
		Hold: hold, Conversation: c.ID, Subject: c.Subject, Turn: c.Turn, Segment: c.Segment, Units: c.Terms.Units,
		Profile: c.Terms.Profile, Purpose: purpose, Forced: true, Countdown: c.Terms.Countdown, Day: at.In(s.opts.Zone).Format("2006-01-02"), At: at,
	}
}

// holdOf is the hold that a reservation recorded, now or the first time, and
// the turn it is for.
func holdOf(out eventstore.Outcome, hold string, turn int) (string, int) {
	for _, e := range out.Events {
		if reserved, ok := e.(agent.Reserved); ok {
			return reserved.Hold, reserved.Turn
		}
	}
	return hold, turn
}

// engagedBy tells whether a hold ever got its conversation.
func (s *Server) engagedBy(ctx context.Context, id, hold string) (bool, error) {
	c, _, err := s.conversationOf(ctx, id)
	if err != nil || c.Primary.Hold == hold {
		return err == nil, err
	}
	for r, err := range s.engine.Log.Read(ctx, eventstore.Query{Stream: conversation.Kind.Stream(id), From: eventstore.None, Backwards: true}) {
		if err != nil {
			return false, err
		}
		if r.Name != "conversation.engaged" {
			continue
		}
		event, err := s.engine.Codec.Decode(r)
		if err != nil {
			return false, err
		}
		if e, ok := event.(conversation.Engaged); ok && e.Hold == hold {
			return true, nil
		}
	}
	return false, nil
}

// lost tells why a hold did not get its conversation: who was first. When
// nobody was, what follows from the hold could not be done now: a repeat does
// it.
func (s *Server) lost(ctx context.Context, id, hold string, turn int, agentID, purpose string) error {
	c, _, err := s.conversationOf(ctx, id)
	if err != nil {
		return err
	}
	if c.Turn == turn {
		return &domain.Error{Code: "unavailable"}
	}
	if err := engageable(c, hold, agentID, purpose); err != nil {
		return err
	}
	return conversation.ErrTurn
}
