package projections

import (
	"context"
	"time"

	"github.com/samber/lo"

	"parley/domain"
	"parley/domain/conversation"
	"parley/eventstore"
)

// WorkFilter says which work items are wanted, and in which order (SES-3).
type WorkFilter struct {
	Customer                 string // a contact or a visitor
	Workstream               string
	Mode                     string
	ModifiedFrom, ModifiedTo time.Time
	CreatedFrom, CreatedTo   time.Time
	// Sort is modified, created, customer, workstream or mode; empty is the
	// list's own order.
	Sort       string
	Descending bool
}

var (
	byModified = order{{"modified", true}, {"id", true}}
	byRank     = order{{"coalesce(work_ranks.number, 0)", false}, {"priority", true}, {"since", false}, {"id", false}}
	byClosed   = order{{"done_at", true}, {"id", true}}
)

// order is the one asked for, else the list's own.
func (f WorkFilter) order(own order) (order, error) {
	switch f.Sort {
	case "":
		return own, nil
	case "modified", "created", "customer", "workstream", "mode":
		return order{{f.Sort, f.Descending}, {"id", f.Descending}}, nil
	}
	return nil, domain.Invalid("sort", "give modified, created, customer, workstream or mode")
}

func (f WorkFilter) conditions(c *conditions) {
	if f.Customer != "" {
		c.add("(contact = ? OR visitor = ?)", f.Customer, f.Customer)
	}
	c.equal("workstream", f.Workstream)
	c.equal("mode", f.Mode)
	for _, bound := range []struct {
		part string
		at   time.Time
	}{{"modified >= ?", f.ModifiedFrom}, {"modified < ?", f.ModifiedTo}, {"created >= ?", f.CreatedFrom}, {"created < ?", f.CreatedTo}} {
		if !bound.at.IsZero() {
			c.add(bound.part, bound.at)
		}
	}
}

// MyWork gives the agent's engaged and wrap-up items, and those waiting whose
// last primary he was.
func (q *Views) MyWork(ctx context.Context, agent string, f WorkFilter, p Page, after eventstore.Position) ([]WorkRow, string, eventstore.Position, error) {
	var c conditions
	c.add("(agent = ? AND status IN (?, ?) OR last = ? AND status = ?)",
		agent, string(conversation.StatusEngaged), string(conversation.StatusWrapUp), agent, string(conversation.StatusWaiting))
	return q.work(ctx, "", c, byModified, f, p, after)
}

// OpenWork gives the open items of the agent's queues, in the order of RTE-2:
// across the queues the lower number first, inside one by priority and place.
func (q *Views) OpenWork(ctx context.Context, agent string, f WorkFilter, p Page, after eventstore.Position) ([]WorkRow, string, eventstore.Position, error) {
	var c conditions
	c.add("work_served.member = ?", agent)
	c.equal("status", string(conversation.StatusOpen))
	return q.work(ctx, "JOIN work_served ON work_served.served = queue LEFT JOIN work_ranks ON work_ranks.ranked = queue", c, byRank, f, p, after)
}

// ClosedWork gives the closed items of which the agent was primary, however
// they were closed, from a time on; the latest first.
func (q *Views) ClosedWork(ctx context.Context, agent string, from time.Time, f WorkFilter, p Page, after eventstore.Position) ([]WorkRow, string, eventstore.Position, error) {
	var c conditions
	c.add("work_primaries.primary_agent = ?", agent)
	c.add("done_at > 0 AND done_at >= ?", from)
	return q.work(ctx, "JOIN work_primaries ON work_primaries.item = id", c, byClosed, f, p, after)
}

func (q *Views) work(ctx context.Context, join string, c conditions, own order, f WorkFilter, p Page, after eventstore.Position) ([]WorkRow, string, eventstore.Position, error) {
	o, err := f.order(own)
	if err != nil {
		return nil, "", 0, err
	}
	f.conditions(&c)
	tail, args, err := c.tail("JOIN work_changes ON changed = id "+join, o, p)
	if err != nil {
		return nil, "", 0, err
	}
	var rows []WorkRow
	var next string
	at, err := q.look(ctx, "work_items", after, func(v *View) error {
		rows, err = workRows(ctx, v, tail, args...)
		if err != nil || len(rows) <= p.limit() {
			return err
		}
		rows = rows[:p.limit()]
		next, err = cursorOfWork(ctx, v, o, rows[len(rows)-1])
		return err
	})
	if err != nil {
		return nil, "", 0, err
	}
	shown, err := q.revealWork(ctx, rows, after)
	return rows, next, min(at, shown), err
}

// workRows selects items together with when they changed last.
func workRows(ctx context.Context, v *View, tail string, args ...any) ([]WorkRow, error) {
	rows, err := workTable.Select(ctx, v, tail, args...)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	keys := lo.Map(rows, func(r WorkRow, _ int) any { return r.ID })
	changes, err := changedTable.Select(ctx, v, "WHERE changed IN ("+marks(len(keys))+")", keys...)
	byID := lo.KeyBy(changes, func(c changedRow) string { return c.Changed })
	for i := range rows {
		rows[i].Modified = byID[rows[i].ID].Modified
	}
	return rows, err
}

// cursorOfWork marks a row; a queue's number is read beside it.
func cursorOfWork(ctx context.Context, v *View, o order, row WorkRow) (string, error) {
	values := make([]any, 0, len(o))
	for _, s := range o {
		switch s.column {
		case "modified":
			values = append(values, row.Modified)
		case "created":
			values = append(values, row.Created)
		case "customer":
			values = append(values, row.Customer)
		case "workstream":
			values = append(values, row.Workstream)
		case "mode":
			values = append(values, row.Mode)
		case "priority":
			values = append(values, row.Priority)
		case "since":
			values = append(values, row.Since)
		case "done_at":
			values = append(values, row.ClosedAt)
		case "id":
			values = append(values, row.ID)
		default:
			rank, _, err := rankTable.Find(ctx, v, row.Queue)
			if err != nil {
				return "", err
			}
			values = append(values, rank.Number)
		}
	}
	return o.cursor(values)
}

func (q *Views) revealWork(ctx context.Context, rows []WorkRow, after eventstore.Position) (eventstore.Position, error) {
	called, at, err := q.titles(ctx, lo.Map(rows, func(r WorkRow, _ int) string { return r.Contact }),
		lo.Map(rows, func(r WorkRow, _ int) string { return r.Case }), after)
	for i := range rows {
		r := &rows[i]
		q.clear(r.Subject, &r.Comment)
		r.Title = title(called, r.Contact, r.Case, r.VisitorNumber)
	}
	return at, err
}

// WorkItem gives one conversation, closed or not, as a work item.
func (q *Views) WorkItem(ctx context.Context, id string, after eventstore.Position) (row WorkRow, found bool, at eventstore.Position, err error) {
	var rows []WorkRow
	at, err = q.look(ctx, "work_items", after, func(v *View) error {
		rows, err = workRows(ctx, v, "WHERE id = ?", id)
		return err
	})
	if err != nil || len(rows) == 0 {
		return row, false, at, err
	}
	shown, err := q.revealWork(ctx, rows, after)
	return rows[0], true, min(at, shown), err
}

// WasPrimary tells whether an agent has, or once had, the conversation.
func (q *Views) WasPrimary(ctx context.Context, id, agent string, after eventstore.Position) (was bool, at eventstore.Position, err error) {
	at, err = q.look(ctx, "work_items", after, func(v *View) error {
		_, was, err = primaryTable.Find(ctx, v, id, agent)
		return err
	})
	return was, at, err
}
