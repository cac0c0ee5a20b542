package projections

import (
	"context"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"parley/domain"
	"parley/domain/agent"
	"parley/domain/conversation"
	"parley/domain/policy"
	"parley/domain/queue"
	"parley/domain/visitor"
	"parley/domain/workstream"
	"parley/eventstore"
	"parley/eventstore/embedded"
)

// tester is a test, or one check of a property.
type tester interface {
	Helper()
	Errorf(format string, args ...any)
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// desk is a whole Parley without its API: the domain's commands run on a real
// log, what follows is run at once, and the views are read from SQLite.
type desk struct {
	t      tester
	log    *embedded.Log
	engine *eventstore.Engine
	runner *Runner
	*Views
	clock time.Time
	ctx   context.Context
}

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// day is the calendar day that numbers visitors in tests.
const day = "2026-03-02"

func newDesk(t testing.TB) *desk {
	t.Helper()
	d := &desk{t: t, clock: noon, ctx: context.Background()}
	kinds, err := Kinds()
	if err != nil {
		t.Fatal(err)
	}
	if d.log, err = embedded.Open(embedded.Options{Dir: "log", FS: vfs.NewMem(), Now: d.time}); err != nil {
		t.Fatal(err)
	}
	codec := &eventstore.Codec{Kinds: kinds, Keys: testKeys{}}
	d.engine = eventstore.NewEngine(d.log, codec, policy.All(), d.time)
	if d.runner, err = Open(d.ctx, Config{Log: d.log, Codec: codec, Dir: t.TempDir(), Projections: All(), Now: d.time}); err != nil {
		t.Fatal(err)
	}
	d.Views = &Views{Runner: d.runner, Codec: codec, Now: d.time}
	t.Cleanup(func() {
		if err := d.runner.Close(); err != nil {
			t.Error(err)
		}
		if err := d.log.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

func (d *desk) time() time.Time { return d.clock }

// pass lets time go by.
func (d *desk) pass(by time.Duration) { d.clock = d.clock.Add(by) }

// try carries a command out, and all that follows.
func try[S, E any](d *desk, k *domain.Kind[S, E], id string, cmd domain.Command[S, E]) (eventstore.Position, error) {
	out, err := eventstore.Act(d.ctx, d.engine, k, id, cmd, eventstore.Meta{Actor: domain.Actor{ID: "test", Role: domain.RoleService}})
	return out.Position, err
}

// do is try that must not be refused.
func do[S, E any](d *desk, k *domain.Kind[S, E], id string, cmd domain.Command[S, E]) eventstore.Position {
	d.t.Helper()
	at, err := try(d, k, id, cmd)
	if err != nil {
		d.t.Fatalf("%T: %v", cmd, err)
	}
	return at
}

// seen brings all views to the head of the log, and gives it.
func (d *desk) seen() eventstore.Position {
	d.t.Helper()
	if err := d.runner.CatchUp(d.ctx); err != nil {
		d.t.Fatal(err)
	}
	info, err := d.log.Info(d.ctx)
	if err != nil {
		d.t.Fatal(err)
	}
	return info.Head
}

// opened makes queue q1, members ana and ben, and workstream chat.
func (d *desk) opened() {
	d.t.Helper()
	do(d, &queue.Kind, "q1", queue.Configure{ID: "q1", Name: "Sales", Number: 2})
	do(d, &queue.Kind, "q2", queue.Configure{ID: "q2", Name: "Help", Number: 1})
	for _, a := range []string{"ana", "ben"} {
		do(d, &agent.Kind, a, agent.Register{ID: a, Name: domain.Personal("Name of " + a)})
		do(d, &agent.Kind, a, agent.SetPresence{Presence: agent.Available, At: d.clock})
		do(d, &queue.Kind, "q1", queue.AddMember{Agent: a})
	}
	do(d, &queue.Kind, "q2", queue.AddMember{Agent: "ana"})
	do(d, &workstream.Kind, "chat", workstream.Create{ID: "chat", Channel: domain.ChannelChat,
		Settings: workstream.Settings{Name: "Chat", Queue: "q1"}})
}

// terms of a test's conversations, by mode.
func terms(mode string) domain.Terms {
	t := domain.Terms{Revision: 1, Push: true, Units: 30, Block: domain.BlockAlways, Countdown: 120, CloseOpen: 1200, CloseWrapUp: 900, DeclineLimit: 3}
	if mode != domain.ModeLive {
		t.CloseWaiting, t.Affinity = 28*86400, true
	}
	if mode == domain.ModeAsync {
		t.CloseEngaged = 86400
	}
	return t
}

// start begins a conversation of a visitor.
func (d *desk) start(id, visitorID, mode, queueID string) eventstore.Position {
	d.t.Helper()
	do(d, &visitor.Kind, visitorID, visitor.Arrive{ID: visitorID, Widget: "w", Device: visitor.Device{Browser: "Firefox", Language: "de"}})
	return do(d, &conversation.Kind, id, conversation.Start{Opening: domain.Opening{
		Conversation: id, Subject: "visitor-" + visitorID, Visitor: visitorID, Channel: domain.ChannelChat, Mode: mode, Workstream: "chat",
		Widget: "w", Queue: queueID, Authenticated: mode == domain.ModePersistent, Terms: terms(mode), At: d.clock,
		Survey:  []domain.Answer{{Question: "What?", Answer: "A broken lamp"}},
		Context: []domain.Variable{{Name: "plan", Value: "gold", Displayable: true}},
	}})
}

// state is what the domain says of a conversation.
func (d *desk) state(id string) conversation.Conversation {
	d.t.Helper()
	c, _, err := eventstore.Load(d.ctx, d.engine, &conversation.Kind, id)
	if err != nil {
		d.t.Fatal(err)
	}
	return c
}

// reserve holds room and asks the conversation: an offer, a pick …
func (d *desk) reserve(id, agentID, purpose string) (string, eventstore.Position) {
	d.t.Helper()
	c := d.state(id)
	hold := domain.Hold(id, c.Turn, agentID)
	cmd := agent.Reserve{Hold: hold, Conversation: id, Subject: c.Subject, Turn: c.Turn, Segment: c.Segment, Units: c.Terms.Units,
		Purpose: purpose, Forced: purpose != agent.PurposeOffer, Scenario: "incoming_chat", Countdown: c.Terms.Countdown, Day: day, At: d.clock,
		Reasons: []agent.Reason{{Code: "chosen", Count: 1}, {Code: "outranked", Count: 2}}}
	if purpose == agent.PurposeTransfer {
		cmd.Replaces = c.Primary.Hold
	}
	return hold, do(d, &agent.Kind, agentID, cmd)
}

// engage lets an agent pick the conversation.
func (d *desk) engage(id, agentID string) string {
	d.t.Helper()
	hold, _ := d.reserve(id, agentID, agent.PurposePick)
	return hold
}

// wrote is a message of the customer.
func (d *desk) wrote(id, message string) eventstore.Position {
	d.t.Helper()
	return do(d, &conversation.Kind, id, conversation.Receive{ID: message, Text: domain.Personal("text of " + message), At: d.clock})
}

// is fails when a value is not what it should be.
func is[V comparable](t tester, what string, got, want V) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// ok fails when a query failed.
func ok(t tester, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
