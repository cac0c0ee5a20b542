package projections

import (
	"parley/domain/agent"
	"parley/domain/bulk"
	"parley/domain/cases"
	"parley/domain/contact"
	"parley/domain/conversation"
	"parley/domain/hours"
	"parley/domain/line"
	"parley/domain/notification"
	"parley/domain/profile"
	"parley/domain/queue"
	"parley/domain/session"
	"parley/domain/settings"
	"parley/domain/visitor"
	"parley/domain/widget"
	"parley/domain/workstream"
	"parley/eventstore"
)

// Kinds are all kinds of stream that Parley writes. A new kind is one line here.
func Kinds() (*eventstore.Kinds, error) {
	return eventstore.NewKinds(
		eventstore.Register(&agent.Kind),
		eventstore.Register(&bulk.Kind),
		eventstore.Register(&cases.Kind),
		eventstore.Register(&contact.Kind),
		eventstore.Register(&conversation.Kind),
		eventstore.Register(&hours.Kind),
		eventstore.Register(&line.Kind),
		eventstore.Register(&notification.Kind),
		eventstore.Register(&profile.Kind),
		eventstore.Register(&queue.Kind),
		eventstore.Register(&session.Kind),
		eventstore.Register(&settings.Kind),
		eventstore.Register(&visitor.Kind),
		eventstore.Register(&widget.Kind),
		eventstore.Register(&workstream.Kind),
	)
}
