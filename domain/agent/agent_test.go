package agent

import (
	"strconv"
	"testing"

	"parley/domain/spec"
)

type table = []spec.Case[Agent, Event]

var (
	ana       = Registered{Agent: "ana", Name: "Ana", Units: 100}
	available = PresenceChanged{Agent: "ana", Presence: Available, Former: Offline, Cause: ByRule}
)

// room is a reservation of an offer, changed by its argument.
func room(change func(*Reserve)) Reserve {
	r := Reserve{Hold: "h1", Conversation: "c1", Turn: 1, Segment: 1, Units: 30, Purpose: PurposeOffer, Countdown: 120, Day: "2026-05-04", At: nine}
	if change != nil {
		change(&r)
	}
	return r
}

func held(hold, conversation string, units int) Reserved {
	return Reserved{Agent: "ana", Hold: hold, Conversation: conversation, Turn: 1, Segment: 1, Units: units, Purpose: PurposeOffer, Countdown: 120, Day: "2026-05-04", VisitorNumber: 1, At: nine}
}

func in(p Presence) []Event {
	return []Event{ana, PresenceChanged{Agent: "ana", Presence: p, Former: Offline, Cause: ByAgent, At: nine}}
}

func TestRTE1_WhoMayBeReserved(t *testing.T) {
	yes := []Event{held("h1", "c1", 30)}
	full := []Event{ana, available, held("h0", "c0", 71)}
	forced := held("h1", "c1", 30)
	forced.Forced, forced.VisitorNumber = true, 2
	pick, transfer := forced, forced
	pick.Purpose, transfer.Purpose = PurposePick, PurposeTransfer
	affinity := held("h1", "c1", 30)
	affinity.Forced = true
	ten := []Event{ana, available}
	for i := range MaxSessions {
		ten = append(ten, held("h"+strconv.Itoa(i+10), "c"+strconv.Itoa(i+10), 1))
	}
	gone := []Event{ana, available, Connected{Agent: "ana", Feed: "f", Run: "r"}, Disconnected{Agent: "ana", Feed: "f", Last: true}}
	asTransfer := func(r *Reserve) { r.Purpose, r.Forced = PurposeTransfer, true }
	spec.Run(t, &Kind, table{
		{Name: "available and free", Given: []Event{ana, available}, When: room(nil), Then: yes},
		{Name: "busy and free", Given: in(Busy), When: room(nil), Then: yes},
		{Name: "nobody of this name", When: room(nil), Err: ErrUnknown},
		{Name: "disabled", Given: []Event{ana, available, Disabled{Agent: "ana"}}, When: room(nil), Err: ErrDisabled},
		{Name: "away", Given: in(Away), When: room(nil), Err: ErrPresence},
		{Name: "do not disturb", Given: in(DoNotDisturb), When: room(nil), Err: ErrPresence},
		{Name: "offline", Given: []Event{ana}, When: room(nil), Err: ErrPresence},
		{Name: "inactive, though the workstream allows it", Given: in(Inactive), When: room(func(r *Reserve) { r.Presences = []Presence{Inactive} }), Err: ErrPresence},
		{Name: "away, where the workstream allows it", Given: in(Away), When: room(func(r *Reserve) { r.Presences = []Presence{Away} }), Then: yes},
		{Name: "available, where the workstream allows only away", Given: in(Available), When: room(func(r *Reserve) { r.Presences = []Presence{Away} }), Err: ErrPresence},
		{Name: "no device any more", Given: gone, When: room(nil), Err: ErrNotConnected},
		{Name: "room to the last unit", Given: []Event{ana, available, held("h0", "c0", 70)}, When: room(nil), Then: []Event{func() Event { e := held("h1", "c1", 30); e.VisitorNumber = 2; return e }()}},
		{Name: "AGT-2: one unit short", Given: full, When: room(nil), Err: ErrCapacity},
		{Name: "AGT-2: a pick may overload", Given: full, When: room(func(r *Reserve) { r.Purpose, r.Forced = PurposePick, true }), Then: []Event{pick}},
		{Name: "AGT-2: a transfer may overload", Given: full, When: room(asTransfer), Then: []Event{transfer}},
		{Name: "CON-5: no transfer to who is away", Given: in(Away), When: room(asTransfer), Err: ErrPresence},
		{Name: "CON-5: nor to who is not to be disturbed", Given: in(DoNotDisturb), When: room(asTransfer), Err: ErrPresence},
		{Name: "CON-5: nor to who is offline", Given: []Event{ana}, When: room(asTransfer), Err: ErrPresence},
		{Name: "RTE-4: affinity asks even who is not to be disturbed", Given: in(DoNotDisturb), When: room(func(r *Reserve) { r.Affinity, r.Forced = true, true }), Then: []Event{affinity}},
		{Name: "RTE-4: but not who is offline", Given: []Event{ana}, When: room(func(r *Reserve) { r.Affinity, r.Forced = true, true }), Err: ErrPresence},
		{Name: "RTE-4: nor who is unconnected", Given: gone, When: room(func(r *Reserve) { r.Affinity, r.Forced = true, true }), Err: ErrNotConnected},
		{Name: "AGT-2: ten sessions are hard for an offer", Given: ten, When: room(nil), Err: ErrSessionLimit},
		{Name: "AGT-2: and for a pick", Given: ten, When: room(func(r *Reserve) { r.Purpose, r.Forced = PurposePick, true }), Err: ErrSessionLimit},
		{Name: "SES-2: one hold for a conversation", Given: []Event{ana, available, held("h0", "c1", 30)}, When: room(nil), Err: ErrHoldExists},
		{Name: "asked again: nothing", Given: []Event{ana, available, held("h1", "c1", 30)}, When: room(nil)},
		{Name: "a reservation come late brings no hold back", Given: []Event{ana, available, held("h1", "c1", 30),
			UnitsReleased{Agent: "ana", Hold: "h1", Conversation: "c1", Units: 30}, SlotFreed{Agent: "ana", Hold: "h1", Conversation: "c1"}}, When: room(nil), Err: ErrHoldPast},
	})
}

