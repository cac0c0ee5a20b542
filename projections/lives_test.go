package projections

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"parley/domain"
	"parley/domain/agent"
	"parley/domain/cases"
	"parley/domain/contact"
	"parley/domain/conversation"
	"parley/domain/queue"
	"parley/domain/session"
	"parley/domain/visitor"
	"parley/eventstore"
)

// TestLivesReadTheSameLiveRebuiltAndFoldedPlainly lives random lives of
// conversations side by side in one house, holds the views against what the
// domain knows while they go on, and in the end every read model against its
// independent fold, as it followed and after a rebuild.
func TestLivesReadTheSameLiveRebuiltAndFoldedPlainly(t *testing.T) {
	d := newDesk(t)
	lives := 0
	rapid.Check(t, func(rt *rapid.T) {
		lives++
		d.clock, d.t = noon, rt
		l := life{desk: d, rt: rt, number: lives}
		l.open()
		for range rapid.IntRange(5, 40).Draw(rt, "steps") {
			d.pass(time.Duration(rapid.IntRange(0, 90).Draw(rt, "seconds")) * time.Second)
			l.step()
			if rapid.IntRange(0, 9).Draw(rt, "look") == 0 {
				d.seen()
				l.agrees()
			}
		}
		d.seen()
		l.agrees()
	})
	d.t = t
	for _, p := range All() {
		same(t, d.runner, p.Name)
	}
	if err := d.runner.Rebuild(d.ctx, nil, nil); err != nil {
		t.Fatal(err)
	}
	for _, p := range All() {
		same(t, d.runner, p.Name)
	}
}

// life is one random life of a desk, with streams of its own.
type life struct {
	*desk
	rt     *rapid.T
	number int
	n      int // ids given
}

// own is the name that something has in this life.
func (l *life) own(name string) string { return fmt.Sprintf("%s.%d", name, l.number) }

// open makes two queues with two agents.
func (l *life) open() {
	for _, q := range []string{"q1", "q2"} {
		do(l.desk, &queue.Kind, l.own(q), queue.Configure{ID: l.own(q), Name: q})
		for _, a := range []string{"ana", "ben"} {
			do(l.desk, &agent.Kind, l.own(a), agent.Register{ID: l.own(a), Name: domain.Personal(a)})
			do(l.desk, &agent.Kind, l.own(a), agent.SetPresence{Presence: agent.Available, At: l.clock})
			do(l.desk, &queue.Kind, l.own(q), queue.AddMember{Agent: l.own(a)})
		}
	}
}

func (l *life) id(prefix string) string {
	l.n++
	return fmt.Sprintf("%s-%d", prefix, l.n)
}

func (l *life) pick(label string, from ...string) string {
	return rapid.SampledFrom(from).Draw(l.rt, label)
}

// attempt carries a command out; a refusal is part of life.
func attempt[S, E any](l *life, k *domain.Kind[S, E], id string, cmd domain.Command[S, E]) {
	if _, err := try(l.desk, k, id, cmd); err != nil {
		if _, refused := errors.AsType[*domain.Error](err); !refused {
			l.t.Fatal(err)
		}
	}
}

// step does one thing somebody could do.
func (l *life) step() {
	id, who := l.own(l.pick("conversation", "c1", "c2", "c3")), l.own(l.pick("agent", "ana", "ben"))
	c := l.state(id)
	talk := func(cmd domain.Command[conversation.Conversation, conversation.Event]) {
		attempt(l, &conversation.Kind, id, cmd)
	}
	if c.Status == conversation.StatusNone {
		l.start(id, "v-"+id, l.pick("mode", domain.ModeLive, domain.ModePersistent, domain.ModeAsync), l.own(l.pick("queue", "q1", "q2")))
		return
	}
	hold := domain.Hold(id, c.Turn, who)
	if c.Offer != nil {
		hold, who = c.Offer.Hold, c.Offer.Agent
	}
	switch rapid.IntRange(0, 25).Draw(l.rt, "what") {
	case 0, 1, 2, 3, 4:
		purpose := l.pick("purpose", agent.PurposeOffer, agent.PurposePick, agent.PurposeAssign, agent.PurposeReopen, agent.PurposeTransfer)
		cmd := agent.Reserve{Hold: domain.Hold(id, c.Turn, who), Conversation: id, Subject: c.Subject, Turn: c.Turn, Segment: c.Segment,
			Units: 30, Purpose: purpose, Forced: purpose != agent.PurposeOffer, Countdown: 120, Day: day, At: l.clock}
		if purpose == agent.PurposeTransfer {
			cmd.Replaces = c.Primary.Hold
		}
		attempt(l, &agent.Kind, who, cmd)
	case 5, 6, 7:
		talk(conversation.Accept{Hold: hold, Agent: who, At: l.clock})
	case 8:
		talk(conversation.Reject{Hold: hold, Agent: who})
	case 9:
		talk(conversation.Expire{Hold: hold, At: l.clock})
	case 10, 11, 12:
		talk(conversation.Receive{
			ID: l.id("m"), Text: "hello", At: l.clock, Scored: true, Level: domain.Level(rapid.IntRange(-3, 3).Draw(l.rt, "level")),
		})
	case 13:
		talk(conversation.Send{ID: l.id("a"), Text: "hi", By: domain.Actor{ID: c.Primary.Agent, Role: domain.RoleAgent}, At: l.clock})
	case 14:
		talk(conversation.CloseSession{Agent: c.Primary.Agent, At: l.clock})
	case 15:
		talk(conversation.End{Agent: c.Primary.Agent, At: l.clock})
	case 16:
		talk(conversation.Leave{At: l.clock})
	case 17:
		talk(conversation.TimeOut{Due: c.CloseAt, At: c.CloseAt})
	case 18:
		talk(conversation.Requeue{Hold: c.Primary.Hold, Queue: l.own("q2"), Reason: conversation.RequeuedReleased, At: l.clock})
	case 19:
		talk(conversation.Move{Queue: l.own(l.pick("queue", "q1", "q2")), At: l.clock})
	case 20:
		talk(conversation.MarkRead{Side: l.pick("side", conversation.SideAgent, conversation.SideCustomer), UpTo: c.Messages})
	case 21:
		attempt(l, &contact.Kind, l.own("k1"), contact.Record{ID: l.own("k1"), Details: contact.Details{Name: "Ada"}})
		talk(conversation.LinkContact{Contact: l.own("k1")})
	case 22:
		talk(conversation.UnlinkContact{})
	case 23:
		attempt(l, &cases.Kind, l.own("s1"), cases.Open{ID: l.own("s1"), Contact: l.own("k1"), Title: "Lamp"})
		talk(conversation.LinkCase{Case: l.own("s1")})
		talk(conversation.Note{ID: l.id("n"), Text: "noted", By: ana})
	case 24:
		l.aside(id, c, who)
	default:
		talk(conversation.PassOver{Turn: c.Turn, Reasons: []conversation.Reason{{Code: "presence", Count: 2}}, Digest: l.id("digest")})
	}
}

