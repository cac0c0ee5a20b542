package esdbnode

import (
	"math"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/persistent"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func (k *kit) timed(name string, ticks int64) error {
	_, err := persistent.NewPersistentSubscriptionsClient(k.wire).Create(k.ctx(), &persistent.CreateReq{Options: &persistent.CreateReq_Options{
		GroupName: name, Settings: &persistent.CreateReq_Settings{
			HistoryBufferSize: 10, MessageTimeout: &persistent.CreateReq_Settings_MessageTimeoutTicks{MessageTimeoutTicks: ticks},
		},
		StreamOption: &persistent.CreateReq_Options_Stream{Stream: &persistent.CreateReq_StreamOptions{
			StreamIdentifier: &shared.StreamIdentifier{StreamName: []byte("order-1")}, RevisionOption: &persistent.CreateReq_StreamOptions_Start{Start: &shared.Empty{}},
		}},
	}})
	return err
}

// TestLongTimesOfGroups: a time beyond all is not taken for a short one, and one
// longer than the wire can say is told as the longest.
func TestLongTimesOfGroups(t *testing.T) {
	k := serving(t, Options{})
	for _, ticks := range []int64{1 << 62, math.MaxInt64, math.MinInt64, -1, int64(366 * 24 * time.Hour / tick)} {
		if err := k.timed("g", ticks); status.Code(err) != codes.InvalidArgument {
			t.Errorf("%d ticks: %v", ticks, err)
		}
	}
	if err := k.timed("year", int64(365*24*time.Hour/tick)); err != nil {
		t.Fatal(err)
	}
	k.told("order-1", "year", func(i *esdb.PersistentSubscriptionInfo) bool {
		if got := i.Settings.MessageTimeout; got != math.MaxInt32 {
			t.Errorf("a year is %d ms", got)
		}
		return true
	})
}

// TestAnAnswerNamesNoMoreThanCanBeHeld: each id is looked for among all that waits.
func TestAnAnswerNamesNoMoreThanCanBeHeld(t *testing.T) {
	k := serving(t, Options{})
	k.group("order-1", "g", nil)
	call, err := persistent.NewPersistentSubscriptionsClient(k.wire).Read(k.ctx())
	if err != nil {
		t.Fatal(err)
	}
	first := &persistent.ReadReq_Options{GroupName: "g", BufferSize: 1, StreamOption: &persistent.ReadReq_Options_StreamIdentifier{StreamIdentifier: &shared.StreamIdentifier{StreamName: []byte("order-1")}}}
	if err := call.Send(&persistent.ReadReq{Content: &persistent.ReadReq_Options_{Options: first}}); err != nil {
		t.Fatal(err)
	}
	if _, err := call.Recv(); err != nil {
		t.Fatal(err)
	}
	all := make([]*shared.UUID, mostHeld+1)
	for i, id := range ids(len(all)) {
		all[i] = wireID(id, false)
	}
	if err := call.Send(&persistent.ReadReq{Content: &persistent.ReadReq_Ack_{Ack: &persistent.ReadReq_Ack{Ids: all[1:]}}}); err != nil {
		t.Fatal(err)
	}
	if err := call.Send(&persistent.ReadReq{Content: &persistent.ReadReq_Ack_{Ack: &persistent.ReadReq_Ack{Ids: all}}}); err != nil {
		t.Fatal(err)
	}
	if err := call.CloseSend(); err != nil {
		t.Fatal(err)
	}
	if _, err := call.Recv(); status.Code(err) != codes.InvalidArgument {
		t.Fatalf("so many: %v", err)
	}
}
