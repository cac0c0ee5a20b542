package esdbnode

import (
	"context"
	"strings"
	"testing"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/google/uuid"

	"parley/eventstore"
	"parley/eventstore/esdb/envelope"
)

func toMark(value string) esdb.EventData {
	return esdb.EventData{EventID: uuid.New(), EventType: "mark", ContentType: esdb.ContentTypeBinary, Data: []byte(value)}
}

func isCode(err error, code esdb.ErrorCode) bool {
	e, ok := esdb.FromError(err)
	return !ok && e.Code() == code
}

// TestMarksOverTheWireAreTheLogs: what an engine keeps over the wire as marks,
// and the name of the log, are those of the log itself.
func TestMarksOverTheWireAreTheLogs(t *testing.T) {
	k := serving(t, Options{})
	ctx := as(k.ctx(), Engine, "right")
	stream := envelope.MarkStream + "cursor"
	is := func(value string, revision uint64) {
		t.Helper()
		m, err := k.log.Mark(ctx, "cursor", nil)
		if err != nil || string(m.Value) != value || m.Revision != revision {
			t.Errorf("the log has %q in revision %d (%v), not %q in %d", m.Value, m.Revision, err, value, revision)
		}
		events, err := k.read(stream)
		if err != nil || len(events) != 1 || string(events[0].Data) != value || events[0].EventNumber != revision-1 {
			t.Errorf("over the wire: %v (%v)", events, err)
		}
	}
	write := func(event esdb.EventData, expect esdb.ExpectedRevision) error {
		_, err := k.client.AppendToStream(ctx, stream, esdb.AppendToStreamOptions{ExpectedRevision: expect}, event)
		return err
	}
	if events, err := k.read(stream); !isCode(err, esdb.ErrorCodeResourceNotFound) {
		t.Errorf("before it is there: %v (%v)", events, err)
	}
	meta := esdb.StreamMetadata{}
	meta.SetMaxCount(1)
	if _, err := k.client.SetStreamMetadata(ctx, stream, esdb.AppendToStreamOptions{ExpectedRevision: esdb.Any{}}, meta); err != nil {
		t.Error(err)
	}
	first := toMark("1")
	if err := write(first, esdb.NoStream{}); err != nil {
		t.Fatal(err)
	}
	is("1", 1)
	if _, err := k.log.Mark(ctx, "cursor", func(eventstore.Mark) ([]byte, bool) { return []byte("2"), true }); err != nil {
		t.Fatal(err)
	}
	is("2", 2)
	for name, wrong := range map[string]esdb.ExpectedRevision{"none": esdb.NoStream{}, "before": esdb.Revision(0), "beyond": esdb.Revision(2)} {
		if err := write(toMark("x"), wrong); !isCode(err, esdb.ErrorCodeWrongExpectedVersion) {
			t.Errorf("%s: %v", name, err)
		}
	}
	third := toMark("3")
	for range 2 { // the first answer was lost
		if err := write(third, esdb.Revision(1)); err != nil {
			t.Error(err)
		}
	}
	is("3", 3)
	if err := write(toMark("4"), esdb.StreamExists{}); err != nil {
		t.Error(err)
	}
	if err := write(toMark("5"), esdb.Any{}); err != nil {
		t.Error(err)
	}
	is("5", 5)
	if got, err := k.client.GetStreamMetadata(ctx, stream, esdb.ReadStreamOptions{}); err != nil || got.MaxCount() == nil || *got.MaxCount() != 1 {
		t.Errorf("its metadata: %v (%v)", got, err)
	}

	meta.SetMaxCount(2)
	refused := map[string]error{"two at once": nil}
	_, refused["two at once"] = k.client.AppendToStream(ctx, stream, esdb.AppendToStreamOptions{}, toMark("6"), toMark("7"))
	_, refused["other metadata"] = k.client.SetStreamMetadata(ctx, stream, esdb.AppendToStreamOptions{}, meta)
	_, refused["deleting"] = k.client.DeleteStream(ctx, stream, esdb.DeleteStreamOptions{ExpectedRevision: esdb.Any{}})
	_, refused["deleting metadata"] = k.client.DeleteStream(ctx, "$$"+stream, esdb.DeleteStreamOptions{ExpectedRevision: esdb.Any{}})
	_, refused["no engine"] = k.client.AppendToStream(k.ctx(), stream, esdb.AppendToStreamOptions{}, toMark("6"))
	_, refused["the log's name"] = k.client.AppendToStream(ctx, envelope.StoreStream, esdb.AppendToStreamOptions{}, toMark("x"))
	settings := esdb.SubscriptionSettingsDefault()
	refused["a group"] = k.client.CreatePersistentSubscription(ctx, stream, "g", esdb.PersistentStreamSubscriptionOptions{Settings: &settings})
	sub, err := k.client.SubscribeToStream(ctx, stream, esdb.SubscribeToStreamOptions{})
	if refused["following"] = err; err == nil {
		if refused["following"] = sub.Recv().SubscriptionDropped.Error; sub.Close() != nil {
			t.Error("it cannot be closed")
		}
	}
	for what, err := range refused {
		if err == nil {
			t.Errorf("%s is taken", what)
		}
	}
	is("5", 5)
	info, err := k.log.Info(ctx)
	if err != nil || info.Head != 0 {
		t.Errorf("%v (%v): marks are no records", info, err)
	}
	name, err := k.read(envelope.StoreStream)
	if err != nil || len(name) != 1 || string(name[0].Data) != info.Store {
		t.Errorf("the log's name: %v (%v)", name, err)
	}
	if all, err := k.read("$all"); err != nil || len(all) != 0 {
		t.Errorf("all there is: %v (%v)", all, err)
	}
}

