package routing

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"parley/domain"
	"parley/domain/agent"
	"parley/domain/conversation"
	"parley/domain/queue"
)

// centre is a contact centre of so many agents, each in two of its queues, with
// so many conversations waiting that nobody has room for.
func centre(agents, waiting int, method string) *Board {
	b := New(utc, time.UTC)
	queues := max(2, agents/500)
	members := make([][]string, queues)
	for i := range agents {
		id := "agent" + strconv.Itoa(1_000_000+i)
		members[i%queues] = append(members[i%queues], id)
		members[(i+1)%queues] = append(members[(i+1)%queues], id)
		b.PutAgent(id, agent.Agent{ID: id, Registered: true, Units: 100, Presence: agent.Busy, Holds: map[string]agent.Hold{
			"h": {Conversation: "x", Units: 80, Slot: true},
		}, Assigned: noon.Add(time.Duration(i%997) * time.Second)})
	}
	for q := range members {
		id := "q" + strconv.Itoa(q)
		b.PutQueue(id, queue.Queue{ID: id, Name: id, Number: q, Method: method, Members: members[q]})
	}
	for i := range waiting {
		id := "c" + strconv.Itoa(1_000_000+i)
		b.PutConversation(id, conversation.Conversation{
			ID: id, Status: conversation.StatusOpen, Turn: 1, Segment: 1, Queue: "q" + strconv.Itoa(i%queues), Since: noon.Add(time.Duration(i) * time.Millisecond),
			Terms: domain.Terms{Push: true, Units: 30, DeclineLimit: 3}, Reasons: "no_room", PassedAt: noon,
		})
	}
	for range 1000 {
		if r := b.Round(noon, ""); r.Again.IsZero() || r.Again.After(noon) {
			break
		}
	}
	return b
}

// BenchmarkRouting is one agent becoming free and the round that follows, with
// the one decision it comes to; and one conversation that comes and finds an
// agent who is free.
func BenchmarkRouting(b *testing.B) {
	for _, size := range []struct{ agents, waiting int }{{100, 500}, {1000, 5000}, {10000, 50000}} {
		for _, method := range []string{queue.MethodHighestCapacity, queue.MethodRoundRobin, queue.MethodSkillClosest} {
			b.Run(fmt.Sprintf("freed/%s/%d", method, size.agents), func(b *testing.B) {
				board := centre(size.agents, size.waiting, method)
				b.ReportAllocs()
				n := 0
				for b.Loop() {
					id := "agent" + strconv.Itoa(1_000_000+n%size.agents)
					n++
					board.Fold(domain.Fact{ID: id, Event: agent.UnitsReleased{Agent: id, Hold: "h", Units: 80}})
					r := board.Round(noon, "")
					if len(r.Choices) == 0 || r.Choices[0].Agent != id {
						b.Fatalf("%+v", r)
					}
					// the log says that it came to nothing, and he is full again
					board.Fold(domain.Fact{ID: id, Event: agent.Reserved{Agent: id, Hold: "h", Units: 80, At: noon.Add(time.Duration(n))}})
				}
			})
		}
		b.Run(fmt.Sprintf("comes/%d", size.agents), func(b *testing.B) {
			board := centre(size.agents, size.waiting, "")
			board.Fold(domain.Fact{ID: "agent1000000", Event: agent.Registered{Agent: "agent1000000", Units: 110}})
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				n++
				id := "new" + strconv.Itoa(n)
				board.Fold(domain.Fact{ID: id, Event: conversation.Started{Opening: domain.Opening{Conversation: id, Queue: "q0", Terms: domain.Terms{Push: true, Units: 5}}}})
				board.Fold(domain.Fact{ID: id, Event: conversation.Queued{Queue: "q0", Segment: 1, Since: noon, Priority: 1}})
				r := board.Round(noon, "")
				if len(r.Choices) == 0 || r.Choices[0].Agent == "" {
					b.Fatalf("%+v", r)
				}
				board.Fold(domain.Fact{ID: id, Event: conversation.Closed{Conversation: id}})
			}
		})
	}
}

// BenchmarkRoutingBegins is the first rounds of a board, which look at all that
// waits.
func BenchmarkRoutingBegins(b *testing.B) {
	for _, size := range []struct{ agents, waiting int }{{1000, 5000}, {10000, 50000}} {
		b.Run(strconv.Itoa(size.agents), func(b *testing.B) {
			for b.Loop() {
				centre(size.agents, size.waiting, "")
			}
		})
	}
}

// BenchmarkRoutingDecision is the deciding alone, of one conversation in a queue
// that all agents serve.
func BenchmarkRoutingDecision(b *testing.B) {
	for _, agents := range []int{100, 1000, 10000} {
		b.Run(strconv.Itoa(agents), func(b *testing.B) {
			board := New(utc, time.UTC)
			var members []string
			for i := range agents {
				id := "agent" + strconv.Itoa(1_000_000+i)
				members = append(members, id)
				board.PutAgent(id, agent.Agent{ID: id, Registered: true, Units: 100, Presence: agent.Available, Holds: map[string]agent.Hold{
					"h": {Conversation: "x", Units: i % 90, Slot: true},
				}, Assigned: noon.Add(time.Duration(i%997) * time.Second)})
			}
			board.PutQueue("q", queue.Queue{ID: "q", Name: "q", Members: members})
			board.PutConversation("c", conversation.Conversation{ID: "c", Status: conversation.StatusOpen, Turn: 1, Queue: "q", Since: noon,
				Terms: domain.Terms{Push: true, Units: 30, DeclineLimit: 3}})
			it := board.items["c"]
			b.ReportAllocs()
			for b.Loop() {
				if d, _ := board.decide(it, moment{now: noon}); d.Agent == "" {
					b.Fatal(d)
				}
			}
		})
	}
}
