package conversation

import (
	"errors"
	"testing"

	"parley/domain"
	"parley/domain/spec"
)

type table = []spec.Case[Conversation, Event]

func TestNOT8_ExactlyOneWinsTheContestForAnOffer(t *testing.T) {
	offered := in("offered", domain.ModeLive)
	ended := func(outcome, why string) OfferEnded {
		return OfferEnded{Conversation: "c1", Hold: holdAna, Agent: "ana", Outcome: outcome, Why: why}
	}
	rejected := ended(OutcomeRejected, "agent_rejected")
	rejected.Declined = true
	engaged := Engaged{
		Conversation: "c1", Subject: "visitor-v1", Hold: holdAna, Agent: "ana", How: HowAccept, Queue: "q", Segment: 1, VisitorNumber: 4,
		Waited: 119999, At: at(120).Add(-1e6),
	}
	after := func(more ...domain.Command[Conversation, Event]) []Event {
		return played(t, append(offered[:2:2], more...)...)
	}
	accept := Accept{Hold: holdAna, Agent: "ana", At: at(30)}
	expired := ended(OutcomeExpired, "countdown")
	expired.At = at(120)
	spec.Run(t, &Kind, table{
		{Name: "an offer is accepted a millisecond before its deadline", Given: after(),
			When: Accept{Hold: holdAna, Agent: "ana", At: at(120).Add(-1e6)}, Then: []Event{engaged}},
		{Name: "an offer is not accepted at its deadline, though its timer be late", Given: after(),
			When: Accept{Hold: holdAna, Agent: "ana", At: at(120)}, Err: ErrOfferExpired},
		{Name: "an offer does not expire before its deadline", Given: after(), When: Expire{Hold: holdAna, At: at(120).Add(-1)}},
		{Name: "an offer expires at its deadline", Given: after(), When: Expire{Hold: holdAna, At: at(120)}, Then: []Event{expired}},
		{Name: "another agent cannot accept it", Given: after(), When: Accept{Hold: holdAna, Agent: "ben", At: at(30)}, Err: ErrElsewhere},
		{Name: "another agent cannot reject it", Given: after(), When: Reject{Hold: holdAna, Agent: "ben"}, Err: ErrElsewhere},
		{Name: "a second device accepts what is accepted", Given: after(accept), When: accept},
		{Name: "another agent is not told that he accepted it", Given: after(accept), When: Accept{Hold: holdAna, Agent: "ben", At: at(31)}, Err: ErrOfferEnded},
		{Name: "reject after accept: too late", Given: after(accept), When: Reject{Hold: holdAna, Agent: "ana"}, Err: ErrOfferEnded},
		{Name: "expiry after accept: nothing", Given: after(accept), When: Expire{Hold: holdAna, At: at(120)}},
		{Name: "withdrawal after accept: nothing", Given: after(accept), When: Withdraw{Hold: holdAna, Why: "device_lost"}},
		{Name: "the agent rejects", Given: after(), When: Reject{Hold: holdAna, Agent: "ana"}, Then: []Event{rejected}},
		{Name: "a second device rejects what is rejected", Given: after(Reject{Hold: holdAna, Agent: "ana"}), When: Reject{Hold: holdAna, Agent: "ana"}},
		{Name: "accept after reject: too late", Given: after(Reject{Hold: holdAna, Agent: "ana"}), When: accept, Err: ErrOfferEnded},
		{Name: "accept after expiry: it has expired", Given: after(Expire{Hold: holdAna, At: at(120)}),
			When: Accept{Hold: holdAna, Agent: "ana", At: at(121)}, Err: ErrOfferExpired},
		{Name: "accept after the customer ended: it is over", Given: after(Leave{At: at(20)}), When: accept, Err: ErrOfferEnded},
		{Name: "expiry after the customer ended: nothing", Given: after(Leave{At: at(20)}), When: Expire{Hold: holdAna, At: at(120)}},
		{Name: "the customer's end ends the offer in the same event", Given: after(), When: Leave{At: at(20)},
			Then: []Event{Closed{Conversation: "c1", Reason: ReasonAbandoned, From: StatusOffered, Offer: holdAna, OfferAgent: "ana"}}},
	})
}

func TestNOT8_WhoLosesIsToldWhatStands(t *testing.T) {
	for _, c := range []struct {
		name   string
		before domain.Command[Conversation, Event]
		want   map[string]string
	}{
		{"the other was quicker", Accept{Hold: holdAna, Agent: "ana", At: at(1)}, map[string]string{"state": "active", "subState": "engaged", "agent": "ana"}},
		{"it expired", Expire{Hold: holdAna, At: at(120)}, map[string]string{"state": "open", "outcome": "expired"}},
		{"it was withdrawn", Withdraw{Hold: holdAna, Why: "moved"}, map[string]string{"state": "open", "outcome": "withdrawn"}},
		{"the customer is gone", Leave{At: at(1)}, map[string]string{"state": "closed", "reason": "abandoned", "outcome": "withdrawn"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			state := Kind.Fold(Conversation{}, played(t, append(in("offered", domain.ModeLive)[:2:2], c.before)...)...)
			_, err := Reject{Hold: holdAna, Agent: "ana"}.Decide(state)
			var refusal *domain.Error
			if !errors.As(err, &refusal) {
				t.Fatalf("got %v, want a refusal", err)
			}
			for k, v := range c.want {
				if refusal.Details[k] != v {
					t.Errorf("%s is %q, want %q", k, refusal.Details[k], v)
				}
			}
		})
	}
}

