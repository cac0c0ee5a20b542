package conversation

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"parley/domain"
	"parley/domain/spec"
)

// TestFlow_ATurnIsOneRoutingEvent counts them: a hold is named after the turn, so
// that one too few would name the next agent's hold as the last one's.
func TestFlow_ATurnIsOneRoutingEvent(t *testing.T) {
	routing := map[string]int{
		"conversation.queued": 1, "conversation.offered": 1, "conversation.offer_ended": 1, "conversation.engaged": 1, "conversation.parked": 1,
		"conversation.requeued": 1, "conversation.ended": 1, "conversation.closed": 1,
	}
	for name, event := range Kind.Names {
		if name == "conversation.started" || name == "conversation.carried_forward" {
			continue
		}
		before := Kind.Fold(Conversation{}, played(t, in("transfer", domain.ModeAsync)...)...)
		if after := Kind.Fold(before, event); after.Turn != before.Turn+routing[name] {
			t.Errorf("%s takes the turn from %d to %d", name, before.Turn, after.Turn)
		}
	}
}

// TestRTE2_ASegmentIsOneStayInAQueue: declines and waits are counted by it.
func TestRTE2_ASegmentIsOneStayInAQueue(t *testing.T) {
	for _, c := range []struct {
		name   string
		before commands
		cmd    domain.Command[Conversation, Event]
		want   int
	}{
		{"the start", nil, Start{Opening: opened(domain.ModeLive)}, 1},
		{"a move", in("open", domain.ModeLive), Move{Queue: "r", At: at(60)}, 2},
		{"a move of what is offered", in("offered", domain.ModeLive), Move{Queue: "r", At: at(60)}, 2},
		{"a move of what is offered into the queue it came from", in("offered", domain.ModeLive), Move{At: at(60)}, 2},
		{"a move of what waits into the queue it came from", in("waiting", domain.ModeAsync), Move{At: at(60)}, 2},
		{"no move of what is there already", in("open", domain.ModeLive), Move{At: at(60)}, 1},
		{"an overflow", in("open", domain.ModeLive), Overflow{Turn: 1, Why: OverflowWaited, Action: OverflowQueue, Queue: "r", At: at(60)}, 2},
		{"a return", in("waiting", domain.ModeAsync), Receive{ID: "m1", Text: "hi", At: at(60)}, 2},
		{"a release", in("engaged", domain.ModeLive), Requeue{Hold: holdAna, Reason: RequeuedReleased, At: at(60)}, 2},
		{"an offer that ends", in("offered", domain.ModeLive), Reject{Hold: holdAna, Agent: "ana", At: at(60)}, 1},
		{"an acceptance", in("offered", domain.ModeLive), Accept{Hold: holdAna, Agent: "ana", At: at(60)}, 1},
	} {
		if got := Kind.Fold(Conversation{}, played(t, append(c.before[:len(c.before):len(c.before)], c.cmd)...)...); got.Segment != c.want {
			t.Errorf("%s: segment %d, want %d", c.name, got.Segment, c.want)
		}
	}
}

