package conversation

import (
	"testing"

	"parley/domain"
	"parley/domain/spec"
)

var (
	ana = domain.Actor{ID: "ana", Role: domain.RoleAgent}
	sue = domain.Actor{ID: "sue", Role: domain.RoleSupervisor}
)

func part(n int, agent string) string {
	return Conversation{ID: "c1", Parts: n - 1}.nextPart(agent)
}

func TestCON5_AConsultIsInvited(t *testing.T) {
	engaged := played(t, in("engaged", domain.ModeLive)...)
	ask := Invite{Agent: "ben", As: AsConsult, By: ana, Countdown: 60, At: at(100)}
	id := part(1, "ben")
	invited := Invited{Conversation: "c1", Subject: "visitor-v1", ID: id, Agent: "ben", As: AsConsult, By: "ana", At: at(100), Deadline: at(160)}
	pending := append(engaged[:len(engaged):len(engaged)], invited)
	joined := Joined{Conversation: "c1", Subject: "visitor-v1", ID: id, Agent: "ben", As: AsConsult, How: HowAccept, At: at(110)}
	over := func(outcome string) InviteEnded {
		return InviteEnded{Conversation: "c1", ID: id, Agent: "ben", By: "ana", Outcome: outcome}
	}
	with := func(events ...Event) []Event { return append(pending[:len(pending):len(pending)], events...) }
	answer := func(accept bool, s int) AnswerInvite {
		return AnswerInvite{ID: id, Agent: "ben", Accept: accept, At: at(s)}
	}
	spec.Run(t, &Kind, table{
		{Name: "by an alert", Given: engaged, When: ask, Then: []Event{invited}},
		{Name: "by nobody else", Given: engaged, When: Invite{Agent: "ben", As: AsConsult, By: domain.Actor{ID: "cho", Role: domain.RoleAgent}, At: at(100)}, Err: ErrNotYours},
		{Name: "a supervisor may", Given: engaged, When: Invite{Agent: "ben", As: AsConsult, By: sue, Countdown: 60, At: at(100)}, Then: []Event{invited}},
		{Name: "not the primary himself", Given: engaged, When: Invite{Agent: "ana", As: AsConsult, By: ana, At: at(100)}, Err: ErrOwn},
		{Name: "not while open", Given: played(t, in("open", domain.ModeLive)...), When: ask, Err: ErrNotEngaged},
		{Name: "once", Given: pending, When: ask, Err: ErrParticipant},
		{Name: "accepted in time", Given: pending, When: answer(true, 110), Then: []Event{joined}},
		{Name: "not by another", Given: pending, When: AnswerInvite{ID: id, Agent: "cho", Accept: true, At: at(110)}, Err: ErrNotParticipant},
		{Name: "too late", Given: pending, When: answer(true, 160), Err: ErrOfferExpired},
		{Name: "rejected", Given: pending, When: answer(false, 110), Then: []Event{over(OutcomeRejected)}},
		{Name: "rejected after the acceptance", Given: with(joined), When: answer(false, 111), Err: ErrOfferEnded},
		{Name: "accepted after the rejection", Given: with(over(OutcomeRejected)), When: answer(true, 111), Err: ErrOfferEnded},
		{Name: "not expired early", Given: pending, When: ExpireInvite{ID: id, At: at(159)}},
		{Name: "expired", Given: pending, When: ExpireInvite{ID: id, At: at(160)}, Then: []Event{over(OutcomeExpired)}},
		{Name: "a timer after the acceptance", Given: with(joined), When: ExpireInvite{ID: id, At: at(160)}},
		{Name: "taken back", Given: pending, When: LeavePart{ID: id, By: "ana"}, Then: []Event{over(OutcomeWithdrawn)}},
		{Name: "he leaves", Given: with(joined), When: LeavePart{ID: id, By: "ben", Why: "left"}, Then: []Event{Left{Conversation: "c1", ID: id, Agent: "ben", As: AsConsult, Why: "left"}}},
		{Name: "another does not end it", Given: with(joined), When: LeavePart{ID: id, By: "cho"}, Err: ErrNotParticipant},
		{Name: "he does not write to the customer", Given: with(joined), When: Send{ID: "m1", Text: "hi", By: domain.Actor{ID: "ben", Role: domain.RoleAgent}, At: at(120)}, Err: ErrNotYours},
		{Name: "he writes in the thread", Given: with(joined), When: Say{ID: "m1", Text: "hi", By: domain.Actor{ID: "ben", Role: domain.RoleAgent}},
			Then: []Event{Said{Conversation: "c1", ID: "m1", Text: "hi", By: domain.Actor{ID: "ben", Role: domain.RoleAgent}, To: []string{"ana", "ben"}}}},
		{Name: "not before he accepted", Given: pending, When: Say{ID: "m1", Text: "hi", By: domain.Actor{ID: "ben", Role: domain.RoleAgent}}, Err: ErrNotParticipant},
		{Name: "he cannot take over", Given: with(joined), When: Engage{Hold: "h9", Agent: "ben", Turn: 3, How: HowTake, Replaces: holdAna, At: at(120)}, Err: ErrNotParticipant},
	})
	five := engaged
	for i, a := range []string{"b1", "b2", "b3", "b4", "b5"} {
		five = append(five[:len(five):len(five)], Invited{Conversation: "c1", ID: part(i+1, a), Agent: a, As: AsConsult, By: "ana", Deadline: at(160)})
	}
	spec.Run(t, &Kind, table{{Name: "five at most", Given: five, When: ask, Err: ErrConsultLimit}})
}

