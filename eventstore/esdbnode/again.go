package esdbnode

import (
	"sync"

	"github.com/google/uuid"

	"parley/eventstore"
)

// remembered is how many events are known again when an append that expects
// no revision is repeated. EventStoreDB bounds this as well.
const remembered = 1 << 16

// again remembers the events written last, so that repeating an append that
// expects no certain revision writes nothing twice.
type again struct {
	mu    sync.Mutex
	known map[written]place
	order []written // a ring, oldest at next once it is full
	next  int
}

type written struct {
	stream string
	id     uuid.UUID
}

type place struct {
	revision eventstore.Revision
	position eventstore.Position
}

func newAgain() *again { return &again{known: map[written]place{}} }

// add remembers what was written.
func (a *again) add(records []eventstore.Record) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i := range records {
		key := written{records[i].Stream, records[i].ID}
		if _, ok := a.known[key]; !ok {
			if len(a.order) < remembered {
				a.order = append(a.order, key)
			} else {
				delete(a.known, a.order[a.next])
				a.order[a.next] = key
				a.next = (a.next + 1) % remembered
			}
		}
		a.known[key] = place{records[i].Revision, records[i].Position}
	}
}

// find says what is known of a write: all of it, nothing, or only its
// beginning, which cannot be the same write.
func (a *again) find(stream string, ids []uuid.UUID) verdict {
	a.mu.Lock()
	defer a.mu.Unlock()
	v := verdict{}
	for i, id := range ids {
		p, ok := a.known[written{stream, id}]
		switch {
		case !ok && i == 0:
			return verdict{}
		case !ok:
			return verdict{wrong: true}
		}
		v.done, v.last, v.position = true, p.revision, p.position
	}
	return v
}
