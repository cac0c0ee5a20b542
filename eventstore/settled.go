package eventstore

import (
	"fmt"
	"runtime/debug"
	"sync"

	"github.com/google/uuid"
)

// settled remembers the last events whose follow-ups all ran in this process,
// also those that recorded nothing and so leave no trace in the log.
type settled struct {
	mu   sync.Mutex
	ids  map[uuid.UUID]struct{}
	ring []uuid.UUID
	next int
}

// maxSettled outlasts the reactor's delay at full speed.
const maxSettled = 1 << 15

func (s *settled) add(id uuid.UUID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ids == nil {
		s.ids = map[uuid.UUID]struct{}{}
	}
	if _, ok := s.ids[id]; ok {
		return
	}
	s.ids[id] = struct{}{}
	if len(s.ring) < maxSettled {
		s.ring = append(s.ring, id)
		return
	}
	delete(s.ids, s.ring[s.next])
	s.ring[s.next] = id
	s.next = (s.next + 1) % maxSettled
}

func (s *settled) has(id uuid.UUID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.ids[id]
	return ok
}

// panicError is a panic of a policy or a decision, caught where one event's
// fault must not stop the others.
type panicError struct {
	value any
	stack []byte
}

func (p *panicError) Error() string {
	return fmt.Sprintf("eventstore: panic: %v\n%s", p.value, p.stack)
}

func recovered(err *error) {
	if v := recover(); v != nil {
		*err = &panicError{v, debug.Stack()}
	}
}
