package embedded

import (
	"bytes"
	"context"
	"encoding/binary"
	"maps"
	"strings"
	"sync"

	"github.com/cockroachdb/pebble/v2"

	"parley/domain"
	"parley/eventstore"
)

// marks are the acknowledged marks, all of them in memory: they are few and
// small, and a mark that is not durable yet must not be seen.
type marks struct {
	mu  sync.RWMutex
	all map[string]eventstore.Mark
}

func (m *marks) get(name string) eventstore.Mark {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.all[name]
}

func (m *marks) set(written map[string]eventstore.Mark) {
	if len(written) == 0 {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	maps.Copy(m.all, written)
}

// markWrite asks the writer to write a mark whose revision is still expected.
type markWrite struct {
	name     string
	expected uint64
	value    []byte
}

// Mark reads or moves a mark. Moving shares the writer's sync with whatever
// is appended at the time; the writer compares the revision.
func (l *Log) Mark(ctx context.Context, name string, move func(eventstore.Mark) ([]byte, bool)) (eventstore.Mark, error) {
	if name == "" || len(name) > maxText || strings.IndexByte(name, 0) >= 0 {
		return eventstore.Mark{}, domain.Invalid("mark", "a mark's name has 1 to 1024 bytes, none of them zero")
	}
	for {
		select {
		case <-l.closing:
			return eventstore.Mark{}, eventstore.ErrClosed
		default:
		}
		m := l.marks.get(name)
		m.Value = bytes.Clone(m.Value)
		if move == nil {
			return m, nil
		}
		value, ok := move(m)
		if !ok {
			return m, nil
		}
		if len(value) > eventstore.MaxAppend {
			return eventstore.Mark{}, eventstore.ErrTooLarge
		}
		write := &markWrite{name: name, expected: m.Revision, value: bytes.Clone(value)}
		req := &request{mark: write, size: len(value), done: make(chan struct{})}
		if err := l.submit(ctx, req); err != nil {
			return eventstore.Mark{}, err
		}
		if !req.conflict {
			return eventstore.Mark{Value: value, Revision: m.Revision + 1}, nil
		}
	}
}

// Marks gives all marks by name, for who moves a log to another store.
func (l *Log) Marks(context.Context) (map[string]eventstore.Mark, error) {
	l.marks.mu.RLock()
	defer l.marks.mu.RUnlock()
	all := make(map[string]eventstore.Mark, len(l.marks.all))
	for name, m := range l.marks.all {
		m.Value = bytes.Clone(m.Value)
		all[name] = m
	}
	return all, nil
}

// addMark puts a mark into the batch unless another was first; written holds
// those of this batch.
func (w *writer) addMark(b *pebble.Batch, req *request, written map[string]eventstore.Mark) error {
	m, ok := written[req.mark.name]
	if !ok {
		m = w.log.marks.get(req.mark.name)
	}
	if m.Revision != req.mark.expected {
		req.conflict = true
		return nil
	}
	m = eventstore.Mark{Value: req.mark.value, Revision: m.Revision + 1}
	written[req.mark.name] = m
	return b.Set(markKey(nil, req.mark.name), encodeMark(m), nil)
}

// A stored mark is a checksum, the revision and the value.
func encodeMark(m eventstore.Mark) []byte {
	buf := binary.AppendUvarint(make([]byte, 4, 16+len(m.Value)), m.Revision)
	buf = append(buf, m.Value...)
	binary.BigEndian.PutUint32(buf, checksum(buf[4:]))
	return buf
}

func decodeMark(b []byte) (eventstore.Mark, bool) {
	if len(b) < 5 || binary.BigEndian.Uint32(b) != checksum(b[4:]) {
		return eventstore.Mark{}, false
	}
	revision, n := binary.Uvarint(b[4:])
	return eventstore.Mark{Revision: revision, Value: bytes.Clone(b[4+n:])}, n > 0
}

// loadMarks reads all marks when the log is opened.
func (l *Log) loadMarks() (map[string]eventstore.Mark, error) {
	all := map[string]eventstore.Mark{}
	it, err := l.db.NewIter(&pebble.IterOptions{LowerBound: []byte{spaceMark}, UpperBound: []byte{spaceMark + 1}})
	if err != nil {
		return nil, l.damage(err)
	}
	defer it.Close()
	for it.First(); it.Valid(); it.Next() {
		value, err := it.ValueAndErr()
		if err != nil {
			return nil, l.damage(err)
		}
		name := string(it.Key()[1:])
		m, ok := decodeMark(value)
		if !ok {
			return nil, damaged("the checksum does not match the mark", "the mark %q", name)
		}
		all[name] = m
	}
	return all, l.damage(it.Error())
}
