package api

import (
	"context"

	"github.com/samber/lo"

	"parley/domain"
	"parley/domain/cases"
	"parley/domain/visitor"
	"parley/eventstore"
	"parley/projections"
)

// timelinePage are the parameters that all timelines share.
type timelinePage struct {
	cursor *Cursor
	limit  *Limit
	after  *After
}

// timeline reads one timeline, newest first (SUM-9).
func (s *Server) timeline(ctx context.Context, of projections.TimelineOf, p timelinePage) (Timeline, error) {
	after, err := s.after(p.after)
	if err != nil {
		return Timeline{}, err
	}
	page, err := pageOf(p.cursor, p.limit)
	if err != nil {
		return Timeline{}, err
	}
	rows, next, at, err := s.opts.Views.Timeline(ctx, of, page, after)
	if err != nil {
		return Timeline{}, err
	}
	return Timeline{
		Entries: lo.Map(rows, func(row projections.TimelineRow, _ int) TimelineEntry { return shownEntry(row) }),
		Next:    some(next), Position: s.at(ctx, at),
	}, nil
}

// shownEntry is a row as the API shows it.
func shownEntry(row projections.TimelineRow) TimelineEntry {
	e := TimelineEntry{
		Id: row.ID, Form: TimelineEntryForm(row.Form), At: row.At, Ended: opt(row.EndedAt), Conversation: some(row.Conversation), Contact: some(row.Contact),
		Visitor: some(row.Visitor), Case: some(row.Case), Title: some(string(row.Title)), Text: some(string(row.Text)),
		State: some(row.State), SubState: some(row.SubState), Channel: some(row.Channel), Queue: some(row.Queue), Agent: some(row.Agent),
		Reason: some(row.Reason), Number: some(row.Number), Product: some(row.Product), Status: some(row.Status),
	}
	if row.ByRole != "" {
		e.By = &EventBy{Id: some(row.By), Role: row.ByRole}
	}
	return e
}

// participates refuses an agent who takes no part in a conversation with the
// customer that is going on: only then is the customer's history his to read
// (API-5).
func (s *Server) participates(ctx context.Context, f projections.ActiveFilter) error {
	caller := CallerOf(ctx)
	if caller.Is(overseers...) {
		return nil
	}
	now, err := s.head(ctx)
	if err != nil {
		return err
	}
	parts, err := s.takesPart(ctx, caller.ID, now)
	if err != nil {
		return err
	}
	for page := (projections.Page{Limit: 200}); ; {
		rows, next, _, err := s.opts.Views.ActiveList(ctx, f, page, now)
		if err != nil {
			return err
		}
		for _, row := range rows {
			if parts[row.ID] || lo.Contains([]string{row.Agent, row.OfferAgent, row.Last}, caller.ID) {
				return nil
			}
		}
		if page.Cursor = next; next == "" {
			return &domain.Error{Code: "not_participant", Message: "an agent reads a customer's history while he has a conversation with him"}
		}
	}
}

// GetContactTimeline tells what was done with a contact.
func (s *Server) GetContactTimeline(ctx context.Context, r GetContactTimelineRequestObject) (GetContactTimelineResponseObject, error) {
	if err := s.known(ctx, "contact", r.Contact); err != nil {
		return nil, err
	}
	if err := s.participates(ctx, projections.ActiveFilter{Contact: r.Contact}); err != nil {
		return nil, err
	}
	a, err := s.timeline(ctx, projections.TimelineOf{Contact: r.Contact}, timelinePage{r.Params.Cursor, r.Params.Limit, r.Params.After})
	if err != nil {
		return nil, err
	}
	return GetContactTimeline200JSONResponse(a), nil
}

// GetVisitorTimeline tells what was done with a visitor.
func (s *Server) GetVisitorTimeline(ctx context.Context, r GetVisitorTimelineRequestObject) (GetVisitorTimelineResponseObject, error) {
	v, _, err := eventstore.Load(ctx, s.engine, &visitor.Kind, r.Visitor)
	if err != nil {
		return nil, err
	}
	if v.ID == "" && v.Contact == "" {
		if err := s.wasHere(ctx, r.Visitor); err != nil {
			return nil, err
		}
	}
	if err := s.participates(ctx, projections.ActiveFilter{Visitor: r.Visitor}); err != nil {
		return nil, err
	}
	a, err := s.timeline(ctx, projections.TimelineOf{Visitor: r.Visitor}, timelinePage{r.Params.Cursor, r.Params.Limit, r.Params.After})
	if err != nil {
		return nil, err
	}
	return GetVisitorTimeline200JSONResponse(a), nil
}

// wasHere refuses a visitor who neither arrived nor ever talked.
func (s *Server) wasHere(ctx context.Context, id string) error {
	now, err := s.head(ctx)
	if err != nil {
		return err
	}
	rows, _, _, err := s.opts.Views.Conversations(ctx, projections.CustomerOf{Visitor: id}, projections.Page{Limit: 1}, now)
	if err == nil && len(rows) == 0 {
		err = visitor.ErrUnknown
	}
	return err
}

// GetCaseTimeline tells what was done about a case.
func (s *Server) GetCaseTimeline(ctx context.Context, r GetCaseTimelineRequestObject) (GetCaseTimelineResponseObject, error) {
	c, _, err := eventstore.Load(ctx, s.engine, &cases.Kind, r.Case)
	switch {
	case err != nil:
		return nil, err
	case c.ID == "":
		return nil, cases.ErrUnknown
	}
	if err := s.participates(ctx, projections.ActiveFilter{Contact: c.Contact}); err != nil {
		return nil, err
	}
	a, err := s.timeline(ctx, projections.TimelineOf{Case: r.Case}, timelinePage{r.Params.Cursor, r.Params.Limit, r.Params.After})
	if err != nil {
		return nil, err
	}
	return GetCaseTimeline200JSONResponse(a), nil
}

// GetConversationTimeline tells what was done in one conversation.
func (s *Server) GetConversationTimeline(ctx context.Context, r GetConversationTimelineRequestObject) (GetConversationTimelineResponseObject, error) {
	if _, _, err := s.seen(ctx, r.Conversation, r.Params.After); err != nil {
		return nil, err
	}
	a, err := s.timeline(ctx, projections.TimelineOf{Conversation: r.Conversation}, timelinePage{r.Params.Cursor, r.Params.Limit, r.Params.After})
	if err != nil {
		return nil, err
	}
	return GetConversationTimeline200JSONResponse(a), nil
}