// TestCON5_EachPartHasAName: whoever comes, by whichever way, is one part more, and an
// acceptance is the part that was asked for.
func TestCON5_EachPartHasAName(t *testing.T) {
	before := Kind.Fold(Conversation{}, played(t, in("engaged", domain.ModeLive)...)...)
	for _, c := range []struct {
		event Event
		want  int
	}{
		{Invited{ID: "p", Agent: "ben", As: AsConsult}, 1}, {Monitored{ID: "p", Agent: "sue"}, 1}, {Joined{ID: "p", Agent: "sue", As: AsJoined, How: HowJoin}, 1},
		{Joined{ID: "p", Agent: "ben", As: AsConsult, How: HowAuto}, 1}, {Joined{ID: "p", Agent: "ben", As: AsConsult, How: HowAccept}, 0},
	} {
		if after := Kind.Fold(before, c.event); after.Parts != c.want {
			t.Errorf("%+v makes %d parts, want %d", c.event, after.Parts, c.want)
		}
	}
	events, err := Invite{Agent: "ben", As: AsConsult, By: ana, At: at(100)}.Decide(before)
	if err != nil || !events[0].(Invited).Deadline.Equal(at(220)) {
		t.Errorf("%+v, %v: without a countdown it is two minutes", events, err)
	}
}

func TestCON5_PartsEndWithTheConversation(t *testing.T) {
	consult := Participant{ID: "p1", Agent: "ben", As: AsConsult}
	helper := Participant{ID: "p2", Agent: "cho", As: AsJoined}
	watcher := Participant{ID: "p3", Agent: "sue", As: AsMonitor}
	given := append(played(t, in("engaged", domain.ModePersistent)...),
		Joined{Conversation: "c1", ID: "p1", Agent: "ben", As: AsConsult, How: HowAccept}, Joined{Conversation: "c1", ID: "p2", Agent: "cho", As: AsJoined, How: HowAccept},
		Monitored{Conversation: "c1", ID: "p3", Agent: "sue"})
	state := Kind.Fold(Conversation{}, given...)
	for _, c := range []struct {
		name       string
		cmd        domain.Command[Conversation, Event]
		gone, stay []Participant
	}{
		{"End: who consults leaves, the others stay through wrap-up", End{Agent: "ana", At: at(100)}, []Participant{consult}, []Participant{helper, watcher}},
		{"X: all leave", CloseSession{Agent: "ana", At: at(100)}, []Participant{consult, helper, watcher}, nil},
		{"the queue: all leave", Requeue{Hold: holdAna, Reason: RequeuedReleased, At: at(100)}, []Participant{consult, helper, watcher}, nil},
		{"force close: all leave", ForceClose{Reason: ReasonSpam}, []Participant{consult, helper, watcher}, nil},
		{"a take-over: who consults leaves, and who takes over is the primary", Engage{Hold: "h9", Agent: "cho", Turn: state.Turn, How: HowTake, Replaces: holdAna, At: at(100)},
			[]Participant{consult, helper}, []Participant{watcher}},
	} {
		events, err := c.cmd.Decide(state)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		var told []Participant
		switch e := events[0].(type) {
		case Ended:
			told = e.Leaving
		case Parked:
			told = e.Leaving
		case Requeued:
			told = e.Leaving
		case Closed:
			told = e.Leaving
		case Engaged:
			told = e.Leaving
		}
		after := Kind.Fold(state, events...)
		if !same(told, c.gone) || !same(after.Participants, c.stay) {
			t.Errorf("%s: leaving %+v, staying %+v", c.name, told, after.Participants)
		}
	}
}

func same(a, b []Participant) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