func TestAGT1_ReleasedExactlyOnceWhatWasReserved(t *testing.T) {
	given := []Event{ana, available, held("h1", "c1", 30)}
	unitsFree := UnitsReleased{Agent: "ana", Hold: "h1", Conversation: "c1", Units: 30, Why: "wrap_up"}
	slot := SlotFreed{Agent: "ana", Hold: "h1", Conversation: "c1", Why: "closed"}
	whole := unitsFree
	whole.Why = "closed"
	spec.Run(t, &Kind, table{
		{Name: "units and slot together", Given: given, When: Release{Hold: "h1", Why: "closed"}, Then: []Event{whole, slot}},
		{Name: "the units alone, when wrap-up blocks no more", Given: given, When: Release{Hold: "h1", Why: "wrap_up", UnitsOnly: true}, Then: []Event{unitsFree}},
		{Name: "then the slot alone", Given: append(given[:3:3], unitsFree), When: Release{Hold: "h1", Why: "closed"}, Then: []Event{slot}},
		{Name: "then nothing", Given: append(given[:3:3], unitsFree, slot), When: Release{Hold: "h1", Why: "closed"}},
		{Name: "the block's timer after the close: nothing", Given: append(given[:3:3], whole, slot), When: Release{Hold: "h1", Why: "wrap_up", UnitsOnly: true}},
		{Name: "a hold nobody has: nothing", Given: given, When: Release{Hold: "h9"}},
		{Name: "what costs nothing frees its slot only", Given: []Event{ana, available, held("h1", "c1", 0)}, When: Release{Hold: "h1", Why: "closed"}, Then: []Event{slot}},
	})
	a := Kind.Fold(Agent{}, append(given, Registered{Agent: "ana", Name: "Ana", Units: 50})...)
	if a.Held() != 30 {
		t.Errorf("held %d, want the 30 that were reserved, whatever changed in between", a.Held())
	}
}

func TestSES9_VisitorNumbersCountByDay(t *testing.T) {
	on := func(day string, n int) Reserved {
		e := held("h"+strconv.Itoa(n)+day, "c"+strconv.Itoa(n)+day, 1)
		e.Day, e.VisitorNumber = day, n
		return e
	}
	number := func(given []Event, day string) Reserved {
		t.Helper()
		events, err := room(func(r *Reserve) { r.Day = day }).Decide(Kind.Fold(Agent{}, given...))
		if err != nil {
			t.Fatal(err)
		}
		return events[0].(Reserved)
	}
	base := []Event{ana, available}
	for _, c := range []struct {
		name  string
		given []Event
		day   string
		want  int
	}{
		{"the first of the first day", base, "2026-05-04", 1},
		{"the second of a day", append(base[:2:2], on("2026-05-04", 1)), "2026-05-04", 2},
		{"the first of the next day", append(base[:2:2], on("2026-05-04", 7)), "2026-05-05", 1},
		{"a router whose clock is behind at midnight goes on with the new day", append(base[:2:2], on("2026-05-05", 1)), "2026-05-04", 2},
	} {
		if got := number(c.given, c.day); got.VisitorNumber != c.want {
			t.Errorf("%s: Visitor %d, want %d", c.name, got.VisitorNumber, c.want)
		}
	}
}
