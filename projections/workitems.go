package projections

import (
	"time"

	"parley/domain"
	"parley/domain/conversation"
	"parley/domain/queue"
)

// WorkRow is one conversation as the work-item lists show it; it stays when
// the conversation is closed.
type WorkRow struct {
	ID            string `row:",key"`
	Subject       string `row:",subject"`
	Visitor       string
	Contact       string
	Customer      string // the contact, else the visitor
	Channel       string
	Mode          string
	Workstream    string
	Queue         string
	Status        conversation.Status
	Priority      int
	Agent         string
	Last          string // the last primary agent
	Since         time.Time
	Created       time.Time
	ClosedAt      time.Time
	Reason        string
	Topic         string
	Case          string
	VisitorNumber int
	Comment       domain.Personal

	// Modified is when anything happened last, and Title what the conversation is
	// called (SES-9); queries fill them in.
	Modified time.Time `row:"-"`
	Title    string    `row:"-"`
}

// changedRow is when anything happened to a conversation last: every message
// writes it, and leaves the item itself alone.
type changedRow struct {
	Changed  string `row:",key"` // the conversation
	Modified time.Time
}

// primaryRow says that an agent was primary of a conversation.
type primaryRow struct {
	Item         string    `row:",key,index"` // the conversation
	PrimaryAgent string    `row:",key"`
	DoneAt       time.Time // when the conversation was closed; zero before
}

// servedRow is one member of a queue.
type servedRow struct {
	Served string `row:",key,index"` // the queue
	Member string `row:",key"`
}

// rankRow is a queue's number: the lower goes first (RTE-2).
type rankRow struct {
	Ranked string `row:",key"` // the queue
	Number int
}

var (
	workTable    = NewTable[WorkRow]("work_items", "agent, status", "last, status", "queue, status, priority DESC, since")
	changedTable = NewTable[changedRow]("work_changes")
	primaryTable = NewTable[primaryRow]("work_primaries", "primary_agent, done_at, item")
	servedTable  = NewTable[servedRow]("work_served", "member")
	rankTable    = NewTable[rankRow]("work_ranks")
)

// WorkItems is what the agents have to do, could do and have done (SES-3).
func WorkItems() Projection {
	return Projection{
		Name: "work_items", Version: 3, Kinds: []string{"conversation", "queue"},
		Tables: []AnyTable{workTable, changedTable, primaryTable, servedTable, rankTable}, Fold: foldWork,
	}
}

func foldWork(r *Rows, f domain.Fact, at At) error {
	switch e := f.Event.(type) {
	case queue.Configured:
		rankTable.Make(r, f.ID).Number = e.Number
	case queue.MemberAdded:
		servedTable.Make(r, f.ID, e.Agent)
	case queue.MemberRemoved:
		servedTable.Delete(r, f.ID, e.Agent)
	case conversation.Started:
		row := WorkRow{
			ID: f.ID, Subject: at.Subject, Visitor: e.Visitor, Channel: e.Channel, Mode: e.Mode, Workstream: e.Workstream,
			Queue: e.Queue, Status: conversation.StatusOpen, Priority: e.Priority, Created: at.HappenedAt,
		}
		row.link(e.Contact)
		workTable.Put(r, row)
		changedTable.Put(r, changedRow{f.ID, at.HappenedAt})
	case conversation.CarriedForward:
	default:
		change := changedTable.Get(r, f.ID)
		if change == nil {
			return nil
		}
		change.Modified = at.HappenedAt
		switch e.(type) {
		case conversation.MessageSent, conversation.Read:
			return nil
		case conversation.MessageReceived:
			if row, _ := workTable.Peek(r, f.ID); row.Comment != "" {
				return nil
			}
		}
		if row := workTable.Get(r, f.ID); row != nil {
			row.follow(r, f.Event, at)
		}
	}
	return nil
}

// link says whose conversation it is; without a contact it is the visitor's.
func (row *WorkRow) link(contact string) {
	row.Contact, row.Customer = contact, contact
	if contact == "" {
		row.Customer = row.Visitor
	}
}

// follow applies what happened to a conversation that was started.
func (row *WorkRow) follow(r *Rows, event any, at At) {
	switch e := event.(type) {
	case conversation.Queued:
		row.Status, row.Queue, row.Since, row.Priority, row.Agent = conversation.StatusOpen, e.Queue, e.Since, e.Priority, ""
	case conversation.Requeued:
		row.Status, row.Queue, row.Since, row.Agent = conversation.StatusOpen, e.Queue, e.Since, ""
	case conversation.Offered:
		if e.Replaces == "" {
			row.Status, row.VisitorNumber = conversation.StatusOffered, e.VisitorNumber
		}
	case conversation.OfferEnded:
		if !e.Transfer {
			row.Status = conversation.StatusOpen
		}
	case conversation.Engaged:
		row.Status, row.Agent, row.Last, row.VisitorNumber = conversation.StatusEngaged, e.Agent, e.Agent, e.VisitorNumber
		primaryTable.Make(r, row.ID, e.Agent)
	case conversation.Parked:
		row.Status, row.Agent = conversation.StatusWaiting, ""
	case conversation.Ended:
		row.Status, row.Reason = conversation.StatusWrapUp, e.Reason
	case conversation.Closed:
		row.Status, row.Reason, row.Agent, row.ClosedAt = conversation.StatusClosed, e.Reason, "", at.HappenedAt
		for _, p := range primaryTable.Where(r, "item", row.ID) {
			p.DoneAt = at.HappenedAt
		}
	case conversation.MessageReceived:
		if row.Comment == "" {
			row.Comment = e.Text
		}
	case conversation.Classified:
		row.Topic = e.Topic
	case conversation.ContactLinked:
		row.link(e.Contact)
	case conversation.ContactUnlinked:
		row.link("")
	case conversation.CaseLinked:
		row.Case = e.Case
	case conversation.CaseUnlinked:
		row.Case = ""
	}
}
