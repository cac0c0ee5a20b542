package projections

import (
	"context"

	"parley/eventstore"
)

// Standing names the streams that routing has to know when it begins: whatever
// is not over. From there on it follows the log by itself.
type Standing struct {
	Agents, Conversations, Queues, Workstreams, Hours []string
}

// Standing gives them as they are at a position or later; the position is the
// lowest that any of the views showed.
func (q *Views) Standing(ctx context.Context, after eventstore.Position) (s Standing, at eventstore.Position, err error) {
	at, err = q.look(ctx, "active", after, func(v *View) (err error) {
		s.Conversations, err = keys(ctx, v, activeTable, func(r ActiveRow) string { return r.ID })
		return err
	})
	if err != nil {
		return Standing{}, 0, err
	}
	staffed, err := q.look(ctx, "agent_capacity", after, func(v *View) (err error) {
		s.Agents, err = keys(ctx, v, agentTable, func(r AgentRow) string { return r.ID })
		return err
	})
	if err != nil {
		return Standing{}, 0, err
	}
	set, err := q.look(ctx, "directory", after, func(v *View) (err error) {
		if s.Queues, err = keys(ctx, v, queueTable, func(r QueueRow) string { return r.ID }); err != nil {
			return err
		}
		if s.Workstreams, err = keys(ctx, v, workstreamTable, func(r WorkstreamRow) string { return r.ID }); err != nil {
			return err
		}
		s.Hours, err = keys(ctx, v, hoursTable, func(r HoursRow) string { return r.ID })
		return err
	})
	return s, min(at, staffed, set), err
}

// keys gives the ids of all rows of a table.
func keys[R any](ctx context.Context, v *View, t *Table[R], id func(R) string) ([]string, error) {
	rows, err := t.Select(ctx, v, "ORDER BY id")
	ids := make([]string, len(rows))
	for i, r := range rows {
		ids[i] = id(r)
	}
	return ids, err
}
