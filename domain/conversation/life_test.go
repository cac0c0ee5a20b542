package conversation

import (
	"strings"
	"testing"
	"time"

	"parley/domain"
	"parley/domain/spec"
)

func TestCON5_ATransferIsAnOfferThatReplaces(t *testing.T) {
	pending := played(t, in("transfer", domain.ModeLive)...)
	over := OfferEnded{Conversation: "c1", Hold: holdBen, Agent: "ben", Outcome: OutcomeRejected, Why: "agent_rejected", Declined: true, Transfer: true, Keeper: "ana", KeeperHold: holdAna}
	spec.Run(t, &Kind, table{
		{Name: "accepted, the primary changes", Given: pending, When: Accept{Hold: holdBen, Agent: "ben", At: at(70)}, Then: []Event{Engaged{
			Conversation: "c1", Subject: "visitor-v1", Hold: holdBen, Agent: "ben", How: HowAccept, Replaces: holdAna, Former: "ana", Queue: "q",
			Segment: 1, VisitorNumber: 1, At: at(70)}}},
		{Name: "rejected, the former stays", Given: pending, When: Reject{Hold: holdBen, Agent: "ben"}, Then: []Event{over}},
		{Name: "his End withdraws it", Given: pending, When: End{Agent: "ana", At: at(70)}, Then: []Event{Ended{
			Conversation: "c1", Hold: holdAna, Agent: "ana", Reason: ReasonAgentEnded, At: at(70), CloseAt: at(970), Offer: holdBen, OfferAgent: "ben"}}},
		{Name: "a force close withdraws it", Given: pending, When: ForceClose{Reason: ReasonSpam}, Then: []Event{Closed{
			Conversation: "c1", Reason: ReasonSpam, From: StatusEngaged, Hold: holdAna, Agent: "ana", Offer: holdBen, OfferAgent: "ben"}}},
		{Name: "one at a time", Given: pending, When: MakeOffer{Hold: "h4", Agent: "cho", Turn: 4, Replaces: holdAna, At: at(70), Countdown: 120}, Err: ErrTransferPending},
		{Name: "what he has no more he cannot transfer", Given: played(t, in("engaged", domain.ModeLive)...),
			When: MakeOffer{Hold: "h4", Agent: "cho", Turn: 3, Replaces: holdBen, At: at(70), Countdown: 120}, Err: ErrNotEngaged},
	})
}

func TestRTE4_AReturningCustomerAsksForWhomHeHadLast(t *testing.T) {
	message := MessageReceived{Conversation: "c1", ID: "m1", Number: 1, Text: "hi again", Status: StatusWaiting, CloseAt: at(6200)}
	queued := Queued{Queue: "q", Segment: 2, Since: at(5000), Reason: QueuedReturn, Affinity: "ana", CloseAt: at(6200)}
	moved := Queued{Queue: "r", Segment: 2, Since: at(5000), Reason: QueuedMoved, CloseAt: at(6200)}
	write := Receive{ID: "m1", Text: "hi again", At: at(5000)}
	for _, mode := range []string{domain.ModePersistent, domain.ModeAsync} {
		spec.Run(t, &Kind, table{
			{Name: "writing in waiting, " + mode, Given: played(t, in("waiting", mode)...), When: write, Then: []Event{message, queued}},
			{Name: "not when a supervisor moves it, " + mode, Given: played(t, in("waiting", mode)...), When: Move{Queue: "r", At: at(5000)}, Then: []Event{moved}},
		})
	}
	c := Kind.Fold(Conversation{}, played(t, append(in("waiting", domain.ModeAsync), write,
		MakeOffer{Hold: "h", Agent: "ana", Turn: 5, At: at(5001), Countdown: 120, Forced: true}, Reject{Hold: "h", Agent: "ana"})...)...)
	if c.Status != StatusOpen || c.Affinity != "" {
		t.Errorf("%s with affinity %q: after a reject ordinary routing follows", c.Status, c.Affinity)
	}
}

