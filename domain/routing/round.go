package routing

import (
	"cmp"
	"container/heap"
	"slices"
	"strings"
	"time"

	"parley/domain"
	"parley/domain/agent"
	"parley/domain/conversation"
)

// Choice is one decision of a round and what it is about.
type Choice struct {
	domain.Decision
	Of conversation.Conversation
}

// Result is what a round came to.
type Result struct {
	Choices []Choice // in the order in which they were made; only what is to be carried out or recorded
	// Again is when to look again though nothing happens; zero is never.
	Again   time.Time
	Decided int // conversations that were looked at
}

const (
	// roundAtMost bounds what one round looks at; the next one goes on.
	roundAtMost = 2000
	// sweepAtMost bounds how much of a queue is looked through in one round only
	// because something else would be said of it.
	sweepAtMost = 200
)

// Round decides for every conversation that something touched, in order: who is
// called back by a customer of his own first of all, then by queue number,
// priority and place. Each decision counts in those after it.
func (b *Board) Round(now time.Time, position string) Result {
	b.begin()
	b.rounds++
	m := moment{now: now, position: position, round: b.rounds, day: now.In(b.own).Format(time.DateOnly)}
	if m.day != b.day {
		for s := range b.daily {
			b.freed[s] = struct{}{}
		}
		b.day = m.day
	}
	b.gather(now)
	todo := b.todo()
	result, decided := Result{}, map[*item]bool{}
	b.plan(&todo, decided, now, m.day)
	for len(todo) > 0 && result.Decided < roundAtMost {
		it := heap.Pop(&todo).(*item)
		result.Decided++
		decided[it] = true
		delete(b.changed, it)
		d, again := b.decide(it, m)
		b.agenda.set(it, b.record(it, d, again, now, &result))
		if d.Action == domain.ActionOffer {
			b.give(it, d, m.day)
			m.index++
		}
		if s := b.claims[it]; s != nil && s.id != d.Agent { // another got what he could have taken: he may take the next
			b.claim(s, &todo, decided, now, m.day)
		}
	}
	for it, s := range b.claims { // the next round knows nothing of what they named in this one
		if !decided[it] {
			b.freed[s] = struct{}{}
		}
	}
	if len(b.agenda) > 0 {
		result.Again = b.agenda[0].next
	}
	for _, at := range b.later {
		result.Again = soonest(result.Again, at)
	}
	if len(b.daily) > 0 {
		year, month, day := now.In(b.own).Date()
		result.Again = soonest(result.Again, time.Date(year, month, day+1, 0, 0, 0, 0, b.own).UTC())
	}
	if len(b.changed) > 0 || len(b.freed) > 0 || len(b.stale) > 0 {
		result.Again = now
	}
	return result
}

// todo are the conversations that something touched.
func (b *Board) todo() inTurn {
	all := make(inTurn, 0, len(b.changed))
	for it := range b.changed {
		if it.lane == nil {
			delete(b.changed, it)
			continue
		}
		all = append(all, it)
	}
	heap.Init(&all)
	return all
}

// inTurn is a heap of what comes first.
type inTurn []*item

func (h inTurn) Len() int           { return len(h) }
func (h inTurn) Less(i, j int) bool { return inOrder(h[i], h[j]) < 0 }
func (h inTurn) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *inTurn) Push(it any)       { *h = append(*h, it.(*item)) }
func (h *inTurn) Pop() any {
	it := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return it
}

// record keeps what is to be done or told. That nobody can be asked is told when
// the reasons change, once a minute at most (RTE-7).
func (b *Board) record(it *item, d domain.Decision, again, now time.Time, result *Result) time.Time {
	if d.Action == domain.ActionNone {
		if d.Digest() == it.Reasons {
			return again
		}
		if next := it.PassedAt.Add(conversation.PassedAtMost); !it.PassedAt.IsZero() && now.Before(next) {
			return soonest(again, next)
		}
	}
	result.Choices = append(result.Choices, Choice{Decision: d, Of: it.Conversation})
	return again
}

