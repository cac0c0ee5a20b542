package embedded

import (
	"context"
	"strings"
	"time"

	"parley/domain"
	"parley/eventstore"
)

// Append adds records to a stream. All the work that needs no order is done
// here, by the caller's goroutine. Once the writer has the append, its outcome
// is waited for even when ctx ends: it is left unknown only when the log stops.
func (l *Log) Append(ctx context.Context, stream string, expected eventstore.Revision, records ...eventstore.Record) ([]eventstore.Record, error) {
	req, err := prepare(stream, expected, records)
	if err != nil {
		return nil, err
	}
	if err := l.submit(ctx, req); err != nil {
		return nil, err
	}
	return l.written(ctx, req, records)
}

// written gives the records of an append that the writer has answered, with the
// caller's own data, or what was in the way.
func (l *Log) written(ctx context.Context, req *request, records []eventstore.Record) ([]eventstore.Record, error) {
	if req.conflict {
		return nil, l.conflict(ctx, req)
	}
	done := make([]eventstore.Record, len(records))
	for i := range req.records {
		r := req.records[i].Apart() // what followers decoded is theirs
		r.Data, r.BodyHash = records[i].Data, records[i].BodyHash
		done[i] = r
	}
	return done, nil
}

// mostEncoded bounds what an append takes with all its envelopes, of which a
// million may come with 1 MiB of names: Pebble panics on a batch of 4 GiB, which
// would stop the log for everybody, and a batch holds all of it three times.
const mostEncoded = 256 << 20

// Takes refuses a record that could not be appended to a stream, whatever there is
// in it: for whoever looks at all of many before he appends the first.
func (l *Log) Takes(stream string, r eventstore.Record) error {
	_, err := prepare(stream, eventstore.None, []eventstore.Record{r})
	return err
}

// prepare refuses what cannot be stored and encodes the rest.
func prepare(stream string, expected eventstore.Revision, records []eventstore.Record) (*request, error) {
	if stream == "" || len(stream) > maxText || strings.IndexByte(stream, 0) >= 0 {
		return nil, domain.Invalid("stream", "a stream's name has 1 to 1024 bytes, none of them zero")
	}
	if expected < eventstore.None {
		return nil, domain.Invalid("expected", "the expected revision is the stream's last one, or -1 for a new stream")
	}
	if len(records) == 0 {
		return nil, domain.Invalid("records", "an append has at least one record")
	}
	size, total := 0, 0
	for i := range records {
		if err := validate(&records[i]); err != nil {
			return nil, err
		}
		size += len(records[i].Data) + len(records[i].Name)
		total += room(&records[i]) + len(stream)
	}
	if size > eventstore.MaxAppend || total > mostEncoded {
		return nil, eventstore.ErrTooLarge
	}
	req := &request{stream: stream, expected: expected, done: make(chan struct{})}
	req.records = append(req.records, records...)
	buf := make([]byte, 0, total)
	for i := range req.records {
		r := &req.records[i]
		r.Stream = stream
		r.HappenedAt = r.HappenedAt.UTC().Truncate(time.Microsecond)
		r.RecordedAt = r.RecordedAt.UTC().Truncate(time.Microsecond)
		start := len(buf)
		buf = encode(buf, r)
		encoded := buf[start:len(buf):len(buf)]
		r.Data = encoded[len(encoded)-len(r.Data):]
		if r.BodyHash != nil {
			r.BodyHash = append(make([]byte, 0, len(r.BodyHash)), r.BodyHash...)
		}
		req.encoded = append(req.encoded, encoded)
	}
	req.size = len(buf)
	return req, nil
}

// submit hands a request to the writer and waits for its outcome.
func (l *Log) submit(ctx context.Context, req *request) error {
	if err := l.hand(ctx, req); err != nil {
		return err
	}
	return l.outcome(req)
}

// hand gives a request to the writer, which takes them in this order.
func (l *Log) hand(ctx context.Context, req *request) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := l.stoppedBy(); err != nil {
		return err
	}
	select {
	case <-l.closing:
		return eventstore.ErrClosed
	default:
	}
	select {
	case l.writer.queue <- req:
		return nil
	case <-l.closing:
		return eventstore.ErrClosed
	case <-l.halt:
		return l.stoppedBy()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// outcome waits until the writer has answered a request.
func (l *Log) outcome(req *request) error {
	select {
	case <-req.done:
		return req.err
	case <-l.writer.done:
		select { // the writer has ended: it answered, or never took the request
		case <-req.done:
			return req.err
		default:
			return eventstore.ErrClosed
		}
	case <-l.halt:
		return l.stoppedBy()
	}
}

// conflict reads what was in the way when the writer decided.
func (l *Log) conflict(ctx context.Context, req *request) error {
	c := &eventstore.ConflictError{Stream: req.stream, Expected: req.expected, Actual: req.actual}
	if req.expected >= req.actual {
		return c
	}
	q := eventstore.Query{Stream: req.stream, From: req.expected + 1, Limit: int(req.actual - req.expected)}
	for r, err := range l.Read(ctx, q) {
		if err != nil {
			return err
		}
		c.Records = append(c.Records, r)
	}
	return c
}
