package api

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/samber/lo"

	"parley/domain"
	"parley/domain/agent"
	"parley/domain/conversation"
	"parley/domain/notification"
	"parley/domain/session"
	"parley/eventstore"
	"parley/projections"
)

// GetConversationHistory tells what happened to a conversation.
func (s *Server) GetConversationHistory(ctx context.Context, r GetConversationHistoryRequestObject) (GetConversationHistoryResponseObject, error) {
	_, at, err := s.seenNow(ctx, r.Conversation, r.Params.After)
	if err != nil {
		return nil, err
	}
	story, err := s.story(ctx, conversation.Kind.Name, r.Conversation, r.Params.AsOf, s.at(ctx, at))
	if err == nil {
		story, err = s.discreet(ctx, story)
	}
	return GetConversationHistory200JSONResponse{story}, err
}

// notOwn refuses an agent what is another's.
var notOwn = &domain.Error{Code: "not_yours", Message: "agents read the history of what is or was their own"}

// GetAgentHistory tells what happened to an agent.
func (s *Server) GetAgentHistory(ctx context.Context, r GetAgentHistoryRequestObject) (GetAgentHistoryResponseObject, error) {
	a, at, err := stateNow(ctx, s, &agent.Kind, r.Agent, r.Params.After)
	switch {
	case err != nil:
		return nil, err
	case CallerOf(ctx).Is(domain.RoleAgent) && CallerOf(ctx).ID != r.Agent:
		return nil, notOwn
	case a.ID == "":
		return nil, agent.ErrUnknown
	}
	story, err := s.story(ctx, agent.Kind.Name, r.Agent, r.Params.AsOf, at)
	return GetAgentHistory200JSONResponse{story}, err
}

// GetNotificationHistory tells what happened to a notification.
func (s *Server) GetNotificationHistory(ctx context.Context, r GetNotificationHistoryRequestObject) (GetNotificationHistoryResponseObject, error) {
	n, at, err := stateNow(ctx, s, &notification.Kind, r.Notification, r.Params.After)
	switch {
	case err != nil:
		return nil, err
	case !n.Raised && n.Outcome == "":
		return nil, notification.ErrUnknown
	case CallerOf(ctx).Is(domain.RoleAgent) && CallerOf(ctx).ID != n.Agent:
		return nil, notOwn
	}
	story, err := s.story(ctx, notification.Kind.Name, r.Notification, r.Params.AsOf, at)
	return GetNotificationHistory200JSONResponse{story}, err
}

// GetSessionHistory tells what happened to a session.
func (s *Server) GetSessionHistory(ctx context.Context, r GetSessionHistoryRequestObject) (GetSessionHistoryResponseObject, error) {
	one, at, err := stateNow(ctx, s, &session.Kind, r.Session, r.Params.After)
	switch {
	case err != nil:
		return nil, err
	case !one.Started && one.Closed == "":
		return nil, session.ErrUnknown
	case CallerOf(ctx).Is(domain.RoleAgent) && CallerOf(ctx).ID != one.Agent:
		return nil, notOwn
	}
	story, err := s.story(ctx, session.Kind.Name, r.Session, r.Params.AsOf, at)
	return GetSessionHistory200JSONResponse{story}, err
}

// story reads a stream as a person would, and as it was recorded; at is the
// position that the answer shows.
func (s *Server) story(ctx context.Context, kind, id string, asOf *AsOf, at Position) (StoryJSONResponse, error) {
	until, err := s.asOf(asOf)
	if err != nil {
		return StoryJSONResponse{}, err
	}
	story, err := projections.History(ctx, s.engine.Log, s.engine.Codec, kind, id, until)
	if err != nil {
		return StoryJSONResponse{}, err
	}
	shown := StoryJSONResponse{Stream: story.Stream, Position: at}
	shown.Entries = lo.Map(story.Entries, func(e projections.Entry, _ int) StoryEntry {
		return StoryEntry{
			Position: e.Position.Text(s.store), Revision: int64(e.Revision), HappenedAt: e.At.UTC(), RecordedAt: e.RecordedAt.UTC(),
			Actor: EventActor{Id: e.Actor.ID, Role: e.Actor.Role}, Name: e.Name, Sentence: e.Sentence,
			Event: fmt.Sprint(e.EventID), Imported: lo.EmptyableToPtr(e.Imported), Data: e.Data,
		}
	})
	if story.State != nil {
		if shown.State, err = json.Marshal(story.State); err != nil {
			return shown, fmt.Errorf("api: the state of %s: %w", story.Stream, err)
		}
	}
	return shown, nil
}

// asOf reads a time or a position; neither is now.
func (s *Server) asOf(text *AsOf) (projections.AsOf, error) {
	if text == nil || *text == "" {
		return projections.AsOf{}, nil
	}
	if t, err := time.Parse(time.RFC3339Nano, *text); err == nil {
		return projections.AsOf{Time: t}, nil
	}
	p, err := eventstore.ParsePosition(s.store, *text)
	switch {
	case err == eventstore.ErrLogMoved:
		return projections.AsOf{}, eventstore.ErrLogMoved.On("asOf")
	case err != nil:
		return projections.AsOf{}, domain.Invalid("asOf", "give a time such as 2026-01-02T09:30:00Z, or a position as an answer gave it")
	}
	return projections.AsOf{Position: p}, nil
}
