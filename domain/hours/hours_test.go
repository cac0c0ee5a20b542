package hours

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"parley/domain"
	"parley/domain/spec"
)

func berlin(t testing.TB) *time.Location {
	t.Helper()
	z, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skip("no time zones on this machine: install tzdata")
	}
	return z
}

// office is open from 9 to 17 from Monday to Friday, on Saturday from 22 to
// midnight and on Sunday from midnight to 4, but not at Christmas.
func office() Hours {
	h := Hours{ID: "office", Zone: "Europe/Berlin", Holidays: []Holiday{
		{Date: "2026-12-24", Hours: []Part{{From: 540, To: 720}}}, {Date: "2026-12-25", Name: "Christmas"},
	}}
	for d := time.Monday; d <= time.Friday; d++ {
		h.Weekly = append(h.Weekly, Span{Day: d, From: 540, To: 1020})
	}
	h.Weekly = append(h.Weekly, Span{Day: time.Saturday, From: 1320, To: 1440}, Span{Day: time.Sunday, From: 0, To: 240})
	return h
}

func TestCON7_OpenAndUntilWhen(t *testing.T) {
	z := berlin(t)
	for _, c := range []struct {
		name, at string
		open     bool
		until    string
	}{
		{"a moment before", "2026-05-04 08:59", false, "2026-05-04 09:00"},
		{"at opening time", "2026-05-04 09:00", true, "2026-05-04 17:00"},
		{"at noon", "2026-05-04 12:00", true, "2026-05-04 17:00"},
		{"at closing time", "2026-05-04 17:00", false, "2026-05-05 09:00"},
		{"Friday evening", "2026-05-08 18:00", false, "2026-05-09 22:00"},
		{"over midnight it is one stretch", "2026-05-09 23:00", true, "2026-05-10 04:00"},
		{"after midnight", "2026-05-10 03:59", true, "2026-05-10 04:00"},
		{"Christmas Eve until noon", "2026-12-24 10:00", true, "2026-12-24 12:00"},
		{"Christmas is closed, and so the weekend begins", "2026-12-24 13:00", false, "2026-12-26 22:00"},
		{"on the day the clocks go forward", "2026-03-29 01:00", true, "2026-03-29 04:00"},
		{"on the day the clocks go back", "2026-10-25 01:00", true, "2026-10-25 04:00"},
	} {
		t.Run(c.name, func(t *testing.T) {
			at, err := time.ParseInLocation("2006-01-02 15:04", c.at, z)
			if err != nil {
				t.Fatal(err)
			}
			open, until := office().At(z, at)
			if got := until.In(z).Format("2006-01-02 15:04"); open != c.open || got != c.until {
				t.Errorf("open %v until %s, want %v until %s", open, got, c.open, c.until)
			}
		})
	}
	t.Run("the day of 23 hours and the one of 25 are as long as the clocks say", func(t *testing.T) {
		all := Hours{Weekly: []Span{{Day: time.Sunday, From: 0, To: 240}}}
		for date, hours := range map[string]time.Duration{"2026-03-29": 3, "2026-10-25": 5, "2026-05-10": 4} {
			begins, err := time.ParseInLocation(time.DateOnly, date, z)
			if err != nil {
				t.Fatal(err)
			}
			open, until := all.At(z, begins)
			if !open || until.Sub(begins) != hours*time.Hour {
				t.Errorf("%s: open %v for %s, want %d hours", date, open, until.Sub(begins), hours)
			}
		}
	})
	t.Run("a stretch inside the hour that is left out is not there", func(t *testing.T) {
		gap := Hours{Weekly: []Span{{Day: time.Sunday, From: 130, To: 170}}} // 2:10 to 2:50
		at := time.Date(2026, 3, 29, 0, 0, 0, 0, z)
		open, until := gap.At(z, at)
		if got := until.In(z).Format("2006-01-02 15:04"); open || got != "2026-04-05 02:10" {
			t.Errorf("open %v until %s", open, got)
		}
	})
	t.Run("in the doubled hour it is open both times", func(t *testing.T) {
		double := Hours{Weekly: []Span{{Day: time.Sunday, From: 120, To: 180}}}
		first := time.Date(2026, 10, 25, 0, 30, 0, 0, time.UTC) // 2:30 in summer
		for _, at := range []time.Time{first, first.Add(time.Hour)} {
			if open, _ := double.At(z, at); !open {
				t.Errorf("closed at %s", at.In(z))
			}
		}
	})
	t.Run("around the clock is for ever, and never is never", func(t *testing.T) {
		var always Hours
		for d := time.Sunday; d <= time.Saturday; d++ {
			always.Weekly = append(always.Weekly, Span{Day: d, To: 1440})
		}
		if open, until := always.At(z, time.Now()); !open || !until.IsZero() {
			t.Errorf("open %v until %s", open, until)
		}
		if open, until := (Hours{}).At(z, time.Now()); open || !until.IsZero() {
			t.Errorf("open %v until %s", open, until)
		}
	})
}

