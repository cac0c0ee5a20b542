package projections

import (
	"context"
	"time"

	"parley/eventstore"
)

var byID = order{{"id", false}}

// Agents gives all agents, by id.
func (q *Views) Agents(ctx context.Context, p Page, after eventstore.Position) (rows []AgentRow, next string, at eventstore.Position, err error) {
	var c conditions
	tail, args, err := c.tail("", byID, p)
	if err != nil {
		return nil, "", 0, err
	}
	at, err = q.look(ctx, "agent_capacity", after, func(v *View) error {
		rows, err = agentTable.Select(ctx, v, tail, args...)
		return err
	})
	if err != nil {
		return nil, "", 0, err
	}
	rows, next, err = paged(rows, byID, p, func(r AgentRow) []any { return []any{r.ID} })
	for i := range rows {
		q.clear(rows[i].Subject, &rows[i].Name)
	}
	return rows, next, at, err
}

// Agent gives one agent and what he holds, the oldest first.
func (q *Views) Agent(ctx context.Context, id string, after eventstore.Position) (row AgentRow, holds []HoldRow, found bool, at eventstore.Position, err error) {
	at, err = q.look(ctx, "agent_capacity", after, func(v *View) error {
		row, found, err = agentTable.Find(ctx, v, id)
		if err == nil && found {
			holds, err = holdTable.Select(ctx, v, "WHERE agent = ? ORDER BY since, hold", id)
		}
		return err
	})
	q.clear(row.Subject, &row.Name)
	return row, holds, found, at, err
}

// Holds gives what is held since before a time, the oldest first: for the
// sweep that repeats the claim of each.
func (q *Views) Holds(ctx context.Context, before time.Time, after eventstore.Position) (rows []HoldRow, at eventstore.Position, err error) {
	at, err = q.look(ctx, "agent_capacity", after, func(v *View) error {
		rows, err = holdTable.Select(ctx, v, "WHERE since < ? ORDER BY since, hold", before)
		return err
	})
	return rows, at, err
}

// CapacityAt gives an agent's capacity and presence at an instant (AGT-5);
// nothing is found before he was registered.
func (q *Views) CapacityAt(ctx context.Context, agent string, instant time.Time, after eventstore.Position) (row CapacityRow, found bool, at eventstore.Position, err error) {
	at, err = q.look(ctx, "agent_capacity", after, func(v *View) error {
		row, found, err = intervalTable.One(ctx, v, "WHERE agent = ? AND begins <= ? ORDER BY begins DESC", agent, instant)
		return err
	})
	return row, found, at, err
}

// CapacityHistory gives how an agent's capacity and presence changed between
// two times, in order.
func (q *Views) CapacityHistory(ctx context.Context, agent string, from, to time.Time, after eventstore.Position) (rows []CapacityRow, at eventstore.Position, err error) {
	at, err = q.look(ctx, "agent_capacity", after, func(v *View) error {
		rows, err = intervalTable.Select(ctx, v, "WHERE agent = ? AND begins < ? AND (ends = 0 OR ends > ?) ORDER BY begins", agent, to, from)
		return err
	})
	return rows, at, err
}
