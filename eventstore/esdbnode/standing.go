package esdbnode

import (
	"bytes"
	"context"
	"encoding/json"
	"math"
	"strings"
	"time"

	"github.com/google/uuid"

	"parley/eventstore"
)

// forever is the revision of a tombstone, and the "$tb" of a stream that was
// deleted but may come back.
const forever = math.MaxInt64

// metastream gives the stream that a name beginning with "$$" is about.
func metastream(stream string) (of string, ok bool) { return strings.CutPrefix(stream, "$$") }

// limits are what a stream's metadata say about how much of it is to be seen.
// Metadata that cannot be read count as none.
type limits struct {
	MaxCount       *int64 `json:"$maxCount"`
	MaxAge         *int64 `json:"$maxAge"`
	TruncateBefore *int64 `json:"$tb"`
	raw            []byte
}

// standing is how a stream stands.
type standing struct {
	last     eventstore.Revision // of what is stored, None without anything
	position eventstore.Position // of the last record
	tomb     bool
	hasMeta  bool
	limits   limits
}

// exists tells whether there is something to append behind.
func (s *standing) softDeleted() bool {
	return s.limits.TruncateBefore != nil && *s.limits.TruncateBefore == forever
}

// current is the revision that clients are told.
func (s *standing) current() int64 {
	if s.tomb {
		return forever
	}
	return int64(s.last)
}

// found tells whether reading the stream finds one.
func (s *standing) found() bool { return s.last != eventstore.None && !s.softDeleted() }

// first is the first revision to be seen.
func (s *standing) first() eventstore.Revision {
	first := eventstore.Revision(0)
	if n := s.limits.MaxCount; n != nil {
		first = max(first, s.last-eventstore.Revision(*n)+1)
	}
	if n := s.limits.TruncateBefore; n != nil {
		first = max(first, eventstore.Revision(*n))
	}
	return first
}

// young tells whether a record is young enough to be seen.
func (s *standing) young(r *eventstore.Record, now time.Time) bool {
	return s.limits.MaxAge == nil || now.Sub(r.RecordedAt) < time.Duration(*s.limits.MaxAge)*time.Second
}

// last reads the last record of a stream; nil without one.
func (s *streamStore) last(ctx context.Context, stream string) (*eventstore.Record, error) {
	for r, err := range s.records(ctx, eventstore.Query{Stream: stream, From: eventstore.None, Backwards: true, Limit: 1}) {
		if err != nil {
			return nil, err
		}
		return &r, nil
	}
	return nil, nil
}

// standing reads how a stream stands. Parley's own kinds have no metadata, and
// metadata keep only the last of themselves.
func (s *streamStore) standing(ctx context.Context, stream string) (*standing, error) {
	st := &standing{last: eventstore.None}
	last, err := s.last(ctx, stream)
	if err != nil {
		return nil, err
	}
	if last != nil {
		st.last, st.position, st.tomb = last.Revision, last.Position, last.Name == typeDeleted
	}
	if _, ok := metastream(stream); ok {
		one := int64(1)
		st.limits.MaxCount = &one
		return st, nil
	}
	if s.access.own(stream) || ofMark(stream) {
		return st, nil
	}
	meta, err := s.last(ctx, "$$"+stream)
	if err != nil || meta == nil {
		return st, err
	}
	st.hasMeta = true
	data := meta.Data
	if framed(meta) {
		if _, _, data, err = unframe(meta.Data); err != nil {
			return nil, err
		}
	}
	l := limits{}
	if json.Unmarshal(data, &l) == nil {
		l.raw = bytes.Clone(data)
		st.limits = l
	}
	return st, nil
}

// standingToAppend is standing for who has something to append. Parley's own
// streams are never deleted, and the log knows by heart where those end that
// were written lately.
func (s *streamStore) standingToAppend(ctx context.Context, p *proposal) (*standing, error) {
	if log, ok := s.log.(interface {
		Last(stream string) (eventstore.Revision, bool)
	}); ok && len(p.records) > 0 && s.access.own(p.stream) {
		if last, ok := log.Last(p.stream); ok {
			return &standing{last: last}, nil
		}
	}
	return s.standing(ctx, p.stream)
}

// revive makes a deleted stream visible again from its next event on, and
// keeps all else that its metadata say.
func (s *streamStore) revive(ctx context.Context, stream string, st *standing) error {
	all := map[string]json.RawMessage{}
	if len(st.limits.raw) > 0 {
		if err := json.Unmarshal(st.limits.raw, &all); err != nil {
			all = map[string]json.RawMessage{}
		}
	}
	before, err := json.Marshal(int64(st.last) + 1)
	if err != nil {
		return err
	}
	all["$tb"] = before
	data, err := json.Marshal(all)
	if err != nil {
		return err
	}
	_, err = s.writeMetadata(ctx, stream, data)
	return err
}

// writeMetadata appends metadata that the node itself decided on.
func (s *streamStore) writeMetadata(ctx context.Context, stream string, data []byte) (eventstore.Position, error) {
	r := eventstore.Record{ID: uuid.New(), Name: typeMetadata, HappenedAt: s.now(), Data: frame(contentJSON, nil, data)}
	done, err := s.appendAtEnd(ctx, "$$"+stream, r)
	if err != nil {
		return 0, err
	}
	return done[0].Position, nil
}
