package projections

import (
	"strings"
	"testing"
	"time"

	"parley/domain"
	"parley/domain/agent"
	"parley/domain/conversation"
	"parley/domain/notification"
	"parley/domain/session"
	"parley/domain/visitor"
)

func TestAGT1_CapacityIsHeldFromTheOfferOn(t *testing.T) {
	d := newDesk(t)
	d.opened()
	d.start("c1", "v1", domain.ModeLive, "q1")
	d.pass(time.Second)
	hold, _ := d.reserve("c1", "ana", agent.PurposeOffer)
	row, holds, found, _, err := d.Agent(d.ctx, "ana", d.seen())
	ok(t, err)
	if !found || row.Held != 30 || row.Free != 70 || row.Sessions != 1 || row.Name != "Name of ana" || !row.Connected || len(holds) != 1 {
		t.Fatalf("%+v %+v", row, holds)
	}
	is(t, "hold", holds[0].Hold+holds[0].Purpose, hold+agent.PurposeOffer)
	do(d, &conversation.Kind, "c1", conversation.Accept{Hold: hold, Agent: "ana", At: d.clock})
	row, _, _, _, err = d.Agent(d.ctx, "ana", d.seen())
	ok(t, err)
	is(t, "presence by rule", row.Presence, agent.Busy)
	is(t, "computed", row.Manual, false)
	do(d, &conversation.Kind, "c1", conversation.ForceClose{Reason: conversation.ReasonSpam})
	row, holds, _, _, err = d.Agent(d.ctx, "ana", d.seen())
	ok(t, err)
	is(t, "free", row.Free, 100)
	is(t, "sessions", row.Sessions, 0)
	is(t, "holds", len(holds), 0)
}

func TestAGT2_APickMayOverload(t *testing.T) {
	d := newDesk(t)
	d.opened()
	for _, id := range []string{"c1", "c2", "c3", "c4"} {
		d.pass(time.Second)
		d.start(id, "v-"+id, domain.ModeLive, "q1")
		d.engage(id, "ana")
	}
	row, _, _, _, err := d.Agent(d.ctx, "ana", d.seen())
	ok(t, err)
	is(t, "free", row.Free, -20)
	holds, _, err := d.Holds(d.ctx, d.clock, 0)
	ok(t, err)
	is(t, "held before now", len(holds), 3)
	agents, next, _, err := d.Agents(d.ctx, Page{Limit: 1}, 0)
	ok(t, err)
	is(t, "the first page", agents[0].ID, "ana")
	agents, _, _, err = d.Agents(d.ctx, Page{Limit: 1, Cursor: next}, 0)
	ok(t, err)
	is(t, "the second page", agents[0].ID, "ben")
}

func TestAGT5_CapacityAtAnyInstant(t *testing.T) {
	d := newDesk(t)
	d.opened()
	d.pass(time.Minute)
	d.start("c1", "v1", domain.ModeLive, "q1")
	d.engage("c1", "ana")
	d.pass(time.Minute)
	do(d, &agent.Kind, "ana", agent.Connect{Feed: "f1", Run: "r"})
	d.pass(time.Minute)
	do(d, &agent.Kind, "ana", agent.Disconnect{Feed: "f1"})
	d.pass(time.Minute)
	do(d, &conversation.Kind, "c1", conversation.ForceClose{Reason: conversation.ReasonSpam})
	at := d.seen()
	for _, c := range []struct {
		when      time.Duration
		held      int
		presence  agent.Presence
		connected bool
	}{
		{time.Second, 0, agent.Available, true},
		{time.Minute, 30, agent.Busy, true},
		{2*time.Minute + time.Second, 30, agent.Busy, true},
		{3 * time.Minute, 30, agent.Offline, false},
		{time.Hour, 0, agent.Offline, false},
	} {
		row, found, _, err := d.CapacityAt(d.ctx, "ana", noon.Add(c.when), at)
		ok(t, err)
		if !found || row.Held != c.held || row.Presence != c.presence || row.Connected != c.connected {
			t.Errorf("at %v: %+v", c.when, row)
		}
	}
	_, found, _, err := d.CapacityAt(d.ctx, "ana", noon.Add(-time.Second), at)
	ok(t, err)
	is(t, "before he was there", found, false)
	all, _, err := d.CapacityHistory(d.ctx, "ana", noon.Add(30*time.Second), noon.Add(150*time.Second), at)
	ok(t, err)
	is(t, "stretches", len(all), 2)
}

