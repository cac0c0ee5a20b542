package eventstore

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"

	"parley/domain"
)

// Meta is what a command brings beside its content.
type Meta struct {
	Command     uuid.UUID    // names the command, so that it may be repeated; zero: a fresh UUIDv7
	At          time.Time    // when it happened; zero: now
	Actor       domain.Actor // who does it
	BodyHash    []byte       // HMAC of the request's body; nil without one
	Correlation uuid.UUID    // the request or import it belongs to; zero: the command
	Causation   uuid.UUID    // the event it follows from; zero for a request
	Imported    bool         // it happened elsewhere: nothing follows from it
}

// Outcome is what became of a command.
type Outcome struct {
	Stream   string
	Position Position // of the last record written; when none was, of the last one the decision saw
	Revision Revision // of the stream, as the decision left it
	Records  []Record // what the command recorded, now or, when Repeated, the first time
	Events   []any    // the same, typed, in the clear, sharing no memory with any state
	Repeated bool     // the command was on record in this stream before
}

// ErrKeyReused refuses a command id that already names another request.
var ErrKeyReused = &domain.Error{Code: "idempotency_key_reused", Field: "Idempotency-Key", Message: "this key was used for another request: send a new key with a new request, and the same body with the same key"}

// maxTries bounds how often a command is decided again because others were
// first, or appended again because the outcome was unknown.
const (
	maxConflicts = 64
	maxUnknown   = 5
)

// Do decides a command and records its events; what follows from them is left
// to others. It answers once they are durable.
//
// A command id on record in the stream is answered with what it recorded. A
// refusal, and the answer that nothing needs recording, are given only about
// the stream's confirmed head. An append whose outcome is unknown is repeated
// with the same ids, so that it lands once.
func Do[S, E any](ctx context.Context, e *Engine, k *domain.Kind[S, E], id string, cmd domain.Command[S, E], m Meta) (Outcome, error) {
	if id == "" {
		return Outcome{}, domain.Invalid("id", "name the "+k.Name+" by its id")
	}
	named := m.Command != uuid.Nil
	m, err := e.complete(m)
	if err != nil {
		return Outcome{}, err
	}
	if named {
		if err := e.doing.Enter(ctx, m.Command); err != nil {
			return Outcome{}, err
		}
		defer e.doing.Leave(m.Command)
	}
	stream := k.Stream(id)
	en, err := e.states.acquire(ctx, stream)
	if err != nil {
		return Outcome{}, err
	}
	defer e.states.release(en)
	h, confirmed, looked, doubtful := take[S](en), false, !named, false
	for range maxConflicts {
		if h == nil {
			if h, err = load(ctx, e, k, stream); err != nil {
				return Outcome{}, err
			}
			// What an append of unknown outcome recorded may be in it.
			confirmed, looked = true, !named && !doubtful
		}
		// Only after the state was read is its command looked for. Another process
		// that does this very command between the two would else be in the state and
		// not be found: what it did would be done once more on top of itself, or be
		// refused because of itself.
		if !looked {
			own, err := e.recorded(ctx, stream, m)
			if err != nil || len(own) > 0 {
				put(en, h)
			}
			if err != nil {
				return Outcome{}, err
			}
			if len(own) > 0 {
				out, err := e.repeat(k.Name, own, m)
				out.Repeated = out.Repeated && !doubtful
				return out, err
			}
			looked = true
		}
		events, refusal := cmd.Decide(h.value)
		if refusal != nil || len(events) == 0 {
			if !confirmed {
				since, err := forward(ctx, e, k, stream, h)
				if err != nil {
					return Outcome{}, err
				}
				// Another process may have done this very command meanwhile.
				if own := ofCommand(since, stream, m.Command); len(own) > 0 {
					put(en, h)
					return e.repeat(k.Name, own, m)
				}
				if confirmed = true; len(since) > 0 {
					continue
				}
			}
			put(en, h)
			return Outcome{Stream: stream, Position: h.position, Revision: h.revision}, refusal
		}
		d, err := prepare(e, k, id, stream, h, events, m)
		if err != nil {
			if !d.mutated {
				put(en, h)
			}
			return Outcome{}, err
		}
		written, unknown, err := e.append(ctx, stream, h.revision, d.records)
		conflict, lost := errors.AsType[*ConflictError](err)
		switch {
		case err == nil:
			if len(written) != len(d.records) {
				return Outcome{}, &DamageError{Where: stream, What: "the store tells of other records than it was given"}
			}
			if applied(k, h, d, written) {
				put(en, h)
			}
			return d.outcome(e, written)
		case !lost:
			if _, refused := errors.AsType[*domain.Error](err); refused && !d.mutated {
				put(en, h)
			}
			return Outcome{}, err
		}
		confirmed, doubtful = true, doubtful || unknown
		if own := ofCommand(conflict.Records, stream, m.Command); len(own) > 0 {
			out, err := e.repeat(k.Name, own, m)
			out.Repeated = out.Repeated && !doubtful
			return out, err
		}
		if d.mutated || unknown || len(conflict.Records) == 0 {
			h = nil
			continue
		}
		for _, r := range conflict.Records {
			if err := apply(e.Codec, k, h, r); err != nil {
				return Outcome{}, err
			}
		}
	}
	return Outcome{}, store(fmt.Errorf("eventstore: %s was written by others each of the %d times this was decided", stream, maxConflicts))
}

// complete fills in what a Meta leaves open.
func (e *Engine) complete(m Meta) (Meta, error) {
	if m.Command == uuid.Nil {
		fresh, err := uuid.NewV7()
		if err != nil {
			return m, fmt.Errorf("eventstore: no id for the command: %w", err)
		}
		m.Command = fresh
	}
	if m.At.IsZero() {
		m.At = e.Now()
	}
	m.At = m.At.Round(0).UTC()
	if m.Correlation == uuid.Nil {
		m.Correlation = m.Command
	}
	return m, nil
}

// derive is domain.Derive as a UUID.
func derive(parts ...string) uuid.UUID { return domain.DeriveBytes(parts...) }

// eventID names the event a command records at an index of a stream.
func eventID(command uuid.UUID, stream string, index int) uuid.UUID {
	return derive(command.String(), stream, strconv.Itoa(index))
}
