package api

import (
	"context"

	"github.com/samber/lo"

	"parley/domain"
	"parley/domain/settings"
	"parley/domain/workstream"
	"parley/eventstore"
)

// ListTemplates tells how notifications look, for all scenarios (NOT-7).
func (s *Server) ListTemplates(ctx context.Context, r ListTemplatesRequestObject) (ListTemplatesResponseObject, error) {
	at, err := s.present(ctx, r.Params.After)
	if err != nil {
		return nil, err
	}
	answer := ListTemplates200JSONResponse{Position: s.at(ctx, at)}
	for _, scenario := range domain.Scenarios() {
		t, err := s.templateOf(ctx, scenario, lo.FromPtr(r.Params.Workstream))
		if err != nil {
			return nil, err
		}
		answer.Templates = append(answer.Templates, t)
	}
	return answer, nil
}

// PutTemplate changes how notifications of a scenario look and behave.
func (s *Server) PutTemplate(ctx context.Context, r PutTemplateRequestObject) (PutTemplateResponseObject, error) {
	b := r.Body
	orTrue := func(v *bool) bool { return v == nil || *v }
	t := domain.Template{
		Form: lo.FromPtr(b.Form), Title: lo.FromPtr(b.Title), Icon: lo.FromPtr(b.Icon), Countdown: domain.Seconds(lo.FromPtr(b.Countdown)),
		ShowCountdown: orTrue(b.ShowCountdown), AutoAssign: lo.FromPtr(b.AutoAssign), MayReject: orTrue(b.RejectAllowed),
		ShowSeconds: domain.Seconds(lo.FromPtr(b.ShowSeconds)), Desktop: lo.FromPtr(b.Desktop), Theme: lo.FromPtr(b.Theme),
	}
	if b.Fields == nil {
		usual, _ := domain.DefaultTemplate(r.Scenario)
		t.Fields = usual.Fields
	} else {
		t.Fields = lo.Map(*b.Fields, func(f TemplateField, _ int) domain.Field { return domain.Field{Label: f.Label, Value: f.Value} })
	}
	answer, err := s.setTemplate(ctx, r.Scenario, lo.FromPtr(r.Params.Workstream), &t)
	if err != nil {
		return nil, err
	}
	return PutTemplate200JSONResponse(answer), nil
}

// DropTemplate gives a scenario its default back.
func (s *Server) DropTemplate(ctx context.Context, r DropTemplateRequestObject) (DropTemplateResponseObject, error) {
	if _, known := domain.DefaultTemplate(r.Scenario); !known {
		_, err := domain.Template{}.Check(r.Scenario)
		return nil, err
	}
	answer, err := s.setTemplate(ctx, r.Scenario, lo.FromPtr(r.Params.Workstream), nil)
	if err != nil {
		return nil, err
	}
	return DropTemplate200JSONResponse(answer), nil
}

func (s *Server) setTemplate(ctx context.Context, scenario, stream string, t *domain.Template) (NotificationTemplate, error) {
	var at Position
	var err error
	if stream == "" {
		_, at, err = change(ctx, s, &settings.Kind, settings.Only, settings.SetTemplate{Scenario: scenario, Template: t})
	} else {
		_, at, err = change(ctx, s, &workstream.Kind, stream, workstream.SetTemplate{Scenario: scenario, Template: t})
	}
	if err != nil {
		return NotificationTemplate{}, err
	}
	shown, err := s.templateOf(ctx, scenario, stream)
	shown.Position = &at
	return shown, err
}

// templateOf gives the template in force, and where it comes from.
func (s *Server) templateOf(ctx context.Context, scenario, stream string) (NotificationTemplate, error) {
	t, known := domain.DefaultTemplate(scenario)
	from := "default"
	if !known {
		return NotificationTemplate{}, domain.Invalid("scenario", "there is no such scenario: the list of templates names them all")
	}
	err := eventstore.Look(ctx, s.engine, &settings.Kind, settings.Only, func(now settings.Settings, _ eventstore.Revision) {
		if own, ok := now.Templates[scenario]; ok {
			t, from = own, "organisation"
		}
	})
	if err != nil {
		return NotificationTemplate{}, err
	}
	if stream != "" {
		unknown := false
		err = eventstore.Look(ctx, s.engine, &workstream.Kind, stream, func(w workstream.Workstream, _ eventstore.Revision) {
			unknown = w.ID == ""
			if own, ok := w.Templates[scenario]; ok {
				t, from = own, "workstream"
			}
		})
		if err == nil && unknown {
			err = workstream.ErrUnknown.On("workstream")
		}
	}
	return NotificationTemplate{Scenario: scenario, From: from, Workstream: some(stream), Template: shownTemplate(t)}, err
}

// shownTemplate is a template as the API shows it.
func shownTemplate(t domain.Template) RaisedTemplate {
	return RaisedTemplate{
		Form: t.Form, Title: t.Title, Icon: t.Icon, Countdown: opt(int64(t.Countdown)), ShowCountdown: t.ShowCountdown, AutoAssign: t.AutoAssign,
		RejectAllowed: t.MayReject, ShowSeconds: int64(t.ShowSeconds), Desktop: t.Desktop, Theme: t.Theme,
		Fields: lo.Map(t.Fields, func(f domain.Field, _ int) TemplateField { return TemplateField{Label: f.Label, Value: f.Value} }),
	}
}

// templateShape is a template as feeds tell it.
func templateShape(t *domain.Template) any {
	if t == nil {
		return ""
	}
	return shownTemplate(*t)
}