func TestAGT5_OwnPresencesProfilesAndSigningOutAreInTheHistory(t *testing.T) {
	d := newDesk(t)
	d.opened()
	d.pass(time.Minute)
	do(d, &agent.Kind, "ana", agent.SetPresence{Presence: agent.Away, Custom: "lunch", At: d.clock})
	do(d, &agent.Kind, "ana", agent.SetProfiles{Profiles: map[string]int{"cases": 2}})
	d.pass(time.Minute)
	d.start("c1", "v1", domain.ModeLive, "q1")
	do(d, &agent.Kind, "ana", agent.Reserve{Hold: domain.Hold("c1", 1, "ana"), Conversation: "c1", Turn: 1, Purpose: agent.PurposePick, Forced: true, Day: "2026-05-04", At: d.clock,
		Profile: domain.Profile{ID: "cases", Limit: 5}})
	d.pass(time.Minute)
	do(d, &agent.Kind, "ana", agent.SignOut{Confirm: true})
	d.pass(time.Minute)
	do(d, &agent.Kind, "ana", agent.SetPresence{Presence: agent.Available, At: d.clock})
	at := d.seen()
	for _, c := range []struct {
		when      time.Duration
		presence  agent.Presence
		custom    string
		counts    string
		connected bool
	}{
		{time.Second, agent.Available, "", "", true},
		{90 * time.Second, agent.Away, "lunch", "", true},
		{150 * time.Second, agent.Away, "lunch", "cases=1", true},
		{210 * time.Second, agent.Offline, "", "", false},
		{time.Hour, agent.Available, "", "", true},
	} {
		row, found, _, err := d.CapacityAt(d.ctx, "ana", noon.Add(c.when), at)
		ok(t, err)
		if !found || row.Presence != c.presence || row.Custom != c.custom || row.Counts != c.counts || row.Connected != c.connected {
			t.Errorf("at %v: %+v", c.when, row)
		}
	}
}

func TestNOT6_TheLedgerTellsNeverSeenFromIgnored(t *testing.T) {
	d := newDesk(t)
	d.opened()
	d.start("c1", "v1", domain.ModeLive, "q1")
	d.wrote("c1", "m1")
	first, _ := d.reserve("c1", "ana", agent.PurposeOffer)
	do(d, &notification.Kind, first, notification.Display{Agent: "ana", Device: "phone"})
	views, _, _, err := d.Inbox(d.ctx, "ana", "", "", Page{}, d.seen())
	ok(t, err)
	if len(views) != 1 || !views[0].Standing || views[0].Customer != "Visitor 1" || views[0].Comment != "text of m1" || !views[0].WaitFrom.Equal(noon) {
		t.Fatalf("%+v", views)
	}
	row, _, _, err := d.ActiveOne(d.ctx, "c1", 0)
	ok(t, err)
	is(t, "delivered", row.OfferDelivered, true)
	d.pass(2 * time.Minute)
	do(d, &conversation.Kind, "c1", conversation.Expire{Hold: first, At: d.clock})
	second, _ := d.reserve("c1", "ben", agent.PurposeOffer)
	d.pass(2 * time.Minute)
	do(d, &conversation.Kind, "c1", conversation.Expire{Hold: second, At: d.clock})
	ledger, _, err := d.NotificationsOf(d.ctx, "c1", d.seen())
	ok(t, err)
	if len(ledger) != 2 || !ledger[0].Seen || ledger[1].Seen || ledger[0].Outcome != "expired" || !ledger[1].DeliveredAt.IsZero() || ledger[0].Standing {
		t.Fatalf("%+v", ledger)
	}
	third, _ := d.reserve("c1", "ana", agent.PurposeOffer)
	views, _, _, err = d.Inbox(d.ctx, "ana", "", "", Page{}, d.seen())
	ok(t, err)
	is(t, "what stands is first", views[0].ID, third)
	view, found, _, err := d.Notification(d.ctx, first, 0)
	ok(t, err)
	is(t, "one", found && view.Outcome == "expired", true)
}

func TestSES11_UnreadSinceTheFocusWasLost(t *testing.T) {
	d := newDesk(t)
	d.opened()
	d.start("c1", "v1", domain.ModeLive, "q1")
	d.wrote("c1", "m0") // before the session: no news of it
	hold := d.engage("c1", "ana")
	unread := func() int {
		v, found, _, err := d.Session(d.ctx, hold, d.seen())
		ok(t, err)
		is(t, "found", found, true)
		return v.Unread
	}
	for i := range 12 {
		d.wrote("c1", "m"+string(rune('a'+i)))
	}
	is(t, "the exact number", unread(), 12)
	do(d, &agent.Kind, "ana", agent.Focus{Session: hold})
	is(t, "focus clears it", unread(), 0)
	d.wrote("c1", "n1")
	is(t, "in focus", unread(), 0)
	do(d, &agent.Kind, "ana", agent.Focus{Session: "home"})
	d.wrote("c1", "n2")
	is(t, "out of focus", unread(), 1)
}

