package api

import (
	"context"

	"github.com/samber/lo"

	"parley/domain"
	"parley/domain/cases"
	"parley/domain/contact"
	"parley/eventstore"
	"parley/projections"
)

// OpenCase begins a case of a contact.
func (s *Server) OpenCase(ctx context.Context, r OpenCaseRequestObject) (OpenCaseResponseObject, error) {
	b := r.Body
	id, err := s.ownID(ctx, b.Id, "case")
	if err != nil {
		return nil, err
	}
	again, err := s.recorded(ctx, cases.Kind.Stream(id))
	if err != nil {
		return nil, err
	}
	if domain.ValidID(b.Contact) && !again {
		if err := s.mayLink(ctx, b.Contact); err != nil {
			return nil, err
		}
	}
	switch {
	case len([]rune(lo.FromPtr(b.Number))) > 100:
		return nil, domain.Invalid("number", "a number has 100 characters at most")
	case len([]rune(lo.FromPtr(b.Product))) > 200:
		return nil, domain.Invalid("product", "a product's name has 200 characters at most")
	}
	c, at, err := change(ctx, s, &cases.Kind, id, cases.Open{
		ID: id, Number: lo.FromPtr(b.Number), Contact: b.Contact, Title: domain.Personal(b.Title),
		Product: lo.FromPtr(b.Product), Description: personal(b.Description), By: CallerOf(ctx).Actor,
	})
	if err != nil {
		return nil, err
	}
	answer, err := s.shownCase(ctx, c, at)
	return OpenCase201JSONResponse(answer), err
}

// GetCase tells what an issue is, whose, and how it stands.
func (s *Server) GetCase(ctx context.Context, r GetCaseRequestObject) (GetCaseResponseObject, error) {
	c, at, err := stateNow(ctx, s, &cases.Kind, r.Case, r.Params.After)
	switch {
	case err != nil:
		return nil, err
	case c.ID == "":
		return nil, cases.ErrUnknown
	}
	answer, err := s.shownCase(ctx, c, at)
	return GetCase200JSONResponse(answer), err
}

// SetCaseStatus resolves, cancels or reopens a case.
func (s *Server) SetCaseStatus(ctx context.Context, r SetCaseStatusRequestObject) (SetCaseStatusResponseObject, error) {
	c, at, err := change(ctx, s, &cases.Kind, r.Case, cases.SetStatus{Status: r.Body.Status})
	if err != nil {
		return nil, err
	}
	answer, err := s.shownCase(ctx, c, at)
	return SetCaseStatus200JSONResponse(answer), err
}

// NoteCase adds a quick note on a case.
func (s *Server) NoteCase(ctx context.Context, r NoteCaseRequestObject) (NoteCaseResponseObject, error) {
	id, err := s.ownID(ctx, r.Body.Id, "note")
	if err != nil {
		return nil, err
	}
	note := cases.Note{ID: id, Text: domain.Personal(r.Body.Text), By: CallerOf(ctx).Actor}
	out, err := eventstore.Act(ctx, s.engine, &cases.Kind, r.Case, note, s.meta(ctx))
	if err != nil {
		return nil, err
	}
	return NoteCase201JSONResponse{Id: id, Position: s.at(ctx, out.Position)}, nil
}

// ListContactCases lists a contact's cases, the latest change first.
func (s *Server) ListContactCases(ctx context.Context, r ListContactCasesRequestObject) (ListContactCasesResponseObject, error) {
	after, err := s.after(r.Params.After)
	if err != nil {
		return nil, err
	}
	c, _, err := eventstore.Load(ctx, s.engine, &contact.Kind, r.Contact)
	if err != nil {
		return nil, err
	}
	if c.ID == "" {
		return nil, contact.ErrUnknown
	}
	page, err := pageOf(r.Params.Cursor, r.Params.Limit)
	if err != nil {
		return nil, err
	}
	rows, next, at, err := s.opts.Views.Cases(ctx, r.Contact, page, after)
	if err != nil {
		return nil, err
	}
	return ListContactCases200JSONResponse{Position: s.at(ctx, at), Next: some(next), Cases: lo.Map(rows, func(c projections.CaseRow, _ int) Case {
		return Case{
			Id: c.ID, Number: some(c.Number), Contact: c.Contact, Title: string(c.Title), Product: some(c.Product),
			Description: some(string(c.Description)), Status: c.Status, Opened: lo.EmptyableToPtr(c.Opened), Modified: lo.EmptyableToPtr(c.Modified),
		}
	})}, nil
}

// shownCase is a case as the API shows it. The state holds nothing personal, so
// the rest is read from the event that opened it.
func (s *Server) shownCase(ctx context.Context, c cases.Case, at Position) (Case, error) {
	e, r, err := lastOf[cases.Opened](ctx, s, cases.Kind.Stream(c.ID), "case.opened")
	if err != nil {
		return Case{}, err
	}
	shown := Case{
		Id: c.ID, Number: some(e.Number), Contact: c.Contact, Title: string(e.Title), Product: some(e.Product),
		Description: some(string(e.Description)), Status: c.Status, Opened: lo.EmptyableToPtr(r.HappenedAt.UTC()), Position: &at,
	}
	for last, err := range s.engine.Log.Read(ctx, eventstore.Query{
		Stream: cases.Kind.Stream(c.ID), From: eventstore.None, Backwards: true, Limit: 1,
	}) {
		if err != nil {
			return Case{}, err
		}
		shown.Modified = lo.EmptyableToPtr(last.HappenedAt.UTC())
	}
	return shown, nil
}