func TestFlow_WhatAnotherTurnDecidedIsRefused(t *testing.T) {
	joined := Joined{Conversation: "c1", ID: "p2", Agent: "cho", As: AsJoined, How: HowJoin}
	engaged := append(played(t, in("engaged", domain.ModeLive)...), joined)
	pending := append(played(t, in("transfer", domain.ModeLive)...), joined)
	take := func(turn int, replaces string) Engage {
		return Engage{Hold: "h9", Agent: "cho", Turn: turn, How: HowTake, Replaces: replaces, At: at(100)}
	}
	over := Overflow{Turn: 1, Why: OverflowWaited, Action: OverflowQueue, Queue: "r", At: at(60)}
	later, stale := over, over
	later.Turn, stale.Turn = 2, 0
	open := played(t, in("open", domain.ModeLive)...)
	withdraw := Withdraw{Hold: "h9", Why: "agent_disabled", Agent: "cho", Turn: 4}
	spec.Run(t, &Kind, table{
		{Name: "CON-5: a take-over of another turn", Given: engaged, When: take(2, holdAna), Err: ErrTurn},
		{Name: "CON-5: from another than has it", Given: engaged, When: take(3, holdBen), Err: ErrTaken},
		{Name: "CON-5: while a transfer is offered", Given: pending, When: take(4, holdAna), Err: ErrTransferPending},
		{Name: "a pick of a turn still to come", Given: open, When: Engage{Hold: "h9", Agent: "ben", Turn: 2, How: HowPick, At: at(1)}, Err: ErrTurn},
		{Name: "RTE-6: an overflow of a turn that has passed", Given: open, When: stale},
		{Name: "RTE-6: or is still to come", Given: open, When: later},
		{Name: "RTE-6: to the queue in which it is", Given: open, When: Overflow{Turn: 1, Why: OverflowWaited, Action: OverflowQueue, Queue: "q", At: at(60)},
			Then: []Event{Overflowed{Conversation: "c1", Why: OverflowWaited, Action: OverflowKeep, From: "q"}}},
		{Name: "CON-7: outside the hours in another turn", Given: open, When: EndOutsideHours{Turn: 2, At: at(60)}},
		{Name: "RTE-7: a round of another turn", Given: open, When: PassOver{Turn: 2, Digest: "x", At: at(60)}},
		{Name: "a withdrawal of what is still to come leaves another's offer", Given: pending, When: withdraw},
		{Name: "and wrap-up", Given: played(t, in("wrap_up", domain.ModeLive)...), When: withdraw},
		{Name: "and a turn still to come", Given: played(t, in("engaged", domain.ModeLive)...), When: withdraw},
		{Name: "a delivery of another offer", Given: pending, When: Deliver{Hold: "h9"}},
	})
	if c := Kind.Fold(Conversation{}, append(pending, OfferDelivered{Hold: "h9"})...); c.Offer.Delivered {
		t.Error("the delivery of another offer counts for this one")
	}
}

// TestRTE6_AConditionIsMetOnceInAQueue: a move begins anew, an overflow does not.
func TestRTE6_AConditionIsMetOnceInAQueue(t *testing.T) {
	over := Overflow{Turn: 1, Why: OverflowWaited, Action: OverflowQueue, Queue: "r", At: at(60)}
	there := append(in("open", domain.ModeLive), over)
	back := func(turn int) Overflow {
		return Overflow{Turn: turn, Why: OverflowWaited, Action: OverflowQueue, Queue: "q", At: at(70)}
	}
	again := over
	again.Turn = 3
	said := Overflowed{Conversation: "c1", Why: OverflowWaited, Action: OverflowQueue, From: "r", To: "q"}
	spec.Run(t, &Kind, table{
		{Name: "in the other queue it may be met as well", Given: played(t, there...), When: back(2),
			Then: []Event{said, Queued{Queue: "q", Segment: 3, Since: at(0), Reason: QueuedOverflow, CloseAt: at(1270)}}},
		{Name: "back in the first it is not", Given: played(t, append(there, back(2))...), When: again},
	})
	for name, cmds := range map[string]commands{
		"a move": {Move{Queue: "s", At: at(80)}},
		"a release": {Engage{Hold: "h", Agent: "ana", Turn: 2, How: HowPick, At: at(80)},
			Requeue{Hold: "h", Reason: RequeuedReleased, At: at(90)}},
	} {
		if c := Kind.Fold(Conversation{}, played(t, append(there[:2:2], cmds...)...)...); len(c.Overflows) != 0 {
			t.Errorf("after %s it remembers %v", name, c.Overflows)
		}
	}
}

func TestNOT2_EscalatedIsWhatAnAgentPutIntoAQueue(t *testing.T) {
	steps := append(in("engaged", domain.ModePersistent), Requeue{Hold: holdAna, Queue: "r", Reason: RequeuedTransfer, At: at(60)})
	for _, c := range []struct {
		name string
		more commands
		want bool
	}{
		{"put there", nil, true},
		{"moved on", commands{Move{Queue: "s", At: at(70)}}, true},
		{"had by another agent", commands{Engage{Hold: "h", Agent: "ben", Turn: 4, How: HowPick, At: at(70)}}, false},
		{"and back from waiting", commands{Engage{Hold: "h", Agent: "ben", Turn: 4, How: HowPick, At: at(70)}, CloseSession{Agent: "ben", At: at(80)},
			Receive{ID: "m1", Text: "hi", At: at(90)}}, false},
	} {
		if got := Kind.Fold(Conversation{}, played(t, append(steps[:len(steps):len(steps)], c.more...)...)...); got.Escalated != c.want {
			t.Errorf("%s: escalated %v", c.name, got.Escalated)
		}
	}
	back := Queued{Queue: "r", Segment: 3, Since: at(90), Reason: QueuedReturn}
	if c := Kind.Fold(Conversation{Escalated: true, Status: StatusWaiting}, back); c.Escalated {
		t.Error("what the customer came back to counts as escalated")
	}
}

