package settings

import "parley/domain"

// SetTemplate says how notifications of a scenario look from now on, where the
// workstream has none of its own (NOT-7). Nil gives the default back.
type SetTemplate struct {
	Scenario string
	Template *domain.Template
}

// Decide records a change only.
func (cmd SetTemplate) Decide(s Settings) ([]Event, error) {
	old, had := s.Templates[cmd.Scenario]
	if cmd.Template == nil {
		if !had {
			return nil, nil
		}
		return []Event{TemplateSet{Scenario: cmd.Scenario}}, nil
	}
	t, err := cmd.Template.Check(cmd.Scenario)
	if err != nil || had && old.Same(t) {
		return nil, err
	}
	return []Event{TemplateSet{Scenario: cmd.Scenario, Template: &t}}, nil
}

// TemplateSet says how notifications of a scenario look from now on; without a
// template as by default.
type TemplateSet struct {
	Scenario string           `json:"scenario"`
	Template *domain.Template `json:"template,omitempty"`
}

func (e TemplateSet) apply(s *Settings) {
	s.Templates = domain.WithTemplate(s.Templates, e.Scenario, e.Template)
}
