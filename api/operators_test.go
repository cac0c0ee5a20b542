package api_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"parley/api"
	"parley/domain"
	"parley/domain/agent"
	"parley/domain/conversation"
	"parley/domain/visitor"
	"parley/eventstore"
	"parley/projections"
)

func TestAnOperatorReplaysWhatWasParked(t *testing.T) {
	var broken atomic.Bool
	broken.Store(true)
	var reactor *eventstore.Reactor
	h := newHouse(t, func(o *api.Options) {
		reactor = eventstore.NewReactor(o.Engine, eventstore.ReactorOptions{
			Name: "mailer", Tries: 1, Backoff: time.Millisecond,
			Names: []string{"agent.registered"},
			Work: func(context.Context, eventstore.Record) error {
				if broken.Load() {
					return errors.New("the mail is down")
				}
				return nil
			},
		})
		o.Reactors = []*eventstore.Reactor{reactor}
	})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- reactor.Run(ctx) }()
	defer func() {
		cancel()
		h.check(<-ended)
	}()
	begun := func() bool {
		m, err := h.Log.Mark(ctx, "reactor-mailer", nil)
		h.check(err)
		return m.Revision > 0
	}
	for !begun() {
	}
	configured(h)
	for len(h.ask(step{As: "admin:root", Do: "GET /v1/reactors", Status: 200})["reactors"].([]any)[0].(map[string]any)["parked"].([]any)) == 0 {
	}
	h.run(
		step{As: "auditor:eve", Do: "GET /v1/reactors", Status: 200, Contains: []string{`"name":"mailer"`, "the mail is down", `"name":"agent.registered"`}},
		step{As: "admin:root", Do: "POST /v1/reactors/mailer/replay", Body: `{"all":true}`, Status: 200, Contains: []string{`"replayed":0`, "stays parked"}},
		step{As: "admin:root", Do: "POST /v1/reactors/mailer/replay", Body: `{}`, Status: 400, Contains: []string{`"field":"key"`}},
		step{As: "service:s", Do: "POST /v1/reactors/mailer/replay", Body: `{"all":true}`, Status: 403},
	)
	if f := api.FollowersOf(h.Views.Runner, reactor)(); len(f) != len(projections.All())+1 || !f[len(f)-1].Reactor || f[len(f)-1].Parked != 1 {
		t.Errorf("%+v", f)
	}
	broken.Store(false)
	for _, p := range projections.All() {
		h.check(h.Views.Runner.Wait(ctx, p.Name, h.head()))
	}
	h.run(step{As: "admin:root", Do: "POST /v1/reactors/mailer/replay", Body: `{"all":true}`, Status: 200, Contains: []string{`"replayed":1`, `"parked":[]`}})
	if reasons := api.ReadyWhen(h.Views.Runner, reactor)(); len(reasons) != 0 {
		t.Errorf("not ready: %v", reasons)
	}
}

// oddRow is a row that no second fold makes alike.
type oddRow struct {
	ID   string `row:",key"`
	Seen int64
}

var oddTable = projections.NewTable[oddRow]("odd")

func TestANA1_VerifyNamesTheFirstDifference(t *testing.T) {
	var folded atomic.Int64
	odd := projections.Projection{
		Name: "odd", Version: 1, Kinds: []string{"agent"}, Tables: []projections.AnyTable{oddTable},
		Fold: func(r *projections.Rows, f domain.Fact, _ projections.At) error {
			oddTable.Make(r, f.ID).Seen = folded.Add(1) // no fold may do this
			return nil
		},
	}
	var runner *projections.Runner
	h := newHouse(t, func(o *api.Options) {
		var err error
		runner, err = projections.Open(context.Background(), projections.Config{
			Log: o.Engine.Log, Codec: o.Engine.Codec, Dir: t.TempDir(), Projections: []projections.Projection{odd}, Now: o.Now,
		})
		if err != nil {
			t.Fatal(err)
		}
		o.Views = &projections.Views{Runner: runner, Codec: o.Engine.Codec, Now: o.Now}
	})
	defer func() { h.check(runner.Close()) }()
	do(h, &agent.Kind, "anna", agent.Register{ID: "anna", Name: "Anna"})
	if reasons := api.ReadyWhen(runner)(); len(reasons) != 1 || !strings.Contains(reasons[0], "odd is being built") {
		t.Errorf("ready although nothing is built: %v", reasons)
	}
	h.check(runner.CatchUp(context.Background()))
	lines := h.lines("auditor:eve", "POST /v1/projections/verify", `{"names":["odd"]}`)
	d, _ := lines[0]["difference"].(map[string]any)
	if len(lines) != 2 || lines[0]["projection"] != "odd" || d["table"] != "odd" || d["key"] != "anna" || d["column"] != "seen" ||
		d["want"] == "" || d["got"] == "" || lines[1]["result"] != "different" {
		t.Errorf("%v", lines)
	}
	lines = h.lines("admin:root", "POST /v1/projections/rebuild", `{"names":["odd"],"compare":true}`)
	if last := lines[len(lines)-1]; last["result"] != "different" {
		t.Errorf("%v", lines)
	}
}

func TestResumeFindsAllThatItsAudienceMissed(t *testing.T) {
	h := newHouse(t)
	talking(h)
	do(h, &visitor.Kind, "v1", visitor.Invite{ID: "i1", Message: "Need help?", At: h.Clock.Now()})
	do(h, &visitor.Kind, "v1", visitor.EndInvitation{ID: "i1", Outcome: visitor.InvitationDismissed})
	do(h, &conversation.Kind, "c1", conversation.End{Agent: "anna", At: h.Clock.Now()})
	do(h, &conversation.Kind, "c1", conversation.CloseSession{Agent: "anna", At: h.Clock.Now()})
	resume, ctx := api.ResumeFrom(h.Log), context.Background()
	for _, key := range []string{api.AgentKey("anna"), api.ConversationKey("c1"), api.CustomerKey("c1"), api.VisitorKey("v1"), api.Everyone} {
		var want, got []eventstore.Position
		for r, err := range h.Log.Read(ctx, eventstore.Query{}) {
			h.check(err)
			if h.told(r, key) {
				want = append(want, r.Position)
			}
		}
		for r, err := range resume(ctx, key, 0, h.head()) {
			h.check(err)
			if h.told(r, key) {
				got = append(got, r.Position)
			}
		}
		if len(want) == 0 || len(want) != len(got) || want[0] != got[0] || want[len(want)-1] != got[len(got)-1] {
			t.Errorf("%s: want %v, got %v", key, want, got)
		}
	}
}

// told tells whether a key is in the audience of a record.
func (h *house) told(r eventstore.Record, key string) bool {
	h.t.Helper()
	f, err := h.Engine.Codec.Fact(r)
	h.check(err)
	for _, k := range api.AudienceOf(f) {
		if k == key {
			return true
		}
	}
	return false
}
