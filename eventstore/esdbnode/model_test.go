package esdbnode

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"testing"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/google/uuid"
	"pgregory.net/rapid"
)

// modelStream is a stream as EventStoreDB's documentation tells of it.
type modelStream struct {
	ids      []uuid.UUID // by revision
	tomb     bool
	metadata bool
	deleted  bool
	before   int // what is seen begins here
	count    int // and is so much at most; 0 is all
}

func (s *modelStream) last() int { return len(s.ids) - 1 }

func (s *modelStream) seen() []int {
	first := s.before
	if s.count > 0 {
		first = max(first, len(s.ids)-s.count)
	}
	var all []int
	for n := first; n < len(s.ids); n++ {
		all = append(all, n)
	}
	return all
}

// write is an append that was made: it may be made again.
type write struct {
	stream string
	expect esdb.ExpectedRevision
	ids    []uuid.UUID
	at     int // of the last event
}

// model drives a node and this picture of it at once.
type model struct {
	k       *kit
	kind    string
	streams map[string]*modelStream
	order   []uuid.UUID // of all that was appended
	writes  []write
}

// TestModel does things at random, and compares every answer with what the plain
// model says.
func TestModel(t *testing.T) {
	k := serving(t, Options{})
	run := 0
	rapid.Check(t, func(rt *rapid.T) {
		run++
		m := &model{k: k, kind: fmt.Sprintf("m%d", run), streams: map[string]*modelStream{}}
		rt.Repeat(map[string]func(*rapid.T){
			"append": m.append, "again": m.again, "delete": m.remove, "tombstone": m.tombstone, "limit": m.limit, "read": m.read, "category": m.category,
		})
		m.category(rt)
		m.follow(rt)
	})
}

func (m *model) draw(rt *rapid.T) (string, *modelStream) {
	name := fmt.Sprintf("%s-%d", m.kind, rapid.IntRange(0, 3).Draw(rt, "stream"))
	s := m.streams[name]
	if s == nil {
		s = &modelStream{}
		m.streams[name] = s
	}
	return name, s
}

func (m *model) expect(rt *rapid.T, s *modelStream) esdb.ExpectedRevision {
	n := rapid.IntRange(-4, len(s.ids)+1).Draw(rt, "expected")
	switch {
	case n == -4 || n < 0 && len(s.ids) > 0 && rapid.Bool().Draw(rt, "right"):
		if len(s.ids) == 0 {
			return esdb.NoStream{}
		}
		return esdb.Revision(uint64(s.last()))
	case n == -3:
		return esdb.Any{}
	case n == -2:
		return esdb.StreamExists{}
	case n == -1:
		return esdb.NoStream{}
	}
	return esdb.Revision(uint64(n))
}

const fine esdb.ErrorCode = -1

// verdict is what becomes of an append of new events.
func (s *modelStream) verdict(expect esdb.ExpectedRevision) esdb.ErrorCode {
	if s.tomb {
		return esdb.ErrorCodeStreamDeleted
	}
	ok := false
	switch e := expect.(type) {
	case esdb.Any:
		ok = true
	case esdb.NoStream:
		ok = len(s.ids) == 0 || s.deleted
	case esdb.StreamExists:
		if s.deleted {
			return esdb.ErrorCodeStreamDeleted
		}
		ok = len(s.ids) > 0 || s.metadata
	case esdb.StreamRevision:
		ok = len(s.ids) > 0 && e.Value == uint64(s.last())
	}
	if !ok {
		return esdb.ErrorCodeWrongExpectedVersion
	}
	return fine
}

func (m *model) append(rt *rapid.T) {
	name, s := m.draw(rt)
	expect, events := m.expect(rt, s), ids(rapid.IntRange(1, 3).Draw(rt, "events"))
	want := s.verdict(expect)
	w, err := m.k.append(name, expect, events...)
	if code(err) != want {
		rt.Fatalf("%s, expecting %v of %+v: %v, want %v", name, expect, s, err, want)
	}
	if want != fine {
		return
	}
	m.wrote(name, s, events)
	if int(w.NextExpectedVersion) != s.last() {
		rt.Fatalf("%s is at %d, the node says %d", name, s.last(), w.NextExpectedVersion)
	}
	m.writes = append(m.writes, write{name, expect, events, s.last()})
}

func (m *model) wrote(_ string, s *modelStream, events []uuid.UUID) {
	if s.deleted {
		s.deleted, s.before, s.metadata = false, len(s.ids), true
	}
	s.ids = append(s.ids, events...)
	m.order = append(m.order, events...)
}

// again makes an append once more, with the same ids.
func (m *model) again(rt *rapid.T) {
	if len(m.writes) == 0 {
		rt.Skip()
	}
	w := rapid.SampledFrom(m.writes).Draw(rt, "write")
	s := m.streams[w.stream]
	if e, ok := w.expect.(esdb.StreamRevision); ok && e.Value == uint64(s.last()) {
		rt.Skip() // at the end an id may come twice
	}
	want := fine
	if _, exists := w.expect.(esdb.StreamExists); s.tomb || exists && s.deleted {
		want = esdb.ErrorCodeStreamDeleted
	}
	if _, none := w.expect.(esdb.NoStream); none && !s.tomb && w.at != len(w.ids)-1 {
		// It made the stream anew; its first events are others.
		if want = esdb.ErrorCodeWrongExpectedVersion; s.deleted {
			rt.Skip() // then it is a new append, with ids that were there before
		}
	}
	got, err := m.k.append(w.stream, w.expect, w.ids...)
	if code(err) != want || err == nil && int(got.NextExpectedVersion) != w.at {
		rt.Fatalf("%s again, expecting %v of %+v: %+v, %v", w.stream, w.expect, s, got, err)
	}
}

