package api

import (
	"context"
	"errors"
	"log/slog"
	"slices"

	"parley/domain"
	"parley/domain/agent"
	"parley/domain/conversation"
	"parley/domain/queue"
	"parley/domain/settings"
	"parley/eventstore"
	"parley/projections"
)

// LiveFeeds are what the live feeds need to know of the domain: who is told
// what, who may listen, and which agents are there because they listen.
type LiveFeeds struct {
	Engine *eventstore.Engine
	Views  *projections.Views
	// Run names this run of this node: connections of a run that is over are
	// recorded as lost.
	Run    string
	Logger *slog.Logger
}

// Wire fills in the options of a server.
func (l *LiveFeeds) Wire(o *Options) {
	o.Audience, o.Public = AudienceOf, PublicOf(l.Engine.Codec, l.Logger)
	o.Resume = ResumeFrom(l.Engine.Log)
	o.MayFollow, o.OnOpen, o.OnClose = l.MayFollow, l.Open, l.Close
}

// MayFollow lets agents follow the conversations that they may see, and
// visitors their own that have not ended.
func (l *LiveFeeds) MayFollow(ctx context.Context, caller Caller, key string) error {
	sort, id, _ := cutKey(key)
	switch sort {
	case sortOf(ConversationKey("")), sortOf(CustomerKey("")):
	default:
		return &domain.Error{Code: "forbidden", Message: "this feed is not yours to follow"}
	}
	c, _, err := eventstore.Load(ctx, l.Engine, &conversation.Kind, id)
	switch {
	case err != nil:
		return err
	case c.Status == conversation.StatusNone && caller.Role != domain.RoleVisitor:
		return conversation.ErrUnknown
	case c.Status == conversation.StatusNone, caller.Role == domain.RoleVisitor && c.Mode != domain.ModeLive && c.Status.Over():
		return errUnseen // what is over is not shown to the customer who returns (PER-6)
	}
	ok, err := visible(caller, id, partOf(c),
		func() (is bool, err error) {
			err = eventstore.Look(ctx, l.Engine, &queue.Kind, c.Queue, func(q queue.Queue, _ eventstore.Revision) {
				is = slices.Contains(q.Members, caller.ID)
			})
			return is, err
		},
		func() (bool, error) {
			was, _, err := l.Views.WasPrimary(ctx, id, caller.ID, 0)
			return was, err
		})
	if err == nil && !ok {
		err = errUnseen
	}
	return err
}

// Open records that a device of an agent listens. Supervisors and admins who
// were never registered as agents listen without that.
func (l *LiveFeeds) Open(ctx context.Context, caller Caller, key, feed string) error {
	if !connects(caller, key) {
		return nil
	}
	err := l.act(ctx, caller, agent.Connect{Feed: feed, Run: l.Run, At: l.Engine.Now().Round(0).UTC()})
	if caller.Role != domain.RoleAgent && errors.Is(err, agent.ErrUnknown) {
		return nil
	}
	return err
}

// Close records that a device is gone.
func (l *LiveFeeds) Close(ctx context.Context, caller Caller, key, feed string) error {
	if !connects(caller, key) {
		return nil
	}
	now, _, err := eventstore.Load(ctx, l.Engine, &settings.Kind, settings.Only)
	if err != nil {
		return err
	}
	return l.act(ctx, caller, agent.Disconnect{Feed: feed, Grace: now.Grace})
}

// connects tells that a feed is one by which an agent is there: his own.
func connects(caller Caller, key string) bool {
	return caller.Is(deskAgents...) && key == AgentKey(caller.ID)
}

func (l *LiveFeeds) act(ctx context.Context, caller Caller, cmd domain.Command[agent.Agent, agent.Event]) error {
	_, err := eventstore.Act(ctx, l.Engine, &agent.Kind, caller.ID, cmd, eventstore.Meta{
		Actor: caller.Actor, Correlation: callOf(ctx).correlation,
	})
	return err
}
