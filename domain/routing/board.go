// Package routing decides which agent a waiting conversation is offered to. It
// is pure and deterministic: the same log gives the same decisions, each with
// the reasons for and against everybody (RTE-7).
package routing

import (
	"cmp"
	"slices"
	"time"

	"parley/domain"
	"parley/domain/agent"
	"parley/domain/conversation"
	"parley/domain/hours"
	"parley/domain/queue"
	"parley/domain/workstream"
)

// Board is the picture that routing decides from, kept in memory by folding the
// log: every agent, every queue in its order, every conversation that is not
// closed. It notes what each event touches, so that a round looks at that and
// at nothing else. It is for one goroutine.
type Board struct {
	zone func(name string) *time.Location // of operating hours
	own  *time.Location                   // the organisation's, by which days are told apart

	agents    map[string]*seat
	lanes     map[string]*lane
	streams   map[string]workstream.Workstream
	calendars map[string]hours.Hours
	items     map[string]*item
	callers   map[string]map[*item]struct{} // who wait for the agent they know, by agent (RTE-4)

	changed map[*item]struct{}  // conversations to be looked at
	freed   map[*seat]struct{}  // agents who may be able to take something
	stale   map[*lane]struct{}  // queues of which something else would be said now
	later   map[*lane]time.Time // queues to be looked through again, since some of it was said less than a minute ago
	agenda  agenda              // conversations to be looked at when their time comes
	shadows []*seat             // agents to whom this round gave something
	claims  map[*item]*seat     // who could take what in this round
	back    []*item             // who waits for an agent they know, in order; nil until it is asked for
	nobody  map[*lane]*nobody   // what this round found of queues of which nobody can be asked
	gave    []domain.Given      // by this round, in order
	rounds  int
	day     string             // of the last round
	daily   map[*seat]struct{} // agents whose room comes back with the next day (AGT-3)
}

// New makes an empty board. Zone finds the time zones that operating hours
// name; own is the organisation's.
func New(zone func(name string) *time.Location, own *time.Location) *Board {
	return &Board{
		zone: zone, own: own,
		agents: map[string]*seat{}, lanes: map[string]*lane{}, streams: map[string]workstream.Workstream{}, calendars: map[string]hours.Hours{},
		items: map[string]*item{}, callers: map[string]map[*item]struct{}{},
		changed: map[*item]struct{}{}, freed: map[*seat]struct{}{}, daily: map[*seat]struct{}{}, stale: map[*lane]struct{}{}, later: map[*lane]time.Time{}, nobody: map[*lane]*nobody{}, claims: map[*item]*seat{},
	}
}

// seat is an agent as the log has him, and as he is with what this round gave
// him.
type seat struct {
	// what decisions ask again and again lies together: see refresh
	id       string
	stop     string // why nothing is ever offered; empty when something may be
	presence agent.Presence
	free     int
	open     int // sessions
	assigned time.Time
	index    int  // of the last assignment in its round
	known    bool // registered
	there    bool // connected
	blocks   bool // some profile of his may keep other work away

	logged  agent.Agent
	now     agent.Agent // logged, and what this round reserved
	lanes   []*lane
	version int // counts his events
}

// refresh derives what decisions ask again and again.
func (s *seat) refresh() {
	s.free, s.open, s.there = s.now.Units-s.now.Held(), s.now.Sessions(), s.now.Connected()
	s.known, s.presence, s.assigned, s.index = s.now.Registered, s.now.Presence, s.now.Assigned, s.now.AssignedIndex
	switch {
	case s.now.Disabled:
		s.stop = Disabled
	case !s.there:
		s.stop = Unconnected
	default:
		s.stop = ""
	}
	s.blocks = false
	for _, h := range s.now.Holds {
		s.blocks = s.blocks || h.BlocksAt > 0
	}
	for _, d := range s.now.Days {
		s.blocks = s.blocks || d.BlocksAt > 0
	}
}

// lane is a queue, who serves it, and what waits in it in order (RTE-2).
type lane struct {
	queue.Queue
	members []*seat // by id
	waiting []*item
	cost    int // the fewest units that anything here ever took
	// standing counts the members by what would be said of each, stands is what
	// that is.
	standing map[string]int
	stands   map[*seat]string
	swept    int // how far a stale queue was looked through

	// what the hours said last, from when and until when it holds
	open         bool
	asked, until time.Time
	known        bool
}

// item is a conversation that is not closed.
type item struct {
	conversation.Conversation
	lane    *lane // in which it waits; nil when it does not
	next    time.Time
	refused map[string]refusal
}

// refusal is what an agent's own stream said, and as of which of his events.
type refusal struct {
	code    string
	version int
}

// before is the order in which a queue is served (RTE-2).
func before(a, b *item) int {
	return cmp.Or(
		cmp.Compare(b.Priority, a.Priority),
		a.Since.Compare(b.Since),
		cmp.Compare(a.ID, b.ID),
	)
}

