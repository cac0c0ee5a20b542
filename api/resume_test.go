package api

import (
	"context"
	"iter"
	"slices"
	"testing"

	"parley/eventstore"
)

// handsLog counts the records that are handed out to be kept.
type handsLog struct {
	eventstore.Log
	given int
}

func (l *handsLog) Read(ctx context.Context, q eventstore.Query) iter.Seq2[eventstore.Record, error] {
	return func(yield func(eventstore.Record, error) bool) {
		for r, err := range l.Log.Read(ctx, q) {
			if !q.Lend {
				l.given++
			}
			if !yield(r, err) {
				return
			}
		}
	}
}

func TestAPI3_AResumeHoldsNoMoreThanItTells(t *testing.T) {
	r := newRig(t, nil)
	var at []eventstore.Position
	for range 100 {
		r.say("c2", "a1", "x") // beside it
		at = append(at, r.say("c1", "a1", "x").Position)
	}
	for name, c := range map[string]struct {
		after, until eventstore.Position
		want         []eventstore.Position
	}{
		"all":                         {0, at[99], at},
		"from within":                 {at[9], at[99], at[10:]},
		"up to within":                {at[9], at[49], at[10:50]},
		"between what is told":        {at[9] - 1, at[49] + 1, at[9:50]},
		"before the first":            {0, at[0] - 1, nil},
		"behind the last":             {at[99], at[99] + 9, nil},
		"where it ended, and no more": {at[49], at[49] + 1, nil},
		"the last":                    {at[98], at[99] + 9, at[99:]},
	} {
		t.Run(name, func(t *testing.T) {
			log := &handsLog{Log: r.engine.Log}
			var got []eventstore.Position
			for record, err := range WithinStream(context.Background(), log, talkKind.Stream("c1"), c.after, c.until) {
				if err != nil {
					t.Fatal(err)
				}
				if got = append(got, record.Position); log.given > len(got) {
					t.Fatalf("%d records are in hand where %d were told", log.given, len(got))
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("%v, not %v", got, c.want)
			}
		})
	}
}
