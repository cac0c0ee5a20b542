package projections

import (
	"context"
	"time"

	"parley/domain"
	"parley/domain/cases"
	"parley/domain/contact"
	"parley/domain/conversation"
	"parley/domain/visitor"
	"parley/eventstore"
)

// Forms of an entry of the timeline, beside those of contact activities.
const (
	TimelineConversation = "conversation"
	TimelineNote         = "note"
	TimelineCase         = "case"
)

// TimelineRow is one activity of a customer or a case: a conversation, a note,
// a case, a call, an e-mail or a task (SUM-9).
type TimelineRow struct {
	Owner        string `row:",key"` // the stream that told of it
	ID           string `row:",key"`
	Form         string
	Subject      string `row:",subject"`
	Contact      string
	Visitor      string `row:",index"`
	Case         string
	Conversation string `row:",index"`
	At           time.Time
	EndedAt      time.Time
	Title        domain.Personal
	Text         domain.Personal
	By           string
	ByRole       string

	// Of a conversation.
	State    string
	SubState string
	Channel  string
	Queue    string
	Agent    string // the last primary agent
	Reason   string
	Topic    string
	// Unlinked tells that an agent took the contact away: who the visitor is
	// says no more whose conversation it is.
	Unlinked bool

	// Of a case.
	Number  string
	Product string
	Status  string
}

// knownRow says which contact a visitor is.
type knownRow struct {
	Visitor string `row:",key"`
	Contact string
}

var (
	timelineTable = NewTable[TimelineRow]("timeline", "contact, at DESC", "visitor, at DESC", `"case", at DESC`, "conversation, at DESC")
	knownTable    = NewTable[knownRow]("timeline_visitors")
)

// Timeline is the activities of customers and cases. A contact is resolved: a
// visitor's conversations become the contact's as soon as he is known.
func Timeline() Projection {
	return Projection{
		Name: "timeline", Version: 1, Kinds: []string{"conversation", "visitor", "contact", "case"},
		Tables: []AnyTable{timelineTable, knownTable}, Fold: foldTimeline,
	}
}

func foldTimeline(r *Rows, f domain.Fact, at At) error {
	add := func(row TimelineRow) {
		row.Owner, row.Subject, row.At = at.Stream, at.Subject, at.HappenedAt
		timelineTable.Put(r, row)
	}
	switch e := f.Event.(type) {
	case visitor.Identified:
		knownTable.Make(r, f.ID).Contact = e.Contact
		for _, row := range timelineTable.Where(r, "visitor", f.ID) {
			if row.Contact == "" && !row.Unlinked {
				row.Contact = e.Contact
			}
		}
	case contact.Noted:
		add(TimelineRow{ID: e.ID, Form: TimelineNote, Contact: f.ID, Text: e.Text, By: e.By.ID, ByRole: e.By.Role})
	case contact.ActivityAdded:
		add(TimelineRow{ID: e.ID, Form: e.Form, Contact: f.ID, Title: e.Title, Text: e.Text, By: e.By.ID, ByRole: e.By.Role})
	case cases.Opened:
		add(TimelineRow{ID: f.ID, Form: TimelineCase, Contact: e.Contact, Case: f.ID, Title: e.Title, Text: e.Description,
			By: e.By.ID, ByRole: e.By.Role, Number: e.Number, Product: e.Product, Status: cases.StatusActive})
	case cases.Noted:
		add(TimelineRow{ID: e.ID, Form: TimelineNote, Contact: e.Contact, Case: f.ID, Text: e.Text, By: e.By.ID, ByRole: e.By.Role})
	case cases.StatusSet:
		if row := timelineTable.Get(r, at.Stream, f.ID); row != nil {
			row.Status, row.EndedAt = e.Status, time.Time{}
			if e.Status != cases.StatusActive {
				row.EndedAt = at.HappenedAt
			}
		}
	case conversation.Started:
		row := TimelineRow{ID: f.ID, Form: TimelineConversation, Conversation: f.ID, Contact: e.Contact, Visitor: e.Visitor,
			Channel: e.Channel, Queue: e.Queue, State: string(conversation.StatusOpen)}
		if known, ok := knownTable.Peek(r, e.Visitor); ok && row.Contact == "" {
			row.Contact = known.Contact
		}
		add(row)
	case conversation.Noted:
		row, _ := timelineTable.Peek(r, at.Stream, f.ID)
		add(TimelineRow{ID: e.ID, Form: TimelineNote, Conversation: f.ID, Contact: row.Contact, Visitor: row.Visitor, Case: row.Case,
			Unlinked: row.Unlinked, Text: e.Text, By: e.By.ID, ByRole: e.By.Role})
	case conversation.ContactLinked:
		for _, row := range timelineTable.Where(r, "conversation", f.ID) {
			row.Contact, row.Unlinked = e.Contact, false
		}
	case conversation.ContactUnlinked:
		for _, row := range timelineTable.Where(r, "conversation", f.ID) {
			row.Contact, row.Unlinked = "", true
		}
	case conversation.CaseLinked:
		for _, row := range timelineTable.Where(r, "conversation", f.ID) {
			row.Case = e.Case
		}
	case conversation.CaseUnlinked:
		for _, row := range timelineTable.Where(r, "conversation", f.ID) {
			row.Case = ""
		}
	case conversation.CarriedForward, conversation.MessageReceived, conversation.MessageSent, conversation.Read:
	default:
		if f.Kind == "conversation" {
			if row := timelineTable.Get(r, at.Stream, f.ID); row != nil {
				row.route(f.Event, at)
			}
		}
	}
	return nil
}

