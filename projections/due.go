package projections

import (
	"context"
	"time"

	"parley/domain"
	"parley/domain/policy"
	"parley/eventstore"
)

// DueRow is one timer that is armed: what for, when, and which event armed it.
type DueRow struct {
	Key   string `row:",key"`
	At    time.Time
	Armed eventstore.Position
}

var dueTable = NewTable[DueRow]("due", "at")

// Due is what falls due (product.md §11). A timer is never set: it follows
// from an event, so the row only says which one. Only a start reads it.
func Due() Projection {
	return Projection{Name: "due", Version: 2, Kinds: []string{"agent", "conversation", "visitor"}, Lazy: true, Tables: []AnyTable{dueTable}, Fold: foldDue}
}

func foldDue(r *Rows, f domain.Fact, at At) error {
	for _, t := range policy.Due(f) {
		if t.At.IsZero() {
			dueTable.Delete(r, t.Key)
			continue
		}
		if armed, ok := dueTable.Peek(r, t.Key); ok && armed.At.Equal(moment(t.At)) {
			continue // it stands as it is
		}
		dueTable.Put(r, DueRow{Key: t.Key, At: t.At, Armed: at.Position})
	}
	return nil
}

// Due gives every timer that is armed, the soonest first, and how far the log
// was read.
func (q *Views) Due(ctx context.Context) (rows []DueRow, at eventstore.Position, err error) {
	at, err = q.look(ctx, "due", 0, func(v *View) error {
		rows, err = dueTable.Select(ctx, v, "ORDER BY at, key")
		return err
	})
	return rows, at, err
}

// LoadTimers gives the timers of the rows, each derived again from the event
// that armed it: what it is to do is on record there and nowhere else.
func LoadTimers(ctx context.Context, log eventstore.Log, codec *eventstore.Codec,
	due func(context.Context) ([]DueRow, eventstore.Position, error)) ([]domain.Timer, eventstore.Position, error) {
	rows, at, err := due(ctx)
	if err != nil {
		return nil, 0, err
	}
	timers := make([]domain.Timer, 0, len(rows))
	for _, row := range rows {
		for rec, err := range log.Read(ctx, eventstore.Query{After: row.Armed - 1, Until: row.Armed}) {
			if err != nil {
				return nil, 0, err
			}
			f, err := codec.Fact(rec)
			if err != nil {
				return nil, 0, err
			}
			for _, t := range policy.Due(f) {
				if t.Key == row.Key && !t.At.IsZero() {
					timers = append(timers, t)
				}
			}
		}
	}
	return timers, at, nil
}
