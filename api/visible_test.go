package api

import (
	"testing"

	"parley/domain"
	"parley/domain/conversation"
)

func TestAPI5_WhoSeesAConversation(t *testing.T) {
	live := func(s conversation.Status) part {
		return part{visitor: "v", widget: "w", queue: "q", mode: domain.ModeLive, status: s, agents: []string{"primary", "last", "offered"}}
	}
	persistent := func(s conversation.Status) part {
		p := live(s)
		p.mode = domain.ModePersistent
		return p
	}
	who := func(role, id string) Caller { return Caller{Actor: domain.Actor{ID: id, Role: role}} }
	narrowed := func(id, conversationID, widget string) Caller {
		c := who(domain.RoleVisitor, id)
		c.Conversation, c.Widget = conversationID, widget
		return c
	}
	for _, c := range []struct {
		name        string
		caller      Caller
		part        part
		member, was bool
		want        bool
	}{
		{"a supervisor", who(domain.RoleSupervisor, "s"), live(conversation.StatusOpen), false, false, true},
		{"an auditor, closed", who(domain.RoleAuditor, "s"), live(conversation.StatusClosed), false, false, true},
		{"the primary agent", who(domain.RoleAgent, "primary"), live(conversation.StatusEngaged), false, false, true},
		{"who is offered it", who(domain.RoleAgent, "offered"), live(conversation.StatusOffered), false, false, true},
		{"who had it last", who(domain.RoleAgent, "last"), live(conversation.StatusWaiting), false, false, true},
		{"a member", who(domain.RoleAgent, "m"), live(conversation.StatusOpen), true, false, true},
		{"who had it once", who(domain.RoleAgent, "m"), live(conversation.StatusClosed), false, true, true},
		{"any other agent", who(domain.RoleAgent, "m"), live(conversation.StatusOpen), false, false, false},
		{"a bot", who(domain.RoleBot, "b"), live(conversation.StatusOpen), false, false, false},
		{"nobody", Caller{}, live(conversation.StatusOpen), true, true, false},
		{"its visitor", who(domain.RoleVisitor, "v"), live(conversation.StatusOpen), false, false, true},
		{"its visitor, in wrap-up", who(domain.RoleVisitor, "v"), live(conversation.StatusWrapUp), false, false, true},
		{"its visitor, closed", who(domain.RoleVisitor, "v"), live(conversation.StatusClosed), false, false, false},
		{"PER-6 its visitor, after End", who(domain.RoleVisitor, "v"), persistent(conversation.StatusWrapUp), false, false, false},
		{"its visitor, waiting", who(domain.RoleVisitor, "v"), persistent(conversation.StatusWaiting), false, false, true},
		{"another visitor", who(domain.RoleVisitor, "x"), live(conversation.StatusOpen), true, true, false},
		{"another visitor who proved who he is", narrowed("x", "c", "w"), persistent(conversation.StatusEngaged), false, false, true},
		{"its visitor with a token of another conversation", narrowed("v", "d", ""), live(conversation.StatusOpen), false, false, false},
		{"its visitor with a token of another widget", narrowed("v", "", "z"), live(conversation.StatusOpen), false, false, false},
	} {
		got, err := visible(c.caller, "c", c.part, func() (bool, error) { return c.member, nil }, func() (bool, error) { return c.was, nil })
		if err != nil || got != c.want {
			t.Errorf("%s: %v %v", c.name, got, err)
		}
	}
}
