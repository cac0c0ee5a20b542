package api

import (
	"context"
	"strings"
	"time"

	"github.com/samber/lo"

	"parley/domain"
	"parley/domain/contact"
	"parley/domain/conversation"
	"parley/domain/session"
	"parley/eventstore"
)

// NoteConversation adds an internal note.
func (s *Server) NoteConversation(ctx context.Context, r NoteConversationRequestObject) (NoteConversationResponseObject, error) {
	id, err := s.ownID(ctx, r.Body.Id, "note")
	if err != nil {
		return nil, err
	}
	a, err := s.decide(ctx, r.Conversation, conversation.Note{ID: id, Text: domain.Personal(r.Body.Text), By: CallerOf(ctx).Actor})
	if err != nil {
		return nil, err
	}
	return NoteConversation201JSONResponse{Id: id, Position: a.Position}, nil
}

// ClassifyConversation says what the conversation is about.
func (s *Server) ClassifyConversation(ctx context.Context, r ClassifyConversationRequestObject) (ClassifyConversationResponseObject, error) {
	a, err := s.decide(ctx, r.Conversation, conversation.Classify{Topic: r.Body.Topic})
	if err != nil {
		return nil, err
	}
	return ClassifyConversation200JSONResponse(a), nil
}

// mayLink refuses a contact that there is not, or no more.
func (s *Server) mayLink(ctx context.Context, id string) error {
	c, _, err := eventstore.Load(ctx, s.engine, &contact.Kind, id)
	switch {
	case err != nil:
		return err
	case c.ID == "":
		return contact.ErrUnknown.On("contact")
	case c.Erased:
		return contact.ErrErased.On("contact")
	}
	return nil
}

// LinkContact says which stored customer the conversation is with (SUM-3).
func (s *Server) LinkContact(ctx context.Context, r LinkContactRequestObject) (LinkContactResponseObject, error) {
	again, err := s.recorded(ctx, conversation.Kind.Stream(r.Conversation))
	if err != nil {
		return nil, err
	}
	if !again {
		if err := s.mayLink(ctx, r.Body.Contact); err != nil {
			return nil, err
		}
	}
	a, err := s.decide(ctx, r.Conversation, conversation.LinkContact{Contact: r.Body.Contact})
	if err != nil {
		return nil, err
	}
	return LinkContact200JSONResponse(a), nil
}

// UnlinkContact takes the link away.
func (s *Server) UnlinkContact(ctx context.Context, r UnlinkContactRequestObject) (UnlinkContactResponseObject, error) {
	a, err := s.decide(ctx, r.Conversation, conversation.UnlinkContact{})
	if err != nil {
		return nil, err
	}
	return UnlinkContact200JSONResponse(a), nil
}

// LinkCase says which issue the conversation is about (SUM-8).
func (s *Server) LinkCase(ctx context.Context, r LinkCaseRequestObject) (LinkCaseResponseObject, error) {
	if err := s.known(ctx, session.FormCase, r.Body.Case); err != nil {
		return nil, err
	}
	a, err := s.decide(ctx, r.Conversation, conversation.LinkCase{Case: r.Body.Case})
	if err != nil {
		return nil, err
	}
	return LinkCase200JSONResponse(a), nil
}

// UnlinkCase takes the link away.
func (s *Server) UnlinkCase(ctx context.Context, r UnlinkCaseRequestObject) (UnlinkCaseResponseObject, error) {
	a, err := s.decide(ctx, r.Conversation, conversation.UnlinkCase{})
	if err != nil {
		return nil, err
	}
	return UnlinkCase200JSONResponse(a), nil
}

// RecordContext adds context variables (CON-9).
func (s *Server) RecordContext(ctx context.Context, r RecordContextRequestObject) (RecordContextResponseObject, error) {
	variables, err := s.variablesOf(ctx, r.Body.Variables)
	if err != nil {
		return nil, amongVariables(err)
	}
	a, err := s.decide(ctx, r.Conversation, conversation.RecordContext{Variables: variables})
	if err != nil {
		return nil, amongVariables(err)
	}
	return RecordContext200JSONResponse(s.asTold(ctx, a)), nil
}

// amongVariables names the field at fault as the body does, which calls variables
// what is the context of a start.
func amongVariables(err error) error {
	if refused, ok := err.(*domain.Error); ok {
		if rest, within := strings.CutPrefix(refused.Field, "context"); within {
			return refused.On("variables" + rest)
		}
	}
	return err
}

// surveyTime is how long answers are taken after the end (CON-9).
const surveyTime = 7 * 24 * time.Hour

// errSurveyOver refuses answers that come too late or were never asked for.
var errSurveyOver = &domain.Error{
	Code: "survey_over", Rule: "CON-9", Message: "answers are taken for 7 days after the end, and none of a conversation that was abandoned or spam",
}

// AnswerSurvey records what the customer thought of it, also once the
// conversation is over for him otherwise.
func (s *Server) AnswerSurvey(ctx context.Context, r AnswerSurveyRequestObject) (AnswerSurveyResponseObject, error) {
	c, _, err := s.conversationOf(ctx, r.Conversation)
	if err != nil {
		return nil, err
	}
	if caller := CallerOf(ctx); caller.Role == domain.RoleVisitor && !owns(caller, c.ID, partOf(c)) {
		return nil, errUnseen
	}
	answers, err := answersOf(r.Body.Answers)
	if err != nil {
		return nil, err
	}
	again, err := s.recorded(ctx, conversation.Kind.Stream(c.ID))
	if err != nil {
		return nil, err
	}
	if !again {
		if err := s.surveyed(ctx, c); err != nil {
			return nil, err
		}
	}
	a, err := s.repeat(ctx, c.ID, conversation.Survey{
		ID: domain.Derive(c.ID, "survey"), Answers: answers, Score: lo.FromPtr(r.Body.Score),
	})
	if err != nil {
		return nil, err
	}
	return AnswerSurvey200JSONResponse(s.asTold(ctx, a)), nil
}

// surveyed refuses answers to a survey that is over.
func (s *Server) surveyed(ctx context.Context, c conversation.Conversation) error {
	if c.Closed == conversation.ReasonAbandoned || c.Closed == conversation.ReasonSpam {
		return errSurveyOver
	}
	ended, err := s.endOf(ctx, c.ID)
	if err == nil && !ended.IsZero() && s.now().Sub(ended) > surveyTime {
		err = errSurveyOver
	}
	return err
}

// endOf is when a conversation's talking ended; zero while it has not.
func (s *Server) endOf(ctx context.Context, id string) (time.Time, error) {
	var ended time.Time
	for r, err := range s.engine.Log.Read(ctx, eventstore.Query{Stream: conversation.Kind.Stream(id), From: eventstore.None, Backwards: true}) {
		if err != nil {
			return ended, err
		}
		switch r.Name {
		case "conversation.ended":
			return r.HappenedAt, nil
		case "conversation.closed":
			ended = r.HappenedAt
		case "conversation.engaged", "conversation.queued":
			return ended, nil
		}
	}
	return ended, nil
}
