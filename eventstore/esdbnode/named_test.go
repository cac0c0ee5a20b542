package esdbnode

import (
	"testing"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/persistent"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// TestNoStreamIsNotTheWholeLog: who forgets the stream does not hit the group of
// the whole log that has the same name.
func TestNoStreamIsNotTheWholeLog(t *testing.T) {
	k := serving(t, Options{})
	k.group("$all", "g", nil)
	c := persistent.NewPersistentSubscriptionsClient(k.wire)
	empty := &shared.StreamIdentifier{}
	_, err := c.Delete(k.ctx(), &persistent.DeleteReq{Options: &persistent.DeleteReq_Options{GroupName: "g", StreamOption: &persistent.DeleteReq_Options_StreamIdentifier{StreamIdentifier: empty}}})
	if status.Code(err) != codes.InvalidArgument {
		t.Errorf("deleting: %v", err)
	}
	_, err = c.Delete(k.ctx(), &persistent.DeleteReq{})
	if status.Code(err) != codes.InvalidArgument {
		t.Errorf("deleting: %v", err)
	}
	_, err = c.ReplayParked(k.ctx(), &persistent.ReplayParkedReq{Options: &persistent.ReplayParkedReq_Options{GroupName: "g", StreamOption: &persistent.ReplayParkedReq_Options_StreamIdentifier{StreamIdentifier: empty}}})
	if status.Code(err) != codes.InvalidArgument {
		t.Errorf("replaying: %v", err)
	}
	_, err = c.GetInfo(k.ctx(), &persistent.GetInfoReq{Options: &persistent.GetInfoReq_Options{GroupName: "g", StreamOption: &persistent.GetInfoReq_Options_StreamIdentifier{StreamIdentifier: empty}}})
	if status.Code(err) != codes.InvalidArgument {
		t.Errorf("info: %v", err)
	}
	k.told("$all", "g", parkedAre(0))
}

// TestParkedByOneGroupIsNotAnothers: two groups whose names would make one stream
// of what is parked are not both taken.
func TestParkedByOneGroupIsNotAnothers(t *testing.T) {
	k := serving(t, Options{})
	k.group("order-1::b", "g", nil)
	s := esdb.SubscriptionSettingsDefault()
	if err := k.client.CreatePersistentSubscription(k.ctx(), "order-1", "b::g", esdb.PersistentStreamSubscriptionOptions{Settings: &s}); err == nil {
		t.Fatalf("taken: %v", err)
	}
}