// §11: the auto-close timers. Each step says when the conversation closes by
// itself afterwards.
func TestTimers_WhatRestartsTheAutoClose(t *testing.T) {
	type step struct {
		does  domain.Command[Conversation, Event]
		close time.Time
	}
	ana := domain.Actor{ID: "ana", Role: domain.RoleAgent}
	offer := MakeOffer{Hold: holdAna, Agent: "ana", Turn: 1, At: at(100), Countdown: 120}
	for _, c := range []struct {
		name, mode string
		steps      []step
	}{
		{"open: offers, rejects, notes and receipts do not, the customer's message does", domain.ModeLive, []step{
			{Start{Opening: opened(domain.ModeLive)}, at(1200)}, {offer, at(1200)}, {Deliver{Hold: holdAna}, at(1200)},
			{Reject{Hold: holdAna, Agent: "ana"}, at(1200)}, {Note{ID: "n", Text: "x", By: ana}, at(1200)},
			{Send{ID: "s", Text: "Nobody is free yet.", By: domain.Actor{ID: "parley", Role: domain.RoleSystem}, At: at(200)}, at(1200)},
			{Receive{ID: "m1", Text: "hello?", At: at(300)}, at(1500)}, {MarkRead{Side: SideAgent, UpTo: 1}, at(1500)},
			{Receive{ID: "m0", Text: "written before, come late", At: at(250)}, at(1500)},
			{MakeOffer{Hold: "h3", Agent: "ana", Turn: 3, At: at(310), Countdown: 120}, at(1500)}, {Expire{Hold: "h3", At: at(430)}, at(1500)},
			{Move{Queue: "r", At: at(500)}, at(1700)},
		}},
		{"live: engaged has none, wrap-up has its own", domain.ModeLive, []step{
			{Start{Opening: opened(domain.ModeLive)}, at(1200)}, {offer, at(1200)}, {Accept{Hold: holdAna, Agent: "ana", At: at(110)}, time.Time{}},
			{Receive{ID: "m1", Text: "hi", At: at(120)}, time.Time{}}, {End{Agent: "ana", At: at(200)}, at(1100)}, {Note{ID: "n", Text: "x", By: ana}, at(1100)},
		}},
		{"async: engaged runs from the last message of either side", domain.ModeAsync, []step{
			{Start{Opening: opened(domain.ModeAsync)}, at(1200)}, {offer, at(1200)}, {Accept{Hold: holdAna, Agent: "ana", At: at(110)}, at(7310)},
			{Receive{ID: "m1", Text: "hi", At: at(120)}, at(7320)}, {Send{ID: "s1", Text: "hi", By: ana, At: at(130)}, at(7330)},
			{Note{ID: "n", Text: "x", By: ana}, at(7330)}, {CloseSession{Agent: "ana", At: at(140)}, at(140 + 86400)},
			{Receive{ID: "m2", Text: "me again", At: at(1000)}, at(2200)},
		}},
		{"persistent: engaged has none, waiting its own", domain.ModePersistent, []step{
			{Start{Opening: opened(domain.ModePersistent)}, at(1200)}, {offer, at(1200)}, {Accept{Hold: holdAna, Agent: "ana", At: at(110)}, time.Time{}},
			{CloseSession{Agent: "ana", At: at(140)}, at(140 + 86400)},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var state Conversation
			for _, s := range c.steps {
				events, err := s.does.Decide(state)
				if err != nil {
					t.Fatalf("%T: %v", s.does, err)
				}
				if state = Kind.Fold(state, events...); !state.CloseAt.Equal(s.close) {
					t.Errorf("after %T it closes at %v, want %v", s.does, state.CloseAt, s.close)
				}
			}
		})
	}
}

func TestTimers_AStaleTimerDoesNothing(t *testing.T) {
	open := played(t, in("open", domain.ModeLive)...)
	closed := Closed{Conversation: "c1", Reason: ReasonAutoClosed, From: StatusOpen}
	wrapped := Closed{Conversation: "c1", Reason: ReasonAgentEnded, From: StatusWrapUp, Hold: holdAna, Agent: "ana", Disposition: []string{"none"}}
	spec.Run(t, &Kind, table{
		{Name: "due now", Given: open, When: TimeOut{Due: at(1200), At: at(1200)}, Then: []Event{closed}},
		{Name: "a nanosecond early", Given: open, When: TimeOut{Due: at(1200), At: at(1200).Add(-1)}},
		{Name: "armed for another time", Given: open, When: TimeOut{Due: at(1199), At: at(1300)}},
		{Name: "nothing is due", Given: played(t, in("engaged", domain.ModeLive)...), When: TimeOut{Due: at(1200), At: at(1300)}},
		{Name: "CON-8: wrap-up closes with the disposition none", Given: played(t, in("wrap_up", domain.ModeLive)...), When: TimeOut{Due: at(960), At: at(960)}, Then: []Event{wrapped}},
	})
}

