package esdbnode

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"

	"parley/eventstore"
	"parley/eventstore/esdb/envelope"
)

// The log's name and its marks are streams of one event over the wire, which is
// how an engine that asks from afar keeps its own: so all engines on the log
// share them, those beside the node as well. They are not among the log's
// records. A write that is repeated, because its answer was lost, is done once as
// long as the node lives; after that its revision is in its way.

// marked is a log that can name its marks.
type marked interface {
	Marks(ctx context.Context) (map[string]eventstore.Mark, error)
}

const typeMark = "mark"

// markMetadata are the metadata of every mark's stream.
const markMetadata = `{"$maxCount":1}`

// markOf gives the mark that a stream is.
func markOf(stream string) (name string, ok bool) {
	return strings.CutPrefix(stream, envelope.MarkStream)
}

// ofMark tells whether a stream is a mark or the log's name, or the metadata of
// one.
func ofMark(stream string) bool {
	if of, ok := metastream(stream); ok {
		stream = of
	}
	return stream == envelope.StoreStream || strings.HasPrefix(stream, envelope.MarkStream)
}

// mark reads the mark that a stream is.
func (s *streamStore) mark(ctx context.Context, stream string) (eventstore.Mark, error) {
	if name, ok := markOf(stream); ok {
		return s.log.Mark(ctx, name, nil)
	}
	info, err := s.log.Info(ctx)
	if err != nil || info.Store == "" {
		return eventstore.Mark{}, err
	}
	return eventstore.Mark{Value: []byte(info.Store), Revision: 1}, nil
}

// markEvent is a mark as the only event of its stream. Marks have no time and no
// place among the records.
func markEvent(stream string, m eventstore.Mark) *eventstore.Record {
	revision := eventstore.Revision(m.Revision) - 1
	id := uuid.NewSHA1(uuid.Nil, fmt.Appendf(nil, "%s %d %s", stream, revision, m.Value))
	return &eventstore.Record{
		ID: id, Stream: stream, Revision: revision, Name: typeMark,
		HappenedAt: time.UnixMicro(1), RecordedAt: time.UnixMicro(1), Data: frame(contentBinary, nil, m.Value),
	}
}

// lastOfMark reads the only event of a stream that is ofMark; nil without one.
func (s *streamStore) lastOfMark(ctx context.Context, stream string) (*eventstore.Record, error) {
	of, meta := metastream(stream)
	if !meta {
		of = stream
	}
	m, err := s.mark(ctx, of)
	if err != nil || m.Revision == 0 {
		return nil, err
	}
	r := markEvent(stream, m)
	if meta {
		r.Name, r.Revision, r.Data = typeMetadata, 0, frame(contentJSON, nil, []byte(markMetadata))
	}
	return r, nil
}

// records reads a stream, which may be a mark.
func (s *streamStore) records(ctx context.Context, q eventstore.Query) iter.Seq2[eventstore.Record, error] {
	if !ofMark(q.Stream) {
		return s.log.Read(ctx, q)
	}
	return func(yield func(eventstore.Record, error) bool) {
		r, err := s.lastOfMark(ctx, q.Stream)
		switch {
		case err != nil:
			yield(eventstore.Record{}, err)
		case r == nil:
		case !q.Backwards && q.From <= r.Revision, q.Backwards && (q.From == eventstore.None || q.From >= r.Revision):
			yield(*r, nil)
		}
	}
}

// readMark sends a mark as it is at one moment: it may move at any time, and of a
// mark that moved between two looks nothing would be left to send.
func (s *streamStore) readMark(ctx context.Context, to sender, stream string, o *streams.ReadReq_Options) error {
	r, err := s.lastOfMark(ctx, stream)
	if err != nil {
		return err
	}
	if r == nil {
		return to.notFound(stream)
	}
	backwards, from := o.GetReadDirection() == streams.ReadReq_Options_Backwards, eventstore.Revision(0)
	switch x := o.GetStream().GetRevisionOption().(type) {
	case *streams.ReadReq_Options_StreamOptions_Revision:
		from = eventstore.Revision(min(x.Revision, math.MaxInt64))
	case *streams.ReadReq_Options_StreamOptions_End:
		from = math.MaxInt64
	}
	if backwards && from < r.Revision || !backwards && from > r.Revision {
		return nil
	}
	return to.event(r)
}

// appendToMark moves a mark. Its metadata are what they always are.
func (s *streamStore) appendToMark(ctx context.Context, p *proposal) (outcome, error) {
	if len(p.records) != 1 {
		return outcome{}, invalid("%s is a mark, which is one event: append one", p.stream)
	}
	value := p.records[0].Data
	if framed(&p.records[0]) {
		var err error
		if _, _, value, err = unframe(value); err != nil {
			return outcome{}, err
		}
	}
	if _, ok := metastream(p.stream); ok {
		if !sameJSON(value, []byte(markMetadata)) {
			return outcome{}, denied("%s is a mark, of which the last event alone is kept: its metadata are %s", strings.TrimPrefix(p.stream, "$$"), markMetadata)
		}
		return outcome{}, nil
	}
	name, ok := markOf(p.stream)
	if !ok {
		return outcome{wrong: true}, nil // the log has its name since it was made
	}
	if v := s.again.find(p.stream, p.ids()); v.done {
		return outcome{current: int64(v.last)}, nil
	}
	wrong := false
	m, err := s.log.Mark(ctx, name, func(m eventstore.Mark) ([]byte, bool) {
		wrong = !p.expect.allows(eventstore.Revision(m.Revision) - 1)
		return value, !wrong
	})
	last := eventstore.Revision(m.Revision) - 1
	if err != nil || wrong {
		return outcome{wrong: wrong, current: int64(last)}, err
	}
	s.again.add([]eventstore.Record{{Stream: p.stream, ID: p.records[0].ID, Revision: last}})
	return outcome{current: int64(last)}, nil
}

// allows tells whether a stream may stand at a revision.
func (e expectation) allows(last eventstore.Revision) bool {
	if at, ok := e.exact(); ok {
		return at == last
	}
	return e.kind == expectAny || e.kind == expectExists && last != eventstore.None
}

// sameJSON tells whether two texts are the same JSON but for the spaces.
func sameJSON(a, b []byte) bool {
	var one, other bytes.Buffer
	return json.Compact(&one, a) == nil && json.Compact(&other, b) == nil && bytes.Equal(one.Bytes(), other.Bytes())
}

// marks gives the marks that a reader of the whole log from its beginning asks
// for by their streams' name: none is given to who asks for all there is.
func (s *streamStore) marks(ctx context.Context, f *filter) ([]*eventstore.Record, error) {
	log, ok := s.log.(marked)
	if !ok || f == nil || f.Names || !strings.Contains(f.Regex+" "+strings.Join(f.Prefixes, " "), envelope.MarkStream) {
		return nil, nil
	}
	all, err := log.Marks(ctx)
	if err != nil {
		return nil, err
	}
	var events []*eventstore.Record
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if r := markEvent(envelope.MarkStream+name, all[name]); f.keeps(r) {
			events = append(events, r)
		}
	}
	return events, nil
}

// notFollowed says that a mark is no source of events.
func notFollowed(stream string) error {
	return invalid("%s is a mark, which is one value and no course of events: read it", stream)
}
