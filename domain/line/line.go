// Package line is the customer's place on one widget, number or page: it
// decides which conversation is the current one, so that two racing starts
// give one conversation (CON-3).
package line

import (
	"parley/domain"
)

// Line knows its current conversation, and nothing more.
type Line struct {
	Conversation string `json:"conversation,omitempty"`
}

// Event is something that happened to a line.
type Event interface{ apply(*Line) }

// Kind is every name this package has ever written to disk. The id of a line is
// an HMAC of CON-3's key under the store's secret.
var Kind = domain.Kind[Line, Event]{
	Name:  "line",
	Apply: func(l *Line, e Event) { e.apply(l) },
	Names: domain.Names[Event]{
		"line.taken":           Taken{},
		"line.carried_forward": CarriedForward{},
	},
	Subject: func(_ string, _ Line, e Event) string {
		if t, ok := e.(Taken); ok {
			return t.Opening.Subject
		}
		return ""
	},
	Carry: func(l Line) Event { return CarriedForward{State: l} },
}

// CarriedForward is the whole state, so that a long line loads at once.
type CarriedForward struct {
	State Line `json:"state"`
}

func (e CarriedForward) apply(l *Line) { *l = e.State }