func TestAGT1_WrapUpBlocksAlwaysNeverOrForAWhile(t *testing.T) {
	for _, c := range []struct {
		block string
		for_  domain.Seconds
		free  time.Time
		close time.Time
	}{
		{domain.BlockAlways, 0, time.Time{}, at(960)},
		{domain.BlockNever, 0, at(60), at(960)},
		{domain.BlockFor, 300, at(360), at(960)},
		{domain.BlockFor, 3600, at(3660), at(3660)}, // wrap-up ends at the later of its timer and its block
	} {
		o := opened(domain.ModeLive)
		o.Terms.Block, o.Terms.BlockSeconds = c.block, c.for_
		spec.Run(t, &Kind, table{{
			Name: c.block, Given: played(t, append(commands{Start{Opening: o}}, in("engaged", domain.ModeLive)[1:]...)...), When: End{Agent: "ana", At: at(60)},
			Then: []Event{Ended{Conversation: "c1", Hold: holdAna, Agent: "ana", Reason: ReasonAgentEnded, At: at(60), UnitsFreeAt: c.free, CloseAt: c.close}},
		}})
	}
}

func TestRTE2_TheOldPlaceIsKept(t *testing.T) {
	requeued := func(reason, queue string, declined bool) Requeued {
		return Requeued{Conversation: "c1", Hold: holdAna, Agent: "ana", Reason: reason, Queue: queue, Segment: 2, Since: at(0), At: at(60), Declined: declined, CloseAt: at(1260)}
	}
	engaged := played(t, in("engaged", domain.ModeLive)...)
	spec.Run(t, &Kind, table{
		{Name: "X with a code of 65 characters", Given: engaged, When: CloseSession{Agent: "ana", Disposition: []string{strings.Repeat("x", 65)}, At: at(60)}, Err: domain.Invalid("disposition", "")},
		{Name: "after X on a live chat, which is a decline", Given: engaged, When: CloseSession{Agent: "ana", At: at(60)}, Then: []Event{requeued(RequeuedClosed, "q", true)}},
		{Name: "after a release", Given: engaged, When: Requeue{Hold: holdAna, Reason: RequeuedReleased, At: at(60)}, Then: []Event{requeued(RequeuedReleased, "q", false)}},
		{Name: "after a transfer, in the new queue", Given: engaged, When: Requeue{Hold: holdAna, Queue: "r", Reason: RequeuedTransfer, At: at(60)}, Then: []Event{requeued(RequeuedTransfer, "r", false)}},
		{Name: "after the agent is gone", Given: engaged, When: Requeue{Hold: holdAna, Reason: RequeuedGone, At: at(60)}, Then: []Event{requeued(RequeuedGone, "q", false)}},
	})
}

func TestCON2_AResendIsTheSameMessageEvenAfterTheClose(t *testing.T) {
	written := append(in("open", domain.ModeLive), Receive{ID: "m1", Text: "hi", At: at(1)})
	long := domain.Personal(strings.Repeat("ü", MaxText))
	spec.Run(t, &Kind, table{
		{Name: "while open", Given: played(t, written...), When: Receive{ID: "m1", Text: "hi", At: at(2)}},
		{Name: "after the close: no new conversation starts for it", Given: played(t, append(written, Leave{At: at(2)})...), When: Receive{ID: "m1", Text: "hi", At: at(3)}},
		{Name: "a new one after the close does", Given: played(t, append(written, Leave{At: at(2)})...), When: Receive{ID: "m2", Text: "hi", At: at(3)}, Err: ErrClosed},
		{Name: "6,000 characters are a message", Given: played(t, in("open", domain.ModeLive)...), When: Receive{ID: "m1", Text: long, At: at(1)},
			Then: []Event{MessageReceived{Conversation: "c1", ID: "m1", Number: 1, Text: long, Status: StatusOpen, CloseAt: at(1201)}}},
		{Name: "6,001 are not", Given: played(t, in("open", domain.ModeLive)...), When: Receive{ID: "m1", Text: long + "x", At: at(1)},
			Err: &domain.Error{Code: "text_too_long", Field: "text", Rule: "CON-2"}},
		{Name: "PER-9: a persistent start without a token", When: Start{Opening: domain.Opening{Conversation: "c1", Subject: "s", Workstream: "w", Queue: "q", Mode: domain.ModePersistent}},
			Err: domain.Refuse("persistent_needs_auth", "PER-9", "")},
	})
}
