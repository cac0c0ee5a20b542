package api

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"
	"github.com/samber/lo"

	"parley/domain"
	"parley/eventstore"
)

// ListEvents reads the log itself. Only auditors read its personal text.
func (s *Server) ListEvents(ctx context.Context, r ListEventsRequestObject) (ListEventsResponseObject, error) {
	after, err := s.after(r.Params.After)
	if err != nil {
		return nil, err
	}
	head, err := s.present(ctx, r.Params.After)
	if err != nil {
		return nil, err
	}
	one, err := pageOf(nil, r.Params.Limit)
	if err != nil {
		return nil, err
	}
	limit := one.Limit
	if limit == 0 {
		limit = 50
	}
	q := eventstore.Query{
		After: after, Until: head, Kinds: lo.FromPtr(r.Params.Kinds), Names: lo.FromPtr(r.Params.Names), Limit: limit + 1,
	}
	for _, kind := range q.Kinds {
		if !s.engine.Codec.Kinds.Has(kind) {
			return nil, domain.Invalid("kinds", fmt.Sprintf("there is no kind %q: give what stands before the dash of a stream, such as conversation or agent", kind))
		}
	}
	known := s.engine.Codec.Kinds.Names()
	if strange := lo.Without(q.Names, known...); len(strange) > 0 {
		return nil, domain.Invalid("names", fmt.Sprintf("there is no event %q: list their names", strange[0]))
	}
	page := ListEvents200JSONResponse{Events: []LogRecord{}, Position: s.at(ctx, head)}
	if head == 0 {
		return page, nil
	}
	for record, err := range s.engine.Log.Read(ctx, q) {
		if err != nil {
			return nil, err
		}
		if len(page.Events) == limit {
			page.Next = &page.Events[limit-1].Position
			break
		}
		shown, err := s.shownRecord(ctx, record, CallerOf(ctx).Is(domain.RoleAuditor))
		if err != nil {
			return nil, err
		}
		page.Events = append(page.Events, shown)
	}
	return page, nil
}

// shownRecord is a record as the API shows it, its personal text in the clear
// when it is opened. One that cannot be opened is shown as it is stored, so
// that it does not hide those behind it.
func (s *Server) shownRecord(ctx context.Context, r eventstore.Record, open bool) (LogRecord, error) {
	shown := LogRecord{
		Id: r.ID.String(), Position: r.Position.Text(s.store), Stream: r.Stream, Revision: int64(r.Revision), Name: r.Name,
		HappenedAt: r.HappenedAt.UTC(), RecordedAt: r.RecordedAt.UTC(), Actor: EventActor{Id: r.Actor.ID, Role: r.Actor.Role},
		Command: r.Command.String(), Correlation: r.Correlation.String(), Subject: some(r.Subject),
		Imported: lo.EmptyableToPtr(r.Imported), Data: r.Data,
	}
	if r.Causation != uuid.Nil {
		shown.Causation = some(r.Causation.String())
	}
	if !json.Valid(r.Data) { // it is nobody's event, and must not break the page
		text, err := json.Marshal(string(r.Data))
		shown.Data = text
		return shown, err
	}
	if !open {
		return shown, nil
	}
	event, err := s.engine.Codec.Open(r)
	if err != nil {
		s.logger.ErrorContext(ctx, "an event is shown as it is stored: it cannot be opened", "event", r.ID, "name", r.Name, "error", err)
		return shown, nil
	}
	shown.Data, err = json.Marshal(event)
	return shown, err
}
