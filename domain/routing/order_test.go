package routing

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"parley/domain"
	"parley/domain/agent"
	"parley/domain/conversation"
)

// TestRTE2_WhateverHappensTheOrderIsPriorityPlace holds every queue against a
// plain sort, and the sums it keeps against counting, after random events.
func TestRTE2_WhateverHappensTheOrderIsPriorityPlace(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newTown()
		queues := []string{"p", "q", "r"}
		for _, q := range queues {
			w.queue(q, "", "ana", "ben", "cho")
		}
		for _, a := range []string{"ana", "ben", "cho"} {
			w.agent(a)
		}
		w.asked(t, queues)
		for _, q := range queues {
			l := w.lanes[q]
			var want []*item
			for _, it := range w.items {
				if it.Status == conversation.StatusOpen && it.Queue == q {
					want = append(want, it)
				}
			}
			slices.SortFunc(want, func(a, b *item) int {
				switch {
				case a.Priority != b.Priority:
					return b.Priority - a.Priority
				case !a.Since.Equal(b.Since):
					return a.Since.Compare(b.Since)
				}
				return slices.Compare([]byte(a.ID), []byte(b.ID))
			})
			if !slices.Equal(l.waiting, want) {
				t.Fatalf("%s is in another order than its conversations", q)
			}
			counts := map[string]int{}
			for _, s := range l.members {
				if is := standing(s, l.cost); is != "" {
					counts[is]++
				}
			}
			for is, n := range counts {
				if l.standing[is] != n {
					t.Fatalf("%s counts %v, and there are %v", q, l.standing, counts)
				}
			}
			if len(counts) != len(l.standing) {
				t.Fatalf("%s counts %v, and there are %v", q, l.standing, counts)
			}
		}
		if !slices.IsSortedFunc(w.agenda, sooner) {
			t.Fatal("the agenda is out of order")
		}
	})
}

// asked lets random things happen to conversations and agents.
func (w *town) asked(t *rapid.T, queues []string) {
	for n := range rapid.IntRange(1, 60).Draw(t, "events") {
		w.now = w.now.Add(time.Duration(rapid.IntRange(0, 40).Draw(t, "seconds")) * time.Second)
		to := rapid.SampledFrom(queues).Draw(t, "queue")
		since := noon.Add(time.Duration(rapid.IntRange(0, 3).Draw(t, "since")) * time.Minute)
		id := "c" + strconv.Itoa(rapid.IntRange(0, max(0, n/2)).Draw(t, "which"))
		c, there := w.Conversation(id)
		who := rapid.SampledFrom([]string{"ana", "ben", "cho"}).Draw(t, "who")
		switch what := rapid.IntRange(0, 6).Draw(t, "what"); {
		case !there:
			w.asks(id, to, since, func(o *domain.Opening) {
				o.Priority, o.Terms.Units = rapid.IntRange(0, 2).Draw(t, "priority"), rapid.SampledFrom([]int{20, 30, 60}).Draw(t, "units")
			})
		case what == 0:
			w.tell(id, conversation.Closed{Conversation: id})
		case what == 1:
			w.tell(id, conversation.Requeued{Conversation: id, Reason: conversation.RequeuedTransfer, Queue: to, Segment: c.Segment + 1, Since: since, At: w.now})
		case what == 2:
			w.tell(id, conversation.Queued{Queue: to, Segment: c.Segment + 1, Since: since, Priority: rapid.IntRange(0, 2).Draw(t, "priority"), Reason: conversation.QueuedReturn, Affinity: who})
		case what == 3:
			w.presence(who, rapid.SampledFrom([]agent.Presence{agent.Available, agent.Away, agent.Offline}).Draw(t, "presence"))
		case what == 4:
			w.tell(who, agent.Disabled{Agent: who}, agent.Enabled{}, agent.SignedOut{Agent: who})
		case what == 5 && c.Status == conversation.StatusOpen:
			w.round()
		case c.Offer != nil:
			w.answers(id, rejects(w.now))
		}
	}
}
