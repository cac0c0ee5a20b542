package projections

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/uuid"

	"parley/domain"
	"parley/domain/conversation"
	"parley/eventstore"
)

// BenchmarkTalk measures what one message costs all read models, folded and
// written, while 10,000 conversations are engaged and so many messages are
// written together.
func BenchmarkTalk(b *testing.B) {
	for _, together := range []int{100, 1000, 4000} {
		b.Run(fmt.Sprint(together, "together"), func(b *testing.B) { benchTalk(b, together) })
	}
}

func benchTalk(b *testing.B, together int) {
	const conversations = 10_000
	h := newHouse(b, b.TempDir())
	defer h.close()
	var gens []*generation
	for _, p := range All() {
		db, err := createDatabase(b.TempDir()+"/x.db", &p, "bench")
		if err != nil {
			b.Fatal(err)
		}
		g, err := openGeneration(&p, 1, db, checkpoint{})
		if err != nil {
			b.Fatal(err)
		}
		defer db.close()
		gens = append(gens, g)
	}
	at, now := eventstore.Position(0), time.Date(2026, 11, 25, 9, 0, 0, 0, time.UTC)
	fold := func(id string, event any) {
		at++
		now = now.Add(time.Millisecond)
		it := item{kind: "conversation", fact: domain.Fact{Kind: "conversation", ID: id, Event: event, At: now}, at: At{
			Position: at, Stream: "conversation-" + id, HappenedAt: now, RecordedAt: now, Subject: "visitor-" + id,
		}}
		for _, g := range gens {
			if err := g.fold(b.Context(), nil, nil, &it); err != nil {
				b.Fatal(err)
			}
		}
	}
	flush := func() {
		for _, g := range gens {
			if err := g.flush(); err != nil {
				b.Fatal(err)
			}
		}
	}
	ids, numbers := make([]string, conversations), make([]int, conversations)
	text := domain.Personal("p1:" + fmt.Sprintf("%0160d", 7))
	for i := range ids {
		id := uuid.Must(uuid.NewV7()).String()
		ids[i] = id
		agent, hold := fmt.Sprint("agent-", i/10), domain.Derive("hold", id)
		fold(id, conversation.Started{Opening: domain.Opening{Conversation: id, Subject: "visitor-" + id, Visitor: id, Widget: "shop",
			Channel: domain.ChannelChat, Mode: domain.ModeLive, Workstream: "chat", Queue: "desk"}})
		fold(id, conversation.Queued{Queue: "desk", Segment: 1, Since: now, Reason: conversation.QueuedStart, CloseAt: now.Add(time.Hour)})
		fold(id, conversation.Engaged{Conversation: id, Subject: "visitor-" + id, Hold: hold, Agent: agent, How: "picked", Queue: "desk", Segment: 1, VisitorNumber: i, At: now})
		numbers[i] = 1
		fold(id, conversation.MessageReceived{Conversation: id, ID: "first", Number: 1, Text: text, Status: conversation.StatusEngaged, Agent: agent})
	}
	flush()
	random := rand.New(rand.NewPCG(1, 2))
	b.ResetTimer()
	for n := range b.N {
		i := random.IntN(conversations)
		numbers[i]++
		if n%2 == 0 {
			fold(ids[i], conversation.MessageReceived{Conversation: ids[i], ID: "m", Number: numbers[i], Text: text, Status: conversation.StatusEngaged, Agent: "a"})
		} else {
			fold(ids[i], conversation.MessageSent{Conversation: ids[i], ID: "m", Number: numbers[i], Text: text, By: domain.Actor{ID: "a", Role: domain.RoleAgent}})
		}
		if n%together == together-1 {
			flush()
		}
	}
	flush()
}
