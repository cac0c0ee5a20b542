package embedded

import (
	"context"

	"parley/eventstore"
)

// Ordered is one append of several that keep their order.
type Ordered = eventstore.Ordered

// AppendAll makes appends that lie in the log in the order given, and shares
// syncs among them: for whoever copies a log. Each is whole or not at all; after
// a crash the first of them are there. The error is that of the first which
// failed; those behind it may have been made. Nobody else should write to those
// streams.
func (l *Log) AppendAll(ctx context.Context, appends []Ordered) error {
	var failed error
	requests := make([]*request, 0, len(appends))
	for _, a := range appends {
		req, err := prepare(a.Stream, a.Expected, a.Records)
		if err == nil {
			err = l.hand(ctx, req)
		}
		if err != nil {
			failed = err
			break
		}
		requests = append(requests, req)
	}
	for _, req := range requests {
		err := l.outcome(req)
		if err == nil && req.conflict {
			err = l.conflict(ctx, req)
		}
		if err != nil {
			return err
		}
	}
	return failed
}

// Begin hands an append to the log, and gives what waits for its outcome, as
// Append does. What one caller begins one after the other lies in the log in that
// order, and shares syncs.
func (l *Log) Begin(ctx context.Context, stream string, expected eventstore.Revision, records ...eventstore.Record) (wait func() ([]eventstore.Record, error), err error) {
	req, err := prepare(stream, expected, records)
	if err == nil {
		err = l.hand(ctx, req)
	}
	if err != nil {
		return nil, err
	}
	return func() ([]eventstore.Record, error) {
		if err := l.outcome(req); err != nil {
			return nil, err
		}
		return l.written(ctx, req, records)
	}, nil
}
