package main

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"parley/domain"
	"parley/domain/agent"
	"parley/domain/conversation"
	"parley/domain/queue"
	"parley/domain/routing"
	"parley/eventstore"
)

// torn is a log of which one stream can be neither read nor written, as when
// somebody deleted it on a server.
type torn struct {
	eventstore.Log
	stream string
}

func (l *torn) Append(ctx context.Context, stream string, expected eventstore.Revision, records ...eventstore.Record) ([]eventstore.Record, error) {
	if stream == l.stream {
		return nil, &eventstore.DamageError{Where: stream, What: "it is torn"}
	}
	return l.Log.Append(ctx, stream, expected, records...)
}

func (l *torn) Read(ctx context.Context, q eventstore.Query) iter.Seq2[eventstore.Record, error] {
	if q.Stream == "" || q.Stream != l.stream {
		return l.Log.Read(ctx, q)
	}
	return func(yield func(eventstore.Record, error) bool) {
		yield(eventstore.Record{}, &eventstore.DamageError{Where: q.Stream, What: "it is torn"})
	}
}

// waitingRoom is a house in which conversations wait in one queue, for some agents.
func waitingRoom(t *testing.T, agents, waiting int, do func(h *house, l *torn, r *router)) {
	t.Helper()
	behind(t, t.TempDir(), func(h *house) {
		only(t, h, &queue.Kind, "sales", queue.Configure{ID: "sales", Name: "Sales", Number: 1})
		for i := range agents {
			id := fmt.Sprint("agent-", i)
			only(t, h, &agent.Kind, id, agent.Register{ID: id, Name: domain.Personal(id), Units: 100})
			only(t, h, &agent.Kind, id, agent.SetPresence{Presence: agent.Available, At: time.Now()})
			only(t, h, &queue.Kind, "sales", queue.AddMember{Agent: id})
		}
		for i := range waiting {
			o := opening(talkOf(i), time.Now())
			o.Terms.Units = 10
			only(t, h, &conversation.Kind, o.Conversation, conversation.Start{Opening: o})
		}
		if err := h.runner.CatchUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		l := &torn{Log: h.engine.Log}
		h.engine.Log = l
		do(h, l, h.seeded(t))
	})
}

func talkOf(i int) string { return fmt.Sprintf("talk-%02d", i) }

// seeded is a router whose board is the log as it is now.
func (h *house) seeded(t *testing.T) *router {
	t.Helper()
	info, err := h.log.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r := &router{engine: h.engine, views: h.views, zone: time.UTC, logger: h.logger, store: info.Store}
	if _, err := r.seed(t.Context()); err != nil {
		t.Fatal(err)
	}
	return r
}

// TestRTE7_ADamagedConversationHoldsUpNobody has the first of many be damaged:
// what is said of the others is on record all the same.
func TestRTE7_ADamagedConversationHoldsUpNobody(t *testing.T) {
	t.Parallel()
	const many = 3 * routing.AtATime
	waitingRoom(t, 0, many, func(h *house, l *torn, r *router) {
		l.stream = "conversation-" + talkOf(0)
		if _, err := r.round(t.Context()); err == nil {
			t.Error("nobody is told of the damage")
		}
		for i := 1; i < many; i++ {
			c, _, err := eventstore.Load(t.Context(), h.engine, &conversation.Kind, talkOf(i))
			if err != nil || c.Reasons == "" {
				t.Errorf("%s: %q (%v)", c.ID, c.Reasons, err)
			}
		}
	})
}

// TestRTE7_ADamagedAgentHoldsUpNobody has the agent who comes first be damaged: the
// others are asked, and all is made again.
func TestRTE7_ADamagedAgentHoldsUpNobody(t *testing.T) {
	t.Parallel()
	const many = 10 // as many as one agent may have
	waitingRoom(t, 2, many, func(h *house, l *torn, r *router) {
		l.stream = "agent-agent-0"
		r.at = head(t, h)
		for range 2 {
			if _, err := r.round(t.Context()); err != nil {
				t.Error(err)
			}
			follow(t, h, r)
		}
		for i := range many {
			c, _, err := eventstore.Load(t.Context(), h.engine, &conversation.Kind, talkOf(i))
			if err != nil || c.Offer == nil || c.Offer.Agent != "agent-1" {
				t.Errorf("%s: %+v (%v)", c.ID, c.Offer, err)
			}
		}
		madeAgain(t, h, many)
	})
}

