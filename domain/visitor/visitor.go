// Package visitor is a browser or device with the widget: what was done there
// before asking, and the invitations to chat.
package visitor

import (
	"time"

	"parley/domain"
)

// Visitor is what a decision needs to know.
type Visitor struct {
	ID            string     `json:"id,omitempty"`
	Widget        string     `json:"widget,omitempty"`
	Contact       string     `json:"contact,omitempty"`
	Invitation    Invitation `json:"invitation,omitzero"` // the latest
	domain.Recent            // ids of the latest actions
}

// Invitation is one proactive chat offer (PRO-5).
type Invitation struct {
	ID       string    `json:"id"`
	Deadline time.Time `json:"deadline"`
	Outcome  string    `json:"outcome,omitempty"` // empty: it stands
}

// Event is something that happened to a visitor.
type Event interface{ apply(*Visitor) }

// Kind is every name this package has ever written to disk.
var Kind = domain.Kind[Visitor, Event]{
	Name:  "visitor",
	Apply: func(v *Visitor, e Event) { e.apply(v) },
	Names: domain.Names[Event]{
		"visitor.arrived":             Arrived{},
		"visitor.identified":          Identified{},
		"visitor.page_visited":        PageVisited{},
		"visitor.phrase_searched":     PhraseSearched{},
		"visitor.article_viewed":      ArticleViewed{},
		"visitor.custom_acted":        CustomActed{},
		"visitor.invited":             Invited{},
		"visitor.invitation_accepted": InvitationAccepted{},
		"visitor.invitation_ended":    InvitationEnded{},
		"visitor.start_refused":       StartRefused{},
		"visitor.carried_forward":     CarriedForward{},
	},
	Subject: func(id string, _ Visitor, _ Event) string { return "visitor-" + id },
	Carry:   func(v Visitor) Event { return CarriedForward{State: v} },
}

// CarriedForward is the whole state.
type CarriedForward struct {
	State Visitor `json:"state"`
}

func (e CarriedForward) apply(v *Visitor) { *v = e.State }

// ErrUnknown refuses a visitor of whom nothing is known.
var ErrUnknown = domain.Refuse("visitor_unknown", "PRO-4", "there is no such visitor")

// Device is what is known of the visitor's browser (SUM-7).
type Device struct {
	Browser  domain.Personal `json:"browser,omitempty"`
	System   domain.Personal `json:"system,omitempty"`
	Language domain.Personal `json:"language,omitempty"`
	Location domain.Personal `json:"location,omitempty"`
}

// Arrive records the visitor's first page with the widget, or a new device.
type Arrive struct {
	ID     string
	Widget string
	Device Device
}

// Decide records who came, once.
func (cmd Arrive) Decide(v Visitor) ([]Event, error) {
	switch {
	case !domain.ValidID(cmd.ID):
		return nil, domain.Invalid("visitor", "a visitor's id has 1 to 64 letters, digits, dots, dashes or underscores")
	case v.ID != "" && v.Widget == cmd.Widget:
		return nil, nil
	}
	return []Event{Arrived{Visitor: cmd.ID, Widget: cmd.Widget, Device: cmd.Device}}, nil
}

// Arrived says that a visitor is there.
type Arrived struct {
	Visitor string `json:"visitor"`
	Widget  string `json:"widget"`
	Device  Device `json:"device"`
}

func (e Arrived) apply(v *Visitor) { v.ID, v.Widget = e.Visitor, e.Widget }

// Identify says which contact the visitor is.
type Identify struct{ Contact string }

// Decide records a change only.
func (cmd Identify) Decide(v Visitor) ([]Event, error) {
	switch {
	case v.ID == "":
		return nil, ErrUnknown
	case !domain.ValidID(cmd.Contact):
		return nil, domain.Invalid("contact", "give a contact's id")
	case v.Contact == cmd.Contact:
		return nil, nil
	}
	return []Event{Identified{Visitor: v.ID, Contact: cmd.Contact}}, nil
}

// Identified says which contact the visitor is.
type Identified struct {
	Visitor string `json:"visitor"`
	Contact string `json:"contact"`
}

func (e Identified) apply(v *Visitor) { v.Contact = e.Contact }

// StartRefused says that a live chat was not started, and why (CON-7).
type StartRefused struct {
	Visitor string `json:"visitor"`
	Widget  string `json:"widget"`
	Why     string `json:"why"`
}

func (e StartRefused) apply(*Visitor) {}

// RefuseStart records that a live chat could not be started.
type RefuseStart struct{ ID, Widget, Why string }

// Decide records each refusal: it is a customer turned away.
func (cmd RefuseStart) Decide(Visitor) ([]Event, error) {
	return []Event{StartRefused{Visitor: cmd.ID, Widget: cmd.Widget, Why: cmd.Why}}, nil
}

const recentKept = 100

func (v Visitor) seen(id string) bool { return v.Recent.Has(id) }

func (v *Visitor) remember(id string) { v.Recent = v.Recent.With(id, recentKept) }
