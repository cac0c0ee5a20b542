package api_test

import (
	"context"
	"errors"
	"iter"
	"strconv"
	"strings"
	"testing"
	"time"

	"parley/api"
	"parley/domain"
	"parley/domain/bulk"
	"parley/domain/conversation"
	"parley/domain/policy"
	"parley/eventstore"
)

// holed is a log of which one stream cannot be read.
type holed struct {
	eventstore.Log
	stream string
}

func (h holed) Read(ctx context.Context, q eventstore.Query) iter.Seq2[eventstore.Record, error] {
	if q.Stream == h.stream {
		return func(yield func(eventstore.Record, error) bool) {
			yield(eventstore.Record{}, errors.New("it cannot be read"))
		}
	}
	return h.Log.Read(ctx, q)
}

// slow is a log of which one stream is read once it is let go.
type slow struct {
	eventstore.Log
	stream string
	asked  chan string // receives the stream of each reading of a conversation
	letGo  chan struct{}
}

func (s slow) Read(ctx context.Context, q eventstore.Query) iter.Seq2[eventstore.Record, error] {
	if kind, _, _ := strings.Cut(q.Stream, "-"); kind == conversation.Kind.Name {
		s.asked <- q.Stream
	}
	if q.Stream == s.stream {
		select {
		case <-s.letGo:
		case <-ctx.Done():
		}
	}
	return s.Log.Read(ctx, q)
}

// TestSUP1_TwoDoNotWorkOnOneBulkActionAtOnce: what one was refused another might
// do, and the record would tell of the refusal.
func TestSUP1_TwoDoNotWorkOnOneBulkActionAtOnce(t *testing.T) {
	log := slow{stream: conversation.Kind.Stream("c0"), asked: make(chan string, 10), letGo: make(chan struct{})}
	h := newHouse(t, func(o *api.Options) {
		log.Log = o.Engine.Log
		o.Engine = eventstore.NewEngine(log, o.Engine.Codec, policy.All(), o.Now)
		o.Engine.Terms = api.Terms(o.Engine)
	})
	begin := bulk.Begin{ID: "b1", Action: bulk.ForceClose, Reason: conversation.ReasonSpam, Conversations: []string{"c0", "c1"}}
	out, err := eventstore.Do(t.Context(), h.Engine, &bulk.Kind, "b1", begin, eventstore.Meta{Actor: domain.Actor{ID: "sue", Role: domain.RoleSupervisor}})
	if err != nil {
		t.Fatal(err)
	}
	h.Clock.Advance(time.Minute)
	finishing := api.FinishingBulk(func() *api.Server { return h.Server })
	first := make(chan error, 1)
	go func() { first <- finishing.Work(t.Context(), out.Records[0]) }()
	<-log.asked
	<-log.asked // both conversations are being worked on
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := finishing.Work(ctx, out.Records[0]); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the second: %v", err)
	}
	if len(log.asked) > 0 {
		t.Errorf("the second began with %s as well", <-log.asked)
	}
	close(log.letGo)
	if err := <-first; err != nil {
		t.Fatal(err)
	}
	if err := finishing.Work(t.Context(), out.Records[0]); err != nil {
		t.Fatal(err)
	}
}

// TestSUP1_OneThatFailsHoldsNoOtherUp: each is done by itself, also those of which
// what became is recorded later.
func TestSUP1_OneThatFailsHoldsNoOtherUp(t *testing.T) {
	var engine *eventstore.Engine
	h := newHouse(t, func(o *api.Options) {
		log := holed{o.Engine.Log, conversation.Kind.Stream("c0")}
		engine = eventstore.NewEngine(log, o.Engine.Codec, policy.All(), o.Now)
		engine.Terms = api.Terms(engine)
		o.Engine = engine
	})
	begin := bulk.Begin{ID: "b1", Action: bulk.ForceClose, Reason: conversation.ReasonSpam}
	for i := range 250 {
		begin.Conversations = append(begin.Conversations, "c"+strconv.Itoa(i))
	}
	out, err := eventstore.Do(t.Context(), engine, &bulk.Kind, "b1", begin, eventstore.Meta{Actor: domain.Actor{ID: "sue", Role: domain.RoleSupervisor}})
	if err != nil {
		t.Fatal(err)
	}
	h.Clock.Advance(time.Minute)
	finishing := api.FinishingBulk(func() *api.Server { return h.Server })
	if err := finishing.Work(t.Context(), out.Records[0]); err == nil {
		t.Fatal("the one that cannot be read is passed over")
	}
	b, _, err := eventstore.Load(t.Context(), engine, &bulk.Kind, "b1")
	if err != nil {
		t.Fatal(err)
	}
	if left := b.Left(); len(left) != 1 || left[0] != "c0" {
		t.Fatalf("%d are left: %.5q", len(left), left)
	}
}
