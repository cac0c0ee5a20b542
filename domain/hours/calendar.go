package hours

import "time"

// ahead is how many days are looked through for the next change: hours that do
// not change within a year do not change.
const ahead = 370

// At tells whether it is open at an instant, and until when that lasts; the zero
// time is for ever. The zone is the one the hours name. Where a clock is put
// forward a stretch that lies in the gap is not there; where it is put back a
// stretch in the doubled hour is open through both.
func (h Hours) At(zone *time.Location, t time.Time) (open bool, until time.Time) {
	local := t.In(zone)
	year, month, day := local.Date()
	// A stretch of yesterday never reaches past its midnight, so today is enough
	// to begin with.
	for i := range ahead {
		for _, p := range h.day(zone, year, month, day+i) {
			begins, ends := wall(zone, year, month, day+i, p.From), wall(zone, year, month, day+i, p.To)
			switch {
			case !begins.Before(ends), !ends.After(t): // not there that day, or over
			case open && begins.After(until):
				return true, until
			case open:
				until = ends // it goes on where the last one ended
			case begins.After(t):
				return false, begins
			default:
				open, until = true, ends
			}
		}
		if next := wall(zone, year, month, day+i+1, 0); open && until.Before(next) {
			return true, until
		}
	}
	return open, time.Time{}
}

// day gives the stretches of a date.
func (h Hours) day(zone *time.Location, year int, month time.Month, day int) []Part {
	noon := time.Date(year, month, day, 12, 0, 0, 0, zone)
	date := noon.Format(time.DateOnly)
	for _, d := range h.Holidays {
		if d.Date == date {
			return d.Hours
		}
	}
	var parts []Part
	for _, s := range h.Weekly {
		if s.Day == noon.Weekday() {
			parts = append(parts, Part{From: s.From, To: s.To})
		}
	}
	return parts
}

// wall is the instant at which the clocks on the walls show a minute of a date.
// Of a minute that is there twice it is the first; of one that is left out, the
// moment of the leap.
func wall(zone *time.Location, year int, month time.Month, day, minute int) time.Time {
	t := time.Date(year, month, day, minute/60, minute%60, 0, 0, zone)
	if h, m := t.Hour(), t.Minute(); h*60+m != minute%minutesOfADay {
		// The clocks skip it: the leap is where the offset changes.
		begins, ends := t.ZoneBounds()
		if !begins.IsZero() && t.Sub(begins) < 3*time.Hour {
			return begins
		}
		if !ends.IsZero() && ends.Sub(t) < 3*time.Hour {
			return ends
		}
	}
	if begins, _ := t.ZoneBounds(); !begins.IsZero() && t.Sub(begins) < 3*time.Hour {
		before := begins.Add(-time.Nanosecond)
		_, was := before.Zone()
		_, is := t.Zone()
		if first := t.Add(-time.Duration(was-is) * time.Second); was > is && first.Before(begins) {
			return first // the hour is there twice: this was its second time
		}
	}
	return t
}
