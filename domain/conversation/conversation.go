// Package conversation is the whole interaction with one customer on one
// channel, from first contact to closed. Everything about it is decided in its
// own stream, above all who wins: accept, reject, expire, withdraw or end.
// Each file is one thing that can be done.
package conversation

import (
	"time"

	"parley/domain"
)

// Conversation is what a decision needs to know, and nothing more.
type Conversation struct {
	ID            string       `json:"id"`
	Subject       string       `json:"subject"`
	Visitor       string       `json:"visitor,omitempty"`
	Contact       string       `json:"contact,omitempty"`
	Account       string       `json:"account,omitempty"`
	Case          string       `json:"case,omitempty"`
	Topic         string       `json:"topic,omitempty"`
	Widget        string       `json:"widget,omitempty"`
	Channel       string       `json:"channel"`
	Mode          string       `json:"mode"`
	Workstream    string       `json:"workstream"`
	Authenticated bool         `json:"authenticated,omitempty"`
	Terms         domain.Terms `json:"terms"`

	Status Status `json:"status"`
	// Turn counts the routing events: a hold is named after it, so that a name
	// never comes back.
	Turn int `json:"turn"`

	Queue    string `json:"queue,omitempty"`
	Priority int    `json:"priority,omitempty"`
	// Segment counts the stays in a queue; Since is the place kept in it (RTE-2).
	Segment  int            `json:"segment"`
	Since    time.Time      `json:"since,omitzero"`
	Affinity string         `json:"affinity,omitempty"`
	Declines map[string]int `json:"declines,omitempty"` // by agent, in this segment
	// LastDecline is when somebody declined last in this segment; Unseen tells
	// when an offer to an agent expired that had reached none of his devices
	// (RTE-5).
	LastDecline time.Time            `json:"lastDecline,omitzero"`
	Unseen      map[string]time.Time `json:"unseen,omitempty"`
	// Skills are what it asks of its agent (RTE-3).
	Skills []domain.SkillLevel `json:"skills,omitempty"`
	// Overflows are the conditions that were met since it came into open, each
	// with its queue: none is met twice (RTE-6).
	Overflows []string `json:"overflows,omitempty"`
	// ToldClosed is when the customer was told last that it is outside the hours.
	ToldClosed time.Time `json:"toldClosed,omitzero"`
	Invitation string    `json:"invitation,omitempty"`
	Returned   bool      `json:"returned,omitempty"` // it is open because the customer came back (PER-8)
	// Escalated tells that it is open because another agent put it into a queue.
	Escalated bool `json:"escalated,omitempty"`
	// WaitFrom is when the customer's present wait began; a re-queue begins a
	// new one, which the summary adds to those before it (SUM-4).
	WaitFrom time.Time `json:"waitFrom,omitzero"`

	Offer   *Offer      `json:"offer,omitempty"`
	Former  FormerOffer `json:"former,omitzero"`
	Primary Holder      `json:"primary,omitzero"`
	// Participants are those beside the primary, in order of their coming, Parts
	// counts them, and FormerInvite is the last invitation that came to nothing.
	Participants []Participant `json:"participants,omitempty"`
	Parts        int           `json:"parts,omitempty"`
	FormerInvite FormerOffer   `json:"formerInvite,omitzero"`
	// PresentAt is when the customer of a waiting one opened the widget last.
	PresentAt time.Time `json:"presentAt,omitzero"`
	// Last is the agent who was engaged last: affinity goes to him.
	Last string `json:"last,omitempty"`

	// CloseAt is when the auto-close timer of the present status falls due.
	CloseAt time.Time `json:"closeAt,omitzero"`

	// Messages counts messages and names the last; reads are watermarks on it.
	Messages      int `json:"messages"`
	CustomerRead  int `json:"customerRead,omitempty"`
	AgentRead     int `json:"agentRead,omitempty"`
	domain.Recent     // ids of the latest messages and notes
	// Variables are the names of the context variables that there are (CON-9).
	Variables []string `json:"variables,omitempty"`
	// Moods are how the customer's latest messages sounded (SES-10).
	Moods Moods `json:"moods,omitzero"`
	// Reasons is what was found when nobody could be asked, without numbers, and
	// PassedAt when that was recorded.
	Reasons  string    `json:"reasons,omitempty"`
	PassedAt time.Time `json:"passedAt,omitzero"`
	Closed   string    `json:"closed,omitempty"` // the end reason
}

// Holder is an agent and the hold by which he has the conversation.
type Holder struct {
	Hold  string `json:"hold"`
	Agent string `json:"agent"`
}

// Offer is the attempt going on to give the conversation to one agent.
type Offer struct {
	Hold          string    `json:"hold"`
	Agent         string    `json:"agent"`
	Deadline      time.Time `json:"deadline"`
	Replaces      string    `json:"replaces,omitempty"` // the hold it would take over: a transfer
	VisitorNumber int       `json:"visitorNumber"`
	Delivered     bool      `json:"delivered,omitempty"`
	// MustDecide tells that it may not be rejected (NOT-7).
	MustDecide bool `json:"mustDecide,omitempty"`
}

// Status is where the conversation stands (product.md §2); "active" is the two
// of offered and engaged.
type Status string

// The statuses of a conversation. A transfer offered to another agent leaves it
// engaged.
const (
	StatusNone    Status = ""
	StatusOpen    Status = "open"
	StatusOffered Status = "offered"
	StatusEngaged Status = "engaged"
	StatusWaiting Status = "waiting"
	StatusWrapUp  Status = "wrap_up"
	StatusClosed  Status = "closed"
)

