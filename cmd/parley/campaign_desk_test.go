package main

import (
	"context"
	"time"

	"parley/domain"
	"parley/domain/agent"
	"parley/domain/conversation"
)

// desk is an agent, or a supervisor, at work.
func (a *asker) desk(ctx context.Context) error {
	id, c, err := a.any(ctx)
	if err != nil || id == "" {
		return err
	}
	who := c.Primary.Agent
	if who == "" || a.random.IntN(10) == 0 {
		who = a.agent()
	}
	message := randomID(a.random).String()
	var cmd any
	switch a.random.IntN(16) {
	case 0, 1:
		cmd = conversation.End{Agent: who, At: a.now()}
	case 2, 3:
		cmd = conversation.CloseSession{Agent: who, At: a.now()}
	case 4:
		return a.engage(ctx, id, c, who, agent.PurposePick)
	case 5:
		return a.engage(ctx, id, c, a.agent(), agent.PurposeAssign)
	case 6:
		return a.engage(ctx, id, c, c.Last, agent.PurposeReopen)
	case 7:
		return a.transfer(ctx, id, c)
	case 8:
		cmd = conversation.Requeue{Hold: c.Primary.Hold, Reason: conversation.RequeuedReleased, At: a.now()}
	case 9:
		cmd = conversation.Move{Queue: "q", At: a.now()}
	case 10:
		cmd = conversation.ForceClose{Reason: conversation.ReasonSpam}
	case 11:
		cmd = conversation.Note{ID: message, Text: textOf(message), By: domain.Actor{ID: who, Role: domain.RoleAgent}}
	case 12:
		cmd = []any{conversation.LinkContact{Contact: contactOf(a.random.IntN(3))}, conversation.UnlinkContact{}, conversation.LinkCase{Case: "case-1"},
			conversation.UnlinkCase{}, conversation.Classify{Topic: message}}[a.random.IntN(5)]
	default:
		cmd = conversation.Send{ID: message, Text: textOf(message), By: domain.Actor{ID: who, Role: domain.RoleAgent}, At: a.now()}
	}
	return a.send(ctx, "conversation", id, cmd)
}

// engage asks the conversation as it was seen, then reserves.
func (a *asker) engage(ctx context.Context, id string, c conversation.Conversation, who, purpose string) error {
	hold := domain.Hold(id, c.Turn, who)
	asked := conversation.Engage{Hold: hold, Agent: who, Turn: c.Turn, How: purpose, At: a.now()}
	if _, err := asked.Decide(c); err != nil || who == "" {
		return nil
	}
	return a.reserve(ctx, id, c, who, purpose, "")
}

func (a *asker) transfer(ctx context.Context, id string, c conversation.Conversation) error {
	to := a.agent()
	if c.Status != conversation.StatusEngaged || c.Offer != nil || to == c.Primary.Agent {
		return nil
	}
	return a.reserve(ctx, id, c, to, agent.PurposeTransfer, c.Primary.Hold)
}

func (a *asker) reserve(ctx context.Context, id string, c conversation.Conversation, who, purpose, replaces string) error {
	at := a.now()
	return a.send(ctx, "agent", who, agent.Reserve{
		Hold: domain.Hold(id, c.Turn, who), Conversation: id, Subject: c.Subject, Turn: c.Turn, Segment: c.Segment, Units: c.Terms.Units,
		Purpose: purpose, Forced: true, Replaces: replaces, Countdown: c.Terms.Countdown, Day: at.Format(time.DateOnly), At: at,
	})
}
