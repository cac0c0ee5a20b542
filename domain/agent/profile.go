package agent

import (
	"maps"

	"parley/domain"
)

// DayUse counts what was given by a capacity profile on one day.
type DayUse struct {
	Day      string `json:"day"`
	Given    int    `json:"given"`
	BlocksAt int    `json:"blocksAt,omitempty"`
}

// Why there is no room (AGT-1, AGT-3).
const (
	NoRoom         = "no_room"
	NoProfile      = "no_profile"      // he does not work by this profile
	ProfileFull    = "profile_full"    // its count is reached
	ProfileBlocked = "profile_blocked" // another profile keeps all other work away
)

// Room tells why there is no room for what costs units or counts by a profile;
// empty when there is. Day is the calendar day in the organisation's zone.
func (a Agent) Room(units int, p domain.Profile, day string) string {
	if a.Units-a.Held() < units {
		return NoRoom
	}
	if p.ID != "" {
		if _, works := a.Profiles[p.ID]; !works {
			return NoProfile
		}
		if a.used(p.ID, p.Daily, day) >= a.limit(p) {
			return ProfileFull
		}
	}
	return a.blocked(day, p.ID)
}

// limit is how many the agent takes by a profile.
func (a Agent) limit(p domain.Profile) int {
	if own := a.Profiles[p.ID]; own > 0 {
		return own
	}
	return p.Limit
}

// used is how many the agent has by a profile; of one that is reset at the end
// of the day, how many he was given today, whatever became of them.
func (a Agent) used(profile string, daily bool, day string) int {
	if use := a.Days[profile]; daily {
		if use.Day != day {
			return 0
		}
		return use.Given
	}
	n := 0
	for _, h := range a.Holds {
		if h.Profile == profile {
			n++
		}
	}
	return n
}

// counts tells that he has something that counts by a profile.
func (a Agent) counts() bool {
	for _, h := range a.Holds {
		if h.Profile != "" {
			return true
		}
	}
	return false
}

// blocked tells that a profile other than the one asked for is at its limit, and
// keeps all other work away.
func (a Agent) blocked(day, asked string) string {
	for _, h := range a.Holds {
		if h.Profile != asked && h.BlocksAt > 0 && a.used(h.Profile, false, day) >= h.BlocksAt {
			return ProfileBlocked
		}
	}
	for profile, use := range a.Days {
		if profile != asked && use.BlocksAt > 0 && use.Day == day && use.Given >= use.BlocksAt {
			return ProfileBlocked
		}
	}
	return ""
}

// countDay counts what is given by a profile that is reset at the end of the day.
func (a *Agent) countDay(e Reserved) {
	if e.Profile.ID == "" || !e.Profile.Daily {
		return
	}
	use := a.Days[e.Profile.ID]
	if use.Day != e.Day {
		use = DayUse{Day: e.Day}
	}
	use.Given++
	if use.BlocksAt = 0; e.Profile.Blocking {
		use.BlocksAt = a.limit(e.Profile)
	}
	a.Days = with(a.Days, e.Profile.ID, use)
}

// SetProfiles says by which capacity profiles the agent works, each with a limit
// of his own or, with 0, the profile's (AGT-3).
type SetProfiles struct{ Profiles map[string]int }

// Decide records a change only.
func (cmd SetProfiles) Decide(a Agent) ([]Event, error) {
	switch {
	case !a.Registered:
		return nil, ErrUnknown
	case len(cmd.Profiles) > 20:
		return nil, domain.Invalid("profiles", "20 capacity profiles at most")
	}
	for id, limit := range cmd.Profiles {
		if !domain.ValidID(id) || limit < 0 || limit > 1000 {
			return nil, domain.Invalid("profiles", "name a profile by its id, with a limit of 1 to 1,000, or 0 for the profile's own")
		}
	}
	if maps.Equal(a.Profiles, cmd.Profiles) {
		return nil, nil
	}
	return []Event{ProfilesSet{Agent: a.ID, Profiles: maps.Clone(cmd.Profiles)}}, nil
}

// ProfilesSet says by which profiles the agent works from now on.
type ProfilesSet struct {
	Agent    string         `json:"agent"`
	Profiles map[string]int `json:"profiles,omitempty"`
}

func (e ProfilesSet) apply(a *Agent) { a.Profiles = maps.Clone(e.Profiles) }