// gather notes what is to be looked at: what time has come for, and queues of
// which something else would be said.
func (b *Board) gather(now time.Time) {
	for _, it := range b.agenda.due(now) {
		b.changed[it] = struct{}{}
	}
	for l, at := range b.later {
		if !at.After(now) {
			delete(b.later, l)
			b.stale[l] = struct{}{}
		}
	}
	for l := range b.stale {
		b.sweep(l, now)
	}
}

// plan has agents who are free now look for what they could take, so that what
// came just now does not go before what waits.
func (b *Board) plan(todo *inTurn, decided map[*item]bool, now time.Time, day string) {
	all := make([]*seat, 0, len(b.freed))
	for s := range b.freed {
		all = append(all, s)
	}
	clear(b.freed)
	slices.SortFunc(all, func(a, b *seat) int { return strings.Compare(a.id, b.id) })
	for _, s := range all {
		b.claim(s, todo, decided, now, day)
	}
}

// claim has an agent name what he could take, in order, as far as his room goes.
// What others have named is looked at anyway, and what was decided is over: of
// both he names the next. What is larger than the room that is left is left out,
// for what comes after it may fit.
func (b *Board) claim(s *seat, todo *inTurn, decided map[*item]bool, now time.Time, day string) {
	if !s.now.Registered || s.now.Disabled || !s.there {
		return
	}
	room, least := room{s.free, agent.MaxSessions - s.open}, 0
	lanes := make([]*lane, 0, len(s.lanes))
	for _, l := range s.lanes {
		if open, _ := b.open(l, now); open && !l.Deleted && len(l.waiting) > 0 {
			if lanes = append(lanes, l); len(lanes) == 1 || l.cost < least {
				least = l.cost
			}
		}
	}
	look := func(it *item) {
		if by := b.claims[it]; decided[it] || by != nil && by != s || it.Terms.Units > room.units || !b.mayTake(s, it, day) {
			return
		}
		b.claims[it] = s
		if _, known := b.changed[it]; !known {
			b.changed[it] = struct{}{}
			heap.Push(todo, it)
		}
		room.take(s, it)
	}
	for _, it := range b.returned() {
		if slices.Contains(lanes, it.lane) {
			look(it)
		}
	}
	for at := make([]int, len(lanes)); room.sessions > 0 && room.units >= least; {
		next := -1
		for i, l := range lanes {
			if at[i] < len(l.waiting) && (next < 0 || inQueues(l.waiting[at[i]], lanes[next].waiting[at[next]]) < 0) {
				next = i
			}
		}
		if next < 0 {
			return
		}
		it := lanes[next].waiting[at[next]]
		if at[next]++; it.Affinity == "" {
			look(it)
		}
	}
}

// returned are those who wait for an agent they know, in order: the same for the
// whole round.
func (b *Board) returned() []*item {
	if b.back != nil || len(b.callers) == 0 {
		return b.back
	}
	all := []*item{}
	for _, own := range b.callers {
		for it := range own {
			if it.lane != nil {
				all = append(all, it)
			}
		}
	}
	slices.SortFunc(all, inOrder)
	b.back = all
	return all
}

// mayTake tells whether nothing but others' being nearer to it would keep a
// conversation from an agent. What only waits until he may be asked again counts
// as well.
func (b *Board) mayTake(s *seat, it *item, day string) bool {
	if !it.Terms.Push || len(it.Declines) >= MaxDecliners {
		return false
	}
	if r, ok := it.refused[s.id]; ok && r.version == s.version {
		return false
	}
	look := looking{it: it, method: it.lane.Method, allowed: b.presences(it), day: day}
	return look.unfit(s) == ""
}

// room is what an agent has left while it is gone through what he could take.
type room struct{ units, sessions int }

func (r *room) take(s *seat, it *item) {
	if it.Declines[s.id] > 0 {
		return // he may have to wait for it, and take the next
	}
	r.sessions--
	r.units -= it.Terms.Units
}

// sweep looks through a part of a queue of which something else would be said.
func (b *Board) sweep(l *lane, now time.Time) {
	end := min(len(l.waiting), l.swept+sweepAtMost)
	for _, it := range l.waiting[min(l.swept, end):end] {
		if next := it.PassedAt.Add(conversation.PassedAtMost); it.PassedAt.IsZero() || !now.Before(next) {
			b.changed[it] = struct{}{}
		} else {
			b.later[l] = soonest(b.later[l], next)
		}
	}
	if l.swept = end; end == len(l.waiting) {
		l.swept = 0
		delete(b.stale, l)
	}
}

