package api

import (
	"context"

	"github.com/samber/lo"

	"parley/domain"
	"parley/domain/conversation"
	"parley/eventstore"
)

// RequireSkill asks a skill of the conversation's agent (RTE-3, SUM-4).
func (s *Server) RequireSkill(ctx context.Context, r RequireSkillRequestObject) (RequireSkillResponseObject, error) {
	level := 1
	if r.Body != nil && r.Body.Level != nil {
		level = *r.Body.Level
	}
	a, err := s.skills(ctx, r.Conversation, conversation.RequireSkill{Skill: r.Skill, Level: level, By: CallerOf(ctx).Actor})
	if err != nil {
		return nil, err
	}
	return RequireSkill200JSONResponse(a), nil
}

// DropSkill asks it no more.
func (s *Server) DropSkill(ctx context.Context, r DropSkillRequestObject) (DropSkillResponseObject, error) {
	a, err := s.skills(ctx, r.Conversation, conversation.DropSkill{Skill: r.Skill, By: CallerOf(ctx).Actor})
	if err != nil {
		return nil, err
	}
	return DropSkill200JSONResponse(a), nil
}

func (s *Server) skills(ctx context.Context, id string, cmd domain.Command[conversation.Conversation, conversation.Event]) (ConversationSkills, error) {
	var none ConversationSkills
	c, _, err := s.conversationOf(ctx, id)
	if err != nil {
		return none, err
	}
	if err := s.mayAct(ctx, c, nil); err != nil {
		return none, err
	}
	out, err := eventstore.Act(ctx, s.engine, &conversation.Kind, id, cmd, s.meta(ctx))
	if err != nil {
		return none, err
	}
	if c, _, err = s.conversationOf(ctx, id); err != nil {
		return none, err
	}
	return ConversationSkills{Conversation: id, Skills: shownSkills(c.Skills), Position: s.at(ctx, out.Position)}, nil
}

func shownSkills(all []domain.SkillLevel) []Skill {
	return lo.Map(all, func(k domain.SkillLevel, _ int) Skill { return Skill{Skill: k.Skill, Level: &k.Level} })
}

func storedSkills(all *[]Skill) []domain.SkillLevel {
	return lo.Map(lo.FromPtr(all), func(k Skill, _ int) domain.SkillLevel {
		level := lo.FromPtr(k.Level)
		if k.Level == nil {
			level = 1
		}
		return domain.SkillLevel{Skill: k.Skill, Level: level}
	})
}
