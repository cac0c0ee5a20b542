package esdbnode

import (
	"context"
	"errors"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"google.golang.org/protobuf/types/known/emptypb"

	"parley/eventstore"
)

// beginner is a log that takes an append before the last one is durable: the
// embedded one.
type beginner interface {
	Begin(ctx context.Context, stream string, expected eventstore.Revision, records ...eventstore.Record) (wait func() ([]eventstore.Record, error), err error)
}

// beginBatch hands an append to one of Parley's own streams to the log, and
// gives what waits for its outcome. Such streams are never deleted or truncated,
// so that the log itself judges the revision that is expected.
func (s *streamStore) beginBatch(ctx context.Context, b *batch) func() *streams.BatchAppendResp {
	log, ok := s.log.(beginner)
	p := b.proposal
	expected, exact := p.expect.exact()
	if !ok || !exact || b.refused != nil || len(p.records) == 0 {
		done := s.writeBatch(ctx, b)
		return func() *streams.BatchAppendResp { return done }
	}
	if err := b.late(ctx); err != nil {
		return func() *streams.BatchAppendResp { return batchAnswer(b, outcome{}, err) }
	}
	wait, err := log.Begin(ctx, p.stream, expected, p.records...)
	if err != nil {
		return func() *streams.BatchAppendResp { return batchAnswer(b, outcome{}, err) }
	}
	return func() *streams.BatchAppendResp {
		done, err := wait()
		var conflict *eventstore.ConflictError
		if errors.As(err, &conflict) {
			return batchAnswer(b, inTheWay(conflict, p), nil)
		}
		if err != nil {
			return batchAnswer(b, outcome{}, err)
		}
		s.again.add(done)
		last := done[len(done)-1]
		return batchAnswer(b, outcome{current: int64(last.Revision), position: last.Position}, nil)
	}
}

// inTheWay judges an append by what is in its way: the same events are a
// success, told where they stand.
func inTheWay(c *eventstore.ConflictError, p *proposal) outcome {
	wrong := outcome{wrong: true, current: int64(c.Actual)}
	if len(c.Records) < len(p.records) {
		return wrong
	}
	for i := range p.records {
		if c.Records[i].ID != p.records[i].ID {
			return wrong
		}
	}
	last := c.Records[len(p.records)-1]
	return outcome{current: int64(last.Revision), position: last.Position}
}

// late tells that an append's time is over, or that its caller hung up.
func (b *batch) late(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if !b.deadline.IsZero() && !time.Now().Before(b.deadline) {
		return context.DeadlineExceeded
	}
	return nil
}

// writeBatch writes one append, unless its time is over, and answers it.
func (s *streamStore) writeBatch(ctx context.Context, b *batch) *streams.BatchAppendResp {
	if !b.deadline.IsZero() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, b.deadline)
		defer cancel()
	}
	out, err := outcome{}, b.refused
	if err == nil {
		if err = b.late(ctx); err == nil {
			out, err = s.append(ctx, b.proposal)
		}
	}
	return batchAnswer(b, out, err)
}

// batchAnswer says how an append ended.
func batchAnswer(b *batch, out outcome, err error) *streams.BatchAppendResp {
	resp := &streams.BatchAppendResp{CorrelationId: b.correlation}
	if b.options != nil {
		resp.StreamIdentifier = b.options.GetStreamIdentifier()
		expectedOf(resp, b.options)
	}
	switch {
	case err != nil:
		resp.Result = &streams.BatchAppendResp_Error{Error: batchError(b, err)}
	case out.wrong:
		resp.Result = &streams.BatchAppendResp_Error{Error: wrongBatch(b, out.current)}
	default:
		done := &streams.BatchAppendResp_Success{
			CurrentRevisionOption: &streams.BatchAppendResp_Success_NoStream{NoStream: &emptypb.Empty{}},
			PositionOption:        &streams.BatchAppendResp_Success_NoPosition{NoPosition: &emptypb.Empty{}},
		}
		if out.current >= 0 {
			done.CurrentRevisionOption = &streams.BatchAppendResp_Success_CurrentRevision{CurrentRevision: uint64(out.current)}
			p := uint64(out.position)
			done.PositionOption = &streams.BatchAppendResp_Success_Position{Position: &shared.AllStreamPosition{CommitPosition: p, PreparePosition: p}}
		}
		resp.Result = &streams.BatchAppendResp_Success_{Success: done}
	}
	return resp
}