func (m *model) remove(rt *rapid.T) {
	name, s := m.draw(rt)
	_, err := m.k.client.DeleteStream(m.k.ctx(), name, esdb.DeleteStreamOptions{ExpectedRevision: esdb.Any{}})
	switch {
	case s.tomb:
		if code(err) != esdb.ErrorCodeStreamDeleted {
			rt.Fatalf("%s, with a tombstone: %v", name, err)
		}
	case len(s.ids) == 0 && !s.metadata:
		if err == nil {
			rt.Fatalf("%s, which never was, was deleted", name)
		}
	case err != nil:
		rt.Fatalf("%s: %v", name, err)
	default:
		s.deleted, s.metadata, s.count, s.before = true, true, 0, 0
	}
}

func (m *model) tombstone(rt *rapid.T) {
	if rapid.IntRange(0, 9).Draw(rt, "seldom") > 0 {
		rt.Skip()
	}
	name, s := m.draw(rt)
	_, err := m.k.client.TombstoneStream(m.k.ctx(), name, esdb.TombstoneStreamOptions{ExpectedRevision: esdb.Any{}})
	if s.tomb != (code(err) == esdb.ErrorCodeStreamDeleted) || !s.tomb && err != nil {
		rt.Fatalf("%s, %v: %v", name, s.tomb, err)
	}
	s.tomb = true
}

// limit says how much of a stream is kept.
func (m *model) limit(rt *rapid.T) {
	name, s := m.draw(rt)
	if s.tomb {
		rt.Skip()
	}
	count := rapid.IntRange(1, 4).Draw(rt, "count")
	data := esdb.StreamMetadata{}
	data.SetMaxCount(uint64(count))
	if _, err := m.k.client.SetStreamMetadata(m.k.ctx(), name, esdb.AppendToStreamOptions{ExpectedRevision: esdb.Any{}}, data); err != nil {
		rt.Fatal(err)
	}
	if s.before = 0; s.deleted { // it is there again, without what it held
		s.deleted, s.before = false, len(s.ids)
	}
	s.metadata, s.count = true, count
}

func (m *model) read(rt *rapid.T) {
	name, s := m.draw(rt)
	o := esdb.ReadStreamOptions{}
	from := rapid.IntRange(0, len(s.ids)+1).Draw(rt, "from")
	o.From = esdb.Revision(uint64(from))
	if rapid.Bool().Draw(rt, "backwards") {
		o.Direction = esdb.Backwards
	}
	limit := rapid.IntRange(1, 5).Draw(rt, "limit")
	want := slices.DeleteFunc(s.seen(), func(n int) bool {
		return o.Direction == esdb.Forwards && n < from || o.Direction == esdb.Backwards && n > from
	})
	if o.Direction == esdb.Backwards {
		slices.Reverse(want)
	}
	want = want[:min(limit, len(want))]
	reading, err := m.k.client.ReadStream(m.k.ctx(), name, o, uint64(limit))
	if err != nil {
		rt.Fatal(err)
	}
	defer reading.Close()
	var got []int
	for {
		e, err := reading.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			want := esdb.ErrorCodeResourceNotFound
			if s.tomb {
				want = esdb.ErrorCodeStreamDeleted
			}
			if code(err) != want || !s.tomb && len(s.ids) > 0 && !s.deleted {
				rt.Fatalf("%s, %+v: %v", name, s, err)
			}
			return
		}
		if n := int(e.Event.EventNumber); e.Event.EventID != s.ids[n] {
			rt.Fatalf("%s holds another event at %d", name, n)
		}
		got = append(got, int(e.Event.EventNumber))
	}
	if s.tomb || len(s.ids) == 0 || s.deleted || !slices.Equal(got, want) {
		rt.Fatalf("%s, %+v, from %d %v: %v, want %v", name, s, from, o.Direction, got, want)
	}
}

// category reads all that was appended, whatever became of it, in its order.
func (m *model) category(rt *rapid.T) {
	reading, err := m.k.client.ReadStream(m.k.ctx(), "$ce-"+m.kind, esdb.ReadStreamOptions{ResolveLinkTos: true}, math.MaxUint64)
	if err != nil {
		rt.Fatal(err)
	}
	defer reading.Close()
	var got []uuid.UUID
	for {
		e, err := reading.Recv()
		if errors.Is(err, io.EOF) || code(err) == esdb.ErrorCodeResourceNotFound && len(m.order) == 0 {
			break
		}
		if err != nil {
			rt.Fatal(err)
		}
		got = append(got, e.Event.EventID)
	}
	if !slices.Equal(got, m.order) {
		rt.Fatalf("the category holds %d events, want %d", len(got), len(m.order))
	}
}

// follow hears the same, with a filter, of the whole log.
func (m *model) follow(rt *rapid.T) {
	s, err := m.k.client.SubscribeToAll(m.k.ctx(), esdb.SubscribeToAllOptions{
		From: esdb.Start{}, CheckpointInterval: 1, Filter: &esdb.SubscriptionFilter{Type: esdb.StreamFilterType, Regex: "^" + m.kind + "-"},
	})
	if err != nil {
		rt.Fatal(err)
	}
	defer s.Close()
	var got []uuid.UUID
	for {
		switch e := s.Recv(); {
		case e.SubscriptionDropped != nil:
			rt.Fatalf("%v", e.SubscriptionDropped.Error)
		case e.EventAppeared != nil && e.EventAppeared.Event.EventType != typeDeleted:
			got = append(got, e.EventAppeared.Event.EventID)
		case e.CaughtUp != nil:
			if !slices.Equal(got, m.order) {
				rt.Fatalf("%d events are followed, want %d", len(got), len(m.order))
			}
			return
		}
	}
}
