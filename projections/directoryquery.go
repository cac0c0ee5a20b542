package projections

import (
	"context"

	"parley/eventstore"
)

// find gives one row of the directory.
func find[R any](ctx context.Context, q *Views, t *Table[R], id string, after eventstore.Position) (row R, found bool, at eventstore.Position, err error) {
	at, err = q.look(ctx, "directory", after, func(v *View) error {
		row, found, err = t.Find(ctx, v, id)
		return err
	})
	return row, found, at, err
}

// listed gives all rows that a tail asks for.
func listed[R any](ctx context.Context, q *Views, t *Table[R], after eventstore.Position, tail string, args ...any) (rows []R, at eventstore.Position, err error) {
	at, err = q.look(ctx, "directory", after, func(v *View) error {
		rows, err = t.Select(ctx, v, tail, args...)
		return err
	})
	return rows, at, err
}

// Contact gives one contact.
func (q *Views) Contact(ctx context.Context, id string, after eventstore.Position) (ContactRow, bool, eventstore.Position, error) {
	row, found, at, err := find(ctx, q, contactsTable, id, after)
	q.revealContact(&row)
	return row, found, at, err
}

// Contacts gives all contacts, by id.
func (q *Views) Contacts(ctx context.Context, p Page, after eventstore.Position) (rows []ContactRow, next string, at eventstore.Position, err error) {
	var c conditions
	tail, args, err := c.tail("", byID, p)
	if err != nil {
		return nil, "", 0, err
	}
	if rows, at, err = listed(ctx, q, contactsTable, after, tail, args...); err != nil {
		return nil, "", 0, err
	}
	rows, next, err = paged(rows, byID, p, func(r ContactRow) []any { return []any{r.ID} })
	for i := range rows {
		q.revealContact(&rows[i])
	}
	return rows, next, at, err
}

// Case gives one case.
func (q *Views) Case(ctx context.Context, id string, after eventstore.Position) (CaseRow, bool, eventstore.Position, error) {
	row, found, at, err := find(ctx, q, casesTable, id, after)
	q.revealCase(&row)
	return row, found, at, err
}

// Cases gives the cases of a contact, or of all when it is empty, the latest
// change first (SUM-8).
func (q *Views) Cases(ctx context.Context, contact string, p Page, after eventstore.Position) (rows []CaseRow, next string, at eventstore.Position, err error) {
	var c conditions
	c.equal("contact", contact)
	tail, args, err := c.tail("", byModified, p)
	if err != nil {
		return nil, "", 0, err
	}
	if rows, at, err = listed(ctx, q, casesTable, after, tail, args...); err != nil {
		return nil, "", 0, err
	}
	rows, next, err = paged(rows, byModified, p, func(r CaseRow) []any { return []any{r.Modified, r.ID} })
	for i := range rows {
		q.revealCase(&rows[i])
	}
	return rows, next, at, err
}

// Queue gives one queue.
func (q *Views) Queue(ctx context.Context, id string, after eventstore.Position) (QueueRow, bool, eventstore.Position, error) {
	return find(ctx, q, queueTable, id, after)
}

// Queues gives all queues, the lower number first.
func (q *Views) Queues(ctx context.Context, after eventstore.Position) ([]QueueRow, eventstore.Position, error) {
	return listed(ctx, q, queueTable, after, "WHERE deleted = 0 ORDER BY number, id")
}

// QueuesOf gives the queues that an agent serves, the lower number first.
func (q *Views) QueuesOf(ctx context.Context, agent string, after eventstore.Position) ([]QueueRow, eventstore.Position, error) {
	return listed(ctx, q, queueTable, after, "JOIN queue_members ON queue_members.queue = id WHERE agent = ? AND deleted = 0 ORDER BY number, id", agent)
}

// Workstream gives one workstream.
func (q *Views) Workstream(ctx context.Context, id string, after eventstore.Position) (WorkstreamRow, bool, eventstore.Position, error) {
	return find(ctx, q, workstreamTable, id, after)
}

// Workstreams gives all workstreams, by id.
func (q *Views) Workstreams(ctx context.Context, after eventstore.Position) ([]WorkstreamRow, eventstore.Position, error) {
	return listed(ctx, q, workstreamTable, after, "ORDER BY id")
}

// Hours gives all operating hours, by id.
func (q *Views) Hours(ctx context.Context, after eventstore.Position) ([]HoursRow, eventstore.Position, error) {
	return listed(ctx, q, hoursTable, after, "ORDER BY id")
}

// Profiles gives all capacity profiles, by id.
func (q *Views) Profiles(ctx context.Context, after eventstore.Position) ([]ProfileRow, eventstore.Position, error) {
	return listed(ctx, q, profileTable, after, "ORDER BY id")
}

// Widget gives one widget.
func (q *Views) Widget(ctx context.Context, id string, after eventstore.Position) (WidgetRow, bool, eventstore.Position, error) {
	return find(ctx, q, widgetTable, id, after)
}

// Widgets gives all widgets, by id.
func (q *Views) Widgets(ctx context.Context, after eventstore.Position) ([]WidgetRow, eventstore.Position, error) {
	return listed(ctx, q, widgetTable, after, "ORDER BY id")
}

func (q *Views) revealContact(r *ContactRow) {
	q.clear(r.Subject, &r.Name, &r.Email, &r.Location)
	for i := range r.Phones {
		q.clear(r.Subject, &r.Phones[i])
	}
}

func (q *Views) revealCase(r *CaseRow) { q.clear(r.Subject, &r.Title, &r.Description) }
