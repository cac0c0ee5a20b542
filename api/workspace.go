package api

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/samber/lo"

	"parley/domain"
	"parley/domain/agent"
	"parley/domain/cases"
	"parley/domain/contact"
	"parley/domain/session"
	"parley/eventstore"
	"parley/projections"
)

// home is the pinned session that every agent has (SES-8).
const home = "home"

// ListSessions lists the agent's open sessions, Home first.
func (s *Server) ListSessions(ctx context.Context, r ListSessionsRequestObject) (ListSessionsResponseObject, error) {
	if err := looksAt(ctx, r.Agent); err != nil {
		return nil, err
	}
	after, err := s.after(r.Params.After)
	if err != nil {
		return nil, err
	}
	w, at, err := s.opts.Views.Workspace(ctx, r.Agent, after)
	if err != nil {
		return nil, err
	}
	limit, err := threshold(ctx, s.engine)
	if err != nil {
		return nil, err
	}
	focus := home // also when the one that was looked at is closed since
	if slices.ContainsFunc(w.Sessions, func(v projections.SessionView) bool { return v.Focused }) {
		focus = w.Focus
	}
	all := []Session{{Session: home, Form: home, Title: "Home", Pinned: true, Focused: focus == home}}
	for _, v := range w.Sessions {
		all = append(all, shownSession(v, limit))
	}
	panel := w.Panel
	if panel == "" {
		panel = "expanded"
	}
	return ListSessions200JSONResponse{Agent: r.Agent, Panel: panel, Focus: &focus, Sessions: all, Position: s.at(ctx, at)}, nil
}

// shownSession is a session as the API shows it, with the alert while its
// customer sounds as bad as the threshold or worse (SES-10), and with its badge
// and tooltip (SES-11).
func shownSession(v projections.SessionView, threshold domain.Level) Session {
	one := Session{
		Session: v.ID, Form: SessionForm(v.Form), Title: v.Title, Of: some(v.Conversation), Focused: v.Focused, Unread: v.Unread,
		How: some(v.How), Started: opt(v.Started),
		Tabs:   optList(lo.Map(v.Tabs, func(t session.Tab, _ int) SessionTab { return shownTab(t) })),
		Drafts: optList(lo.Map(v.Drafts, func(d projections.DraftRow, _ int) string { return d.Form })),
	}
	if v.Focused {
		one.Unread = 0
	} else if v.Sentiment.Alarms(threshold) {
		one.Alert = some("!")
		one.AlertTooltip = some(v.Title + ". Urgent attention is needed in your conversation.")
	}
	switch {
	case one.Unread == 0:
		return one
	case one.Unread < 10:
		one.Badge = some(strconv.Itoa(one.Unread))
	default:
		one.Badge = some("+")
	}
	one.Tooltip = some(v.Title + ". " + strconv.Itoa(one.Unread) + " new updates in your conversation.")
	return one
}

func shownTab(t session.Tab) SessionTab {
	return SessionTab{Id: t.ID, Form: SessionTabForm(t.Form), Of: some(string(t.Of)), Anchored: opt(t.Anchored)}
}

// OpenSession opens a tab on a case or a contact (SES-2). Its id is made of
// agent, form and record, counted on when it was closed before, so that
// opening again focuses it.
func (s *Server) OpenSession(ctx context.Context, r OpenSessionRequestObject) (OpenSessionResponseObject, error) {
	if err := actsFor(ctx, r.Agent); err != nil {
		return nil, err
	}
	if err := s.known(ctx, string(r.Body.Form), r.Body.Of); err != nil {
		return nil, err
	}
	a, _, err := eventstore.Load(ctx, s.engine, &agent.Kind, r.Agent)
	switch {
	case err != nil:
		return nil, err
	case !a.Registered:
		return nil, agent.ErrUnknown
	}
	id, err := s.tab(ctx, r.Agent, string(r.Body.Form), r.Body.Of)
	if err != nil {
		return nil, err
	}
	out, err := eventstore.Act(ctx, s.engine, &session.Kind, id,
		session.Start{Agent: r.Agent, Form: string(r.Body.Form), Conversation: r.Body.Of, How: "open"}, s.meta(ctx))
	if err != nil {
		return nil, err
	}
	at := out.Position
	if len(out.Records) == 0 { // it is open already
		if at, err = s.focusOn(ctx, r.Agent, id); err != nil {
			return nil, err
		}
	}
	return OpenSession201JSONResponse{Session: id, Form: string(r.Body.Form), Of: r.Body.Of, Position: s.at(ctx, at)}, nil
}

