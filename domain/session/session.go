// Package session is an agent's workspace tab on one conversation, case or
// contact. It follows the conversation and never decides against it.
package session

import (
	"cmp"

	"parley/domain"
)

// Session is what a decision needs to know.
type Session struct {
	Agent        string            `json:"agent,omitempty"`
	Conversation string            `json:"conversation,omitempty"`
	Form         string            `json:"form,omitempty"`
	Started      bool              `json:"started,omitempty"`
	Closed       string            `json:"closed,omitempty"` // why
	Tabs         []Arranged        `json:"tabs,omitempty"`
	Drafts       map[string]string `json:"drafts,omitempty"` // form to the digest of its draft
}

// Forms of a session (SES-1).
const (
	FormConversation = "conversation"
	FormCase         = "case"
	FormContact      = "contact"
	// A part in another agent's conversation: it takes no slot (SES-1).
	FormConsult = "consult"
	FormJoined  = "joined"
	FormMonitor = "monitor"
)

// Event is something that happened to a session.
type Event interface{ apply(*Session) }

// Kind is every name this package has ever written to disk. The id of a
// conversation's session is the name of the agent's hold.
var Kind = domain.Kind[Session, Event]{
	Name:  "session",
	Apply: func(s *Session, e Event) { e.apply(s) },
	Names: domain.Names[Event]{
		"session.started":         Started{},
		"session.tabs_arranged":   TabsArranged{},
		"session.draft_kept":      DraftKept{},
		"session.closed":          Closed{},
		"session.carried_forward": CarriedForward{},
	},
	// A draft is written to a customer or about him, and a tab may show a page of
	// his: they are erased with him. Those of before he was named are the agent's.
	Subject: func(_ string, before Session, e Event) string {
		switch e := e.(type) {
		case DraftKept:
			return cmp.Or(e.Subject, "agent-"+before.Agent)
		case TabsArranged:
			return cmp.Or(e.Subject, "agent-"+before.Agent)
		}
		return ""
	},
	Carry: func(s Session) Event { return CarriedForward{State: s} },
}

// CarriedForward is the whole state.
type CarriedForward struct {
	State Session `json:"state"`
}

func (e CarriedForward) apply(s *Session) { *s = e.State }

// Refusals of more than one command.
var (
	ErrUnknown = domain.Refuse("session_unknown", "SES-2", "there is no such session")
	ErrClosed  = domain.Refuse("session_closed", "SES-2", "the session is closed")
)

// Start opens the tab.
type Start struct {
	Agent         string
	Form          string
	Conversation  string // or what the session is on
	VisitorNumber int
	How           string
}

// Decide starts nothing of which the end is on record already.
func (cmd Start) Decide(s Session) ([]Event, error) {
	if s.Started || s.Closed != "" {
		return nil, nil
	}
	return []Event{Started(cmd)}, nil
}

// Started says that the agent has a tab on something.
type Started struct {
	Agent         string `json:"agent"`
	Form          string `json:"form"`
	Conversation  string `json:"conversation"`
	VisitorNumber int    `json:"visitorNumber,omitempty"`
	How           string `json:"how"`
}

func (e Started) apply(s *Session) {
	s.Started, s.Agent, s.Conversation, s.Form = true, e.Agent, e.Conversation, e.Form
	s.Tabs = []Arranged{{ID: "active_conversation", Form: "active_conversation", Anchored: true}}
}

// Close closes the tab. It may come before the start is known: then that
// records nothing.
type Close struct {
	Agent        string
	Conversation string
	Why          string
}

// Decide keeps the first reason.
func (cmd Close) Decide(s Session) ([]Event, error) {
	if s.Closed != "" {
		return nil, nil
	}
	return []Event{Closed(cmd)}, nil
}

// Closed says that the tab is gone, and why.
type Closed struct {
	Agent        string `json:"agent"`
	Conversation string `json:"conversation"`
	Why          string `json:"why"`
}

func (e Closed) apply(s *Session) { s.Closed, s.Tabs, s.Drafts = e.Why, nil, nil }
