package projections

import (
	"maps"
	"slices"
	"strings"
	"time"

	"parley/domain"
	"parley/domain/conversation"
)

// Span is a run of message numbers.
type Span struct {
	From int `json:"f"`
	To   int `json:"t"`
}

// ActiveRow is one conversation that is not closed: where it stands, whose it
// is, who waits for whom, and what routing has to know of it.
type ActiveRow struct {
	ID            string `row:",key"`
	Subject       string `row:",subject"`
	Visitor       string
	Contact       string
	Case          string
	Topic         string
	Authenticated bool
	Channel       string
	Mode          string
	Workstream    string
	Widget        string
	Queue         string
	Priority      int
	Status        conversation.Status
	Turn          int
	Segment       int
	Since         time.Time // its place in the queue (RTE-2)
	WaitFrom      time.Time // the present wait for an agent; zero without one
	Affinity      string
	Invitation    string // that it began with (PRO-6)
	Returned      bool   // it is open because the customer came back (PER-8)

	Agent string // the primary agent and his hold
	Hold  string
	Last  string // the last primary: whose it is in waiting

	OfferAgent     string
	OfferHold      string
	OfferReplaces  string
	OfferDeadline  time.Time
	OfferDelivered bool
	VisitorNumber  int // given with the last offer or engagement (SES-9)

	Comment domain.Personal // the customer's first message (NOT-4)
	Called  domain.Personal // the name typed into the survey, or sent along (SES-9)
	// Handover is the note of the agent who transferred it, until somebody has it.
	Handover domain.Personal

	Declines    map[string]int
	Unseen      map[string]time.Time // when an offer expired that no device of the agent had
	LastDecline time.Time
	Reasons     []conversation.Reason // of the latest round: of its offer, or why nobody could be asked
	PassedAt    time.Time             // when nobody could be asked; zero when somebody was

	EndReason string

	Skills     []domain.SkillLevel // what it asks of its agent (RTE-3)
	Rule       string              // the route-to-queue rule that matched (RTE-1)
	ToldClosed time.Time           // when the customer was told that it is outside the hours

	Push         bool
	Units        int
	DeclineLimit int
	Countdown    domain.Seconds

	Started time.Time

	// Talk is what changes with every message, Title what the conversation is
	// called (SES-9), and Name its customer; queries fill them in.
	Talk  TalkRow `row:"-"`
	Title string  `row:"-"`
	Name  string  `row:"-"`
}

// TalkRow is what of an active conversation changes with every message: a row
// of its own, since writing it is most of what a message costs.
type TalkRow struct {
	Conversation string `row:",key"`
	Modified     time.Time
	Messages     int
	Unread       int    // customer messages that no agent read or answered
	Unanswered   []Span // the numbers of these
	AgentRead    int
	CustomerRead int
	LastMessage  time.Time
	LastSide     string
	CloseAt      time.Time
	Sentiment    int // the conversation's domain.Level (SES-10)
}

var (
	// An agent, a customer or a queue has few conversations, which are sorted when
	// they are read.
	activeTable = NewTable[ActiveRow]("active_conversations", "queue", "agent", "offer_agent", "contact", "visitor", "status, push")
	talkTable   = NewTable[TalkRow]("active_talks", "modified, conversation")
)

// Active is every conversation that is not closed.
func Active() Projection {
	return Projection{Name: "active", Version: 5, Kinds: []string{"conversation"}, Tables: []AnyTable{activeTable, talkTable}, Fold: foldActive}
}

