package api

import (
	"context"

	"github.com/samber/lo"

	"parley/domain"
	"parley/domain/widget"
	"parley/domain/workstream"
	"parley/eventstore"
	"parley/projections"
)

// PutWidget creates or changes a widget.
func (s *Server) PutWidget(ctx context.Context, r PutWidgetRequestObject) (PutWidgetResponseObject, error) {
	if domain.ValidID(r.Body.Workstream) {
		w, _, err := eventstore.Load(ctx, s.engine, &workstream.Kind, r.Body.Workstream)
		if err != nil {
			return nil, err
		}
		if w.ID == "" {
			return nil, workstream.ErrUnknown.On("workstream")
		}
	}
	if err := s.knownHours(ctx, lo.FromPtr(r.Body.Hours)); err != nil {
		return nil, err
	}
	w, at, err := change(ctx, s, &widget.Kind, r.Widget, widget.Configure{
		ID: r.Widget, Workstream: r.Body.Workstream, Proactive: lo.FromPtr(r.Body.Proactive), Origins: lo.FromPtr(r.Body.Origins), Hours: lo.FromPtr(r.Body.Hours),
	})
	if err != nil {
		return nil, err
	}
	return PutWidget200JSONResponse(shownWidget(w, at)), nil
}

// GetWidget tells where a widget leads.
func (s *Server) GetWidget(ctx context.Context, r GetWidgetRequestObject) (GetWidgetResponseObject, error) {
	w, at, err := stateNow(ctx, s, &widget.Kind, r.Widget, r.Params.After)
	switch {
	case err != nil:
		return nil, err
	case w.ID == "":
		return nil, widget.ErrUnknown
	}
	return GetWidget200JSONResponse(shownWidget(w, at)), nil
}

// ListWidgets lists all widgets.
func (s *Server) ListWidgets(ctx context.Context, r ListWidgetsRequestObject) (ListWidgetsResponseObject, error) {
	after, err := s.after(r.Params.After)
	if err != nil {
		return nil, err
	}
	rows, at, err := s.opts.Views.Widgets(ctx, after)
	if err != nil {
		return nil, err
	}
	return ListWidgets200JSONResponse{Position: s.at(ctx, at), Widgets: lo.Map(rows, func(w projections.WidgetRow, _ int) Widget {
		return Widget{Id: w.ID, Workstream: w.Workstream, Proactive: w.Proactive, Origins: list(w.Origins), Hours: some(w.Hours)}
	})}, nil
}

// shownWidget is a widget as the API shows it.
func shownWidget(w widget.Widget, at Position) Widget {
	return Widget{Id: w.ID, Workstream: w.Workstream, Proactive: w.Proactive, Origins: list(w.Origins), Hours: some(w.Hours), Position: &at}
}
