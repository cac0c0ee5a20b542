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

// records are the linked records that conversations are called by: contacts by
// their names and cases by their titles. One that nobody recorded, or that has
// none, is left out.
type records struct{ contacts, cases map[string]string }

// titles reads what contacts and cases are called. Without any no view is read, and
// the position is one past all.
func (q *Views) titles(ctx context.Context, contacts, cases []string, after eventstore.Position) (records, eventstore.Position, error) {
	called := records{contacts: map[string]string{}, cases: map[string]string{}}
	people, issues := distinct(contacts), distinct(cases)
	if len(people)+len(issues) == 0 {
		return called, everywhere, nil
	}
	at, err := q.look(ctx, "directory", after, func(v *View) error {
		if len(people) > 0 {
			rows, err := contactsTable.Select(ctx, v, "WHERE id IN ("+marks(len(people))+")", people...)
			if err != nil {
				return err
			}
			for _, r := range rows {
				called.contacts[r.ID] = string(q.Codec.Unseal(r.Subject, r.Name))
			}
		}
		if len(issues) == 0 {
			return nil
		}
		rows, err := casesTable.Select(ctx, v, "WHERE id IN ("+marks(len(issues))+")", issues...)
		for _, r := range rows {
			called.cases[r.ID] = string(q.Codec.Unseal(r.Subject, r.Title))
		}
		return err
	})
	return called, at, err
}

// title is what a session or a list calls a conversation: by the linked contact,
// else by the linked case, else by the visitor's number (SES-9).
func title(called records, contact, issue string, number int) string {
	switch {
	case contact != "" && called.contacts[contact] != "":
		return called.contacts[contact]
	case issue != "" && called.cases[issue] != "":
		return called.cases[issue]
	case number > 0:
		return "Visitor " + strconv.Itoa(number)
	}
	return "Visitor"
}
