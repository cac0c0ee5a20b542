package eventstore

import (
	"cmp"
	"context"
	"hash/fnv"
	"reflect"
	"slices"
	"sync"
	"time"

	"parley/domain"
)

// Lane gives the key whose events a reactor keeps in order: the conversation
// an event belongs to or names in its field Conversation, else its stream. A
// hold of an agent and the session it leads to so share the lane of their
// conversation.
func Lane(f domain.Fact) string {
	if f.Kind == "conversation" {
		return "conversation-" + f.ID
	}
	v := reflect.ValueOf(f.Event)
	if v.Kind() == reflect.Struct {
		if c := v.FieldByName("Conversation"); c.IsValid() && c.Kind() == reflect.String && c.String() != "" {
			return "conversation-" + c.String()
		}
	}
	return f.Kind + "-" + f.ID
}

// job is a record whose work is to be done, in its lane.
type job struct {
	record Record
	key    string
	began  time.Time // of the first try
}

// lane is a queue of which one job at a time is handed out.
type lane struct {
	topic string
	bell  chan struct{} // holds one when there may be a job

	mu   sync.Mutex
	jobs []*job
}

func newLanes(n int) []*lane {
	all := make([]*lane, n)
	for i := range all {
		all[i] = &lane{topic: laneTopic(i), bell: make(chan struct{}, 1)}
	}
	return all
}

// laneOf gives the lane of a key, always the same.
func laneOf(all []*lane, key string) *lane {
	h := fnv.New32a()
	_, _ = h.Write([]byte(key)) // never fails
	return all[h.Sum32()%uint32(len(all))]
}

func (l *lane) push(j *job) {
	l.mu.Lock()
	l.jobs = append(l.jobs, j)
	l.mu.Unlock()
	select {
	case l.bell <- struct{}{}:
	default:
	}
}

// next waits for the first job; nil once ctx is done.
func (l *lane) next(ctx context.Context) *job {
	for {
		l.mu.Lock()
		if len(l.jobs) > 0 {
			j := l.jobs[0]
			l.jobs = l.jobs[1:]
			l.mu.Unlock()
			return j
		}
		l.mu.Unlock()
		select {
		case <-l.bell:
		case <-ctx.Done():
			return nil
		}
	}
}

// progress knows how far all is done without a gap.
type progress struct {
	mu     sync.Mutex
	passed Position // the last record looked at
	open   []openJob
}

type openJob struct {
	position Position
	done     bool
}

// restart forgets all and goes on from a position.
func (p *progress) restart(position Position) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.passed, p.open = position, nil
}

// pass tells that all up to a position was looked at, and that what was found
// to be done was opened.
func (p *progress) pass(position Position) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.passed = max(p.passed, position)
}

func (p *progress) begin(position Position) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open = append(p.open, openJob{position: position})
}

func (p *progress) finish(position Position) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if i, found := slices.BinarySearchFunc(p.open, position, func(o openJob, at Position) int { return cmp.Compare(o.position, at) }); found {
		p.open[i].done = true
	}
	for len(p.open) > 0 && p.open[0].done {
		p.open = p.open[1:]
	}
}

// reached gives the largest position up to which all is done, and how many
// records are not.
func (p *progress) reached() (Position, int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.open) > 0 {
		return p.open[0].position - 1, len(p.open)
	}
	return p.passed, 0
}
