package esdbnode

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/persistent"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// bytesOnly sends bytes as they are.
type bytesOnly struct{}

func (bytesOnly) Marshal(v any) ([]byte, error) { return *v.(*[]byte), nil }
func (bytesOnly) Unmarshal(data []byte, v any) error {
	*v.(*[]byte) = bytes.Clone(data)
	return nil
}
func (bytesOnly) Name() string { return "proto" }

// raw makes a call of any method with any bytes, and gives how it ended. What
// goes on for ever is broken off.
func (k *kit) raw(method string, messages ...[]byte) error {
	k.t.Helper()
	ctx, cancel := context.WithCancel(k.ctx())
	defer cancel()
	call, err := k.wire.NewStream(ctx, &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, method, grpc.ForceCodec(bytesOnly{}))
	if err != nil {
		k.t.Fatal(err)
	}
	for _, m := range messages {
		if err := call.SendMsg(&m); err != nil {
			break // it has ended
		}
	}
	if err := call.CloseSend(); err != nil {
		k.t.Fatal(err)
	}
	defer time.AfterFunc(200*time.Millisecond, cancel).Stop()
	for {
		var answer []byte
		if err := call.RecvMsg(&answer); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
	}
}

func encoded(t *testing.T, m proto.Message) []byte {
	t.Helper()
	b, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestBrokenMessages sends bytes that are no message, or nearly one, to every
// method: each is answered, and the node goes on.
func TestBrokenMessages(t *testing.T) {
	k := serving(t, Options{})
	k.mustAppend("order-1", esdb.Any{}, ids(3)...)
	k.group("order-1", "g", nil)
	name := &shared.StreamIdentifier{StreamName: []byte("order-1")}
	// What is broken may still be a command that can be carried out: those that
	// write have a stream of their own.
	other := &shared.StreamIdentifier{StreamName: []byte("parcel-22")}
	good := map[string][]byte{
		"streams.Streams/Read": encoded(t, &streams.ReadReq{Options: &streams.ReadReq_Options{
			StreamOption: &streams.ReadReq_Options_Stream{Stream: &streams.ReadReq_Options_StreamOptions{StreamIdentifier: name, RevisionOption: &streams.ReadReq_Options_StreamOptions_Revision{Revision: 1}}},
			CountOption:  &streams.ReadReq_Options_Count{Count: 2},
		}}),
		"streams.Streams/Append":      encoded(t, &streams.AppendReq{Content: &streams.AppendReq_Options_{Options: &streams.AppendReq_Options{StreamIdentifier: other, ExpectedStreamRevision: &streams.AppendReq_Options_Revision{Revision: 99}}}}),
		"streams.Streams/Delete":      encoded(t, &streams.DeleteReq{Options: &streams.DeleteReq_Options{StreamIdentifier: other, ExpectedStreamRevision: &streams.DeleteReq_Options_Revision{Revision: 99}}}),
		"streams.Streams/Tombstone":   encoded(t, &streams.TombstoneReq{Options: &streams.TombstoneReq_Options{StreamIdentifier: other, ExpectedStreamRevision: &streams.TombstoneReq_Options_Revision{Revision: 99}}}),
		"streams.Streams/BatchAppend": encoded(t, &streams.BatchAppendReq{CorrelationId: wireID(uuid.New(), false), Options: batchTo("line-1"), IsFinal: true}),
		"persistent_subscriptions.PersistentSubscriptions/Create": encoded(t, &persistent.CreateReq{Options: &persistent.CreateReq_Options{GroupName: "h", Settings: &persistent.CreateReq_Settings{HistoryBufferSize: 10},
			StreamOption: &persistent.CreateReq_Options_All{All: &persistent.CreateReq_AllOptions{AllOption: &persistent.CreateReq_AllOptions_Position{Position: &persistent.CreateReq_Position{CommitPosition: 3}}}}}}),
		"persistent_subscriptions.PersistentSubscriptions/Update":  encoded(t, &persistent.UpdateReq{Options: &persistent.UpdateReq_Options{GroupName: "i", Settings: &persistent.UpdateReq_Settings{HistoryBufferSize: 10}, StreamOption: &persistent.UpdateReq_Options_Stream{Stream: &persistent.UpdateReq_StreamOptions{StreamIdentifier: name}}}}),
		"persistent_subscriptions.PersistentSubscriptions/Delete":  encoded(t, &persistent.DeleteReq{Options: &persistent.DeleteReq_Options{GroupName: "i", StreamOption: &persistent.DeleteReq_Options_StreamIdentifier{StreamIdentifier: name}}}),
		"persistent_subscriptions.PersistentSubscriptions/Read":    encoded(t, &persistent.ReadReq{Content: &persistent.ReadReq_Options_{Options: &persistent.ReadReq_Options{GroupName: "g", BufferSize: 3, StreamOption: &persistent.ReadReq_Options_StreamIdentifier{StreamIdentifier: name}}}}),
		"persistent_subscriptions.PersistentSubscriptions/GetInfo": encoded(t, &persistent.GetInfoReq{Options: &persistent.GetInfoReq_Options{GroupName: "g", StreamOption: &persistent.GetInfoReq_Options_StreamIdentifier{StreamIdentifier: name}}}),
		"persistent_subscriptions.PersistentSubscriptions/ReplayParked": encoded(t, &persistent.ReplayParkedReq{Options: &persistent.ReplayParkedReq_Options{GroupName: "g", StreamOption: &persistent.ReplayParkedReq_Options_StreamIdentifier{StreamIdentifier: name},
			StopAtOption: &persistent.ReplayParkedReq_Options_StopAt{StopAt: -4}}}),
		"persistent_subscriptions.PersistentSubscriptions/List": encoded(t, &persistent.ListReq{}),
	}
	for method, message := range good {
		for n := range 40 {
			broken := bytes.Clone(message)
			switch {
			case n == 0:
				broken = nil
			case n == 1:
				broken = bytes.Repeat([]byte{0xff}, 40)
			case len(broken) == 0:
				broken = []byte{byte(n)}
			case n%3 == 0:
				broken = broken[:rand.IntN(len(broken))]
			default:
				for range n % 4 {
					broken[rand.IntN(len(broken))] = byte(rand.Uint32())
				}
			}
			err := k.raw("/event_store.client."+method, broken, broken)
			if c := status.Code(err); c == codes.Internal && !strings.Contains(err.Error(), "unmarshal") && !strings.Contains(err.Error(), "cardinality") || c == codes.Unavailable || c == codes.Unimplemented {
				t.Errorf("%s with %x: %v", method, broken, err)
			}
		}
	}
	if got, err := k.read("order-1"); err != nil || len(got) != 3 {
		t.Fatalf("afterwards %d events are there, %v", len(got), err)
	}
}

// TestEventsThatCannotBe: each is refused for its reason, and of what came with
// it nothing is written.
func TestEventsThatCannotBe(t *testing.T) {
	k := serving(t, Options{})
	id := wireID(uuid.New(), false)
	full := map[string]string{"type": "x", "content-type": contentJSON}
	for name, test := range map[string]struct {
		event *streams.AppendReq_ProposedMessage
		says  string
	}{
		"no id":              {&streams.AppendReq_ProposedMessage{Metadata: full}, "no UUID"},
		"an id that is none": {&streams.AppendReq_ProposedMessage{Id: &shared.UUID{Value: &shared.UUID_String_{String_: "nobody"}}, Metadata: full}, "no UUID"},
		"no type":            {&streams.AppendReq_ProposedMessage{Id: id, Metadata: map[string]string{"content-type": contentJSON}}, "'type' is missing"},
		"no content type":    {&streams.AppendReq_ProposedMessage{Id: id, Metadata: map[string]string{"type": "x"}}, "'content-type' is missing"},
		"a tombstone":        {&streams.AppendReq_ProposedMessage{Id: id, Metadata: map[string]string{"type": typeDeleted, "content-type": contentJSON}}, "tombstoning"},
		"a name too long":    {&streams.AppendReq_ProposedMessage{Id: id, Metadata: map[string]string{"type": strings.Repeat("x", 2000), "content-type": contentJSON}}, "1024"},
		"too much":           {&streams.AppendReq_ProposedMessage{Id: id, Metadata: full, Data: make([]byte, 1<<20)}, "Append Size"},
		"much metadata":      {&streams.AppendReq_ProposedMessage{Id: id, Metadata: full, CustomMetadata: make([]byte, 1<<20)}, "Append Size"},
		"far too much":       {&streams.AppendReq_ProposedMessage{Id: id, Metadata: full, Data: make([]byte, 16<<20)}, "larger than max"},
	} {
		call, err := streams.NewStreamsClient(k.wire).Append(k.ctx())
		if err != nil {
			t.Fatal(err)
		}
		o := &streams.AppendReq_Options{StreamIdentifier: &shared.StreamIdentifier{StreamName: []byte("order-1")}, ExpectedStreamRevision: &streams.AppendReq_Options_Any{Any: &shared.Empty{}}}
		messages := []*streams.AppendReq{{Content: &streams.AppendReq_Options_{Options: o}}}
		for _, e := range []*streams.AppendReq_ProposedMessage{{Id: wireID(uuid.New(), true), Metadata: full}, test.event} {
			messages = append(messages, &streams.AppendReq{Content: &streams.AppendReq_ProposedMessage_{ProposedMessage: e}})
		}
		for _, m := range messages {
			if err := call.Send(m); err != nil {
				break
			}
		}
		if _, err := call.CloseAndRecv(); err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, stream := range []string{strings.Repeat("x", 2000), "a\x00b"} {
		if _, err := k.append(stream, esdb.Any{}, uuid.New()); err == nil {
			t.Errorf("a stream of %d bytes was taken", len(stream))
		}
		if _, err := k.read(stream); code(err) != esdb.ErrorCodeResourceNotFound {
			t.Errorf("a stream of %d bytes: %v", len(stream), err)
		}
	}
	if _, err := k.read("order-1"); code(err) != esdb.ErrorCodeResourceNotFound {
		t.Fatalf("something was written: %v", err)
	}
	if info, err := k.log.Info(t.Context()); err != nil || info.Head != 0 {
		t.Fatalf("something was written up to %d, %v", info.Head, err)
	}
}

// TestReadingsThatCannotBe are refused in time.
func TestReadingsThatCannotBe(t *testing.T) {
	k := serving(t, Options{})
	k.mustAppend("order-1", esdb.Any{}, ids(1)...)
	of := func(o *streams.ReadReq_Options) *streams.ReadReq_Options {
		if o.StreamOption == nil {
			o.StreamOption = &streams.ReadReq_Options_All{All: &streams.ReadReq_Options_AllOptions{AllOption: &streams.ReadReq_Options_AllOptions_Start{Start: &shared.Empty{}}}}
		}
		return o
	}
	subscribing := &streams.ReadReq_Options_Subscription{Subscription: &streams.ReadReq_Options_SubscriptionOptions{}}
	matching := func(regex string, every uint32) *streams.ReadReq_Options_Filter {
		return &streams.ReadReq_Options_Filter{Filter: &streams.ReadReq_Options_FilterOptions{
			Filter:                       &streams.ReadReq_Options_FilterOptions_EventType{EventType: &streams.ReadReq_Options_FilterOptions_Expression{Regex: regex}},
			CheckpointIntervalMultiplier: every,
		}}
	}
	at := func(c, p uint64) *streams.ReadReq_Options_All {
		return &streams.ReadReq_Options_All{All: &streams.ReadReq_Options_AllOptions{AllOption: &streams.ReadReq_Options_AllOptions_Position{Position: &streams.ReadReq_Options_Position{CommitPosition: c, PreparePosition: p}}}}
	}
	for name, o := range map[string]*streams.ReadReq_Options{
		"nothing":                      {},
		"no count":                     of(&streams.ReadReq_Options{}),
		"a count of none":              of(&streams.ReadReq_Options{CountOption: &streams.ReadReq_Options_Count{}}),
		"a subscription backwards":     of(&streams.ReadReq_Options{CountOption: subscribing, ReadDirection: streams.ReadReq_Options_Backwards}),
		"a look-ahead":                 of(&streams.ReadReq_Options{CountOption: subscribing, FilterOption: matching("(?=x)", 1)}),
		"a back-reference":             of(&streams.ReadReq_Options{CountOption: subscribing, FilterOption: matching(`(x)\1`, 1)}),
		"an expression that is none":   of(&streams.ReadReq_Options{CountOption: subscribing, FilterOption: matching("(", 1)}),
		"an expression that explodes":  of(&streams.ReadReq_Options{CountOption: subscribing, FilterOption: matching("(((x{100}){100}){100})", 1)}),
		"an empty filter":              of(&streams.ReadReq_Options{CountOption: subscribing, FilterOption: matching("", 1)}),
		"no checkpoints":               of(&streams.ReadReq_Options{CountOption: subscribing, FilterOption: matching("x", 0)}),
		"two positions":                of(&streams.ReadReq_Options{CountOption: subscribing, StreamOption: at(1, 2)}),
		"a position of another log":    of(&streams.ReadReq_Options{CountOption: subscribing, StreamOption: at(999, 999)}),
		"a stream without a name":      of(&streams.ReadReq_Options{CountOption: subscribing, StreamOption: &streams.ReadReq_Options_Stream{}}),
		"a revision beyond everything": of(&streams.ReadReq_Options{CountOption: subscribing, StreamOption: &streams.ReadReq_Options_Stream{Stream: &streams.ReadReq_Options_StreamOptions{StreamIdentifier: &shared.StreamIdentifier{StreamName: []byte("order-1")}, RevisionOption: &streams.ReadReq_Options_StreamOptions_Revision{Revision: math.MaxUint64}}}}),
	} {
		call, err := streams.NewStreamsClient(k.wire).Read(k.ctx(), &streams.ReadReq{Options: o})
		if err == nil {
			_, err = call.Recv()
		}
		if status.Code(err) != codes.InvalidArgument || len(status.Convert(err).Message()) < 20 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestWhoMayWhat holds each role against what it may do.
func TestWhoMayWhat(t *testing.T) {
	k := serving(t, Options{Users: map[string]User{"r": {"reading", RoleReader}, "w": {"writing", RoleWriter}, "e": {"engine", RoleEngine}}})
	do := map[string]func(ctx context.Context) error{
		"read": func(ctx context.Context) error {
			s, err := k.client.ReadAll(ctx, esdb.ReadAllOptions{}, 1)
			if err == nil {
				_, err = s.Recv()
				s.Close()
			}
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return err
		},
		"write": func(ctx context.Context) error {
			_, err := k.client.AppendToStream(ctx, "order-1", esdb.AppendToStreamOptions{}, placed(uuid.New())...)
			return err
		},
		"own": func(ctx context.Context) error {
			own := esdb.EventData{EventID: uuid.New(), EventType: "line.left", ContentType: esdb.ContentTypeJson, Data: []byte(`{}`), Metadata: []byte(`{"parley":1,"happenedAt":"2026-01-01T00:00:00Z"}`)}
			_, err := k.client.AppendToStream(ctx, "line-1", esdb.AppendToStreamOptions{}, own)
			return err
		},
		"mark": func(ctx context.Context) error {
			_, err := k.client.AppendToStream(ctx, "~mark", esdb.AppendToStreamOptions{}, placed(uuid.New())...)
			return err
		},
		"group": func(ctx context.Context) error {
			return k.client.CreatePersistentSubscription(ctx, "order-1", uuid.NewString(), esdb.PersistentStreamSubscriptionOptions{})
		},
		"list": func(ctx context.Context) error {
			_, err := k.client.ListAllPersistentSubscriptions(ctx, esdb.ListPersistentSubscriptionsOptions{})
			return err
		},
		"delete": func(ctx context.Context) error {
			if _, err := k.client.AppendToStream(as(k.ctx(), "w", "writing"), "gone-1", esdb.AppendToStreamOptions{}, placed(uuid.New())...); err != nil {
				return fmt.Errorf("preparing: %w", err)
			}
			_, err := k.client.DeleteStream(ctx, "gone-1", esdb.DeleteStreamOptions{ExpectedRevision: esdb.Any{}})
			return err
		},
	}
	for who, test := range map[string]struct {
		password string
		may      string
		else_    esdb.ErrorCode
	}{
		"r": {"reading", "read list", esdb.ErrorCodeAccessDenied},
		"w": {"writing", "read list write group delete", esdb.ErrorCodeAccessDenied},
		"e": {"engine", "read list write group delete own mark", esdb.ErrorCodeAccessDenied},
		"x": {"nobody", "", esdb.ErrorCodeUnauthenticated},
		"":  {"", "", esdb.ErrorCodeUnauthenticated},
	} {
		for what, call := range do {
			ctx := k.ctx()
			if who != "" {
				ctx = as(ctx, who, test.password)
			}
			err := call(ctx)
			if strings.Contains(" "+test.may+" ", " "+what+" ") {
				if err != nil {
					t.Errorf("%q may %s: %v", who, what, err)
				}
			} else if code(err) != test.else_ {
				t.Errorf("%q may not %s: %v", who, what, err)
			}
		}
	}
}
