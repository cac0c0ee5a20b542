package agent

import (
	"strconv"
	"strings"
	"testing"

	"parley/domain"
	"parley/domain/spec"
)

// skillsOf gives so many skills.
func skillsOf(n int) (skills []string) {
	for i := range n {
		skills = append(skills, "s"+strconv.Itoa(i))
	}
	return skills
}

func TestAGT1_WhatIsRegisteredHasBounds(t *testing.T) {
	whole := Registered{Agent: "ana", Name: "Ana", Units: 10000, Skills: skillsOf(domain.MaxSkills), Levels: map[string]int{"s0": 10, "s1": 2}, Usual: Busy}
	register := func(change func(*Register)) Register {
		r := Register{ID: "ana", Name: "Ana", Units: 10000, Skills: skillsOf(domain.MaxSkills), Levels: map[string]int{"s0": 10, "s1": 2, "s2": 1}, Usual: Busy}
		change(&r)
		return r
	}
	same := func(change func(*Registered)) []Event {
		e := whole
		e.Name = ""
		change(&e)
		return []Event{e}
	}
	long := domain.Personal(strings.Repeat("ã", 200))
	spec.Run(t, &Kind, table{
		{Name: "as much as there may be", When: register(func(*Register) {}), Then: []Event{whole}, Again: true},
		{Name: "one unit", When: Register{ID: "ana", Name: "Ana", Units: 1}, Then: []Event{Registered{Agent: "ana", Name: "Ana", Units: 1}}, Again: true},
		{Name: "less than one", When: Register{ID: "ana", Name: "Ana", Units: -1}, Err: invalid("units")},
		{Name: "a skill too many", When: register(func(r *Register) { r.Skills = skillsOf(domain.MaxSkills + 1) }), Err: invalid("skills")},
		{Name: "a skill of blanks", When: register(func(r *Register) { r.Skills[9] = " \t" }), Err: invalid("skills")},
		{Name: "a skill that is too long", When: register(func(r *Register) { r.Skills[9] = strings.Repeat("ã", 101) }), Err: invalid("skills")},
		{Name: "a skill twice", When: register(func(r *Register) { r.Skills[9] = "s8" }), Err: invalid("skills")},
		{Name: "a skill as long as it may be", When: Register{ID: "ana", Name: "Ana", Skills: []string{strings.Repeat("ã", 100)}}, Then: []Event{Registered{Agent: "ana", Name: "Ana", Units: DefaultUnits, Skills: []string{strings.Repeat("ã", 100)}}}, Again: true},
		{Name: "a name of blanks", When: Register{ID: "ana", Name: "  "}, Err: invalid("name")},
		{Name: "a name of blanks, for a known one", Given: []Event{whole}, When: register(func(r *Register) { r.Name = "\n " }), Err: invalid("name")},
		{Name: "a level too high", When: register(func(r *Register) { r.Levels = map[string]int{"s0": 11} }), Err: invalid("levels")},
		{Name: "a level too low", When: register(func(r *Register) { r.Levels = map[string]int{"s0": 0} }), Err: invalid("levels")},
		{Name: "a name is as long as its letters", When: Register{ID: "ana", Name: long}, Then: []Event{Registered{Agent: "ana", Name: long, Units: DefaultUnits}}, Again: true},
		{Name: "and no longer", When: Register{ID: "ana", Name: long + "x"}, Err: invalid("name")},
		{Name: "the same again", Given: []Event{whole}, When: register(func(r *Register) { r.Name = "" })},
		{Name: "another level", Given: []Event{whole}, When: register(func(r *Register) { r.Name = ""; r.Levels["s1"] = 3 }), Then: same(func(e *Registered) { e.Levels = map[string]int{"s0": 10, "s1": 3} })},
		{Name: "another usual presence", Given: []Event{whole}, When: register(func(r *Register) { r.Name = ""; r.Usual = Away }), Then: same(func(e *Registered) { e.Usual = Away })},
	})
}