// Over tells that a new start takes the line over: wrap-up or closed (CON-3).
func (s Status) Over() bool { return s == StatusWrapUp || s == StatusClosed }

// State is the status in the product's words: state and sub-state.
func (s Status) State() (state, sub string) {
	switch s {
	case StatusOffered, StatusEngaged:
		return "active", string(s)
	}
	return string(s), ""
}

// recentKept is how many message ids are remembered to make a resend harmless.
const recentKept = 200

// Event is something that happened to a conversation. apply is unexported: the
// set is closed, and no event compiles without saying what it changes.
type Event interface{ apply(*Conversation) }

// Kind is every name this package has ever written to disk.
var Kind = domain.Kind[Conversation, Event]{
	Name:  "conversation",
	Apply: func(c *Conversation, e Event) { e.apply(c) },
	Names: domain.Names[Event]{
		"conversation.started":            Started{},
		"conversation.queued":             Queued{},
		"conversation.passed_over":        PassedOver{},
		"conversation.offered":            Offered{},
		"conversation.offer_delivered":    OfferDelivered{},
		"conversation.offer_ended":        OfferEnded{},
		"conversation.engaged":            Engaged{},
		"conversation.parked":             Parked{},
		"conversation.requeued":           Requeued{},
		"conversation.ended":              Ended{},
		"conversation.closed":             Closed{},
		"conversation.message_received":   MessageReceived{},
		"conversation.message_sent":       MessageSent{},
		"conversation.read":               Read{},
		"conversation.noted":              Noted{},
		"conversation.contact_linked":     ContactLinked{},
		"conversation.contact_unlinked":   ContactUnlinked{},
		"conversation.case_linked":        CaseLinked{},
		"conversation.case_unlinked":      CaseUnlinked{},
		"conversation.context_recorded":   ContextRecorded{},
		"conversation.looked_up":          LookedUp{},
		"conversation.surveyed":           Surveyed{},
		"conversation.classified":         Classified{},
		"conversation.carried_forward":    CarriedForward{},
		"conversation.told":               Told{},
		"conversation.overflowed":         Overflowed{},
		"conversation.turned_down":        TurnedDown{},
		"conversation.skill_required":     SkillRequired{},
		"conversation.skill_dropped":      SkillDropped{},
		"conversation.invited":            Invited{},
		"conversation.invite_ended":       InviteEnded{},
		"conversation.participant_joined": Joined{},
		"conversation.participant_left":   Left{},
		"conversation.consult_said":       Said{},
		"conversation.monitored":          Monitored{},
		"conversation.monitor_left":       MonitorLeft{},
		"conversation.customer_present":   CustomerPresent{},
	},
	Subject: func(_ string, before Conversation, e Event) string {
		if s, ok := e.(Started); ok {
			return s.Subject
		}
		return before.Subject
	},
	Carry: func(c Conversation) Event { return CarriedForward{State: c} },
}

// CarriedForward is the whole state, so that a long conversation loads at once.
type CarriedForward struct {
	State Conversation `json:"state"`
}

func (e CarriedForward) apply(c *Conversation) { *c = e.State }

// Refusals of more than one command.
var (
	ErrUnknown    = domain.Refuse("conversation_unknown", "CON-1", "there is no such conversation")
	ErrClosed     = domain.Refuse("conversation_closed", "CON-2", "the conversation is over: a new one begins with the customer's next message or start")
	ErrNotOpen    = domain.Refuse("conversation_not_open", "CON-5", "the conversation is not waiting in a queue")
	ErrNotEngaged = domain.Refuse("not_engaged", "CON-2", "the conversation is not engaged with an agent")
	ErrNotYours   = domain.Refuse("not_yours", "CON-5", "another agent has this conversation")
	ErrTurn       = domain.Refuse("turn_passed", "CON-5", "the conversation has moved on: look at it again")
	ErrElsewhere  = domain.Refuse("offered_elsewhere", "NOT-8", "the conversation is offered to another agent")
	ErrTaken      = domain.Refuse("taken", "NOT-8", "another agent took the conversation first")
)

// Names tells that the conversation knows a hold: by an offer that stands, or
// as its agent's, through wrap-up. What was asked for a named hold is done.
func (c Conversation) Names(hold string) bool {
	return c.Offer != nil && c.Offer.Hold == hold || hold != "" && c.Primary.Hold == hold
}

// live refuses what needs a conversation that was started and is not closed.
func (c Conversation) live() error {
	switch c.Status {
	case StatusNone:
		return ErrUnknown
	case StatusClosed:
		return c.standing(ErrClosed)
	}
	return nil
}

// standing tells in a refusal where the conversation stands now, so that all
// sides get the same answer (NOT-8).
func (c Conversation) standing(e *domain.Error) *domain.Error {
	state, sub := c.Status.State()
	e = e.With("state", state)
	if sub != "" {
		e = e.With("subState", sub)
	}
	if c.Primary.Agent != "" {
		e = e.With("agent", c.Primary.Agent)
	}
	if c.Closed != "" {
		e = e.With("reason", c.Closed)
	}
	return e
}

// seen tells that a message or note id is on record among the latest.
func (c Conversation) seen(id string) bool { return c.Recent.Has(id) }

func (c *Conversation) remember(id string) { c.Recent = c.Recent.With(id, recentKept) }
