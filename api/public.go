package api

import (
	"context"
	"log/slog"
	"time"

	"parley/domain"
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

// shapeVersion is the version of all public shapes. A shape that changes its
// meaning gets a higher one; new members are no change of meaning.
const shapeVersion = 1

// shape is an event as the outside sees it. Stored shapes may change, these
// may not.
type shape map[string]any

// silent tells of events without a public shape, on purpose: the state that a
// stream carries forward says nothing new, and a line is how the log finds a
// customer's current conversation, which tells of itself.
func silent(event any) bool {
	switch event.(type) {
	case agent.CarriedForward, bulk.CarriedForward, cases.CarriedForward, contact.CarriedForward, conversation.CarriedForward, line.CarriedForward,
		notification.CarriedForward, hours.CarriedForward, profile.CarriedForward, settings.CarriedForward, queue.CarriedForward, session.CarriedForward, visitor.CarriedForward, widget.CarriedForward,
		workstream.CarriedForward, line.Taken:
		return true
	}
	return false
}

// PublicOf gives the public shapes of events, for Options.Public.
func PublicOf(codec *eventstore.Codec, logger *slog.Logger) Public {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	return func(ctx context.Context, sort string, r eventstore.Record) (string, any, bool) {
		event, err := codec.Open(r)
		if err != nil {
			logger.ErrorContext(ctx, "an event that cannot be read has no public shape", "event", r.ID, "name", r.Name, "error", err)
			return "", nil, false
		}
		body, ok := shapeFor(sort, event)
		if !ok {
			return "", nil, false
		}
		body["v"] = shapeVersion
		body["at"] = r.HappenedAt.UTC()
		if r.Kind() == "conversation" {
			body["conversation"] = r.StreamID()
		}
		if !outward(sort) {
			body["by"] = shape{"id": r.Actor.ID, "role": r.Actor.Role}
			body["event"] = r.ID.String()
		}
		return r.Name, tidy(body), true
	}
}

// outward tells that a sort of audience is a customer.
func outward(sort string) bool {
	return sort == "customer" || sort == "visitor" || sort == "invitations"
}

// shapeFor finds the shape for a sort of audience.
func shapeFor(sort string, event any) (shape, bool) {
	if silent(event) {
		return nil, false
	}
	if outward(sort) {
		return customerShape(event)
	}
	if s, ok := conversationShape(event); ok {
		return s, true
	}
	if s, ok := deskShape(event); ok {
		return s, true
	}
	return houseShape(event)
}

// tidy leaves out what is not there: empty texts, lists and times.
func tidy(s shape) shape {
	for name, value := range s {
		switch v := value.(type) {
		case string:
			if v == "" {
				delete(s, name)
			}
		case domain.Personal:
			if v == "" {
				delete(s, name)
			}
		case time.Time:
			if v.IsZero() {
				delete(s, name)
			}
		case []string:
			if len(v) == 0 {
				delete(s, name)
			}
		case []domain.Personal:
			if len(v) == 0 {
				delete(s, name)
			}
		case []shape:
			if len(v) == 0 {
				delete(s, name)
			}
		}
	}
	return s
}
