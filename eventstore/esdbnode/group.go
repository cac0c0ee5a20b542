package esdbnode

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/google/uuid"
)

// groupKey names a group: its stream, empty for the whole log, and its name.
type groupKey struct{ Stream, Name string }

// keyOf reads which group a call is about. A stream that was forgotten is not the
// whole log.
func keyOf(o interface {
	GetStreamIdentifier() *shared.StreamIdentifier
	GetAll() *shared.Empty
	GetGroupName() string
}) (groupKey, error) {
	key := groupKey{string(o.GetStreamIdentifier().GetStreamName()), o.GetGroupName()}
	if o.GetAll() == nil && key.Stream == "" {
		return key, invalid("a persistent subscription is of a stream, or of all: say of which")
	}
	return key, nil
}

// kept is what is remembered of a group for good, beside its checkpoint.
type kept struct {
	ID       string   `json:"id"` // of this life of it: a group made anew begins anew
	Stream   string   `json:"stream,omitempty"`
	Name     string   `json:"name"`
	Start    uint64   `json:"start"`              // the first revision or position wanted
	FromEnd  bool     `json:"fromEnd,omitempty"`  // it was made at the end
	Wanted   *wanted  `json:"wanted,omitempty"`   // of the whole log
	Settings settings `json:"settings,omitempty"` // may change
}

// message is one event on its way to a consumer.
type message struct {
	entry
	id      uuid.UUID // of the event as consumers call it
	retries int32
	parked  int64 // its revision among the parked, when it comes from there; else -1
	owner   *consumer
	pin     *consumer // whose it is by its key, as long as they stay the same
	pinned  uint64    // the group's changes when that was found out
	timer   *time.Timer
	done    bool
}

// group shares the events of a source among consumers. What it knows in memory
// is what came after its checkpoint; all of it comes back after a restart.
type group struct {
	kept
	store  *streamStore
	from   source
	ctx    context.Context // ends with the group
	cancel context.CancelFunc
	room   chan struct{} // a place for each message read ahead
	writes chan struct{} // holds one when there may be something to write

	mu        sync.Mutex
	consumers []*consumer
	changes   uint64     // of the consumers, so far
	next      int        // of the consumers, for taking turns
	waiting   []*message // to be given out: those tried before come first
	open      []*message // in order, the first not done
	passed    uint64     // read up to before this
	reached   uint64     // all before this is done
	since     int32      // messages done since the checkpoint
	saved     uint64     // the checkpoint
	parking   []parked   // to be written
	replays   replays
	total     int64
	began     time.Time
	reading   bool
	ended     bool
	failed    error // why it reads no more
	stopped   sync.WaitGroup
	replaying sync.Mutex // one replay at a time
}

// parked is a message to be parked, and why.
type parked struct {
	message *message
	reason  string
}

func newGroup(s *streamStore, k kept, checkpoint uint64) (*group, error) {
	g := &group{kept: k, store: s, from: source{stream: k.Stream}, began: time.Now(), writes: make(chan struct{}, 1)}
	if k.Wanted != nil {
		var err error
		if g.from.filter, err = k.Wanted.compile(); err != nil {
			return nil, err
		}
	}
	g.reached, g.saved, g.passed = checkpoint, checkpoint, checkpoint
	g.room = make(chan struct{}, k.Settings.Buffer)
	g.ctx, g.cancel = context.WithCancel(context.Background())
	g.stopped.Go(func() { g.write(g.ctx) })
	return g, nil
}

// begin reads from the checkpoint on, once somebody wants it. It is called with
// mu held.
func (g *group) begin() {
	if g.reading || g.ended {
		return
	}
	g.reading = true
	g.stopped.Go(func() {
		err := g.read(g.ctx)
		if err == nil || g.ctx.Err() != nil {
			return
		}
		g.mu.Lock()
		defer g.mu.Unlock()
		g.reading, g.failed = false, err
		g.drop(err)
	})
}

