package workstream

import (
	"slices"
	"strconv"

	"parley/domain"
)

const (
	minute = domain.Seconds(60)
	day    = 24 * 60 * minute
)

// complete fills in the defaults of product.md §11 and checks the bounds.
func (s Settings) complete(mode string) (Settings, error) {
	orElse := func(value *domain.Seconds, otherwise domain.Seconds) {
		if *value == 0 {
			*value = otherwise
		}
	}
	orElse(&s.Countdown, 120)
	if mode == domain.ModeLive {
		orElse(&s.CloseOpen, 20*minute)
		orElse(&s.CloseWrapUp, 15*minute)
	} else {
		orElse(&s.CloseOpen, 30*day)
		orElse(&s.CloseWrapUp, day)
		orElse(&s.CloseWaiting, 28*day)
	}
	if mode == domain.ModeAsync {
		orElse(&s.CloseEngaged, 30*day)
	}
	if s.Assignment == "" {
		s.Assignment = AssignPush
	}
	if s.Block == "" {
		s.Block = domain.BlockAlways
	}
	if s.DeclineLimit == 0 {
		s.DeclineLimit = 3
	}
	return s, s.check(mode)
}

func (s Settings) check(mode string) error {
	within := func(field string, value, least, most domain.Seconds, says string) error {
		if value != 0 && (value < least || value > most) {
			return domain.Invalid(field, says)
		}
		return nil
	}
	for _, err := range []error{
		within("countdown", s.Countdown, 10, 10*minute, "a countdown lasts 10 seconds to 10 minutes"),
		within("closeOpen", s.CloseOpen, minute, 90*day, "open conversations close after 1 minute to 90 days"),
		within("closeEngaged", s.CloseEngaged, minute, 90*day, "engaged conversations close after 1 minute to 90 days"),
		within("closeWrapUp", s.CloseWrapUp, minute, 90*day, "wrap-up closes after 1 minute to 90 days"),
		within("closeWaiting", s.CloseWaiting, day, 365*day, "waiting conversations close after 1 to 365 days"),
	} {
		if err != nil {
			return err
		}
	}
	switch {
	case domain.Blank(s.Name) || len([]rune(s.Name)) > 100:
		return domain.Invalid("name", "a workstream has a name of 1 to 100 characters")
	case !domain.ValidID(s.Queue):
		return domain.Invalid("queue", "give the id of the queue its conversations go to")
	case s.Assignment != AssignPush && s.Assignment != AssignPick:
		return domain.Invalid("assignment", "give push or pick")
	case s.Units < 0 || s.Units > 10000:
		return domain.Invalid("units", "a conversation costs 1 to 10,000 units")
	case s.Block != domain.BlockAlways && s.Block != domain.BlockNever && s.Block != domain.BlockFor:
		return domain.Invalid("block", "give always, never or for")
	case s.Block == domain.BlockFor && (s.BlockSeconds < 30 || s.BlockSeconds > 60*minute):
		return domain.Invalid("blockSeconds", "wrap-up blocks for 30 seconds to 60 minutes")
	case s.DeclineLimit < 1 || s.DeclineLimit > 5:
		return domain.Invalid("declineLimit", "give 1 to 5")
	case s.Profile != "" && !domain.ValidID(s.Profile):
		return domain.Invalid("profile", "give the id of a capacity profile")
	case s.KeepSameAgent && s.FreshAgent:
		return domain.Invalid("keepSameAgent", "keep the same agent, or do not")
	case len(s.Presences) > 5:
		return domain.Invalid("presences", "5 presences at most")
	case slices.ContainsFunc(s.Presences, func(p string) bool { return !slices.Contains(offering, p) }):
		return domain.Invalid("presences", "give available, busy, do_not_disturb or away: nobody is offered anything who is offline or inactive")
	case s.Presence != "" && s.Presence != "default" && !slices.Contains(append(offering, "offline"), s.Presence):
		return domain.Invalid("presence", "give computed, default or a presence")
	case len(s.Rules) > MaxRules:
		return domain.Invalid("rules", "100 rules at most")
	case len(s.Keys) > 20:
		return domain.Invalid("keys", "20 keys at most")
	}
	for i, r := range s.Rules {
		field := "rules." + strconv.Itoa(i)
		switch {
		case domain.Blank(r.Name) || len([]rune(r.Name)) > 100:
			return domain.Invalid(field+".name", "a rule has a name of 1 to 100 characters")
		case r.When == "" || len(r.When) > MaxCondition:
			return domain.Invalid(field+".when", "a rule has a condition of 1 to 2,000 characters")
		case !domain.ValidID(r.Queue):
			return domain.Invalid(field+".queue", "give the id of the queue")
		case slices.ContainsFunc(s.Rules[:i], func(o Rule) bool { return o.Name == r.Name }):
			return domain.Invalid(field+".name", "two rules have this name")
		}
		if err := domain.CheckSkills(field+".skills", r.Skills); err != nil {
			return err
		}
	}
	for _, k := range s.Keys {
		switch {
		case k.ID == "" || k.PEM == "":
			return domain.Invalid("keys", "a key has a kid and a public key in PEM")
		case k.Algorithm != "RS256" && k.Algorithm != "ES256" && k.Algorithm != "EdDSA":
			return domain.Invalid("keys.alg", "give RS256, ES256 or EdDSA")
		}
	}
	if mode == domain.ModePersistent {
		switch {
		case len(s.Keys) == 0:
			return ErrNeedsSettings.On("keys")
		case !s.KeepSameAgent:
			return ErrNeedsSettings.On("keepSameAgent")
		}
	}
	return nil
}

