package projections

import (
	"context"

	"parley/domain"
	"parley/eventstore"
)

// Summary is the customer summary page's data on one conversation: its own
// row, the visitor's device, and the linked records (SUM-3 to SUM-8).
type Summary struct {
	SummaryRow
	Device      VisitorRow
	Linked      *ContactRow // nil: no contact is linked
	Issue       *CaseRow    // nil: no case is linked
	RecentCases []CaseRow   // of the contact: ten, latest change first
}

// recentCases is how many cases of the customer are shown (SUM-8).
const recentCases = 10

// Summary gives what the summary page shows.
func (q *Views) Summary(ctx context.Context, conversation string, after eventstore.Position) (s Summary, found bool, at eventstore.Position, err error) {
	at, err = q.look(ctx, "summary", after, func(v *View) error {
		s.SummaryRow, found, err = summaryTable.Find(ctx, v, conversation)
		if err == nil && s.Visitor != "" {
			s.Device, _, err = visitorTable.Find(ctx, v, s.Visitor)
		}
		return err
	})
	if err != nil || !found {
		return Summary{}, false, at, err
	}
	q.revealSummary(&s.SummaryRow)
	q.revealVisitor(&s.Device)
	shown, err := q.look(ctx, "directory", after, func(v *View) error {
		if s.Contact != "" {
			linked, ok, err := contactsTable.Find(ctx, v, s.Contact)
			if err != nil {
				return err
			}
			if ok {
				q.revealContact(&linked)
				s.Linked = &linked
			}
			s.RecentCases, err = casesTable.Select(ctx, v, "WHERE contact = ? ORDER BY modified DESC, id DESC LIMIT ?", s.Contact, int64(recentCases))
			if err != nil {
				return err
			}
		}
		if s.Case == "" {
			return nil
		}
		issue, ok, err := casesTable.Find(ctx, v, s.Case)
		if ok {
			q.revealCase(&issue)
			s.Issue = &issue
		}
		return err
	})
	for i := range s.RecentCases {
		q.revealCase(&s.RecentCases[i])
	}
	return s, true, min(at, shown), err
}

// Visitor gives what is known of a visitor.
func (q *Views) Visitor(ctx context.Context, id string, after eventstore.Position) (row VisitorRow, found bool, at eventstore.Position, err error) {
	at, err = q.look(ctx, "summary", after, func(v *View) error {
		row, found, err = visitorTable.Find(ctx, v, id)
		return err
	})
	q.revealVisitor(&row)
	return row, found, at, err
}

// CustomerOf names whose conversations are wanted: one of these.
type CustomerOf struct{ Contact, Visitor string }

var byStarted = order{{"started", true}, {"id", true}}

// Conversations gives all conversations of a customer, closed or not, newest first.
func (q *Views) Conversations(ctx context.Context, of CustomerOf, p Page, after eventstore.Position) (rows []SummaryRow, next string, at eventstore.Position, err error) {
	var c conditions
	c.equal("contact", of.Contact)
	c.equal("visitor", of.Visitor)
	if len(c.parts) == 0 {
		return nil, "", 0, domain.Invalid("of", "name a contact or a visitor")
	}
	tail, args, err := c.tail("", byStarted, p)
	if err != nil {
		return nil, "", 0, err
	}
	at, err = q.look(ctx, "summary", after, func(v *View) error {
		rows, err = summaryTable.Select(ctx, v, tail, args...)
		return err
	})
	if err != nil {
		return nil, "", 0, err
	}
	rows, next, err = paged(rows, byStarted, p, func(r SummaryRow) []any { return []any{r.Started, r.ID} })
	for i := range rows {
		q.revealSummary(&rows[i])
	}
	return rows, next, at, err
}

func (q *Views) revealSummary(r *SummaryRow) {
	for i := range r.Survey {
		q.clear(r.Subject, &r.Survey[i].Answer)
	}
	for i := range r.PostSurvey {
		q.clear(r.Subject, &r.PostSurvey[i].Answer)
	}
	for i := range r.Context {
		q.clear(r.Subject, &r.Context[i].Value)
	}
	for i := range r.LookUps {
		q.clear(r.Subject, &r.LookUps[i].Query, &r.LookUps[i].Result)
	}
}

func (q *Views) revealVisitor(r *VisitorRow) {
	q.clear(r.Subject, &r.Browser, &r.System, &r.Language, &r.Location)
}
