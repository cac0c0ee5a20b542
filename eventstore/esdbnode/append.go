package esdbnode

import (
	"context"
	"errors"
	"hash/maphash"
	"io"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"

	"parley/eventstore"
)

// streamStore answers for streams.
type streamStore struct {
	streams.UnimplementedStreamsServer
	log    eventstore.Log
	access *access
	check  func(eventstore.Record) error
	now    func() time.Time
	again  *again
	seed   maphash.Seed
	locks  [256]sync.Mutex // one writer a stream, so that deciding needs no second try
}

func newStreamStore(o Options, a *access) *streamStore {
	return &streamStore{log: o.Log, access: a, check: o.Check, now: o.Now, again: newAgain(), seed: maphash.MakeSeed()}
}

// lock keeps other writers from a stream and its metadata.
func (s *streamStore) lock(stream string) *sync.Mutex {
	if of, ok := metastream(stream); ok {
		stream = of
	}
	m := &s.locks[s.hash(stream)%uint64(len(s.locks))]
	m.Lock()
	return m
}

func (s *streamStore) hash(stream string) uint64 { return maphash.String(s.seed, stream) }

// proposal is what a caller wants appended.
type proposal struct {
	stream  string
	expect  expectation
	records []eventstore.Record
	size    int // of what was proposed, in bytes
}

func (p *proposal) ids() []uuid.UUID {
	ids := make([]uuid.UUID, len(p.records))
	for i := range p.records {
		ids[i] = p.records[i].ID
	}
	return ids
}

// outcome is where a write ended.
type outcome struct {
	wrong    bool
	current  int64 // the stream's last revision, now
	position eventstore.Position
}

// Append reads all that the caller sends, even when it is already clear that
// it will be refused: the vendor's client would else lose the reason.
func (s *streamStore) Append(call streams.Streams_AppendServer) error {
	p, refused := s.receive(call)
	if refused != nil {
		return answer(call, refused)
	}
	out, err := s.append(call.Context(), p)
	if err != nil {
		return answer(call, err)
	}
	return call.SendAndClose(appended(p.expect, out))
}

func (s *streamStore) receive(call streams.Streams_AppendServer) (p *proposal, refused error) {
	for {
		m, err := call.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if refused != nil {
			continue
		}
		if o := m.GetOptions(); o != nil {
			p, refused = s.propose(call.Context(), p, o)
			continue
		}
		if p == nil {
			refused = invalid("the first message of an append holds its options")
			continue
		}
		if refused = s.take(p, m.GetProposedMessage()); refused != nil {
			p.records = nil
		}
	}
	if p == nil && refused == nil {
		refused = invalid("an append begins with its options")
	}
	return p, refused
}

// take adds an event to a proposal.
func (s *streamStore) take(p *proposal, m proposed) error {
	if p.size += len(m.GetData()) + len(m.GetMetadata()["type"]); p.size > eventstore.MaxAppend {
		return tooLarge()
	}
	r, err := toRecord(p.stream, m)
	if err == nil {
		err = s.sound(&r)
	}
	if err != nil {
		return err
	}
	p.records = append(p.records, r)
	return nil
}

// sound refuses what cannot be an event of one of Parley's own streams.
func (s *streamStore) sound(r *eventstore.Record) error {
	if !s.access.own(r.Stream) {
		return nil
	}
	if framed(r) {
		return invalid("%s is one of Parley's own streams: its events are JSON with Parley's envelope as metadata", r.Stream)
	}
	if s.check == nil {
		return nil
	}
	if err := s.check(*r); err != nil {
		return invalid("%s is one of Parley's own streams and takes no such event: %v", r.Stream, err)
	}
	return nil
}

// propose reads an append's options.
func (s *streamStore) propose(ctx context.Context, before *proposal, o *streams.AppendReq_Options) (*proposal, error) {
	if before != nil {
		return nil, invalid("an append has its options once")
	}
	p := &proposal{stream: string(o.GetStreamIdentifier().GetStreamName())}
	switch e := o.GetExpectedStreamRevision().(type) {
	case *streams.AppendReq_Options_Revision:
		p.expect = expectation{expectRevision, e.Revision}
	case *streams.AppendReq_Options_NoStream:
		p.expect.kind = expectNone
	case *streams.AppendReq_Options_Any:
		p.expect.kind = expectAny
	case *streams.AppendReq_Options_StreamExists:
		p.expect.kind = expectExists
	default:
		return nil, invalid("an append says which revision of the stream it expects")
	}
	return p, s.mayAppend(ctx, p.stream)
}

// mayAppend refuses who may not append to a stream, and what is none.
func (s *streamStore) mayAppend(ctx context.Context, stream string) error {
	switch {
	case stream == "":
		return invalid("an append names its stream")
	case !utf8.ValidString(stream):
		return invalid("the name of a stream is UTF-8, and %q is not", stream)
	case stream == "$all":
		return denied("$all is all streams: append to one of them")
	}
	return s.access.write(ctx, stream)
}