func foldActive(r *Rows, f domain.Fact, at At) error {
	switch e := f.Event.(type) {
	case conversation.Started:
		t := e.Terms
		activeTable.Put(r, ActiveRow{
			ID: f.ID, Subject: at.Subject, Visitor: e.Visitor, Contact: e.Contact, Authenticated: e.Authenticated,
			Channel: e.Channel, Mode: e.Mode, Workstream: e.Workstream, Widget: e.Widget, Queue: e.Queue, Priority: e.Priority,
			Skills: e.Skills, Rule: e.Rule, Invitation: e.Invitation, Status: conversation.StatusOpen, Push: t.Push, Units: t.Units, DeclineLimit: t.DeclineLimit, Countdown: t.Countdown,
			Started: at.HappenedAt, Called: called(e.Opening),
		})
		talkTable.Put(r, TalkRow{Conversation: f.ID, Modified: at.HappenedAt})
		return nil
	case conversation.Closed:
		activeTable.Delete(r, f.ID)
		talkTable.Delete(r, f.ID)
		return nil
	case conversation.CarriedForward:
		return nil // tells nothing new
	}
	talk := talkTable.Get(r, f.ID)
	if talk == nil {
		return nil // what is still said of a closed conversation
	}
	talk.Modified = at.HappenedAt
	switch e := f.Event.(type) {
	case conversation.MessageReceived:
		talk.follow(e, at)
		if row, _ := activeTable.Peek(r, f.ID); row.Comment != "" {
			return nil
		}
	case conversation.MessageSent, conversation.Read:
		talk.follow(e, at)
		return nil
	}
	row := activeTable.Get(r, f.ID)
	if row == nil {
		return nil
	}
	switch e := f.Event.(type) {
	case conversation.MessageReceived:
		row.Comment = e.Text
	case conversation.Noted:
		if e.Handover {
			row.Handover = e.Text
		}
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
	default:
		row.route(f.Event, at, talk)
	}
	return nil
}

// called is the name that a customer gave himself at the start.
func called(o domain.Opening) domain.Personal {
	isName := func(text string) bool {
		text = strings.ToLower(strings.Trim(text, " ?:*"))
		return text == "name" || text == "your name" || text == "full name"
	}
	for _, a := range o.Survey {
		if isName(a.Question) {
			return a.Answer
		}
	}
	for _, v := range o.Context {
		if isName(v.Name) {
			return v.Value
		}
	}
	return ""
}

// route follows who has the conversation, or is asked to take it.
func (row *ActiveRow) route(event any, at At, talk *TalkRow) {
	switch e := event.(type) {
	case conversation.Queued:
		row.Turn++
		wait := e.Since
		if (e.Reason == conversation.QueuedMoved || e.Reason == conversation.QueuedOverflow) && !row.WaitFrom.IsZero() {
			wait = row.WaitFrom // moved from queue to queue, he goes on waiting
		}
		row.open(e.Queue, e.Segment, e.Since, wait)
		talk.CloseAt = e.CloseAt
		row.Priority, row.Affinity, row.Returned = e.Priority, e.Affinity, e.Reason == conversation.QueuedReturn
	case conversation.Requeued:
		row.Turn++
		row.Returned = false
		row.open(e.Queue, e.Segment, e.Since, e.At)
		talk.CloseAt = e.CloseAt
		if e.Declined {
			row.declined(e.Agent, at)
		}
	case conversation.SkillRequired:
		row.Skills = append(slices.DeleteFunc(slices.Clone(row.Skills), func(s domain.SkillLevel) bool { return s.Skill == e.Skill }),
			domain.SkillLevel{Skill: e.Skill, Level: e.Level})
		slices.SortFunc(row.Skills, func(a, b domain.SkillLevel) int { return strings.Compare(a.Skill, b.Skill) })
	case conversation.SkillDropped:
		row.Skills = slices.DeleteFunc(slices.Clone(row.Skills), func(s domain.SkillLevel) bool { return s.Skill == e.Skill })
	case conversation.Told:
		row.ToldClosed = e.At
	case conversation.PassedOver:
		row.Reasons, row.PassedAt = conversation.ReasonsOf(e.Reasons, e.Decision), at.HappenedAt
	case conversation.Offered:
		row.Turn++
		if e.Replaces == "" {
			row.Status = conversation.StatusOffered
		}
		row.OfferAgent, row.OfferHold, row.OfferReplaces = e.Agent, e.Hold, e.Replaces
		row.OfferDeadline, row.OfferDelivered = e.Deadline, false
		if e.Replaces == "" { // of a transfer the primary's number stays until it is accepted
			row.VisitorNumber = e.VisitorNumber
		}
		row.Affinity, row.Reasons, row.PassedAt = "", conversation.ReasonsOf(e.Reasons, e.Decision), time.Time{}
	case conversation.OfferDelivered:
		row.OfferDelivered = row.OfferDelivered || row.OfferHold == e.Hold
	case conversation.OfferEnded:
		row.Turn++
		row.noOffer()
		if !e.Transfer {
			row.Status = conversation.StatusOpen
		}
		switch {
		case e.Transfer:
		case e.Declined:
			row.declined(e.Agent, at)
		case e.Outcome == conversation.OutcomeExpired && !e.Delivered:
			row.unseen(e.Agent, at)
		}
	case conversation.Engaged:
		row.Turn++
		row.noOffer()
		row.Handover = ""
		row.Status, row.Agent, row.Hold, row.Last = conversation.StatusEngaged, e.Agent, e.Hold, e.Agent
		row.VisitorNumber, talk.CloseAt = e.VisitorNumber, e.CloseAt
		row.Affinity, row.Reasons, row.PassedAt, row.WaitFrom = "", nil, time.Time{}, time.Time{}
	case conversation.Parked:
		row.Turn++
		row.noOffer()
		row.Status, row.Agent, row.Hold, talk.CloseAt = conversation.StatusWaiting, "", "", e.CloseAt
	case conversation.Ended:
		row.Turn++
		row.noOffer()
		row.Status, row.EndReason, talk.CloseAt = conversation.StatusWrapUp, e.Reason, e.CloseAt
	}
}

