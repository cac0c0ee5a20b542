package workstream

import (
	"errors"
	"testing"

	"parley/domain"
)

func created(t *testing.T, channel, mode string, s Settings) (Created, error) {
	t.Helper()
	events, err := Create{ID: "w", Channel: channel, Mode: mode, Settings: s}.Decide(Workstream{})
	if err != nil {
		return Created{}, err
	}
	return events[0].(Created), nil
}

func TestAGT1_DefaultsByChannel(t *testing.T) {
	for _, c := range []struct {
		channel, mode                string
		units                        int
		open, engaged, wrap, waiting domain.Seconds
	}{
		{"chat", "live", 30, 20 * minute, 0, 15 * minute, 0},
		{"sms", "async", 20, 30 * day, 30 * day, day, 28 * day},
		{"facebook", "async", 20, 30 * day, 30 * day, day, 28 * day},
		{"record", "async", 20, 30 * day, 30 * day, day, 28 * day},
	} {
		e, err := created(t, c.channel, "", Settings{Name: "W", Queue: "q"})
		if err != nil {
			t.Fatal(err)
		}
		s := e.Settings
		if e.Mode != c.mode || s.Units != c.units || s.CloseOpen != c.open || s.CloseEngaged != c.engaged || s.CloseWrapUp != c.wrap || s.CloseWaiting != c.waiting ||
			s.Countdown != 120 || s.DeclineLimit != 3 || s.Block != domain.BlockAlways || s.Assignment != AssignPush {
			t.Errorf("%s is %s with %+v", c.channel, e.Mode, s)
		}
	}
}

func TestPER9_APersistentWorkstreamNeedsKeysAndTheSameAgent(t *testing.T) {
	whole := full
	for _, c := range []struct {
		name   string
		change func(*Settings)
		field  string
	}{
		{"without keys", func(s *Settings) { s.Keys = nil }, "keys"},
		{"without keep-same-agent", func(s *Settings) { s.KeepSameAgent = false }, "keepSameAgent"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := whole
			c.change(&s)
			_, atFirst := created(t, "chat", "persistent", s)
			w := Kind.Fold(Workstream{}, Created{Workstream: "w", Channel: "chat", Mode: "persistent", Settings: whole})
			_, later := Reconfigure{Settings: s}.Decide(w)
			for _, err := range []error{atFirst, later} {
				var refusal *domain.Error
				if !errors.Is(err, ErrNeedsSettings) || !errors.As(err, &refusal) || refusal.Field != c.field {
					t.Errorf("got %v, want a refusal that names %s", err, c.field)
				}
			}
		})
	}
	e, err := created(t, "chat", "persistent", Settings{Name: "W", Queue: "q", KeepSameAgent: true, Keys: full.Keys})
	if err != nil || e.Settings.CloseWaiting != 28*day || e.Settings.CloseOpen != 30*day || e.Settings.Units != 30 {
		t.Errorf("SES-5: got %+v, %v", e, err)
	}
}

func TestTimers_BoundsOfTheSettings(t *testing.T) {
	for _, c := range []struct {
		field  string
		change func(*Settings)
		ok     bool
	}{
		{"countdown", func(s *Settings) { s.Countdown = 9 }, false}, {"countdown", func(s *Settings) { s.Countdown = 10 }, true},
		{"countdown", func(s *Settings) { s.Countdown = 600 }, true}, {"countdown", func(s *Settings) { s.Countdown = 601 }, false},
		{"closeOpen", func(s *Settings) { s.CloseOpen = 59 }, false}, {"closeOpen", func(s *Settings) { s.CloseOpen = 90 * day }, true},
		{"closeOpen", func(s *Settings) { s.CloseOpen = 90*day + 1 }, false}, {"closeWrapUp", func(s *Settings) { s.CloseWrapUp = 1 }, false},
		{"closeWaiting", func(s *Settings) { s.CloseWaiting = day - 1 }, false}, {"closeWaiting", func(s *Settings) { s.CloseWaiting = 365 * day }, true},
		{"closeWaiting", func(s *Settings) { s.CloseWaiting = 365*day + 1 }, false},
		{"blockSeconds", func(s *Settings) { s.BlockSeconds = 29 }, false}, {"blockSeconds", func(s *Settings) { s.BlockSeconds = 30 }, true},
		{"blockSeconds", func(s *Settings) { s.BlockSeconds = 3601 }, false}, {"block", func(s *Settings) { s.Block = "sometimes" }, false},
		{"declineLimit", func(s *Settings) { s.DeclineLimit = 6 }, false}, {"declineLimit", func(s *Settings) { s.DeclineLimit = 5 }, true},
		{"units", func(s *Settings) { s.Units = -1 }, false}, {"assignment", func(s *Settings) { s.Assignment = "pull" }, false},
		{"name", func(s *Settings) { s.Name = "" }, false}, {"queue", func(s *Settings) { s.Queue = "" }, false},
		{"keys.alg", func(s *Settings) { s.Keys = []Key{{ID: "k", Algorithm: "HS256", PEM: "x"}} }, false},
	} {
		s := full
		c.change(&s)
		_, err := created(t, "chat", "persistent", s)
		var refusal *domain.Error
		if c.ok != (err == nil) || !c.ok && (!errors.As(err, &refusal) || refusal.Field != c.field) {
			t.Errorf("%s: got %v, allowed is %v", c.field, err, c.ok)
		}
	}
}

func TestPER2_ChannelAndModeAreFixedAtCreation(t *testing.T) {
	w := Kind.Fold(Workstream{}, Created{Workstream: "w", Channel: "chat", Mode: "live", Settings: full})
	exists := domain.Refuse("exists", "PER-2", "")
	for _, c := range []struct {
		channel, mode string
		err           error
	}{{"chat", "", nil}, {"chat", "live", nil}, {"chat", "persistent", exists}, {"sms", "", exists}, {"chat", "async", domain.Invalid("mode", "")},
		{"sms", "live", domain.Invalid("mode", "")}, {"fax", "", domain.Invalid("channel", "")}} {
		events, err := Create{ID: "w", Channel: c.channel, Mode: c.mode, Settings: full}.Decide(w)
		if len(events) > 0 || !errors.Is(err, c.err) && err != c.err {
			t.Errorf("%s %s: got %v, %v, want %v", c.channel, c.mode, events, err, c.err)
		}
	}
}

func TestAGT1_TermsAreTakenAtTheStart(t *testing.T) {
	w := Kind.Fold(Workstream{}, Created{Workstream: "w", Channel: "chat", Mode: "persistent", Settings: full})
	before := w.Terms()
	changed := full
	changed.Units = 50
	events, err := Reconfigure{Settings: changed}.Decide(w)
	if err != nil || len(events) != 1 {
		t.Fatalf("got %v, %v", events, err)
	}
	w = Kind.Fold(w, events...)
	if after := w.Terms(); before.Units != 30 || after.Units != 50 || after.Revision != before.Revision+1 || !after.Affinity || !after.Push {
		t.Errorf("before %+v, after %+v", before, after)
	}
	if again, err := (Reconfigure{Settings: changed}).Decide(w); len(again) > 0 || err != nil {
		t.Errorf("the same settings again record %v, %v", again, err)
	}
}
