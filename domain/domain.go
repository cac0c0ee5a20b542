// Package domain holds the words that every kind of stream shares: command,
// event, kind, intent, error, personal text. It knows no clock, no randomness,
// no storage and no encoding; what it says is true on every machine.
package domain

import (
	"fmt"
	"time"
)

// Command is a request to change a stream whose state is S. Decide answers
// with the events that record it, with nothing when it is already so, or with
// the reason why not. It is pure: everything it needs is in the command or in
// the state, and it never changes the state it is given.
type Command[S, E any] interface{ Decide(S) ([]E, error) }

// Names gives every event that is written today its name on disk, for ever.
// The value is the zero event of that name.
type Names[E any] map[string]E

// Lifter is an old shape of an event that knows how it reads today.
type Lifter[E any] interface{ Lift() E }

// Former gives the names that are no longer written, and their old shapes.
type Former[E any] map[string]Lifter[E]

// Kind describes one kind of stream: how its events are named, and what they
// do to its state.
type Kind[S, E any] struct {
	// Name is the category: streams are named "<name>-<id>".
	Name string
	// Apply changes the state by one event.
	Apply func(*S, E)
	// Names are the events written today; Former those of earlier versions.
	Names  Names[E]
	Former Former[E]
	// Subject names the person whose text the event carries: "visitor-<id>",
	// "contact-<id>" or "agent-<id>"; empty when it carries none. The state is
	// the one before the event. Nil means that the kind holds nothing personal.
	Subject func(id string, before S, e E) string
	// Carry gives the event that records the whole state, so that a long
	// stream is loaded from there.
	Carry func(S) E
}

// Stream is the name of one stream of this kind.
func (k *Kind[S, E]) Stream(id string) string { return k.Name + "-" + id }

// Fold gives the state after the events.
func (k *Kind[S, E]) Fold(s S, events ...E) S {
	for _, e := range events {
		k.Apply(&s, e)
	}
	return s
}

// Personal is text about, by or to a person. It is sealed on disk under the
// key of its event's subject, in the log and in every view; a state never
// holds one.
type Personal string

// Erased is what a Personal reads as once its subject's key is destroyed.
const Erased Personal = "[erased]"

// Roles of those who act.
const (
	RoleAgent      = "agent"
	RoleSupervisor = "supervisor"
	RoleAdmin      = "admin"
	RoleAuditor    = "auditor"
	RoleVisitor    = "visitor"
	RoleCustomer   = "customer"
	RoleService    = "service"
	RoleBot        = "bot"
	RoleSystem     = "system" // Parley itself: routing, timers, policies
)

// Actor is who did something (CON-1).
type Actor struct {
	ID   string `json:"id"`
	Role string `json:"role"`
}

// Fact is an event together with where and when it happened: all that a
// policy, a timer or an audience may look at.
type Fact struct {
	// Kind and ID name the stream.
	Kind, ID string
	// Event is the event itself, of the kind's event type. Its personal text
	// may be sealed.
	Event any
	// EventID is the event's own id, a UUID.
	EventID string
	// At is when it happened.
	At time.Time
	// Actor did it.
	Actor Actor
	// Imported tells that it happened elsewhere: nothing follows from it
	// (product.md §13).
	Imported bool
}

// Intent is a command that follows from a fact, for another stream. Else is
// run when the domain refuses the command, not when the store fails.
type Intent struct {
	Kind, ID string
	Command  any
	Else     []Intent
}

// Policy says what follows from a fact. It is pure, and what it intends is
// harmless when repeated, late or out of order.
type Policy struct {
	Name   string
	Follow func(Fact) []Intent
}

// Timer is a command that falls due. A timer with the zero time cancels what
// was due under its key.
type Timer struct {
	// Key is what the timer is for: a second timer of the same key replaces
	// the first.
	Key string
	At  time.Time
	Intent
}

// Error is a refusal: what rule says no, where, and what to do. The code is
// stable and never reused.
type Error struct {
	Code    string
	Field   string // the field at fault, as the API names it; empty when none is
	Rule    string // the rule's id in product.md
	Message string // says what to do
	// Details tell the outcome that stands instead (such as who won).
	Details map[string]string
}

func (e *Error) Error() string {
	if e.Field != "" {
		return fmt.Sprintf("%s: %s (%s)", e.Field, e.Message, e.Code)
	}
	return fmt.Sprintf("%s (%s)", e.Message, e.Code)
}

// Is tells that two refusals are the same: the code decides.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code
}

// Refuse makes the refusal of a rule.
func Refuse(code, rule, message string) *Error {
	return &Error{Code: code, Rule: rule, Message: message}
}

// Invalid makes the refusal of a field.
func Invalid(field, message string) *Error {
	return &Error{Code: "invalid", Field: field, Message: message}
}

// With gives a copy of the refusal that tells more of the outcome.
func (e *Error) With(key, value string) *Error {
	c := *e
	c.Details = map[string]string{key: value}
	for k, v := range e.Details {
		if k != key {
			c.Details[k] = v
		}
	}
	return &c
}

// On gives a copy of the refusal that names the field at fault.
func (e *Error) On(field string) *Error {
	c := *e
	c.Field = field
	return &c
}
