package agent

import (
	"testing"
	"time"

	"parley/domain/spec"
)

func TestAGT4_PresenceFollowsCapacityButNotTheHand(t *testing.T) {
	to := func(p, former Presence, cause string, seconds int) PresenceChanged {
		e := PresenceChanged{Agent: "ana", Presence: p, Former: former, Cause: cause}
		if seconds >= 0 {
			e.At = at(seconds)
		}
		return e
	}
	computed := []Event{ana, available}
	with := func(more ...Event) []Event { return append(computed[:2:2], more...) }
	busyByHand := to(Busy, Available, ByAgent, 10)
	spec.Run(t, &Kind, table{
		{Name: "free is available", Given: with(held("h1", "c1", 30), to(Busy, Available, ByRule, -1), UnitsReleased{Agent: "ana", Hold: "h1", Conversation: "c1", Units: 30}),
			When: FollowCapacity{}, Then: []Event{to(Available, Busy, ByRule, -1)}},
		{Name: "partly used is busy", Given: with(held("h1", "c1", 30)), When: FollowCapacity{}, Then: []Event{to(Busy, Available, ByRule, -1)}},
		{Name: "full is do not disturb", Given: with(held("h1", "c1", 100)), When: FollowCapacity{}, Then: []Event{to(DoNotDisturb, Available, ByRule, -1)}},
		{Name: "a computed do not disturb goes when there is room", Given: with(to(DoNotDisturb, Available, ByRule, -1)), When: FollowCapacity{}, Then: []Event{to(Available, DoNotDisturb, ByRule, -1)}},
		{Name: "a manual busy lasts until the next accept", Given: with(busyByHand), When: FollowCapacity{At: at(20)}, Then: []Event{to(Available, Busy, ByRule, -1)}},
		{Name: "not longer than chosen after that accept", Given: with(busyByHand), When: FollowCapacity{At: at(9)}},
		{Name: "an offer that came to nothing leaves it", Given: with(busyByHand), When: FollowCapacity{At: at(20), KeepManual: true}},
		{Name: "a manual away stays", Given: with(to(Away, Available, ByAgent, 10)), When: FollowCapacity{At: at(20)}},
		{Name: "a manual do not disturb stays", Given: with(to(DoNotDisturb, Available, ByAgent, 10)), When: FollowCapacity{At: at(20)}},
		{Name: "offline stays", Given: []Event{ana}, When: FollowCapacity{At: at(20)}},
		{Name: "inactive stays", Given: with(to(Inactive, Available, ByMiss, 10)), When: FollowCapacity{At: at(20)}},
		{Name: "inactive is left by hand", Given: with(to(Inactive, Available, ByMiss, 10)), When: SetPresence{Presence: Available, At: at(20)}, Then: []Event{to(Available, Inactive, ByAgent, 20)}},
		{Name: "nobody makes himself inactive", Given: computed, When: SetPresence{Presence: Inactive, At: at(20)}, Err: invalid("presence")},
		{Name: "the same again says nothing", Given: with(busyByHand), When: SetPresence{Presence: Busy, At: at(20)}},
		{Name: "the hand makes a computed one its own", Given: computed, When: SetPresence{Presence: Available, At: at(20)}, Then: []Event{to(Available, Available, ByAgent, 20)}},
		{Name: "a missed offer makes inactive", Given: computed, When: Fall{Presence: Inactive, At: at(5)}, Then: []Event{to(Inactive, Available, ByMiss, 5)}},
		{Name: "a rejected one makes do not disturb", Given: with(busyByHand), When: Fall{Presence: DoNotDisturb, At: at(15)}, Then: []Event{to(DoNotDisturb, Busy, ByMiss, 15)}},
		{Name: "what was chosen since then stands", Given: with(busyByHand), When: Fall{Presence: DoNotDisturb, At: at(9)}},
		{Name: "who is offline stays so", Given: []Event{ana}, When: Fall{Presence: Inactive, At: at(9)}},
	})
}

