package projections

import (
	"testing"
	"time"

	"github.com/samber/lo"

	"parley/domain"
	"parley/domain/cases"
	"parley/domain/contact"
	"parley/domain/conversation"
	"parley/domain/visitor"
	"parley/eventstore"
)

// noKeys is a key store in which everybody was erased.
type noKeys struct{ testKeys }

func (noKeys) Key(string, bool) ([]byte, error) { return nil, eventstore.ErrNoKey }

var ana = domain.Actor{ID: "ana", Role: domain.RoleAgent}

func TestSUM9_TimelineOfTheLinkedRecords(t *testing.T) {
	d := newDesk(t)
	d.opened()
	d.start("c1", "v1", domain.ModeLive, "q1")
	d.engage("c1", "ana")
	d.pass(time.Second)
	do(d, &conversation.Kind, "c1", conversation.Note{ID: "n1", Text: "is angry", By: ana})
	do(d, &contact.Kind, "k1", contact.Record{ID: "k1", Details: contact.Details{Name: "Ada"}})
	d.pass(time.Second)
	do(d, &cases.Kind, "s1", cases.Open{ID: "s1", Number: "7", Contact: "k1", Title: "Lamp", By: ana})
	d.pass(time.Second)
	do(d, &contact.Kind, "k1", contact.AddActivity{ID: "a1", Form: contact.ActivityCall, Title: "Called back", By: ana})

	told := func(of TimelineOf) string {
		rows, _, _, err := d.Timeline(d.ctx, of, Page{}, d.seen())
		ok(t, err)
		return join(lo.Map(rows, func(r TimelineRow, _ int) string { return r.Form + ":" + r.ID }))
	}
	is(t, "nothing linked: the conversation", told(TimelineOf{Conversation: "c1"}), "note:n1 conversation:c1")
	is(t, "the contact before the link", told(TimelineOf{Contact: "k1"}), "call:a1 case:s1")
	do(d, &conversation.Kind, "c1", conversation.LinkContact{Contact: "k1"})
	is(t, "the contact", told(TimelineOf{Contact: "k1"}), "call:a1 case:s1 note:n1 conversation:c1")
	do(d, &conversation.Kind, "c1", conversation.LinkCase{Case: "s1"})
	is(t, "the case", told(TimelineOf{Case: "s1"}), "case:s1 note:n1 conversation:c1")

	// The link said who the visitor is: his next conversation is the contact's.
	do(d, &conversation.Kind, "c1", conversation.ForceClose{Reason: conversation.ReasonSupervisorClosed})
	d.pass(time.Second)
	d.start("c2", "v1", domain.ModeLive, "q1")
	is(t, "the contact's next", told(TimelineOf{Contact: "k1"}), "conversation:c2 call:a1 case:s1 note:n1 conversation:c1")
	do(d, &conversation.Kind, "c1", conversation.UnlinkContact{})
	is(t, "unlinked stays so", told(TimelineOf{Contact: "k1"}), "conversation:c2 call:a1 case:s1")
	is(t, "the visitor", told(TimelineOf{Visitor: "v1"}), "conversation:c2 note:n1 conversation:c1")

	rows, next, _, err := d.Timeline(d.ctx, TimelineOf{Visitor: "v1"}, Page{Limit: 2}, 0)
	ok(t, err)
	rows2, _, _, err := d.Timeline(d.ctx, TimelineOf{Visitor: "v1"}, Page{Limit: 2, Cursor: next}, 0)
	ok(t, err)
	is(t, "pages", len(rows)+len(rows2), 3)
	is(t, "note", rows[1].Text, domain.Personal("is angry"))
	is(t, "state", rows2[0].State+" "+rows2[0].Reason, "closed supervisor_closed")
	if _, _, _, err := d.Timeline(d.ctx, TimelineOf{}, Page{}, 0); err == nil {
		t.Fatal("a timeline of nobody")
	}
}