func TestAGT3_ProfilesOfAnAgentHaveBounds(t *testing.T) {
	profiles := func(n, limit int) map[string]int {
		all := map[string]int{}
		for i := range n {
			all["p"+strconv.Itoa(i)] = limit
		}
		return all
	}
	spec.Run(t, &Kind, table{
		{Name: "as many as there may be", Given: []Event{ana}, When: SetProfiles{Profiles: profiles(20, 1000)}, Then: []Event{ProfilesSet{Agent: "ana", Profiles: profiles(20, 1000)}}},
		{Name: "one too many", Given: []Event{ana}, When: SetProfiles{Profiles: profiles(21, 1)}, Err: invalid("profiles")},
		{Name: "a limit too high", Given: []Event{ana}, When: SetProfiles{Profiles: profiles(1, 1001)}, Err: invalid("profiles")},
		{Name: "a limit below none", Given: []Event{ana}, When: SetProfiles{Profiles: profiles(1, -1)}, Err: invalid("profiles")},
	})
}

func TestAGT3_RoomByProfiles(t *testing.T) {
	const today, tomorrow = "2026-05-04", "2026-05-05"
	cases, chats := domain.Profile{ID: "cases", Limit: 5}, domain.Profile{ID: "chats", Limit: 5}
	blocking, daily := cases, cases
	blocking.Limit, blocking.Blocking = 1, true
	daily.Limit, daily.Daily = 1, true
	both := daily
	both.Blocking = true
	given := func(hold, day string, p domain.Profile) Reserved {
		return Reserved{Agent: "ana", Hold: hold, Conversation: "c" + hold, Turn: 1, Day: day, Profile: p}
	}
	works := func(own int, more ...Event) []Event {
		return append([]Event{ana, available, ProfilesSet{Agent: "ana", Profiles: map[string]int{"cases": own, "chats": 0}}}, more...)
	}
	free := func(hold string) []Event {
		return []Event{UnitsReleased{Agent: "ana", Hold: hold, Conversation: "c" + hold}, SlotFreed{Agent: "ana", Hold: hold, Conversation: "c" + hold}}
	}
	for _, c := range []struct {
		name  string
		given []Event
		p     domain.Profile
		day   string
		want  string
	}{
		{"an own limit of one", works(1, given("h1", today, cases)), cases, today, ProfileFull},
		{"without one the profile's", works(0, given("h1", today, cases)), cases, today, ""},
		{"one that blocks keeps other profiles away", works(0, given("h1", today, blocking)), chats, today, ProfileBlocked},
		{"and what costs units", works(0, given("h1", today, blocking)), domain.Profile{}, today, ProfileBlocked},
		{"not below its limit", works(2, given("h1", today, blocking)), chats, today, ""},
		{"nor its own work, once its limit was raised", works(0, given("h1", today, blocking), ProfilesSet{Agent: "ana", Profiles: map[string]int{"cases": 2}}), blocking, today, ""},
		{"nor anything once its units are free, though its session goes on", works(0, given("h1", today, blocking), free("h1")[0]), chats, today, ""},
		{"what was given today counts though it is over", works(0, append([]Event{given("h1", today, daily)}, free("h1")...)...), daily, today, ProfileFull},
		{"not tomorrow", works(0, given("h1", today, daily)), daily, tomorrow, ""},
		{"and keeps other work away, when it blocks", works(0, append([]Event{given("h1", today, both)}, free("h1")...)...), chats, today, ProfileBlocked},
		{"until tomorrow", works(0, append([]Event{given("h1", today, both)}, free("h1")...)...), chats, tomorrow, ""},
		{"and not its own, once its limit was raised", works(0, append(append([]Event{given("h1", today, both)}, free("h1")...), ProfilesSet{Agent: "ana", Profiles: map[string]int{"cases": 2}})...), both, today, ""},
		{"nor when it was given last as one that blocks no more", works(0, append([]Event{given("h1", today, both), given("h2", today, daily)}, append(free("h1"), free("h2")...)...)...), chats, today, ""},
	} {
		if got := Kind.Fold(Agent{}, c.given...).Room(0, c.p, c.day); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	late := Reserve{Hold: "h2", Conversation: "c2", Turn: 1, Purpose: PurposeOffer, Day: today, Profile: daily}
	spec.Run(t, &Kind, table{{Name: "a router whose clock is behind at midnight counts in the new day", Given: works(0, given("h1", tomorrow, daily)), When: late, Err: ErrCapacity}})
}

func TestAGT1_HoldsThatEndedAreRemembered(t *testing.T) {
	given := []Event{ana, available}
	for n := range pastKept {
		hold := "h" + strconv.Itoa(n)
		given = append(given, held(hold, "c"+strconv.Itoa(n), 1), UnitsReleased{Agent: "ana", Hold: hold, Units: 1}, SlotFreed{Agent: "ana", Hold: hold})
	}
	first := room(func(r *Reserve) { r.Hold, r.Conversation = "h0", "c0" })
	spec.Run(t, &Kind, table{{Name: "the oldest of them comes back no more than the latest", Given: given, When: first, Err: ErrHoldPast}})
	a := Kind.Fold(Agent{}, append(given, held("h99", "c99", 0), SlotFreed{Agent: "ana", Hold: "h99"})...)
	if len(a.Past) != pastKept || a.Past[0] != "h1" || a.Past[pastKept-1] != "h99" || len(a.Holds) != 0 {
		t.Errorf("%d are remembered, from %s to %s", len(a.Past), a.Past[0], a.Past[len(a.Past)-1])
	}
	decided := held("h1", "c1", 1)
	decided.Decision = &domain.Decision{Index: 3}
	if a = Kind.Fold(Agent{}, ana, decided); a.AssignedIndex != 3 {
		t.Errorf("the place in its round is %d, want 3", a.AssignedIndex)
	}
	if a = Kind.Fold(a, held("h2", "c2", 1)); a.AssignedIndex != 0 {
		t.Errorf("what no round decided has the place %d", a.AssignedIndex)
	}
}

func TestCON5_WhoMissedAnOfferMayBeHandedAConversation(t *testing.T) {
	asked := room(func(r *Reserve) { r.Purpose, r.Forced = PurposeTransfer, true })
	given := held("h1", "c1", 30)
	given.Purpose, given.Forced = PurposeTransfer, true
	spec.Run(t, &Kind, table{{Name: "inactive", Given: in(Inactive), When: asked, Then: []Event{given}}})
}

func TestAGT4_WhatHappensAtTheSameMoment(t *testing.T) {
	busy := PresenceChanged{Agent: "ana", Presence: Busy, Former: Available, Cause: ByAgent, At: at(10)}
	to := func(p, former Presence) []Event {
		return []Event{PresenceChanged{Agent: "ana", Presence: p, Former: former, Cause: ByRule}}
	}
	profile := Reserved{Agent: "ana", Hold: "h1", Conversation: "c1", Profile: domain.Profile{ID: "cases", Limit: 5}}
	spec.Run(t, &Kind, table{
		{Name: "a session that starts as a presence is chosen sets it", Given: []Event{ana, available, busy}, When: FollowCapacity{At: at(10)}, Then: to(Available, Busy)},
		{Name: "an offer that is missed as a presence is chosen does not", Given: []Event{ana, available, busy}, When: Fall{Presence: Inactive, At: at(10)}},
		{Name: "work by a profile is busy, though it costs nothing", Given: []Event{ana, available, profile}, When: FollowCapacity{}, Then: to(Busy, Available)},
	})
}

func TestAGT4_AGraceThatIsOverLeavesNothingBehind(t *testing.T) {
	f := func(feed string) Event { return Connected{Agent: "ana", Feed: feed, Run: "r"} }
	lost := func(feed string, loss int) Event {
		return Disconnected{Agent: "ana", Feed: feed, Last: true, Loss: loss}
	}
	off := PresenceChanged{Agent: "ana", Presence: Offline, Former: Available, Cause: ByLoss}
	away := []Event{ana, available, f("f1"), lost("f1", 1), off}
	spec.Run(t, &Kind, table{
		{Name: "lost again while offline, he has no presence to come back to", Given: append(away[:5:5], Gone{Agent: "ana"}, f("f2"), lost("f2", 2)),
			When: Connect{Feed: "f3", Run: "r"}, Then: []Event{f("f3")}},
		{Name: "who signs out in it is not gone a second time", Given: append(away[:5:5], SignedOut{Agent: "ana"}), When: Vanish{Loss: 1}},
		{Name: "nor back by himself", Given: append(away[:5:5], SignedOut{Agent: "ana"}), When: Connect{Feed: "f2", Run: "r"}, Then: []Event{f("f2")}},
	})
	if a := Kind.Fold(Agent{}, append(away[:5:5], SignedOut{Agent: "ana"}, f("f2"))...); !a.Connected() {
		t.Error("who opens a feed after he signed out is not connected")
	}
}
