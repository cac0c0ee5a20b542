// Package profile is a capacity profile: how many conversations of one sort an
// agent takes, counted instead of weighed in units (AGT-3).
package profile

import "parley/domain"

// Profile is what a decision needs to know.
type Profile struct {
	ID       string `json:"id,omitempty"`
	Name     string `json:"name,omitempty"`
	Limit    int    `json:"limit,omitempty"`
	Daily    bool   `json:"daily,omitempty"`    // what was given counts until the end of the day
	Blocking bool   `json:"blocking,omitempty"` // a full count keeps all other work away
}

// Event is something that happened to a profile.
type Event interface{ apply(*Profile) }

// Kind is every name this package has ever written to disk.
var Kind = domain.Kind[Profile, Event]{
	Name:  "profile",
	Apply: func(p *Profile, e Event) { e.apply(p) },
	Names: domain.Names[Event]{
		"profile.set":             Set{},
		"profile.carried_forward": CarriedForward{},
	},
	Carry: func(p Profile) Event { return CarriedForward{State: p} },
}

// CarriedForward is the whole state.
type CarriedForward struct {
	State Profile `json:"state"`
}

func (e CarriedForward) apply(p *Profile) { *p = e.State }

// ErrUnknown refuses a profile that was never set.
var ErrUnknown = domain.Refuse("profile_unknown", "AGT-3", "there is no such capacity profile: set it first")

// Configure makes a profile known, or changes it for what is given from then on.
type Configure struct {
	ID       string
	Name     string
	Limit    int
	Daily    bool
	Blocking bool
}

// Decide records a change only.
func (cmd Configure) Decide(p Profile) ([]Event, error) {
	switch {
	case !domain.ValidID(cmd.ID):
		return nil, domain.Invalid("id", "a profile's id has 1 to 64 letters, digits, dots, dashes or underscores")
	case domain.Blank(cmd.Name) || len([]rune(cmd.Name)) > 100:
		return nil, domain.Invalid("name", "a profile has a name of 1 to 100 characters")
	case cmd.Limit < 1 || cmd.Limit > 1000:
		return nil, domain.Invalid("limit", "give 1 to 1,000")
	case p == Profile(cmd):
		return nil, nil
	}
	return []Event{Set{Profile: cmd.ID, Name: cmd.Name, Limit: cmd.Limit, Daily: cmd.Daily, Blocking: cmd.Blocking}}, nil
}

// Terms are the profile as it is when something is reserved by it.
func (p Profile) Terms() domain.Profile {
	return domain.Profile{ID: p.ID, Limit: p.Limit, Daily: p.Daily, Blocking: p.Blocking}
}

// Set says how the profile counts from now on.
type Set struct {
	Profile  string `json:"profile"`
	Name     string `json:"name"`
	Limit    int    `json:"limit"`
	Daily    bool   `json:"daily,omitempty"`
	Blocking bool   `json:"blocking,omitempty"`
}

func (e Set) apply(p *Profile) {
	*p = Profile{ID: e.Profile, Name: e.Name, Limit: e.Limit, Daily: e.Daily, Blocking: e.Blocking}
}
