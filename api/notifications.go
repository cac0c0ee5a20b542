package api

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/samber/lo"

	"parley/domain"
	"parley/domain/notification"
	"parley/eventstore"
	"parley/projections"
)

// ListNotifications lists what the agent's screen shows and showed.
func (s *Server) ListNotifications(ctx context.Context, r ListNotificationsRequestObject) (ListNotificationsResponseObject, error) {
	if err := looksAt(ctx, r.Agent); err != nil {
		return nil, err
	}
	after, err := s.after(r.Params.After)
	if err != nil {
		return nil, err
	}
	page, err := pageOf(r.Params.Cursor, r.Params.Limit)
	if err != nil {
		return nil, err
	}
	role := ""
	if c := CallerOf(ctx); c.ID == r.Agent && c.Is(domain.RoleSupervisor, domain.RoleAdmin) {
		role = domain.RoleSupervisor // with what was raised for all supervisors
	}
	rows, next, at, err := s.opts.Views.Inbox(ctx, r.Agent, role, lo.FromPtr(r.Params.Outcome), page, after)
	if err != nil {
		return nil, err
	}
	return ListNotifications200JSONResponse{
		Next: some(next), Position: s.at(ctx, at),
		Notifications: lo.Map(rows, func(n projections.NotificationView, _ int) Notification { return s.shownNotification(n) }),
	}, nil
}

// ListLedger tells of every notification of a conversation what became of it
// (NOT-6).
func (s *Server) ListLedger(ctx context.Context, r ListLedgerRequestObject) (ListLedgerResponseObject, error) {
	c, _, err := s.conversationOf(ctx, r.Conversation)
	if err != nil {
		return nil, err
	}
	if err := s.sees(ctx, c); err != nil {
		return nil, err
	}
	after, err := s.after(r.Params.After)
	if err != nil {
		return nil, err
	}
	rows, at, err := s.opts.Views.NotificationsOf(ctx, c.ID, after)
	if err != nil {
		return nil, err
	}
	return ListLedger200JSONResponse{
		Position:      s.at(ctx, at),
		Notifications: lo.Map(rows, func(n projections.NotificationView, _ int) Notification { return s.shownNotification(n) }),
	}, nil
}

// shownNotification is a notification as the API shows it.
func (s *Server) shownNotification(n projections.NotificationView) Notification {
	shown := Notification{
		Hold: n.ID, Conversation: n.Conversation, Form: NotificationForm(n.Form), Scenario: n.Scenario, Title: n.Title, Customer: some(n.Customer),
		Comment: some(string(n.Comment)), Note: some(string(n.Note)), Queue: some(n.Queue), Channel: some(n.Channel), Contact: some(n.Contact), Visitor: some(n.Visitor),
		WaitingSince: opt(n.WaitFrom), Deadline: opt(n.Deadline), ShowSeconds: opt(int64(n.ShowSeconds)), Raised: n.RaisedAt,
		Delivered: opt(n.DeliveredAt), Displayed: opt(n.DisplayedAt), Resolved: opt(n.ResolvedAt), Outcome: some(n.Outcome), Seen: n.Seen, Standing: n.Standing,
		Session: some(n.Of), State: some(n.State()), Agent: some(n.Agent), Role: some(n.Role), Devices: optList(n.Devices),
	}
	waited := ""
	if !n.WaitFrom.IsZero() {
		seconds := int64(max(0, s.now().Sub(n.WaitFrom)) / time.Second)
		shown.WaitedSeconds, waited = &seconds, lasted(seconds)
	}
	if n.Template.Form == "" {
		return shown // of which only the end is known
	}
	comment := n.Comment
	if n.Note != "" {
		comment = n.Note
	}
	says := map[string]string{
		domain.FieldCustomer: n.Customer, domain.FieldComment: string(comment), domain.FieldWait: waited, "queue": n.Queue, "channel": n.Channel,
		"workstream": n.Workstream, "priority": strconv.Itoa(n.Priority), "agent": n.Primary,
	}
	t := shownTemplate(n.Template)
	for i := range t.Fields {
		t.Fields[i].Text = some(says[t.Fields[i].Value])
	}
	shown.Template, shown.Heading = &t, some(strings.ReplaceAll(n.Template.Title, "{Customer}", n.Customer))
	return shown
}

// lasted tells seconds as minutes and seconds, such as 2:05.
func lasted(seconds int64) string { return fmt.Sprintf("%d:%02d", seconds/60, seconds%60) }

// MarkDelivered records that a device of the agent has a notification (NOT-6).
func (s *Server) MarkDelivered(ctx context.Context, r MarkDeliveredRequestObject) (MarkDeliveredResponseObject, error) {
	a, err := s.saw(ctx, r.Agent, r.Hold, r.Body.Device, notification.Deliver{Agent: r.Agent, Device: r.Body.Device})
	if err != nil {
		return nil, err
	}
	return MarkDelivered200JSONResponse(a), nil
}

// MarkDisplayed records that a device of the agent shows it.
func (s *Server) MarkDisplayed(ctx context.Context, r MarkDisplayedRequestObject) (MarkDisplayedResponseObject, error) {
	a, err := s.saw(ctx, r.Agent, r.Hold, r.Body.Device, notification.Display{Agent: r.Agent, Device: r.Body.Device})
	if err != nil {
		return nil, err
	}
	return MarkDisplayed200JSONResponse(a), nil
}

// saw is for the agent's own devices only: nobody else knows what they show.
func (s *Server) saw(ctx context.Context, agentID, hold, device string, cmd domain.Command[notification.Notification, notification.Event]) (NotificationSeen, error) {
	switch c := CallerOf(ctx); {
	case c.ID != agentID:
		return NotificationSeen{}, &domain.Error{Code: "forbidden", Message: "only the agent's own devices tell what they show"}
	case !domain.ValidID(device):
		return NotificationSeen{}, domain.Invalid("device", "name the device by an id")
	}
	out, err := eventstore.Act(ctx, s.engine, &notification.Kind, hold, cmd, s.meta(ctx))
	if err != nil {
		return NotificationSeen{}, err
	}
	n, _, err := eventstore.Load(ctx, s.engine, &notification.Kind, hold)
	if err != nil {
		return NotificationSeen{}, err
	}
	return NotificationSeen{Hold: hold, Outcome: some(n.Outcome), Position: s.at(ctx, out.Position)}, nil
}
