package routing

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"parley/domain"
	"parley/domain/agent"
	"parley/domain/conversation"
	"parley/domain/queue"
)

func TestRTE5_HowOftenOneIsAskedIsASetting(t *testing.T) {
	for _, limit := range []int{1, 5} {
		w := newTown()
		w.queue("q", "", "ana")
		w.agent("ana")
		w.asks("c", "q", noon, func(o *domain.Opening) { o.Terms.DeclineLimit = limit })
		offers := 0
		for range 10 {
			if got := chosen(w.round()); got["c"] == "ana" {
				offers++
				w.answers("c", rejects(w.now))
			}
			w.now = w.now.Add(restAfter)
		}
		if c, _ := w.Conversation("c"); offers != limit || c.Status != conversation.StatusOpen || c.Reasons != Declined {
			t.Errorf("limit %d: asked %d times, and then it is %s for %q", limit, offers, c.Status, c.Reasons)
		}
	}
}

func TestRTE5_AnExpiryCountsOnceADeviceHadTheOffer(t *testing.T) {
	w := newTown()
	w.queue("q", "", "ana", "ben")
	w.agent("ana")
	w.agent("ben")
	w.holds("ben", 60, noon)
	w.asks("c", "q", noon)
	w.round()
	w.do("c", conversation.Deliver{Hold: domain.Hold("c", 1, "ana")})
	w.answers("c", expires)
	w.now = noon.Add(2 * time.Minute)
	d := about(t, w.round(), "c").Decision
	if d.Agent != "ben" || d.Best[1].Agent != "ana" || d.Best[1].Declines != 1 || found(d, "ana") != Outranked {
		t.Errorf("got %+v: ana let it expire in front of her, and ranks last", d)
	}
}

func TestRTE5_AClosedSessionOfALiveChatIsOneDecline(t *testing.T) {
	w := newTown()
	w.queue("q", "", "ana", "ben")
	w.agent("ana")
	w.agent("ben")
	w.holds("ben", 60, noon)
	w.asks("c", "q", noon)
	w.round()
	hold := domain.Hold("c", 1, "ana")
	w.do("c", conversation.Accept{Hold: hold, Agent: "ana", At: noon})
	w.do("c", conversation.CloseSession{Agent: "ana", At: noon.Add(time.Minute)})
	w.frees("ana", hold)
	w.now = noon.Add(time.Minute)
	c, _ := w.Conversation("c")
	if c.Declines["ana"] != 1 || !c.Since.Equal(noon) {
		t.Errorf("declines %v, since %s", c.Declines, c.Since)
	}
	if d := about(t, w.round(), "c").Decision; d.Agent != "ben" || d.Best[1].Declines != 1 {
		t.Errorf("got %+v, want ben: ana gave it back", d)
	}
	w.replay(t)
}

func TestRTE5_OneWhoGaveItBackByReleaseHasNotDeclined(t *testing.T) {
	w := newTown()
	w.queue("q", "", "ana")
	w.agent("ana")
	w.asks("c", "q", noon)
	w.round()
	hold := domain.Hold("c", 1, "ana")
	w.do("c", conversation.Accept{Hold: hold, Agent: "ana", At: noon})
	w.do("c", conversation.Requeue{Hold: hold, Reason: conversation.RequeuedReleased, At: noon})
	w.frees("ana", hold)
	if d := about(t, w.round(), "c").Decision; d.Agent != "ana" || d.Best[0].Declines != 0 || d.Forced {
		t.Errorf("got %+v, want ana at once, in the ordinary way", d)
	}
}