func TestAGT4_FeedsComeAndGo(t *testing.T) {
	f := func(feed string) Event { return Connected{Agent: "ana", Feed: feed, Run: "r"} }
	spec.Run(t, &Kind, table{
		{Name: "a device listens", Given: []Event{ana}, When: Connect{Feed: "f1", Run: "r"}, Then: []Event{f("f1")}},
		{Name: "one of two is gone", Given: []Event{ana, f("f1"), f("f2")}, When: Disconnect{Feed: "f1"}, Then: []Event{Disconnected{Agent: "ana", Feed: "f1"}}},
		{Name: "the last is gone", Given: []Event{ana, f("f1")}, When: Disconnect{Feed: "f1"}, Then: []Event{Disconnected{Agent: "ana", Feed: "f1", Last: true, Loss: 1}}},
		{Name: "gone already", Given: []Event{ana, f("f1")}, When: Disconnect{Feed: "f9"}},
	})
	busy := PresenceChanged{Agent: "ana", Presence: Busy, Former: Offline, Cause: ByAgent, At: at(1)}
	lost := Disconnected{Agent: "ana", Feed: "f1", Last: true, Loss: 1, Holds: []Holder{{Hold: "h1", Conversation: "c1", Turn: 1}}}
	off := PresenceChanged{Agent: "ana", Presence: Offline, Former: Busy, Cause: ByLoss}
	back := PresenceChanged{Agent: "ana", Presence: Busy, Former: Offline, Cause: ByReturn}
	gone := Gone{Agent: "ana", Holds: []Holder{{Hold: "h1", Conversation: "c1", Turn: 1}}}
	working := []Event{ana, busy, f("f1"), held("h1", "c1", 30)}
	away := append(working[:4:4], lost, off)
	spec.Run(t, &Kind, table{
		{Name: "losing the last feed is offline at once", Given: working, When: Disconnect{Feed: "f1"}, Then: []Event{lost, off}},
		{Name: "back within the grace is the former presence", Given: away, When: Connect{Feed: "f2", Run: "r"}, Then: []Event{f("f2"), back}},
		{Name: "past the grace he is gone", Given: away, When: Vanish{Loss: 1}, Then: []Event{gone}},
		{Name: "not when he is back", Given: append(away[:6:6], f("f2"), back), When: Vanish{Loss: 1}},
		{Name: "not for an earlier loss", Given: away, When: Vanish{Loss: 0}},
		{Name: "back after the grace he is offline until he says otherwise", Given: append(away[:6:6], gone), When: Connect{Feed: "f2", Run: "r"}, Then: []Event{f("f2")}},
		{Name: "a presence chosen while away stands", Given: append(away[:6:6], PresenceChanged{Agent: "ana", Presence: Away, Former: Offline, Cause: ByAgent, At: at(9)}),
			When: Connect{Feed: "f2", Run: "r"}, Then: []Event{f("f2")}},
	})
	if a := Kind.Fold(Agent{}, append(away[:6:6], f("f2"), back)...); !a.Manual {
		t.Error("a presence chosen by hand comes back as such")
	}
	if a := Kind.Fold(Agent{}, ana); !a.Connected() {
		t.Error("who never opened a feed counts as connected")
	}
}

func TestAGT6_DisablingNamesEveryHold(t *testing.T) {
	given := []Event{ana, available, held("h2", "c2", 30), held("h1", "c1", 30)}
	spec.Run(t, &Kind, table{
		{Name: "with all that is held, in order", Given: given, When: Disable{}, Then: []Event{Disabled{Agent: "ana",
			Holds: []Holder{{Hold: "h1", Conversation: "c1", Turn: 1}, {Hold: "h2", Conversation: "c2", Turn: 1}}}}},
		{Name: "twice says nothing", Given: append(given, Disabled{Agent: "ana"}), When: Disable{}},
		{Name: "enabled again, he is offline until he says otherwise", Given: []Event{ana, available, Disabled{Agent: "ana"}}, When: Enable{}, Then: []Event{Enabled{}}},
		{Name: "nobody", When: Disable{}, Err: ErrUnknown},
		{Name: "who is disabled sets no presence", Given: []Event{ana, Disabled{Agent: "ana"}}, When: SetPresence{Presence: Available, At: time.Time{}}, Err: ErrDisabled},
	})
}

func TestSES8_SES11_FocusAndPanelAreKeptPerAgent(t *testing.T) {
	spec.Run(t, &Kind, table{
		{Name: "a session comes into focus", Given: []Event{ana}, When: Focus{Session: "h1"}, Then: []Event{Focused{Agent: "ana", Session: "h1"}}},
		{Name: "another one", Given: []Event{ana, Focused{Agent: "ana", Session: "h1"}}, When: Focus{Session: "h2"}, Then: []Event{Focused{Agent: "ana", Session: "h2", Former: "h1"}}},
		{Name: "the panel is expanded by default", Given: []Event{ana}, When: SetPanel{Mode: "expanded"}},
		{Name: "and may be collapsed", Given: []Event{ana}, When: SetPanel{Mode: "collapsed"}, Then: []Event{PanelSet{Agent: "ana", Mode: "collapsed"}}},
		{Name: "not otherwise", Given: []Event{ana}, When: SetPanel{Mode: "hidden"}, Err: invalid("mode")},
	})
}

func TestAGT1_WhoWorksHere(t *testing.T) {
	spec.Run(t, &Kind, table{
		{Name: "100 units unless told otherwise", When: Register{ID: "ana", Name: "Ana"}, Then: []Event{ana}, Again: true},
		{Name: "the same units again", Given: []Event{ana}, When: Register{ID: "ana"}},
		{Name: "other units", Given: []Event{ana}, When: Register{ID: "ana", Units: 60}, Then: []Event{Registered{Agent: "ana", Units: 60}}},
		{Name: "no name at first", When: Register{ID: "ana"}, Err: invalid("name")},
		{Name: "no id", When: Register{Name: "Ana"}, Err: invalid("id")},
		{Name: "too many units", When: Register{ID: "ana", Name: "Ana", Units: 10001}, Err: invalid("units")},
	})
}
