package session

import (
	"slices"

	"parley/domain"
)

// MaxDraft is the most bytes of one form's draft (SES-4).
const MaxDraft = 64 << 10

// Tab is one application tab of the session (SES-12). Digest is an HMAC of what
// it shows under the store's secret, so that the same tabs twice are not news.
type Tab struct {
	ID       string          `json:"id"`
	Form     string          `json:"form"` // active_conversation, knowledge, email, case, contact, address
	Of       domain.Personal `json:"of,omitempty"`
	Digest   string          `json:"digest,omitempty"`
	Anchored bool            `json:"anchored,omitempty"`
}

// Arranged is what a decision knows of a tab: Of is only the digest.
type Arranged struct {
	ID       string `json:"id"`
	Form     string `json:"form"`
	Of       string `json:"of,omitempty"`
	Anchored bool   `json:"anchored,omitempty"`
}

func arranged(tabs []Tab) []Arranged {
	all := make([]Arranged, len(tabs))
	for i, t := range tabs {
		all[i] = Arranged{ID: t.ID, Form: t.Form, Of: t.Digest, Anchored: t.Anchored}
	}
	return all
}

// digested tells that the digests say all that the tabs show.
func digested(tabs []Tab) bool {
	return !slices.ContainsFunc(tabs, func(t Tab) bool { return t.Of != "" && t.Digest == "" })
}

// ArrangeTabs says which application tabs are open, in order. Subject is the
// customer whom the session is about.
type ArrangeTabs struct {
	Agent   string
	Subject string
	Tabs    []Tab
}

// Decide keeps the anchored tab first.
func (cmd ArrangeTabs) Decide(s Session) ([]Event, error) {
	if err := s.of(cmd.Agent); err != nil {
		return nil, err
	}
	switch {
	case len(cmd.Tabs) == 0 || len(cmd.Tabs) > 20:
		return nil, domain.Invalid("tabs", "a session has 1 to 20 tabs")
	case cmd.Tabs[0].Form != "active_conversation":
		return nil, domain.Invalid("tabs", "the Active Conversation tab comes first and stays")
	case digested(cmd.Tabs) && slices.Equal(arranged(cmd.Tabs), s.Tabs):
		return nil, nil
	}
	return []Event{TabsArranged{Agent: s.Agent, Subject: cmd.Subject, Tabs: cmd.Tabs}}, nil
}

func (s Session) of(agent string) error {
	switch {
	case !s.Started:
		return ErrUnknown
	case s.Closed != "":
		return ErrClosed
	case s.Agent != agent:
		return domain.Refuse("not_yours", "SES-2", "this session is another agent's")
	}
	return nil
}

// TabsArranged says which tabs come back on return.
type TabsArranged struct {
	Agent   string `json:"agent"`
	Subject string `json:"subject,omitempty"`
	Tabs    []Tab  `json:"tabs"`
}

func (e TabsArranged) apply(s *Session) { s.Tabs = arranged(e.Tabs) }

// KeepDraft keeps a form's unsaved input (SES-4). Digest is an HMAC of the text
// under the store's secret, so that the same draft twice is not news. Subject is
// the customer whom the session is about.
type KeepDraft struct {
	Agent   string
	Subject string
	Form    string
	Text    domain.Personal
	Digest  string
}

// Decide keeps what differs from the last draft of the form.
func (cmd KeepDraft) Decide(s Session) ([]Event, error) {
	if err := s.of(cmd.Agent); err != nil {
		return nil, err
	}
	switch {
	case !domain.ValidID(cmd.Form):
		return nil, domain.Invalid("form", "name the form by an id")
	case len(cmd.Text) > MaxDraft:
		return nil, &domain.Error{Code: "text_too_long", Field: "text", Rule: "SES-4", Message: "a draft has 64 KB a form at most"}
	case cmd.Digest != "" && s.Drafts[cmd.Form] == cmd.Digest:
		return nil, nil
	}
	return []Event{DraftKept{Agent: s.Agent, Subject: cmd.Subject, Form: cmd.Form, Text: cmd.Text, Digest: cmd.Digest}}, nil
}

// DraftKept is the unsaved input of one form.
type DraftKept struct {
	Agent   string          `json:"agent"`
	Subject string          `json:"subject,omitempty"`
	Form    string          `json:"form"`
	Text    domain.Personal `json:"text"`
	Digest  string          `json:"digest"`
}

func (e DraftKept) apply(s *Session) {
	d := make(map[string]string, len(s.Drafts)+1)
	for k, v := range s.Drafts {
		d[k] = v
	}
	d[e.Form] = e.Digest
	s.Drafts = d
}
