package api

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/samber/lo"

	"parley/domain"
	"parley/domain/hours"
	"parley/eventstore"
	"parley/projections"
)

var weekdays = []WeeklyHoursDay{"sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"}

// PutHours sets operating hours (CON-7).
func (s *Server) PutHours(ctx context.Context, r PutHoursRequestObject) (PutHoursResponseObject, error) {
	if _, err := zone(r.Body.Zone); err != nil {
		return nil, err
	}
	cmd := hours.Configure{ID: r.Hours, Name: r.Body.Name, Zone: r.Body.Zone}
	for _, w := range lo.FromPtr(r.Body.Weekly) {
		from, to, err := stretch("weekly", w.From, w.To)
		if err != nil {
			return nil, err
		}
		day := slices.Index(weekdays, w.Day)
		if day < 0 {
			return nil, domain.Invalid("weekly.day", "give a day such as monday, in English and small letters")
		}
		cmd.Weekly = append(cmd.Weekly, hours.Span{Day: time.Weekday(day), From: from, To: to})
	}
	for _, d := range lo.FromPtr(r.Body.Holidays) {
		day := hours.Holiday{Date: d.Date, Name: lo.FromPtr(d.Name)}
		for _, p := range lo.FromPtr(d.Hours) {
			from, to, err := stretch("holidays.hours", p.From, p.To)
			if err != nil {
				return nil, err
			}
			day.Hours = append(day.Hours, hours.Part{From: from, To: to})
		}
		cmd.Holidays = append(cmd.Holidays, day)
	}
	h, at, err := change(ctx, s, &hours.Kind, r.Hours, cmd)
	if err != nil {
		return nil, err
	}
	answer := s.shownHours(h)
	answer.Position = &at
	return PutHours200JSONResponse(answer), nil
}

// zone finds a time zone by its name.
func zone(name string) (*time.Location, error) {
	z, err := time.LoadLocation(name)
	if err != nil || name == "" || name == "Local" {
		return nil, domain.Invalid("zone", "give a time zone, such as Europe/Berlin")
	}
	return z, nil
}

// stretch reads two times of a day in minutes.
func stretch(field, from, to string) (int, int, error) {
	begins, err := minute(field, from)
	if err != nil {
		return 0, 0, err
	}
	ends, err := minute(field, to)
	return begins, ends, err
}

func minute(field, text string) (int, error) {
	if text == "24:00" {
		return 24 * 60, nil
	}
	at, err := time.Parse("15:04", text)
	if err != nil || len(text) != len("15:04") {
		return 0, domain.Invalid(field, "give times such as 09:00 and 17:30; 24:00 is the end of the day")
	}
	return at.Hour()*60 + at.Minute(), nil
}

func clockTime(minutes int) string { return fmt.Sprintf("%02d:%02d", minutes/60, minutes%60) }

// GetHours tells one set of operating hours.
func (s *Server) GetHours(ctx context.Context, r GetHoursRequestObject) (GetHoursResponseObject, error) {
	h, at, err := stateNow(ctx, s, &hours.Kind, r.Hours, r.Params.After)
	switch {
	case err != nil:
		return nil, err
	case h.ID == "":
		return nil, hours.ErrUnknown
	}
	answer := s.shownHours(h)
	answer.Position = &at
	return GetHours200JSONResponse(answer), nil
}

// ListHours lists all operating hours.
func (s *Server) ListHours(ctx context.Context, r ListHoursRequestObject) (ListHoursResponseObject, error) {
	after, err := s.after(r.Params.After)
	if err != nil {
		return nil, err
	}
	rows, at, err := s.opts.Views.Hours(ctx, after)
	if err != nil {
		return nil, err
	}
	return ListHours200JSONResponse{Position: s.at(ctx, at), Hours: lo.Map(rows, func(h projections.HoursRow, _ int) Hours { return s.shownHours(h.Hours) })}, nil
}

// shownHours are operating hours as the API shows them.
func (s *Server) shownHours(h hours.Hours) Hours {
	a := Hours{Id: h.ID, Name: h.Name, Zone: h.Zone, Weekly: []WeeklyHours{}, Holidays: []Holiday{}}
	for _, w := range h.Weekly {
		a.Weekly = append(a.Weekly, WeeklyHours{Day: weekdays[w.Day], From: clockTime(w.From), To: clockTime(w.To)})
	}
	for _, d := range h.Holidays {
		a.Holidays = append(a.Holidays, Holiday{Date: d.Date, Name: some(d.Name), Hours: optList(lo.Map(d.Hours, func(p hours.Part, _ int) HoursPart {
			return HoursPart{From: clockTime(p.From), To: clockTime(p.To)}
		}))})
	}
	if z, err := zone(h.Zone); err == nil {
		var until time.Time
		a.Open, until = h.At(z, s.now())
		a.Until = opt(until.UTC())
		if until.IsZero() {
			a.Until = nil
		}
	}
	return a
}

// openNow tells whether operating hours are open at a time, and until when; none
// are round the clock.
func (s *Server) openNow(ctx context.Context, id string, at time.Time) (open bool, until time.Time, err error) {
	if id == "" {
		return true, time.Time{}, nil
	}
	h, _, err := eventstore.Load(ctx, s.engine, &hours.Kind, id)
	if err != nil || h.ID == "" {
		return true, time.Time{}, err
	}
	z, err := zone(h.Zone)
	if err != nil {
		return true, time.Time{}, nil // checked when it was set
	}
	open, until = h.At(z, at)
	return open, until, nil
}

// knownHours refuses operating hours that were never set.
func (s *Server) knownHours(ctx context.Context, id string) error {
	if id == "" || !domain.ValidID(id) {
		return nil
	}
	h, _, err := eventstore.Load(ctx, s.engine, &hours.Kind, id)
	if err == nil && h.ID == "" {
		err = hours.ErrUnknown.On("hours")
	}
	return err
}