func TestTimers_WhatIsDueWhen(t *testing.T) {
	async := opened(domain.ModeAsync)
	persistent := opened(domain.ModePersistent)
	persistent.Terms.CloseEngaged = 7200
	never := opened(domain.ModeLive)
	never.Terms.CloseWrapUp, never.Terms.Block, never.Terms.BlockSeconds = 0, domain.BlockFor, 300
	engaged := func(o domain.Opening) []Event {
		return played(t, append(commands{Start{Opening: o}}, in("engaged", o.Mode)[1:]...)...)
	}
	ben := domain.Actor{ID: "ana", Role: domain.RoleAgent}
	written := append(engaged(async), MessageReceived{Conversation: "c1", ID: "m1", Number: 1, Text: "hi", CloseAt: at(7300)})
	spec.Run(t, &Kind, table{
		{Name: "a timer armed for a later time", Given: played(t, in("open", domain.ModeLive)...), When: TimeOut{Due: at(1300), At: at(1300)}},
		{Name: "engaged closes by itself in async only", Given: played(t, append(commands{Start{Opening: persistent}}, in("offered", domain.ModePersistent)[1:]...)...), When: Accept{Hold: holdAna, Agent: "ana", At: at(30)},
			Then: []Event{Engaged{Conversation: "c1", Subject: "visitor-v1", Hold: holdAna, Agent: "ana", How: HowAccept, Queue: "q", Segment: 1, VisitorNumber: 4, Waited: 30000, At: at(30)}}},
		{Name: "wrap-up without a timer has none, though it blocks for a while", Given: engaged(never), When: End{Agent: "ana", At: at(60)},
			Then: []Event{Ended{Conversation: "c1", Hold: holdAna, Agent: "ana", Reason: ReasonAgentEnded, At: at(60), UnitsFreeAt: at(360)}}},
		{Name: "a customer's message come late brings it no nearer", Given: written, When: Receive{ID: "m2", Text: "hi", At: at(50)},
			Then: []Event{MessageReceived{Conversation: "c1", ID: "m2", Number: 2, Text: "hi", Status: StatusEngaged, Agent: "ana", CloseAt: at(7300)}}},
		{Name: "nor does an agent's", Given: written, When: Send{ID: "m2", Text: "hi", By: ben, At: at(50)},
			Then: []Event{MessageSent{Conversation: "c1", ID: "m2", Number: 2, Text: "hi", By: ben, CloseAt: at(7300)}}},
		{Name: "and the system's puts it off no further", Given: written, When: Send{ID: "m2", Text: "hi", By: domain.Actor{ID: "parley", Role: domain.RoleSystem}, At: at(500)},
			Then: []Event{MessageSent{Conversation: "c1", ID: "m2", Number: 2, Text: "hi", By: domain.Actor{ID: "parley", Role: domain.RoleSystem}, CloseAt: at(7300)}}},
		{Name: "PER-8: the customer is there again after five minutes", Given: append(played(t, in("waiting", domain.ModePersistent)...), CustomerPresent{Conversation: "c1", Agent: "ana", At: at(5000)}),
			When: ShowUp{At: at(5300)}, Then: []Event{CustomerPresent{Conversation: "c1", Agent: "ana", At: at(5300)}}},
		{Name: "RTE-7: other reasons after a minute", Given: append(played(t, in("open", domain.ModeLive)...), PassedOver{Digest: "a", At: at(10)}),
			When: PassOver{Turn: 1, Digest: "b", At: at(70)}, Then: []Event{PassedOver{Digest: "b", At: at(70)}}},
		{Name: "RTE-7: and not before", Given: append(played(t, in("open", domain.ModeLive)...), PassedOver{Digest: "a", At: at(10)}),
			When: PassOver{Turn: 1, Digest: "b", At: at(70).Add(-1)}},
	})
	if c := Kind.Fold(Conversation{}, played(t, in("closed", domain.ModeLive)...)...); !c.CloseAt.IsZero() {
		t.Error("what is closed closes once more")
	}
	if c := Kind.Fold(Conversation{}, append(written, Closed{Conversation: "c1", Reason: ReasonSpam})...); !c.CloseAt.IsZero() {
		t.Error("what is closed from engaged closes once more")
	}
	returned := append(played(t, in("waiting", domain.ModeAsync)...), MessageReceived{Conversation: "c1", ID: "m1", Number: 1, Text: "hi"})
	events, err := Receive{ID: "m2", Text: "hi", At: at(90)}.Decide(Kind.Fold(Conversation{}, returned...))
	if err != nil || !events[0].(MessageReceived).CloseAt.Equal(at(1290)) {
		t.Errorf("%+v, %v: the message that wakes it tells when it closes in its queue", events, err)
	}
}

