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
		sweep(time.Now().Add(time.Minute), 2)
		sweep(time.Now().Add(time.Minute), 0)

		c, _, err := eventstore.Load(t.Context(), b.engine, &conversation.Kind, "next")
		if err != nil || c.Primary.Hold != claimed || c.Status != conversation.StatusEngaged {
			t.Errorf("the claim that was lost gave %s by %q: %v", c.Status, c.Primary.Hold, err)
		}
		a, _, err := eventstore.Load(t.Context(), b.engine, &agent.Kind, "ana")
		_, keeps := a.Holds[engaged]
		if _, left := a.Holds[lost]; err != nil || left || !keeps || len(a.Holds) != 2 {
			t.Errorf("ana holds %v: %v", a.Holds, err)
		}
	})
}
