package api

import (
	"context"

	"github.com/samber/lo"

	"parley/domain"
	"parley/domain/agent"
	"parley/domain/conversation"
	"parley/domain/session"
	"parley/eventstore"
)

// sessionOf gives a session's state to its agent, or to who acts for him.
func (s *Server) sessionOf(ctx context.Context, id string) (session.Session, error) {
	one, _, err := eventstore.Load(ctx, s.engine, &session.Kind, id)
	switch {
	case err != nil:
		return one, err
	case !one.Started:
		return one, session.ErrUnknown
	}
	return one, actsFor(ctx, one.Agent)
}

// CloseSession is the agent's X (SES-7). Without confirm it only tells what
// would happen.
func (s *Server) CloseSession(ctx context.Context, r CloseSessionRequestObject) (CloseSessionResponseObject, error) {
	one, err := s.sessionOf(ctx, r.Session)
	if err != nil {
		return nil, err
	}
	var body SessionClose
	if r.Body != nil {
		body = *r.Body
	}
	confirmed := lo.FromPtr(body.Confirm)
	switch one.Form {
	case session.FormConversation:
	case session.FormConsult, session.FormJoined, session.FormMonitor:
		return s.closePart(ctx, r.Session, one, confirmed)
	default:
		return s.closeTab(ctx, r.Session, one, confirmed)
	}
	again, err := s.recorded(ctx, conversation.Kind.Stream(one.Conversation))
	if err != nil {
		return nil, err
	}
	if one.Closed != "" && !again {
		return nil, session.ErrClosed
	}
	c, _, err := s.conversationOf(ctx, one.Conversation)
	if err != nil {
		return nil, err
	}
	if c.Primary.Hold != r.Session && !again {
		return nil, conversation.ErrNotYours
	}
	a, _, err := eventstore.Load(ctx, s.engine, &agent.Kind, one.Agent)
	if err != nil {
		return nil, err
	}
	units := a.Holds[r.Session].Units
	cmd := conversation.CloseSession{Hold: r.Session, Agent: one.Agent, Disposition: lo.FromPtr(body.Disposition), At: s.now()}
	answer := CloseSession200JSONResponse{Session: r.Session, Confirmed: confirmed, Conversation: &c.ID, UnitsFreed: &units}
	if !confirmed {
		events, err := cmd.Decide(c)
		if err != nil {
			return nil, err
		}
		after := conversation.Kind.Fold(c, events...)
		at, err := s.head(ctx)
		if err != nil {
			return nil, err
		}
		engaged := c.Status == conversation.StatusEngaged
		answer.EndOffered, answer.HistoryHidden = opt(engaged), opt(engaged && c.Mode != domain.ModeLive)
		state, sub := stateOf(after.Status)
		answer.State, answer.SubState, answer.Position = &state, sub, s.at(ctx, at)
		return answer, nil
	}
	out, err := eventstore.Act(ctx, s.engine, &conversation.Kind, c.ID, cmd, s.meta(ctx))
	if err != nil {
		return nil, err
	}
	if out.Repeated && units == 0 {
		if units, err = s.freed(ctx, one.Agent, r.Session, out.Records); err != nil {
			return nil, err
		}
	}
	done, err := s.stands(ctx, c.ID, out.Position)
	if err != nil {
		return nil, err
	}
	answer.State, answer.SubState, answer.Position = &done.State, done.SubState, done.Position
	return answer, nil
}

// freed is how many units of a hold were released after a command recorded what
// it did: the hold is gone by then, and a repeat answers what was answered first.
func (s *Server) freed(ctx context.Context, agentID, hold string, did []eventstore.Record) (int, error) {
	if len(did) == 0 {
		return 0, nil
	}
	q := eventstore.Query{Stream: agent.Kind.Stream(agentID), From: eventstore.None, Backwards: true}
	for r, err := range s.engine.Log.Read(ctx, q) {
		if err != nil || r.Position < did[0].Position {
			return 0, err
		}
		event, err := s.engine.Codec.Decode(r)
		if err != nil {
			return 0, err
		}
		if e, ok := event.(agent.UnitsReleased); ok && e.Hold == hold {
			return e.Units, nil
		}
	}
	return 0, nil
}

// closePart is X on a part in another agent's conversation: he leaves it (SES-7).
func (s *Server) closePart(ctx context.Context, id string, one session.Session, confirmed bool) (CloseSessionResponseObject, error) {
	at, err := s.head(ctx)
	if err != nil {
		return nil, err
	}
	if confirmed {
		out, err := eventstore.Act(ctx, s.engine, &conversation.Kind, one.Conversation, conversation.LeavePart{ID: id, Why: "closed", By: one.Agent}, s.meta(ctx))
		if err != nil {
			return nil, err
		}
		at = out.Position
	}
	none := 0
	return CloseSession200JSONResponse{Session: id, Confirmed: confirmed, Conversation: &one.Conversation, UnitsFreed: &none, Position: s.at(ctx, at)}, nil
}

// closeTab closes the session on a case or contact: the tab only.
func (s *Server) closeTab(ctx context.Context, id string, one session.Session, confirmed bool) (CloseSessionResponseObject, error) {
	at, err := s.head(ctx)
	if err != nil {
		return nil, err
	}
	if confirmed {
		out, err := eventstore.Act(ctx, s.engine, &session.Kind, id, session.Close{Agent: one.Agent, Conversation: one.Conversation, Why: "closed"}, s.meta(ctx))
		if err != nil {
			return nil, err
		}
		at = out.Position
	}
	none := 0
	return CloseSession200JSONResponse{Session: id, Confirmed: confirmed, UnitsFreed: &none, Position: s.at(ctx, at)}, nil
}

// EndConversation is the agent's End; a supervisor ends for him.
func (s *Server) EndConversation(ctx context.Context, r EndConversationRequestObject) (EndConversationResponseObject, error) {
	c, _, err := s.conversationOf(ctx, r.Conversation)
	if err != nil {
		return nil, err
	}
	who := CallerOf(ctx).ID
	if CallerOf(ctx).Is(domain.RoleSupervisor, domain.RoleAdmin) && c.Primary.Agent != "" {
		who = c.Primary.Agent
	}
	a, err := s.decide(ctx, r.Conversation, conversation.End{Agent: who, At: s.now()})
	if err != nil {
		return nil, err
	}
	return EndConversation200JSONResponse(a), nil
}

// ForceCloseConversation closes without wrap-up, by a supervisor.
func (s *Server) ForceCloseConversation(ctx context.Context, r ForceCloseConversationRequestObject) (ForceCloseConversationResponseObject, error) {
	reason := string(lo.FromPtr(r.Body.Reason))
	switch reason {
	case "":
		reason = conversation.ReasonSupervisorClosed
	case conversation.ReasonSupervisorClosed, conversation.ReasonSpam:
	default:
		return nil, domain.Invalid("reason", "give supervisor_closed or spam")
	}
	a, err := s.decide(ctx, r.Conversation, conversation.ForceClose{Reason: reason})
	if err != nil {
		return nil, err
	}
	return ForceCloseConversation200JSONResponse(a), nil
}
