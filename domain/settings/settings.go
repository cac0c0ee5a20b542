// Package settings is what holds for the whole organisation: its own presences,
// how long an agent who lost his last device may take to come back, and how bad
// a conversation sounds before somebody is told.
package settings

import (
	"slices"
	"strings"

	"parley/domain"
)

// Only is the id of the one stream of settings.
const Only = "organisation"

// Settings is what a decision needs to know.
type Settings struct {
	Presences []Presence     `json:"presences,omitempty"` // in order of their id
	Grace     domain.Seconds `json:"grace,omitempty"`     // 150 seconds when 0
	Sentiment string         `json:"sentiment,omitempty"` // the threshold by its name (SES-10)
	// Templates are those of notifications that differ from the default, by
	// scenario (NOT-7).
	Templates map[string]domain.Template `json:"templates,omitempty"`
}

// Presence is one of the administrator's own, which maps to a base presence
// (AGT-4).
type Presence struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Base string `json:"base"`
}

// Event is something that happened to the settings.
type Event interface{ apply(*Settings) }

// Kind is every name this package has ever written to disk.
var Kind = domain.Kind[Settings, Event]{
	Name:  "settings",
	Apply: func(s *Settings, e Event) { e.apply(s) },
	Names: domain.Names[Event]{
		"settings.changed":         Changed{},
		"settings.template_set":    TemplateSet{},
		"settings.carried_forward": CarriedForward{},
	},
	Carry: func(s Settings) Event { return CarriedForward{State: s} },
}

// CarriedForward is the whole state.
type CarriedForward struct {
	State Settings `json:"state"`
}

func (e CarriedForward) apply(s *Settings) { *s = e.State }

// Bases are the presences that one of the administrator's own may map to.
var Bases = []string{"available", "busy", "do_not_disturb", "away", "offline"}

// Change sets all of it.
type Change struct {
	Presences []Presence
	Grace     domain.Seconds
	Sentiment string
}

// Decide records a change only.
func (cmd Change) Decide(s Settings) ([]Event, error) {
	presences := slices.Clone(cmd.Presences)
	slices.SortStableFunc(presences, func(a, b Presence) int { return strings.Compare(a.ID, b.ID) })
	switch {
	case len(presences) > 50:
		return nil, domain.Invalid("presences", "50 presences at most")
	case cmd.Grace != 0 && (cmd.Grace < 10 || cmd.Grace > 60*60):
		return nil, domain.Invalid("graceSeconds", "give 10 seconds to 1 hour")
	}
	if _, known := domain.ThresholdOf(cmd.Sentiment); !known {
		return nil, domain.Refuse("invalid", "SES-10", "give off, slightly_negative, negative or very_negative").On("sentimentThreshold")
	}
	for i, p := range presences {
		switch {
		case !domain.ValidID(p.ID), slices.Contains(Bases, p.ID), p.ID == "inactive", p.ID == "default":
			return nil, domain.Invalid("presences.id", "a presence has an id of its own, and none of a base presence")
		case domain.Blank(p.Name) || len([]rune(p.Name)) > 100:
			return nil, domain.Invalid("presences.name", "a presence has a name of 1 to 100 characters")
		case !slices.Contains(Bases, p.Base):
			return nil, domain.Invalid("presences.base", "a presence maps to available, busy, do_not_disturb, away or offline")
		case i > 0 && presences[i-1].ID == p.ID:
			return nil, domain.Invalid("presences.id", "an id names one presence")
		}
	}
	if slices.Equal(presences, s.Presences) && cmd.Grace == s.Grace && cmd.Sentiment == s.Sentiment {
		return nil, nil
	}
	return []Event{Changed{Presences: presences, Grace: cmd.Grace, Sentiment: cmd.Sentiment}}, nil
}

// Threshold is the level at or below which a conversation needs attention;
// neutral is off.
func (s Settings) Threshold() domain.Level {
	threshold, _ := domain.ThresholdOf(s.Sentiment)
	return threshold
}

// Base gives the base presence of an id: a base one is its own.
func (s Settings) Base(id string) (base, custom string, known bool) {
	if slices.Contains(Bases, id) {
		return id, "", true
	}
	for _, p := range s.Presences {
		if p.ID == id {
			return p.Base, p.ID, true
		}
	}
	return "", "", false
}

// Changed says what holds from now on.
type Changed struct {
	Presences []Presence     `json:"presences,omitempty"`
	Grace     domain.Seconds `json:"grace,omitempty"`
	Sentiment string         `json:"sentiment,omitempty"`
}

func (e Changed) apply(s *Settings) {
	s.Presences, s.Grace, s.Sentiment = e.Presences, e.Grace, e.Sentiment
}
