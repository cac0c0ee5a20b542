package api

import (
	"context"
	"strings"

	"parley/domain"
	"parley/eventstore"
)

// Everyone is the audience of all public events: integrators and supervisors.
const Everyone = "all"

// AgentKey is the audience of what concerns one agent.
func AgentKey(id string) string { return "agent:" + id }

// ConversationKey is the audience of one conversation, on the agents' side.
func ConversationKey(id string) string { return "conversation:" + id }

// VisitorKey is the audience of what one visitor may see.
func VisitorKey(id string) string { return "visitor:" + id }

// Audience says who is told of an event, as keys. It is pure, since a resumed
// feed asks it again about old events and must get the same answer.
type Audience func(domain.Fact) []string

// Public gives the versioned public shape of a record for one sort of
// audience ("agent", "conversation", "customer", "visitor", "invitations" or "all"): what a visitor gets
// is not what an agent gets. Stored shapes never leave. ok is false when there
// is nothing to tell.
type Public func(ctx context.Context, sort string, r eventstore.Record) (name string, body any, ok bool)

// sortOf is the part of a key that says what sort of audience it is.
func sortOf(key string) string {
	sort, _, _ := strings.Cut(key, ":")
	return sort
}

// cutKey takes a key apart; ok is false for the audience that has no id.
func cutKey(key string) (sort, id string, ok bool) { return strings.Cut(key, ":") }
