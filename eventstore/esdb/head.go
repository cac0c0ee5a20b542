package esdb

import (
	"context"
	"errors"
	"sync"

	client "github.com/EventStore/EventStore-Client-Go/v4/esdb"

	"parley/eventstore"
)

// headSeen remembers how far the log was looked through for its last record,
// so that marks, which share the log with records, are passed over once.
type headSeen struct {
	mu     sync.Mutex
	head   eventstore.Position // the last position that a follower reaches
	looked eventstore.Position // nothing but marks between head and here
}

// Info tells the log's name and the last position that followers reach: marks
// and the server's own events are never followed.
func (l *Log) Info(ctx context.Context) (eventstore.Info, error) {
	head, err := l.freshHead(ctx)
	return eventstore.Info{Store: l.store, Head: head}, err
}

// flights let many who want to know the head share one question.
type flights struct {
	mu      sync.Mutex
	next    *flight // asked once the question under way is answered
	running bool
}

type flight struct {
	done chan struct{}
	head eventstore.Position
	err  error
}

// freshHead asks for the head. An answer to a question that was asked before
// this call would be too old: who comes while one is under way shares the next.
func (l *Log) freshHead(ctx context.Context) (eventstore.Position, error) {
	l.heads.mu.Lock()
	if l.heads.next == nil {
		l.heads.next = &flight{done: make(chan struct{})}
	}
	mine := l.heads.next
	if !l.heads.running {
		l.heads.running = true
		go l.fly()
	}
	l.heads.mu.Unlock()
	select {
	case <-mine.done:
		return mine.head, mine.err
	case <-l.closing:
		return 0, eventstore.ErrClosed
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// fly answers questions until there are none.
func (l *Log) fly() {
	for {
		l.heads.mu.Lock()
		f := l.heads.next
		l.heads.next, l.heads.running = nil, f != nil
		l.heads.mu.Unlock()
		if f == nil {
			return
		}
		f.err = l.insist(context.Background(), func(ctx context.Context) (err error) {
			f.head, err = l.findHead(ctx)
			return err
		})
		close(f.done)
	}
}

func (l *Log) findHead(ctx context.Context) (eventstore.Position, error) {
	l.head.mu.Lock()
	head, looked := l.head.head, l.head.looked
	l.head.mu.Unlock()
	found, newest := head, looked
	var from client.AllPosition = client.End{}
	// One event tells whether anything is new; when it is a mark, more is read.
	for size := uint64(1); ; size = page {
		got, done := uint64(0), false
		f := l.readFeed(ctx, func(ctx context.Context, c *client.Client) (*client.ReadStream, error) {
			return c.ReadAll(ctx, client.ReadAllOptions{Direction: client.Backwards, From: from}, size)
		})
		err := f.each(ctx, func(e *client.RecordedEvent) error {
			got++
			p := eventstore.Position(e.Position.Commit)
			newest = max(newest, p)
			from = e.Position
			switch {
			case p <= looked:
				done = true
			case !beside(e.StreamID):
				found, done = p, true
			}
			if done {
				return errEnd
			}
			return nil
		})
		if err != nil && !errors.Is(err, errEnd) {
			return 0, err
		}
		if done || got < size {
			break
		}
	}
	l.head.mu.Lock()
	defer l.head.mu.Unlock()
	l.head.head, l.head.looked = max(l.head.head, found), max(l.head.looked, newest)
	return l.head.head, nil
}

// end is the position of the very last event, whatever it is; 0 of an empty
// log.
func (l *Log) end(ctx context.Context) (eventstore.Position, error) {
	end := eventstore.Position(0)
	f := l.readFeed(ctx, func(ctx context.Context, c *client.Client) (*client.ReadStream, error) {
		return c.ReadAll(ctx, client.ReadAllOptions{Direction: client.Backwards, From: client.End{}}, 1)
	})
	err := f.each(ctx, func(e *client.RecordedEvent) error {
		end = eventstore.Position(e.Position.Commit)
		return nil
	})
	return end, err
}
