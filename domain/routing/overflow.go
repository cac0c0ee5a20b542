package routing

import (
	"slices"
	"strings"
	"time"

	"parley/domain"
	"parley/domain/conversation"
	"parley/domain/queue"
)

// open tells whether a queue's hours are open, and until when (CON-7).
func (b *Board) open(l *lane, now time.Time) (bool, time.Time) {
	if l.Hours == "" {
		return true, time.Time{}
	}
	if l.known && !now.Before(l.asked) && (l.until.IsZero() || now.Before(l.until)) {
		return l.open, l.until
	}
	h, known := b.calendars[l.Hours]
	if !known {
		return true, time.Time{}
	}
	l.open, l.until = h.At(b.zone(h.Zone), now)
	if !l.until.IsZero() {
		l.until = l.until.UTC()
	}
	l.known, l.asked = true, now
	return l.open, l.until
}

// opened tells whether a queue was open at any moment between two.
func (b *Board) opened(l *lane, from, to time.Time) bool {
	h, known := b.calendars[l.Hours]
	if !known {
		return true
	}
	open, until := h.At(b.zone(h.Zone), from)
	return open || !until.IsZero() && until.Before(to)
}

// overdue is when a conversation has waited longer than its queue lets it.
func (b *Board) overdue(it *item) time.Time {
	o := it.lane.Overflow
	if o.LongerThan == 0 || it.WaitFrom.IsZero() || met(it, conversation.OverflowWaited) {
		return time.Time{}
	}
	return o.LongerThan.After(it.WaitFrom)
}

// met tells that a condition of the queue was met before in this stay.
func met(it *item, why string) bool {
	return slices.Contains(it.Overflows, conversation.OverflowKey(it.lane.ID, why))
}

// overflow looks at the queue's conditions, in the order of the day: hours,
// waiting, waited. What was met once is not met again, so that two queues do
// not send a conversation to and fro (RTE-6).
func (b *Board) overflow(it *item, d *domain.Decision, now time.Time) bool {
	o := it.lane.Overflow
	for _, one := range []struct {
		why string
		queue.Action
		holds bool
	}{
		{conversation.OverflowHours, o.OutsideHours, d.Hours == "closed"},
		{conversation.OverflowWaiting, o.Waiting, o.MoreThan > 0 && b.place(it) >= o.MoreThan},
		{conversation.OverflowWaited, o.Waited, o.LongerThan > 0 && !it.WaitFrom.IsZero() && !now.Before(o.LongerThan.After(it.WaitFrom))},
	} {
		if !one.holds || one.Do == "" || met(it, one.why) {
			continue
		}
		d.Why, d.Action = one.why, domain.ActionKeep
		switch {
		case one.Do == queue.DoEnd && it.Mode == domain.ModeLive:
			d.Action = domain.ActionEnd
		case one.Do == queue.DoQueue && b.takes(it, one.Queue):
			d.Action, d.Target = domain.ActionMove, one.Queue
		}
		return true
	}
	return false
}

// leaves moves a conversation out of a queue that is deleted, into the one that
// its workstream names. Where that is none, it waits with the reason on record
// until the workstream names another, or a supervisor moves it.
func (b *Board) leaves(it *item, d *domain.Decision) {
	d.Rest = []domain.Tally{{Code: Deleted, Count: 1}}
	to := b.lanes[b.streams[it.Workstream].Settings.Queue]
	if to != nil && to.Name != "" && !to.Deleted && !met(it, Deleted) {
		d.Action, d.Why, d.Target = domain.ActionMove, Deleted, to.ID
	}
}

// place is how many wait before it.
func (b *Board) place(it *item) int {
	i, _ := slices.BinarySearchFunc(it.lane.waiting, it, before)
	return i
}

// takes tells whether a queue may be flowed over into: it is there, and the
// conversation did not come from it.
func (b *Board) takes(it *item, id string) bool {
	l := b.lanes[id]
	return l != nil && !l.Deleted && l.Name != "" && !slices.ContainsFunc(it.Overflows, func(key string) bool { return strings.HasPrefix(key, id+"/") })
}

// ends tells that a live chat is told that it is outside the hours, and closed
// (CON-7): whatever waits at closing time. One that began outside them was told
// then, and waits for them; a condition that was to keep it here keeps it.
func (b *Board) ends(it *item, now time.Time) bool {
	if it.Mode != domain.ModeLive || met(it, conversation.OverflowHours) {
		return false
	}
	return it.ToldClosed.Before(it.Since) || b.opened(it.lane, it.ToldClosed, now)
}