func TestSES4_DraftsAndTabsComeBack(t *testing.T) {
	d := newDesk(t)
	d.opened()
	d.start("c1", "v1", domain.ModeLive, "q1")
	hold := d.engage("c1", "ana")
	do(d, &session.Kind, hold, session.KeepDraft{Agent: "ana", Form: "reply", Text: "Dear", Digest: "1"})
	do(d, &session.Kind, hold, session.KeepDraft{Agent: "ana", Form: "note", Text: "hm", Digest: "2"})
	do(d, &session.Kind, hold, session.KeepDraft{Agent: "ana", Form: "note", Text: "", Digest: "3"})
	tabs := []session.Tab{{ID: "active_conversation", Form: "active_conversation", Anchored: true}, {ID: "t2", Form: "knowledge", Of: "https://shop.example/orders/kim"}}
	do(d, &session.Kind, hold, session.ArrangeTabs{Agent: "ana", Tabs: tabs})
	do(d, &agent.Kind, "ana", agent.SetPanel{Mode: "collapsed"})
	w, _, err := d.Workspace(d.ctx, "ana", d.seen())
	ok(t, err)
	is(t, "panel", w.Panel, "collapsed")
	is(t, "sessions", len(w.Sessions), 1)
	is(t, "drafts", len(w.Sessions[0].Drafts), 1)
	is(t, "draft", w.Sessions[0].Drafts[0].Text, domain.Personal("Dear"))
	is(t, "tabs", len(w.Sessions[0].Tabs), 2)
	is(t, "what a tab shows", w.Sessions[0].Tabs[1].Of, tabs[1].Of)
	sealed, err := d.runner.View(d.ctx, "sessions", 0)
	ok(t, err)
	row, _, err := sessionTable.Find(d.ctx, sealed, hold)
	ok(t, err)
	ok(t, sealed.Close())
	is(t, "and is sealed in its row", strings.HasPrefix(string(row.Tabs[1].Of), "p1:"), true)
	do(d, &conversation.Kind, "c1", conversation.ForceClose{Reason: conversation.ReasonSpam})
	w, _, err = d.Workspace(d.ctx, "ana", d.seen())
	ok(t, err)
	is(t, "closed", len(w.Sessions), 0)
	_, found, _, err := d.Session(d.ctx, hold, 0)
	ok(t, err)
	is(t, "found", found, false)
	v, err := d.runner.View(d.ctx, "sessions", 0)
	ok(t, err)
	n, err := draftTable.Count(d.ctx, v, "")
	ok(t, err)
	ok(t, v.Close())
	is(t, "drafts go with their session", n, 0)
}

func TestTimersAreDerivedFromTheRecord(t *testing.T) {
	d := newDesk(t)
	d.opened()
	d.start("c1", "v1", domain.ModeLive, "q1")
	hold, _ := d.reserve("c1", "ana", agent.PurposeOffer)
	do(d, &visitor.Kind, "v1", visitor.Invite{ID: "i1", Message: "Hello?", At: d.clock})
	d.seen()
	timers, at, err := LoadTimers(d.ctx, d.log, d.Codec, d.Due)
	ok(t, err)
	is(t, "position", at, d.seen())
	keys := ""
	for _, timer := range timers {
		keys += timer.Key + " "
		if timer.Command == nil || timer.At.IsZero() {
			t.Fatalf("%+v", timer)
		}
	}
	is(t, "soonest first", keys, "invitation/i1 offer/"+hold+" close/c1 ")
	do(d, &conversation.Kind, "c1", conversation.Accept{Hold: hold, Agent: "ana", At: d.clock})
	do(d, &visitor.Kind, "v1", visitor.EndInvitation{ID: "i1", Outcome: visitor.InvitationDismissed, At: d.clock})
	d.seen()
	timers, _, err = LoadTimers(d.ctx, d.log, d.Codec, d.Due)
	ok(t, err)
	is(t, "all cancelled", len(timers), 0)
}

func TestPRO5_WhatWasImportedArmsNothing(t *testing.T) {
	v := given(t, Due(), domain.Fact{Kind: "visitor", ID: "v", Imported: true,
		Event: visitor.Invited{Visitor: "v", ID: "i", Deadline: noon}})
	n, err := dueTable.Count(t.Context(), v, "")
	ok(t, err)
	is(t, "timers", n, 0)
}
