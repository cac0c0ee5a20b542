package api

import (
	"context"

	"github.com/samber/lo"

	"parley/domain"
	"parley/domain/conversation"
	"parley/projections"
)

// GetTranscript tells what was said, from the conversation's own stream.
func (s *Server) GetTranscript(ctx context.Context, r GetTranscriptRequestObject) (GetTranscriptResponseObject, error) {
	at, err := s.present(ctx, r.Params.After)
	if err != nil {
		return nil, err
	}
	since, limit := lo.FromPtr(r.Params.Since), lo.FromPtr(r.Params.Limit)
	if since < 0 {
		return nil, domain.Invalid("since", "give the number of a message, or 0")
	}
	if r.Params.Limit != nil && (limit < 1 || limit > 1000) {
		return nil, domain.Invalid("limit", "give 1 to 1,000")
	}
	c, _, err := s.conversationOf(ctx, r.Conversation)
	if err != nil {
		return nil, err
	}
	if err := s.sees(ctx, c); err != nil {
		return nil, err
	}
	customer := CallerOf(ctx).Role == domain.RoleVisitor
	lines, last, err := projections.Transcript(ctx, s.engine.Log, s.engine.Codec, r.Conversation,
		projections.TranscriptOf{Notes: !customer, After: since, Limit: limit})
	if err != nil {
		return nil, err
	}
	return GetTranscript200JSONResponse{
		Conversation: &r.Conversation, Position: s.at(ctx, max(at, last)),
		Lines: lo.Map(lines, func(l projections.Line, _ int) TranscriptLine { return shownLine(l, customer) }),
	}, nil
}

// shownLine is a line as the API shows it. The customer is told the role of
// who wrote, not the staff's ids.
func shownLine(l projections.Line, customer bool) TranscriptLine {
	by := EventBy{Role: l.By.Role}
	if !customer {
		by.Id = some(l.By.ID)
	}
	read := l.Read
	return TranscriptLine{
		Id: l.ID, Number: opt(l.Number), Side: TranscriptLineSide(l.Side), By: by, Text: some(string(l.Text)),
		Attachments: optList(lo.Map(l.Attachments, func(a conversation.Attachment, _ int) MessageAttachment {
			return MessageAttachment{Id: a.ID, Name: string(a.Name), Type: a.Type, Size: a.Size}
		})),
		Choices: optList(texts(l.Choices)), Choice: some(string(l.Choice)), At: l.At, Read: &read,
	}
}

// texts are personal texts as the API writes them.
func texts(all []domain.Personal) []string {
	return lo.Map(all, func(p domain.Personal, _ int) string { return string(p) })
}
