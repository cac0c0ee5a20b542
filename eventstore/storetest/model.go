package storetest

import (
	"errors"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"parley/eventstore"
)

// testModel appends at random, with right and wrong revisions, and compares
// with a plain map. All runs share the store: each has streams of its own.
func testModel(t *testing.T, s Store) {
	run := 0
	rapid.Check(t, func(rt *rapid.T) {
		run++
		info, err := s.Log.Info(limited(t))
		if err != nil {
			rt.Fatal(err)
		}
		m := &model{t: t, log: s.Log, run: run, start: info.Head, streams: map[string][]eventstore.Record{}}
		rt.Repeat(map[string]func(*rapid.T){
			"append": m.append,
			"wrong":  m.wrong,
			"stream": m.stream,
			"log":    m.whole,
		})
		m.whole(rt)
	})
}

type model struct {
	t       *testing.T
	log     eventstore.Log
	run     int
	start   eventstore.Position
	all     []eventstore.Record
	streams map[string][]eventstore.Record
}

func (m *model) name(rt *rapid.T) string {
	kind := rapid.SampledFrom([]string{"agent", "line"}).Draw(rt, "kind")
	return fmt.Sprintf("%s-%d-%d", kind, m.run, rapid.IntRange(0, 3).Draw(rt, "stream"))
}

func (m *model) append(rt *rapid.T) {
	stream := m.name(rt)
	var records []eventstore.Record
	for n := range rapid.IntRange(1, 4).Draw(rt, "records") {
		records = append(records, event(rapid.SampledFrom([]string{"x.one", "x.two", "x.three"}).Draw(rt, "name"), n))
	}
	done, err := m.log.Append(limited(m.t), stream, eventstore.Revision(len(m.streams[stream])-1), records...)
	if err != nil {
		rt.Fatal(err)
	}
	m.streams[stream] = append(m.streams[stream], done...)
	m.all = append(m.all, done...)
}

func (m *model) wrong(rt *rapid.T) {
	stream := m.name(rt)
	have := m.streams[stream]
	expected := eventstore.Revision(rapid.IntRange(-1, len(have)+2).Draw(rt, "expected"))
	if expected == eventstore.Revision(len(have)-1) {
		expected++
	}
	_, err := m.log.Append(limited(m.t), stream, expected, event("x.lost", 0))
	var conflict *eventstore.ConflictError
	if !errors.As(err, &conflict) || conflict.Actual != eventstore.Revision(len(have)-1) {
		rt.Fatalf("%s at %d, expected %d: %v", stream, len(have)-1, expected, err)
	}
	same(m.t, conflict.Records, have[min(int(expected)+1, len(have)):])
}

func (m *model) stream(rt *rapid.T) {
	stream := m.name(rt)
	have := m.streams[stream]
	from := rapid.IntRange(0, len(have)+1).Draw(rt, "from")
	same(m.t, read(m.t, m.log, eventstore.Query{Stream: stream, From: eventstore.Revision(from)}), have[min(from, len(have)):])
	same(m.t, read(m.t, m.log, eventstore.Query{Stream: stream, From: eventstore.Revision(from), Backwards: true}), reversed(have[:min(from+1, len(have))]))
}

func (m *model) whole(rt *rapid.T) {
	q := eventstore.Query{
		After:     m.start,
		Kinds:     rapid.SliceOfN(rapid.SampledFrom([]string{"agent", "line", "none"}), 0, 2).Draw(rt, "kinds"),
		Names:     rapid.SliceOfN(rapid.SampledFrom([]string{"x.one", "x.two", "none"}), 0, 2).Draw(rt, "names"),
		Backwards: rapid.Bool().Draw(rt, "backwards"),
		Limit:     rapid.IntRange(0, 5).Draw(rt, "limit"),
	}
	if len(m.all) > 0 && rapid.Bool().Draw(rt, "bounded") {
		q.After = rapid.SampledFrom(m.all).Draw(rt, "after").Position
		q.Until = rapid.SampledFrom(m.all).Draw(rt, "until").Position
	}
	same(m.t, read(m.t, m.log, q), keep(m.all, q))
}