// focusOn looks at a session that is open: to open it again is no more (SES-2).
func (s *Server) focusOn(ctx context.Context, agentID, id string) (eventstore.Position, error) {
	out, err := eventstore.Act(ctx, s.engine, &agent.Kind, agentID, agent.Focus{Session: id}, s.freshMeta(ctx, "focus"))
	return out.Position, err
}

// maxTabs bounds how often one agent's tab on one record is opened anew.
const maxTabs = 10_000

// tab names the agent's open session on a record, or his next one.
func (s *Server) tab(ctx context.Context, agentID, form, of string) (string, error) {
	for n := range maxTabs {
		id := domain.Derive("session", agentID, form, of, strconv.Itoa(n))
		one, _, err := eventstore.Load(ctx, s.engine, &session.Kind, id)
		if err != nil {
			return "", err
		}
		again, err := s.recorded(ctx, session.Kind.Stream(id))
		if err != nil || again || one.Closed == "" {
			return id, err
		}
	}
	return "", &domain.Error{Code: "contended"}
}

// known refuses a record that there is not.
func (s *Server) known(ctx context.Context, form, id string) error {
	switch form {
	case session.FormContact:
		c, _, err := eventstore.Load(ctx, s.engine, &contact.Kind, id)
		if err == nil && c.ID == "" {
			err = contact.ErrUnknown
		}
		return err
	case session.FormCase:
		c, _, err := eventstore.Load(ctx, s.engine, &cases.Kind, id)
		if err == nil && c.ID == "" {
			err = cases.ErrUnknown
		}
		return err
	}
	return domain.Invalid("form", "give case or contact")
}

// FocusSession says which session is looked at; it clears its badge.
func (s *Server) FocusSession(ctx context.Context, r FocusSessionRequestObject) (FocusSessionResponseObject, error) {
	if err := actsFor(ctx, r.Agent); err != nil {
		return nil, err
	}
	again, err := s.recorded(ctx, agent.Kind.Stream(r.Agent))
	if err != nil {
		return nil, err
	}
	focus := r.Body.Session
	switch {
	case focus == home:
		focus = ""
	case !again: // a session that is closed since was looked at all the same
		one, _, err := eventstore.Load(ctx, s.engine, &session.Kind, focus)
		switch {
		case err != nil:
			return nil, err
		case !one.Started:
			return nil, session.ErrUnknown
		case one.Agent != r.Agent:
			return nil, &domain.Error{Code: "not_yours", Message: "this session is another agent's"}
		case one.Closed != "":
			return nil, session.ErrClosed
		}
	}
	out, err := eventstore.Act(ctx, s.engine, &agent.Kind, r.Agent, agent.Focus{Session: focus}, s.meta(ctx))
	if err != nil {
		return nil, err
	}
	return FocusSession200JSONResponse{Agent: r.Agent, Session: r.Body.Session, Position: s.at(ctx, out.Position)}, nil
}

// SetPanel expands or collapses the agent's session panel.
func (s *Server) SetPanel(ctx context.Context, r SetPanelRequestObject) (SetPanelResponseObject, error) {
	if err := actsFor(ctx, r.Agent); err != nil {
		return nil, err
	}
	out, err := eventstore.Act(ctx, s.engine, &agent.Kind, r.Agent, agent.SetPanel{Mode: string(r.Body.Mode)}, s.meta(ctx))
	if err != nil {
		return nil, err
	}
	return SetPanel200JSONResponse{Agent: r.Agent, Mode: string(r.Body.Mode), Position: s.at(ctx, out.Position)}, nil
}

// tabForms are what a tab may show (SES-12).
var tabForms = []string{"active_conversation", "knowledge", "email", "case", "contact", "address"}

