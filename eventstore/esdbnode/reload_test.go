package esdbnode

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"

	"parley/eventstore"
)

// unmarked is a log whose checkpoints cannot be read for a while.
type unmarked struct {
	eventstore.Log
	failing atomic.Bool
}

func (u *unmarked) Mark(ctx context.Context, name string, move func(eventstore.Mark) ([]byte, bool)) (eventstore.Mark, error) {
	if u.failing.Load() && strings.HasPrefix(name, "esdb-group-") && move == nil {
		return eventstore.Mark{}, errors.New("the disk cannot be read")
	}
	return u.Log.Mark(ctx, name, move)
}

// TestAnUpdateThatFailsLeavesTheOthersAlone: a group whose checkpoint could not be
// read is brought back later, and no other is there twice then.
func TestAnUpdateThatFailsLeavesTheOthersAlone(t *testing.T) {
	log := &unmarked{}
	k := &kit{
		t: t, dir: t.TempDir(), through: func(l eventstore.Log) eventstore.Log { log.Log = l; return log },
		options: Options{Kinds: []string{"line"}, Users: map[string]User{Engine: {"right", RoleEngine}}, Anonymous: RoleWriter},
	}
	k.start()
	t.Cleanup(k.stop)
	k.mustAppend("order-1", esdb.Any{}, ids(1)...)
	k.group("order-1", "other", nil)
	k.group("order-1", "g", nil)
	k.join("order-1", "other", 2).want(0, 0)
	s := esdb.SubscriptionSettingsDefault()
	log.failing.Store(true)
	if err := k.client.UpdatePersistentSubscription(k.ctx(), "order-1", "g", esdb.PersistentStreamSubscriptionOptions{Settings: &s}); err == nil {
		t.Fatal("it was changed")
	}
	log.failing.Store(false)
	k.told("order-1", "g", parkedAre(0))
	k.told("order-1", "other", func(i *esdb.PersistentSubscriptionInfo) bool { return len(i.Connections) == 1 })
}
