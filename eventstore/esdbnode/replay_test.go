package esdbnode

import (
	"context"
	"errors"
	"iter"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"

	"parley/eventstore"
)

// unreadable is a log whose parked messages cannot be read for a while.
type unreadable struct {
	eventstore.Log
	failing atomic.Bool
}

func (u *unreadable) Read(ctx context.Context, q eventstore.Query) iter.Seq2[eventstore.Record, error] {
	if u.failing.Load() && strings.HasSuffix(q.Stream, "-parked") && !q.Backwards {
		return func(yield func(eventstore.Record, error) bool) {
			yield(eventstore.Record{}, errors.New("the disk cannot be read"))
		}
	}
	return u.Log.Read(ctx, q)
}

// TestAReplayThatCannotReadIsTold: consumers who wait for it are dropped, and
// what was parked is given out when it is asked for again.
func TestAReplayThatCannotReadIsTold(t *testing.T) {
	log := &unreadable{}
	k := &kit{
		t: t, dir: t.TempDir(), through: func(l eventstore.Log) eventstore.Log { log.Log = l; return log },
		options: Options{Kinds: []string{"line"}, Users: map[string]User{Engine: {"right", RoleEngine}}, Anonymous: RoleWriter},
	}
	k.start()
	t.Cleanup(k.stop)
	k.mustAppend("order-1", esdb.Any{}, ids(2)...)
	k.group("order-1", "g", nil)
	w := k.join("order-1", "g", 2)
	w.nack(esdb.NackActionPark, w.want(0, 0))
	w.ack(w.want(1, 0))
	k.told("order-1", "g", parkedAre(1))
	k.told("order-1", "g", doneAre(2))
	replay := func() {
		t.Helper()
		if err := k.client.ReplayParkedMessages(k.ctx(), "order-1", "g", esdb.ReplayParkedMessagesOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	log.failing.Store(true)
	replay()
	if e := w.Recv(); e.SubscriptionDropped == nil || !strings.Contains(e.SubscriptionDropped.Error.Error(), "the disk cannot be read") {
		t.Fatalf("the consumer is told: %+v", e)
	}
	log.failing.Store(false)
	w = k.join("order-1", "g", 2)
	replay()
	w.ack(w.want(0, 0))
	k.told("order-1", "g", parkedAre(0))
}
