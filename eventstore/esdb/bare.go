package esdb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"

	client "github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/serverfeatures"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"
	"google.golang.org/grpc"

	"parley/eventstore"
	"parley/eventstore/esdb/envelope"
)

// Bare is what a benchmark holds the protocol against: a server on loopback
// that answers at once and keeps nothing, and the calls of the published stubs
// with the messages that the adapter sends and the node answers.
type Bare struct {
	streams.UnimplementedStreamsServer
	serverfeatures.UnimplementedServerFeaturesServer
	server   *grpc.Server
	done     chan error
	conn     *grpc.ClientConn
	stub     streams.StreamsClient
	vendor   *client.Client
	stream   string
	event    client.EventData
	recorded *streams.ReadResp
}

// StartBare serves appends like this one, and reads of it.
func StartBare(r *eventstore.Record) (*Bare, error) {
	metadata, err := envelope.Encode(r)
	if err != nil {
		return nil, err
	}
	b := &Bare{
		server: grpc.NewServer(), done: make(chan error, 1), stream: "conversation-" + uuid.NewString(),
		event: client.EventData{EventID: r.ID, EventType: r.Name, ContentType: client.ContentTypeJson, Data: r.Data, Metadata: metadata},
	}
	b.recorded = &streams.ReadResp{Content: &streams.ReadResp_Event{Event: &streams.ReadResp_ReadEvent{
		Position: &streams.ReadResp_ReadEvent_CommitPosition{CommitPosition: 1 << 20},
		Event: &streams.ReadResp_ReadEvent_RecordedEvent{
			Id: wireID(r.ID), StreamIdentifier: &shared.StreamIdentifier{StreamName: []byte(b.stream)}, StreamRevision: 7, PreparePosition: 1 << 20, CommitPosition: 1 << 20,
			Metadata:       map[string]string{"type": r.Name, "content-type": "application/json", "created": strconv.FormatInt(time.Now().UnixNano()/100, 10)},
			CustomMetadata: metadata, Data: r.Data,
		},
	}}}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	streams.RegisterStreamsServer(b.server, b)
	serverfeatures.RegisterServerFeaturesServer(b.server, b)
	go func() { b.done <- b.server.Serve(l) }()
	conf, err := client.ParseConnectionString("esdb://" + l.Addr().String() + "?tls=false")
	if err != nil {
		return nil, err
	}
	conf.Logger = client.NoopLogging()
	if b.vendor, err = client.NewClient(conf); err != nil {
		return nil, err
	}
	if b.conn, err = connect(conf, conf.Address); err != nil {
		return nil, err
	}
	b.stub = streams.NewStreamsClient(b.conn)
	return b, nil
}

// Close ends the server and what calls it.
func (b *Bare) Close() error {
	err := errors.Join(b.vendor.Close(), b.conn.Close())
	b.server.Stop()
	return errors.Join(err, <-b.done)
}

// GetSupportedMethods greets the vendor's client.
func (b *Bare) GetSupportedMethods(context.Context, *shared.Empty) (*serverfeatures.SupportedMethods, error) {
	return &serverfeatures.SupportedMethods{EventStoreServerVersion: "24.10.0"}, nil
}

// Append answers an append once it has come.
func (b *Bare) Append(s streams.Streams_AppendServer) error {
	for {
		if _, err := s.Recv(); errors.Is(err, io.EOF) {
			return s.SendAndClose(&streams.AppendResp{Result: &streams.AppendResp_Success_{Success: &streams.AppendResp_Success{
				CurrentRevisionOption: &streams.AppendResp_Success_CurrentRevision{CurrentRevision: 8},
				PositionOption:        &streams.AppendResp_Success_Position{Position: &streams.AppendResp_Position{CommitPosition: 1 << 20, PreparePosition: 1 << 20}},
			}}})
		} else if err != nil {
			return err
		}
	}
}

// BatchAppend answers each of many appends once it has come.
func (b *Bare) BatchAppend(s streams.Streams_BatchAppendServer) error {
	for {
		m, err := s.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		err = s.Send(&streams.BatchAppendResp{
			CorrelationId: m.GetCorrelationId(), StreamIdentifier: m.GetOptions().GetStreamIdentifier(),
			Result: &streams.BatchAppendResp_Success_{Success: &streams.BatchAppendResp_Success{
				CurrentRevisionOption: &streams.BatchAppendResp_Success_CurrentRevision{CurrentRevision: 8},
				PositionOption:        &streams.BatchAppendResp_Success_Position{Position: &shared.AllStreamPosition{CommitPosition: 1 << 20, PreparePosition: 1 << 20}},
			}},
		})
		if err != nil {
			return err
		}
	}
}

// Read gives as many events as are asked for; a subscription gets them without
// end.
func (b *Bare) Read(req *streams.ReadReq, s streams.Streams_ReadServer) error {
	left := req.GetOptions().GetCount()
	if req.GetOptions().GetSubscription() != nil {
		left = 1 << 62
		if err := s.Send(&streams.ReadResp{Content: &streams.ReadResp_Confirmation{Confirmation: &streams.ReadResp_SubscriptionConfirmation{SubscriptionId: "bare"}}}); err != nil {
			return err
		}
	}
	for ; left > 0; left-- {
		if err := s.Send(b.recorded); err != nil {
			return err
		}
	}
	return nil
}

