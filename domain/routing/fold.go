package routing

import (
	"slices"
	"time"

	"parley/domain"
	"parley/domain/agent"
	"parley/domain/conversation"
	"parley/domain/hours"
	"parley/domain/queue"
	"parley/domain/workstream"
)

// Kinds are the kinds of stream that a board is folded from.
var Kinds = []string{agent.Kind.Name, conversation.Kind.Name, queue.Kind.Name, workstream.Kind.Name, hours.Kind.Name}

// Names are the events that change a board: what is said, read and noted does
// not.
func Names() []string {
	var names []string
	add := func(all []string) { names = append(names, all...) }
	add(namesOf(agent.Kind.Names))
	add(namesOf(queue.Kind.Names))
	add(namesOf(workstream.Kind.Names))
	add(namesOf(hours.Kind.Names))
	for name, event := range conversation.Kind.Names {
		switch event.(type) {
		case conversation.MessageReceived, conversation.MessageSent, conversation.Read, conversation.Noted, conversation.ContactLinked,
			conversation.ContactUnlinked, conversation.CaseLinked, conversation.CaseUnlinked, conversation.ContextRecorded,
			conversation.LookedUp, conversation.Surveyed, conversation.Classified, conversation.OfferDelivered:
		default:
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func namesOf[E any](all domain.Names[E]) []string {
	names := make([]string, 0, len(all))
	for name := range all {
		names = append(names, name)
	}
	return names
}

// Fold takes one event of the log.
func (b *Board) Fold(f domain.Fact) {
	switch e := f.Event.(type) {
	case agent.Event:
		s := b.seat(f.ID)
		agent.Kind.Apply(&s.logged, e)
		s.version++
		_, gave := e.(agent.Reserved)
		b.agentChanged(s, !gave)
	case conversation.Event:
		it := b.items[f.ID]
		if it == nil {
			switch e.(type) {
			case conversation.Started, conversation.CarriedForward:
			default:
				return // what is still told of a conversation that is closed
			}
			it = &item{}
			b.items[f.ID] = it
		}
		was := it.Conversation
		conversation.Kind.Apply(&it.Conversation, e)
		switch e.(type) {
		case conversation.PassedOver, conversation.TurnedDown:
			b.itemChanged(f.ID, it, was, false)
		default:
			b.itemChanged(f.ID, it, was, true)
		}
	case queue.Event:
		l := b.lane(f.ID)
		was := l.Queue
		queue.Kind.Apply(&l.Queue, e)
		b.laneChanged(l, was)
	case workstream.Event:
		w := b.streams[f.ID]
		workstream.Kind.Apply(&w, e)
		b.streams[f.ID] = w
		for _, it := range b.items {
			if it.Workstream == f.ID && it.lane != nil {
				b.changed[it] = struct{}{}
			}
		}
	case hours.Event:
		h := b.calendars[f.ID]
		hours.Kind.Apply(&h, e)
		b.calendars[f.ID] = h
		for _, l := range b.lanes {
			if l.Hours == f.ID {
				l.known = false
				b.lookAtAll(l)
			}
		}
	}
}

// The states of streams as they were loaded stand for all of their events up to
// there.

// PutAgent takes an agent's state.
func (b *Board) PutAgent(id string, a agent.Agent) {
	s := b.seat(id)
	s.logged = a
	s.version++
	b.agentChanged(s, true)
}

// PutConversation takes a conversation's state.
func (b *Board) PutConversation(id string, c conversation.Conversation) {
	it := b.items[id]
	if it == nil {
		it = &item{}
		b.items[id] = it
	}
	was := it.Conversation
	it.Conversation = c
	b.itemChanged(id, it, was, true)
}

// PutQueue takes a queue's state.
func (b *Board) PutQueue(id string, q queue.Queue) {
	l := b.lane(id)
	was := l.Queue
	l.Queue = q
	b.laneChanged(l, was)
}

// PutWorkstream takes a workstream's state.
func (b *Board) PutWorkstream(id string, w workstream.Workstream) { b.streams[id] = w }

// PutHours takes the state of operating hours.
func (b *Board) PutHours(id string, h hours.Hours) {
	b.calendars[id] = h
	for _, l := range b.lanes {
		l.known = false
	}
}

func (b *Board) agentChanged(s *seat, mayTake bool) {
	s.logged.Past = nil // what only his own decisions need
	s.now = s.logged
	s.refresh()
	if len(s.logged.Days) > 0 {
		b.daily[s] = struct{}{}
	}
	for _, l := range s.lanes {
		b.stand(l, s, true)
	}
	if mayTake {
		b.freed[s] = struct{}{}
		for it := range b.callers[s.id] {
			b.changed[it] = struct{}{}
		}
	}
}

func (b *Board) itemChanged(id string, it *item, was conversation.Conversation, look bool) {
	it.Recent = domain.Recent{} // what only its own decisions need
	if was.Affinity != it.Affinity || it.Status != was.Status {
		if was.Affinity != "" {
			delete(b.callers[was.Affinity], it)
		}
		if it.Affinity != "" && it.Status == conversation.StatusOpen {
			if b.callers[it.Affinity] == nil {
				b.callers[it.Affinity] = map[*item]struct{}{}
			}
			b.callers[it.Affinity][it] = struct{}{}
		}
	}
	if it.Turn != was.Turn {
		it.refused = nil
	}
	stays := it.Status == conversation.StatusOpen && it.lane != nil && was.Queue == it.Queue && was.Priority == it.Priority && was.Since.Equal(it.Since)
	if !stays && it.lane != nil {
		now := it.Conversation
		it.Priority, it.Since = was.Priority, was.Since // where it is found
		b.wait(it, false)
		it.Conversation = now
	}
	if it.Status != conversation.StatusOpen {
		b.agenda.set(it, time.Time{})
		delete(b.changed, it)
		if it.Status == conversation.StatusClosed {
			delete(b.items, id)
		}
		return
	}
	if !stays {
		b.wait(it, true)
	}
	if look {
		b.changed[it] = struct{}{}
	}
}

func (b *Board) laneChanged(l *lane, was queue.Queue) {
	if was.Hours != l.Hours {
		l.known = false
	}
	if !slices.Equal(was.Members, l.Members) {
		former := l.members
		l.members = make([]*seat, 0, len(l.Members))
		for _, id := range l.Members {
			s := b.seat(id)
			l.members = append(l.members, s)
			if !slices.Contains(s.lanes, l) {
				s.lanes = append(s.lanes, l)
				b.freed[s] = struct{}{}
			}
			b.stand(l, s, true)
		}
		for _, s := range former {
			if _, still := slices.BinarySearch(l.Members, s.id); !still {
				s.lanes = slices.DeleteFunc(s.lanes, func(o *lane) bool { return o == l })
				b.stand(l, s, false)
			}
		}
		b.stale[l] = struct{}{}
		if len(was.Members) == 0 || len(l.Members) == 0 {
			b.lookAtAll(l)
		}
	}
	if was.Deleted != l.Deleted || was.Number != l.Number || was.Method != l.Method || was.Hours != l.Hours || was.Overflow != l.Overflow {
		b.lookAtAll(l)
	}
}

func (b *Board) lookAtAll(l *lane) {
	for _, it := range l.waiting {
		b.changed[it] = struct{}{}
	}
}
