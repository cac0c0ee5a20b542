package conversation

import (
	"slices"
	"strings"

	"parley/domain"
)

// ErrSkills refuses an agent's change where the workstream allows none (SUM-4).
var ErrSkills = domain.Refuse("forbidden", "SUM-4", "agents change no skills in this workstream: ask a supervisor")

// RequireSkill asks a skill of the agent, at least at a level (RTE-3). By is who
// asks: an agent may where the terms allow it.
type RequireSkill struct {
	Skill string
	Level int // 1 when 0
	By    domain.Actor
}

// Decide records a change only.
func (cmd RequireSkill) Decide(c Conversation) ([]Event, error) {
	if err := c.mayChangeSkills(cmd.By); err != nil {
		return nil, err
	}
	if cmd.Level == 0 {
		cmd.Level = 1
	}
	wanted := domain.SkillLevel{Skill: cmd.Skill, Level: cmd.Level}
	others := slices.DeleteFunc(slices.Clone(c.Skills), func(s domain.SkillLevel) bool { return s.Skill == cmd.Skill })
	if err := domain.CheckSkills("skill", append(others, wanted)); err != nil {
		return nil, err
	}
	if slices.Contains(c.Skills, wanted) {
		return nil, nil
	}
	return []Event{SkillRequired{Conversation: c.ID, Skill: cmd.Skill, Level: cmd.Level}}, nil
}

// SkillRequired says that the agent is to have a skill.
type SkillRequired struct {
	Conversation string `json:"conversation"`
	Skill        string `json:"skill"`
	Level        int    `json:"level"`
}

func (e SkillRequired) apply(c *Conversation) {
	c.Skills = append(without(c.Skills, e.Skill), domain.SkillLevel{Skill: e.Skill, Level: e.Level})
	slices.SortFunc(c.Skills, func(a, b domain.SkillLevel) int { return strings.Compare(a.Skill, b.Skill) })
}

// DropSkill asks a skill of the agent no more.
type DropSkill struct {
	Skill string
	By    domain.Actor
}

// Decide records nothing when it was not asked for.
func (cmd DropSkill) Decide(c Conversation) ([]Event, error) {
	if err := c.mayChangeSkills(cmd.By); err != nil {
		return nil, err
	}
	if len(without(c.Skills, cmd.Skill)) == len(c.Skills) {
		return nil, nil
	}
	return []Event{SkillDropped{Conversation: c.ID, Skill: cmd.Skill}}, nil
}

// SkillDropped says that the skill is no longer asked for.
type SkillDropped struct {
	Conversation string `json:"conversation"`
	Skill        string `json:"skill"`
}

func (e SkillDropped) apply(c *Conversation) { c.Skills = without(c.Skills, e.Skill) }

func (c Conversation) mayChangeSkills(by domain.Actor) error {
	if err := c.live(); err != nil {
		return err
	}
	if by.Role == domain.RoleAgent && !c.Terms.AgentSkills {
		return ErrSkills
	}
	return nil
}

// without gives the skills but one, in a slice of its own.
func without(all []domain.SkillLevel, skill string) []domain.SkillLevel {
	var left []domain.SkillLevel
	for _, s := range all {
		if s.Skill != skill {
			left = append(left, s)
		}
	}
	return left
}
