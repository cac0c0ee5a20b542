package projections

import (
	"context"
	"time"

	"parley/domain"
	"parley/domain/conversation"
	"parley/domain/visitor"
	"parley/eventstore"
)

// Forms of a self-service action (SUM-6).
const (
	ActionPage    = "page"
	ActionSearch  = "search"
	ActionArticle = "article"
	ActionCustom  = "custom"
)

// The bounds of what an agent sees of it (SUM-6).
const (
	actionsShown = 100
	actionsSince = 30 * 24 * time.Hour
)

// ActionRow is one thing that a visitor did before asking.
type ActionRow struct {
	Visitor string `row:",key"`
	ID      string `row:",key"`
	Subject string `row:",subject"`
	Form    string
	At      time.Time
	Text    domain.Personal // the page's address, the phrase, or the action
	Title   domain.Personal // of a page or an article
	Article string
}

// spellRow is when a conversation ran, which bounds the actions shown with it.
type spellRow struct {
	Conversation string `row:",key"`
	Visitor      string
	Contact      string
	AcceptedAt   time.Time // the first acceptance or pick
	EndedAt      time.Time
}

var (
	actionTable = NewTable[ActionRow]("self_service", "visitor, at DESC")
	spellTable  = NewTable[spellRow]("self_service_conversations", "visitor, ended_at", "contact, ended_at")
)

// SelfService is what visitors did before asking.
func SelfService() Projection {
	return Projection{
		Name: "self_service", Version: 1, Kinds: []string{"visitor", "conversation"},
		Tables: []AnyTable{actionTable, spellTable}, Fold: foldSelfService,
	}
}

func foldSelfService(r *Rows, f domain.Fact, at At) error {
	add := func(row ActionRow) {
		row.Visitor, row.Subject, row.At = f.ID, at.Subject, at.HappenedAt
		actionTable.Put(r, row)
	}
	ended := func() {
		if row := spellTable.Get(r, f.ID); row != nil && row.EndedAt.IsZero() {
			row.EndedAt = at.HappenedAt
		}
	}
	switch e := f.Event.(type) {
	case visitor.PageVisited:
		add(ActionRow{ID: e.ID, Form: ActionPage, Text: e.URL, Title: e.Title})
	case visitor.PhraseSearched:
		add(ActionRow{ID: e.ID, Form: ActionSearch, Text: e.Phrase})
	case visitor.ArticleViewed:
		add(ActionRow{ID: e.ID, Form: ActionArticle, Article: e.Article, Title: e.Title})
	case visitor.CustomActed:
		add(ActionRow{ID: e.ID, Form: ActionCustom, Text: e.Action})
	case conversation.Started:
		spellTable.Put(r, spellRow{Conversation: f.ID, Visitor: e.Visitor, Contact: e.Contact})
	case conversation.ContactLinked:
		if row := spellTable.Get(r, f.ID); row != nil {
			row.Contact = e.Contact
		}
	case conversation.ContactUnlinked:
		if row := spellTable.Get(r, f.ID); row != nil {
			row.Contact = ""
		}
	case conversation.Engaged:
		if row := spellTable.Get(r, f.ID); row != nil && row.AcceptedAt.IsZero() {
			row.AcceptedAt = at.HappenedAt
		}
	case conversation.Ended, conversation.Closed:
		ended()
	}
	return nil
}

// SelfService gives what the visitor of a conversation did before the agent's
// acceptance and after the customer's last ended conversation: at most 30 days
// and 100 actions, newest first (SUM-6).
func (q *Views) SelfService(ctx context.Context, conversation string, after eventstore.Position) (rows []ActionRow, at eventstore.Position, err error) {
	at, err = q.look(ctx, "self_service", after, func(v *View) error {
		spell, ok, err := spellTable.Find(ctx, v, conversation)
		if err != nil || !ok || spell.Visitor == "" {
			return err
		}
		until := spell.AcceptedAt
		if until.IsZero() {
			until = q.now()
			if !spell.EndedAt.IsZero() {
				until = spell.EndedAt // nobody ever accepted
			}
		}
		from := until.Add(-actionsSince)
		for _, of := range []struct{ column, id string }{{"visitor", spell.Visitor}, {"contact", spell.Contact}} {
			if of.id == "" {
				continue
			}
			last, ok, err := spellTable.One(ctx, v,
				"WHERE "+of.column+" = ? AND ended_at > 0 AND ended_at <= ? AND conversation <> ? ORDER BY ended_at DESC", of.id, until, conversation)
			if err != nil {
				return err
			}
			if ok && last.EndedAt.After(from) {
				from = last.EndedAt
			}
		}
		rows, err = actionTable.Select(ctx, v, "WHERE visitor = ? AND at < ? AND at > ? ORDER BY at DESC, id DESC LIMIT ?",
			spell.Visitor, until, from, int64(actionsShown))
		return err
	})
	q.revealActions(rows)
	return rows, at, err
}

var byAction = order{{"at", true}, {"id", true}}

// SelfServiceOf gives all that a visitor did, newest first.
func (q *Views) SelfServiceOf(ctx context.Context, visitor string, p Page, after eventstore.Position) (rows []ActionRow, next string, at eventstore.Position, err error) {
	var c conditions
	c.add("visitor = ?", visitor)
	tail, args, err := c.tail("", byAction, p)
	if err != nil {
		return nil, "", 0, err
	}
	at, err = q.look(ctx, "self_service", after, func(v *View) error {
		rows, err = actionTable.Select(ctx, v, tail, args...)
		return err
	})
	if err != nil {
		return nil, "", 0, err
	}
	rows, next, err = paged(rows, byAction, p, func(r ActionRow) []any { return []any{r.At, r.ID} })
	q.revealActions(rows)
	return rows, next, at, err
}

func (q *Views) revealActions(rows []ActionRow) {
	for i := range rows {
		q.clear(rows[i].Subject, &rows[i].Text, &rows[i].Title)
	}
}