// TestMarksAreFoundByTheirName: who asks the whole log for them by name gets
// them as they are, and nobody else does.
func TestMarksAreFoundByTheirName(t *testing.T) {
	k := serving(t, Options{})
	for _, name := range []string{"b", "a"} {
		if _, err := k.log.Mark(k.ctx(), name, func(eventstore.Mark) ([]byte, bool) { return []byte(name), true }); err != nil {
			t.Fatal(err)
		}
	}
	k.mustAppend("order-1", esdb.Any{}, uuid.New())
	for _, c := range []struct {
		filter *esdb.SubscriptionFilter
		want   string
	}{
		{&esdb.SubscriptionFilter{Type: esdb.StreamFilterType, Regex: "^" + envelope.MarkStream}, envelope.MarkStream + "a " + envelope.MarkStream + "b"},
		{&esdb.SubscriptionFilter{Type: esdb.StreamFilterType, Prefixes: []string{envelope.MarkStream + "b", "order"}}, envelope.MarkStream + "b order-1"},
		{&esdb.SubscriptionFilter{Type: esdb.StreamFilterType, Regex: "."}, "order-1"},
		{&esdb.SubscriptionFilter{Type: esdb.EventFilterType, Regex: envelope.MarkStream + "|order"}, "order-1"},
		{nil, "order-1"},
	} {
		sub, err := k.client.SubscribeToAll(k.ctx(), esdb.SubscribeToAllOptions{From: esdb.Start{}, Filter: c.filter})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for {
			e := sub.Recv()
			if e.SubscriptionDropped != nil {
				t.Fatal(e.SubscriptionDropped.Error)
			}
			if e.CaughtUp != nil {
				break
			}
			if e.EventAppeared != nil {
				got = append(got, e.EventAppeared.Event.StreamID)
			}
		}
		if err := sub.Close(); err != nil {
			t.Error(err)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%v: %v, want %s", c.filter, got, c.want)
		}
	}
}

// restless is a log of which every mark moves on right after it was read.
type restless struct{ eventstore.Log }

func (l restless) Mark(ctx context.Context, name string, move func(eventstore.Mark) ([]byte, bool)) (eventstore.Mark, error) {
	m, err := l.Log.Mark(ctx, name, move)
	if err == nil && move == nil && m.Revision > 0 {
		_, err = l.Log.Mark(ctx, name, func(m eventstore.Mark) ([]byte, bool) { return m.Value, true })
	}
	return m, err
}

// TestAMarkThatMovesWhileItIsReadIsThere: who reads a mark while another writes it
// gets one of the two, and is never told that there is none.
func TestAMarkThatMovesWhileItIsReadIsThere(t *testing.T) {
	k := &kit{t: t, dir: t.TempDir(), through: func(l eventstore.Log) eventstore.Log { return restless{l} }}
	k.start()
	t.Cleanup(k.stop)
	if _, err := k.log.Mark(k.ctx(), "cursor", func(eventstore.Mark) ([]byte, bool) { return []byte("1"), true }); err != nil {
		t.Fatal(err)
	}
	for name, o := range map[string]esdb.ReadStreamOptions{
		"from its end":       {Direction: esdb.Backwards, From: esdb.End{}},
		"from its beginning": {From: esdb.Start{}},
	} {
		reading, err := k.client.ReadStream(k.ctx(), envelope.MarkStream+"cursor", o, 1)
		if err != nil {
			t.Fatal(err)
		}
		if e, err := reading.Recv(); err != nil || string(e.Event.Data) != "1" {
			t.Errorf("%s: %v (%v)", name, e, err)
		}
		reading.Close()
	}
}
