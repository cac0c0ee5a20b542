package routing

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"parley/domain"
	"parley/domain/agent"
	"parley/domain/conversation"
	"parley/domain/queue"
)

var noon = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

func utc(string) *time.Location { return time.UTC }

// town is a board and the log it was folded from.
type town struct {
	*Board
	log  []domain.Fact
	now  time.Time
	kept []Recorded // decisions on record
}

func newTown() *town { return &town{Board: New(utc, time.UTC), now: noon} }

// tell writes events to the log.
func (w *town) tell(id string, events ...any) {
	for _, e := range events {
		f := domain.Fact{ID: id, Event: e, At: w.now}
		w.log = append(w.log, f)
		w.Fold(f)
	}
}

func (w *town) queue(id, method string, members ...string) {
	w.tell(id, queue.Configured{Queue: id, Name: id, Method: method})
	for _, m := range members {
		w.tell(id, queue.MemberAdded{Queue: id, Agent: m})
	}
}

func (w *town) agent(id string, skills ...string) {
	w.tell(id, agent.Registered{Agent: id, Units: 100, Skills: skills}, agent.PresenceChanged{Agent: id, Presence: agent.Available, Cause: agent.ByRule})
}

func (w *town) presence(id string, p agent.Presence) {
	w.tell(id, agent.PresenceChanged{Agent: id, Presence: p, Cause: agent.ByAgent})
}

// holds lets an agent have something already.
func (w *town) holds(id string, units int, at time.Time) string {
	hold := "h" + strconv.Itoa(len(w.log))
	w.tell(id, agent.Reserved{Agent: id, Hold: hold, Conversation: "c-" + hold, Units: units, Day: "2026-05-04", At: at})
	return hold
}

func (w *town) frees(id, hold string) {
	w.tell(id, agent.UnitsReleased{Agent: id, Hold: hold}, agent.SlotFreed{Agent: id, Hold: hold})
}

// asks puts a new conversation into a queue.
func (w *town) asks(id, in string, since time.Time, change ...func(*domain.Opening)) {
	o := domain.Opening{
		Conversation: id, Subject: "visitor-v", Channel: domain.ChannelChat, Mode: domain.ModeLive, Workstream: "chat", Queue: in, At: since,
		Terms: domain.Terms{Push: true, Units: 30, DeclineLimit: 3, Countdown: 120},
	}
	for _, c := range change {
		c(&o)
	}
	w.tell(id, conversation.Started{Opening: o},
		conversation.Queued{Queue: o.Queue, Segment: 1, Since: since, Priority: o.Priority, Reason: conversation.QueuedStart})
}

// round decides and records: offers are reserved and made, the rest is recorded
// as the router does.
func (w *town) round() []Choice {
	r := w.Round(w.now, strconv.Itoa(len(w.log)))
	for _, c := range r.Choices {
		w.kept = append(w.kept, Recorded{Conversation: c.Of.ID, Decision: c.Decision})
		w.carryOut(c)
	}
	return r.Choices
}

func (w *town) carryOut(c Choice) {
	d := c.Decision
	switch d.Action {
	case domain.ActionOffer:
		hold := domain.Hold(c.Of.ID, c.Of.Turn, d.Agent)
		w.tell(d.Agent, agent.Reserved{
			Agent: d.Agent, Hold: hold, Conversation: c.Of.ID, Turn: c.Of.Turn, Units: c.Of.Terms.Units, Profile: c.Of.Terms.Profile,
			Day: "2026-05-04", At: d.At, Decision: &d, Forced: d.Forced, Purpose: agent.PurposeOffer,
		})
		w.do(c.Of.ID, conversation.MakeOffer{Hold: hold, Agent: d.Agent, Turn: c.Of.Turn, At: d.At, Countdown: 120, Decision: &d})
	case domain.ActionNone:
		w.do(c.Of.ID, conversation.PassOver{Turn: c.Of.Turn, Digest: d.Digest(), Decision: &d, At: d.At})
	default:
		if d.Why == Closed {
			w.do(c.Of.ID, conversation.EndOutsideHours{Turn: c.Of.Turn, Until: d.HoursUntil, At: d.At, Decision: &d})
			return
		}
		action := map[string]string{domain.ActionEnd: conversation.OverflowEnd, domain.ActionMove: conversation.OverflowQueue, domain.ActionKeep: conversation.OverflowKeep}[d.Action]
		w.do(c.Of.ID, conversation.Overflow{Turn: c.Of.Turn, Why: d.Why, Action: action, Queue: d.Target, At: d.At, Decision: &d})
	}
}

// do decides a command of a conversation as its stream would.
func (w *town) do(id string, cmd domain.Command[conversation.Conversation, conversation.Event]) {
	c, ok := w.Conversation(id)
	if !ok {
		return
	}
	events, err := cmd.Decide(c)
	if err != nil {
		panic(err)
	}
	for _, e := range events {
		w.tell(id, e)
	}
}

// answers ends the offer that stands.
func (w *town) answers(id string, cmd func(o conversation.Offer) domain.Command[conversation.Conversation, conversation.Event]) {
	c, _ := w.Conversation(id)
	o := *c.Offer
	w.do(id, cmd(o))
	w.frees(o.Agent, o.Hold)
}

func rejects(at time.Time) func(conversation.Offer) domain.Command[conversation.Conversation, conversation.Event] {
	return func(o conversation.Offer) domain.Command[conversation.Conversation, conversation.Event] {
		return conversation.Reject{Hold: o.Hold, Agent: o.Agent, At: at}
	}
}

func expires(o conversation.Offer) domain.Command[conversation.Conversation, conversation.Event] {
	return conversation.Expire{Hold: o.Hold, At: o.Deadline}
}

// chosen tells to whom each conversation of a round went; "" is nobody.
func chosen(all []Choice) map[string]string {
	got := map[string]string{}
	for _, c := range all {
		got[c.Of.ID] = c.Agent
	}
	return got
}

// about gives the one decision about a conversation.
func about(t *testing.T, all []Choice, id string) Choice {
	t.Helper()
	i := slices.IndexFunc(all, func(c Choice) bool { return c.Of.ID == id })
	if i < 0 {
		t.Fatalf("nothing was decided about %s: %+v", id, all)
	}
	return all[i]
}

// found is what a decision says of one agent; "" is that it does not name him.
func found(d domain.Decision, id string) string {
	for _, c := range d.Best {
		if c.Agent == id {
			return c.Reason
		}
	}
	return ""
}

// replay folds the log up to every decision and makes it again.
func (w *town) replay(t *testing.T) int {
	t.Helper()
	c := w.check(func(id string, at uint64, what string) { t.Errorf("%s at %d: %s", id, at, what) })
	c.End()
	if c.Skipped > 0 {
		t.Errorf("%d decisions are skipped", c.Skipped)
	}
	return c.Checked
}