func TestNOT7_ATemplatesCountdownIsShorterOrLonger(t *testing.T) {
	for _, countdown := range []domain.Seconds{30, 300} {
		ask := MakeOffer{Hold: holdAna, Agent: "ana", Turn: 1, At: at(0), Countdown: 120, Template: &domain.Template{Countdown: countdown, MayReject: true}}
		c := Kind.Fold(Conversation{}, played(t, append(in("open", domain.ModeLive), ask)...)...)
		if !c.Offer.Deadline.Equal(at(int(countdown))) {
			t.Errorf("a countdown of %d is over at %v", countdown, c.Offer.Deadline)
		}
	}
}

func TestCON2_WhatIsWrittenHasBounds(t *testing.T) {
	by := domain.Actor{ID: "ana", Role: domain.RoleAgent}
	engaged := played(t, in("engaged", domain.ModeLive)...)
	files := func(n int) []Attachment { return make([]Attachment, n) }
	choices := func(n, length int) (all []domain.Personal) {
		for range n {
			all = append(all, domain.Personal(strings.Repeat("ü", length)))
		}
		return all
	}
	sent := func(files []Attachment, choices []domain.Personal) []Event {
		return []Event{MessageSent{Conversation: "c1", ID: "m1", Number: 1, Text: "hi", Attachments: files, Choices: choices, By: by}}
	}
	send := func(files []Attachment, choices []domain.Personal) Send {
		return Send{ID: "m1", Text: "hi", Attachments: files, Choices: choices, By: by, At: at(60)}
	}
	note := domain.Personal(strings.Repeat("ü", MaxNote))
	choice := choices(1, MaxChoice)[0]
	spec.Run(t, &Kind, table{
		{Name: "ten attachments", Given: engaged, When: send(files(10), nil), Then: sent(files(10), nil)},
		{Name: "eleven", Given: engaged, When: send(files(11), nil), Err: domain.Invalid("attachments", "")},
		{Name: "20 quick replies of 256 characters", Given: engaged, When: send(nil, choices(20, 256)), Then: sent(nil, choices(20, 256))},
		{Name: "21", Given: engaged, When: send(nil, choices(21, 1)), Err: domain.Invalid("choices", "")},
		{Name: "of 257 characters", Given: engaged, When: send(nil, choices(1, 257)), Err: domain.Invalid("choices", "")},
		{Name: "of none", Given: engaged, When: send(nil, choices(1, 0)), Err: domain.Invalid("choices", "")},
		{Name: "of blanks", Given: engaged, When: send(nil, []domain.Personal{"yes", " \n"}), Err: domain.Invalid("choices", "")},
		{Name: "a message of blanks", Given: engaged, When: Send{ID: "m1", Text: " \t\u00a0", By: by, At: at(60)}, Err: domain.Invalid("text", "")},
		{Name: "of the customer", Given: engaged, When: Receive{ID: "m1", Text: "\r\n", At: at(60)}, Err: domain.Invalid("text", "")},
		{Name: "of blanks, with a file", Given: engaged, When: Receive{ID: "m1", Text: " ", Attachments: files(1), At: at(60)},
			Then: []Event{MessageReceived{Conversation: "c1", ID: "m1", Number: 1, Text: " ", Attachments: files(1), Status: StatusEngaged, Agent: "ana"}}},
		{Name: "a note of blanks", Given: engaged, When: Note{ID: "n1", Text: "  ", By: by}, Err: domain.Invalid("text", "")},
		{Name: "a topic of blanks", Given: engaged, When: Classify{Topic: "  "}, Err: domain.Invalid("topic", "")},
		{Name: "a choice of 256", Given: engaged, When: Receive{ID: "m1", Text: "hi", Choice: choice, At: at(60)},
			Then: []Event{MessageReceived{Conversation: "c1", ID: "m1", Number: 1, Text: "hi", Choice: choice, Status: StatusEngaged, Agent: "ana"}}},
		{Name: "of 257", Given: engaged, When: Receive{ID: "m1", Text: "hi", Choice: choice + "x", At: at(60)}, Err: domain.Invalid("choice", "")},
		{Name: "API-5: a note of 10,000", Given: engaged, When: Note{ID: "n1", Text: note, By: by}, Then: []Event{Noted{Conversation: "c1", ID: "n1", Text: note, By: by}}},
		{Name: "API-5: of 10,001", Given: engaged, When: Note{ID: "n1", Text: note + "x", By: by}, Err: &domain.Error{Code: "text_too_long", Field: "text", Rule: "API-5"}},
		{Name: "read up to the last message", Given: append(engaged[:len(engaged):len(engaged)], sent(nil, nil)...), When: MarkRead{Side: SideCustomer, UpTo: 1}, Then: []Event{Read{Conversation: "c1", Side: SideCustomer, UpTo: 1}}},
		{Name: "not past it", Given: append(engaged[:len(engaged):len(engaged)], sent(nil, nil)...), When: MarkRead{Side: SideCustomer, UpTo: 2}, Err: domain.Invalid("upTo", "")},
		{Name: "nor back", Given: append(engaged[:len(engaged):len(engaged)], MessageSent{ID: "m1", Number: 2}, Read{Side: SideAgent, UpTo: 2}), When: MarkRead{Side: SideAgent, UpTo: 1}},
		{Name: "CON-8: 12 codes of 64 characters", Given: played(t, in("wrap_up", domain.ModeLive)...), When: CloseSession{Agent: "ana", Disposition: codes(12)},
			Then: []Event{Closed{Conversation: "c1", Reason: ReasonAgentEnded, From: StatusWrapUp, Hold: holdAna, Agent: "ana", Disposition: codes(12)}}},
		{Name: "CON-8: 13", Given: played(t, in("wrap_up", domain.ModeLive)...), When: CloseSession{Agent: "ana", Disposition: codes(13)}, Err: domain.Invalid("disposition", "")},
	})
	for n := range recentKept {
		engaged = append(engaged, Noted{Conversation: "c1", ID: "n" + strconv.Itoa(n), Text: "x", By: by})
	}
	spec.Run(t, &Kind, table{{Name: "a note sent again after 199 others", Given: engaged, When: Note{ID: "n0", Text: "x", By: by}}})
}

