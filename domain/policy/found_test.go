package policy_test

import (
	"testing"

	"parley/domain"
	"parley/domain/agent"
	"parley/domain/conversation"
	"parley/domain/line"
)

// Each of these is the shortest way to something that random days once found.

// begun is a world with one conversation and room for it reserved by ana.
func begun(t *testing.T, purpose string) (w *world, ask pursuit) {
	t.Helper()
	w = newPlay(false).world
	o := domain.Opening{
		Conversation: "c", Subject: "visitor-v", Channel: domain.ChannelChat, Mode: domain.ModeLive, Workstream: "w", Queue: "q", Line: "L", At: w.now,
		Terms: domain.Terms{Units: 20, Block: domain.BlockAlways, Countdown: 120, CloseOpen: 1200, CloseWrapUp: 900, DeclineLimit: 3},
	}
	must(t, w.do("line", "L", line.Take{Opening: o}))
	w.settle()
	must(t, w.do("agent", "ana", reservation(w, purpose)))
	return w, w.pending[0]
}

func reservation(w *world, purpose string) agent.Reserve {
	return agent.Reserve{
		Hold: domain.Hold("c", 1, "ana"), Conversation: "c", Turn: 1, Units: 20, Purpose: purpose, Countdown: 120, Day: "2026-05-04", At: w.now,
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func whole(t *testing.T, w *world) {
	t.Helper()
	w.settle()
	w.quiet()
	if w.problem != nil {
		t.Error(w.problem)
	}
}

func TestFlow_AskingAgainInWrapUpFreesNothing(t *testing.T) {
	w, ask := begun(t, agent.PurposePick)
	w.settle()
	must(t, w.do("conversation", "c", conversation.End{Agent: "ana", At: w.now}))
	w.pursue(ask) // a reactor that never told, or a sweep
	whole(t, w)
	if held := w.agents.states["ana"].Held(); held != 20 {
		t.Errorf("ana holds %d units in a wrap-up that blocks", held)
	}
}

func TestFlow_AReservationThatComesLateBringsNoHoldBack(t *testing.T) {
	w, _ := begun(t, agent.PurposePick)
	w.settle()
	must(t, w.do("conversation", "c", conversation.CloseSession{Agent: "ana", At: w.now}))
	w.settle()
	if err := w.do("agent", "ana", reservation(w, agent.PurposeOffer)); err == nil {
		t.Error("a router with an old picture reserves under a name that has ended")
	}
	whole(t, w)
}

func TestAGT6_NothingSlipsBetweenDisablingAndTheCustomersEnd(t *testing.T) {
	w, _ := begun(t, agent.PurposePick)
	w.settle()
	must(t, w.do("agent", "ana", agent.Disable{}))
	must(t, w.do("conversation", "c", conversation.Leave{At: w.now})) // before what follows from disabling
	whole(t, w)
	if s := w.conversations.states["c"].Status; s != conversation.StatusClosed {
		t.Errorf("the wrap-up of a disabled agent is %s", s)
	}
}

func TestAGT6_AnOfferStillToComeIsWithdrawnFromWhoIsDisabled(t *testing.T) {
	w, ask := begun(t, agent.PurposeOffer)
	w.pending = nil // the offer is late
	must(t, w.do("agent", "ana", agent.Disable{}))
	w.settle()
	w.pursue(ask)
	whole(t, w)
	if c := w.conversations.states["c"]; c.Status != conversation.StatusOpen {
		t.Errorf("the conversation is %s to %+v", c.Status, c.Offer)
	}
}

func TestAGT4_ManualBusySurvivesAnOfferThatCameToNothing(t *testing.T) {
	w, _ := begun(t, agent.PurposeOffer)
	must(t, w.do("agent", "ana", agent.SetPresence{Presence: agent.Busy, At: w.now}))
	w.settle()
	w.now = after(120)
	for _, timer := range w.ripe() {
		w.fire(timer, false)
	}
	whole(t, w)
	if p := w.agents.states["ana"].Presence; p != agent.Busy {
		t.Errorf("ana chose busy and is %s", p)
	}
}
