package esdbnode

import (
	"strings"
	"testing"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
)

// TestALongReasonIsCut: why something is parked is as long as the consumer likes,
// and what is parked is an event of a bounded size.
func TestALongReasonIsCut(t *testing.T) {
	k := serving(t, Options{})
	k.mustAppend("order-1", esdb.Any{}, ids(2)...)
	k.group("order-1", "g", nil)
	w := k.join("order-1", "g", 2)
	if err := w.Nack(strings.Repeat("é", 1<<20), esdb.NackActionPark, w.want(0, 0)); err != nil {
		t.Fatal(err)
	}
	w.ack(w.want(1, 0))
	k.told("order-1", "g", func(i *esdb.PersistentSubscriptionInfo) bool {
		return i.Stats.ParkedMessagesCount == 1 && i.Stats.TotalItems == 2
	})
}

// TestAReplayResolvesLinksAsBefore: what a link links to is parked, not the link.
func TestAReplayResolvesLinksAsBefore(t *testing.T) {
	k := serving(t, Options{})
	k.mustAppend("order-1", esdb.Any{}, ids(2)...)
	link := esdb.EventData{EventID: ids(1)[0], EventType: "$>", ContentType: esdb.ContentTypeBinary, Data: []byte("1@order-1")}
	if _, err := k.client.AppendToStream(k.ctx(), "mine", esdb.AppendToStreamOptions{}, link); err != nil {
		t.Fatal(err)
	}
	k.group("mine", "g", func(s *esdb.PersistentSubscriptionSettings) { s.ResolveLinkTos = true })
	w := k.join("mine", "g", 2)
	w.nack(esdb.NackActionPark, w.want(1, 0))
	k.told("mine", "g", parkedAre(1))
	if err := k.client.ReplayParkedMessages(k.ctx(), "mine", "g", esdb.ReplayParkedMessagesOptions{}); err != nil {
		t.Fatal(err)
	}
	if e := w.next().Event.Event; e == nil || e.StreamID != "order-1" || e.EventNumber != 1 {
		t.Fatalf("given again: %+v", e)
	}
}

// TestALinkToNothingIsShown: whatever a link's data are, it holds up nobody.
func TestALinkToNothingIsShown(t *testing.T) {
	k := serving(t, Options{})
	for _, to := range []string{"0@" + strings.Repeat("x", 2000), "0@a\x00b", "0@", "@a", "-1@order-1", "0@$ce-order", "0@\xff"} {
		link := esdb.EventData{EventID: ids(1)[0], EventType: "$>", ContentType: esdb.ContentTypeBinary, Data: []byte(to)}
		if _, err := k.client.AppendToStream(k.ctx(), "mine", esdb.AppendToStreamOptions{}, link); err != nil {
			t.Fatal(err)
		}
	}
	k.mustAppend("mine", esdb.Any{}, ids(1)...)
	k.group("mine", "g", func(s *esdb.PersistentSubscriptionSettings) { s.ResolveLinkTos = true })
	w := k.join("mine", "g", 10)
	for {
		e := w.next().Event
		if e.Event != nil && e.Event.EventType == "order.placed" {
			break
		}
		if e.Event != nil || e.Link == nil {
			t.Errorf("%+v", e)
		}
		w.nack(esdb.NackActionPark, e)
	}
	k.told("mine", "g", parkedAre(7))
}
