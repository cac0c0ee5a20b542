package agent

import (
	"maps"
	"slices"

	"parley/domain"
)

// Register makes an agent known, or gives what is known of him anew.
type Register struct {
	ID     string
	Name   domain.Personal
	Units  int // DefaultUnits when 0
	Skills []string
	Levels map[string]int // of those skills that have another than 1, 1 to 10
	// Usual is the presence that a workstream may ask for as the default one.
	Usual Presence
}

// Decide cannot tell whether a name is the same, so it records each change of
// the rest, and the name whenever one is given.
func (cmd Register) Decide(a Agent) ([]Event, error) {
	units := cmd.Units
	if units == 0 {
		units = DefaultUnits
	}
	levels := map[string]int{}
	for skill, level := range cmd.Levels {
		switch {
		case !slices.Contains(cmd.Skills, skill):
			return nil, domain.Invalid("levels", "a level is of a skill that the agent has")
		case level < 1 || level > domain.MaxSkillLevel:
			return nil, domain.Invalid("levels", "a skill's level is 1 to 10")
		case level > 1:
			levels[skill] = level
		}
	}
	if len(levels) == 0 {
		levels = nil
	}
	switch {
	case !domain.ValidID(cmd.ID):
		return nil, domain.Invalid("id", "an agent's id has 1 to 64 letters, digits, dots, dashes or underscores")
	case units < 1 || units > 10000:
		return nil, domain.Invalid("units", "give 1 to 10,000 units")
	case len(cmd.Skills) > domain.MaxSkills:
		return nil, domain.Invalid("skills", "50 skills at most")
	case !domain.Distinct(cmd.Skills, 100):
		return nil, domain.Invalid("skills", "a skill has a name of 1 to 100 characters, and is named once")
	case cmd.Usual != "" && !cmd.Usual.chosen():
		return nil, domain.Invalid("defaultPresence", "give available, busy, do_not_disturb, away or offline")
	case a.Registered && cmd.Name == "" && a.Units == units && slices.Equal(a.Skills, cmd.Skills) && maps.Equal(a.Levels, levels) && a.Usual == cmd.Usual:
		return nil, nil
	case domain.Blank(cmd.Name) && (!a.Registered || cmd.Name != ""):
		return nil, domain.Invalid("name", "an agent has a name")
	case len([]rune(string(cmd.Name))) > 200:
		return nil, domain.Invalid("name", "a name has 200 characters at most")
	}
	return []Event{Registered{Agent: cmd.ID, Name: cmd.Name, Units: units, Skills: cmd.Skills, Levels: levels, Usual: cmd.Usual}}, nil
}

// Registered says who works here, with how much capacity.
type Registered struct {
	Agent  string          `json:"agent"`
	Name   domain.Personal `json:"name,omitempty"`
	Units  int             `json:"units"`
	Skills []string        `json:"skills,omitempty"`
	Levels map[string]int  `json:"levels,omitempty"`
	Usual  Presence        `json:"defaultPresence,omitempty"`
}

func (e Registered) apply(a *Agent) {
	a.ID, a.Units, a.Skills, a.Levels, a.Usual = e.Agent, e.Units, e.Skills, e.Levels, e.Usual
	if !a.Registered {
		a.Registered, a.Presence = true, Offline
	}
}

// Enable lets a disabled agent work again.
type Enable struct{}

// Decide records nothing when he is enabled.
func (cmd Enable) Decide(a Agent) ([]Event, error) {
	switch {
	case !a.Registered:
		return nil, ErrUnknown
	case !a.Disabled:
		return nil, nil
	}
	return []Event{Enabled{}}, nil
}

// Enabled says that the agent may be given work again.
type Enabled struct{}

func (e Enabled) apply(a *Agent) { a.Disabled = false }

// Disable takes an agent out of work (AGT-6).
type Disable struct{}

// Decide records nothing when he is disabled.
func (cmd Disable) Decide(a Agent) ([]Event, error) {
	switch {
	case !a.Registered:
		return nil, ErrUnknown
	case a.Disabled:
		return nil, nil
	}
	return []Event{Disabled{Agent: a.ID, Holds: a.holders()}}, nil
}

// Disabled says that the agent is given no more work; his holds are named so
// that each conversation can move on.
type Disabled struct {
	Agent string   `json:"agent"`
	Holds []Holder `json:"holds,omitempty"`
}

// Holder names a hold and its conversation.
type Holder struct {
	Hold         string `json:"hold"`
	Conversation string `json:"conversation"`
	Turn         int    `json:"turn,omitempty"`
}

func (e Disabled) apply(a *Agent) { a.Disabled, a.Presence, a.Manual = true, Offline, true }

func (a Agent) holders() []Holder {
	names := make([]string, 0, len(a.Holds))
	for name := range a.Holds {
		names = append(names, name)
	}
	slices.Sort(names)
	var holders []Holder
	for _, name := range names {
		holders = append(holders, Holder{Hold: name, Conversation: a.Holds[name].Conversation, Turn: a.Holds[name].Turn})
	}
	return holders
}