func TestSUM4_WaitingTimesAndLinkedRecords(t *testing.T) {
	d := newDesk(t)
	d.opened()
	d.start("c1", "v1", domain.ModePersistent, "q1")
	d.pass(12 * time.Second)
	d.engage("c1", "ana")
	do(d, &conversation.Kind, "c1", conversation.Requeue{Hold: d.state("c1").Primary.Hold, Queue: "q2", Reason: conversation.RequeuedReleased, At: d.clock})
	d.pass(3 * time.Second)
	d.engage("c1", "ana") // a re-queue adds
	do(d, &conversation.Kind, "c1", conversation.CloseSession{Agent: "ana", At: d.clock})
	d.pass(time.Hour)
	d.wrote("c1", "m1") // a return starts a new figure
	d.pass(5 * time.Second)
	d.engage("c1", "ben")
	do(d, &contact.Kind, "k1", contact.Record{ID: "k1", Details: contact.Details{Name: "Ada", Phones: []domain.Personal{"+49301"}}})
	for _, id := range []string{"s1", "s2"} {
		d.pass(time.Second)
		do(d, &cases.Kind, id, cases.Open{ID: id, Contact: "k1", Title: "Lamp", By: ana})
	}
	do(d, &conversation.Kind, "c1", conversation.LinkContact{Contact: "k1"})
	do(d, &conversation.Kind, "c1", conversation.LinkCase{Case: "s1"})
	do(d, &conversation.Kind, "c1", conversation.RecordContext{Variables: []domain.Variable{{Name: "plan", Value: "silver"}, {Name: "cart", Value: "3"}}})

	s, found, _, err := d.Summary(d.ctx, "c1", d.seen())
	ok(t, err)
	is(t, "found", found, true)
	is(t, "first wait", s.WaitedFirst, 15_000)
	is(t, "latest wait", s.WaitedLatest, 5_000)
	is(t, "agents", join(s.Agents), "ana ben")
	is(t, "queue", s.Queue, "q2")
	is(t, "survey", s.Survey[0].Answer, domain.Personal("A broken lamp"))
	is(t, "context", s.Context[0].Value+s.Context[1].Value, domain.Personal("silver3"))
	is(t, "device", s.Device.Browser, domain.Personal("Firefox"))
	is(t, "contact", s.Linked.Name+s.Linked.Phones[0], domain.Personal("Ada+49301"))
	is(t, "case", s.Issue.Title, domain.Personal("Lamp"))
	is(t, "recent cases", s.RecentCases[0].ID+s.RecentCases[1].ID, "s2s1")
	all, _, _, err := d.Conversations(d.ctx, CustomerOf{Contact: "k1"}, Page{}, 0)
	ok(t, err)
	is(t, "conversations of the contact", len(all), 1)
	_, found, _, err = d.Summary(d.ctx, "nothing", 0)
	ok(t, err)
	is(t, "nothing found", found, false)
}

func TestSUM6_SelfServiceActionsBeforeTheAcceptance(t *testing.T) {
	d := newDesk(t)
	d.opened()
	do(d, &visitor.Kind, "v1", visitor.Arrive{ID: "v1", Widget: "w"})
	visit := func(id string) {
		d.pass(time.Second)
		do(d, &visitor.Kind, "v1", visitor.VisitPage{ID: id, URL: domain.Personal("/" + id)})
	}
	visit("long-ago")
	d.pass(31 * 24 * time.Hour)
	visit("before")
	d.start("c1", "v1", domain.ModeLive, "q1")
	visit("waiting")
	shown := func(id string) string {
		rows, _, err := d.SelfService(d.ctx, id, d.seen())
		ok(t, err)
		return join(lo.Map(rows, func(r ActionRow, _ int) string { return r.ID }))
	}
	d.pass(time.Second)
	is(t, "not accepted yet", shown("c1"), "waiting before")
	d.engage("c1", "ana")
	visit("talking")
	is(t, "before the acceptance", shown("c1"), "waiting before")
	do(d, &conversation.Kind, "c1", conversation.Leave{At: d.clock})
	d.pass(time.Second)
	d.start("c2", "v1", domain.ModeLive, "q1")
	do(d, &visitor.Kind, "v1", visitor.SearchPhrase{ID: "lamp", Phrase: "broken lamp"})
	do(d, &visitor.Kind, "v1", visitor.ViewArticle{ID: "how", Article: "kb-1", Title: "How to"})
	d.pass(time.Second)
	d.engage("c2", "ana")
	is(t, "after the last ended conversation", shown("c2"), "lamp how")
	is(t, "the first one still", shown("c1"), "waiting before")
	rows, _, _, err := d.SelfServiceOf(d.ctx, "v1", Page{Limit: 1}, 0)
	ok(t, err)
	is(t, "newest of the visitor", rows[0].Form+" "+string(rows[0].Text), "search broken lamp")
	for i := range 120 {
		visit("p" + string(rune('a'+i%26)) + string(rune('a'+i/26)))
	}
	do(d, &conversation.Kind, "c2", conversation.ForceClose{Reason: conversation.ReasonSpam})
	d.pass(time.Second)
	d.start("c3", "v1", domain.ModeLive, "q1")
	is(t, "nothing since", shown("c3"), "")
	for i := range 120 {
		visit("q" + string(rune('a'+i%26)) + string(rune('a'+i/26)))
	}
	d.pass(time.Second)
	rows, _, err = d.SelfService(d.ctx, "c3", d.seen())
	ok(t, err)
	is(t, "100 entries at most", len(rows), 100)
}

func TestAUD4_ErasedReadsErasedInEveryView(t *testing.T) {
	d := newDesk(t)
	d.opened()
	d.start("c1", "v1", domain.ModeLive, "q1")
	d.wrote("c1", "m1")
	d.Codec = &eventstore.Codec{Kinds: d.Codec.Kinds, Keys: noKeys{}}
	row, _, _, err := d.ActiveOne(d.ctx, "c1", d.seen())
	ok(t, err)
	is(t, "comment", row.Comment, domain.Erased)
	s, _, _, err := d.Summary(d.ctx, "c1", 0)
	ok(t, err)
	is(t, "survey", s.Survey[0].Answer, domain.Erased)
	is(t, "device", s.Device.Browser, domain.Erased)
}
