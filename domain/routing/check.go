package routing

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"parley/domain"
	"parley/domain/agent"
	"parley/domain/conversation"
)

// Check makes every decision of a log again while the log is read from its
// beginning, and tells which come out otherwise (RTE-7). It keeps what happened
// since the oldest round that may not be whole was decided.
type Check struct {
	board    *Board
	position func(text string) (uint64, bool)
	// Moved tells that a position belongs to a log that this one was moved from:
	// what was decided there cannot be made again here, and is skipped. Nil knows
	// of none.
	Moved func(text string) bool
	wrong func(conversation string, at uint64, what string)

	pending []placed   // what the board has not seen yet
	folded  uint64     // how far the board has seen
	rounds  []*written // that may not be whole yet
	late    []*written // upon pictures that the board is beyond
	taken   []*written // for whole, the last few: another router's next round looks like their own
	Checked int        // decisions that were made again
	Skipped int        // those of another log, or of which the log does not say what came before them in their round
}

// idleAtMost is how many records may follow a round's last decision before the
// round is taken for whole, unless its router's next one comes.
const idleAtMost = 1 << 14

// takenAtMost is how many rounds are kept that were taken for whole.
const takenAtMost = 16

type placed struct {
	fact     domain.Fact
	position uint64
}

type decision struct {
	Recorded
	recorded uint64
	made     bool // again, before more of its round came on record
	skipped  bool // till now: not all that was given before it is known
}

// written is a round as far as it is on record. The rounds of two routers, of
// whom one does not know yet that the other has taken over, lie between each
// other.
type written struct {
	decisions []decision
	latest    uint64 // where the last of them is on record
	at        uint64 // the position that it was decided at
	known     bool   // that is a position of this log
	whole     bool   // its router went on to the next
	waits     bool   // to be made again in a second reading
}

func (w *written) first() decision { return w.decisions[0] }

func (w *written) add(d decision) {
	w.decisions, w.latest = append(w.decisions, d), max(w.latest, d.recorded)
}

// NewCheck makes a check. Position reads a position that a decision names; wrong
// is told of each that comes out otherwise.
func NewCheck(zone func(string) *time.Location, own *time.Location, position func(string) (uint64, bool), wrong func(conversation string, at uint64, what string)) *Check {
	return &Check{board: New(zone, own), position: position, wrong: wrong}
}

// See takes the next event of the log.
func (c *Check) See(f domain.Fact, position uint64) {
	if r, ok := recorded(f); ok {
		c.add(decision{Recorded: r, recorded: position})
	}
	c.pending = append(c.pending, placed{f, position})
	for len(c.rounds) > 0 && (c.rounds[0].whole || position-c.rounds[0].latest > idleAtMost) {
		c.again(c.rounds[0])
		c.rounds = slices.Delete(c.rounds, 0, 1)
	}
	if len(c.rounds) == 0 && len(c.pending) > 4096 { // nothing is decided: what is long past is not asked for
		c.fold(c.pending[len(c.pending)-2048].position)
	}
}

// add puts a decision to its round. The rounds are kept in the order of the
// positions that they were decided at.
func (c *Check) add(d decision) {
	for _, w := range c.rounds {
		if w.first().together(d.Recorded) {
			w.add(d)
			return
		}
	}
	w := c.takenFor(d)
	w.add(d)
	if w.waits {
		return
	}
	w.at, w.known = c.position(d.Position)
	for _, before := range c.rounds { // a router begins a round once all of the last is on record
		before.whole = before.whole || before.first().Round+1 == d.Round && before.latest <= w.at
	}
	i := len(c.rounds)
	for i > 0 && c.rounds[i-1].at > w.at {
		i--
	}
	c.rounds = slices.Insert(c.rounds, i, w)
}

// takenFor gives the round of a decision that was taken for whole before; else a new
// one.
func (c *Check) takenFor(d decision) *written {
	for i, w := range c.taken {
		if !w.first().together(d.Recorded) {
			continue
		}
		if !w.waits {
			c.taken = slices.Delete(c.taken, i, i+1)
			w.whole = false
		}
		return w
	}
	return &written{}
}

func (r Recorded) together(o Recorded) bool {
	return r.Position == o.Position && r.Round == o.Round && r.At.Equal(o.At)
}

// DecisionOf gives the decision that an event keeps; nil when it keeps none. An
// offer is on record with the reservation, whatever the conversation said to it
// then.
func DecisionOf(f domain.Fact) *domain.Decision {
	switch e := f.Event.(type) {
	case agent.Reserved:
		return e.Decision
	case conversation.TurnedDown:
		return e.Decision
	case conversation.PassedOver:
		return e.Decision
	case conversation.Overflowed:
		return e.Decision
	case conversation.Told:
		return e.Decision
	}
	return nil
}