// TestCON7_TheNextChangeIsOne holds the arithmetic against looking at each minute.
func TestCON7_TheNextChangeIsOne(t *testing.T) {
	z := berlin(t)
	rapid.Check(t, func(t *rapid.T) {
		var h Hours
		for d := time.Sunday; d <= time.Saturday; d++ {
			from := rapid.IntRange(0, 1439).Draw(t, "from")
			if rapid.Bool().Draw(t, "open that day") {
				h.Weekly = append(h.Weekly, Span{Day: d, From: from, To: rapid.IntRange(from+1, 1440).Draw(t, "to")})
			}
		}
		at := time.Date(2026, time.Month(rapid.SampledFrom([]int{3, 10}).Draw(t, "month")), rapid.IntRange(20, 31).Draw(t, "day"),
			rapid.IntRange(0, 23).Draw(t, "hour"), rapid.IntRange(0, 59).Draw(t, "minute"), 0, 0, z)
		open, until := h.At(z, at)
		for step, n := at, 0; n < 3*1440 && (until.IsZero() || step.Before(until)); step, n = step.Add(time.Minute), n+1 {
			if now, _ := h.At(z, step); now != open {
				t.Fatalf("%v at %s and until %s, but %v at %s: %+v", open, at, until, now, step, h.Weekly)
			}
		}
		if !until.IsZero() {
			if now, _ := h.At(z, until); now == open || !until.After(at) {
				t.Fatalf("%v at %s until %s, and then again: %+v", open, at, until, h.Weekly)
			}
		}
	})
}

func TestCON7_HoursAreChecked(t *testing.T) {
	good := Configure{ID: "office", Name: "Office", Zone: "Europe/Berlin", Weekly: []Span{{Day: 2, From: 540, To: 1020}, {Day: 1, From: 780, To: 1020}, {Day: 1, From: 540, To: 720}}}
	with := func(change func(*Configure)) Configure {
		c := good
		change(&c)
		return c
	}
	set := Set{Hours: "office", Name: "Office", Zone: "Europe/Berlin", Weekly: []Span{{Day: 1, From: 540, To: 720}, {Day: 1, From: 780, To: 1020}, {Day: 2, From: 540, To: 1020}}}
	spec.Run(t, &Kind, []spec.Case[Hours, Event]{
		{Name: "they are set, in order", When: good, Then: []Event{set}},
		{Name: "the same again is no news", Given: []Event{set}, When: good},
		{Name: "no zone", When: with(func(c *Configure) { c.Zone = "" }), Err: domain.Invalid("zone", "")},
		{Name: "two overlap", When: with(func(c *Configure) { c.Weekly = []Span{{Day: 1, From: 540, To: 720}, {Day: 1, From: 719, To: 800}} }), Err: domain.Invalid("weekly", "")},
		{Name: "it ends before it begins", When: with(func(c *Configure) { c.Weekly = []Span{{Day: 1, From: 540, To: 540}} }), Err: domain.Invalid("weekly", "")},
		{Name: "past midnight", When: with(func(c *Configure) { c.Weekly = []Span{{Day: 1, From: 1320, To: 1500}} }), Err: domain.Invalid("weekly", "")},
		{Name: "no such date", When: with(func(c *Configure) { c.Holidays = []Holiday{{Date: "2026-02-30"}} }), Err: domain.Invalid("holidays.date", "")},
		{Name: "a date twice", When: with(func(c *Configure) { c.Holidays = []Holiday{{Date: "2026-02-03"}, {Date: "2026-02-03"}} }), Err: domain.Invalid("holidays.date", "")},
	})
}
