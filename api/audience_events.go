package api

import (
	"parley/domain"
	"parley/domain/conversation"
	"parley/domain/notification"
	"parley/domain/queue"
	"parley/domain/session"
	"parley/domain/visitor"
)

// CustomerKey is the audience of one conversation, on the customer's side: what
// its widget may show, and nothing of the agents among themselves.
func CustomerKey(id string) string { return "customer:" + id }

// InvitationsKey is the audience of what one visitor is invited to, and of none of
// his conversations.
func InvitationsKey(id string) string { return "invitations:" + id }

// visitorKey is what of a visitor a caller follows: whose token names a conversation
// hears of no other.
func visitorKey(c Caller, id string) string {
	if c.Role == domain.RoleVisitor && c.Conversation != "" {
		return InvitationsKey(id)
	}
	return VisitorKey(id)
}

// conversationKey is the side of a conversation that a caller follows.
func conversationKey(c Caller, id string) string {
	if c.Role == domain.RoleVisitor {
		return CustomerKey(id)
	}
	return ConversationKey(id)
}

// AudienceOf says who is told of an event: the agents it concerns, those who
// look at the conversation, the customer when it is meant for him, and
// integrators of all that has a public shape.
func AudienceOf(f domain.Fact) []string {
	if f.Imported || silent(f.Event) {
		return nil
	}
	switch f.Kind {
	case "conversation":
		switch e := f.Event.(type) {
		case conversation.Said: // private: those who take part, and nobody who looks at the conversation otherwise
			return append(agentKeys(e.To...), Everyone)
		case conversation.Monitored, conversation.MonitorLeft: // unannounced
			return append(agentKeys(conversationAgents(e)...), Everyone)
		}
		keys := append([]string{ConversationKey(f.ID), Everyone}, agentKeys(conversationAgents(f.Event)...)...)
		if _, ok := customerShape(f.Event); ok {
			keys = append(keys, CustomerKey(f.ID))
		}
		if e, ok := f.Event.(conversation.Started); ok && e.Visitor != "" {
			keys = append(keys, VisitorKey(e.Visitor))
		}
		return keys
	case "agent":
		return []string{AgentKey(f.ID), Everyone}
	case "notification":
		return append(agentKeys(notificationAgent(f.Event)), Everyone)
	case "session":
		return append(agentKeys(sessionAgent(f.Event)), Everyone)
	case "visitor":
		if _, ok := customerShape(f.Event); ok {
			return []string{VisitorKey(f.ID), InvitationsKey(f.ID), Everyone}
		}
	case "queue":
		switch e := f.Event.(type) {
		case queue.MemberAdded:
			return []string{AgentKey(e.Agent), Everyone}
		case queue.MemberRemoved:
			return []string{AgentKey(e.Agent), Everyone}
		}
	}
	return []string{Everyone}
}

// agentKeys are the keys of the agents that are named, each once.
func agentKeys(ids ...string) []string {
	var keys []string
	for i, id := range ids {
		twice := false
		for _, before := range ids[:i] {
			twice = twice || before == id
		}
		if id != "" && !twice {
			keys = append(keys, AgentKey(id))
		}
	}
	return keys
}

// conversationAgents are the agents whom an event of a conversation concerns.
// Whom it does not name follows the conversation itself.
func conversationAgents(event any) []string {
	switch e := event.(type) {
	case conversation.Offered:
		return []string{e.Agent}
	case conversation.OfferEnded:
		return []string{e.Agent, e.Keeper}
	case conversation.Engaged:
		return []string{e.Agent, e.Former}
	case conversation.Parked:
		return []string{e.Agent}
	case conversation.Requeued:
		return []string{e.Agent, e.OfferAgent}
	case conversation.Ended:
		return append(partAgents(e.Leaving), e.Agent, e.OfferAgent)
	case conversation.Closed:
		return append(partAgents(e.Leaving), e.Agent, e.OfferAgent)
	case conversation.Queued:
		return []string{e.Affinity}
	case conversation.Invited:
		return []string{e.Agent, e.By}
	case conversation.InviteEnded:
		return []string{e.Agent, e.By}
	case conversation.Joined:
		return []string{e.Agent}
	case conversation.Left:
		return []string{e.Agent}
	case conversation.Monitored:
		return []string{e.Agent}
	case conversation.MonitorLeft:
		return []string{e.Agent}
	case conversation.CustomerPresent:
		return []string{e.Agent}
	case conversation.TurnedDown:
		return []string{e.Agent}
	case conversation.MessageReceived:
		return []string{e.Agent}
	case conversation.MessageSent:
		if e.By.Role == domain.RoleAgent {
			return []string{e.By.ID}
		}
	}
	return nil
}

// partAgents are the agents of participants.
func partAgents(all []conversation.Participant) []string {
	var ids []string
	for _, p := range all {
		ids = append(ids, p.Agent)
	}
	return ids
}

func notificationAgent(event any) string {
	switch e := event.(type) {
	case notification.Raised:
		return e.Agent
	case notification.Delivered:
		return e.Agent
	case notification.Displayed:
		return e.Agent
	case notification.Resolved:
		return e.Agent
	}
	return ""
}

func sessionAgent(event any) string {
	switch e := event.(type) {
	case session.Started:
		return e.Agent
	case session.TabsArranged:
		return e.Agent
	case session.DraftKept:
		return e.Agent
	case session.Closed:
		return e.Agent
	}
	return ""
}

// customerShape is what a customer gets to see of an event. It tells nothing
// of agents' names and ids, notes, reasons or records.
func customerShape(event any) (shape, bool) {
	switch e := event.(type) {
	case conversation.Started:
		return shape{"conversation": e.Conversation, "mode": e.Mode}, true
	case conversation.Queued:
		return shape{"state": "open"}, true
	case conversation.Engaged:
		return shape{"state": "engaged"}, true
	case conversation.Requeued:
		return shape{"state": "open"}, true
	case conversation.Ended:
		return shape{"state": "ended"}, true
	case conversation.Closed:
		return shape{"state": "closed"}, true
	case conversation.Joined:
		if e.As == conversation.AsJoined {
			return shape{"what": "agent_joined"}, true
		}
	case conversation.Left:
		if e.As == conversation.AsJoined {
			return shape{"what": "agent_left"}, true
		}
	case conversation.Told:
		return shape{"what": e.What, "until": e.Until}, true
	case conversation.MessageReceived:
		return shape{
			"id": e.ID, "number": e.Number, "side": conversation.SideCustomer, "text": e.Text,
			"attachments": attachmentShapes(e.Attachments), "choice": e.Choice,
		}, true
	case conversation.MessageSent:
		side := conversation.SideAgent
		if e.By.Role == domain.RoleSystem || e.By.Role == domain.RoleBot {
			side = e.By.Role
		}
		return shape{
			"id": e.ID, "number": e.Number, "side": side, "text": e.Text,
			"attachments": attachmentShapes(e.Attachments), "choices": e.Choices,
		}, true
	case conversation.Read:
		return shape{"side": e.Side, "upTo": e.UpTo}, true
	case visitor.Invited:
		return shape{"visitor": e.Visitor, "invitation": e.ID, "message": e.Message, "deadline": e.Deadline}, true
	case visitor.InvitationAccepted:
		return shape{"visitor": e.Visitor, "invitation": e.ID, "conversation": e.Opening.Conversation}, true
	case visitor.InvitationEnded:
		return shape{"visitor": e.Visitor, "invitation": e.ID, "outcome": e.Outcome}, true
	}
	return nil, false
}
