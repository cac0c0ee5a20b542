package esdb

import (
	"bytes"
	"context"
	"slices"
	"sync"
	"time"

	"parley/eventstore"
)

// tail is one subscription for all followers of a process that have caught up,
// and the last records it brought: a record comes over the wire once, however
// many follow. It also shows what this process appended, so that an append need
// not be read back.
type tail struct {
	work sync.WaitGroup

	mu      sync.Mutex
	running bool
	begun   bool // from and at are known
	from    eventstore.Position
	at      eventstore.Position // all that lies in (from, at] is in records
	records []eventstore.Record
	bytes   int
	caught  bool                                  // nothing more was there when the last update came
	slow    bool                                  // an append waited for it in vain; until it brings something
	news    chan struct{}                         // closed when one of the above has changed
	waiting map[eventstore.Position]chan struct{} // appends, by where their last record stands
}

// The most of the last records that are kept, and how long an append waits for
// its own.
const (
	tailRecords = 8192
	tailBytes   = 16 << 20
	tailWait    = 50 * time.Millisecond
)

// startTail begins the subscription unless there is one.
func (l *Log) startTail() {
	t := &l.tail
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.running || l.isClosed() {
		return
	}
	t.running, t.begun, t.records, t.bytes, t.caught = true, false, nil, 0, false
	if t.news == nil {
		t.news = make(chan struct{})
	}
	t.work.Go(l.keepTail)
}

// keepTail follows from the present on until the log is closed, or following
// fails for good: then each follower finds that out by itself.
func (l *Log) keepTail() {
	t := &l.tail
	defer t.change(func() { t.running, t.begun = false, false })
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	defer stopWith(l.closing, cancel)()
	var head eventstore.Position
	for wait := (backoff{}); ; {
		var err error
		if head, err = l.freshHead(ctx); err == nil {
			break
		}
		if wait.wait(ctx, l.closing) != nil {
			return
		}
	}
	t.change(func() { t.begun, t.from, t.at = true, head, head })
	for u, err := range l.subscribe(ctx, head, eventstore.Filter{}) {
		if err != nil {
			return
		}
		t.change(func() { t.take(u) })
	}
}

// stopWith calls stop when done is closed, unless the answer is called before.
func stopWith(done <-chan struct{}, stop func()) (release func()) {
	over := make(chan struct{})
	go func() {
		select {
		case <-done:
			stop()
		case <-over:
		}
	}()
	return func() { close(over) }
}

func (t *tail) change(do func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	do()
	close(t.news)
	t.news = make(chan struct{})
}

// take is called with mu held.
func (t *tail) take(u eventstore.Update) {
	t.at, t.caught, t.slow = max(t.at, u.Position), u.CaughtUp, false
	if u.Record == nil {
		return
	}
	if waits, ok := t.waiting[u.Position]; ok {
		close(waits)
		delete(t.waiting, u.Position)
	}
	t.records = append(t.records, *u.Record)
	t.bytes += len(u.Record.Data)
	for len(t.records) > tailRecords || t.bytes > tailBytes && len(t.records) > 1 {
		t.from = t.records[0].Position
		t.bytes -= len(t.records[0].Data)
		t.records[0] = eventstore.Record{}
		t.records = t.records[1:]
	}
}

// covers tells whether what lies behind a position is, or will be, here. It is
// called with mu held.
func (t *tail) covers(at eventstore.Position) bool {
	return t.running && t.begun && at >= t.from && at <= t.at
}

// first is where the records behind a position begin. It is called with mu held.
func (t *tail) first(at eventstore.Position) int {
	i, found := slices.BinarySearchFunc(t.records, at, func(r eventstore.Record, at eventstore.Position) int {
		return int(min(max(int64(r.Position)-int64(at), -1), 1))
	})
	if found {
		i++
	}
	return i
}

// reader is a follower that takes from the tail as long as it can, and
// otherwise from a subscription of its own.
type reader struct {
	log    *Log
	filter eventstore.Filter
	at     eventstore.Position
	passed int  // records passed over since the last word
	told   bool // that nothing more is there
	yield  func(eventstore.Update, error) bool
}

