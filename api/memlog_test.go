package api

import (
	"context"
	"errors"
	"iter"
	"slices"
	"sync"
	"time"

	"parley/eventstore"
)

// memLog is a log in memory, for tests whose clock stands still: nothing in it
// waits for a disk. Positions have gaps, as they may.
type memLog struct {
	mu      sync.Mutex
	records []eventstore.Record
	news    chan struct{}
	broken  int // so many following reads fail
}

func newMemLog() *memLog { return &memLog{news: make(chan struct{})} }

func (l *memLog) Append(_ context.Context, stream string, expected eventstore.Revision, records ...eventstore.Record) ([]eventstore.Record, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	revision := eventstore.None
	for _, r := range l.records {
		if r.Stream == stream {
			revision = r.Revision
		}
	}
	if revision != expected {
		return nil, &eventstore.ConflictError{Stream: stream, Expected: expected, Actual: revision}
	}
	var written []eventstore.Record
	for _, r := range records {
		revision++
		r.Stream, r.Revision, r.Position, r.RecordedAt = stream, revision, eventstore.Position(len(l.records)+1)*3, time.Now()
		l.records = append(l.records, r)
		written = append(written, r)
	}
	close(l.news)
	l.news = make(chan struct{})
	return written, nil
}

// since gives what is after a position, and the channel that closes on more.
func (l *memLog) since(after eventstore.Position) ([]eventstore.Record, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.records[after/3:]), l.news
}

func (l *memLog) Read(_ context.Context, q eventstore.Query) iter.Seq2[eventstore.Record, error] {
	return func(yield func(eventstore.Record, error) bool) {
		records, _ := l.since(q.After)
		if q.Backwards {
			slices.Reverse(records)
		}
		for _, r := range records {
			if q.Until != 0 && r.Position > q.Until || q.Stream != "" && r.Stream != q.Stream {
				continue
			}
			if !yield(r, nil) {
				return
			}
		}
	}
}

func (l *memLog) Follow(ctx context.Context, after eventstore.Position, _ eventstore.Filter) iter.Seq2[eventstore.Update, error] {
	return func(yield func(eventstore.Update, error) bool) {
		for {
			records, news := l.since(after)
			for _, r := range records {
				l.mu.Lock()
				fails := l.broken > 0
				l.broken = max(0, l.broken-1)
				l.mu.Unlock()
				if fails {
					yield(eventstore.Update{}, errors.New("the log broke off"))
					return
				}
				after = r.Position
				if !yield(eventstore.Update{Position: after, Record: &r}, nil) {
					return
				}
			}
			if !yield(eventstore.Update{Position: after, CaughtUp: true}, nil) {
				return
			}
			select {
			case <-news:
			case <-ctx.Done():
				return
			}
		}
	}
}

func (l *memLog) Mark(context.Context, string, func(eventstore.Mark) ([]byte, bool)) (eventstore.Mark, error) {
	return eventstore.Mark{}, errors.New("no marks here")
}

func (l *memLog) Info(context.Context) (eventstore.Info, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return eventstore.Info{Store: "mem", Head: eventstore.Position(len(l.records)) * 3}, nil
}
