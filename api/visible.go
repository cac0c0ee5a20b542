package api

import (
	"context"
	"slices"

	"parley/domain"
	"parley/domain/conversation"
	"parley/domain/queue"
	"parley/eventstore"
)

// part is what of a conversation decides who may see it.
type part struct {
	visitor, widget string
	queue, mode     string
	agents          []string // primary, offered, the last
	status          conversation.Status
}

func partOf(c conversation.Conversation) part {
	p := part{visitor: c.Visitor, widget: c.Widget, queue: c.Queue, mode: c.Mode, agents: []string{c.Primary.Agent, c.Last}, status: c.Status}
	if c.Offer != nil {
		p.agents = append(p.agents, c.Offer.Agent)
	}
	for _, one := range c.Participants {
		p.agents = append(p.agents, one.Agent)
	}
	return p
}

// visible tells whether a caller may see a conversation (API-5): who oversees
// sees all; an agent those of queues he is a member of, and those he takes or
// took part in; a visitor its own until they end, a live one until it is closed. member and was are
// asked only when the rest does not decide.
func visible(c Caller, id string, p part, member, was func() (bool, error)) (bool, error) {
	switch {
	case c.Is(overseers...):
		return true, nil
	case c.Role == domain.RoleVisitor:
		over := p.status == conversation.StatusClosed || p.mode != domain.ModeLive && p.status.Over()
		return owns(c, id, p) && !over, nil
	case !c.Is(domain.RoleAgent, domain.RoleBot):
		return false, nil
	case slices.Contains(p.agents, c.ID):
		return true, nil
	}
	if ok, err := member(); ok || err != nil {
		return ok, err
	}
	return was()
}

// owns tells whether a visitor is the one a conversation is with. A token that
// names a conversation was given to who proved to be its customer, on whatever
// device; it opens no other.
func owns(c Caller, id string, p part) bool {
	switch {
	case c.Widget != "" && c.Widget != p.widget:
		return false
	case c.Conversation != "":
		return c.Conversation == id
	}
	return c.ID == p.visitor
}

// errUnseen refuses what the caller may not see.
var errUnseen = &domain.Error{Code: "forbidden", Message: "this conversation is not yours to see: it is of another queue, agent or visitor, or over"}

// sees refuses a caller who may not see the conversation.
func (s *Server) sees(ctx context.Context, c conversation.Conversation) error {
	caller := CallerOf(ctx)
	ok, err := visible(caller, c.ID, partOf(c),
		func() (bool, error) { return s.serves(ctx, caller.ID, c.Queue) },
		func() (bool, error) {
			was, _, err := s.opts.Views.WasPrimary(ctx, c.ID, caller.ID, 0)
			return was, err
		})
	if err == nil && !ok {
		err = errUnseen
	}
	return err
}

// seenNow gives a conversation to who may see it, at least as new as he asks, and
// the position that an answer made from the log itself shows.
func (s *Server) seenNow(ctx context.Context, id string, after *Position) (conversation.Conversation, eventstore.Position, error) {
	at, err := s.present(ctx, after)
	if err != nil {
		return conversation.Conversation{}, 0, err
	}
	c, _, err := s.conversationOf(ctx, id)
	if err == nil {
		err = s.sees(ctx, c)
	}
	return c, at, err
}

// serves tells whether an agent is a member of a queue.
func (s *Server) serves(ctx context.Context, agent, id string) (bool, error) {
	if id == "" {
		return false, nil
	}
	member := false
	err := eventstore.Look(ctx, s.engine, &queue.Kind, id, func(q queue.Queue, _ eventstore.Revision) { member = slices.Contains(q.Members, agent) })
	return member, err
}
