package esdbnode

import (
	"errors"
	"io"
	"math"
	"slices"
	"testing"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/google/uuid"
)

// links reads a stream, and gives what its links link to.
func (k *kit) links(stream string, o esdb.ReadStreamOptions) (numbers []uint64, streams []string, err error) {
	k.t.Helper()
	o.ResolveLinkTos = true
	reading, err := k.client.ReadStream(k.ctx(), stream, o, math.MaxUint64)
	if err != nil {
		return nil, nil, err
	}
	defer reading.Close()
	for {
		e, err := reading.Recv()
		if err != nil {
			if !errors.Is(err, io.EOF) {
				return nil, nil, err
			}
			return numbers, streams, nil
		}
		numbers = append(numbers, e.OriginalEvent().EventNumber)
		if e.Event == nil {
			streams = append(streams, "")
			continue
		}
		streams = append(streams, e.Event.StreamID)
	}
}

// TestVirtualStreams reads and follows categories and event types, which are
// nowhere stored.
func TestVirtualStreams(t *testing.T) {
	k := serving(t, Options{})
	for _, stream := range []string{"order-1", "bill-1", "order-2", "order", "order-1"} {
		k.mustAppend(stream, esdb.Any{}, ids(1)...)
	}
	for name, test := range map[string]struct {
		stream  string
		o       esdb.ReadStreamOptions
		numbers []uint64
		streams []string
	}{
		"a category":      {"$ce-order", esdb.ReadStreamOptions{}, []uint64{0, 1, 3}, []string{"order-1", "order-2", "order-1"}},
		"from one on":     {"$ce-order", esdb.ReadStreamOptions{From: esdb.Revision(1)}, []uint64{1, 3}, []string{"order-2", "order-1"}},
		"from the end":    {"$ce-order", esdb.ReadStreamOptions{From: esdb.End{}, Direction: esdb.Backwards}, []uint64{3, 1, 0}, []string{"order-1", "order-2", "order-1"}},
		"back from 1":     {"$ce-order", esdb.ReadStreamOptions{From: esdb.Revision(1), Direction: esdb.Backwards}, []uint64{1, 0}, []string{"order-2", "order-1"}},
		"past the end":    {"$ce-order", esdb.ReadStreamOptions{From: esdb.Revision(9)}, nil, nil},
		"a type":          {"$et-order.placed", esdb.ReadStreamOptions{}, []uint64{0, 1, 2, 3, 4}, []string{"order-1", "bill-1", "order-2", "order", "order-1"}},
		"one of the type": {"$et-order.placed", esdb.ReadStreamOptions{From: esdb.Revision(4)}, []uint64{4}, []string{"order-1"}},
	} {
		numbers, streams, err := k.links(test.stream, test.o)
		if err != nil || !slices.Equal(numbers, test.numbers) || !slices.Equal(streams, test.streams) {
			t.Errorf("%s: %v of %v (%v)", name, numbers, streams, err)
		}
	}
	for _, stream := range []string{"$ce-none", "$et-none", "$ce-"} {
		if _, _, err := k.links(stream, esdb.ReadStreamOptions{}); code(err) != esdb.ErrorCodeResourceNotFound {
			t.Errorf("%s: %v", stream, err)
		}
	}
	if got, err := k.read("$ce-order"); err != nil || len(got) != 3 || got[1].EventType != "$>" || string(got[1].Data) != "0@order-2" {
		t.Errorf("not resolved: %+v, %v", got, err)
	}
	if _, err := k.append("$ce-order", esdb.Any{}, uuid.New()); code(err) != esdb.ErrorCodeAccessDenied {
		t.Errorf("written to: %v", err)
	}
	if _, err := k.client.DeleteStream(k.ctx(), "$ce-order", esdb.DeleteStreamOptions{ExpectedRevision: esdb.Any{}}); code(err) != esdb.ErrorCodeAccessDenied {
		t.Errorf("deleted: %v", err)
	}
	for from, first := range map[esdb.StreamPosition]uint64{esdb.Start{}: 0, esdb.Revision(0): 1, esdb.Revision(1): 3, esdb.End{}: 4} {
		s, err := k.client.SubscribeToStream(k.ctx(), "$ce-order", esdb.SubscribeToStreamOptions{From: from, ResolveLinkTos: true})
		if err != nil {
			t.Fatal(err)
		}
		var got []uint64
		for live := false; !live; {
			switch e := s.Recv(); {
			case e.CaughtUp != nil:
				live = true
			case e.EventAppeared != nil:
				got = append(got, e.EventAppeared.OriginalEvent().EventNumber)
			default:
				t.Fatalf("%+v", e.SubscriptionDropped)
			}
		}
		if want := slices.DeleteFunc([]uint64{0, 1, 3}, func(n uint64) bool { return n < first }); !slices.Equal(got, want) {
			t.Errorf("after %v: %v, want %v", from, got, want)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	s, err := k.client.SubscribeToStream(k.ctx(), "$et-late", esdb.SubscribeToStreamOptions{From: esdb.Start{}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	e := placed(ids(1)...)
	e[0].EventType = "late"
	if _, err := k.client.AppendToStream(k.ctx(), "thing-1", esdb.AppendToStreamOptions{}, e...); err != nil {
		t.Fatal(err)
	}
	for {
		if e := s.Recv(); e.EventAppeared != nil {
			if got := e.EventAppeared.OriginalEvent(); got.EventNumber != 0 || string(got.Data) != "0@thing-1" {
				t.Fatalf("%+v", got)
			}
			return
		} else if e.CaughtUp == nil {
			t.Fatalf("%+v", e.SubscriptionDropped)
		}
	}
}

// TestLinks follows links that clients wrote themselves; what was deleted is
// missing, its link is not.
func TestLinks(t *testing.T) {
	k := serving(t, Options{})
	k.mustAppend("order-1", esdb.Any{}, ids(1)...)
	k.mustAppend("gone-1", esdb.Any{}, ids(1)...)
	for _, to := range []string{"0@order-1", "0@gone-1", "7@order-1", "what"} {
		link := esdb.EventData{EventID: uuid.New(), EventType: "$>", ContentType: esdb.ContentTypeBinary, Data: []byte(to)}
		if _, err := k.client.AppendToStream(k.ctx(), "links", esdb.AppendToStreamOptions{}, link); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := k.client.DeleteStream(k.ctx(), "gone-1", esdb.DeleteStreamOptions{ExpectedRevision: esdb.Any{}}); err != nil {
		t.Fatal(err)
	}
	if _, streams, err := k.links("links", esdb.ReadStreamOptions{}); err != nil || !slices.Equal(streams, []string{"order-1", "", "", ""}) {
		t.Fatalf("%v, %v", streams, err)
	}
}
