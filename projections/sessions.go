package projections

import (
	"slices"
	"time"

	"parley/domain"
	"parley/domain/agent"
	"parley/domain/conversation"
	"parley/domain/session"
)

// SessionRow is one open session of an agent's workspace.
type SessionRow struct {
	ID            string `row:",key"`
	Agent         string
	Form          string
	Conversation  string `row:",index"` // or what else it is on
	VisitorNumber int
	How           string
	Started       time.Time
	Unread        int    // customer messages since it lost the focus (SES-11)
	Subject       string `row:",subject"`
	Tabs          []session.Tab
}

// DraftRow is the unsaved input of one form of a session (SES-4).
type DraftRow struct {
	Session string `row:",key,index"`
	Form    string `row:",key"`
	Subject string `row:",subject"`
	Text    domain.Personal
	KeptAt  time.Time
}

// deskRow is how an agent's workspace stands.
type deskRow struct {
	Agent string `row:",key"`
	Focus string
	Panel string
}

var (
	sessionTable = NewTable[SessionRow]("sessions", "agent, started")
	draftTable   = NewTable[DraftRow]("session_drafts")
	deskTable    = NewTable[deskRow]("session_desks")
)

// Sessions is the agents' workspaces: what is open, and what is unread in it.
func Sessions() Projection {
	return Projection{
		Name: "sessions", Version: 2, Kinds: []string{"session", "agent", "conversation"},
		Tables: []AnyTable{sessionTable, draftTable, deskTable}, Fold: foldSessions,
	}
}

func foldSessions(r *Rows, f domain.Fact, at At) error {
	switch e := f.Event.(type) {
	case session.Started:
		sessionTable.Put(r, SessionRow{
			ID: f.ID, Agent: e.Agent, Form: e.Form, Conversation: e.Conversation, VisitorNumber: e.VisitorNumber, How: e.How,
			Started: at.HappenedAt, Tabs: []session.Tab{{ID: "active_conversation", Form: "active_conversation", Anchored: true}},
		})
	case session.TabsArranged:
		if row := sessionTable.Get(r, f.ID); row != nil {
			row.Subject, row.Tabs = at.Subject, slices.Clone(e.Tabs)
		}
	case session.DraftKept:
		if _, open := sessionTable.Peek(r, f.ID); !open {
			return nil
		}
		if e.Text == "" {
			draftTable.Delete(r, f.ID, e.Form)
			return nil
		}
		draftTable.Put(r, DraftRow{Session: f.ID, Form: e.Form, Subject: at.Subject, Text: e.Text, KeptAt: at.HappenedAt})
	case session.Closed:
		sessionTable.Delete(r, f.ID)
		var forms []string
		for _, d := range draftTable.Where(r, "session", f.ID) {
			forms = append(forms, d.Form)
		}
		for _, form := range forms {
			draftTable.Delete(r, f.ID, form)
		}
	case agent.Focused:
		deskTable.Make(r, f.ID).Focus = e.Session
		if row := sessionTable.Get(r, e.Session); row != nil {
			row.Unread = 0
		}
	case agent.PanelSet:
		deskTable.Make(r, f.ID).Panel = e.Mode
	case conversation.MessageReceived:
		for _, row := range sessionTable.Where(r, "conversation", f.ID) {
			if desk, _ := deskTable.Peek(r, row.Agent); desk.Focus != row.ID {
				row.Unread++
			}
		}
	}
	return nil
}
