package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"runtime/debug"
	"sync"
	"time"

	"parley/eventstore"
)

// shownFor is how long a rendered event is kept for the next feed. It is short,
// so that text of a person who is erased does not stay in memory; and no such
// text is shown once the key is gone.
const shownFor = 2 * time.Second

// entry is one event on its way to the feeds.
type entry struct {
	position eventstore.Position // 0: whispered, not stored
	keys     []string
	record   eventstore.Record
	whisper  []byte

	mu    sync.Mutex
	shown map[string]frame // by sort of audience; nil again after shownFor
}

// frame is an event as it is written; nil text means that there is nothing to
// tell this sort of audience.
type frame struct {
	text []byte
	gone uint64 // keys that were gone before it was rendered
}

// show renders an event for a sort of audience, once for all feeds that want
// it at about the same time. An event that cannot be shown is written down and
// passed over, so that it does not stop the feed for ever.
func (d *dispatcher) show(ctx context.Context, store, sort string, e *entry) []byte {
	if e.position == 0 {
		return e.whisper
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	gone, err := d.codec.Gone()
	if f, ok := e.shown[sort]; ok && err == nil && f.gone == gone {
		return f.text
	}
	text, fault := d.render(ctx, store, sort, e)
	if fault != nil {
		d.logger.ErrorContext(ctx, "an event that a live feed cannot show", "event", e.record.ID, "name", e.record.Name, "error", fault)
	}
	if err != nil { // of the keys, which rendering came upon as well: nothing is kept
		return text
	}
	if e.shown == nil {
		e.shown = map[string]frame{}
		time.AfterFunc(shownFor, e.forget)
	}
	e.shown[sort] = frame{text, gone}
	return text
}

// forget drops what was rendered.
func (e *entry) forget() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.shown = nil
}

// render asks for the public shape; nil when there is nothing to tell.
func (d *dispatcher) render(ctx context.Context, store, sort string, e *entry) (text []byte, err error) {
	if d.public == nil {
		return nil, nil
	}
	defer panicked(&err)
	name, body, ok := d.public(context.WithoutCancel(ctx), sort, e.record)
	if !ok {
		return nil, nil
	}
	return write(e.position.Text(store), name, body)
}

// panicked makes an error of a panic.
func panicked(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
	}
}

// write makes the lines of one server-sent event.
func write(id, name string, body any) ([]byte, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return nil, fmt.Errorf("api: the public shape of %s: %w", name, err)
	}
	var b bytes.Buffer
	if id != "" {
		b.WriteString("id: " + id + "\n")
	}
	b.WriteString("event: " + name + "\ndata: ")
	b.Write(text)
	b.WriteString("\n\n")
	return b.Bytes(), nil
}

// Whisper tells those whose feeds are open now something that is never stored
// and never repeated, such as that somebody types (API-3).
func (s *Server) Whisper(name string, body any, keys ...string) error {
	text, err := write("", name, body)
	if err != nil {
		return err
	}
	s.dispatcher.whisper(&entry{keys: keys, whisper: text})
	return nil
}

// WithinStream reads, oldest first, the records of one stream between two
// positions. A Resume uses it for keys whose events all lie in one stream, as
// a conversation's mostly do. Only where they begin is looked for from the end:
// a client that reads slowly must not hold all of them meanwhile.
func WithinStream(ctx context.Context, log eventstore.Log, stream string, after, until eventstore.Position) iter.Seq2[eventstore.Record, error] {
	return func(yield func(eventstore.Record, error) bool) {
		first, some := eventstore.Revision(0), false
		for r, err := range log.Read(ctx, eventstore.Query{Stream: stream, From: eventstore.None, Backwards: true, Lend: true}) {
			if err != nil {
				yield(eventstore.Record{}, err)
				return
			}
			if r.Position <= after {
				break
			}
			first, some = r.Revision, some || r.Position <= until
		}
		if !some {
			return
		}
		for r, err := range log.Read(ctx, eventstore.Query{Stream: stream, From: first}) {
			if err == nil && r.Position > until || !yield(r, err) || err != nil {
				return
			}
		}
	}
}
