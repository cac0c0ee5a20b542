package queue

import (
	"testing"

	"parley/domain"
	"parley/domain/spec"
)

func TestRTE6_WhatAQueueDoesWhenItOverflowsIsChecked(t *testing.T) {
	with := func(o Overflow) Configure { return Configure{ID: "q", Name: "Q", Overflow: o} }
	night := Action{Do: DoQueue, Queue: "night"}
	good := Overflow{OutsideHours: Action{Do: DoEnd}, MoreThan: 100, Waiting: night, LongerThan: 60, Waited: Action{Do: DoAnyway}}
	set := Configured{Queue: "q", Name: "Q", Method: MethodHighestCapacity, Overflow: good}
	spec.Run(t, &Kind, []spec.Case[Queue, Event]{
		{Name: "all of it", When: with(good), Then: []Event{set}},
		{Name: "the same again", Given: []Event{set}, When: with(good)},
		{Name: "into itself", When: with(Overflow{OutsideHours: Action{Do: DoQueue, Queue: "q"}}), Err: domain.Invalid("overflow.outsideHours", "")},
		{Name: "into no queue", When: with(Overflow{OutsideHours: Action{Do: DoQueue}}), Err: domain.Invalid("overflow.outsideHours", "")},
		{Name: "what nobody knows", When: with(Overflow{OutsideHours: Action{Do: "pray"}}), Err: domain.Invalid("overflow.outsideHours", "")},
		{Name: "more than 100", When: with(Overflow{MoreThan: 101, Waiting: night}), Err: domain.Invalid("overflow.moreThan", "")},
		{Name: "a number without an action", When: with(Overflow{MoreThan: 10}), Err: domain.Invalid("overflow.moreThan", "")},
		{Name: "an action without a number", When: with(Overflow{Waiting: night}), Err: domain.Invalid("overflow.moreThan", "")},
		{Name: "a minute at least", When: with(Overflow{LongerThan: 59, Waited: night}), Err: domain.Invalid("overflow.longerThan", "")},
		{Name: "two days at most", When: with(Overflow{LongerThan: 2*24*3600 + 1, Waited: night}), Err: domain.Invalid("overflow.longerThan", "")},
	})
}

func TestAGT6_AQueueThatHoldsWorkIsNotDeleted(t *testing.T) {
	known := Configured{Queue: "q", Name: "Q", Method: MethodHighestCapacity}
	spec.Run(t, &Kind, []spec.Case[Queue, Event]{
		{Name: "with work", Given: []Event{known}, When: Delete{Holds: 1}, Err: ErrHoldsWork},
		{Name: "needed", Given: []Event{known}, When: Delete{By: "workstream chat"}, Err: ErrNeeded},
		{Name: "without", Given: []Event{known}, When: Delete{}, Then: []Event{Deleted{Queue: "q"}}},
		{Name: "twice", Given: []Event{known, Deleted{Queue: "q"}}, When: Delete{}},
		{Name: "configured again it is back", Given: []Event{known, Deleted{Queue: "q"}}, When: Configure{ID: "q", Name: "Q"}, Then: []Event{known}},
		{Name: "no member joins what is deleted", Given: []Event{known, Deleted{Queue: "q"}}, When: AddMember{Agent: "ana"}, Err: ErrUnknown},
	})
}