// inOrder is the order of a round.
func inOrder(a, b *item) int {
	return cmp.Or(cmp.Compare(last(a.Affinity == ""), last(b.Affinity == "")), inQueues(a, b))
}

// inQueues is the order across queues (RTE-2).
func inQueues(a, b *item) int {
	return cmp.Or(cmp.Compare(a.lane.Number, b.lane.Number), before(a, b))
}

func last(b bool) int {
	if b {
		return 1
	}
	return 0
}

// begin forgets what the round before gave: the log has it by now, or it was
// refused.
func (b *Board) begin() {
	for _, s := range b.shadows {
		s.now = s.logged
		s.refresh()
	}
	b.shadows = b.shadows[:0]
	clear(b.nobody)
	clear(b.claims)
	b.back, b.gave = nil, b.gave[:0]
}

// give counts what was decided in the decisions after it.
func (b *Board) give(it *item, d domain.Decision, day string) {
	clear(b.nobody)
	s := b.agents[d.Agent]
	agent.Kind.Apply(&s.now, agent.Reserved{
		Agent: s.id, Hold: domain.Hold(it.ID, it.Turn, s.id), Conversation: it.ID, Units: it.Terms.Units, Profile: it.profile(),
		Day: max(day, s.now.VisitorDay), VisitorNumber: s.now.VisitorNumber, At: d.At, Decision: &d,
	})
	s.refresh()
	b.shadows = append(b.shadows, s)
	b.gave = append(b.gave, domain.Given{Conversation: it.ID, Agent: s.id})
}

// Recorded is a decision as the log has it.
type Recorded struct {
	Conversation string
	domain.Decision
}

// Again makes the decisions of one round once more, on a board that was folded
// up to their position: each comes out as it is on record, or the log does not
// say all that was looked at. They come in order of their index; unrecorded are
// those between them that gave something away and are not on record, by index.
func (b *Board) Again(round []Recorded, unrecorded map[int]domain.Given) []domain.Decision {
	b.begin()
	defer b.begin()
	again := make([]domain.Decision, len(round))
	for i, r := range round {
		for given, ok := unrecorded[len(b.gave)]; ok && len(b.gave) < r.Index; given, ok = unrecorded[len(b.gave)] {
			it := b.items[given.Conversation]
			if it == nil || it.lane == nil || b.agents[given.Agent] == nil {
				break // the decision after it comes out otherwise
			}
			b.give(it, domain.Decision{Agent: given.Agent, Index: len(b.gave), At: r.At}, r.At.In(b.own).Format(time.DateOnly))
		}
		it := b.items[r.Conversation]
		if it == nil || it.lane == nil {
			continue
		}
		it.refused = nil
		for id, code := range r.Refused {
			b.Refused(r.Conversation, it.Turn, id, code)
		}
		day := r.At.In(b.own).Format(time.DateOnly)
		again[i], _ = b.decide(it, moment{now: r.At, position: r.Position, round: r.Round, index: r.Index, day: day})
		if again[i].Action == domain.ActionOffer {
			b.give(it, again[i], day)
		}
	}
	return again
}

// InRounds puts decisions together that were made in one round, in order.
func InRounds(all []Recorded) [][]Recorded {
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b Recorded) int {
		return cmp.Or(
			a.At.Compare(b.At), strings.Compare(a.Position, b.Position), cmp.Compare(a.Round, b.Round), cmp.Compare(a.Index, b.Index),
			cmp.Compare(last(a.Action == domain.ActionOffer), last(b.Action == domain.ActionOffer)),
		)
	})
	var rounds [][]Recorded
	for i, r := range all {
		if i == 0 || r.Position != all[i-1].Position || r.Round != all[i-1].Round || !r.At.Equal(all[i-1].At) {
			rounds = append(rounds, nil)
		}
		rounds[len(rounds)-1] = append(rounds[len(rounds)-1], r)
	}
	return rounds
}