func equal(a, b Settings) bool {
	lists := slices.Equal(a.Keys, b.Keys) && slices.Equal(a.Presences, b.Presences) && slices.EqualFunc(a.Rules, b.Rules, func(a, b Rule) bool {
		return a.Name == b.Name && a.When == b.When && a.Queue == b.Queue && a.Priority == b.Priority && slices.Equal(a.Skills, b.Skills)
	})
	return lists && a.FreshAgent == b.FreshAgent && a.Profile == b.Profile && a.Presence == b.Presence && a.PresenceName == b.PresenceName &&
		a.AgentSkills == b.AgentSkills && a.Name == b.Name && a.Queue == b.Queue && a.Assignment == b.Assignment && a.Units == b.Units &&
		a.Block == b.Block && a.BlockSeconds == b.BlockSeconds && a.Countdown == b.Countdown && a.CloseOpen == b.CloseOpen &&
		a.CloseEngaged == b.CloseEngaged && a.CloseWrapUp == b.CloseWrapUp && a.CloseWaiting == b.CloseWaiting &&
		a.KeepSameAgent == b.KeepSameAgent && a.DeclineLimit == b.DeclineLimit &&
		a.MissedInactive == b.MissedInactive && a.RejectedDisturb == b.RejectedDisturb
}

// Terms are what a conversation started now takes along.
func (w Workstream) Terms() domain.Terms {
	s := w.Settings
	return domain.Terms{
		Revision: w.Revision, Push: s.Assignment == AssignPush, Units: s.Units, Block: s.Block, BlockSeconds: s.BlockSeconds,
		Countdown: s.Countdown, CloseOpen: s.CloseOpen, CloseEngaged: s.CloseEngaged, CloseWrapUp: s.CloseWrapUp,
		CloseWaiting: s.CloseWaiting, Affinity: s.KeepSameAgent || w.Mode == domain.ModeAsync && !s.FreshAgent, DeclineLimit: s.DeclineLimit,
		MissedInactive: s.MissedInactive, RejectedDisturb: s.RejectedDisturb,
		Profile: domain.Profile{ID: s.Profile}, Presence: s.Presence, PresenceName: s.PresenceName, AgentSkills: s.AgentSkills,
	}
}

// offering are the presences in which an agent may be offered something.
var offering = []string{"available", "busy", "do_not_disturb", "away"}
