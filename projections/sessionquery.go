package projections

import (
	"context"
	"errors"

	"github.com/samber/lo"

	"parley/domain"
	"parley/domain/session"
	"parley/eventstore"
)

// SessionView is a session as its tab shows it.
type SessionView struct {
	SessionRow
	Title   string // SES-9
	Focused bool
	Drafts  []DraftRow
	// Sentiment is that of its conversation (SES-10).
	Sentiment domain.Level
}

// Workspace is all open sessions of an agent, the oldest first. The pinned Home
// session is not among them: it is always there.
type Workspace struct {
	Agent    string
	Focus    string
	Panel    string // expanded or collapsed (SES-8)
	Sessions []SessionView
}

// Workspace gives the agent's open sessions.
func (q *Views) Workspace(ctx context.Context, agent string, after eventstore.Position) (Workspace, eventstore.Position, error) {
	w := Workspace{Agent: agent}
	at, err := q.look(ctx, "sessions", after, func(v *View) error {
		rows, err := sessionTable.Select(ctx, v, "WHERE agent = ? ORDER BY started, id", agent)
		if err != nil {
			return err
		}
		desk, _, err := deskTable.Find(ctx, v, agent)
		if err != nil {
			return err
		}
		w.Focus, w.Panel = desk.Focus, lo.CoalesceOrEmpty(desk.Panel, "expanded")
		drafts, err := draftTable.Select(ctx, v, "WHERE session IN (SELECT id FROM sessions WHERE agent = ?) ORDER BY session, form", agent)
		w.Sessions = q.sessions(rows, drafts, desk)
		return err
	})
	if err != nil {
		return Workspace{}, 0, err
	}
	shown, err := q.name(ctx, w.Sessions, after)
	return w, min(at, shown), err
}

// Session gives one open session.
func (q *Views) Session(ctx context.Context, id string, after eventstore.Position) (SessionView, bool, eventstore.Position, error) {
	var views []SessionView
	at, err := q.look(ctx, "sessions", after, func(v *View) error {
		row, ok, err := sessionTable.Find(ctx, v, id)
		if err != nil || !ok {
			return err
		}
		desk, _, err := deskTable.Find(ctx, v, row.Agent)
		drafts, failed := draftTable.Select(ctx, v, "WHERE session = ? ORDER BY form", id)
		views = q.sessions([]SessionRow{row}, drafts, desk)
		return errors.Join(err, failed)
	})
	if err != nil || len(views) == 0 {
		return SessionView{}, false, at, err
	}
	shown, err := q.name(ctx, views, after)
	return views[0], true, min(at, shown), err
}

func (q *Views) sessions(rows []SessionRow, drafts []DraftRow, desk deskRow) []SessionView {
	for i := range drafts {
		q.clear(drafts[i].Subject, &drafts[i].Text)
	}
	for i := range rows {
		for j := range rows[i].Tabs { // read for this query: nobody else's
			q.clear(rows[i].Subject, &rows[i].Tabs[j].Of)
		}
	}
	bySession := lo.GroupBy(drafts, func(d DraftRow) string { return d.Session })
	return lo.Map(rows, func(r SessionRow, _ int) SessionView {
		return SessionView{SessionRow: r, Focused: desk.Focus == r.ID, Drafts: bySession[r.ID]}
	})
}

// formOn is what a session is on: a part in another agent's conversation is on a
// conversation too.
func formOn(form string) string {
	switch form {
	case session.FormConsult, session.FormJoined, session.FormMonitor:
		return session.FormConversation
	}
	return form
}

// name gives each session its title: the linked contact's name, else the case's
// title, else "Visitor n" (SES-9).
func (q *Views) name(ctx context.Context, views []SessionView, after eventstore.Position) (eventstore.Position, error) {
	on := func(form string) []string {
		return lo.FilterMap(views, func(v SessionView, _ int) (string, bool) { return v.Conversation, formOn(v.Form) == form })
	}
	active, at, err := q.activeOf(ctx, on(session.FormConversation), after)
	if err != nil {
		return 0, err
	}
	called, shown, err := q.titles(ctx, on(session.FormContact), on(session.FormCase), after)
	if err != nil {
		return 0, err
	}
	at = min(at, shown)
	for i := range views {
		v := &views[i]
		v.Title = title(records{}, "", "", v.VisitorNumber)
		switch formOn(v.Form) {
		case session.FormConversation:
			c, ok := active[v.Conversation]
			v.Sentiment = domain.Level(c.Talk.Sentiment)
			if v.VisitorNumber == 0 { // a part beside the primary has no number of its own
				v.Title = "Conversation"
			}
			if ok && c.Title != title(records{}, "", "", c.VisitorNumber) { // a record is linked
				v.Title = c.Title
			}
		case session.FormContact:
			v.Title = lo.CoalesceOrEmpty(called.contacts[v.Conversation], "Contact")
		case session.FormCase:
			v.Title = lo.CoalesceOrEmpty(called.cases[v.Conversation], "Case")
		}
	}
	return at, err
}