// TestRTE7_ARouterBehindAnotherStops has another router carry out the beginning of
// what this one decided as well: what this one then records can be made again.
func TestRTE7_ARouterBehindAnotherStops(t *testing.T) {
	t.Parallel()
	const many = 3 * routing.AtATime
	waitingRoom(t, 5, many, func(h *house, _ *torn, slow *router) {
		fast := h.seeded(t)
		slow.at = head(t, h)
		fast.at = slow.at
		choices := fast.board.Round(time.Now().UTC().Truncate(time.Microsecond), fast.at.Text(fast.store)).Choices
		if len(choices) < many {
			t.Fatalf("%d decisions", len(choices))
		}
		if err := fast.carryOutAll(t.Context(), choices[:2*routing.AtATime]); err != nil {
			t.Fatal(err)
		}
		if again, err := slow.round(t.Context()); err != nil || again.After(time.Now()) {
			t.Errorf("it looks again at %s (%v)", again, err)
		}
		follow(t, h, slow)
		if _, err := slow.round(t.Context()); err != nil {
			t.Error(err)
		}
		for i := range many {
			c, _, err := eventstore.Load(t.Context(), h.engine, &conversation.Kind, talkOf(i))
			if err != nil || c.Offer == nil {
				t.Errorf("%s: %+v (%v)", c.ID, c.Offer, err)
			}
		}
		madeAgain(t, h, many)
	})
}

// madeAgain makes every decision of the log again, of which there are so many at
// least.
func madeAgain(t *testing.T, h *house, least int) {
	t.Helper()
	info, err := h.log.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	check := routing.NewCheck(zoneOf, time.UTC, func(text string) (uint64, bool) {
		p, err := eventstore.ParsePosition(info.Store, text)
		return uint64(p), err == nil
	}, func(id string, at uint64, what string) { t.Errorf("%s at %d: %s", id, at, what) })
	for rec, err := range h.log.Read(t.Context(), eventstore.Query{Names: routing.Names()}) {
		if err != nil {
			t.Fatal(err)
		}
		f, err := h.engine.Codec.Fact(rec)
		if err != nil {
			t.Fatal(err)
		}
		check.See(f, uint64(rec.Position))
	}
	if check.End(); check.Skipped > 0 || check.Checked < least {
		t.Errorf("%d decisions are made again, and %d cannot be", check.Checked, check.Skipped)
	}
}

func head(t *testing.T, h *house) eventstore.Position {
	t.Helper()
	info, err := h.log.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return info.Head
}

// follow puts on a router's board what came since.
func follow(t *testing.T, h *house, r *router) {
	t.Helper()
	for rec, err := range h.log.Read(t.Context(), eventstore.Query{After: r.at, Names: routing.Names()}) {
		if err != nil {
			t.Fatal(err)
		}
		f, err := h.engine.Codec.Fact(rec)
		if err != nil {
			t.Fatal(err)
		}
		r.take(step{position: rec.Position, fact: f, known: true})
	}
}

// TestNoRoundIsHeldDuringAnImport imports: of a conversation a half may be on record,
// which looks as if it waited.
func TestNoRoundIsHeldDuringAnImport(t *testing.T) {
	t.Parallel()
	waitingRoom(t, 1, 1, func(h *house, _ *torn, r *router) {
		r.at, r.rests = head(t, h), h.imports
		h.importing.Add(1)
		before := head(t, h)
		again, err := r.round(t.Context())
		if err != nil || again.IsZero() || head(t, h) != before {
			t.Errorf("a round was held: %d after %d, again at %v, %v", head(t, h), before, again, err)
		}
		h.importing.Add(-1)
		if _, err := r.round(t.Context()); err != nil || r.seen != before {
			t.Errorf("the board is not brought up to what was imported: %d of %d, %v", r.seen, before, err)
		}
		if _, err := r.round(t.Context()); err != nil || head(t, h) == before {
			t.Errorf("no round was held after it: %v", err)
		}
	})
}

// TestRTE6_AClockThatIsSetIsNoticed has somebody wait who may for an hour, and sets the
// clock ahead by more: the next round is not an hour away.
func TestRTE6_AClockThatIsSetIsNoticed(t *testing.T) {
	t.Parallel()
	data := folder(t)
	synctest.Test(t, func(t *testing.T) {
		h, err := openHouse(t.Context(), &config{data: data, location: time.UTC}, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		var ahead atomic.Int64
		h.engine.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
		only(t, h, &queue.Kind, "sales", queue.Configure{
			ID: "sales", Name: "Sales", Overflow: queue.Overflow{LongerThan: 3600, Waited: queue.Action{Do: queue.DoEnd}},
		})
		only(t, h, &conversation.Kind, "talk", conversation.Start{Opening: opening("talk", time.Now())})
		if err := h.runner.CatchUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		r := &router{engine: h.engine, views: h.views, zone: time.UTC, logger: h.logger}
		go func() { ended <- r.run(ctx) }()
		is := func() conversation.Status {
			<-time.After(3 * routerNap)
			c, _, err := eventstore.Load(t.Context(), h.engine, &conversation.Kind, "talk")
			if err != nil {
				t.Fatal(err)
			}
			return c.Status
		}
		if s := is(); s != conversation.StatusOpen {
			t.Errorf("it is %s before its time", s)
		}
		ahead.Store(int64(time.Hour))
		if s := is(); s != conversation.StatusClosed {
			t.Errorf("it is %s after its time", s)
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if err := h.close(); err != nil {
			t.Error(err)
		}
	})
}
