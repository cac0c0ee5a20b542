package eventstore

import (
	"bytes"
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"parley/domain"
)

// commandKnower is a log that may know all that a command recorded without
// reading; ok is false when it does not.
type commandKnower interface {
	Recorded(command uuid.UUID) (records []Record, ok bool)
}

// recorded gives what a command has recorded in a stream. A command that is on
// record for another request, in whatever stream, is refused: recorded once
// more, it would keep the first request from being repeated.
func (e *Engine) recorded(ctx context.Context, stream string, m Meta) ([]Record, error) {
	if log, ok := e.Log.(commandKnower); ok {
		if records, ok := log.Recorded(m.Command); ok {
			return ofRequest(nil, stream, m, records...)
		}
	}
	return e.recordedBefore(ctx, stream, m)
}

// recordedBefore asks the log. It stands apart for what it asks for in memory.
func (e *Engine) recordedBefore(ctx context.Context, stream string, m Meta) ([]Record, error) {
	var found []Record
	for r, err := range e.Log.Read(ctx, Query{Command: m.Command}) {
		if err != nil {
			return nil, store(err)
		}
		if found, err = ofRequest(found, stream, m, r); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// ofRequest adds those of a command's records that lie in a stream, and refuses
// those of another request.
func ofRequest(found []Record, stream string, m Meta, records ...Record) ([]Record, error) {
	for _, r := range records {
		if !bytes.Equal(r.BodyHash, m.BodyHash) {
			return nil, ErrKeyReused
		}
		if r.Stream == stream {
			found = append(found, r)
		}
	}
	return found, nil
}

func ofCommand(records []Record, stream string, command uuid.UUID) []Record {
	var own []Record
	for _, r := range records {
		if r.Command == command && r.Stream == stream {
			own = append(own, r)
		}
	}
	return own
}

// repeat answers a command with what it recorded before.
func (e *Engine) repeat(kind string, records []Record, m Meta) (Outcome, error) {
	last := records[len(records)-1]
	out := Outcome{Stream: last.Stream, Position: last.Position, Revision: last.Revision, Repeated: true}
	for _, r := range records {
		if !bytes.Equal(r.BodyHash, m.BodyHash) {
			return Outcome{}, ErrKeyReused
		}
		if carries(kind, r.Name) {
			continue
		}
		event, err := e.Codec.Open(r)
		if err != nil {
			return Outcome{}, err
		}
		out.Records, out.Events = append(out.Records, r), append(out.Events, event)
	}
	return out, nil
}

// append writes the records, again and again with the same ids while it is
// unknown whether they were written. unknown tells that it once was.
func (e *Engine) append(ctx context.Context, stream string, expected Revision, records []Record) (written []Record, unknown bool, err error) {
	for try := 1; ; try++ {
		written, err = e.Log.Append(ctx, stream, expected, records...)
		if err == nil {
			return written, unknown, nil
		}
		if _, lost := errors.AsType[*ConflictError](err); lost {
			return nil, unknown, err
		}
		if _, refused := errors.AsType[*domain.Error](err); refused {
			return nil, unknown, err
		}
		unknown = true
		if try == maxUnknown || errors.Is(err, ErrClosed) || errors.Is(err, ErrStopped) || errors.Is(err, ErrAway) || !pause(ctx, time.Duration(try*try)*10*time.Millisecond) {
			return nil, unknown, store(err)
		}
	}
}

// pause waits, and tells whether ctx still lives.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// storeError marks what failed in the store rather than in the command: it may
// pass, so it is tried again and never held against an event.
type storeError struct{ err error }

func (s storeError) Error() string { return s.err.Error() }
func (s storeError) Unwrap() error { return s.err }

// store marks an error of the store. Refusals and damage stay what they are.
func store(err error) error {
	if _, refused := errors.AsType[*domain.Error](err); refused {
		return err
	}
	if _, damaged := errors.AsType[*DamageError](err); damaged {
		return err
	}
	return storeError{err}
}
