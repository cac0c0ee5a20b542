package api

import (
	"context"

	"github.com/samber/lo"

	"parley/domain"
	"parley/eventstore"
	"parley/projections"
)

// ListWorkItems lists the agent's own, open or closed work items (SES-3).
func (s *Server) ListWorkItems(ctx context.Context, r ListWorkItemsRequestObject) (ListWorkItemsResponseObject, error) {
	if err := looksAt(ctx, r.Agent); err != nil {
		return nil, err
	}
	after, err := s.after(r.Params.After)
	if err != nil {
		return nil, err
	}
	page, err := pageOf(r.Params.Cursor, r.Params.Limit)
	if err != nil {
		return nil, err
	}
	p, zero := r.Params, s.midnight()
	f := projections.WorkFilter{
		Customer: lo.FromPtr(p.Customer), Workstream: lo.FromPtr(p.Workstream), Mode: string(lo.FromPtr(p.Mode)),
		ModifiedFrom: lo.FromPtr(p.ModifiedFrom), ModifiedTo: lo.FromPtr(p.ModifiedTo),
		CreatedFrom: lo.FromPtr(p.CreatedFrom), CreatedTo: lo.FromPtr(p.CreatedTo),
		Sort: string(lo.FromPtr(p.Sort)), Descending: lo.FromPtr(p.Descending),
	}
	var (
		rows []projections.WorkRow
		next string
		at   eventstore.Position
	)
	switch r.List {
	case "my":
		rows, next, at, err = s.opts.Views.MyWork(ctx, r.Agent, f, page, after)
	case "open":
		rows, next, at, err = s.opts.Views.OpenWork(ctx, r.Agent, f, page, after)
	case "closed":
		if p.ClosedFrom != nil {
			zero = *p.ClosedFrom
		}
		rows, next, at, err = s.opts.Views.ClosedWork(ctx, r.Agent, zero, f, page, after)
	default:
		return nil, &domain.Error{Code: "not_found", Message: "the lists are my, open and closed"}
	}
	if err != nil {
		return nil, err
	}
	return ListWorkItems200JSONResponse{
		Items: lo.Map(rows, func(w projections.WorkRow, _ int) WorkItem { return shownWork(w) }),
		Next:  some(next), Position: s.at(ctx, at),
	}, nil
}

// shownWork is a row as the API shows it.
func shownWork(w projections.WorkRow) WorkItem {
	item := WorkItem{
		Conversation: w.ID, Title: w.Title, Customer: some(w.Customer), Channel: w.Channel, Mode: w.Mode, Workstream: some(w.Workstream), Queue: some(w.Queue),
		Priority: opt(w.Priority), Agent: some(w.Agent), LastAgent: some(w.Last), Since: opt(w.Since), Created: opt(w.Created), Modified: opt(w.Modified),
		Closed: opt(w.ClosedAt), Reason: some(w.Reason), Comment: some(string(w.Comment)),
	}
	item.State, item.SubState = stateOf(w.Status)
	return item
}
