package agent

import (
	"testing"

	"parley/domain"
	"parley/domain/spec"
)

func TestAGT4_WhoSignsOutWithWorkConfirms(t *testing.T) {
	working := []Event{ana, available, held("h1", "c1", 30)}
	gone := PresenceChanged{Agent: "ana", Presence: Offline, Former: Available, Cause: BySignOut}
	out := append(working[:3:3], SignedOut{Agent: "ana", Holds: []Holder{{Hold: "h1", Conversation: "c1", Turn: 1}}}, gone)
	spec.Run(t, &Kind, table{
		{Name: "with work it is asked", Given: working, When: SignOut{}, Err: ErrConfirm},
		{Name: "confirmed, all that he holds is named", Given: working, When: SignOut{Confirm: true}, Then: []Event{
			SignedOut{Agent: "ana", Holds: []Holder{{Hold: "h1", Conversation: "c1", Turn: 1}}}, gone}},
		{Name: "without work nothing is asked", Given: []Event{ana, available}, When: SignOut{}, Then: []Event{SignedOut{Agent: "ana"}, gone}},
		{Name: "twice", Given: out, When: SignOut{Confirm: true}},
		{Name: "nobody", When: SignOut{}, Err: ErrUnknown},
		{Name: "he comes back by choosing a presence", Given: out, When: SetPresence{Presence: Available, At: at(60)}, Then: []Event{
			PresenceChanged{Agent: "ana", Presence: Available, Former: Offline, Cause: ByAgent, At: at(60)}}},
	})
	a := Kind.Fold(Agent{}, out...)
	if a.Connected() {
		t.Error("who never opened a feed counts as connected until signed out")
	}
	a = Kind.Fold(a, PresenceChanged{Agent: "ana", Presence: Available, Former: Offline, Cause: ByAgent, At: at(60)})
	if !a.Connected() || a.SignedOut {
		t.Error("he is back")
	}
}

func TestAGT4_AWorkstreamSaysWhatTheSessionsStartMakesOfThePresence(t *testing.T) {
	usual := Registered{Agent: "ana", Name: "Ana", Units: 100, Usual: Away}
	to := func(p Presence, custom string) []Event {
		return []Event{PresenceChanged{Agent: "ana", Presence: p, Custom: custom, Former: Available, Cause: ByRule}}
	}
	spec.Run(t, &Kind, table{
		{Name: "a named one", Given: []Event{ana, available}, When: FollowCapacity{At: at(20), To: Busy, Custom: "talking"}, Then: to(Busy, "talking")},
		{Name: "his own default", Given: []Event{usual, available}, When: FollowCapacity{At: at(20), To: PresenceUsual}, Then: to(Away, "")},
		{Name: "available, where he has none", Given: []Event{ana, available}, When: FollowCapacity{At: at(20), To: PresenceUsual}},
		{Name: "not what he chose to be until he changes it", Given: []Event{ana, available, PresenceChanged{Agent: "ana", Presence: DoNotDisturb, Former: Available, Cause: ByAgent, At: at(10)}},
			When: FollowCapacity{At: at(20), To: Busy}},
		{Name: "full by a blocking profile is do not disturb", Given: []Event{ana, available, ProfilesSet{Agent: "ana", Profiles: map[string]int{"cases": 0}},
			Reserved{Agent: "ana", Hold: "h1", Conversation: "c1", Day: "2026-05-04", Profile: domain.Profile{ID: "cases", Limit: 1, Blocking: true}}},
			When: FollowCapacity{At: at(20)}, Then: to(DoNotDisturb, "")},
	})
}

func TestAGT4_BackWithinTheGraceHisOwnPresenceIsAsItWas(t *testing.T) {
	a := Kind.Fold(Agent{}, ana, available, Connected{Agent: "ana", Feed: "f", Run: "r"},
		PresenceChanged{Agent: "ana", Presence: Away, Custom: "lunch", Former: Available, Cause: ByAgent, At: at(10)})
	events, err := Disconnect{Feed: "f", Grace: 60}.Decide(a)
	if err != nil || events[0].(Disconnected).Grace != 60 {
		t.Fatalf("%+v, %v", events, err)
	}
	if a = Kind.Fold(a, events...); a.Presence != Offline || a.Custom != "" {
		t.Errorf("lost he is %s %s", a.Presence, a.Custom)
	}
	if events, err = (Connect{Feed: "g", Run: "r", At: at(40)}).Decide(a); err != nil {
		t.Fatal(err)
	}
	if a = Kind.Fold(a, events...); a.Presence != Away || a.Custom != "lunch" || !a.Manual || !a.ConnectedAt.Equal(at(40)) {
		t.Errorf("back he is %s %s, by hand %v", a.Presence, a.Custom, a.Manual)
	}
}

func TestAGT3_AHoldByAProfileIsFreedOnce(t *testing.T) {
	p := domain.Profile{ID: "cases", Limit: 1}
	reserve := Reserve{Hold: "h1", Conversation: "c1", Turn: 1, Purpose: PurposeOffer, Day: "2026-05-04", Profile: p}
	reserved := Reserved{Agent: "ana", Hold: "h1", Conversation: "c1", Turn: 1, Purpose: PurposeOffer, Day: "2026-05-04", VisitorNumber: 1, Profile: p}
	works := ProfilesSet{Agent: "ana", Profiles: map[string]int{"cases": 0}}
	full := []Event{ana, available, works, reserved}
	second := reserve
	second.Hold, second.Conversation = "h2", "c2"
	units, slot := UnitsReleased{Agent: "ana", Hold: "h1", Conversation: "c1", Why: "closed"}, SlotFreed{Agent: "ana", Hold: "h1", Conversation: "c1", Why: "closed"}
	spec.Run(t, &Kind, table{
		{Name: "who does not work by it", Given: []Event{ana, available}, When: reserve, Err: ErrCapacity},
		{Name: "who does", Given: full[:3], When: reserve, Then: []Event{reserved}},
		{Name: "one too many", Given: full, When: second, Err: ErrCapacity},
		{Name: "AGT-2: a pick may overload", Given: full, When: func() Reserve { s := second; s.Purpose, s.Forced = PurposePick, true; return s }(), Then: []Event{
			Reserved{Agent: "ana", Hold: "h2", Conversation: "c2", Turn: 1, Purpose: PurposePick, Forced: true, Day: "2026-05-04", VisitorNumber: 2, Profile: p}}},
		{Name: "released, though it holds no units", Given: full, When: Release{Hold: "h1", Why: "closed"}, Then: []Event{units, slot}},
		{Name: "once", Given: append(full[:4:4], units, slot), When: Release{Hold: "h1", Why: "closed"}},
		{Name: "wrap-up that blocks no more keeps the session", Given: full, When: Release{Hold: "h1", Why: "wrap_up", UnitsOnly: true}, Then: []Event{UnitsReleased{Agent: "ana", Hold: "h1", Conversation: "c1", Why: "wrap_up"}}},
		{Name: "and then there is room", Given: append(full[:4:4], units), When: second, Then: []Event{
			Reserved{Agent: "ana", Hold: "h2", Conversation: "c2", Turn: 1, Purpose: PurposeOffer, Day: "2026-05-04", VisitorNumber: 2, Profile: p}}},
	})
}
