package esdbnode

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"

	"parley/eventstore"
)

// hides tells whether metadata delete their stream.
func hides(r *eventstore.Record) bool {
	data := r.Data
	if framed(r) {
		var err error
		if _, _, data, err = unframe(r.Data); err != nil {
			return false
		}
	}
	l := limits{}
	return json.Unmarshal(data, &l) == nil && l.TruncateBefore != nil && *l.TruncateBefore == forever
}

// Delete hides a stream: it can be written again, and then goes on from where
// it was.
func (s *streamStore) Delete(ctx context.Context, req *streams.DeleteReq) (*streams.DeleteResp, error) {
	o := req.GetOptions()
	var e expectation
	switch x := o.GetExpectedStreamRevision().(type) {
	case *streams.DeleteReq_Options_Revision:
		e = expectation{expectRevision, x.Revision}
	case *streams.DeleteReq_Options_NoStream:
		e.kind = expectNone
	case *streams.DeleteReq_Options_Any:
		e.kind = expectAny
	case *streams.DeleteReq_Options_StreamExists:
		e.kind = expectExists
	default:
		return nil, invalid("deleting a stream says which revision it expects")
	}
	p, err := s.remove(ctx, string(o.GetStreamIdentifier().GetStreamName()), e, false)
	if err != nil {
		return nil, answer(unaryTrailer{ctx}, err)
	}
	return &streams.DeleteResp{PositionOption: &streams.DeleteResp_Position_{Position: &streams.DeleteResp_Position{
		CommitPosition: uint64(p), PreparePosition: uint64(p),
	}}}, nil
}

// Tombstone ends a stream for good.
func (s *streamStore) Tombstone(ctx context.Context, req *streams.TombstoneReq) (*streams.TombstoneResp, error) {
	o := req.GetOptions()
	var e expectation
	switch x := o.GetExpectedStreamRevision().(type) {
	case *streams.TombstoneReq_Options_Revision:
		e = expectation{expectRevision, x.Revision}
	case *streams.TombstoneReq_Options_NoStream:
		e.kind = expectNone
	case *streams.TombstoneReq_Options_Any:
		e.kind = expectAny
	case *streams.TombstoneReq_Options_StreamExists:
		e.kind = expectExists
	default:
		return nil, invalid("tombstoning a stream says which revision it expects")
	}
	p, err := s.remove(ctx, string(o.GetStreamIdentifier().GetStreamName()), e, true)
	if err != nil {
		return nil, answer(unaryTrailer{ctx}, err)
	}
	return &streams.TombstoneResp{PositionOption: &streams.TombstoneResp_Position_{Position: &streams.TombstoneResp_Position{
		CommitPosition: uint64(p), PreparePosition: uint64(p),
	}}}, nil
}

func (s *streamStore) remove(ctx context.Context, stream string, e expectation, forGood bool) (eventstore.Position, error) {
	if stream == "" {
		return 0, invalid("name the stream to delete")
	}
	if err := s.access.remove(ctx, stream); err != nil {
		return 0, err
	}
	defer s.lock(stream).Unlock()
	st, err := s.standing(ctx, stream)
	if err != nil {
		return 0, err
	}
	if st.tomb {
		return 0, deleted(stream)
	}
	if !fits(e, st, forGood) {
		return 0, wrongVersion(stream, e, st.current())
	}
	if !forGood {
		return s.writeMetadata(ctx, stream, fmt.Appendf(nil, `{"$tb":%d}`, int64(forever)))
	}
	r := eventstore.Record{ID: uuid.New(), Name: typeDeleted, HappenedAt: s.now(), Data: frame(contentJSON, nil, nil)}
	done, err := s.appendAtEnd(ctx, stream, r)
	if err != nil {
		return 0, err
	}
	return done[0].Position, nil
}

// fits tells whether a stream stands as who deletes it expects.
func fits(e expectation, st *standing, forGood bool) bool {
	there := st.last != eventstore.None
	switch e.kind {
	case expectAny:
		return forGood || there || st.hasMeta
	case expectNone:
		return !there && (forGood || st.hasMeta)
	case expectExists:
		return there
	}
	return there && e.revision <= forever && eventstore.Revision(e.revision) == st.last
}
