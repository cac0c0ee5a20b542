package visitor

import "parley/domain"

// The four self-service actions (SUM-6). Each has an id of its own, so that a
// page that reports it twice records it once.

// VisitPage records a page visited.
type VisitPage struct {
	ID    string
	URL   domain.Personal
	Title domain.Personal
}

// Decide records an action once.
func (cmd VisitPage) Decide(v Visitor) ([]Event, error) {
	if done, err := v.action(cmd.ID, "url", cmd.URL, 2048); done || err != nil {
		return nil, err
	}
	return []Event{PageVisited{Visitor: v.ID, ID: cmd.ID, URL: cmd.URL, Title: cmd.Title}}, nil
}

// PageVisited is a page the visitor looked at.
type PageVisited struct {
	Visitor string          `json:"visitor"`
	ID      string          `json:"id"`
	URL     domain.Personal `json:"url"`
	Title   domain.Personal `json:"title,omitempty"`
}

func (e PageVisited) apply(v *Visitor) { v.remember(e.ID) }

// SearchPhrase records a phrase searched.
type SearchPhrase struct {
	ID     string
	Phrase domain.Personal
}

// Decide records an action once.
func (cmd SearchPhrase) Decide(v Visitor) ([]Event, error) {
	if done, err := v.action(cmd.ID, "phrase", cmd.Phrase, 512); done || err != nil {
		return nil, err
	}
	return []Event{PhraseSearched{Visitor: v.ID, ID: cmd.ID, Phrase: cmd.Phrase}}, nil
}

// PhraseSearched is what the visitor searched for.
type PhraseSearched struct {
	Visitor string          `json:"visitor"`
	ID      string          `json:"id"`
	Phrase  domain.Personal `json:"phrase"`
}

func (e PhraseSearched) apply(v *Visitor) { v.remember(e.ID) }

// ViewArticle records a knowledge article viewed.
type ViewArticle struct {
	ID      string
	Article string
	Title   domain.Personal
}

// Decide records an action once.
func (cmd ViewArticle) Decide(v Visitor) ([]Event, error) {
	if done, err := v.action(cmd.ID, "article", domain.Personal(cmd.Article), 256); done || err != nil {
		return nil, err
	}
	return []Event{ArticleViewed{Visitor: v.ID, ID: cmd.ID, Article: cmd.Article, Title: cmd.Title}}, nil
}

// ArticleViewed is a knowledge article the visitor read.
type ArticleViewed struct {
	Visitor string          `json:"visitor"`
	ID      string          `json:"id"`
	Article string          `json:"article"`
	Title   domain.Personal `json:"title,omitempty"`
}

func (e ArticleViewed) apply(v *Visitor) { v.remember(e.ID) }

// ActCustom records a custom action, of at most 256 characters (API-5).
type ActCustom struct {
	ID     string
	Action domain.Personal
}

// Decide records an action once.
func (cmd ActCustom) Decide(v Visitor) ([]Event, error) {
	if done, err := v.action(cmd.ID, "action", cmd.Action, 256); done || err != nil {
		return nil, err
	}
	return []Event{CustomActed{Visitor: v.ID, ID: cmd.ID, Action: cmd.Action}}, nil
}

// CustomActed is what else the visitor did.
type CustomActed struct {
	Visitor string          `json:"visitor"`
	ID      string          `json:"id"`
	Action  domain.Personal `json:"action"`
}

func (e CustomActed) apply(v *Visitor) { v.remember(e.ID) }

func (v Visitor) action(id, field string, value domain.Personal, most int) (done bool, err error) {
	switch n := len([]rune(string(value))); {
	case v.ID == "":
		return false, ErrUnknown
	case !domain.ValidID(id):
		return false, domain.Invalid("id", "an action needs an id")
	case v.seen(id):
		return true, nil
	case domain.Blank(value):
		return false, domain.Invalid(field, "must not be empty")
	case n > most:
		return false, &domain.Error{Code: "text_too_long", Field: field, Rule: "API-5", Message: "shorten it: it is longer than an action may be"}
	}
	return false, nil
}
