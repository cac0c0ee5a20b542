package projections

import (
	"slices"
	"time"

	"parley/domain"
	"parley/domain/conversation"
	"parley/domain/visitor"
)

// SummaryRow is what is kept of a conversation for its summary page, closed or
// not (SUM-4, SUM-5).
type SummaryRow struct {
	ID            string `row:",key"`
	Subject       string `row:",subject"`
	Visitor       string
	Contact       string
	Case          string
	Topic         string // what the agents say it is about
	Widget        string
	Channel       string
	Mode          string
	Workstream    string
	Queue         string
	Locale        string
	Thread        string
	Authenticated bool
	Priority      int

	Status      conversation.Status
	Started     time.Time
	EndedAt     time.Time
	ClosedAt    time.Time
	Reason      string
	Disposition []string

	Topics  []string
	Survey  []domain.Answer
	Context []domain.Variable

	// The customer's waits, in milliseconds: the first, and the latest. A wait
	// begins at the start or with a return; being put back into a queue adds to
	// it (SUM-4).
	WaitedFirst  int64
	WaitedLatest int64
	Waits        int
	WaitingSince time.Time // zero: not waiting for an agent

	Agent  string   // the last primary
	Agents []string // all who were primary, in order

	PostSurvey []domain.Answer
	Score      int
	LookUps    []SummaryLookUp
}

// SummaryLookUp is something an agent looked up during the conversation.
type SummaryLookUp struct {
	ID     string          `json:"id"`
	Name   string          `json:"name"`
	Query  domain.Personal `json:"query,omitempty"`
	Result domain.Personal `json:"result,omitempty"`
	By     string          `json:"by"`
	At     time.Time       `json:"at"`
}

// VisitorRow is what is known of a visitor's device (SUM-7).
type VisitorRow struct {
	ID       string `row:",key"`
	Subject  string `row:",subject"`
	Widget   string
	Contact  string
	Browser  domain.Personal
	System   domain.Personal
	Language domain.Personal
	Location domain.Personal
	Arrived  time.Time
}

// lookUpsKept bounds the look-ups on a summary; the history has them all.
const lookUpsKept = 50

var (
	summaryTable = NewTable[SummaryRow]("summaries", "contact, started DESC", "visitor, started DESC")
	visitorTable = NewTable[VisitorRow]("summary_visitors")
)

// Summaries is what the customer summary page shows of conversations.
func Summaries() Projection {
	return Projection{
		Name: "summary", Version: 2, Kinds: []string{"conversation", "visitor"},
		Tables: []AnyTable{summaryTable, visitorTable}, Fold: foldSummary,
	}
}

func foldSummary(r *Rows, f domain.Fact, at At) error {
	switch e := f.Event.(type) {
	case visitor.Arrived:
		row := visitorTable.Make(r, f.ID)
		row.Subject, row.Widget = at.Subject, e.Widget
		row.Browser, row.System, row.Language, row.Location = e.Device.Browser, e.Device.System, e.Device.Language, e.Device.Location
		if row.Arrived.IsZero() {
			row.Arrived = at.HappenedAt
		}
	case visitor.Identified:
		if row := visitorTable.Get(r, f.ID); row != nil {
			row.Contact = e.Contact
		}
	case conversation.Started:
		summaryTable.Put(r, SummaryRow{
			ID: f.ID, Subject: at.Subject, Visitor: e.Visitor, Contact: e.Contact, Widget: e.Widget, Channel: e.Channel, Mode: e.Mode,
			Workstream: e.Workstream, Queue: e.Queue, Locale: e.Locale, Thread: e.Thread, Authenticated: e.Authenticated,
			Priority: e.Priority, Status: conversation.StatusOpen, Started: at.HappenedAt,
			Topics: slices.Clone(e.Topics), Survey: slices.Clone(e.Survey), Context: slices.Clone(e.Context),
		})
	case conversation.CarriedForward, conversation.MessageReceived, conversation.MessageSent, conversation.Read, conversation.Noted:
		// What is said is the conversation's own to tell: a row is not written for it.
	default:
		if f.Kind != "conversation" {
			return nil
		}
		if row := summaryTable.Get(r, f.ID); row != nil {
			row.route(f.Event, at)
			row.tell(f.Event, at)
		}
	}
	return nil
}

// route follows where the conversation stands and how long the customer waits.
func (row *SummaryRow) route(event any, at At) {
	switch e := event.(type) {
	case conversation.Queued:
		row.Status, row.Queue, row.Priority = conversation.StatusOpen, e.Queue, e.Priority
		if e.Reason == conversation.QueuedMoved && !row.WaitingSince.IsZero() {
			return // moved from queue to queue, he goes on waiting
		}
		row.Waits++
		row.WaitedLatest, row.WaitingSince = 0, e.Since
	case conversation.Requeued:
		row.Status, row.Queue, row.WaitingSince = conversation.StatusOpen, e.Queue, e.At
	case conversation.Offered:
		if e.Replaces == "" {
			row.Status = conversation.StatusOffered
		}
	case conversation.OfferEnded:
		if !e.Transfer {
			row.Status = conversation.StatusOpen
		}
	case conversation.Engaged:
		row.Status, row.Agent, row.WaitingSince = conversation.StatusEngaged, e.Agent, time.Time{}
		if n := len(row.Agents); n == 0 || row.Agents[n-1] != e.Agent {
			row.Agents = append(slices.Clip(row.Agents), e.Agent)
		}
		row.WaitedLatest += e.Waited
		if row.Waits == 1 {
			row.WaitedFirst = row.WaitedLatest
		}
	case conversation.Parked:
		row.Status = conversation.StatusWaiting
	case conversation.Ended:
		row.Status, row.Reason, row.EndedAt = conversation.StatusWrapUp, e.Reason, at.HappenedAt
	case conversation.Closed:
		row.Status, row.Reason, row.ClosedAt, row.WaitingSince = conversation.StatusClosed, e.Reason, at.HappenedAt, time.Time{}
		row.Disposition = slices.Clone(e.Disposition)
		if row.EndedAt.IsZero() {
			row.EndedAt = at.HappenedAt
		}
	}
}

// tell follows what was said and what is known.
func (row *SummaryRow) tell(event any, at At) {
	switch e := event.(type) {
	case conversation.ContactLinked:
		row.Contact = e.Contact
	case conversation.ContactUnlinked:
		row.Contact = ""
	case conversation.Classified:
		row.Topic = e.Topic
	case conversation.CaseLinked:
		row.Case = e.Case
	case conversation.CaseUnlinked:
		row.Case = ""
	case conversation.Surveyed:
		row.PostSurvey, row.Score = slices.Clone(e.Answers), e.Score
	case conversation.LookedUp:
		kept := row.LookUps[max(0, len(row.LookUps)+1-lookUpsKept):]
		row.LookUps = append(slices.Clip(kept), SummaryLookUp{e.ID, e.Name, e.Query, e.Result, e.By.ID, at.HappenedAt})
	case conversation.ContextRecorded:
		all := slices.Clone(row.Context)
		for _, v := range e.Variables {
			i := slices.IndexFunc(all, func(have domain.Variable) bool { return have.Name == v.Name })
			switch {
			case i >= 0:
				all[i] = v
			case len(all) < conversation.MaxVariables:
				all = append(all, v)
			}
		}
		row.Context = all
	}
}