// readerTakes is how many records a follower takes from the tail at once.
const readerTakes = 256

// fromTail hands on what the tail has and gets; false tells that the follower
// wants no more. It ends when the tail does not cover it.
func (w *reader) fromTail(ctx context.Context) bool {
	t := &w.log.tail
	for {
		t.mu.Lock()
		if !t.covers(w.at) {
			t.mu.Unlock()
			return true
		}
		i := t.first(w.at)
		taken := slices.Clone(t.records[i:min(len(t.records), i+readerTakes)])
		all := i+len(taken) == len(t.records)
		at, caught, news := t.at, t.caught, t.news
		t.mu.Unlock()
		for i := range taken {
			if ctx.Err() != nil {
				return false
			}
			if !w.hand(&taken[i]) {
				return false
			}
		}
		if !all {
			continue
		}
		if at > w.at {
			w.at, w.told = at, false
		}
		if caught && !w.told && uint64(w.at) >= w.log.acked.Load() {
			w.told, w.passed = true, 0
			if !w.yield(eventstore.Update{Position: w.at, CaughtUp: true}, nil) {
				return false
			}
		}
		select {
		case <-news:
		case <-ctx.Done():
			return false
		case <-w.log.closing:
			return true
		}
	}
}

// hand gives a record of the tail to the follower, if it wants it.
func (w *reader) hand(r *eventstore.Record) bool {
	w.at, w.told = r.Position, false
	u := eventstore.Update{Position: r.Position}
	if wanted(&w.filter, r) {
		own := *r
		own.Data, own.BodyHash = bytes.Clone(r.Data), bytes.Clone(r.BodyHash)
		u.Record = &own
	} else if w.passed++; w.passed < passedOver {
		return true
	}
	w.passed = 0
	return w.yield(u, nil)
}

// alone follows over a subscription of its own until the tail covers it; false
// tells that the follower wants no more, or that following failed.
func (w *reader) alone(ctx context.Context) bool {
	for u, err := range w.log.subscribe(ctx, w.at, w.filter) {
		if err != nil {
			w.yield(u, err)
			return false
		}
		w.at, w.told = u.Position, u.CaughtUp
		if !w.yield(u, nil) {
			return false
		}
		w.log.startTail()
		t := &w.log.tail
		t.mu.Lock()
		covered := t.covers(w.at)
		t.mu.Unlock()
		if covered {
			return true
		}
	}
	return false // ctx is done
}

// shown waits a moment for the tail to bring what was just appended: so many
// records of a stream, the last at a position. It gives nil when it does not.
func (l *Log) shown(ctx context.Context, stream string, last eventstore.Position, records []eventstore.Record) []eventstore.Record {
	t := &l.tail
	t.mu.Lock()
	if t.slow || !t.running || !t.begun || last <= t.from {
		t.mu.Unlock()
		return nil
	}
	if t.at < last {
		if t.waiting == nil {
			t.waiting = map[eventstore.Position]chan struct{}{}
		}
		came, ok := t.waiting[last]
		if !ok {
			came = make(chan struct{})
			t.waiting[last] = came
		}
		t.mu.Unlock()
		late := time.NewTimer(tailWait)
		defer late.Stop()
		select {
		case <-came:
		case <-late.C:
		case <-l.closing:
		case <-ctx.Done():
		}
		t.mu.Lock()
		if t.at < last {
			t.slow = true
			delete(t.waiting, last)
			t.mu.Unlock()
			return nil
		}
	}
	end := t.first(last)
	begin := end - len(records)
	var done []eventstore.Record
	if begin >= 0 && t.records[end-1].Position == last {
		done = slices.Clone(t.records[begin:end])
	}
	t.mu.Unlock()
	for i := range done {
		if done[i].ID != records[i].ID || done[i].Stream != stream {
			return nil
		}
		done[i].Data, done[i].BodyHash = bytes.Clone(done[i].Data), bytes.Clone(done[i].BodyHash)
	}
	return done
}
