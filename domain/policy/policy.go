// Package policy says what follows from what, over the streams of one
// conversation's life. Each policy is pure, runs at least once, and is harmless
// when it runs again, late or out of order.
package policy

import "parley/domain"

// All are the policies, in the order they are run after an event.
func All() []domain.Policy {
	return []domain.Policy{
		{Name: "start", Follow: start},
		{Name: "ask", Follow: ask},
		{Name: "notify", Follow: notify},
		{Name: "workspace", Follow: workspace},
		{Name: "release", Follow: release},
		{Name: "presence", Follow: presence},
		{Name: "invited", Follow: invited},
		{Name: "identify", Follow: identify},
		{Name: "disable", Follow: disable},
		{Name: "gone", Follow: gone},
		{Name: "take_part", Follow: takePart},
		{Name: "sentiment", Follow: sentiment},
	}
}

// Names of the kinds that policies write to.
const (
	kindAgent        = "agent"
	kindConversation = "conversation"
	kindLine         = "line"
	kindNotification = "notification"
	kindSession      = "session"
	kindVisitor      = "visitor"
)

func to(kind, id string, command any, otherwise ...domain.Intent) domain.Intent {
	return domain.Intent{Kind: kind, ID: id, Command: command, Else: otherwise}
}