func (b *Board) lane(id string) *lane {
	l := b.lanes[id]
	if l == nil {
		l = &lane{Queue: queue.Queue{ID: id}, standing: map[string]int{}, stands: map[*seat]string{}}
		b.lanes[id] = l
	}
	return l
}

func (b *Board) seat(id string) *seat {
	s := b.agents[id]
	if s == nil {
		s = &seat{id: id}
		b.agents[id] = s
	}
	return s
}

// wait puts a conversation into its place, or takes it out.
func (b *Board) wait(it *item, waits bool) {
	if it.lane != nil {
		if i, found := slices.BinarySearchFunc(it.lane.waiting, it, before); found {
			it.lane.waiting = slices.Delete(it.lane.waiting, i, i+1)
		}
		it.lane = nil
	}
	if !waits {
		return
	}
	l := b.lane(it.Queue)
	i, _ := slices.BinarySearchFunc(l.waiting, it, before)
	l.waiting = slices.Insert(l.waiting, i, it)
	it.lane = l
	if units := it.Terms.Units; units != l.cost && (len(l.waiting) == 1 || units < l.cost) {
		l.cost = units
		for _, s := range l.members {
			b.stand(l, s, true)
		}
	}
}

// stand notes what would be said of a member of a queue, and whether anything
// new is said there now.
func (b *Board) stand(l *lane, s *seat, member bool) {
	was, counted := l.stands[s]
	is := ""
	if member {
		is = standing(s, l.cost)
	}
	if counted && was == is {
		return
	}
	if counted && was != "" {
		if l.standing[was]--; l.standing[was] == 0 {
			delete(l.standing, was)
			b.stale[l] = struct{}{}
		}
	}
	delete(l.stands, s)
	if is == "" {
		return
	}
	l.stands[s] = is
	if l.standing[is]++; l.standing[is] == 1 {
		b.stale[l] = struct{}{}
	}
}

// standing is what is said of an agent whatever waits, as far as it goes.
func standing(s *seat, cost int) string {
	switch {
	case !s.logged.Registered:
		return ""
	case s.logged.Disabled:
		return Disabled
	case !s.there:
		return Unconnected
	case s.open >= agent.MaxSessions:
		return SessionLimit
	case s.free < cost:
		return string(s.logged.Presence) + "/" + NoRoom
	}
	return string(s.logged.Presence)
}

// agenda are the conversations that are to be looked at when their time comes,
// the soonest first.
type agenda []*item

func sooner(a, b *item) int { return cmp.Or(a.next.Compare(b.next), cmp.Compare(a.ID, b.ID)) }

// set says when a conversation is to be looked at; the zero time is never.
func (g *agenda) set(it *item, at time.Time) {
	if it.next.Equal(at) {
		return
	}
	if !it.next.IsZero() {
		if i, found := slices.BinarySearchFunc(*g, it, sooner); found {
			*g = slices.Delete(*g, i, i+1)
		}
	}
	if it.next = at; at.IsZero() {
		return
	}
	i, _ := slices.BinarySearchFunc(*g, it, sooner)
	*g = slices.Insert(*g, i, it)
}

// due takes what is to be looked at by now.
func (g *agenda) due(now time.Time) []*item {
	n := 0
	for n < len(*g) && !(*g)[n].next.After(now) {
		n++
	}
	taken := slices.Clone((*g)[:n])
	*g = slices.Delete(*g, 0, n)
	for _, it := range taken {
		it.next = time.Time{}
	}
	return taken
}

// Agent gives an agent as the log has him, for whoever carries a decision out.
func (b *Board) Agent(id string) (agent.Agent, bool) {
	s := b.agents[id]
	if s == nil {
		return agent.Agent{}, false
	}
	return s.logged, true
}

// Conversation gives a conversation that is not closed.
func (b *Board) Conversation(id string) (conversation.Conversation, bool) {
	it := b.items[id]
	if it == nil {
		return conversation.Conversation{}, false
	}
	return it.Conversation, true
}

// Refused notes that an agent's own stream refused what was decided, though the
// board knew of nothing. It holds until he changes.
func (b *Board) Refused(id string, turn int, agentID, code string) {
	it := b.items[id]
	if it == nil || it.Turn != turn {
		return
	}
	if it.refused == nil {
		it.refused = map[string]refusal{}
	}
	it.refused[agentID] = refusal{code, b.seat(agentID).version}
	b.changed[it] = struct{}{}
}

// Look has a conversation looked at again in the next round.
func (b *Board) Look(id string) {
	if it := b.items[id]; it != nil {
		b.changed[it] = struct{}{}
	}
}

// profile is the capacity profile of a conversation, if any.
func (it *item) profile() domain.Profile { return it.Terms.Profile }
