package projections

import (
	"context"
	"slices"
	"time"

	"github.com/samber/lo"

	"parley/domain"
	"parley/domain/notification"
	"parley/eventstore"
)

// NotificationRow is the ledger of one offer or piece of news: it tells "never
// seen" from "ignored" (NOT-6).
type NotificationRow struct {
	ID           string `row:",key"`
	Agent        string
	Conversation string
	Form         string
	Scenario     string
	Title        string // as raised; the list names the customer as he is known now
	Since        time.Time
	Deadline     time.Time
	ShowSeconds  domain.Seconds
	RaisedAt     time.Time
	DeliveredAt  time.Time // to the first device
	DisplayedAt  time.Time
	ResolvedAt   time.Time
	Devices      []string
	Outcome      string
	Seen         bool
	Standing     bool // an alert that asks for a decision
	Template     domain.Template
	Of           string // the session that selecting it opens
	Role         string // whom it is for, when it is for no agent
}

// State is how far it came, or how it ended (NOT-6).
func (r NotificationRow) State() string {
	switch {
	case r.Outcome != "":
		return r.Outcome
	case !r.DisplayedAt.IsZero():
		return "displayed"
	case !r.DeliveredAt.IsZero():
		return "delivered"
	}
	return "raised"
}

var notificationTable = NewTable[NotificationRow]("notifications", "agent, standing DESC, raised_at DESC", "conversation, raised_at")

// Notifications is what agents are, and were, shown.
func Notifications() Projection {
	return Projection{
		Name: "notifications", Version: 3, Kinds: []string{"notification"},
		Tables: []AnyTable{notificationTable}, Fold: foldNotification,
	}
}

func foldNotification(r *Rows, f domain.Fact, at At) error {
	switch e := f.Event.(type) {
	case notification.Raised:
		row := notificationTable.Make(r, f.ID)
		row.Agent, row.Conversation, row.Form, row.Scenario, row.Title = e.Agent, e.Conversation, e.Form, e.Scenario, e.Title
		row.Since, row.Deadline, row.ShowSeconds, row.RaisedAt = e.Since, e.Deadline, e.ShowSeconds, at.HappenedAt
		row.Role = e.Role
		if row.Of = e.Of; e.Template != nil {
			row.Template = *e.Template
		} else if usual, ok := domain.DefaultTemplate(e.Scenario); ok {
			row.Template = usual // raised before there were templates
		}
		row.Standing = e.Form == notification.FormAlert && row.Outcome == ""
	case notification.Delivered:
		if row := notificationTable.Get(r, f.ID); row != nil {
			row.Devices = append(slices.Clip(row.Devices), e.Device)
			if row.DeliveredAt.IsZero() {
				row.DeliveredAt = at.HappenedAt
			}
		}
	case notification.Displayed:
		if row := notificationTable.Get(r, f.ID); row != nil && row.DisplayedAt.IsZero() {
			row.DisplayedAt = at.HappenedAt
		}
	case notification.Resolved:
		row := notificationTable.Make(r, f.ID) // the end may be on record without the beginning
		row.Agent, row.Conversation = e.Agent, e.Conversation
		row.Outcome, row.Seen, row.Standing, row.ResolvedAt = e.Outcome, e.Seen, false, at.HappenedAt
	}
	return nil
}

// NotificationView is a notification with what its alert shows of the customer
// (NOT-4). Of a closed conversation only the ledger is left.
type NotificationView struct {
	NotificationRow
	Customer string
	Comment  domain.Personal
	Queue    string
	Channel  string
	Contact  string
	Visitor  string
	WaitFrom time.Time
	// Note is the one of the agent who handed it over; Workstream, Priority and
	// Primary are what fields may show.
	Note                domain.Personal
	Workstream, Primary string
	Priority            int
}

var byStanding = order{{"standing", true}, {"raised_at", true}, {"id", true}}

// Inbox gives what was raised for an agent: what stands first, then the newest.
// Outcome, when it is given, is how they ended; role also gives what was raised
// for all who have it.
func (q *Views) Inbox(ctx context.Context, agent, role, outcome string, p Page, after eventstore.Position) (views []NotificationView, next string, at eventstore.Position, err error) {
	var c conditions
	if role == "" {
		c.add("agent = ? AND raised_at > 0", agent)
	} else {
		c.add("agent IN (?, '') AND role IN ('', ?) AND raised_at > 0", agent, role)
	}
	if outcome != "" {
		c.add("outcome = ?", outcome)
	}
	tail, args, err := c.tail("", byStanding, p)
	if err != nil {
		return nil, "", 0, err
	}
	var rows []NotificationRow
	at, err = q.look(ctx, "notifications", after, func(v *View) error {
		rows, err = notificationTable.Select(ctx, v, tail, args...)
		return err
	})
	if err != nil {
		return nil, "", 0, err
	}
	rows, next, err = paged(rows, byStanding, p, func(r NotificationRow) []any {
		return []any{lo.Ternary(r.Standing, 1, 0), r.RaisedAt, r.ID}
	})
	if err != nil {
		return nil, "", 0, err
	}
	views, shown, err := q.notifications(ctx, rows, after)
	return views, next, min(at, shown), err
}

// Notification gives one notification.
func (q *Views) Notification(ctx context.Context, id string, after eventstore.Position) (view NotificationView, found bool, at eventstore.Position, err error) {
	var row NotificationRow
	at, err = q.look(ctx, "notifications", after, func(v *View) error {
		row, found, err = notificationTable.Find(ctx, v, id)
		return err
	})
	if err != nil || !found {
		return view, false, at, err
	}
	views, shown, err := q.notifications(ctx, []NotificationRow{row}, after)
	return views[0], true, min(at, shown), err
}

// NotificationsOf gives the ledger of a conversation, in order.
func (q *Views) NotificationsOf(ctx context.Context, conversation string, after eventstore.Position) (views []NotificationView, at eventstore.Position, err error) {
	var rows []NotificationRow
	at, err = q.look(ctx, "notifications", after, func(v *View) error {
		rows, err = notificationTable.Select(ctx, v, "WHERE conversation = ? ORDER BY raised_at, id", conversation)
		return err
	})
	if err != nil {
		return nil, 0, err
	}
	views, shown, err := q.notifications(ctx, rows, after)
	return views, min(at, shown), err
}

// notifications joins what the conversations tell of their customers.
func (q *Views) notifications(ctx context.Context, rows []NotificationRow, after eventstore.Position) ([]NotificationView, eventstore.Position, error) {
	active, at, err := q.activeOf(ctx, lo.Map(rows, func(r NotificationRow, _ int) string { return r.Conversation }), after)
	return lo.Map(rows, func(r NotificationRow, _ int) NotificationView {
		c, ok := active[r.Conversation]
		v := NotificationView{NotificationRow: r, Customer: r.Title}
		if ok {
			v.Comment, v.Queue, v.Channel, v.Contact, v.Visitor, v.WaitFrom = c.Comment, c.Queue, c.Channel, c.Contact, c.Visitor, c.WaitFrom
			v.Note, v.Workstream, v.Primary, v.Priority = c.Handover, c.Workstream, c.Agent, c.Priority
			switch {
			case c.Contact != "":
				v.Customer = c.Name
			case c.Called != "":
				v.Customer = string(c.Called) // shown here, and never as a session's title (SES-9)
			case r.Title == notification.Untitled:
				v.Customer = c.Name // as its primary agent knows him
			}
		}
		return v
	}), at, err
}
