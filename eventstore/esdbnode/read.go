package esdbnode

import (
	"context"
	"math"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"

	"parley/eventstore"
)

// sender writes answers in the form that the caller asked for.
type sender struct {
	store   *streamStore
	call    streams.Streams_ReadServer
	textIDs bool
	resolve bool // links are followed to what they link to
}

func (s sender) entry(e *entry) error {
	event, link := e.record, (*eventstore.Record)(nil)
	if s.resolve {
		var err error
		if event, link, err = s.store.resolve(s.call.Context(), e); err != nil {
			return err
		}
	}
	return s.send(event, link)
}

func (s sender) event(r *eventstore.Record) error { return s.entry(&entry{record: r}) }

func (s sender) send(event, link *eventstore.Record) error {
	e, err := toEvent(event, link, s.textIDs)
	if err != nil {
		return err
	}
	return s.call.Send(&streams.ReadResp{Content: &streams.ReadResp_Event{Event: e}})
}

// Read answers readings and subscriptions, of one stream and of all. It never
// sends where a stream begins and ends: the vendor's client panics on it.
func (s *streamStore) Read(req *streams.ReadReq, call streams.Streams_ReadServer) error {
	return answer(call, s.read(req.GetOptions(), call))
}

func (s *streamStore) read(o *streams.ReadReq_Options, call streams.Streams_ReadServer) error {
	ctx := call.Context()
	_, text := o.GetUuidOption().GetContent().(*streams.ReadReq_Options_UUIDOption_String_)
	to := sender{store: s, call: call, textIDs: text, resolve: o.GetResolveLinks()}
	subscription := false
	count := uint64(0)
	switch c := o.GetCountOption().(type) {
	case *streams.ReadReq_Options_Subscription:
		if subscription = true; o.GetReadDirection() != streams.ReadReq_Options_Forwards {
			return invalid("a subscription goes forwards")
		}
	case *streams.ReadReq_Options_Count:
		if count = c.Count; count == 0 {
			return invalid("a reading of 0 events reads nothing: ask for 1 or more")
		}
	default:
		return invalid("a reading says how many events it wants, or that it is a subscription")
	}
	switch {
	case o.GetStream() != nil:
		name := string(o.GetStream().GetStreamIdentifier().GetStreamName())
		if name == "" {
			return invalid("a reading names its stream")
		}
		if subscription {
			return s.subscribeStream(ctx, to, name, o.GetStream())
		}
		if v, ok := s.virtualOf(name); ok {
			return s.readVirtual(ctx, to, v, o, count)
		}
		return s.readStream(ctx, to, name, o, count)
	case o.GetAll() != nil:
		f, err := newFilter(o)
		if err != nil {
			return err
		}
		if subscription {
			return s.subscribeAll(ctx, to, o.GetAll(), f)
		}
		return s.readAll(ctx, to, o, f, count)
	}
	return invalid("a reading names a stream, or all")
}

func (s *streamStore) readStream(ctx context.Context, to sender, stream string, o *streams.ReadReq_Options, count uint64) error {
	if ofMark(stream) {
		return s.readMark(ctx, to, stream, o)
	}
	st, err := s.standing(ctx, stream)
	if err != nil {
		return err
	}
	if st.tomb {
		return deleted(stream)
	}
	if !st.found() {
		return to.notFound(stream)
	}
	q := eventstore.Query{Stream: stream, Backwards: o.GetReadDirection() == streams.ReadReq_Options_Backwards}
	switch r := o.GetStream().GetRevisionOption().(type) {
	case *streams.ReadReq_Options_StreamOptions_Revision:
		q.From = eventstore.Revision(min(r.Revision, math.MaxInt64))
	case *streams.ReadReq_Options_StreamOptions_End:
		q.From = eventstore.None
		if !q.Backwards {
			return nil
		}
	}
	first := st.first()
	if !q.Backwards {
		q.From = max(q.From, first)
	} else if q.From < 0 || q.From > st.last {
		q.From = st.last // what comes while reading is not part of it
	}
	if count < math.MaxInt32 && st.limits.MaxAge == nil {
		q.Limit = int(count)
	}
	for r, err := range s.log.Read(ctx, q) {
		if err != nil {
			return err
		}
		if r.Revision < first || count == 0 {
			return nil
		}
		if r.Revision > st.last || !st.young(&r, s.now()) {
			continue
		}
		if err := to.event(&r); err != nil {
			return err
		}
		count--
	}
	return nil
}

// notFound says that there is no such stream, which is no error.
func (s sender) notFound(stream string) error {
	return s.call.Send(&streams.ReadResp{Content: &streams.ReadResp_StreamNotFound_{
		StreamNotFound: &streams.ReadResp_StreamNotFound{StreamIdentifier: &shared.StreamIdentifier{StreamName: []byte(stream)}},
	}})
}

func (s *streamStore) readVirtual(ctx context.Context, to sender, v *virtual, o *streams.ReadReq_Options, count uint64) error {
	info, err := s.log.Info(ctx)
	if err != nil {
		return err
	}
	if n, err := v.count(info.Head); err != nil || n == 0 {
		if err == nil {
			err = to.notFound(v.stream)
		}
		return err
	}
	backwards, from := o.GetReadDirection() == streams.ReadReq_Options_Backwards, uint64(0)
	switch r := o.GetStream().GetRevisionOption().(type) {
	case *streams.ReadReq_Options_StreamOptions_Revision:
		from = r.Revision
	case *streams.ReadReq_Options_StreamOptions_End:
		if from = math.MaxUint64; !backwards {
			return nil
		}
	}
	for e, err := range v.read(ctx, s.log, info.Head, from, backwards) {
		if err != nil {
			return err
		}
		if count == 0 {
			return nil
		}
		if err := to.entry(&e); err != nil {
			return err
		}
		count--
	}
	return nil
}

// readAll reads the whole log: forwards with the event at the position,
// backwards without it.
func (s *streamStore) readAll(ctx context.Context, to sender, o *streams.ReadReq_Options, f *filter, count uint64) error {
	q := eventstore.Query{Backwards: o.GetReadDirection() == streams.ReadReq_Options_Backwards}
	switch a := o.GetAll().GetAllOption().(type) {
	case *streams.ReadReq_Options_AllOptions_Position:
		p, err := positionOf(a.Position)
		if err != nil {
			return err
		}
		switch {
		case !q.Backwards && p > 0:
			q.After = p - 1
		case q.Backwards && p <= 1:
			return nil
		case q.Backwards:
			q.Until = p - 1
		}
	case *streams.ReadReq_Options_AllOptions_End:
		if !q.Backwards {
			return nil
		}
	default:
		if q.Backwards {
			return nil
		}
	}
	if f == nil && count < math.MaxInt32 {
		q.Limit = int(count)
	}
	for r, err := range s.log.Read(ctx, q) {
		if err != nil {
			return err
		}
		if count == 0 {
			return nil
		}
		if !f.keeps(&r) {
			continue
		}
		if err := to.event(&r); err != nil {
			return err
		}
		count--
	}
	return nil
}

// positionOf reads a caller's position. Both its parts are the same here,
// except at the end of all time.
func positionOf(p *streams.ReadReq_Options_Position) (eventstore.Position, error) {
	if p.GetCommitPosition() != p.GetPreparePosition() {
		return 0, invalid("the position C:%d/P:%d is none of this log's: give one as it was received", p.GetCommitPosition(), p.GetPreparePosition())
	}
	return eventstore.Position(p.GetCommitPosition()), nil
}
