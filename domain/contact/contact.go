// Package contact is a stored customer: who he is, how he is reached, and what
// the agents noted about him.
package contact

import (
	"parley/domain"
)

// Contact is what a decision needs to know; who the person is stays sealed.
type Contact struct {
	ID      string `json:"id,omitempty"`
	Erased  bool   `json:"erased,omitempty"`
	Account string `json:"account,omitempty"`
	Digest  string `json:"digest,omitempty"` // of the details on record
	domain.Recent
}

// Event is something that happened to a contact.
type Event interface{ apply(*Contact) }

// Kind is every name this package has ever written to disk.
var Kind = domain.Kind[Contact, Event]{
	Name:  "contact",
	Apply: func(c *Contact, e Event) { e.apply(c) },
	Names: domain.Names[Event]{
		"contact.recorded":        Recorded{},
		"contact.noted":           Noted{},
		"contact.activity_added":  ActivityAdded{},
		"contact.erased":          Erased{},
		"contact.carried_forward": CarriedForward{},
	},
	Subject: func(id string, _ Contact, _ Event) string { return "contact-" + id },
	Carry:   func(c Contact) Event { return CarriedForward{State: c} },
}

// CarriedForward is the whole state.
type CarriedForward struct {
	State Contact `json:"state"`
}

func (e CarriedForward) apply(c *Contact) { *c = e.State }

// Refusals of more than one command.
var (
	ErrUnknown = domain.Refuse("contact_unknown", "SUM-3", "there is no such contact")
	ErrErased  = domain.Refuse("erased", "AUD-4", "the person's data were erased for good")
)

// Details are what is known of a person (SUM-3).
type Details struct {
	Name     domain.Personal   `json:"name,omitempty"`
	Email    domain.Personal   `json:"email,omitempty"`
	Phones   []domain.Personal `json:"phones,omitempty"`
	Location domain.Personal   `json:"location,omitempty"`
}

// Record makes a contact known, or gives his details anew. Digest is an HMAC of
// the details under the store's secret, so that the same twice is not news.
type Record struct {
	ID      string
	Details Details
	Account string
	Digest  string
}

// Decide records details once.
func (cmd Record) Decide(c Contact) ([]Event, error) {
	switch {
	case !domain.ValidID(cmd.ID):
		return nil, domain.Invalid("id", "a contact's id has 1 to 64 letters, digits, dots, dashes or underscores")
	case c.Erased:
		return nil, ErrErased
	case len([]rune(string(cmd.Details.Name))) > 200:
		return nil, domain.Invalid("name", "a name has 200 characters at most")
	case cmd.Details.Name != "" && domain.Blank(cmd.Details.Name):
		return nil, domain.Invalid("name", "a name is of more than blanks: leave it out where none is known")
	case len(cmd.Details.Phones) > 10:
		return nil, domain.Invalid("phones", "10 phones at most")
	case cmd.Digest != "" && c.Digest == cmd.Digest && c.Account == cmd.Account:
		return nil, nil
	}
	return []Event{Recorded{Contact: cmd.ID, Details: cmd.Details, Account: cmd.Account, Digest: cmd.Digest}}, nil
}

// Recorded says who the person is, from now on.
type Recorded struct {
	Contact string  `json:"contact"`
	Details Details `json:"details"`
	Account string  `json:"account,omitempty"`
	Digest  string  `json:"digest,omitempty"`
}

func (e Recorded) apply(c *Contact) {
	c.ID, c.Account, c.Digest = e.Contact, e.Account, e.Digest
}

// Note adds a quick note on the contact (SUM-9).
type Note struct {
	ID   string
	Text domain.Personal
	By   domain.Actor
}

// Decide records a note once.
func (cmd Note) Decide(c Contact) ([]Event, error) {
	switch n := len([]rune(string(cmd.Text))); {
	case c.ID == "":
		return nil, ErrUnknown
	case c.Erased:
		return nil, ErrErased
	case !domain.ValidID(cmd.ID):
		return nil, domain.Invalid("id", "a note needs an id")
	case c.Recent.Has(cmd.ID):
		return nil, nil
	case domain.Blank(cmd.Text) || n > 10000:
		return nil, domain.Invalid("text", "a note has 1 to 10,000 characters")
	}
	return []Event{Noted{Contact: c.ID, ID: cmd.ID, Text: cmd.Text, By: cmd.By}}, nil
}

// Noted is what an agent noted about the contact.
type Noted struct {
	Contact string          `json:"contact"`
	ID      string          `json:"id"`
	Text    domain.Personal `json:"text"`
	By      domain.Actor    `json:"by"`
}

func (e Noted) apply(c *Contact) { c.remember(e.ID) }

// Activity forms on a timeline beside conversations, notes and cases (SUM-9).
const (
	ActivityCall  = "call"
	ActivityEmail = "email"
	ActivityTask  = "task"
)

// AddActivity records a call, an e-mail or a task.
type AddActivity struct {
	ID    string
	Form  string
	Title domain.Personal
	Text  domain.Personal
	By    domain.Actor
}

// Decide records an activity once.
func (cmd AddActivity) Decide(c Contact) ([]Event, error) {
	switch {
	case c.ID == "":
		return nil, ErrUnknown
	case c.Erased:
		return nil, ErrErased
	case !domain.ValidID(cmd.ID):
		return nil, domain.Invalid("id", "an activity needs an id")
	case c.Recent.Has(cmd.ID):
		return nil, nil
	case cmd.Form != ActivityCall && cmd.Form != ActivityEmail && cmd.Form != ActivityTask:
		return nil, domain.Invalid("form", "give call, email or task")
	case domain.Blank(cmd.Title) || len([]rune(string(cmd.Title))) > 200:
		return nil, domain.Invalid("title", "a title has 1 to 200 characters")
	case len([]rune(string(cmd.Text))) > 10000:
		return nil, domain.Invalid("text", "10,000 characters at most")
	}
	return []Event{ActivityAdded{Contact: c.ID, ID: cmd.ID, Form: cmd.Form, Title: cmd.Title, Text: cmd.Text, By: cmd.By}}, nil
}

// ActivityAdded is a call, an e-mail or a task with the contact.
type ActivityAdded struct {
	Contact string          `json:"contact"`
	ID      string          `json:"id"`
	Form    string          `json:"form"`
	Title   domain.Personal `json:"title"`
	Text    domain.Personal `json:"text,omitempty"`
	By      domain.Actor    `json:"by"`
}

func (e ActivityAdded) apply(c *Contact) { c.remember(e.ID) }

// Erase records that the person's data are to be unreadable for good (AUD-4).
// The keys are destroyed by whoever carried the command out. ID is that of somebody
// whom others tell of, though nobody recorded who he is.
type Erase struct{ ID string }

// Decide records it once.
func (cmd Erase) Decide(c Contact) ([]Event, error) {
	switch {
	case c.Erased:
		return nil, nil
	case c.ID != "":
		return []Event{Erased{Contact: c.ID}}, nil
	case domain.ValidID(cmd.ID):
		return []Event{Erased{Contact: cmd.ID}}, nil
	}
	return nil, ErrUnknown
}

// Erased says that nobody can read this person's data any more.
type Erased struct {
	Contact string `json:"contact"`
}

func (e Erased) apply(c *Contact) { c.ID, c.Erased = e.Contact, true }

const recentKept = 100

func (c *Contact) remember(id string) { c.Recent = c.Recent.With(id, recentKept) }
