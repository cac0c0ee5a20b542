package esdbnode

import (
	"context"
	"fmt"
	"iter"
	"math"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"parley/eventstore"
	"parley/eventstore/embedded"
)

// The streams that EventStoreDB's projections fill with links. Here they are no
// streams: they are read off the log's own indexes.
const (
	categoryPrefix = "$ce-"
	namePrefix     = "$et-"
	typeLink       = "$>"
)

// indexed is a log that numbers the records of each kind and of each name.
type indexed interface {
	Count(by embedded.Index, text string, until eventstore.Position) (uint64, error)
	Find(by embedded.Index, text string, number uint64) (eventstore.Position, bool, error)
}

// virtual is a stream of links to the records of one kind or one name.
type virtual struct {
	log    indexed
	stream string
	by     embedded.Index
	text   string
}

// virtualOf tells whether a stream's name is a virtual one's; the log may have
// no index, and then there are none.
func (s *streamStore) virtualOf(stream string) (*virtual, bool) {
	log, _ := s.log.(indexed)
	if kind, ok := strings.CutPrefix(stream, categoryPrefix); ok {
		return &virtual{log, stream, embedded.ByKind, kind}, true
	}
	if name, ok := strings.CutPrefix(stream, namePrefix); ok {
		return &virtual{log, stream, embedded.ByName, name}, true
	}
	return nil, false
}

// count is how many links there are up to a position.
func (v *virtual) count(until eventstore.Position) (uint64, error) {
	if v.log == nil || v.text == "" || strings.IndexByte(v.text, 0) >= 0 {
		return 0, nil
	}
	return v.log.Count(v.by, v.text, until)
}

// query reads the records linked to.
func (v *virtual) query() eventstore.Query {
	if v.by == embedded.ByKind {
		return eventstore.Query{Kinds: []string{v.text}}
	}
	return eventstore.Query{Names: []string{v.text}}
}

// keeps leaves out what EventStoreDB links to neither: streams without a dash
// are of no category, and tombstones are nobody's events.
func (v *virtual) keeps(r *eventstore.Record) bool {
	return v.by != embedded.ByKind || strings.Contains(r.Stream, "-") && r.Name != typeDeleted
}

// link makes the link that stands for a record.
func (v *virtual) link(number uint64, to *eventstore.Record) *eventstore.Record {
	return &eventstore.Record{
		ID: uuid.NewSHA1(to.ID, fmt.Appendf(nil, "%s %d", v.stream, number)), Stream: v.stream, Revision: eventstore.Revision(number),
		Position: to.Position, Name: typeLink, HappenedAt: to.HappenedAt, RecordedAt: to.RecordedAt,
		Data: frame(contentBinary, nil, linkTo(to)),
	}
}

// linkTo is what a link's data say.
func linkTo(r *eventstore.Record) []byte { return fmt.Appendf(nil, "%d@%s", r.Revision, r.Stream) }

// read yields links, with what they link to, from a number on: forwards up to
// the end of now, or backwards, where a number past the end is the last.
func (v *virtual) read(ctx context.Context, log eventstore.Log, head eventstore.Position, from uint64, backwards bool) iter.Seq2[entry, error] {
	return func(yield func(entry, error) bool) {
		n, err := v.count(head)
		if err != nil {
			yield(entry{}, err)
			return
		}
		if backwards {
			from = min(from, n-1) // without any n-1 is beyond all
		}
		if n == 0 || from >= n {
			return
		}
		p, ok, err := v.log.Find(v.by, v.text, from)
		if err != nil || !ok {
			yield(entry{}, fmt.Errorf("%s has no event %d: %w", v.stream, from, err))
			return
		}
		q := v.query()
		q.Backwards = backwards
		q.After, q.Until = p-1, head
		if backwards {
			q.After, q.Until = 0, p
		}
		number, step := from, uint64(1)
		if backwards {
			step = math.MaxUint64
		}
		for r, err := range log.Read(ctx, q) {
			if err == nil && !v.keeps(&r) {
				number += step
				continue
			}
			if !yield(entry{record: v.link(number, &r), target: &r, at: number}, err) || err != nil {
				return
			}
			number += step
		}
	}
}

// follow yields links from a number on, and then what comes.
func (v *virtual) follow(ctx context.Context, log eventstore.Log, head eventstore.Position, next uint64) iter.Seq2[entry, error] {
	return func(yield func(entry, error) bool) {
		number, err := v.count(head)
		after := head
		if err == nil && next < number {
			var p eventstore.Position
			if p, _, err = v.log.Find(v.by, v.text, next); err == nil {
				number, after = next, p-1
			}
		}
		if err != nil {
			yield(entry{}, err)
			return
		}
		q := v.query()
		for u, err := range log.Follow(ctx, after, eventstore.Filter{Kinds: q.Kinds, Names: q.Names}) {
			e := entry{position: u.Position, caughtUp: u.CaughtUp}
			if err == nil && u.Record != nil {
				if number >= next && v.keeps(u.Record) {
					e.record, e.target, e.at = v.link(number, u.Record), u.Record, number
				}
				number++
			}
			if !yield(e, err) || err != nil {
				return
			}
		}
	}
}

// resolve finds what a link links to: the event to show, which is missing when it
// was deleted, and the link it was found by, if any.
func (s *streamStore) resolve(ctx context.Context, e *entry) (event, link *eventstore.Record, err error) {
	if e.record.Name != typeLink {
		return e.record, nil, nil
	}
	if e.target != nil {
		return e.target, e.record, nil
	}
	data := e.record.Data
	if framed(e.record) {
		if _, _, data, err = unframe(e.record.Data); err != nil {
			return nil, nil, err
		}
	}
	number, stream, _ := strings.Cut(string(data), "@")
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || stream == "" || n < 0 {
		return nil, e.record, nil // it links to nothing
	}
	st, err := s.standing(ctx, stream)
	if err != nil || !st.found() || st.tomb || eventstore.Revision(n) < st.first() {
		return nil, e.record, err
	}
	for r, err := range s.records(ctx, eventstore.Query{Stream: stream, From: eventstore.Revision(n), Limit: 1}) {
		if err != nil {
			return nil, nil, err
		}
		if r.Revision == eventstore.Revision(n) {
			return &r, e.record, nil
		}
	}
	return nil, e.record, nil
}
