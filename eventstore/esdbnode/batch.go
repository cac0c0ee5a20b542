package esdbnode

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"
	"golang.org/x/sync/semaphore"
	rpc "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/emptypb"

	"parley/eventstore"
)

const (
	// batchLanes is how many appends of one call are written side by side; those
	// to one stream are written in their order.
	batchLanes = 16
	// batchQueue is how many of one lane wait; then nothing more is received.
	batchQueue = 16
	// batchBegun is how many appends to Parley's own streams are under way.
	batchBegun = 1024
	// batchBytes bounds what they hold together, and more is not received.
	batchBytes = 32 << 20
	// mostUnfinished bounds the appends of a call whose last part has not come.
	mostUnfinished = 256
)

// batch is one append of a call of many, in parts until the last.
type batch struct {
	correlation *shared.UUID
	options     *streams.BatchAppendReq_Options
	proposal    *proposal
	refused     error
	deadline    time.Time // zero: none
}

// begunBatch is an append that the log has taken, and is not answered yet.
type begunBatch struct {
	outcome func() *streams.BatchAppendResp
	size    int64
}

// BatchAppend takes many appends over one call. Each is answered once, by its
// correlation id: written, or refused. What comes after the caller hung up is
// not begun, and what has no last part is never written. Appends to Parley's own
// streams lie in the log in the order in which they came; others keep the order
// of each stream.
func (s *streamStore) BatchAppend(call streams.Streams_BatchAppendServer) error {
	return answer(call, s.batches(call))
}

