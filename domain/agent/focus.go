package agent

import "parley/domain"

// Focus says which session the agent looks at; empty is none. It clears the
// badge on all devices (SES-11).
type Focus struct{ Session string }

// Decide records a change only.
func (cmd Focus) Decide(a Agent) ([]Event, error) {
	if err := a.active(); err != nil {
		return nil, err
	}
	if a.Focus == cmd.Session {
		return nil, nil
	}
	return []Event{Focused{Agent: a.ID, Session: cmd.Session, Former: a.Focus}}, nil
}

// Focused says which session is in focus, and which was.
type Focused struct {
	Agent   string `json:"agent"`
	Session string `json:"session,omitempty"`
	Former  string `json:"former,omitempty"`
}

func (e Focused) apply(a *Agent) { a.Focus = e.Session }

// SetPanel expands or collapses the session panel (SES-8).
type SetPanel struct{ Mode string }

// Decide records a change only.
func (cmd SetPanel) Decide(a Agent) ([]Event, error) {
	if err := a.active(); err != nil {
		return nil, err
	}
	switch cmd.Mode {
	case "expanded", "collapsed":
	default:
		return nil, domain.Invalid("mode", "give expanded or collapsed")
	}
	if a.Panel == cmd.Mode || a.Panel == "" && cmd.Mode == "expanded" {
		return nil, nil
	}
	return []Event{PanelSet{Agent: a.ID, Mode: cmd.Mode}}, nil
}

// PanelSet says how the panel stands for this agent.
type PanelSet struct {
	Agent string `json:"agent"`
	Mode  string `json:"mode"`
}

func (e PanelSet) apply(a *Agent) { a.Panel = e.Mode }
