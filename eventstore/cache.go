package eventstore

import (
	"container/list"
	"context"
	"sync"
)

// The bounds of the states kept at hand: so many streams, and so many bytes of
// the events that made them. A state is about as large as its events, mostly
// smaller. A store of conversations keeps the busiest hours of a large house.
const (
	maxStates     = 100_000
	maxStateBytes = 256 << 20
)

// states keeps the states of streams between commands, the last used ones, and
// lets one command at a time work on each stream. Commands of this process
// so never conflict with each other.
type states struct {
	mu       sync.Mutex
	byStream map[string]*stateEntry
	idle     list.List // of *stateEntry that nobody uses, the last used first
	bytes    int
	entries  int // bounds; zero takes the constants
	limit    int
}

// stateEntry is one stream's place. Whoever holds it has taken its turn and may read
// and replace state; the rest belongs to states.
type stateEntry struct {
	stream string
	turn   chan struct{}
	users  int // holding or waiting; an entry in use is not evicted
	idle   *list.Element
	state  any // *held[S]; nil when it must be read from the log
	size   int // bytes of the events state is made of
	known  int // what of size is counted in states.bytes
}

// acquire waits for the stream's turn.
func (s *states) acquire(ctx context.Context, stream string) (*stateEntry, error) {
	s.mu.Lock()
	if s.byStream == nil {
		s.byStream = map[string]*stateEntry{}
	}
	en, ok := s.byStream[stream]
	if !ok {
		en = &stateEntry{stream: stream, turn: make(chan struct{}, 1)}
		s.byStream[stream] = en
	}
	if en.idle != nil {
		s.idle.Remove(en.idle)
		en.idle = nil
	}
	en.users++
	s.mu.Unlock()

	select {
	case en.turn <- struct{}{}:
		return en, nil
	case <-ctx.Done():
		s.mu.Lock()
		defer s.mu.Unlock()
		s.leave(en)
		return nil, ctx.Err()
	}
}

// busy counts the streams in use.
func (s *states) busy() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, en := range s.byStream {
		if en.users > 0 {
			n++
		}
	}
	return n
}

// release gives the turn to the next, and evicts what was not used for longest
// when there is too much.
func (s *states) release(en *stateEntry) {
	s.mu.Lock()
	if en.state == nil {
		en.size = 0
	}
	s.bytes += en.size - en.known
	en.known = en.size
	<-en.turn
	s.leave(en)
	s.mu.Unlock()
}

// leave is called with mu held.
func (s *states) leave(en *stateEntry) {
	en.users--
	if en.users > 0 {
		return
	}
	if en.state == nil {
		delete(s.byStream, en.stream)
		return
	}
	en.idle = s.idle.PushFront(en)
	entries, limit := maxStates, maxStateBytes
	if s.entries > 0 {
		entries, limit = s.entries, s.limit
	}
	for s.idle.Len() > 0 && (len(s.byStream) > entries || s.bytes > limit) {
		last := s.idle.Remove(s.idle.Back()).(*stateEntry)
		s.bytes -= last.known
		delete(s.byStream, last.stream)
	}
}

// take removes the state from its entry, so that it is lost, and read again
// from the log, unless it is put back whole.
func take[S any](en *stateEntry) *held[S] {
	h, _ := en.state.(*held[S])
	en.state = nil
	return h
}

func put[S any](en *stateEntry, h *held[S]) { en.state, en.size = h, h.size }
