package projections

import (
	"testing"
	"time"

	"github.com/samber/lo"

	"parley/domain"
	"parley/domain/cases"
	"parley/domain/contact"
	"parley/domain/queue"
	"parley/domain/widget"
	"parley/domain/workstream"
)

func TestRTE2_QueuesByNumberWithTheirMembers(t *testing.T) {
	d := newDesk(t)
	d.opened()
	do(d, &queue.Kind, "q1", queue.RemoveMember{Agent: "ben"})
	do(d, &queue.Kind, "q1", queue.AddMember{Agent: "adam"})
	all, _, err := d.Queues(d.ctx, d.seen())
	ok(t, err)
	is(t, "by number", join(lo.Map(all, func(r QueueRow, _ int) string { return r.ID })), "q2 q1")
	is(t, "members, sorted", join(all[1].Members), "adam ana")
	is(t, "revision", int(all[1].Revision), 4)
	for agent, want := range map[string]string{"ana": "q2 q1", "adam": "q1", "ben": ""} {
		rows, _, err := d.QueuesOf(d.ctx, agent, 0)
		ok(t, err)
		is(t, "queues of "+agent, join(lo.Map(rows, func(r QueueRow, _ int) string { return r.ID })), want)
	}
	one, found, _, err := d.Queue(d.ctx, "q1", 0)
	ok(t, err)
	is(t, "name", found && one.Name == "Sales" && one.Method == queue.MethodHighestCapacity, true)
	_, found, _, err = d.Queue(d.ctx, "q9", 0)
	ok(t, err)
	is(t, "unknown", found, false)
}

func TestPER2_WidgetsAndWorkstreams(t *testing.T) {
	d := newDesk(t)
	d.opened()
	do(d, &workstream.Kind, "chat", workstream.Reconfigure{Settings: workstream.Settings{Name: "Chat", Queue: "q2", Units: 40}})
	do(d, &widget.Kind, "w1", widget.Configure{ID: "w1", Workstream: "chat", Proactive: true, Origins: []string{"https://a.example"}})
	row, _, _, err := d.Workstream(d.ctx, "chat", d.seen())
	ok(t, err)
	terms := row.Terms()
	is(t, "units", terms.Units, 40)
	is(t, "revision of the terms", terms.Revision, 2)
	is(t, "countdown", terms.Countdown, 120)
	is(t, "push", terms.Push, true)
	streams, _, err := d.Workstreams(d.ctx, 0)
	ok(t, err)
	is(t, "workstreams", len(streams), 1)
	w, found, _, err := d.Widget(d.ctx, "w1", 0)
	ok(t, err)
	is(t, "widget", found && w.Workstream == "chat" && w.Proactive && w.Origins[0] == "https://a.example", true)
	widgets, _, err := d.Widgets(d.ctx, 0)
	ok(t, err)
	is(t, "widgets", len(widgets), 1)
}

func TestSUM3_ContactsAndSUM8_Cases(t *testing.T) {
	d := newDesk(t)
	d.opened()
	for _, id := range []string{"k1", "k2", "k3"} {
		do(d, &contact.Kind, id, contact.Record{ID: id, Details: contact.Details{Name: domain.Personal("Name " + id), Email: "a@b.example"}})
	}
	for _, id := range []string{"s1", "s2"} {
		d.pass(time.Second)
		do(d, &cases.Kind, id, cases.Open{ID: id, Contact: "k1", Title: domain.Personal("Title " + id), Description: "long"})
	}
	d.pass(time.Second)
	do(d, &cases.Kind, "s1", cases.SetStatus{Status: cases.StatusResolved})
	do(d, &contact.Kind, "k2", contact.Erase{})
	page, next, _, err := d.Contacts(d.ctx, Page{Limit: 2}, d.seen())
	ok(t, err)
	rest, none, _, err := d.Contacts(d.ctx, Page{Limit: 2, Cursor: next}, 0)
	ok(t, err)
	is(t, "pages", len(page) == 2 && len(rest) == 1 && none == "", true)
	is(t, "name", page[0].Name, domain.Personal("Name k1"))
	one, found, _, err := d.Contact(d.ctx, "k2", 0)
	ok(t, err)
	is(t, "erased", found && one.Erased, true)
	list, _, _, err := d.Cases(d.ctx, "k1", Page{}, 0)
	ok(t, err)
	is(t, "latest change first", join(lo.Map(list, func(r CaseRow, _ int) string { return r.ID + r.Status })), "s1resolved s2active")
	c, found, _, err := d.Case(d.ctx, "s2", 0)
	ok(t, err)
	is(t, "case", found && c.Title == "Title s2" && c.Description == "long", true)
	if list, _, _, err = d.Cases(d.ctx, "", Page{Limit: 1}, 0); err != nil || len(list) != 1 {
		t.Fatalf("%v %v", list, err)
	}
}