func TestNOT6_NeverSeenIsNotIgnored(t *testing.T) {
	o := opened(domain.ModeLive)
	o.Terms.MissedInactive, o.Terms.RejectedDisturb = true, true
	given := played(t, Start{Opening: o}, in("offered", domain.ModeLive)[1])
	delivered := append(given[:len(given):len(given)], OfferDelivered{Hold: holdAna})
	spec.Run(t, &Kind, table{
		{Name: "the offer reaches a device", Given: given, When: Deliver{Hold: holdAna}, Then: []Event{OfferDelivered{Hold: holdAna}}},
		{Name: "an expiry after delivery is a decline and a miss", Given: delivered, When: Expire{Hold: holdAna, At: at(120)}, Then: []Event{OfferEnded{
			Conversation: "c1", Hold: holdAna, Agent: "ana", Outcome: OutcomeExpired, Why: "countdown", Delivered: true, Declined: true, Presence: "inactive", At: at(120)}}},
		{Name: "an expiry that was never delivered is neither", Given: given, When: Expire{Hold: holdAna, At: at(120)}, Then: []Event{OfferEnded{
			Conversation: "c1", Hold: holdAna, Agent: "ana", Outcome: OutcomeExpired, Why: "countdown", At: at(120)}}},
		{Name: "a rejection asks for do not disturb where the setting is on", Given: given, When: Reject{Hold: holdAna, Agent: "ana"}, Then: []Event{OfferEnded{
			Conversation: "c1", Hold: holdAna, Agent: "ana", Outcome: OutcomeRejected, Why: "agent_rejected", Declined: true, Presence: "do_not_disturb"}}},
	})
}

func TestRTE5_DeclinesCountByAgentAndSegment(t *testing.T) {
	c := Kind.Fold(Conversation{}, played(t, append(in("offered", domain.ModeLive),
		Reject{Hold: holdAna, Agent: "ana"},
		MakeOffer{Hold: "h3", Agent: "ben", Turn: 3, At: at(10), Countdown: 120}, Accept{Hold: "h3", Agent: "ben", At: at(20)},
	)...)...)
	if c.Declines["ana"] != 1 {
		t.Errorf("declines %v, want one of ana", c.Declines)
	}
	events, err := CloseSession{Agent: "ben", At: at(30)}.Decide(c)
	if err != nil {
		t.Fatal(err)
	}
	if c = Kind.Fold(c, events...); len(c.Declines) != 1 || c.Declines["ben"] != 1 {
		t.Errorf("declines %v: X on a live chat counts as ben's one in the new segment", c.Declines)
	}
}

func TestFlow_AnOfferWithdrawnBeforeItCameIsRefusedWhenItComes(t *testing.T) {
	early := Withdraw{Hold: holdAna, Why: "agent_disabled", Agent: "ana", Turn: 1}
	unmade := OfferEnded{Conversation: "c1", Hold: holdAna, Agent: "ana", Outcome: OutcomeWithdrawn, Why: "agent_disabled", Unmade: true}
	open := in("open", domain.ModeLive)
	kept := unmade
	kept.Transfer, kept.Hold, kept.Agent = true, holdBen, "ben"
	spec.Run(t, &Kind, table{
		{Name: "the withdrawal comes first", Given: played(t, open...), When: early, Then: []Event{unmade}},
		{Name: "then the offer is refused, so that its room is free again", Given: played(t, append(open, early)...),
			When: MakeOffer{Hold: holdAna, Agent: "ana", Turn: 1, At: at(0), Countdown: 120}, Err: ErrTurn},
		{Name: "a transfer withdrawn before it came leaves the agent engaged", Given: played(t, in("engaged", domain.ModeLive)...),
			When: Withdraw{Hold: holdBen, Why: "agent_disabled", Agent: "ben", Turn: 3}, Then: []Event{kept}},
		{Name: "a hold of a turn that has passed needs no end", Given: played(t, in("engaged", domain.ModeLive)...), When: early},
	})
}

func TestFlow_AskingAgainForAHoldThatIsNamedRecordsNothing(t *testing.T) {
	ask := MakeOffer{Hold: holdAna, Agent: "ana", Turn: 1, At: at(0), Countdown: 120}
	take := Engage{Hold: holdAna, Agent: "ana", Turn: 1, How: HowPick, At: at(0)}
	for _, state := range []string{"offered", "engaged", "transfer", "wrap_up"} {
		spec.Run(t, &Kind, table{{Name: "the offer, while " + state, Given: played(t, in(state, domain.ModeLive)...), When: ask}})
	}
	for _, state := range []string{"engaged", "transfer", "wrap_up"} {
		spec.Run(t, &Kind, table{{Name: "the pick, while " + state, Given: played(t, in(state, domain.ModeLive)...), When: take}})
	}
	spec.Run(t, &Kind, table{
		{Name: "once it waits, the hold is refused for good", Given: played(t, in("waiting", domain.ModeAsync)...), When: ask, Err: ErrTurn},
		{Name: "once it is closed as well", Given: played(t, in("closed", domain.ModeAsync)...), When: ask, Err: ErrClosed},
	})
}
