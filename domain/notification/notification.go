// Package notification is what an agent's screen shows about one offer, or a
// supervisor's about a conversation. It
// follows the conversation and never decides against it; it keeps the ledger
// that tells "never seen" from "ignored" (NOT-6).
package notification

import (
	"slices"
	"time"

	"parley/domain"
)

// Notification is what a decision needs to know.
type Notification struct {
	Agent        string   `json:"agent,omitempty"`
	Conversation string   `json:"conversation,omitempty"`
	Raised       bool     `json:"raised,omitempty"`
	Outcome      string   `json:"outcome,omitempty"`
	Delivered    []string `json:"delivered,omitempty"` // devices
	Displayed    []string `json:"displayed,omitempty"`
}

// Event is something that happened to a notification.
type Event interface{ apply(*Notification) }

// Kind is every name this package has ever written to disk. The id of a
// notification is the name of the offer's hold.
var Kind = domain.Kind[Notification, Event]{
	Name:  "notification",
	Apply: func(n *Notification, e Event) { e.apply(n) },
	Names: domain.Names[Event]{
		"notification.raised":          Raised{},
		"notification.delivered":       Delivered{},
		"notification.displayed":       Displayed{},
		"notification.resolved":        Resolved{},
		"notification.carried_forward": CarriedForward{},
	},
	Carry: func(n Notification) Event { return CarriedForward{State: n} },
}

// CarriedForward is the whole state.
type CarriedForward struct {
	State Notification `json:"state"`
}

func (e CarriedForward) apply(n *Notification) { *n = e.State }

// ErrUnknown refuses a notification that was never raised.
var ErrUnknown = domain.Refuse("notification_unknown", "NOT-6", "there is no such notification")

// Forms of a notification (NOT-3).
const (
	FormAlert = domain.FormAlert
	FormToast = domain.FormToast
)

// Untitled is the title of what is raised for somebody who has no number for the
// visitor; lists name the customer as he is known to the primary agent.
const Untitled = "Conversation"

// Scenarios (NOT-2).
const (
	ScenarioChat          = domain.ScenarioChat
	ScenarioAuthenticated = domain.ScenarioAuthenticated
	ScenarioProactive     = domain.ScenarioProactive
	ScenarioSMS           = domain.ScenarioSMS
	ScenarioSocial        = domain.ScenarioSocial
	ScenarioAssigned      = domain.ScenarioAssigned
	ScenarioTransferred   = domain.ScenarioTransferred
	ScenarioReturned      = domain.ScenarioReturned
)

// Raise shows an offer, or news, to the agent.
type Raise struct {
	Agent        string
	Conversation string
	Subject      string
	Form         string
	Scenario     string
	Title        string // such as "Visitor 3"; a linked record's title is joined by the view
	Since        time.Time
	Deadline     time.Time // of an alert
	ShowSeconds  domain.Seconds
	// Template is the one in force when it is raised; Of names what selecting it
	// opens: a session.
	Template *domain.Template
	Of       string
	// Role is whom news are for that are for no agent: the supervisors.
	Role string
	// Sentiment is the fall of the conversation that they tell of (SES-10).
	Sentiment *domain.Fall
}

// Decide raises nothing of which the end is on record already, and nothing of a
// conversation that did not come down to the threshold.
func (cmd Raise) Decide(n Notification) ([]Event, error) {
	if n.Raised || n.Outcome != "" || cmd.Sentiment != nil && !cmd.Sentiment.Crosses() {
		return nil, nil
	}
	return []Event{Raised(cmd)}, nil
}

// Raised says that an agent is to be shown something.
type Raised struct {
	Agent        string         `json:"agent"`
	Conversation string         `json:"conversation"`
	Subject      string         `json:"subject"`
	Form         string         `json:"form"`
	Scenario     string         `json:"scenario"`
	Title        string         `json:"title"`
	Since        time.Time      `json:"since"`
	Deadline     time.Time      `json:"deadline,omitzero"`
	ShowSeconds  domain.Seconds `json:"showSeconds,omitempty"`
	// Template is the one that was in force (NOT-7).
	Template *domain.Template `json:"template,omitempty"`
	Of       string           `json:"of,omitempty"`   // the session that selecting it opens
	Role     string           `json:"role,omitempty"` // whom it is for, when it is for no agent
	// Sentiment is the fall that it tells of, with the threshold that was in force.
	Sentiment *domain.Fall `json:"sentiment,omitempty"`
}

func (e Raised) apply(n *Notification) {
	n.Raised, n.Agent, n.Conversation = true, e.Agent, e.Conversation
}

// Deliver records that a device of the agent has it.
type Deliver struct{ Agent, Device string }

// Decide records each device once, and only the agent's own.
func (cmd Deliver) Decide(n Notification) ([]Event, error) {
	if err := n.of(cmd.Agent); err != nil {
		return nil, err
	}
	if n.Outcome != "" || slices.Contains(n.Delivered, cmd.Device) {
		return nil, nil
	}
	return []Event{Delivered{Agent: n.Agent, Conversation: n.Conversation, Device: cmd.Device, First: len(n.Delivered) == 0}}, nil
}

func (n Notification) of(agent string) error {
	switch {
	case !n.Raised:
		return ErrUnknown
	case n.Agent != agent:
		return domain.Refuse("not_yours", "NOT-1", "this notification is another agent's")
	}
	return nil
}

// Delivered says that a device of the agent has it.
type Delivered struct {
	Agent        string `json:"agent"`
	Conversation string `json:"conversation"`
	Device       string `json:"device"`
	First        bool   `json:"first,omitempty"`
}

func (e Delivered) apply(n *Notification) { n.Delivered = append(slices.Clip(n.Delivered), e.Device) }

// Display records that a device shows it.
type Display struct{ Agent, Device string }

// Decide records each device once; what is displayed was delivered.
func (cmd Display) Decide(n Notification) ([]Event, error) {
	delivered, err := Deliver(cmd).Decide(n)
	if err != nil || n.Outcome != "" || slices.Contains(n.Displayed, cmd.Device) {
		return nil, err
	}
	return append(delivered, Displayed{Agent: n.Agent, Conversation: n.Conversation, Device: cmd.Device}), nil
}

// Displayed says that a device shows it.
type Displayed struct {
	Agent        string `json:"agent"`
	Conversation string `json:"conversation"`
	Device       string `json:"device"`
}

func (e Displayed) apply(n *Notification) { n.Displayed = append(slices.Clip(n.Displayed), e.Device) }

// Outcomes beside an offer's own (rejected, expired, withdrawn).
const (
	OutcomeAccepted  = "accepted"
	OutcomeWithdrawn = "withdrawn"
)

// Resolve ends it. It may come before the raising is known: then that records
// nothing.
type Resolve struct {
	Agent        string
	Conversation string
	Outcome      string
}

// Decide keeps the first outcome.
func (cmd Resolve) Decide(n Notification) ([]Event, error) {
	if n.Outcome != "" {
		return nil, nil
	}
	return []Event{Resolved{Agent: cmd.Agent, Conversation: cmd.Conversation, Outcome: cmd.Outcome, Seen: len(n.Displayed) > 0}}, nil
}

// Resolved says how it ended, and whether a device had shown it.
type Resolved struct {
	Agent        string `json:"agent"`
	Conversation string `json:"conversation"`
	Outcome      string `json:"outcome"`
	Seen         bool   `json:"seen,omitempty"`
}

func (e Resolved) apply(n *Notification) { n.Outcome = e.Outcome }