func (s *streamStore) batches(call streams.Streams_BatchAppendServer) error {
	ctx, cancel := context.WithCancel(call.Context())
	defer cancel()
	var sending sync.Mutex
	var failed error
	send := func(resp *streams.BatchAppendResp) {
		sending.Lock()
		defer sending.Unlock()
		if err := call.Send(resp); err != nil && failed == nil {
			failed = err
			cancel()
		}
	}
	var lanes [batchLanes]chan *batch
	var all sync.WaitGroup
	for i := range lanes {
		lanes[i] = make(chan *batch, batchQueue)
		all.Go(func() {
			for b := range lanes[i] {
				send(s.writeBatch(ctx, b))
			}
		})
	}
	begun, room := make(chan begunBatch, batchBegun), semaphore.NewWeighted(batchBytes)
	all.Go(func() {
		for b := range begun {
			send(b.outcome())
			room.Release(b.size)
		}
	})
	err := s.receiveBatches(ctx, call, func(b *batch) error {
		if s.access.own(b.proposal.stream) {
			size := int64(b.proposal.size)
			if err := room.Acquire(ctx, size); err != nil {
				return err
			}
			select {
			case begun <- begunBatch{s.beginBatch(ctx, b), size}:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		select {
		case lanes[s.hash(b.proposal.stream)%batchLanes] <- b:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	if err != nil {
		cancel()
	}
	for _, lane := range lanes {
		close(lane)
	}
	close(begun)
	all.Wait()
	return errors.Join(failed, err)
}

// receiveBatches gathers the parts of appends, and hands each on once it is
// whole.
func (s *streamStore) receiveBatches(ctx context.Context, call streams.Streams_BatchAppendServer, whole func(*batch) error) error {
	open := map[uuid.UUID]*batch{}
	for {
		m, err := call.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		id, err := readID(m.GetCorrelationId())
		if err != nil {
			return invalid("an append of a batch has a correlation id, which is a UUID: %v", err)
		}
		b, known := open[id]
		if !known {
			if len(open) == mostUnfinished {
				return status.Errorf(codes.ResourceExhausted, "%d appends have begun and none of them is final: send their last parts first", mostUnfinished)
			}
			b = &batch{correlation: m.GetCorrelationId(), proposal: &proposal{}}
			open[id] = b
		}
		s.addPart(ctx, b, m)
		if m.GetIsFinal() {
			delete(open, id)
			if err := whole(b); err != nil {
				return err
			}
		}
	}
}

// addPart takes in one part. After what was wrong with one, the others are only
// waited for.
func (s *streamStore) addPart(ctx context.Context, b *batch, m *streams.BatchAppendReq) {
	if b.refused != nil {
		return
	}
	o := m.GetOptions()
	switch {
	case o != nil && b.options != nil:
		b.refused = invalid("an append has its options once")
		return
	case o != nil:
		b.options = o
		b.refused = s.proposeBatch(ctx, b, o)
	case b.options == nil:
		b.refused = invalid("the first part of an append holds its options")
	}
	for _, p := range m.GetProposedMessages() {
		if b.refused != nil {
			b.proposal.records = nil
			return
		}
		b.refused = s.take(b.proposal, p)
	}
}

func (s *streamStore) proposeBatch(ctx context.Context, b *batch, o *streams.BatchAppendReq_Options) error {
	p := b.proposal
	p.stream = string(o.GetStreamIdentifier().GetStreamName())
	switch e := o.GetExpectedStreamPosition().(type) {
	case *streams.BatchAppendReq_Options_StreamPosition:
		p.expect = expectation{expectRevision, e.StreamPosition}
	case *streams.BatchAppendReq_Options_NoStream:
		p.expect.kind = expectNone
	case *streams.BatchAppendReq_Options_Any:
		p.expect.kind = expectAny
	case *streams.BatchAppendReq_Options_StreamExists:
		p.expect.kind = expectExists
	default:
		return invalid("an append says which revision of the stream it expects")
	}
	switch d := o.GetDeadlineOption().(type) {
	case *streams.BatchAppendReq_Options_Deadline:
		if err := d.Deadline.CheckValid(); err != nil {
			return invalid("the deadline is no duration: %v", err)
		}
		b.deadline = time.Now().Add(d.Deadline.AsDuration())
	case *streams.BatchAppendReq_Options_Deadline_21_10_0:
		if err := d.Deadline_21_10_0.CheckValid(); err != nil {
			return invalid("the deadline is no time: %v", err)
		}
		b.deadline = d.Deadline_21_10_0.AsTime()
	}
	return s.mayAppend(ctx, p.stream)
}

// expectedOf says again what was expected.
func expectedOf(resp *streams.BatchAppendResp, o *streams.BatchAppendReq_Options) {
	switch e := o.GetExpectedStreamPosition().(type) {
	case *streams.BatchAppendReq_Options_StreamPosition:
		resp.ExpectedStreamPosition = &streams.BatchAppendResp_StreamPosition{StreamPosition: e.StreamPosition}
	case *streams.BatchAppendReq_Options_NoStream:
		resp.ExpectedStreamPosition = &streams.BatchAppendResp_NoStream{NoStream: &emptypb.Empty{}}
	case *streams.BatchAppendReq_Options_Any:
		resp.ExpectedStreamPosition = &streams.BatchAppendResp_Any{Any: &emptypb.Empty{}}
	case *streams.BatchAppendReq_Options_StreamExists:
		resp.ExpectedStreamPosition = &streams.BatchAppendResp_StreamExists{StreamExists: &emptypb.Empty{}}
	}
}

// wrongBatch tells of another revision than expected.
func wrongBatch(b *batch, current int64) *rpc.Status {
	w := &shared.WrongExpectedVersion{CurrentStreamRevisionOption: &shared.WrongExpectedVersion_CurrentNoStream{CurrentNoStream: &emptypb.Empty{}}}
	if current >= 0 {
		w.CurrentStreamRevisionOption = &shared.WrongExpectedVersion_CurrentStreamRevision{CurrentStreamRevision: uint64(current)}
	}
	e := b.proposal.expect
	switch e.kind {
	case expectAny:
		w.ExpectedStreamPositionOption = &shared.WrongExpectedVersion_ExpectedAny{ExpectedAny: &emptypb.Empty{}}
	case expectExists:
		w.ExpectedStreamPositionOption = &shared.WrongExpectedVersion_ExpectedStreamExists{ExpectedStreamExists: &emptypb.Empty{}}
	case expectNone:
		w.ExpectedStreamPositionOption = &shared.WrongExpectedVersion_ExpectedNoStream{ExpectedNoStream: &emptypb.Empty{}}
	default:
		w.ExpectedStreamPositionOption = &shared.WrongExpectedVersion_ExpectedStreamPosition{ExpectedStreamPosition: e.revision}
	}
	return batchStatus(codes.AlreadyExists, wrongVersion(b.proposal.stream, e, current).Error(), w)
}

// batchError is a refusal in the words of a batch.
func batchError(b *batch, err error) *rpc.Status {
	var f *failure
	name := ""
	if errors.As(err, &f) {
		name = f.trailers.Get("exception")[0]
	}
	switch {
	case name == "stream-deleted":
		return batchStatus(codes.NotFound, err.Error(), &shared.StreamDeleted{StreamIdentifier: b.options.GetStreamIdentifier()})
	case name == "access-denied":
		return batchStatus(codes.PermissionDenied, err.Error(), &shared.AccessDenied{})
	case name == "maximum-append-size-exceeded", errors.Is(err, eventstore.ErrTooLarge):
		return batchStatus(codes.InvalidArgument, tooLarge().Error(), &shared.MaximumAppendSizeExceeded{MaxAppendSize: eventstore.MaxAppend})
	case errors.Is(err, context.DeadlineExceeded):
		return batchStatus(codes.DeadlineExceeded, "the deadline was over before it was written: it was not", &shared.Timeout{})
	}
	s := status.Convert(answer(nowhere{}, err))
	if s.Code() == codes.InvalidArgument {
		return batchStatus(s.Code(), s.Message(), &shared.BadRequest{Message: s.Message()})
	}
	return batchStatus(s.Code(), s.Message(), &shared.Unknown{})
}

func batchStatus(code codes.Code, message string, detail proto.Message) *rpc.Status {
	message = strings.ToValidUTF8(message, "\uFFFD")
	s := &rpc.Status{Code: int32(code), Message: message}
	packed, err := anypb.New(detail)
	if err != nil {
		s.Message = fmt.Sprintf("%s (%v)", message, err)
		return s
	}
	s.Details = []*anypb.Any{packed}
	return s
}
