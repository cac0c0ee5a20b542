package projections

import (
	"errors"
	"testing"
	"time"

	"parley/domain"
	"parley/domain/agent"
	"parley/domain/contact"
	"parley/domain/conversation"
)

func TestSUP1_ActiveConversationsShowWhereEachStands(t *testing.T) {
	d := newDesk(t)
	d.opened()
	d.start("c1", "v1", domain.ModeLive, "q1")
	d.pass(2 * time.Second)
	d.wrote("c1", "m1")
	d.wrote("c1", "m2")
	hold, _ := d.reserve("c1", "ana", agent.PurposeOffer)

	row, found, at, err := d.ActiveOne(d.ctx, "c1", d.seen())
	ok(t, err)
	if !found || at < d.seen() {
		t.Fatalf("found %v at %d", found, at)
	}
	is(t, "status", row.Status, conversation.StatusOffered)
	is(t, "offered to", row.OfferAgent, "ana")
	is(t, "hold", row.OfferHold, hold)
	is(t, "deadline", row.OfferDeadline, d.clock.Add(2*time.Minute))
	is(t, "title", row.Title, "Visitor 1")
	is(t, "comment", row.Comment, domain.Personal("text of m1"))
	is(t, "unread", row.Talk.Unread, 2)
	is(t, "wait", row.WaitFrom, noon)
	is(t, "reasons", len(row.Reasons), 2)

	d.pass(10 * time.Second)
	do(d, &conversation.Kind, "c1", conversation.Accept{Hold: hold, Agent: "ana", At: d.clock})
	do(d, &conversation.Kind, "c1", conversation.MarkRead{Side: conversation.SideAgent, UpTo: 1})
	row, _, _, err = d.ActiveOne(d.ctx, "c1", d.seen())
	ok(t, err)
	is(t, "agent", row.Agent, "ana")
	is(t, "offer", row.OfferAgent, "")
	is(t, "no wait", row.WaitFrom.IsZero(), true)
	is(t, "unread", row.Talk.Unread, 1)
	d.wrote("c1", "m3")
	do(d, &conversation.Kind, "c1", conversation.Send{ID: "a1", Text: "hello", By: domain.Actor{ID: "ana", Role: domain.RoleAgent}, At: d.clock})
	row, _, _, err = d.ActiveOne(d.ctx, "c1", d.seen())
	ok(t, err)
	is(t, "an answer has read", row.Talk.Unread, 0)
	is(t, "messages", row.Talk.Messages, 4)

	do(d, &conversation.Kind, "c1", conversation.ForceClose{Reason: conversation.ReasonSpam})
	_, found, _, err = d.ActiveOne(d.ctx, "c1", d.seen())
	ok(t, err)
	is(t, "closed is not active", found, false)
}

func TestSES9_TheTitleFollowsTheLink(t *testing.T) {
	d := newDesk(t)
	d.opened()
	d.start("c1", "v1", domain.ModeLive, "q1")
	d.engage("c1", "ana")
	do(d, &contact.Kind, "k1", contact.Record{ID: "k1", Details: contact.Details{Name: "Ada Lovelace"}})
	for _, step := range []struct {
		cmd   domain.Command[conversation.Conversation, conversation.Event]
		title string
	}{
		{conversation.LinkContact{Contact: "k1"}, "Ada Lovelace"},
		{conversation.UnlinkContact{}, "Visitor 1"},
	} {
		do(d, &conversation.Kind, "c1", step.cmd)
		row, _, _, err := d.ActiveOne(d.ctx, "c1", d.seen())
		ok(t, err)
		is(t, "title", row.Title, step.title)
		w, _, err := d.Workspace(d.ctx, "ana", d.seen())
		ok(t, err)
		is(t, "session title", w.Sessions[0].Title, step.title)
		mine, _, _, err := d.MyWork(d.ctx, "ana", WorkFilter{}, Page{}, d.seen())
		ok(t, err)
		is(t, "work item title", mine[0].Title, step.title)
	}
}

func TestRTE5_DeclinesAreCountedPerSegment(t *testing.T) {
	d := newDesk(t)
	d.opened()
	d.start("c1", "v1", domain.ModeLive, "q1")
	hold, _ := d.reserve("c1", "ana", agent.PurposeOffer)
	d.pass(time.Second)
	do(d, &conversation.Kind, "c1", conversation.Reject{Hold: hold, Agent: "ana"})
	first, _, _, err := d.ActiveOne(d.ctx, "c1", d.seen())
	ok(t, err)
	if first.Declines["ana"] != 1 || !first.LastDecline.Equal(d.clock) {
		t.Fatalf("%+v", first)
	}
	standing, _, err := d.Standing(d.ctx, d.seen())
	ok(t, err)
	is(t, "conversations", len(standing.Conversations), 1)
	is(t, "agents", len(standing.Agents), 2)
	is(t, "queues", len(standing.Queues) > 1, true)

	d.engage("c1", "ben")
	do(d, &conversation.Kind, "c1", conversation.CloseSession{Agent: "ben", At: d.clock}) // X on live is a decline
	row, _, _, err := d.ActiveOne(d.ctx, "c1", d.seen())
	ok(t, err)
	if len(row.Declines) != 1 || row.Declines["ben"] != 1 || row.Segment != 2 || !row.Since.Equal(noon) {
		t.Fatalf("%+v", row)
	}
}

func TestAPI1_ListsArePagedByCursors(t *testing.T) {
	d := newDesk(t)
	d.opened()
	for _, id := range []string{"c1", "c2", "c3", "c4", "c5"} {
		d.pass(time.Second)
		d.start(id, "v-"+id, domain.ModeLive, "q1")
	}
	d.engage("c3", "ana")
	var got []string
	p := Page{Limit: 2}
	for {
		rows, next, _, err := d.ActiveList(d.ctx, ActiveFilter{Queue: "q1"}, p, d.seen())
		ok(t, err)
		for _, r := range rows {
			got = append(got, r.ID)
		}
		if p.Cursor = next; next == "" {
			break
		}
	}
	if want := "c5 c3 c4 c2 c1"; join(got) != want {
		t.Fatalf("%s, want %s", join(got), want)
	}
	for filter, want := range map[ActiveFilter]int{
		{State: "active"}: 1, {State: "engaged"}: 1, {State: "open"}: 4, {Agent: "ana"}: 1, {Agent: "ben"}: 0, {Visitor: "v-c1"}: 1, {Workstream: "chat"}: 5,
	} {
		rows, _, _, err := d.ActiveList(d.ctx, filter, Page{}, 0)
		ok(t, err)
		is(t, "rows", len(rows), want)
	}
	_, _, _, err := d.ActiveList(d.ctx, ActiveFilter{}, Page{Cursor: "nonsense"}, 0)
	if !errors.Is(err, domain.Invalid("cursor", "")) {
		t.Fatalf("a false cursor: %v", err)
	}
	_, other, _, err := d.MyWork(d.ctx, "ana", WorkFilter{Sort: "mode"}, Page{Limit: 1}, 0)
	ok(t, err)
	is(t, "one page", other, "")
	if _, _, _, err = d.ActiveList(d.ctx, ActiveFilter{State: "closed"}, Page{}, 0); err == nil {
		t.Fatal("closed is no state of an active conversation")
	}
}

func join(ids []string) string {
	s := ""
	for i, id := range ids {
		if i > 0 {
			s += " "
		}
		s += id
	}
	return s
}
