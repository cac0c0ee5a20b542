package conversation

import (
	"testing"
	"time"

	"parley/domain"
	"parley/domain/spec"
)

func TestRTE7_NobodyIsNewsWhenTheReasonsChangeAndOnceAMinute(t *testing.T) {
	d := &domain.Decision{Action: domain.ActionNone, At: at(10)}
	pass := func(digest string, seconds int) PassOver {
		return PassOver{Turn: 1, Digest: digest, Decision: d, At: at(seconds)}
	}
	passed := func(digest string, seconds int) PassedOver {
		return PassedOver{Digest: digest, Decision: d, At: at(seconds)}
	}
	open := played(t, in("open", domain.ModeLive)...)
	once := append(open[:len(open):len(open)], passed("presence", 10))
	spec.Run(t, &Kind, table{
		{Name: "the first time", Given: open, When: pass("presence", 10), Then: []Event{passed("presence", 10)}},
		{Name: "the same reasons again", Given: once, When: pass("presence", 100)},
		{Name: "others within the minute", Given: once, When: pass("no_room", 69)},
		{Name: "others after it", Given: once, When: pass("no_room", 70), Then: []Event{passed("no_room", 70)}},
		{Name: "of a turn that has passed", Given: once, When: PassOver{Turn: 0, Digest: "no_room", At: at(100)}},
		{Name: "of what is engaged", Given: played(t, in("engaged", domain.ModeLive)...), When: PassOver{Turn: 3, Digest: "no_room", At: at(100)}},
		{Name: "a decision that did not hold is on record", Given: open, When: TurnDown{Agent: "ana", Code: "capacity", Decision: d},
			Then: []Event{TurnedDown{Conversation: "c1", Agent: "ana", Code: "capacity", Decision: d}}, Again: true},
		{Name: "also once the conversation has moved on", Given: played(t, in("offered", domain.ModeLive)...), When: TurnDown{Agent: "ana", Code: "capacity", Decision: d},
			Then: []Event{TurnedDown{Conversation: "c1", Agent: "ana", Code: "capacity", Decision: d}}, Again: true},
		{Name: "but not of one that there is not", When: TurnDown{Agent: "ana", Code: "capacity", Decision: d}},
	})
}

func TestRTE6_AConditionIsMetOnceAndEndsOnlyLiveChats(t *testing.T) {
	overflow := func(action, to string) Overflow {
		return Overflow{Turn: 1, Why: OverflowWaited, Action: action, Queue: to, At: at(100)}
	}
	met := func(action, to string) Overflowed {
		return Overflowed{Conversation: "c1", Why: OverflowWaited, Action: action, From: "q", To: to}
	}
	for _, mode := range []string{domain.ModeLive, domain.ModePersistent, domain.ModeAsync} {
		open := played(t, in("open", mode)...)
		o := opened(mode)
		end := []Event{met(OverflowKeep, "")}
		if mode == domain.ModeLive {
			end = []Event{met(OverflowEnd, ""), Closed{Conversation: "c1", Reason: ReasonOverflow, From: StatusOpen}}
		}
		spec.Run(t, &Kind, table{
			{Name: "end, " + mode, Given: open, When: overflow(OverflowEnd, ""), Then: end},
			{Name: "another queue keeps the place, " + mode, Given: open, When: overflow(OverflowQueue, "night"), Then: []Event{met(OverflowQueue, "night"), Queued{
				Queue: "night", Segment: 2, Since: at(0), Reason: QueuedOverflow, CloseAt: o.Terms.CloseOpen.After(at(100))}}},
			{Name: "anyway, " + mode, Given: open, When: overflow(OverflowKeep, ""), Then: []Event{met(OverflowKeep, "")}},
			{Name: "once, " + mode, Given: append(open[:len(open):len(open)], met(OverflowKeep, "")), When: overflow(OverflowEnd, "")},
			{Name: "not what is offered, " + mode, Given: played(t, in("offered", mode)...), When: overflow(OverflowEnd, "")},
		})
	}
	c := Kind.Fold(Conversation{}, played(t, append(in("open", domain.ModeLive), overflow(OverflowQueue, "night"))...)...)
	if !c.WaitFrom.Equal(at(0)) || !c.Since.Equal(at(0)) || len(c.Overflows) != 1 {
		t.Errorf("it waits since %s at the place of %s, met %v: a move goes on with the same wait", c.WaitFrom, c.Since, c.Overflows)
	}
}

