package eventstore

import (
	"context"
	"testing"
)

// TestOwnPassesOverOthers: of streams that are not ours nothing is read, and a
// follower hears that the log went on.
func TestOwnPassesOverOthers(t *testing.T) {
	log := newMemLog()
	own := Own(log, []string{"line", "agent"})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for i, stream := range []string{"line-1", "order-1", "agent-1", "linen-1", "line", "~parley-x", "line-2", "order-2"} {
		if _, err := log.Append(ctx, stream, None, Record{Name: "x.y", Data: []byte{byte('0' + i)}}); err != nil {
			t.Fatal(err)
		}
	}
	for name, test := range map[string]struct {
		q    Query
		want string
	}{
		"all":                {Query{}, "0246"},
		"backwards, the two": {Query{Backwards: true, Limit: 2}, "64"},
		"the first three":    {Query{Limit: 3}, "024"},
		"one kind":           {Query{Kinds: []string{"line"}}, "046"},
		"another's kind":     {Query{Kinds: []string{"order", "line"}}, "046"},
		"one name":           {Query{Names: []string{"x.y"}}, "0246"},
		"one stream":         {Query{Stream: "line-2"}, "6"},
		"another's stream":   {Query{Stream: "order-1"}, ""},
	} {
		got := ""
		for r, err := range own.Read(ctx, test.q) {
			if err != nil {
				t.Fatal(err)
			}
			got += string(r.Data)
		}
		if got != test.want {
			t.Errorf("%s: read %q, want %q", name, got, test.want)
		}
	}
	for name, f := range map[string]Filter{"all": {}, "two kinds": {Kinds: []string{"line", "agent"}}} {
		got, at := "", Position(0)
		for u, err := range own.Follow(ctx, 0, f) {
			if err != nil {
				t.Fatal(err)
			}
			if at = u.Position; u.Record != nil {
				got += string(u.Record.Data)
			}
			if u.CaughtUp {
				break
			}
		}
		if got != "0246" || at != 80 {
			t.Errorf("%s: followed %q up to %d", name, got, at)
		}
	}
}
