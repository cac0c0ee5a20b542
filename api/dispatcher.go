package api

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"slices"
	"sort"
	"sync"
	"time"

	"parley/eventstore"
)

// Sizes of the live feed.
const (
	ringEntries = 8192     // events that a resume finds in memory
	ringBytes   = 16 << 20 // and their bytes at most
	queueLimit  = 256      // events waiting for one feed before it must catch up
	retryPause  = time.Second
)

// dispatcher follows the log once for all live feeds. It finds each event's
// audience, keeps the latest events in a ring, and hands each only to the
// feeds of its audience. It never waits for a feed: one that is slow loses its
// queue and catches up by itself.
type dispatcher struct {
	log      eventstore.Log
	codec    *eventstore.Codec
	audience Audience
	public   Public
	resume   Resume
	logger   *slog.Logger

	ready chan struct{} // closed once head is known

	mu    sync.Mutex
	head  eventstore.Position // followed up to here
	floor eventstore.Position // the ring holds all of (floor, head] that has an audience
	ring  []*entry            // by position
	bytes int
	feeds map[string]map[*subscription]struct{}
}

// Resume finds the records after one position, up to another, that may concern
// a key, in order; what it yields too much is dropped. Without it a feed that
// has been away for longer than the ring reads the log itself.
type Resume func(ctx context.Context, key string, after, until eventstore.Position) iter.Seq2[eventstore.Record, error]

// subscription is one open feed's place at the dispatcher.
type subscription struct {
	key   string
	bell  chan struct{} // rung when there is something to take
	queue []*entry
	lost  bool // the queue was dropped: catch up from the ring or the log
}

// run follows the log until ctx is done. Feeds open only once it runs.
func (d *dispatcher) run(ctx context.Context) error {
	info, err := d.log.Info(ctx)
	if err != nil {
		return err
	}
	d.mu.Lock()
	d.head, d.floor = info.Head, info.Head
	d.mu.Unlock()
	close(d.ready)
	after := info.Head
	for ctx.Err() == nil {
		for u, err := range d.log.Follow(ctx, after, eventstore.Filter{}) {
			if err != nil {
				if !errors.Is(err, context.Canceled) {
					d.logger.ErrorContext(ctx, "the live feed lost the log and tries again", "error", err)
				}
				break
			}
			after = u.Position
			if u.Record == nil {
				d.pass(u.Position)
				continue
			}
			d.deliver(d.entry(*u.Record))
		}
		select {
		case <-ctx.Done():
		case <-time.After(retryPause):
		}
	}
	return nil
}

// entry finds the audience of a record. A record that cannot be read has none:
// it is written down, and what follows it goes on.
func (d *dispatcher) entry(r eventstore.Record) *entry {
	keys, err := d.keys(r)
	if err != nil {
		d.logger.Error("an event without a live feed: it cannot be read", "event", r.ID, "name", r.Name, "error", err)
	}
	return &entry{position: r.Position, record: r, keys: keys}
}

func (d *dispatcher) keys(r eventstore.Record) (keys []string, err error) {
	if d.audience == nil {
		return nil, nil
	}
	defer panicked(&err)
	fact, err := d.codec.Fact(r)
	if err != nil {
		return nil, err
	}
	return d.audience(fact), nil
}

// pass notes that the log was read up to a position without anything to tell.
func (d *dispatcher) pass(p eventstore.Position) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.head = max(d.head, p)
}

// deliver puts an event into the ring and into the queues of its audience.
func (d *dispatcher) deliver(e *entry) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.head = max(d.head, e.position)
	if len(e.keys) == 0 {
		return
	}
	d.ring = append(d.ring, e)
	d.bytes += len(e.record.Data)
	drop := 0
	for drop < len(d.ring) && (len(d.ring)-drop > ringEntries || d.bytes > ringBytes) {
		d.floor = d.ring[drop].position
		d.bytes -= len(d.ring[drop].record.Data)
		d.ring[drop] = nil
		drop++
	}
	d.ring = d.ring[drop:]
	d.offer(e)
}

// whisper tells those who listen now something that is never stored, such as
// that somebody types.
func (d *dispatcher) whisper(e *entry) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.offer(e)
}

// offer queues an event for its audience. A feed of two of its keys does not
// exist, so nobody gets it twice.
func (d *dispatcher) offer(e *entry) {
	for i, key := range e.keys {
		if slices.Contains(e.keys[:i], key) {
			continue
		}
		for sub := range d.feeds[key] {
			switch {
			case sub.lost:
			case len(sub.queue) >= queueLimit:
				sub.queue, sub.lost = nil, true
			default:
				sub.queue = append(sub.queue, e)
			}
			select {
			case sub.bell <- struct{}{}:
			default:
			}
		}
	}
}

// subscribe opens a feed's place, once the dispatcher runs, and tells how far
// the log was followed at that moment: all later events of its key will be in
// its queue.
func (d *dispatcher) subscribe(ctx context.Context, key string) (*subscription, eventstore.Position, error) {
	select {
	case <-d.ready:
	case <-ctx.Done():
		return nil, 0, ctx.Err()
	}
	sub := &subscription{key: key, bell: make(chan struct{}, 1)}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.feeds[key] == nil {
		d.feeds[key] = map[*subscription]struct{}{}
	}
	d.feeds[key][sub] = struct{}{}
	return sub, d.head, nil
}

func (d *dispatcher) unsubscribe(sub *subscription) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.feeds[sub.key], sub)
	if len(d.feeds[sub.key]) == 0 {
		delete(d.feeds, sub.key)
	}
}

// take empties a feed's queue. All of the feed's events up to head are in what
// was taken before and in queue; when the queue was lost, since it grew too
// long, they are to be caught up with.
func (d *dispatcher) take(sub *subscription) (queue []*entry, lost bool, head eventstore.Position) {
	d.mu.Lock()
	defer d.mu.Unlock()
	queue, lost = sub.queue, sub.lost
	sub.queue, sub.lost = nil, false
	return queue, lost, d.head
}

// missed yields the key's events in (after, until], from the ring when it
// reaches back far enough, else from the log; then with others between them, so
// that the feed knows how far it is.
func (d *dispatcher) missed(ctx context.Context, key string, after, until eventstore.Position) iter.Seq2[*entry, error] {
	return func(yield func(*entry, error) bool) {
		if after >= until {
			return
		}
		if recent, ok := d.recent(key, after, until); ok {
			for _, e := range recent {
				if !yield(e, nil) {
					return
				}
			}
			return
		}
		records := d.scan(ctx, after, until)
		if d.resume != nil {
			records = d.resume(ctx, key, after, until)
		}
		for r, err := range records {
			if err != nil {
				yield(nil, err)
				return
			}
			if r.Position <= after || r.Position > until {
				continue
			}
			if !yield(d.entry(r), nil) {
				return
			}
		}
	}
}

// scan reads a part of the whole log.
func (d *dispatcher) scan(ctx context.Context, after, until eventstore.Position) iter.Seq2[eventstore.Record, error] {
	return d.log.Read(ctx, eventstore.Query{After: after, Until: until})
}

// recent finds the key's events in the ring.
func (d *dispatcher) recent(key string, after, until eventstore.Position) ([]*entry, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if after < d.floor {
		return nil, false
	}
	var found []*entry
	from := sort.Search(len(d.ring), func(i int) bool { return d.ring[i].position > after })
	for _, e := range d.ring[from:] {
		if e.position > until {
			break
		}
		if slices.Contains(e.keys, key) {
			found = append(found, e)
		}
	}
	return found, true
}
