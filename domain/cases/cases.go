// Package cases is the issues customers have, apart from the conversations
// about them. The kind is called "case"; the package cannot be.
package cases

import (
	"parley/domain"
)

// Case is what a decision needs to know.
type Case struct {
	ID      string `json:"id,omitempty"`
	Subject string `json:"subject,omitempty"`
	Contact string `json:"contact,omitempty"`
	Status  string `json:"status,omitempty"`
	domain.Recent
}

// Statuses of a case.
const (
	StatusActive    = "active"
	StatusResolved  = "resolved"
	StatusCancelled = "cancelled"
)

// Event is something that happened to a case.
type Event interface{ apply(*Case) }

// Kind is every name this package has ever written to disk.
var Kind = domain.Kind[Case, Event]{
	Name:  "case",
	Apply: func(c *Case, e Event) { e.apply(c) },
	Names: domain.Names[Event]{
		"case.opened":          Opened{},
		"case.noted":           Noted{},
		"case.status_set":      StatusSet{},
		"case.carried_forward": CarriedForward{},
	},
	Subject: func(_ string, before Case, e Event) string {
		if o, ok := e.(Opened); ok {
			return o.Subject
		}
		return before.Subject
	},
	Carry: func(c Case) Event { return CarriedForward{State: c} },
}

// CarriedForward is the whole state.
type CarriedForward struct {
	State Case `json:"state"`
}

func (e CarriedForward) apply(c *Case) { *c = e.State }

// ErrUnknown refuses a case that was never opened.
var ErrUnknown = domain.Refuse("case_unknown", "SUM-8", "there is no such case")

// Open begins a case of a contact.
type Open struct {
	ID          string
	Number      string
	Contact     string
	Title       domain.Personal
	Product     string
	Description domain.Personal
	By          domain.Actor
}

// Decide opens it once.
func (cmd Open) Decide(c Case) ([]Event, error) {
	switch {
	case c.ID != "" && c.Contact != cmd.Contact: // else the one who asked would take it for his
		return nil, domain.Refuse("exists", "SUM-8", "a case of this id exists and is another contact's: choose another id").On("id")
	case c.ID != "":
		return nil, nil
	case !domain.ValidID(cmd.ID):
		return nil, domain.Invalid("id", "a case needs an id")
	case !domain.ValidID(cmd.Contact):
		return nil, domain.Invalid("contact", "a case is a contact's: give the contact's id")
	case domain.Blank(cmd.Title) || len([]rune(string(cmd.Title))) > 200:
		return nil, domain.Invalid("title", "a title has 1 to 200 characters")
	case len([]rune(string(cmd.Description))) > 10000:
		return nil, domain.Invalid("description", "10,000 characters at most")
	}
	return []Event{Opened{
		Case: cmd.ID, Number: cmd.Number, Contact: cmd.Contact, Subject: "contact-" + cmd.Contact,
		Title: cmd.Title, Product: cmd.Product, Description: cmd.Description, By: cmd.By,
	}}, nil
}

// Opened says what the issue is, and whose.
type Opened struct {
	Case        string          `json:"case"`
	Number      string          `json:"number,omitempty"`
	Contact     string          `json:"contact"`
	Subject     string          `json:"subject"`
	Title       domain.Personal `json:"title"`
	Product     string          `json:"product,omitempty"`
	Description domain.Personal `json:"description,omitempty"`
	By          domain.Actor    `json:"by"`
}

func (e Opened) apply(c *Case) {
	c.ID, c.Subject, c.Contact, c.Status = e.Case, e.Subject, e.Contact, StatusActive
}

// Note adds a quick note on the case.
type Note struct {
	ID   string
	Text domain.Personal
	By   domain.Actor
}

// Decide records a note once.
func (cmd Note) Decide(c Case) ([]Event, error) {
	switch n := len([]rune(string(cmd.Text))); {
	case c.ID == "":
		return nil, ErrUnknown
	case !domain.ValidID(cmd.ID):
		return nil, domain.Invalid("id", "a note needs an id")
	case c.Recent.Has(cmd.ID):
		return nil, nil
	case domain.Blank(cmd.Text) || n > 10000:
		return nil, domain.Invalid("text", "a note has 1 to 10,000 characters")
	}
	return []Event{Noted{Case: c.ID, Contact: c.Contact, ID: cmd.ID, Text: cmd.Text, By: cmd.By}}, nil
}

// Noted is what an agent noted on the case.
type Noted struct {
	Case    string          `json:"case"`
	Contact string          `json:"contact"`
	ID      string          `json:"id"`
	Text    domain.Personal `json:"text"`
	By      domain.Actor    `json:"by"`
}

func (e Noted) apply(c *Case) { c.Recent = c.Recent.With(e.ID, recentKept) }

// recentKept is how many ids of notes are remembered to make a resend harmless.
const recentKept = 100

// SetStatus resolves, cancels or reopens a case.
type SetStatus struct{ Status string }

// Decide records a change only.
func (cmd SetStatus) Decide(c Case) ([]Event, error) {
	switch {
	case c.ID == "":
		return nil, ErrUnknown
	case cmd.Status != StatusActive && cmd.Status != StatusResolved && cmd.Status != StatusCancelled:
		return nil, domain.Invalid("status", "give active, resolved or cancelled")
	case c.Status == cmd.Status:
		return nil, nil
	}
	return []Event{StatusSet{Case: c.ID, Contact: c.Contact, Status: cmd.Status}}, nil
}

// StatusSet says how the case stands.
type StatusSet struct {
	Case    string `json:"case"`
	Contact string `json:"contact"`
	Status  string `json:"status"`
}

func (e StatusSet) apply(c *Case) { c.Status = e.Status }
