package esdb

import (
	"context"
	"errors"
	"fmt"
	"io"

	client "github.com/EventStore/EventStore-Client-Go/v4/esdb"

	"parley/domain"
	"parley/eventstore"
)

// Append writes records. The server tells only where the last one stands, and not
// when it recorded them: the tail of the log, or reading them back, tells that. While its outcome is not
// known it is repeated with the same ids and the same revision, which the
// server knows again, so it is written once.
func (l *Log) Append(ctx context.Context, stream string, expected eventstore.Revision, records ...eventstore.Record) ([]eventstore.Record, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	for i := range records {
		if !records[i].RecordedAt.IsZero() && l.recorded.Load() == 0 {
			if err := l.findRecorded(ctx); err != nil {
				return nil, err
			}
		}
	}
	events, err := l.events(stream, expected, records)
	if err != nil {
		return nil, err
	}
	l.startTail()
	var last eventstore.Position
	for {
		err := l.insist(ctx, func(ctx context.Context) (err error) {
			last, err = l.put(ctx, stream, expected, events)
			return err
		})
		if err == nil {
			break
		}
		if faultOf(err) != faultWrong {
			return nil, err
		}
		conflict, err := l.conflict(ctx, stream, expected)
		if err != nil || conflict != nil {
			return nil, errors.Join(err, asError(conflict))
		}
	}
	if done := l.shown(ctx, stream, last, records); done != nil {
		l.seenAcked(last)
		return done, nil
	}
	done := make([]eventstore.Record, 0, len(records))
	for r, err := range l.Read(ctx, eventstore.Query{Stream: stream, From: expected + 1, Limit: len(records)}) {
		if err != nil {
			return nil, err
		}
		if n := len(done); n < len(events) && r.ID != events[n].EventID {
			break
		}
		done = append(done, r)
	}
	if len(done) != len(records) {
		return nil, fmt.Errorf("eventstore: EventStoreDB at %s took %d records of %s and shows %d of them: restore it from a backup", l.server, len(records), stream, len(done))
	}
	l.seenAcked(done[len(done)-1].Position)
	return done, nil
}

// reason asks why the server hung up while it was being sent events: the
// client then loses what the server said. Nothing at all is appended, at the
// same revision, and refused for the same reason.
func (l *Log) reason(ctx context.Context, stream string, expected eventstore.Revision) error {
	_, err := call(ctx, l, func(ctx context.Context, c *client.Client) (*client.WriteResult, error) {
		return c.AppendToStream(ctx, stream, client.AppendToStreamOptions{ExpectedRevision: expectedOf(expected)})
	})
	if err == nil {
		return errHungUp
	}
	return err
}

// errHungUp tells that the server broke off and gives no reason.
var errHungUp = fmt.Errorf("it broke off while it was being sent the events: %w", io.ErrUnexpectedEOF)

func asError(c *eventstore.ConflictError) error {
	if c == nil {
		return nil
	}
	return c
}

// conflict reads what is in the way; nil when nothing is any more, which a
// server that lagged behind may show.
func (l *Log) conflict(ctx context.Context, stream string, expected eventstore.Revision) (*eventstore.ConflictError, error) {
	c := &eventstore.ConflictError{Stream: stream, Expected: expected, Actual: eventstore.None}
	for r, err := range l.Read(ctx, eventstore.Query{Stream: stream, From: expected + 1}) {
		if err != nil {
			return nil, err
		}
		c.Actual = r.Revision
		c.Records = append(c.Records, r)
	}
	if len(c.Records) > 0 {
		return c, nil
	}
	for r, err := range l.Read(ctx, eventstore.Query{Stream: stream, From: eventstore.None, Backwards: true, Limit: 1}) {
		if err != nil {
			return nil, err
		}
		c.Actual = r.Revision
	}
	if c.Actual == expected {
		return nil, nil
	}
	if c.Actual > expected {
		return l.conflict(ctx, stream, expected)
	}
	return c, nil
}

// findRecorded learns when the last record was recorded, before the first
// copy is appended: recorded-at never runs backwards.
func (l *Log) findRecorded(ctx context.Context) error {
	for _, err := range l.Read(ctx, eventstore.Query{Backwards: true, Limit: 1}) {
		if err != nil {
			return err
		}
	}
	return nil
}

// errMark refuses a mark's name.
var errMark = domain.Invalid("mark", "a mark's name has 1 to 1024 bytes, none of them zero")