// route follows where a conversation stands.
func (row *TimelineRow) route(event any, at At) {
	stand := func(s conversation.Status) { row.State, row.SubState = s.State() }
	switch e := event.(type) {
	case conversation.Queued:
		stand(conversation.StatusOpen)
		row.Queue = e.Queue
	case conversation.Requeued:
		stand(conversation.StatusOpen)
		row.Queue = e.Queue
	case conversation.Offered:
		if e.Replaces == "" {
			stand(conversation.StatusOffered)
		}
	case conversation.OfferEnded:
		if !e.Transfer {
			stand(conversation.StatusOpen)
		}
	case conversation.Engaged:
		stand(conversation.StatusEngaged)
		row.Agent = e.Agent
	case conversation.Classified:
		row.Topic = e.Topic
	case conversation.Parked:
		stand(conversation.StatusWaiting)
	case conversation.Ended:
		stand(conversation.StatusWrapUp)
		row.EndedAt, row.Reason = at.HappenedAt, e.Reason
	case conversation.Closed:
		stand(conversation.StatusClosed)
		row.Reason = e.Reason
		if row.EndedAt.IsZero() {
			row.EndedAt = at.HappenedAt
		}
	}
}

// TimelineOf names whose timeline is wanted: exactly one of these.
type TimelineOf struct{ Contact, Visitor, Case, Conversation string }

var byTime = order{{"at", true}, {"owner", true}, {"id", true}}

// Timeline gives the activities, newest first.
func (q *Views) Timeline(ctx context.Context, of TimelineOf, p Page, after eventstore.Position) (rows []TimelineRow, next string, at eventstore.Position, err error) {
	var c conditions
	c.equal("contact", of.Contact)
	c.equal("visitor", of.Visitor)
	c.equal(`"case"`, of.Case)
	c.equal("conversation", of.Conversation)
	if len(c.parts) != 1 {
		return nil, "", 0, domain.Invalid("of", "name one contact, visitor, case or conversation")
	}
	tail, args, err := c.tail("", byTime, p)
	if err != nil {
		return nil, "", 0, err
	}
	at, err = q.look(ctx, "timeline", after, func(v *View) error {
		rows, err = timelineTable.Select(ctx, v, tail, args...)
		return err
	})
	if err != nil {
		return nil, "", 0, err
	}
	rows, next, err = paged(rows, byTime, p, func(r TimelineRow) []any { return []any{r.At, r.Owner, r.ID} })
	for i := range rows {
		q.clear(rows[i].Subject, &rows[i].Title, &rows[i].Text)
	}
	return rows, next, at, err
}
