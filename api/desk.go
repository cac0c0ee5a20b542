package api

import (
	"bytes"
	"context"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/samber/lo"

	"parley/domain"
	"parley/domain/conversation"
	"parley/eventstore"
	"parley/projections"
)

// now is the time that commands carry.
func (s *Server) now() time.Time { return s.opts.Now().Round(0).UTC() }

// opt is a pointer to a value, and nil for the zero value: absent in JSON.
func opt[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

// optList is a pointer to a list, and nil for an empty one.
func optList[T any](v []T) *[]T {
	if len(v) == 0 {
		return nil
	}
	return &v
}

// actsFor lets an agent act for himself, and supervisors and admins for anybody.
func actsFor(ctx context.Context, agent string) error {
	c := CallerOf(ctx)
	switch {
	case c.Is(domain.RoleSupervisor, domain.RoleAdmin), c.Role == domain.RoleAgent && c.ID == agent:
		return nil
	}
	return &domain.Error{Code: "forbidden", Message: "an agent acts for himself only: ask a supervisor"}
}

// looksAt lets those who may act for an agent, and those who watch all, look
// at what is his.
func looksAt(ctx context.Context, agent string) error {
	switch {
	case !domain.ValidID(agent):
		return domain.Invalid("agent", "give an agent's id")
	case CallerOf(ctx).Is(overseers...):
		return nil
	}
	return actsFor(ctx, agent)
}

// actsAs lets a visitor act as itself, and services and admins as anybody.
func actsAs(ctx context.Context, visitor string) error {
	c := CallerOf(ctx)
	if c.Role == domain.RoleVisitor && c.ID != visitor {
		return &domain.Error{Code: "forbidden", Message: "a visitor acts as itself only"}
	}
	return nil
}

// conversationOf gives a conversation's state, if there is one, without what
// only its commands need: who declined or did not see it, where it overflowed,
// which variables there are, and which messages were the latest.
func (s *Server) conversationOf(ctx context.Context, id string) (conversation.Conversation, eventstore.Revision, error) {
	var c conversation.Conversation
	revision := eventstore.None
	err := eventstore.Look(ctx, s.engine, &conversation.Kind, id, func(now conversation.Conversation, at eventstore.Revision) {
		c, revision = now, at
		c.Declines, c.Unseen, c.Overflows, c.Variables, c.Recent = nil, nil, nil, nil, domain.Recent{}
		c.Skills, c.Participants = slices.Clone(now.Skills), slices.Clone(now.Participants)
		if now.Offer != nil {
			own := *now.Offer
			c.Offer = &own
		}
	})
	if err == nil && c.Status == conversation.StatusNone {
		err = conversation.ErrUnknown
	}
	return c, revision, err
}

// head is the position of the last record.
func (s *Server) head(ctx context.Context) (eventstore.Position, error) {
	info, err := s.engine.Log.Info(ctx)
	return info.Head, err
}

// recorded tells whether this very command is on record in a stream: then it
// is answered as it was, whatever has happened since. A key that named another
// request, in whatever stream, is refused.
func (s *Server) recorded(ctx context.Context, stream string) (bool, error) {
	m := s.meta(ctx)
	if m.Command == uuid.Nil {
		return false, nil
	}
	found := false
	for r, err := range s.engine.Log.Read(ctx, eventstore.Query{Command: m.Command}) {
		switch {
		case err != nil:
			return false, err
		case !bytes.Equal(r.BodyHash, m.BodyHash):
			return false, eventstore.ErrKeyReused
		}
		found = found || r.Stream == stream
	}
	return found, nil
}

// stateOf is a status in the words of the API.
func stateOf(status conversation.Status) (ConversationStateName, *ConversationSubState) {
	state, sub := status.State()
	return ConversationStateName(state), opt(ConversationSubState(sub))
}

// stands tells where a conversation stands after a command.
func (s *Server) stands(ctx context.Context, id string, at eventstore.Position) (ConversationState, error) {
	c, _, err := s.conversationOf(ctx, id)
	if err != nil {
		return ConversationState{}, err
	}
	state, sub := stateOf(c.Status)
	return ConversationState{
		Conversation: id, State: state, SubState: sub, Agent: some(c.Primary.Agent), Queue: some(c.Queue), Reason: some(c.Closed),
		Contact: some(c.Contact), Case: some(c.Case), Topic: some(c.Topic), Position: s.at(ctx, at),
	}, nil
}

// decide carries out a command of somebody who may see the conversation, and
// tells where it stands then.
func (s *Server) decide(ctx context.Context, id string, cmd domain.Command[conversation.Conversation, conversation.Event]) (ConversationState, error) {
	c, _, err := s.conversationOf(ctx, id)
	if err != nil {
		return ConversationState{}, err
	}
	if err := s.mayAct(ctx, c, nil); err != nil {
		return ConversationState{}, err
	}
	out, err := eventstore.Act(ctx, s.engine, &conversation.Kind, id, cmd, s.meta(ctx))
	if err != nil {
		return ConversationState{}, err
	}
	return s.stands(ctx, id, out.Position)
}

// mayAct refuses who may not see the conversation, and otherwise with what else
// there is against it; but not the repeat of what is on record, for which he was
// allowed to when he did it (API-1).
func (s *Server) mayAct(ctx context.Context, c conversation.Conversation, against error) error {
	refusal := s.sees(ctx, c)
	if refusal == nil {
		refusal = against
	}
	if _, refused := refusal.(*domain.Error); !refused {
		return refusal
	}
	again, err := s.recorded(ctx, conversation.Kind.Stream(c.ID))
	switch {
	case err != nil:
		return err
	case again:
		return nil
	}
	return refusal
}

// pageOf is the page that a list's parameters ask for.
func pageOf(cursor *Cursor, limit *Limit) (projections.Page, error) {
	p := projections.Page{Cursor: lo.FromPtr(cursor), Limit: lo.FromPtr(limit)}
	if limit != nil && (*limit < 1 || *limit > 200) {
		return p, domain.Invalid("limit", "give 1 to 200")
	}
	return p, nil
}

// midnight is when today began where the organisation is.
func (s *Server) midnight() time.Time {
	now := s.now().In(s.opts.Zone)
	return time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, s.opts.Zone)
}
