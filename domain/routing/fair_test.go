package routing

import (
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"parley/domain/agent"
	"parley/domain/conversation"
	"parley/domain/queue"
)

// serve lets so many conversations come to a team, each of which is taken and
// lasts a while, and counts who got how many.
func serve(t *testing.T, method string, many, agents int, units func(i int) int) (got map[string]int, most int) {
	t.Helper()
	if testing.Short() && many > 1000 {
		t.Skip("ten thousand conversations take a while")
	}
	r := rand.New(rand.NewPCG(3, 5))
	w := newTown()
	var members []string
	for i := range agents {
		id := "agent" + strconv.Itoa(100+i)
		members = append(members, id)
		w.tell(id, agent.Registered{Agent: id, Units: units(i)}, agent.PresenceChanged{Agent: id, Presence: agent.Available, Cause: agent.ByRule})
	}
	w.queue("q", method, members...)
	type going struct {
		id, agent, hold string
		until           time.Time
	}
	var all []going
	got = map[string]int{}
	for n := range many {
		w.now = w.now.Add(time.Duration(r.ExpFloat64() * float64(10*time.Second)))
		left := all[:0]
		for _, g := range all {
			if g.until.After(w.now) {
				left = append(left, g)
				continue
			}
			w.tell(g.id, conversation.Closed{Conversation: g.id})
			w.frees(g.agent, g.hold)
		}
		all = left
		w.asks("c"+strconv.Itoa(n), "q", w.now)
		for _, c := range w.round() {
			if c.Agent == "" {
				continue
			}
			got[c.Agent]++
			now, _ := w.Conversation(c.Of.ID)
			w.do(c.Of.ID, conversation.Accept{Hold: now.Offer.Hold, Agent: c.Agent, At: w.now})
			all = append(all, going{c.Of.ID, c.Agent, now.Offer.Hold, w.now.Add(time.Duration((0.5 + r.Float64()) * float64(2*time.Minute)))})
		}
		w.log, w.kept = w.log[:0], w.kept[:0]
		for _, s := range w.agents {
			most = max(most, s.logged.Held()-s.logged.Units)
		}
	}
	return got, most
}

func TestRTE3_RoundRobinIsFairOverTenThousandConversations(t *testing.T) {
	got, over := serve(t, queue.MethodRoundRobin, 10_000, 25, func(int) int { return 300 })
	total := 0
	for id, n := range got {
		total += n
		if n < 399 || n > 401 { // all had room all the time: each is next once in 25
			t.Errorf("%s got %d of ten thousand, want 400", id, n)
		}
	}
	if total != 10_000 || len(got) != 25 || over > 0 {
		t.Errorf("%d were given to %d agents, and one was %d units over", total, len(got), over)
	}
}

func TestRTE3_HighestCapacityIsFairOverTenThousandConversations(t *testing.T) {
	got, over := serve(t, queue.MethodHighestCapacity, 10_000, 25, func(int) int { return 300 })
	total := 0
	for id, n := range got {
		total += n
		if n < 360 || n > 440 { // a tenth: what one got depends on how long the others lasted
			t.Errorf("%s got %d of ten thousand, want 400 and a tenth more or less", id, n)
		}
	}
	if total != 10_000 || len(got) != 25 || over > 0 {
		t.Errorf("%d were given to %d agents, and one was %d units over", total, len(got), over)
	}
}

func TestRTE3_HighestCapacityGivesMoreToWhoHasMoreRoom(t *testing.T) {
	got, over := serve(t, queue.MethodHighestCapacity, 10_000, 20, func(i int) int { return 150 + 150*(i%2) })
	small, large := 0, 0
	for i := range 20 {
		if n := got["agent"+strconv.Itoa(100+i)]; i%2 == 0 {
			small += n
		} else {
			large += n
		}
	}
	if large < 9*small || over > 0 {
		t.Errorf("those with 300 units got %d, those with 150 got %d, and one was %d over", large, small, over)
	}
}

// TestAGT2_NobodyIsOverHisCapacityWhenThereIsTooMuch floods a small team.
func TestAGT2_NobodyIsOverHisCapacityWhenThereIsTooMuch(t *testing.T) {
	for _, method := range []string{queue.MethodHighestCapacity, queue.MethodRoundRobin, queue.MethodLeastActive, queue.MethodSkillClosest} {
		if _, over := serve(t, method, 800, 3, func(int) int { return 100 }); over > 0 {
			t.Errorf("%s: an agent was %d units over", method, over)
		}
	}
}