func recorded(f domain.Fact) (Recorded, bool) {
	d := DecisionOf(f)
	if d == nil {
		return Recorded{}, false
	}
	id := f.ID
	if e, ok := f.Event.(agent.Reserved); ok {
		id = e.Conversation
	}
	return Recorded{Conversation: id, Decision: *d}, true
}

// fold puts on the board what happened up to a position.
func (c *Check) fold(until uint64) {
	n := 0
	for n < len(c.pending) && c.pending[n].position <= until {
		c.board.see(c.pending[n].fact)
		n++
	}
	c.pending, c.folded = slices.Delete(c.pending, 0, n), max(c.folded, until)
}

// see folds an event on a board that nobody holds rounds with.
func (b *Board) see(f domain.Fact) {
	b.Fold(f)
	clear(b.changed)
	clear(b.freed)
	clear(b.stale)
}

// End looks at the rounds that are left; it is called once the log is read.
func (c *Check) End() {
	for _, w := range c.rounds {
		c.again(w)
	}
	c.rounds = nil
}

// Late is a second reading of the log, for the rounds that came on record after
// others that were decided upon a later picture had been made again; nil when
// there are none.
func (c *Check) Late() *Late {
	if len(c.late) == 0 {
		return nil
	}
	l := &Late{check: c, board: New(c.board.zone, c.board.own), rounds: c.late}
	c.late = nil
	slices.SortStableFunc(l.rounds, func(a, b *written) int { return cmp.Compare(a.at, b.at) })
	return l
}

// Late makes rounds again that are known, while the log is read once more.
type Late struct {
	check  *Check
	board  *Board
	rounds []*written
}

// See takes the next event of the log.
func (l *Late) See(f domain.Fact, position uint64) {
	for len(l.rounds) > 0 && l.rounds[0].at < position {
		l.check.judge(l.board, l.rounds[0].decisions)
		l.rounds = l.rounds[1:]
	}
	l.board.see(f)
}

// End makes those again that are left.
func (l *Late) End() {
	for _, w := range l.rounds {
		l.check.judge(l.board, w.decisions)
	}
	l.rounds = nil
}

// again makes the decisions of a round again.
func (c *Check) again(w *written) {
	round, at := w.decisions, w.at
	switch {
	case !w.known && c.Moved != nil && c.Moved(round[0].Position):
		c.Skipped += len(round)
		return
	case !w.known:
		c.wrong(round[0].Conversation, round[0].recorded, fmt.Sprintf("it names the position %q, which is none", round[0].Position))
		return
	}
	if c.taken = append(c.taken, w); len(c.taken) > takenAtMost {
		c.taken = slices.Delete(c.taken, 0, 1)
	}
	if at < c.folded { // its picture was older than what was looked at since
		w.waits = true
		c.late = append(c.late, w)
		return
	}
	c.fold(at)
	c.judge(c.board, round)
}

// judge makes the decisions of a round again on a board that was folded up to
// their position.
func (c *Check) judge(board *Board, round []decision) {
	slices.SortStableFunc(round, func(a, b decision) int {
		return cmp.Or(cmp.Compare(a.Index, b.Index), cmp.Compare(last(a.Action == domain.ActionOffer), last(b.Action == domain.ActionOffer)))
	})
	// What a crash kept off the record is told by those after it.
	recorded, unrecorded := map[int]bool{}, map[int]domain.Given{}
	for _, d := range round {
		recorded[d.Index] = recorded[d.Index] || d.Action == domain.ActionOffer
		for i, g := range d.Given {
			unrecorded[d.Index-len(d.Given)+i] = g
		}
	}
	whole, known := round[:0:0], 0
	var again []int // where in the round each of them is
	for i, d := range round {
		for known < d.Index && (recorded[known] || unrecorded[known] != domain.Given{}) {
			known++
		}
		if known < d.Index { // what comes on record later may close the gap
			if !d.skipped {
				round[i].skipped = true
				c.Skipped++
			}
			continue
		}
		whole, again = append(whole, d), append(again, i)
	}
	for index, there := range recorded {
		if there {
			delete(unrecorded, index)
		}
	}
	decisions := make([]Recorded, len(whole))
	for i, d := range whole {
		decisions[i] = d.Recorded
	}
	for i, d := range board.Again(decisions, unrecorded) {
		if whole[i].made {
			continue
		}
		if round[again[i]].made = true; whole[i].skipped {
			round[again[i]].skipped = false
			c.Skipped--
		}
		if len(whole[i].Given) == 0 { // it is the first, or of before decisions named any
			d.Given = nil
		}
		if c.Checked++; !d.Same(whole[i].Decision) {
			c.wrong(whole[i].Conversation, whole[i].recorded, fmt.Sprintf("it is on record as %+v, and made again it is %+v", whole[i].Decision, d))
		}
	}
}
