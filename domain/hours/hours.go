// Package hours is the operating hours of queues and widgets: weekly hours, a
// time zone, holidays (CON-7). It is pure calendar arithmetic: the caller gives
// the instant and the zone.
package hours

import (
	"slices"
	"strings"
	"time"

	"parley/domain"
)

// Hours is what a decision needs to know.
type Hours struct {
	ID       string    `json:"id,omitempty"`
	Name     string    `json:"name,omitempty"`
	Zone     string    `json:"zone,omitempty"` // such as Europe/Berlin
	Weekly   []Span    `json:"weekly,omitempty"`
	Holidays []Holiday `json:"holidays,omitempty"`
}

// Span is a stretch of one weekday, in minutes from its midnight: 540 to 1020
// is 9 to 17 o'clock. One that goes on past midnight is two.
type Span struct {
	Day  time.Weekday `json:"day"` // 0 is Sunday
	From int          `json:"from"`
	To   int          `json:"to"` // 1440 is the end of the day
}

// Holiday is a date with hours of its own; without any it is closed.
type Holiday struct {
	Date  string `json:"date"` // 2026-12-25
	Name  string `json:"name,omitempty"`
	Hours []Part `json:"hours,omitempty"`
}

// Part is a stretch of a holiday, in minutes from its midnight.
type Part struct {
	From int `json:"from"`
	To   int `json:"to"`
}

const minutesOfADay = 24 * 60

// Event is something that happened to operating hours.
type Event interface{ apply(*Hours) }

// Kind is every name this package has ever written to disk.
var Kind = domain.Kind[Hours, Event]{
	Name:  "hours",
	Apply: func(h *Hours, e Event) { e.apply(h) },
	Names: domain.Names[Event]{
		"hours.set":             Set{},
		"hours.carried_forward": CarriedForward{},
	},
	Carry: func(h Hours) Event { return CarriedForward{State: h} },
}

// CarriedForward is the whole state.
type CarriedForward struct {
	State Hours `json:"state"`
}

func (e CarriedForward) apply(h *Hours) { *h = e.State }

// ErrUnknown refuses hours that were never set.
var ErrUnknown = domain.Refuse("hours_unknown", "CON-7", "there are no such operating hours: set them first")

// Configure makes operating hours known, or changes them. Whoever asks has
// looked that the zone exists.
type Configure struct {
	ID       string
	Name     string
	Zone     string
	Weekly   []Span
	Holidays []Holiday
}

// Decide keeps spans in order and refuses those that overlap.
func (cmd Configure) Decide(h Hours) ([]Event, error) {
	set := Set{Hours: cmd.ID, Name: cmd.Name, Zone: cmd.Zone, Weekly: slices.Clone(cmd.Weekly)}
	for _, d := range cmd.Holidays {
		d.Hours = slices.Clone(d.Hours)
		slices.SortFunc(d.Hours, func(a, b Part) int { return a.From - b.From })
		set.Holidays = append(set.Holidays, d)
	}
	slices.SortFunc(set.Weekly, func(a, b Span) int {
		if a.Day != b.Day {
			return int(a.Day) - int(b.Day)
		}
		return a.From - b.From
	})
	slices.SortStableFunc(set.Holidays, func(a, b Holiday) int { return strings.Compare(a.Date, b.Date) })
	if err := set.check(); err != nil {
		return nil, err
	}
	if h.ID == set.Hours && h.Name == set.Name && h.Zone == set.Zone && slices.Equal(h.Weekly, set.Weekly) &&
		slices.EqualFunc(h.Holidays, set.Holidays, func(a, b Holiday) bool {
			return a.Date == b.Date && a.Name == b.Name && slices.Equal(a.Hours, b.Hours)
		}) {
		return nil, nil
	}
	return []Event{set}, nil
}

func (e Set) check() error {
	switch {
	case !domain.ValidID(e.Hours):
		return domain.Invalid("id", "the id of operating hours has 1 to 64 letters, digits, dots, dashes or underscores")
	case domain.Blank(e.Name) || len([]rune(e.Name)) > 100:
		return domain.Invalid("name", "operating hours have a name of 1 to 100 characters")
	case e.Zone == "" || len(e.Zone) > 64:
		return domain.Invalid("zone", "give a time zone, such as Europe/Berlin")
	case len(e.Weekly) > 100:
		return domain.Invalid("weekly", "100 stretches a week at most")
	case len(e.Holidays) > 500:
		return domain.Invalid("holidays", "500 holidays at most")
	}
	for i, s := range e.Weekly {
		switch {
		case s.Day < time.Sunday || s.Day > time.Saturday:
			return domain.Invalid("weekly.day", "a day is 0 (Sunday) to 6 (Saturday)")
		case s.From < 0 || s.From >= s.To || s.To > minutesOfADay:
			return domain.Invalid("weekly", "a stretch goes from a minute of its day to a later one, 1440 at most")
		case i > 0 && e.Weekly[i-1].Day == s.Day && e.Weekly[i-1].To > s.From:
			return domain.Invalid("weekly", "two stretches of a day overlap")
		}
	}
	for i, d := range e.Holidays {
		if _, err := time.Parse(time.DateOnly, d.Date); err != nil {
			return domain.Invalid("holidays.date", "give a date such as 2026-12-25")
		}
		switch {
		case i > 0 && e.Holidays[i-1].Date == d.Date:
			return domain.Invalid("holidays.date", "a date is named once")
		case len([]rune(d.Name)) > 100:
			return domain.Invalid("holidays.name", "a holiday's name has 100 characters at most")
		case len(d.Hours) > 10:
			return domain.Invalid("holidays.hours", "10 stretches a holiday at most")
		}
		for j, p := range d.Hours {
			if p.From < 0 || p.From >= p.To || p.To > minutesOfADay || j > 0 && d.Hours[j-1].To > p.From {
				return domain.Invalid("holidays.hours", "stretches go from a minute of the day to a later one, and do not overlap")
			}
		}
	}
	return nil
}

// Set says how the hours are from now on.
type Set struct {
	Hours    string    `json:"hours"`
	Name     string    `json:"name"`
	Zone     string    `json:"zone"`
	Weekly   []Span    `json:"weekly,omitempty"`
	Holidays []Holiday `json:"holidays,omitempty"`
}

func (e Set) apply(h *Hours) {
	*h = Hours{ID: e.Hours, Name: e.Name, Zone: e.Zone, Weekly: e.Weekly, Holidays: e.Holidays}
}