func TestCON7_AtClosingTimeWhatWaitsIsToldAndClosed(t *testing.T) {
	end := func(turn int) EndOutsideHours { return EndOutsideHours{Turn: turn, Until: at(3600), At: at(100)} }
	told := Told{Conversation: "c1", What: ToldClosed, Until: at(3600), At: at(100)}
	spec.Run(t, &Kind, table{
		{Name: "live", Given: played(t, in("open", domain.ModeLive)...), When: end(1), Then: []Event{told, Closed{Conversation: "c1", Reason: ReasonOutsideHours, From: StatusOpen}}},
		{Name: "persistent", Given: played(t, in("open", domain.ModePersistent)...), When: end(1)},
		{Name: "async", Given: played(t, in("open", domain.ModeAsync)...), When: end(1)},
		{Name: "engaged goes on", Given: played(t, in("engaged", domain.ModeLive)...), When: end(3)},
		{Name: "it moved on", Given: played(t, in("open", domain.ModeLive)...), When: end(0)},
	})
	o := opened(domain.ModeLive)
	o.ToldClosed, o.HoursBegin = true, at(3600)
	events, err := Start{Opening: o}.Decide(Conversation{})
	if err != nil || len(events) != 3 || events[2] != Event(Told{Conversation: "c1", What: ToldClosed, Until: at(3600), At: at(0)}) {
		t.Errorf("%+v, %v: one that begins outside the hours is told at once", events, err)
	}
}

func TestRTE3_SkillsAreRequiredAndDropped(t *testing.T) {
	open := played(t, in("open", domain.ModeLive)...)
	ana, sue := domain.Actor{ID: "ana", Role: domain.RoleAgent}, domain.Actor{ID: "sue", Role: domain.RoleSupervisor}
	pt := SkillRequired{Conversation: "c1", Skill: "pt", Level: 3}
	with := append(open[:len(open):len(open)], pt)
	allowed := opened(domain.ModeLive)
	allowed.Terms.AgentSkills = true
	spec.Run(t, &Kind, table{
		{Name: "a supervisor", Given: open, When: RequireSkill{Skill: "pt", Level: 3, By: sue}, Then: []Event{pt}},
		{Name: "again", Given: with, When: RequireSkill{Skill: "pt", Level: 3, By: sue}},
		{Name: "at another level", Given: with, When: RequireSkill{Skill: "pt", By: sue}, Then: []Event{SkillRequired{Conversation: "c1", Skill: "pt", Level: 1}}},
		{Name: "SUM-4: an agent where it is not allowed", Given: open, When: RequireSkill{Skill: "pt", By: ana}, Err: ErrSkills},
		{Name: "SUM-4: and where it is", Given: played(t, Start{Opening: allowed}), When: RequireSkill{Skill: "pt", By: ana}, Then: []Event{SkillRequired{Conversation: "c1", Skill: "pt", Level: 1}}},
		{Name: "no level", Given: open, When: RequireSkill{Skill: "pt", Level: 11, By: sue}, Err: domain.Invalid("skill", "")},
		{Name: "dropped", Given: with, When: DropSkill{Skill: "pt", By: sue}, Then: []Event{SkillDropped{Conversation: "c1", Skill: "pt"}}},
		{Name: "which it does not ask for", Given: open, When: DropSkill{Skill: "pt", By: sue}},
	})
	c := Kind.Fold(Conversation{}, append(with, Requeued{Conversation: "c1", Reason: RequeuedTransfer, Queue: "r", Segment: 2, Since: at(0), At: at(60)})...)
	if len(c.Skills) != 1 || !c.Since.Equal(at(0)) {
		t.Errorf("after a transfer it asks for %v at the place of %s: skills and queue time are kept (CON-5)", c.Skills, c.Since)
	}
}

func TestRTE5_AnOfferThatNoDeviceHadIsNeitherDeclineNorForgotten(t *testing.T) {
	c := Kind.Fold(Conversation{}, played(t, append(in("offered", domain.ModeLive), Expire{Hold: holdAna, At: at(120)})...)...)
	if len(c.Declines) != 0 || !c.LastDecline.IsZero() || !c.Unseen["ana"].Equal(at(120)) {
		t.Errorf("declines %v, unseen %v", c.Declines, c.Unseen)
	}
	c = Kind.Fold(c, Requeued{Conversation: "c1", Reason: RequeuedTransfer, Queue: "r", Segment: 2, Since: at(0), At: at(130)})
	if len(c.Unseen) != 0 {
		t.Errorf("in another stay: %v", c.Unseen)
	}
	c = Kind.Fold(Conversation{}, played(t, append(in("offered", domain.ModeLive), Reject{Hold: holdAna, Agent: "ana", At: at(15)})...)...)
	if c.Declines["ana"] != 1 || !c.LastDecline.Equal(at(15).Add(0*time.Second)) {
		t.Errorf("declines %v at %s", c.Declines, c.LastDecline)
	}
}