// TestRTE2_OrderAndAffinityAreExactOverTenThousand lets ten thousand come into
// three queues that the same agents serve, and holds every offer against a plain
// sort of all that waits: who returns to an agent who is there is first of all,
// then number, priority and place.
func TestRTE2_OrderAndAffinityAreExactOverTenThousand(t *testing.T) {
	many := 10_000
	if testing.Short() {
		many = 500
	}
	r := rand.New(rand.NewPCG(11, 13))
	w := newTown()
	agents := []string{"ana", "ben", "cho", "dia", "eva", "fay"}
	number := map[string]int{"low": 3, "mid": 2, "top": 1}
	for q, n := range number {
		w.tell(q, queue.Configured{Queue: q, Name: q, Number: n})
		for _, a := range agents {
			w.tell(q, queue.MemberAdded{Queue: q, Agent: a})
		}
	}
	for _, a := range agents {
		w.tell(a, agent.Registered{Agent: a, Units: 60}, agent.PresenceChanged{Agent: a, Presence: agent.Available, Cause: agent.ByRule})
	}
	type going struct{ id, agent, hold string }
	var engaged []going
	var waits []conversation.Conversation // in order
	first := func(a, b conversation.Conversation) int {
		return cmp.Or(
			cmp.Compare(last(a.Affinity == ""), last(b.Affinity == "")), cmp.Compare(number[a.Queue], number[b.Queue]),
			cmp.Compare(b.Priority, a.Priority), a.Since.Compare(b.Since), cmp.Compare(a.ID, b.ID))
	}
	wait := func(id string) {
		c, _ := w.Conversation(id)
		i, _ := slices.BinarySearchFunc(waits, c, first)
		waits = slices.Insert(waits, i, c)
	}
	offers, returned := 0, 0
	for n := 0; n < many || len(waits) > 0; {
		w.now = w.now.Add(time.Second)
		for range r.IntN(4) {
			if n < many {
				n++
				id := "c" + strconv.Itoa(n)
				w.asks(id, []string{"low", "mid", "top"}[r.IntN(3)], w.now, func(o *domain.Opening) { o.Priority = r.IntN(3) })
				wait(id)
			}
		}
		for range r.IntN(4) {
			if len(engaged) == 0 {
				break
			}
			i := r.IntN(len(engaged))
			g := engaged[i]
			engaged = slices.Delete(engaged, i, i+1)
			if r.IntN(10) == 0 && n < many { // the customer is back at once, and asks for the same agent
				c, _ := w.Conversation(g.id)
				w.tell(g.id, conversation.Parked{Conversation: g.id, Hold: g.hold, Agent: g.agent})
				w.frees(g.agent, g.hold)
				w.tell(g.id, conversation.Queued{Queue: c.Queue, Segment: c.Segment + 1, Since: w.now, Priority: c.Priority, Reason: conversation.QueuedReturn, Affinity: g.agent})
				wait(g.id)
				returned++
				continue
			}
			w.tell(g.id, conversation.Closed{Conversation: g.id})
			w.frees(g.agent, g.hold)
		}
		for range 50 {
			all := w.Round(w.now, strconv.Itoa(len(w.log)))
			given := 0
			for _, c := range all.Choices {
				if c.Action == domain.ActionOffer {
					given++
					want := waits[0]
					if want.ID != c.Of.ID {
						t.Fatalf("offer %d is %s (%s, priority %d, since %s, affinity %q), and %s (%s, priority %d, since %s, affinity %q) was first",
							offers, c.Of.ID, c.Of.Queue, c.Of.Priority, c.Of.Since, c.Of.Affinity, want.ID, want.Queue, want.Priority, want.Since, want.Affinity)
					}
					if want.Affinity != "" && (c.Agent != want.Affinity || !c.Forced) {
						t.Fatalf("%s comes back for %s and is offered to %s", want.ID, want.Affinity, c.Agent)
					}
					waits = waits[1:]
					offers++
				}
				w.carryOut(c)
				if c.Action == domain.ActionOffer {
					hold := domain.Hold(c.Of.ID, c.Of.Turn, c.Agent)
					w.do(c.Of.ID, conversation.Accept{Hold: hold, Agent: c.Agent, At: w.now})
					engaged = append(engaged, going{c.Of.ID, c.Agent, hold})
				}
			}
			if given == 0 && (all.Again.IsZero() || all.Again.After(w.now)) {
				break
			}
		}
		w.log, w.kept = w.log[:0], w.kept[:0]
	}
	if offers != many+returned || returned == 0 {
		t.Errorf("%d offers for %d conversations and %d returns", offers, many, returned)
	}
}