func codes(n int) (all []string) {
	for range n {
		all = append(all, strings.Repeat("ü", 64))
	}
	return all
}

func TestRTE5_DeclinesAddUp(t *testing.T) {
	c := Kind.Fold(Conversation{}, played(t, append(in("offered", domain.ModeLive), Reject{Hold: holdAna, Agent: "ana", At: at(5)},
		MakeOffer{Hold: "h3", Agent: "ana", Turn: 3, At: at(10), Countdown: 120}, Reject{Hold: "h3", Agent: "ana", At: at(15)},
		MakeOffer{Hold: "h5", Agent: "ben", Turn: 5, At: at(20), Countdown: 120}, Expire{Hold: "h5", At: at(140)})...)...)
	if c.Declines["ana"] != 2 || !c.LastDecline.Equal(at(15)) || !c.Unseen["ben"].Equal(at(140)) {
		t.Errorf("declines %v, the last at %v, unseen %v", c.Declines, c.LastDecline, c.Unseen)
	}
	moved := Kind.Fold(c, Queued{Queue: "r", Segment: 2, Since: at(0), Reason: QueuedMoved})
	if len(moved.Declines) != 0 || len(moved.Unseen) != 0 || !moved.LastDecline.Equal(time.Time{}) {
		t.Errorf("in the next queue declines %v and unseen %v are left", moved.Declines, moved.Unseen)
	}
	seen := Kind.Fold(Conversation{}, played(t, append(in("offered", domain.ModeLive), Deliver{Hold: holdAna}, Expire{Hold: holdAna, At: at(120)})...)...)
	if seen.Declines["ana"] != 1 || len(seen.Unseen) != 0 {
		t.Errorf("an offer that was seen and ran out: declines %v, unseen %v", seen.Declines, seen.Unseen)
	}
}
