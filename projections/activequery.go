package projections

import (
	"context"

	"github.com/samber/lo"

	"parley/domain"
	"parley/domain/conversation"
	"parley/eventstore"
)

// ActiveFilter says which active conversations are wanted; empty wants all.
type ActiveFilter struct {
	Queue string
	// State is open, active, waiting or wrap_up, or a sub-state: offered or engaged.
	State string
	// Agent is the primary agent, or the one to whom it is offered.
	Agent      string
	Workstream string
	Contact    string
	Visitor    string
}

// byTalk is the order of the list: by what was said, done or read last.
var byTalk = order{{"modified", true}, {"conversation", true}}

// ActiveList gives the conversations that are not closed, newest modified first.
func (q *Views) ActiveList(ctx context.Context, f ActiveFilter, p Page, after eventstore.Position) (rows []ActiveRow, next string, at eventstore.Position, err error) {
	var c conditions
	c.equal("queue", f.Queue)
	c.equal("workstream", f.Workstream)
	c.equal("contact", f.Contact)
	c.equal("visitor", f.Visitor)
	if f.Agent != "" {
		c.add("(agent = ? OR offer_agent = ?)", f.Agent, f.Agent)
	}
	switch f.State {
	case "":
	case "active":
		c.add("status IN (?, ?)", string(conversation.StatusOffered), string(conversation.StatusEngaged))
	case string(conversation.StatusOpen), string(conversation.StatusOffered), string(conversation.StatusEngaged),
		string(conversation.StatusWaiting), string(conversation.StatusWrapUp):
		c.equal("status", f.State)
	default:
		return nil, "", 0, domain.Invalid("state", "give open, active, offered, engaged, waiting or wrap_up")
	}
	tail, args, err := c.tail("JOIN active_talks ON conversation = id", byTalk, p)
	if err != nil {
		return nil, "", 0, err
	}
	at, err = q.look(ctx, "active", after, func(v *View) error {
		rows, err = activeRows(ctx, v, tail, args...)
		return err
	})
	if err != nil {
		return nil, "", 0, err
	}
	rows, next, err = paged(rows, byTalk, p, func(r ActiveRow) []any { return []any{r.Talk.Modified, r.ID} })
	if err != nil {
		return nil, "", 0, err
	}
	shown, err := q.revealActive(ctx, rows, after)
	return rows, next, min(at, shown), err
}

// ActiveOne gives one conversation that is not closed.
func (q *Views) ActiveOne(ctx context.Context, id string, after eventstore.Position) (row ActiveRow, found bool, at eventstore.Position, err error) {
	if id == "" {
		return row, false, after, nil
	}
	rows, at, err := q.activeOf(ctx, []string{id}, after)
	row, found = rows[id]
	return row, found, at, err
}

// activeOf gives those of the conversations that are not closed, in the clear.
func (q *Views) activeOf(ctx context.Context, ids []string, after eventstore.Position) (map[string]ActiveRow, eventstore.Position, error) {
	keys := distinct(ids)
	if len(keys) == 0 {
		return nil, everywhere, nil
	}
	var rows []ActiveRow
	at, err := q.look(ctx, "active", after, func(v *View) (err error) {
		rows, err = activeRows(ctx, v, "WHERE id IN ("+marks(len(keys))+")", keys...)
		return err
	})
	if err != nil {
		return nil, 0, err
	}
	shown, err := q.revealActive(ctx, rows, after)
	return lo.KeyBy(rows, func(r ActiveRow) string { return r.ID }), min(at, shown), err
}

// activeRows selects conversations together with how they go on.
func activeRows(ctx context.Context, v *View, tail string, args ...any) ([]ActiveRow, error) {
	rows, err := activeTable.Select(ctx, v, tail, args...)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	keys := lo.Map(rows, func(r ActiveRow, _ int) any { return r.ID })
	talks, err := talkTable.Select(ctx, v, "WHERE conversation IN ("+marks(len(keys))+")", keys...)
	byID := lo.KeyBy(talks, func(t TalkRow) string { return t.Conversation })
	for i := range rows {
		rows[i].Talk = byID[rows[i].ID]
	}
	return rows, err
}

// revealActive puts rows into the clear and names their customers. The position is the
// directory's, if it had to be read.
func (q *Views) revealActive(ctx context.Context, rows []ActiveRow, after eventstore.Position) (eventstore.Position, error) {
	called, at, err := q.titles(ctx, lo.Map(rows, func(r ActiveRow, _ int) string { return r.Contact }),
		lo.Map(rows, func(r ActiveRow, _ int) string { return r.Case }), after)
	for i := range rows {
		r := &rows[i]
		q.clear(r.Subject, &r.Comment, &r.Called, &r.Handover)
		r.Title, r.Name = title(called, r.Contact, r.Case, r.VisitorNumber), title(called, r.Contact, "", r.VisitorNumber)
	}
	return at, err
}
