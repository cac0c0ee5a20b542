package eventstore

import (
	"context"
	"crypto/sha256"
	"errors"
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
)

// memLog is a log in memory: the contract, and nothing durable.
type memLog struct {
	mu      sync.Mutex
	news    chan struct{}
	records []Record
	streams map[string][]int
	marks   map[string]Mark
	reads   int
}

func newMemLog() *memLog {
	return &memLog{news: make(chan struct{}), streams: map[string][]int{}, marks: map[string]Mark{}}
}

func (l *memLog) Append(ctx context.Context, stream string, expected Revision, records ...Record) ([]Record, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	size := 0
	for _, r := range records {
		size += len(r.Name) + len(r.Data)
	}
	if size > MaxAppend {
		return nil, ErrTooLarge
	}
	if actual := Revision(len(l.streams[stream])) - 1; actual != expected {
		c := &ConflictError{Stream: stream, Expected: expected, Actual: actual}
		for i := expected + 1; i >= 0 && i <= actual; i++ {
			c.Records = append(c.Records, l.records[l.streams[stream][i]])
		}
		return nil, c
	}
	var written []Record
	for _, r := range records {
		r.Stream, r.Revision, r.Position = stream, Revision(len(l.streams[stream])), Position(len(l.records)+1)*10
		if r.RecordedAt.IsZero() {
			r.RecordedAt = time.Now()
		}
		r.Data = slices.Clone(r.Data)
		l.streams[stream] = append(l.streams[stream], len(l.records))
		l.records = append(l.records, r)
		written = append(written, r)
	}
	close(l.news)
	l.news = make(chan struct{})
	return written, nil
}

func (l *memLog) Read(ctx context.Context, q Query) iter.Seq2[Record, error] {
	l.mu.Lock()
	l.reads++
	var found []Record
	for _, r := range l.records {
		back := q.Backwards && q.From != None && r.Revision > q.From
		switch {
		case q.Stream != "" && (r.Stream != q.Stream || back || !q.Backwards && r.Revision < q.From):
		case r.Position <= q.After || q.Until != 0 && r.Position > q.Until:
		case len(q.Kinds) > 0 && !slices.Contains(q.Kinds, r.Kind()):
		case len(q.Names) > 0 && !slices.Contains(q.Names, r.Name):
		case q.Command != uuid.Nil && r.Command != q.Command:
		default:
			found = append(found, r)
		}
	}
	l.mu.Unlock()
	if q.Backwards {
		slices.Reverse(found)
	}
	if q.Limit > 0 && len(found) > q.Limit {
		found = found[:q.Limit]
	}
	return func(yield func(Record, error) bool) {
		for _, r := range found {
			if err := ctx.Err(); err != nil {
				yield(Record{}, err)
				return
			}
			if !yield(r, nil) {
				return
			}
		}
	}
}

func (l *memLog) Follow(ctx context.Context, after Position, f Filter) iter.Seq2[Update, error] {
	return func(yield func(Update, error) bool) {
		for ctx.Err() == nil {
			l.mu.Lock()
			from := int(after / 10)
			found, news := slices.Clone(l.records[from:]), l.news
			l.mu.Unlock()
			for i, r := range found {
				after = r.Position
				u := Update{Position: r.Position, CaughtUp: i == len(found)-1}
				if (len(f.Kinds) == 0 || slices.Contains(f.Kinds, r.Kind())) && (len(f.Names) == 0 || slices.Contains(f.Names, r.Name)) {
					u.Record = &r
				}
				if ctx.Err() != nil || !yield(u, nil) {
					return
				}
			}
			if len(found) == 0 && !yield(Update{Position: after, CaughtUp: true}, nil) {
				return
			}
			select {
			case <-news:
			case <-ctx.Done():
			}
		}
	}
}

func (l *memLog) Mark(ctx context.Context, name string, move func(Mark) ([]byte, bool)) (Mark, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	m := l.marks[name]
	if move == nil {
		return m, nil
	}
	if value, ok := move(m); ok {
		m = Mark{Value: slices.Clone(value), Revision: m.Revision + 1}
		l.marks[name] = m
	}
	return m, nil
}

func (l *memLog) Info(context.Context) (Info, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return Info{Store: "mem", Head: Position(len(l.records)) * 10}, nil
}

func (l *memLog) all() []Record {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.records)
}

// faultyLog fails as it is told, before or after the log has done its work.
type faultyLog struct {
	*memLog
	mu     sync.Mutex
	before func(stream string, records []Record) error
	after  func(stream string, records []Record) error
}

var errDisk = errors.New("the disk is gone")

func (l *faultyLog) Append(ctx context.Context, stream string, expected Revision, records ...Record) ([]Record, error) {
	l.mu.Lock()
	before, after := l.before, l.after
	l.mu.Unlock()
	if before != nil {
		if err := before(stream, records); err != nil {
			return nil, err
		}
	}
	written, err := l.memLog.Append(ctx, stream, expected, records...)
	if err == nil && after != nil {
		err = after(stream, records)
	}
	return written, err
}

func (l *faultyLog) set(before, after func(string, []Record) error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.before, l.after = before, after
}

// memKeys keeps keys in memory.
type memKeys struct {
	mu   sync.Mutex
	keys map[string][]byte // nil once destroyed
}

func (k *memKeys) Key(subject string, create bool) ([]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	key, ok := k.keys[subject]
	if ok && key == nil || !ok && !create {
		return nil, ErrNoKey
	}
	if !ok {
		sum := sha256.Sum256([]byte(subject + uuid.NewString()))
		key = sum[:]
		if k.keys == nil {
			k.keys = map[string][]byte{}
		}
		k.keys[subject] = key
	}
	return key, nil
}

func (k *memKeys) Destroy(subject string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.keys == nil {
		k.keys = map[string][]byte{}
	}
	k.keys[subject] = nil
	return nil
}

func (k *memKeys) Secret(name string) ([]byte, error) {
	sum := sha256.Sum256([]byte(name))
	return sum[:], nil
}