// aside is what happens beside the conversations.
func (l *life) aside(id string, c conversation.Conversation, who string) {
	switch rapid.IntRange(0, 6).Draw(l.rt, "aside") {
	case 0:
		attempt(l, &agent.Kind, who, agent.Focus{Session: c.Primary.Hold})
	case 1:
		attempt(l, &agent.Kind, who, agent.Connect{Feed: l.id("f"), Run: "r"})
	case 2:
		attempt(l, &agent.Kind, who, agent.Disconnect{Feed: "f-1"})
	case 3:
		attempt(l, &agent.Kind, who, agent.Disable{})
		attempt(l, &agent.Kind, who, agent.Enable{})
		attempt(l, &agent.Kind, who, agent.SetPresence{Presence: agent.Available, At: l.clock})
	case 4:
		attempt(l, &session.Kind, c.Primary.Hold, session.KeepDraft{Agent: c.Primary.Agent, Form: "reply", Text: "Dear", Digest: l.id("d")})
	case 5:
		attempt(l, &visitor.Kind, "v-"+id, visitor.VisitPage{ID: l.id("p"), URL: "/"})
	default:
		attempt(l, &visitor.Kind, "v-"+id, visitor.Invite{ID: l.id("i"), Message: "Hello?", At: l.clock})
	}
}

// agrees holds the views against what the domain itself knows.
func (l *life) agrees() {
	for _, name := range []string{"c1", "c2", "c3"} {
		id := l.own(name)
		c := l.state(id)
		row, found, _, err := l.ActiveOne(l.ctx, id, 0)
		ok(l.t, err)
		if c.Status == conversation.StatusNone || c.Status == conversation.StatusClosed {
			is(l.t, "active", found, false)
			continue
		}
		offer := conversation.Offer{}
		if c.Offer != nil {
			offer = *c.Offer
		}
		got := fmt.Sprint(row.Status, row.Turn, row.Segment, row.Queue, row.Priority, row.Since.UnixMicro(), row.WaitFrom.UnixMicro(), row.Affinity,
			row.Agent, row.Hold, row.Last, row.OfferHold, row.OfferDelivered, row.Talk.Messages, row.Talk.CloseAt.UnixMicro(), row.Contact, row.Case, row.Talk.AgentRead, len(row.Declines), row.Talk.Sentiment)
		want := fmt.Sprint(c.Status, c.Turn, c.Segment, c.Queue, c.Priority, c.Since.UnixMicro(), c.WaitFrom.UnixMicro(), c.Affinity,
			c.Primary.Agent, c.Primary.Hold, c.Last, offer.Hold, offer.Delivered, c.Messages, c.CloseAt.UnixMicro(), c.Contact, c.Case, c.AgentRead, len(c.Declines), int(c.Moods.Level()))
		is(l.t, id, got, want)
	}
	for _, name := range []string{"ana", "ben"} {
		id := l.own(name)
		a, _, err := eventstore.Load(l.ctx, l.engine, &agent.Kind, id)
		ok(l.t, err)
		row, holds, _, _, err := l.Agent(l.ctx, id, 0)
		ok(l.t, err)
		is(l.t, id, fmt.Sprint(row.Units, row.Held, row.Free, row.Sessions, row.Presence, row.Manual, row.Connected, row.Disabled, row.Focus, len(holds)),
			fmt.Sprint(a.Units, a.Held(), a.Units-a.Held(), a.Sessions(), a.Presence, a.Manual, a.Connected(), a.Disabled, a.Focus, len(a.Holds)))
		w, _, err := l.Workspace(l.ctx, id, 0)
		ok(l.t, err)
		for _, s := range w.Sessions {
			if c := l.state(s.Conversation); c.Primary.Hold != s.ID {
				l.t.Errorf("session %s of %s stays open", s.ID, id)
			}
		}
	}
	timers, _, err := LoadTimers(l.ctx, l.log, l.Codec, l.Due)
	ok(l.t, err)
	rows, _, err := l.Due(l.ctx)
	ok(l.t, err)
	is(l.t, "each timer is found again", len(timers), len(rows))
}
