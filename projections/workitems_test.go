package projections

import (
	"testing"
	"time"

	"github.com/samber/lo"

	"parley/domain"
	"parley/domain/conversation"
)

func ids(rows []WorkRow) string {
	return join(lo.Map(rows, func(r WorkRow, _ int) string { return r.ID }))
}

func TestSES3_MyOpenAndClosedWorkItems(t *testing.T) {
	d := newDesk(t)
	d.opened()
	d.start("old", "v1", domain.ModeLive, "q1")
	d.pass(time.Second)
	d.start("new", "v2", domain.ModeLive, "q1")
	d.pass(time.Second)
	d.start("first", "v3", domain.ModeLive, "q2") // of the queue with the lower number
	d.pass(time.Second)
	d.start("away", "v4", domain.ModePersistent, "q1")

	open, _, _, err := d.OpenWork(d.ctx, "ana", WorkFilter{}, Page{}, d.seen())
	ok(t, err)
	is(t, "open of ana, as RTE-2 orders them", ids(open), "first old new away")
	open, next, _, err := d.OpenWork(d.ctx, "ana", WorkFilter{}, Page{Limit: 2}, 0)
	ok(t, err)
	is(t, "the first page", ids(open), "first old")
	open, _, _, err = d.OpenWork(d.ctx, "ana", WorkFilter{}, Page{Limit: 2, Cursor: next}, 0)
	ok(t, err)
	is(t, "the second page", ids(open), "new away")
	open, _, _, err = d.OpenWork(d.ctx, "ben", WorkFilter{Mode: domain.ModeLive}, Page{}, 0)
	ok(t, err)
	is(t, "open of ben, live ones", ids(open), "old new")

	d.engage("old", "ana")
	d.engage("away", "ana")
	d.pass(time.Second)
	do(d, &conversation.Kind, "away", conversation.CloseSession{Agent: "ana", At: d.clock})
	mine, _, _, err := d.MyWork(d.ctx, "ana", WorkFilter{}, Page{}, d.seen())
	ok(t, err)
	is(t, "mine, newest modified first", ids(mine), "away old")
	mine, _, _, err = d.MyWork(d.ctx, "ana", WorkFilter{Sort: "created"}, Page{}, 0)
	ok(t, err)
	is(t, "mine by created", ids(mine), "old away")
	mine, _, _, err = d.MyWork(d.ctx, "ana", WorkFilter{Customer: "v4", ModifiedFrom: d.clock, CreatedTo: d.clock}, Page{}, 0)
	ok(t, err)
	is(t, "mine of one customer", ids(mine), "away")

	d.pass(time.Minute)
	do(d, &conversation.Kind, "old", conversation.End{Agent: "ana", At: d.clock})
	do(d, &conversation.Kind, "old", conversation.CloseSession{Agent: "ana", At: d.clock})
	do(d, &conversation.Kind, "new", conversation.Leave{At: d.clock}) // nobody was primary
	for _, c := range []struct {
		agent string
		from  time.Time
		want  string
	}{{"ana", d.clock, "old"}, {"ana", d.clock.Add(time.Second), ""}, {"ben", time.Time{}, ""}} {
		rows, _, _, err := d.ClosedWork(d.ctx, c.agent, c.from, WorkFilter{}, Page{}, d.seen())
		ok(t, err)
		is(t, "closed of "+c.agent, ids(rows), c.want)
	}
	was, _, err := d.WasPrimary(d.ctx, "old", "ana", 0)
	ok(t, err)
	is(t, "ana was primary", was, true)
	row, found, _, err := d.WorkItem(d.ctx, "new", 0)
	ok(t, err)
	is(t, "reason", row.Reason, conversation.ReasonAbandoned)
	is(t, "found", found, true)
	if _, _, _, err := d.MyWork(d.ctx, "ana", WorkFilter{Sort: "colour"}, Page{}, 0); err == nil {
		t.Fatal("an unknown order")
	}
}