// ByStub appends as the vendor's client does, by the published stub.
func (b *Bare) ByStub(ctx context.Context) error {
	call, err := b.stub.Append(ctx)
	if err != nil {
		return err
	}
	o := &streams.AppendReq_Options{
		StreamIdentifier:       &shared.StreamIdentifier{StreamName: []byte(b.stream)},
		ExpectedStreamRevision: &streams.AppendReq_Options_Revision{Revision: 7},
	}
	event := &streams.AppendReq_ProposedMessage{
		Id: wireID(b.event.EventID), Data: b.event.Data, CustomMetadata: b.event.Metadata,
		Metadata: map[string]string{"type": b.event.EventType, "content-type": "application/json"},
	}
	if err := call.Send(&streams.AppendReq{Content: &streams.AppendReq_Options_{Options: o}}); err != nil {
		return err
	}
	if err := call.Send(&streams.AppendReq{Content: &streams.AppendReq_ProposedMessage_{ProposedMessage: event}}); err != nil {
		return err
	}
	_, err = call.CloseAndRecv()
	return err
}

// ByClient appends by the vendor's client.
func (b *Bare) ByClient(ctx context.Context) error {
	_, err := b.vendor.AppendToStream(ctx, b.stream, client.AppendToStreamOptions{ExpectedRevision: client.Revision(7)}, b.event)
	return err
}

// ByLine gives what appends over one call that stays open, as the adapter does.
func (b *Bare) ByLine(ctx context.Context) (put func(context.Context) error, stop func() error, err error) {
	conf, err := client.ParseConnectionString("esdb://" + b.conn.Target() + "?tls=false")
	if err != nil {
		return nil, nil, err
	}
	l := &Log{options: Options{Timeout: 10 * time.Second}, clients: newSupervisor(conf, 10), closing: make(chan struct{})}
	if _, err := l.line(ctx); err != nil {
		return nil, nil, err
	}
	return func(ctx context.Context) error {
		_, err := l.put(ctx, b.stream, 7, []client.EventData{b.event})
		return err
	}, l.Close, nil
}

// Load reads so many events of a stream, by the stub or the vendor's client.
func (b *Bare) Load(ctx context.Context, n uint64, byClient bool) error {
	got := uint64(0)
	if byClient {
		reading, err := b.vendor.ReadStream(ctx, b.stream, client.ReadStreamOptions{From: client.Start{}}, n)
		if err != nil {
			return err
		}
		defer reading.Close()
		for {
			if _, err := reading.Recv(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				return err
			}
			got++
		}
	} else {
		call, err := b.stub.Read(ctx, b.readReq(&streams.ReadReq_Options{
			StreamOption: &streams.ReadReq_Options_Stream{Stream: &streams.ReadReq_Options_StreamOptions{
				StreamIdentifier: &shared.StreamIdentifier{StreamName: []byte(b.stream)}, RevisionOption: &streams.ReadReq_Options_StreamOptions_Start{Start: &shared.Empty{}},
			}},
			CountOption: &streams.ReadReq_Options_Count{Count: n},
		}))
		if err != nil {
			return err
		}
		for {
			if _, err := call.Recv(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				return err
			}
			got++
		}
	}
	if got != n {
		return fmt.Errorf("%d events instead of %d", got, n)
	}
	return nil
}

// Follow takes so many events of a subscription, by the stub or the vendor's
// client.
func (b *Bare) Follow(ctx context.Context, n int, byClient bool) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if byClient {
		subscription, err := b.vendor.SubscribeToAll(ctx, client.SubscribeToAllOptions{From: client.Start{}})
		if err != nil {
			return err
		}
		defer func() { _ = subscription.Close() }() // ctx ends it as well
		for got := 0; got < n; {
			e := subscription.Recv()
			if e.SubscriptionDropped != nil {
				return e.SubscriptionDropped.Error
			}
			if e.EventAppeared != nil {
				got++
			}
		}
		return nil
	}
	call, err := b.stub.Read(ctx, b.readReq(&streams.ReadReq_Options{
		StreamOption: &streams.ReadReq_Options_All{All: &streams.ReadReq_Options_AllOptions{AllOption: &streams.ReadReq_Options_AllOptions_Start{Start: &shared.Empty{}}}},
		CountOption:  &streams.ReadReq_Options_Subscription{Subscription: &streams.ReadReq_Options_SubscriptionOptions{}},
	}))
	if err != nil {
		return err
	}
	for got := 0; got < n; {
		m, err := call.Recv()
		if err != nil {
			return err
		}
		if m.GetEvent() != nil {
			got++
		}
	}
	return nil
}

func (b *Bare) readReq(o *streams.ReadReq_Options) *streams.ReadReq {
	o.FilterOption = &streams.ReadReq_Options_NoFilter{NoFilter: &shared.Empty{}}
	o.UuidOption = &streams.ReadReq_Options_UUIDOption{Content: &streams.ReadReq_Options_UUIDOption_String_{String_: &shared.Empty{}}}
	return &streams.ReadReq{Options: o}
}