func (g *group) read(ctx context.Context) error {
	g.mu.Lock()
	from := g.passed
	g.failed = nil
	g.mu.Unlock()
	for e, err := range g.store.follow(ctx, g.from, from) {
		if err != nil {
			return err
		}
		if e.record == nil || g.Stream == "" && hiddenFromGroups(e.record.Stream) {
			if g.Stream == "" {
				g.pass(uint64(e.position) + 1)
			}
			continue
		}
		select {
		case g.room <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
		m := &message{entry: e, parked: -1}
		g.mu.Lock()
		g.open = append(g.open, m)
		g.passed = e.at + 1
		g.enqueue(m)
		g.mu.Unlock()
	}
	return nil
}

// pass notes that the log was looked through, with nothing for this group.
func (g *group) pass(to uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.passed = max(g.passed, to); len(g.open) == 0 {
		g.reached = max(g.reached, g.passed)
		if g.farBeyond() {
			g.ring()
		}
	}
}

// lookedThrough is how much of the log that holds nothing for a group is looked
// through again after a restart, at most.
const lookedThrough = 4096

// farBeyond tells that a group of the whole log looked through so much of it that
// this is kept though nothing was done; mu is held.
func (g *group) farBeyond() bool { return g.Stream == "" && g.reached >= g.saved+lookedThrough }

// due tells that enough was done for a checkpoint; mu is held.
func (g *group) due() bool { return g.since >= max(g.Settings.AtLeast, 1) }

// enqueue gives a message out, or lets it wait; mu is held. What was read before
// another is given out before it.
func (g *group) enqueue(m *message) {
	m.owner = nil
	at := len(g.waiting)
	if m.retries > 0 || m.parked >= 0 {
		at, _ = slices.BinarySearchFunc(g.waiting, m, before)
	}
	g.waiting = slices.Insert(g.waiting, at, m)
	g.dispatch()
}

// before orders what waits: tried messages first, then parked ones that are
// replayed, then the rest, each in the order of the source.
func before(a, b *message) int {
	rank := func(m *message) int {
		switch {
		case m.retries > 0:
			return 0
		case m.parked >= 0:
			return 1
		}
		return 2
	}
	return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.parked, b.parked), cmp.Compare(a.at, b.at))
}

// dispatch hands out what waits while there are consumers with room; mu is held.
func (g *group) dispatch() {
	if len(g.consumers) == 0 {
		return
	}
	left := g.waiting[:0]
	full := false
	for i, m := range g.waiting {
		if full {
			left = append(left, g.waiting[i:]...)
			break
		}
		c, any := g.choose(m)
		if c == nil {
			left = append(left, m)
			full = !any
			continue
		}
		g.give(c, m)
	}
	clear(g.waiting[len(left):])
	g.waiting = left
}

func (g *group) give(c *consumer, m *message) {
	m.owner = c
	m.id = m.record.ID
	c.held[m.id] = append(c.held[m.id], m)
	c.holds++
	c.total++
	if d := g.Settings.Timeout; d > 0 {
		try := m.retries
		m.timer = time.AfterFunc(d, func() { g.late(c, m, try) })
	}
	c.out <- delivery{m, m.retries} // as many places as it may hold messages
}

// late takes a message back that was not answered in time.
func (g *group) late(c *consumer, m *message, try int32) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if m.owner != c || m.retries != try || m.done || g.ended {
		return
	}
	g.take(m)
	g.retry(m, "it was not answered in time")
	g.dispatch()
}

// take frees a message from its consumer; mu is held.
func (g *group) take(m *message) {
	c := m.owner
	if c == nil {
		return
	}
	if m.timer != nil {
		m.timer.Stop()
	}
	m.owner = nil
	rest := slices.DeleteFunc(c.held[m.id], func(o *message) bool { return o == m })
	if c.holds--; len(rest) == 0 {
		delete(c.held, m.id)
	} else {
		c.held[m.id] = rest
	}
}

