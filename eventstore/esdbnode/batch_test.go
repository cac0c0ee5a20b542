package esdbnode

import (
	"bytes"
	"math"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"parley/eventstore"
	"parley/eventstore/esdb/envelope"
)

// batched is a call of many appends.
type batched struct {
	k    *kit
	call streams.Streams_BatchAppendClient
}

func (k *kit) batch() *batched {
	k.t.Helper()
	call, err := streams.NewStreamsClient(k.wire).BatchAppend(k.ctx())
	if err != nil {
		k.t.Fatal(err)
	}
	return &batched{k, call}
}

func (b *batched) send(id uuid.UUID, final bool, o *streams.BatchAppendReq_Options, events ...uuid.UUID) {
	b.k.t.Helper()
	m := &streams.BatchAppendReq{CorrelationId: wireID(id, false), Options: o, IsFinal: final}
	for _, e := range events {
		m.ProposedMessages = append(m.ProposedMessages, &streams.BatchAppendReq_ProposedMessage{
			Id: wireID(e, true), Metadata: map[string]string{"type": "order.placed", "content-type": contentJSON}, Data: []byte("{}"),
		})
	}
	if err := b.call.Send(m); err != nil {
		b.k.t.Fatal(err)
	}
}

func (b *batched) recv() (uuid.UUID, *streams.BatchAppendResp) {
	b.k.t.Helper()
	resp, err := b.call.Recv()
	if err != nil {
		b.k.t.Fatal(err)
	}
	id, err := readID(resp.CorrelationId)
	if err != nil {
		b.k.t.Fatal(err)
	}
	return id, resp
}

func batchTo(stream string) *streams.BatchAppendReq_Options {
	return &streams.BatchAppendReq_Options{
		StreamIdentifier: &shared.StreamIdentifier{StreamName: []byte(stream)}, ExpectedStreamPosition: &streams.BatchAppendReq_Options_Any{Any: &emptypb.Empty{}},
	}
}

// TestManyAppendsInOneCall: each is answered by its correlation id, and those to
// one stream are written in their order.
func TestManyAppendsInOneCall(t *testing.T) {
	k := serving(t, Options{})
	b := k.batch()
	sent, want := map[uuid.UUID]string{}, map[string][]uuid.UUID{}
	for n := range 200 {
		id, stream, events := uuid.New(), "order-"+strconv.Itoa(n%7), ids(3)
		sent[id] = stream
		want[stream] = append(want[stream], events...)
		b.send(id, false, batchTo(stream), events[0])
		b.send(id, false, nil, events[1])
		b.send(id, true, nil, events[2])
	}
	for range 200 {
		id, resp := b.recv()
		if string(resp.StreamIdentifier.StreamName) != sent[id] || resp.GetSuccess().GetPosition().GetCommitPosition() == 0 || resp.GetAny() == nil {
			t.Fatalf("%v", resp)
		}
		delete(sent, id)
	}
	for stream, events := range want {
		got, err := k.read(stream)
		if err != nil || len(got) != len(events) {
			t.Fatalf("%s holds %d of %d events (%v)", stream, len(got), len(events), err)
		}
		for i := range events {
			if got[i].EventID != events[i] {
				t.Fatalf("%s: event %d is another", stream, i)
			}
		}
	}
}