// append judges and writes.
func (s *streamStore) append(ctx context.Context, p *proposal) (outcome, error) {
	defer s.lock(p.stream).Unlock()
	if ofMark(p.stream) {
		return s.appendToMark(ctx, p)
	}
	for {
		st, err := s.standingToAppend(ctx, p)
		if err != nil {
			return outcome{}, err
		}
		v, err := s.judge(ctx, p.stream, p.expect, st, p.ids())
		switch {
		case err != nil:
			return outcome{}, err
		case v.wrong:
			return outcome{wrong: true, current: st.current()}, nil
		case v.done:
			return outcome{current: int64(v.last), position: v.position}, nil
		}
		if st.softDeleted() {
			if err := s.revive(ctx, p.stream, st); err != nil {
				return outcome{}, err
			}
		}
		if len(p.records) == 0 {
			return outcome{current: st.current(), position: st.position}, nil
		}
		done, err := s.log.Append(ctx, p.stream, st.last, p.records...)
		var conflict *eventstore.ConflictError
		if errors.As(err, &conflict) {
			continue // the engine wrote in between: judge anew
		}
		if err != nil {
			return outcome{}, err
		}
		s.again.add(done)
		last := done[len(done)-1]
		return outcome{current: int64(last.Revision), position: last.Position}, s.revealed(ctx, p.stream)
	}
}

// revealed keeps what was deleted out of sight when new metadata forget that
// it was. The caller's metadata are written; then the node adds to them.
func (s *streamStore) revealed(ctx context.Context, stream string) error {
	of, ok := metastream(stream)
	if !ok {
		return nil
	}
	hidden := false
	n := 0
	for r, err := range s.log.Read(ctx, eventstore.Query{Stream: stream, From: eventstore.None, Backwards: true, Limit: 2}) {
		if err != nil {
			return err
		}
		if n++; n == 2 {
			hidden = hides(&r)
		}
	}
	if !hidden {
		return nil
	}
	st, err := s.standing(ctx, of)
	if err != nil || st.last == eventstore.None || st.limits.TruncateBefore != nil {
		return err
	}
	return s.revive(ctx, of, st)
}

// appendAtEnd writes behind whatever is there. The stream is locked.
func (s *streamStore) appendAtEnd(ctx context.Context, stream string, records ...eventstore.Record) ([]eventstore.Record, error) {
	for {
		last, err := s.last(ctx, stream)
		if err != nil {
			return nil, err
		}
		at := eventstore.None
		if last != nil {
			at = last.Revision
		}
		done, err := s.log.Append(ctx, stream, at, records...)
		var conflict *eventstore.ConflictError
		if !errors.As(err, &conflict) {
			return done, err
		}
	}
}

// appended is the answer to an append; the wrong revision is one as well.
func appended(e expectation, out outcome) *streams.AppendResp {
	if out.wrong {
		return &streams.AppendResp{Result: &streams.AppendResp_WrongExpectedVersion_{WrongExpectedVersion: wrongAnswer(e, out.current)}}
	}
	ok := &streams.AppendResp_Success{}
	if out.current < 0 {
		ok.CurrentRevisionOption = &streams.AppendResp_Success_NoStream{NoStream: &shared.Empty{}}
	} else {
		ok.CurrentRevisionOption = &streams.AppendResp_Success_CurrentRevision{CurrentRevision: uint64(out.current)}
	}
	if out.position == 0 {
		ok.PositionOption = &streams.AppendResp_Success_NoPosition{NoPosition: &shared.Empty{}}
	} else {
		ok.PositionOption = &streams.AppendResp_Success_Position{Position: &streams.AppendResp_Position{
			CommitPosition: uint64(out.position), PreparePosition: uint64(out.position),
		}}
	}
	return &streams.AppendResp{Result: &streams.AppendResp_Success_{Success: ok}}
}

// wrongAnswer says what was expected and what is, in the fields of today and
// in those of 20.6.
func wrongAnswer(e expectation, current int64) *streams.AppendResp_WrongExpectedVersion {
	type wrong = streams.AppendResp_WrongExpectedVersion
	w := &wrong{}
	if current < 0 {
		w.CurrentRevisionOption = &streams.AppendResp_WrongExpectedVersion_CurrentNoStream{CurrentNoStream: &shared.Empty{}}
		w.CurrentRevisionOption_20_6_0 = &streams.AppendResp_WrongExpectedVersion_NoStream_20_6_0{NoStream_20_6_0: &shared.Empty{}}
	} else {
		w.CurrentRevisionOption = &streams.AppendResp_WrongExpectedVersion_CurrentRevision{CurrentRevision: uint64(current)}
		w.CurrentRevisionOption_20_6_0 = &streams.AppendResp_WrongExpectedVersion_CurrentRevision_20_6_0{CurrentRevision_20_6_0: uint64(current)}
	}
	switch e.kind {
	case expectAny:
		w.ExpectedRevisionOption = &streams.AppendResp_WrongExpectedVersion_ExpectedAny{ExpectedAny: &shared.Empty{}}
		w.ExpectedRevisionOption_20_6_0 = &streams.AppendResp_WrongExpectedVersion_Any_20_6_0{Any_20_6_0: &shared.Empty{}}
	case expectExists:
		w.ExpectedRevisionOption = &streams.AppendResp_WrongExpectedVersion_ExpectedStreamExists{ExpectedStreamExists: &shared.Empty{}}
		w.ExpectedRevisionOption_20_6_0 = &streams.AppendResp_WrongExpectedVersion_StreamExists_20_6_0{StreamExists_20_6_0: &shared.Empty{}}
	case expectNone:
		w.ExpectedRevisionOption = &streams.AppendResp_WrongExpectedVersion_ExpectedNoStream{ExpectedNoStream: &shared.Empty{}}
	default:
		w.ExpectedRevisionOption = &streams.AppendResp_WrongExpectedVersion_ExpectedRevision{ExpectedRevision: e.revision}
		w.ExpectedRevisionOption_20_6_0 = &streams.AppendResp_WrongExpectedVersion_ExpectedRevision_20_6_0{ExpectedRevision_20_6_0: e.revision}
	}
	return w
}