// retry lets a message wait for another try, or parks it when there were enough.
func (g *group) retry(m *message, reason string) {
	if m.retries >= g.Settings.Retries {
		g.park(m, reason)
		return
	}
	m.retries++
	g.enqueue(m)
}

// park puts a message aside, once that is written.
func (g *group) park(m *message, reason string) {
	g.parking = append(g.parking, parked{m, reason})
	g.ring()
}

// finish is done with a message; mu is held.
func (g *group) finish(m *message) {
	if m.done {
		return
	}
	m.done = true
	g.total++
	g.since++
	<-g.room
	if m.parked >= 0 {
		g.replays.finish(m.parked)
	}
	for len(g.open) > 0 && g.open[0].done {
		g.reached = g.open[0].at + 1
		g.open[0] = nil
		g.open = g.open[1:]
	}
	if len(g.open) == 0 {
		g.reached = max(g.reached, g.passed)
	}
	if most := g.Settings.AtMost; g.since == max(g.Settings.AtLeast, 1) || g.replays.changed() || most > 0 && g.since >= most {
		g.ring()
	}
}

func (g *group) ring() {
	select {
	case g.writes <- struct{}{}:
	default:
	}
}

// answer takes what a consumer says of messages. One that was late and waits for
// another try is answered as well.
func (g *group) answer(c *consumer, ids []uuid.UUID, what func(*message)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, id := range ids {
		if held := c.held[id]; len(held) > 0 {
			m := held[0]
			g.take(m)
			what(m)
			continue
		}
		i := slices.IndexFunc(g.waiting, func(m *message) bool { return m.retries > 0 && m.record.ID == id })
		if i >= 0 {
			m := g.waiting[i]
			g.waiting = slices.Delete(g.waiting, i, i+1)
			what(m)
		}
	}
	g.dispatch()
}

// errDropped tells consumers that their group was changed or deleted.
var errDropped = errors.New("dropped")

// drop ends all consumers; mu is held.
func (g *group) drop(err error) {
	for _, c := range g.consumers {
		c.end(err)
	}
}

// join lets a consumer in.
func (g *group) join(c *consumer) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.ended {
		return errDropped
	}
	if most := g.Settings.Consumers; most > 0 && len(g.consumers) >= int(most) {
		return tooManySubscribers(g.Stream, g.Name)
	}
	g.consumers = append(g.consumers, c)
	g.changes++
	g.begin()
	g.dispatch()
	return nil
}

// leave lets a consumer go: what it held is given to others. It counts as a try,
// so that what ends every consumer is parked in the end.
func (g *group) leave(c *consumer) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.consumers = slices.DeleteFunc(g.consumers, func(o *consumer) bool { return o == c })
	g.changes++
	var back []*message
	for _, held := range c.held {
		back = append(back, held...)
	}
	slices.SortFunc(back, before)
	for _, m := range back {
		g.take(m)
		if g.ended { // it comes again with the next life of the group
			continue
		}
		g.retry(m, "its consumer went away")
	}
	g.dispatch()
}

// stop ends a group: its consumers, its reading, and, once what it knows is
// written, its writing.
func (g *group) stop(err error) {
	g.mu.Lock()
	g.ended = true
	g.drop(err)
	for _, m := range g.open {
		if m.timer != nil {
			m.timer.Stop()
		}
	}
	g.mu.Unlock()
	g.cancel()
	g.stopped.Wait()
}

// hiddenFromGroups are the streams that hold what groups have parked: a group of
// the whole log would else be given its own.
func hiddenFromGroups(stream string) bool {
	return len(stream) > len(groupPrefix) && stream[:len(groupPrefix)] == groupPrefix || len(stream) > 2+len(groupPrefix) && stream[:2] == "$$" && hiddenFromGroups(stream[2:])
}
