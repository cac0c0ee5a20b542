package api

import (
	"context"

	"github.com/samber/lo"

	"parley/domain"
	"parley/domain/agent"
	"parley/domain/profile"
	"parley/domain/settings"
	"parley/eventstore"
	"parley/projections"
)

// PutProfile sets a capacity profile (AGT-3).
func (s *Server) PutProfile(ctx context.Context, r PutProfileRequestObject) (PutProfileResponseObject, error) {
	if r.Body.Reset != nil && *r.Body.Reset != ProfileSetupResetAtOnce && *r.Body.Reset != ProfileSetupResetEndOfDay {
		return nil, domain.Invalid("reset", "give at_once or end_of_day")
	}
	p, at, err := change(ctx, s, &profile.Kind, r.Profile, profile.Configure{
		ID: r.Profile, Name: r.Body.Name, Limit: r.Body.Limit, Blocking: lo.FromPtr(r.Body.Blocking),
		Daily: lo.FromPtr(r.Body.Reset) == ProfileSetupResetEndOfDay,
	})
	if err != nil {
		return nil, err
	}
	answer := shownProfile(p)
	answer.Position = &at
	return PutProfile200JSONResponse(answer), nil
}

// ListProfiles lists all capacity profiles.
func (s *Server) ListProfiles(ctx context.Context, r ListProfilesRequestObject) (ListProfilesResponseObject, error) {
	after, err := s.after(r.Params.After)
	if err != nil {
		return nil, err
	}
	rows, at, err := s.opts.Views.Profiles(ctx, after)
	if err != nil {
		return nil, err
	}
	return ListProfiles200JSONResponse{Position: s.at(ctx, at), Profiles: lo.Map(rows, func(p projections.ProfileRow, _ int) Profile {
		return shownProfile(profile.Profile{ID: p.ID, Name: p.Name, Limit: p.Limit, Daily: p.Daily, Blocking: p.Blocking})
	})}, nil
}

func shownProfile(p profile.Profile) Profile {
	a := Profile{Id: p.ID, Name: p.Name, Limit: p.Limit, Blocking: p.Blocking, Reset: ProfileResetAtOnce}
	if p.Daily {
		a.Reset = ProfileResetEndOfDay
	}
	return a
}

// SetAgentProfiles says by which capacity profiles an agent works.
func (s *Server) SetAgentProfiles(ctx context.Context, r SetAgentProfilesRequestObject) (SetAgentProfilesResponseObject, error) {
	for id := range r.Body.Profiles {
		if err := s.knownProfile(ctx, id, "profiles"); err != nil {
			return nil, err
		}
	}
	answer, err := s.setUpAgent(ctx, r.Agent, agent.SetProfiles{Profiles: r.Body.Profiles})
	if err != nil {
		return nil, err
	}
	return SetAgentProfiles200JSONResponse(answer), nil
}

// knownProfile refuses a capacity profile that was never set.
func (s *Server) knownProfile(ctx context.Context, id, field string) error {
	if id == "" || !domain.ValidID(id) {
		return nil
	}
	p, _, err := eventstore.Load(ctx, s.engine, &profile.Kind, id)
	if err == nil && p.ID == "" {
		err = profile.ErrUnknown.On(field)
	}
	return err
}

// PutSettings changes what holds for the whole organisation.
func (s *Server) PutSettings(ctx context.Context, r PutSettingsRequestObject) (PutSettingsResponseObject, error) {
	now, at, err := change(ctx, s, &settings.Kind, settings.Only, settings.Change{
		Grace:     domain.Seconds(lo.FromPtr(r.Body.GraceSeconds)),
		Sentiment: lo.FromPtr(r.Body.SentimentThreshold),
		Presences: lo.Map(lo.FromPtr(r.Body.Presences), func(p CustomPresence, _ int) settings.Presence {
			return settings.Presence{ID: p.Id, Name: p.Name, Base: p.Base}
		}),
	})
	if err != nil {
		return nil, err
	}
	return PutSettings200JSONResponse(shownSettings(now, at)), nil
}

// GetSettings tells what holds for the whole organisation.
func (s *Server) GetSettings(ctx context.Context, r GetSettingsRequestObject) (GetSettingsResponseObject, error) {
	now, at, err := stateNow(ctx, s, &settings.Kind, settings.Only, r.Params.After)
	if err != nil {
		return nil, err
	}
	return GetSettings200JSONResponse(shownSettings(now, at)), nil
}

func shownSettings(s settings.Settings, at Position) Settings {
	grace := s.Grace
	if grace == 0 {
		grace = agent.Grace
	}
	threshold := SentimentThreshold(domain.ThresholdName(s.Threshold()))
	return Settings{Position: at, GraceSeconds: int64(grace), SentimentThreshold: threshold, Presences: lo.Map(s.Presences, func(p settings.Presence, _ int) CustomPresence {
		return CustomPresence{Id: p.ID, Name: p.Name, Base: p.Base}
	})}
}

// presenceOf finds the base presence of what an administrator or agent names.
func (s *Server) presenceOf(ctx context.Context, id, field string) (base agent.Presence, custom string, err error) {
	now, _, err := eventstore.Load(ctx, s.engine, &settings.Kind, settings.Only)
	if err != nil {
		return "", "", err
	}
	b, custom, known := now.Base(id)
	if !known {
		return "", "", domain.Invalid(field, "give available, busy, do_not_disturb, away, offline, or a presence of the organisation's own")
	}
	return agent.Presence(b), custom, nil
}
