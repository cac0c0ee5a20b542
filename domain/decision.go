package domain

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// Decision is one decision of routing as the log keeps it (RTE-7): what was
// looked at and when, who was considered and what was found of each. With the
// log up to Position, At and Refused it can be made again, and comes out the
// same.
type Decision struct {
	// Position is how far the log was read; Round counts the router's rounds
	// since its start; Index is how many were given away before it in its round.
	Position string    `json:"position"`
	Round    int       `json:"round"`
	Index    int       `json:"index"`
	At       time.Time `json:"at"`
	Queue    string    `json:"queue"`
	Method   string    `json:"method,omitempty"`
	// Hours is what the queue's operating hours said at that moment: open or
	// closed, until when; empty is round the clock (CON-7).
	Hours      string    `json:"hours,omitempty"`
	HoursUntil time.Time `json:"hoursUntil,omitzero"`
	// Action is what was decided: ActionOffer to Agent, ActionNone and so on.
	Action string `json:"action"`
	Agent  string `json:"agent,omitempty"`
	Forced bool   `json:"forced,omitempty"` // by affinity: units and most presences do not count (RTE-4)
	// Why is the condition of an overflow, Target the queue it leads to (RTE-6).
	Why    string `json:"why,omitempty"`
	Target string `json:"target,omitempty"`
	// Best are the candidates that ranked first, twenty at most; Rest counts the
	// others by what was found of them.
	Best []Candidate `json:"best,omitempty"`
	Rest []Tally     `json:"rest,omitempty"`
	// Refused are agents whose own stream had refused the same before, with the
	// code.
	Refused map[string]string `json:"refused,omitempty"`
	// Given is what its round gave away just before it, of at most the last so many
	// decisions as are carried out at a time: a crash may keep those off the record,
	// and they count in this one.
	Given []Given `json:"given,omitempty"`
}

// Given is a conversation that is offered to an agent.
type Given struct {
	Conversation string `json:"conversation"`
	Agent        string `json:"agent"`
}

// What a decision may decide.
const (
	ActionOffer = "offer" // to Agent
	ActionNone  = "none"  // nobody could be asked
	ActionMove  = "move"  // overflow into Target
	ActionEnd   = "end"   // overflow, or closing time: the conversation ends
	ActionKeep  = "keep"  // overflow: it is queued anyway
)

// Candidate is one agent who was considered, and what was seen of him.
type Candidate struct {
	Agent    string `json:"agent"`
	Reason   string `json:"reason"` // chosen, outranked, no_room …
	Free     int    `json:"free"`   // units, this round's own reservations counted
	Sessions int    `json:"sessions"`
	Presence string `json:"presence,omitempty"`
	Declines int    `json:"declines,omitempty"`
	Match    int    `json:"match,omitempty"` // how many of the required skills he has
	Short    int    `json:"short,omitempty"` // how many levels he is short of them, in all
}

// Tally counts the agents of whom one thing was found.
type Tally struct {
	Code  string `json:"code"`
	Count int    `json:"count"`
}

// Same tells that two decisions are the same in all that they say.
func (d Decision) Same(o Decision) bool {
	return d.Position == o.Position && d.Round == o.Round && d.Index == o.Index && d.At.Equal(o.At) && d.Queue == o.Queue && d.Method == o.Method &&
		d.Hours == o.Hours && d.HoursUntil.Equal(o.HoursUntil) && d.Action == o.Action && d.Agent == o.Agent && d.Forced == o.Forced &&
		d.Why == o.Why && d.Target == o.Target && slices.Equal(d.Best, o.Best) && slices.Equal(d.Rest, o.Rest) && maps.Equal(d.Refused, o.Refused) && slices.Equal(d.Given, o.Given)
}

// Tallies counts all who were considered by what was found of them, in order
// of the code.
func (d *Decision) Tallies() []Tally {
	counts := map[string]int{}
	for _, c := range d.Best {
		counts[c.Reason]++
	}
	for _, t := range d.Rest {
		counts[t.Code] += t.Count
	}
	return Counted(counts)
}

// Digest is what was found, without numbers and names: nobody is news only when
// it changes.
func (d *Decision) Digest() string {
	all := d.Tallies()
	codes := make([]string, len(all))
	for i, t := range all {
		codes[i] = t.Code
	}
	return strings.Join(codes, ",")
}

// Counted lists counts in order of their code.
func Counted(counts map[string]int) []Tally {
	all := make([]Tally, 0, len(counts))
	for code, n := range counts {
		all = append(all, Tally{Code: code, Count: n})
	}
	slices.SortFunc(all, func(a, b Tally) int { return strings.Compare(a.Code, b.Code) })
	return all
}

// SkillLevel is a skill with its level, 1 to 10: of an agent what he has, of a
// conversation the least that it asks for (RTE-3).
type SkillLevel struct {
	Skill string `json:"skill"`
	Level int    `json:"level"`
}

// MaxSkills bounds the skills of an agent, and those a conversation asks for.
const (
	MaxSkills     = 50
	MaxSkillLevel = 10
)

// CheckSkills tells what is wrong with a list of skills.
func CheckSkills(field string, all []SkillLevel) error {
	if len(all) > MaxSkills {
		return Invalid(field, "50 skills at most")
	}
	for i, s := range all {
		switch {
		case Blank(s.Skill) || len([]rune(s.Skill)) > 100:
			return Invalid(field, "a skill has a name of 1 to 100 characters")
		case s.Level < 1 || s.Level > MaxSkillLevel:
			return Invalid(field, "a skill's level is 1 to 10")
		case slices.ContainsFunc(all[:i], func(o SkillLevel) bool { return o.Skill == s.Skill }):
			return Invalid(field, "a skill is named once")
		}
	}
	return nil
}
