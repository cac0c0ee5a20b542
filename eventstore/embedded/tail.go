package embedded

import (
	"sync"

	"github.com/google/uuid"

	"parley/eventstore"
)

// tail holds the acknowledged head and the records before it, so that
// followers who keep up share them instead of reading and decoding each for
// himself; and it wakes them.
type tail struct {
	mu    sync.RWMutex
	head  eventstore.Position
	wake  chan struct{}        // closed and renewed when head moves
	ring  []*eventstore.Record // shared with all who follow: never changed
	first eventstore.Position  // the oldest record in the ring; head+1: none
	bytes int
	limit int
	last  recent // revisions of the streams written to lately
	begun map[uuid.UUID]begun
}

// begun is where a command recorded what it did, when it did so at once, and all of
// it lies in the ring.
type begun struct {
	first eventstore.Position
	n     int
}

func newTail(head eventstore.Position, records, limit, streams int) *tail {
	return &tail{
		head: head, first: head + 1, wake: make(chan struct{}), ring: make([]*eventstore.Record, records), limit: limit,
		last: newRecent(streams), begun: map[uuid.UUID]begun{},
	}
}

// state gives the head and what will be closed when it moves.
func (t *tail) state() (eventstore.Position, <-chan struct{}) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.head, t.wake
}

// advance takes what was committed, in order, and wakes everybody.
func (t *tail) advance(committed []*request) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, req := range committed {
		for i := range req.records {
			t.add(&req.records[i])
			delete(t.begun, req.records[i].Command)
		}
		if req.begins && req.records[0].Position >= t.first {
			t.begun[req.records[0].Command] = begun{req.records[0].Position, len(req.records)}
		}
		t.last.set(req.stream, int64(req.records[len(req.records)-1].Revision))
	}
	t.last.age()
	close(t.wake)
	t.wake = make(chan struct{})
}

func (t *tail) add(r *eventstore.Record) {
	n := eventstore.Position(len(t.ring))
	for t.first < r.Position && (r.Position-t.first >= n || t.bytes > t.limit) {
		oldest := &t.ring[t.first%n]
		delete(t.begun, (*oldest).Command)
		t.bytes -= len((*oldest).Data)
		*oldest = nil
		t.first++
	}
	r.Share()
	t.ring[r.Position%n] = r
	t.bytes += len(r.Data)
	t.head = r.Position
}

// after gives up to n records after a position, and false when the ring does
// not reach back that far.
func (t *tail) after(p eventstore.Position, n int) ([]*eventstore.Record, bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if p+1 < t.first || p > t.head {
		return nil, false
	}
	records := make([]*eventstore.Record, 0, min(n, int(t.head-p)))
	for at := p + 1; at <= t.head && len(records) < n; at++ {
		records = append(records, t.ring[at%eventstore.Position(len(t.ring))])
	}
	return records, true
}

// Last tells a stream's last acknowledged revision when it was written to
// lately; every write goes through this log, so it is the last indeed.
func (l *Log) Last(stream string) (eventstore.Revision, bool) {
	l.tail.mu.RLock()
	defer l.tail.mu.RUnlock()
	n, ok := l.tail.last.peek(stream)
	return eventstore.Revision(n), ok
}

// Recorded tells all that a command recorded, as far as that is acknowledged, when
// it is new or all of it was recorded at once and lately. It is good for a moment.
func (l *Log) Recorded(command uuid.UUID) (records []eventstore.Record, ok bool) {
	if l.commands.new(command) {
		return nil, true
	}
	t := l.tail
	t.mu.RLock()
	defer t.mu.RUnlock()
	b, ok := t.begun[command]
	for p := b.first; p < b.first+eventstore.Position(b.n); p++ {
		records = append(records, t.ring[p%eventstore.Position(len(t.ring))].Apart())
	}
	return records, ok
}