// TestABatchIsRefused: what is wrong is said to whom it concerns, with its
// details, and nothing of it is written.
func TestABatchIsRefused(t *testing.T) {
	k := serving(t, Options{})
	k.mustAppend("order-1", esdb.Any{}, ids(2)...)
	if _, err := k.client.TombstoneStream(k.ctx(), "gone-1", esdb.TombstoneStreamOptions{ExpectedRevision: esdb.Any{}}); err != nil {
		t.Fatal(err)
	}
	with := func(stream string, change func(*streams.BatchAppendReq_Options)) *streams.BatchAppendReq_Options {
		o := batchTo(stream)
		if change != nil {
			change(o)
		}
		return o
	}
	for name, test := range map[string]struct {
		o      *streams.BatchAppendReq_Options
		code   codes.Code
		detail proto.Message
	}{
		"another revision": {with("order-1", func(o *streams.BatchAppendReq_Options) {
			o.ExpectedStreamPosition = &streams.BatchAppendReq_Options_StreamPosition{StreamPosition: 7}
		}), codes.AlreadyExists, &shared.WrongExpectedVersion{
			CurrentStreamRevisionOption:  &shared.WrongExpectedVersion_CurrentStreamRevision{CurrentStreamRevision: 1},
			ExpectedStreamPositionOption: &shared.WrongExpectedVersion_ExpectedStreamPosition{ExpectedStreamPosition: 7},
		}},
		"a stream is expected": {with("order-9", func(o *streams.BatchAppendReq_Options) {
			o.ExpectedStreamPosition = &streams.BatchAppendReq_Options_StreamExists{StreamExists: &emptypb.Empty{}}
		}), codes.AlreadyExists, &shared.WrongExpectedVersion{
			CurrentStreamRevisionOption:  &shared.WrongExpectedVersion_CurrentNoStream{CurrentNoStream: &emptypb.Empty{}},
			ExpectedStreamPositionOption: &shared.WrongExpectedVersion_ExpectedStreamExists{ExpectedStreamExists: &emptypb.Empty{}},
		}},
		"a tombstone":      {with("gone-1", nil), codes.NotFound, &shared.StreamDeleted{StreamIdentifier: &shared.StreamIdentifier{StreamName: []byte("gone-1")}}},
		"Parley's own":     {with("line-1", nil), codes.PermissionDenied, &shared.AccessDenied{}},
		"what is parked":   {with(groupPrefix+"order-1::g-parked", nil), codes.PermissionDenied, &shared.AccessDenied{}},
		"all streams":      {with("$all", nil), codes.PermissionDenied, &shared.AccessDenied{}},
		"no stream":        {with("", nil), codes.InvalidArgument, nil},
		"no options":       {nil, codes.InvalidArgument, nil},
		"nothing expected": {with("order-1", func(o *streams.BatchAppendReq_Options) { o.ExpectedStreamPosition = nil }), codes.InvalidArgument, nil},
		"too late": {with("order-1", func(o *streams.BatchAppendReq_Options) {
			o.DeadlineOption = &streams.BatchAppendReq_Options_Deadline{Deadline: durationpb.New(-time.Second)}
		}), codes.DeadlineExceeded, &shared.Timeout{}},
		"too late, as it was said before": {with("order-1", func(o *streams.BatchAppendReq_Options) {
			o.DeadlineOption = &streams.BatchAppendReq_Options_Deadline_21_10_0{Deadline_21_10_0: timestamppb.New(time.Now().Add(-time.Hour))}
		}), codes.DeadlineExceeded, &shared.Timeout{}},
		"no duration": {with("order-1", func(o *streams.BatchAppendReq_Options) {
			o.DeadlineOption = &streams.BatchAppendReq_Options_Deadline{Deadline: &durationpb.Duration{Seconds: math.MaxInt64}}
		}), codes.InvalidArgument, nil},
	} {
		b := k.batch()
		id := uuid.New()
		b.send(id, true, test.o, ids(1)...)
		got, resp := b.recv()
		e := resp.GetError()
		if got != id || codes.Code(e.GetCode()) != test.code || e.GetMessage() == "" || len(e.GetDetails()) != 1 {
			t.Errorf("%s: %v", name, resp)
			continue
		}
		detail, err := e.Details[0].UnmarshalNew()
		if err != nil || test.detail != nil && !proto.Equal(detail, test.detail) {
			t.Errorf("%s: %v, %v", name, detail, err)
		}
		// Another of the same call is written all the same.
		b.send(id, true, batchTo("other-1"), ids(1)...)
		if _, resp := b.recv(); resp.GetSuccess() == nil {
			t.Errorf("%s: the next: %v", name, resp)
		}
	}
	b := k.batch()
	id := uuid.New()
	b.send(id, false, batchTo("order-1"), ids(1)...)
	for n := range 30 {
		m := &streams.BatchAppendReq{CorrelationId: wireID(id, true), IsFinal: n == 29, ProposedMessages: []*streams.BatchAppendReq_ProposedMessage{{
			Id: wireID(uuid.New(), false), Metadata: map[string]string{"type": "x", "content-type": contentBinary}, Data: bytes.Repeat([]byte("x"), 50_000),
		}}}
		if err := b.call.Send(m); err != nil {
			t.Fatal(err)
		}
	}
	if _, resp := b.recv(); !resp.GetError().GetDetails()[0].MessageIs(&shared.MaximumAppendSizeExceeded{}) {
		t.Errorf("too much: %v", resp)
	}
	b = k.batch()
	b.send(uuid.New(), false, batchTo("order-1"), ids(1)...) // its last part never comes
	if err := b.call.CloseSend(); err != nil {
		t.Fatal(err)
	}
	if _, err := b.call.Recv(); err == nil {
		t.Error("an append without a last part was answered")
	}
	b = k.batch()
	if err := b.call.Send(&streams.BatchAppendReq{IsFinal: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.call.Recv(); status.Code(err) != codes.InvalidArgument {
		t.Errorf("no correlation id: %v", err)
	}
	if got, err := k.read("order-1"); err != nil || len(got) != 2 {
		t.Errorf("%d events, %v", len(got), err)
	}
}

// TestABatchKeepsItsOrder sends appends to many of Parley's own streams over one
// call: they lie in the log in the order in which they were sent, the same again is
// answered with where it stands, and another at its revision is refused. All of it
// is more than is held at once.
func TestABatchKeepsItsOrder(t *testing.T) {
	k := serving(t, Options{Users: map[string]User{Engine: {"right", RoleEngine}}, Anonymous: RoleEngine})
	own, err := envelope.Encode(&eventstore.Record{HappenedAt: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	data := append(append([]byte{'"'}, bytes.Repeat([]byte("x"), 90_000)...), '"')
	b := k.batch()
	const n = 500
	ids := ids(n)
	put := func(correlation, event uuid.UUID, i int) {
		o := &streams.BatchAppendReq_Options{StreamIdentifier: &shared.StreamIdentifier{StreamName: []byte("line-" + strconv.Itoa(i%13))}}
		if o.ExpectedStreamPosition = (&streams.BatchAppendReq_Options_NoStream{NoStream: &emptypb.Empty{}}); i >= 13 {
			o.ExpectedStreamPosition = &streams.BatchAppendReq_Options_StreamPosition{StreamPosition: uint64(i/13 - 1)}
		}
		err := b.call.Send(&streams.BatchAppendReq{CorrelationId: wireID(correlation, false), Options: o, IsFinal: true, ProposedMessages: []*streams.BatchAppendReq_ProposedMessage{
			{Id: wireID(event, false), Metadata: map[string]string{"type": "line.taken", "content-type": contentJSON}, CustomMetadata: own, Data: data},
		}})
		if err != nil {
			t.Error(err)
		}
	}
	go func() {
		for i, id := range ids {
			put(id, id, i)
			if i%10 == 9 {
				put(uuid.Nil, ids[i-5], i-5)   // the same again
				put(uuid.Nil, uuid.New(), i-6) // another there
			}
		}
	}()
	at, last, again, wrong := map[int]uint64{}, uint64(0), 0, 0
	for range n + n/5 {
		id, resp := b.recv()
		position := resp.GetSuccess().GetPosition().GetCommitPosition()
		switch i := slices.Index(ids, id); {
		case i >= 0:
			if i != len(at) || position <= last {
				t.Fatalf("append %d stands at %d, the %d before it up to %d: %v", i, position, len(at), last, resp.GetError())
			}
			at[i], last = position, position
		case resp.GetError() == nil:
			if again++; position != at[len(at)-6] {
				t.Fatalf("the same again stands at %d, not at %d", position, at[len(at)-6])
			}
		default:
			if wrong++; codes.Code(resp.GetError().Code) != codes.AlreadyExists {
				t.Fatal(resp.GetError())
			}
		}
	}
	if again != n/10 || wrong != n/10 {
		t.Errorf("%d were the same again and %d wrong", again, wrong)
	}
}