// open puts the conversation into a queue.
func (row *ActiveRow) open(queue string, segment int, since, wait time.Time) {
	row.noOffer()
	row.Status, row.Queue, row.Segment, row.Since, row.WaitFrom = conversation.StatusOpen, queue, segment, since, wait
	row.Agent, row.Hold = "", ""
	row.Declines, row.LastDecline, row.Reasons, row.PassedAt = nil, time.Time{}, nil, time.Time{}
	row.Unseen = nil
}

func (row *ActiveRow) noOffer() {
	row.OfferAgent, row.OfferHold, row.OfferReplaces = "", "", ""
	row.OfferDeadline, row.OfferDelivered = time.Time{}, false
}

func (row *ActiveRow) declined(agent string, at At) {
	row.Declines = maps.Clone(row.Declines)
	if row.Declines == nil {
		row.Declines = map[string]int{}
	}
	row.Declines[agent]++
	row.LastDecline = at.HappenedAt
}

// unseen notes when an offer expired that had reached none of the agent's
// devices: he is passed over until one connects (RTE-5).
func (row *ActiveRow) unseen(agent string, at At) {
	row.Unseen = maps.Clone(row.Unseen)
	if row.Unseen == nil {
		row.Unseen = map[string]time.Time{}
	}
	row.Unseen[agent] = at.HappenedAt
}

// follow counts messages and receipts.
func (row *TalkRow) follow(event any, at At) {
	switch e := event.(type) {
	case conversation.MessageReceived:
		row.Messages, row.CloseAt, row.LastMessage, row.LastSide = e.Number, e.CloseAt, at.HappenedAt, conversation.SideCustomer
		row.Unread++
		if e.Sentiment.Scored() {
			row.Sentiment = int(e.Sentiment.Conversation)
		}
		if n := len(row.Unanswered); n > 0 && row.Unanswered[n-1].To == e.Number-1 {
			row.Unanswered = append(row.Unanswered[:n-1:n-1], Span{row.Unanswered[n-1].From, e.Number})
		} else {
			row.Unanswered = append(row.Unanswered[:n:n], Span{e.Number, e.Number})
		}
	case conversation.MessageSent:
		row.Messages, row.CloseAt, row.LastMessage, row.LastSide = e.Number, e.CloseAt, at.HappenedAt, conversation.SideAgent
		if e.By.Role != domain.RoleSystem { // who answers has read
			row.Unread, row.Unanswered = 0, nil
		}
	case conversation.Read:
		if e.Side == conversation.SideCustomer {
			row.CustomerRead = e.UpTo
			return
		}
		row.AgentRead = e.UpTo
		row.Unread = 0
		var left []Span
		for _, s := range row.Unanswered {
			if s.To > e.UpTo {
				s.From = max(s.From, e.UpTo+1)
				left = append(left, s)
				row.Unread += s.To - s.From + 1
			}
		}
		row.Unanswered = left
	}
}