// ArrangeTabs keeps which application tabs are open, in order.
func (s *Server) ArrangeTabs(ctx context.Context, r ArrangeTabsRequestObject) (ArrangeTabsResponseObject, error) {
	one, err := s.sessionOf(ctx, r.Session)
	if err != nil {
		return nil, err
	}
	var tabs []session.Tab
	for i, t := range r.Body.Tabs {
		form := string(t.Form)
		switch {
		case !domain.ValidID(t.Id):
			return nil, domain.Invalid("tabs.id", "name each tab by an id")
		case !lo.Contains(tabForms, form):
			return nil, domain.Invalid("tabs.form", "give active_conversation, knowledge, email, case, contact or address")
		case utf8.RuneCountInString(lo.FromPtr(t.Of)) > 2048:
			return nil, domain.Invalid("tabs.of", "2,048 characters at most")
		}
		tab := session.Tab{ID: t.Id, Form: form, Of: domain.Personal(lo.FromPtr(t.Of)), Anchored: i == 0}
		if tab.Of != "" {
			if tab.Digest, err = s.fingerprint("tabs", r.Session, string(tab.Of)); err != nil {
				return nil, err
			}
		}
		tabs = append(tabs, tab)
	}
	about, err := s.about(ctx, one)
	if err != nil {
		return nil, err
	}
	out, err := eventstore.Act(ctx, s.engine, &session.Kind, r.Session, session.ArrangeTabs{Agent: one.Agent, Subject: about, Tabs: tabs}, s.meta(ctx))
	if err != nil {
		return nil, err
	}
	return ArrangeTabs200JSONResponse{
		Session: r.Session, Position: s.at(ctx, out.Position),
		Tabs: lo.Map(tabs, func(t session.Tab, _ int) SessionTab { return shownTab(t) }),
	}, nil
}

// about names the customer whom a session is about, by whose key what is kept of it
// is sealed.
func (s *Server) about(ctx context.Context, one session.Session) (string, error) {
	switch one.Form {
	case session.FormContact:
		return contact.Kind.Stream(one.Conversation), nil
	case session.FormCase:
		c, _, err := eventstore.Load(ctx, s.engine, &cases.Kind, one.Conversation)
		return c.Subject, err
	}
	c, _, err := s.conversationOf(ctx, one.Conversation)
	return c.Subject, err
}

// fingerprint is that by which the same text is known again. It is under a secret of
// the store, since an event holds it in the open.
func (s *Server) fingerprint(name string, parts ...string) (string, error) {
	secret, err := s.opts.Keys.Secret(name)
	if err != nil {
		return "", err
	}
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(mac.Sum(nil)[:16]), nil
}

// KeepDraft keeps a form's unsaved input.
func (s *Server) KeepDraft(ctx context.Context, r KeepDraftRequestObject) (KeepDraftResponseObject, error) {
	one, err := s.sessionOf(ctx, r.Session)
	if err != nil {
		return nil, err
	}
	digest, err := s.fingerprint("drafts", r.Session, r.Form, r.Body.Text)
	if err != nil {
		return nil, err
	}
	about, err := s.about(ctx, one)
	if err != nil {
		return nil, err
	}
	out, err := eventstore.Act(ctx, s.engine, &session.Kind, r.Session, session.KeepDraft{
		Agent: one.Agent, Subject: about, Form: r.Form, Text: domain.Personal(r.Body.Text), Digest: digest,
	}, s.meta(ctx))
	if err != nil {
		return nil, err
	}
	return KeepDraft200JSONResponse{Session: r.Session, Form: r.Form, Position: s.at(ctx, out.Position)}, nil
}

// ListDrafts gives back what was kept of each form; a form left empty is none.
func (s *Server) ListDrafts(ctx context.Context, r ListDraftsRequestObject) (ListDraftsResponseObject, error) {
	if _, err := s.sessionOf(ctx, r.Session); err != nil {
		return nil, err
	}
	after, err := s.after(r.Params.After)
	if err != nil {
		return nil, err
	}
	v, _, at, err := s.opts.Views.Session(ctx, r.Session, after)
	if err != nil {
		return nil, err
	}
	drafts := []Draft{}
	for _, d := range v.Drafts {
		if d.Text != "" {
			drafts = append(drafts, Draft{Form: d.Form, Text: string(d.Text), KeptAt: d.KeptAt})
		}
	}
	return ListDrafts200JSONResponse{Session: r.Session, Drafts: drafts, Position: s.at(ctx, at)}, nil
}
