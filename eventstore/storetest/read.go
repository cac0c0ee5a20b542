package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/uuid"

	"parley/eventstore"
)

func testReadStream(t *testing.T, s Store) {
	must(t, s.Log, "visitor-0", eventstore.None, event("visitor.seen", 0))
	all := must(t, s.Log, "visitor-1", eventstore.None, events("visitor.seen", 0, 9)...)
	must(t, s.Log, "visitor-10", eventstore.None, event("visitor.seen", 0))
	must(t, s.Log, "visitor-2", eventstore.None, event("visitor.seen", 0))
	for _, test := range []struct {
		q    eventstore.Query
		want []eventstore.Record
	}{
		{eventstore.Query{}, all},
		{eventstore.Query{From: eventstore.None}, all},
		{eventstore.Query{From: 4}, all[4:]},
		{eventstore.Query{From: 4, Limit: 2}, all[4:6]},
		{eventstore.Query{From: 99}, nil},
		{eventstore.Query{From: eventstore.None, Backwards: true}, reversed(all)},
		{eventstore.Query{From: 99, Backwards: true}, reversed(all)},
		{eventstore.Query{From: 4, Backwards: true}, reversed(all[:5])},
		{eventstore.Query{From: 0, Backwards: true}, all[:1]},
		{eventstore.Query{From: 4, Backwards: true, Limit: 3}, reversed(all[2:5])},
		{eventstore.Query{Names: []string{"visitor.other"}}, nil},
		{eventstore.Query{From: 8, Names: []string{"visitor.seen"}}, all[8:]},
		{eventstore.Query{Command: all[3].Command}, all[3:4]},
		{eventstore.Query{From: eventstore.None, Backwards: true, Command: all[3].Command}, all[3:4]},
	} {
		q := test.q
		q.Stream = "visitor-1"
		t.Run(fmt.Sprintf("%+v", test.q), func(t *testing.T) { same(t, read(t, s.Log, q), test.want) })
	}
}

// mixed fills a log with streams of several kinds and events of several names.
func mixed(t *testing.T, log eventstore.Log) (all []eventstore.Record) {
	kinds := []string{"agent", "agents", "line", "conversation"}
	next := map[string]eventstore.Revision{}
	for n := range 60 {
		kind := kinds[n%4]
		stream := fmt.Sprintf("%s-%d", kind, n%8)
		one, two := event(kind+".one", n), event(kind+".two", n)
		two.Command = one.Command
		all = append(all, must(t, log, stream, next[stream]-1, one, two)...)
		next[stream] += 2
	}
	return all
}

func testReadLog(t *testing.T, s Store) {
	all := mixed(t, s.Log)
	a, b := all[10].Position, all[100].Position
	for _, test := range []struct {
		q    eventstore.Query
		want []eventstore.Record
	}{
		{eventstore.Query{}, all},
		{eventstore.Query{Limit: 7}, all[:7]},
		{eventstore.Query{After: a}, all[11:]},
		{eventstore.Query{Until: b}, all[:101]},
		{eventstore.Query{After: a, Until: b}, all[11:101]},
		{eventstore.Query{After: a, Until: a}, nil},
		{eventstore.Query{After: b, Until: a}, nil},
		{eventstore.Query{After: all[119].Position}, nil},
		{eventstore.Query{Until: all[119].Position + 1000}, all},
		{eventstore.Query{Backwards: true}, reversed(all)},
		{eventstore.Query{Backwards: true, Limit: 3}, reversed(all[117:])},
		{eventstore.Query{Backwards: true, After: a, Until: b, Limit: 5}, reversed(all[96:101])},
	} {
		t.Run(fmt.Sprintf("%+v", test.q), func(t *testing.T) {
			same(t, read(t, s.Log, test.q), test.want)
			test.q.Lend = true
			same(t, lent(t, s.Log, test.q), test.want)
		})
	}
}

// lent reads and keeps copies of what is only lent.
func lent(t *testing.T, log eventstore.Log, q eventstore.Query) (all []eventstore.Record) {
	t.Helper()
	for r, err := range log.Read(context.Background(), q) {
		if err != nil {
			t.Fatal(err)
		}
		r.Data, r.BodyHash = bytes.Clone(r.Data), bytes.Clone(r.BodyHash)
		all = append(all, r)
	}
	return all
}

func keep(records []eventstore.Record, q eventstore.Query) (kept []eventstore.Record) {
	for _, r := range records {
		if (len(q.Kinds) == 0 || slices.Contains(q.Kinds, r.Kind())) && (len(q.Names) == 0 || slices.Contains(q.Names, r.Name)) &&
			(q.Command == uuid.Nil || q.Command == r.Command) && r.Position > q.After && (q.Until == 0 || r.Position <= q.Until) {
			kept = append(kept, r)
		}
	}
	if q.Backwards {
		kept = reversed(kept)
	}
	if q.Limit > 0 && len(kept) > q.Limit {
		kept = kept[:q.Limit]
	}
	return kept
}

func testFilters(t *testing.T, s Store) {
	all := mixed(t, s.Log)
	command := all[31].Command
	for _, q := range []eventstore.Query{
		{Kinds: []string{"agent"}},
		{Kinds: []string{"agent", "line", "agent"}},
		{Kinds: []string{"agen"}},
		{Names: []string{"line.one"}},
		{Names: []string{"line.one", "agents.two", "nothing"}},
		{Names: []string{"line.one", "agents.two"}, Kinds: []string{"line"}},
		{Command: command},
		{Command: command, Names: []string{all[31].Name}},
		{Command: command, Backwards: true},
		{Command: uuid.New()},
		{Kinds: []string{"agent", "agents"}, Backwards: true, Limit: 5},
		{Kinds: []string{"conversation"}, After: all[20].Position, Until: all[90].Position},
		{Names: []string{"agent.one", "line.two"}, After: all[20].Position, Until: all[90].Position, Backwards: true, Limit: 9},
	} {
		t.Run(fmt.Sprintf("%v %v %v", q.Kinds, q.Names, q.Backwards), func(t *testing.T) {
			same(t, read(t, s.Log, q), keep(all, q))
		})
	}
}

func testReadEnds(t *testing.T, s Store) {
	all := must(t, s.Log, "line-1", eventstore.None, events("line.taken", 0, 9)...)
	next := eventstore.Revision(9)
	for _, q := range []eventstore.Query{{}, {Stream: "line-1"}, {Kinds: []string{"line"}}} {
		want := len(read(t, s.Log, q))
		var got []eventstore.Record
		for r, err := range s.Log.Read(limited(t), q) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, r)
			must(t, s.Log, "line-1", next, event("line.taken", 0))
			next++
		}
		if len(got) != want {
			t.Fatalf("%+v read %d records, %d were there when it began", q, len(got), want)
		}
		same(t, got[:10], all)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, err := range s.Log.Read(ctx, eventstore.Query{}) {
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("reading with a context that has ended: %v", err)
		}
	}
}