func TestCON5_SupervisorsMonitorAndJoin(t *testing.T) {
	engaged := played(t, in("engaged", domain.ModeLive)...)
	id := part(1, "sue")
	watched := Monitored{Conversation: "c1", ID: id, Agent: "sue", At: at(100)}
	with := append(engaged[:len(engaged):len(engaged)], watched)
	say := Send{ID: "m1", Text: "hi", By: sue, At: at(120)}
	join := Joined{Conversation: "c1", Subject: "visitor-v1", ID: part(2, "sue"), Agent: "sue", As: AsJoined, How: HowJoin, At: at(110), Monitor: id}
	spec.Run(t, &Kind, table{
		{Name: "look on", Given: engaged, When: Monitor{Agent: "sue", At: at(100)}, Then: []Event{watched}},
		{Name: "in wrap-up as well", Given: played(t, in("wrap_up", domain.ModeLive)...), When: Monitor{Agent: "sue", At: at(100)}, Then: []Event{watched}},
		{Name: "not what is open", Given: played(t, in("open", domain.ModeLive)...), When: Monitor{Agent: "sue", At: at(100)}, Err: ErrNotEngaged},
		{Name: "not their own", Given: engaged, When: Monitor{Agent: "ana", At: at(100)}, Err: ErrOwn},
		{Name: "who looks on does not write", Given: with, When: say, Err: ErrNotYours},
		{Name: "nor among the agents", Given: with, When: Say{ID: "m1", Text: "hi", By: sue}, Err: ErrNotParticipant},
		{Name: "join from there", Given: with, When: Monitor{Agent: "sue", Join: true, At: at(110)}, Then: []Event{join}},
		{Name: "who joined writes to the customer", Given: append(with[:len(with):len(with)], join), When: say,
			Then: []Event{MessageSent{Conversation: "c1", ID: "m1", Number: 1, Text: "hi", By: sue}}},
		{Name: "a primary cannot end who looks on", Given: with, When: LeavePart{ID: id, By: "ana"}, Err: ErrNotParticipant},
	})
}

// TestCON5_WhoLooksOnMayBeInvited: his part as monitor ends with his coming, so that
// he is in the conversation once, and may write.
func TestCON5_WhoLooksOnMayBeInvited(t *testing.T) {
	engaged := played(t, in("engaged", domain.ModeLive)...)
	watched := Monitored{Conversation: "c1", ID: part(1, "sue"), Agent: "sue", At: at(90)}
	with := append(engaged[:len(engaged):len(engaged)], watched)
	ask := Invite{Agent: "sue", As: AsJoined, By: ana, Countdown: 60, At: at(100)}
	invited := Invited{Conversation: "c1", Subject: "visitor-v1", ID: part(2, "sue"), Agent: "sue", As: AsJoined, By: "ana", At: at(100), Deadline: at(160)}
	pending := append(with[:len(with):len(with)], invited)
	joined := Joined{Conversation: "c1", Subject: "visitor-v1", ID: part(2, "sue"), Agent: "sue", As: AsJoined, How: HowAccept, At: at(110), Monitor: watched.ID}
	atOnce := joined
	atOnce.How, atOnce.At, atOnce.Template = HowAuto, at(100), &domain.Template{AutoAssign: true}
	there := append(pending[:len(pending):len(pending)], joined)
	spec.Run(t, &Kind, table{
		{Name: "asked", Given: with, When: ask, Then: []Event{invited}},
		{Name: "once", Given: pending, When: ask, Err: ErrParticipant},
		{Name: "looking on again says nothing", Given: pending, When: Monitor{Agent: "sue", At: at(105)}},
		{Name: "he answers before he joins by his own word", Given: pending, When: Monitor{Agent: "sue", Join: true, At: at(105)}, Err: ErrParticipant},
		{Name: "accepted", Given: pending, When: AnswerInvite{ID: invited.ID, Agent: "sue", Accept: true, At: at(110)}, Then: []Event{joined}},
		{Name: "without being asked", Given: with, When: Invite{Agent: "sue", As: AsJoined, By: ana, At: at(100), Template: atOnce.Template}, Then: []Event{atOnce}},
		{Name: "he writes to the customer", Given: there, When: Send{ID: "m1", Text: "hi", By: sue, At: at(120)},
			Then: []Event{MessageSent{Conversation: "c1", ID: "m1", Number: 1, Text: "hi", By: sue}}},
		{Name: "and among the agents", Given: there, When: Say{ID: "m1", Text: "hi", By: sue},
			Then: []Event{Said{Conversation: "c1", ID: "m1", Text: "hi", By: sue, To: []string{"ana", "sue"}}}},
	})
	if c := Kind.Fold(Conversation{}, there...); len(c.Participants) != 1 {
		t.Errorf("he takes part as %+v", c.Participants)
	}
	// As it was recorded before: both parts are there, and the one that he was asked for counts.
	before := joined
	before.Monitor = ""
	if c := Kind.Fold(Conversation{}, append(pending[:len(pending):len(pending)], before)...); !c.Joined("sue") || !c.InThread("sue") {
		t.Error("who joined while he looked on does not write")
	}
}

func TestPER8_TheAgentOfBeforeIsToldOfTheCustomer(t *testing.T) {
	waiting := played(t, in("waiting", domain.ModePersistent)...)
	there := CustomerPresent{Conversation: "c1", Agent: "ana", At: at(5000)}
	spec.Run(t, &Kind, table{
		{Name: "he is told", Given: waiting, When: ShowUp{At: at(5000)}, Then: []Event{there}},
		{Name: "not each minute", Given: append(waiting[:len(waiting):len(waiting)], there), When: ShowUp{At: at(5060)}},
		{Name: "not of what he has", Given: played(t, in("engaged", domain.ModePersistent)...), When: ShowUp{At: at(5000)}},
	})
	before := Kind.Fold(Conversation{}, waiting...)
	if after := Kind.Fold(before, there); after.Status != before.Status || after.Turn != before.Turn || !after.CloseAt.Equal(before.CloseAt) {
		t.Error("opening the widget changes the state")
	}
}
