package workstream

import "parley/domain"

// SetTemplate says how notifications of a scenario look for this workstream's
// conversations (NOT-7). Nil gives the organisation's back.
type SetTemplate struct {
	Scenario string
	Template *domain.Template
}

// Decide records a change only.
func (cmd SetTemplate) Decide(w Workstream) ([]Event, error) {
	if w.ID == "" {
		return nil, ErrUnknown
	}
	old, had := w.Templates[cmd.Scenario]
	if cmd.Template == nil {
		if !had {
			return nil, nil
		}
		return []Event{TemplateSet{Workstream: w.ID, Scenario: cmd.Scenario}}, nil
	}
	t, err := cmd.Template.Check(cmd.Scenario)
	if err != nil || had && old.Same(t) {
		return nil, err
	}
	return []Event{TemplateSet{Workstream: w.ID, Scenario: cmd.Scenario, Template: &t}}, nil
}

// TemplateSet says how notifications of a scenario look from now on; without a
// template as the organisation's.
type TemplateSet struct {
	Workstream string           `json:"workstream"`
	Scenario   string           `json:"scenario"`
	Template   *domain.Template `json:"template,omitempty"`
}

func (e TemplateSet) apply(w *Workstream) {
	w.Templates = domain.WithTemplate(w.Templates, e.Scenario, e.Template)
}
