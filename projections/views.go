package projections

import (
	"context"
	"errors"
	"math"
	"strconv"
	"time"

	"parley/domain"
	"parley/eventstore"
)

// Views answers queries from the read models, in the clear.
type Views struct {
	Runner *Runner
	Codec  *eventstore.Codec
	// Now is the clock of what a query measures from the present; nil is time.Now.
	Now func() time.Time
}

// everywhere is the position of an answer that no view was read for.
const everywhere = eventstore.Position(math.MaxUint64)

func (q *Views) now() time.Time {
	if q.Now == nil {
		return time.Now()
	}
	return q.Now()
}

// look opens one read model, runs the query and closes it again. The position
// is the one that the rows show.
func (q *Views) look(ctx context.Context, name string, after eventstore.Position, query func(*View) error) (eventstore.Position, error) {
	v, err := q.Runner.View(ctx, name, after)
	if err != nil {
		return 0, err
	}
	return v.Position, errors.Join(query(v), v.Close())
}

// clear reads sealed texts of one subject in place.
func (q *Views) clear(subject string, texts ...*domain.Personal) {
	for _, p := range texts {
		*p = q.Codec.Unseal(subject, *p)
	}
}

// titles names customers: each contact of the list by its name. A contact
// nobody recorded, or without a name, is left out. Without a contact no view is
// read, and the position is one past all.
func (q *Views) titles(ctx context.Context, contacts []string, after eventstore.Position) (map[string]string, eventstore.Position, error) {
	names := map[string]string{}
	ids := distinct(contacts)
	if len(ids) == 0 {
		return names, everywhere, nil
	}
	at, err := q.look(ctx, "directory", after, func(v *View) error {
		rows, err := contactsTable.Select(ctx, v, "WHERE id IN ("+marks(len(ids))+")", ids...)
		for _, r := range rows {
			if name := q.Codec.Unseal(r.Subject, r.Name); name != "" {
				names[r.ID] = string(name)
			}
		}
		return err
	})
	return names, at, err
}

// title is what a session, a list or an alert calls the customer (SES-9).
func title(names map[string]string, contact string, number int) string {
	if name := names[contact]; contact != "" && name != "" {
		return name
	}
	if number > 0 {
		return "Visitor " + strconv.Itoa(number)
	}
	return "Visitor"
}
