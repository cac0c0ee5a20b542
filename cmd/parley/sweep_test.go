package main

import (
	"testing"
	"time"

	"parley/domain"
	"parley/domain/agent"
	"parley/domain/conversation"
	"parley/eventstore"
)

func TestFlow_TheSweepMendsWhatAClaimLeftBehind(t *testing.T) {
	long(t)
	t.Parallel()
	s := serveHere(t, folder(t))
	h := furnish(t, s)
	talked := h.ask("Who is there?")
	engaged := h.engage(t, talked)
	s.stop()

	behind(t, s.data, func(b *house) {
		only(t, b, &conversation.Kind, "next", conversation.Start{Opening: opening("next", time.Now())})
		reserve := func(id string, turn int) string {
			hold := domain.Hold(id, turn, "ana")
			only(t, b, &agent.Kind, "ana", agent.Reserve{
				Hold: hold, Conversation: id, Turn: turn, Units: 30, Purpose: agent.PurposePick, Forced: true, Day: "2026-01-01", At: time.Now(),
			})
			return hold
		}
		claimed, lost := reserve("next", 1), reserve("gone", 7)
		picked := domain.Hold("own", 1, "ana") // and offered to her since
		only(t, b, &conversation.Kind, "own", conversation.Start{Opening: opening("own", time.Now())})
		reserve("own", 1)
		only(t, b, &conversation.Kind, "own", conversation.MakeOffer{Hold: picked, Agent: "ana", Turn: 1, At: time.Now(), Countdown: 30})
		sweep := func(before time.Time, want int) {
			t.Helper()
			if err := b.runner.CatchUp(t.Context()); err != nil {
				t.Fatal(err)
			}
			if n, err := b.sweep(t.Context(), before); n != want || err != nil {
				t.Fatalf("%d holds were mended instead of %d: %v", n, want, err)
			}
		}
		sweep(time.Now().Add(-time.Minute), 0) // they may be on their way
		sweep(time.Now().Add(time.Minute), 3)
		sweep(time.Now().Add(time.Minute), 0)

		c, _, err := eventstore.Load(t.Context(), b.engine, &conversation.Kind, "next")
		if err != nil || c.Primary.Hold != claimed || c.Status != conversation.StatusEngaged {
			t.Errorf("the claim that was lost gave %s by %q: %v", c.Status, c.Primary.Hold, err)
		}
		own, _, err := eventstore.Load(t.Context(), b.engine, &conversation.Kind, "own")
		if err != nil || own.Primary.Hold != picked || own.Status != conversation.StatusEngaged {
			t.Errorf("the pick of what was offered gave %s by %q: %v", own.Status, own.Primary.Hold, err)
		}
		a, _, err := eventstore.Load(t.Context(), b.engine, &agent.Kind, "ana")
		_, keeps := a.Holds[engaged]
		if _, left := a.Holds[lost]; err != nil || left || !keeps || len(a.Holds) != 3 {
			t.Errorf("ana holds %v: %v", a.Holds, err)
		}
	})
}
