package esdb

import (
	"bytes"
	"context"
	"errors"
	"log"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	client "github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/serverfeatures"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"parley/eventstore"
)

func contains(text string, parts ...string) bool {
	for _, p := range parts {
		if !strings.Contains(text, p) {
			return false
		}
	}
	return true
}

// trap is a server that does what the client does not survive.
type trap struct {
	streams.UnimplementedStreamsServer
	serverfeatures.UnimplementedServerFeaturesServer
	version string
	read    func(streams.Streams_ReadServer) error
	append  func(streams.Streams_AppendServer) error
	mu      sync.Mutex
	leader  []string // what was said of the leader
}

func (t *trap) GetSupportedMethods(context.Context, *shared.Empty) (*serverfeatures.SupportedMethods, error) {
	return &serverfeatures.SupportedMethods{EventStoreServerVersion: t.version}, nil
}

func (t *trap) heard(ctx context.Context) {
	md, _ := metadata.FromIncomingContext(ctx)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.leader = append(t.leader, strings.Join(md.Get("requires-leader"), ","))
}

func (t *trap) Read(_ *streams.ReadReq, s streams.Streams_ReadServer) error {
	t.heard(s.Context())
	if t.read == nil {
		return status.Error(codes.Unimplemented, "this trap is not read")
	}
	return t.read(s)
}

func (t *trap) Append(s streams.Streams_AppendServer) error {
	t.heard(s.Context())
	return t.append(s)
}

// trapped serves a trap and connects to it without any greeting.
func trapped(t *testing.T, trap *trap) *Log {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if trap.version == "" {
		trap.version = "24.10.0"
	}
	server := grpc.NewServer()
	streams.RegisterStreamsServer(server, trap)
	serverfeatures.RegisterServerFeaturesServer(server, trap)
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	t.Cleanup(func() {
		server.Stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	o := Options{Address: "esdb://" + listener.Addr().String() + "?tls=false", Timeout: time.Minute, Patience: 5 * time.Minute}
	conf, err := client.ParseConnectionString(o.Address)
	if err != nil {
		t.Fatal(err)
	}
	headers, err := headersOf(conf)
	if err != nil {
		t.Fatal(err)
	}
	l := &Log{options: o, server: conf.Address, headers: headers, clients: newSupervisor(conf, int(o.Timeout/time.Second)), closing: make(chan struct{})}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func firstError(l *Log, ctx context.Context, q eventstore.Query) error {
	for _, err := range l.Read(ctx, q) {
		if err != nil {
			return err
		}
	}
	return nil
}

// TestAnAnswerTheClientDoesNotKnow: the client panics on it.
func TestAnAnswerTheClientDoesNotKnow(t *testing.T) {
	l := trapped(t, &trap{read: func(s streams.Streams_ReadServer) error {
		return s.Send(&streams.ReadResp{Content: &streams.ReadResp_LastStreamPosition{LastStreamPosition: 7}})
	}})
	err := firstError(l, within(t, 5*time.Minute), eventstore.Query{Stream: "line-1", Limit: 1})
	if err == nil || !contains(err.Error(), l.server, "does not know") {
		t.Fatalf("got %v", err)
	}
}

// TestTheReasonIsNotLost: the client is hung up on while it sends, and knows
// no reason.
func TestTheReasonIsNotLost(t *testing.T) {
	l := trapped(t, &trap{append: func(s streams.Streams_AppendServer) error {
		s.SetTrailer(metadata.Pairs("exception", "stream-deleted", "stream-name", "line-1"))
		return status.Error(codes.FailedPrecondition, "Event stream 'line-1' is deleted.")
	}})
	for range 20 {
		var records []eventstore.Record
		for n := range 20 {
			r := event("line.taken", n)
			r.Data = append(append([]byte{'"'}, bytes.Repeat([]byte("x"), 50_000)...), '"')
			records = append(records, r)
		}
		_, err := l.Append(within(t, 5*time.Minute), "line-1", eventstore.None, records...)
		if faultOf(err) != faultRemoved || !contains(err.Error(), "tombstone", l.server) {
			t.Fatalf("got %v", err)
		}
	}
}

// TestTheLeaderIsAskedFor: the client means to say so, and never does.
func TestTheLeaderIsAskedFor(t *testing.T) {
	end := func(streams.Streams_ReadServer) error { return nil }
	trap := &trap{read: end, append: func(streams.Streams_AppendServer) error { return status.Error(codes.PermissionDenied, "no") }}
	l := trapped(t, trap)
	ctx := within(t, 5*time.Minute)
	if err := firstError(l, ctx, eventstore.Query{}); err != nil {
		t.Fatal(err)
	}
	_, err := l.Append(ctx, "line-1", eventstore.None, event("line.taken", 1))
	if faultOf(err) != faultDenied || !contains(err.Error(), "the user and the password") {
		t.Fatalf("got %v", err)
	}
	trap.mu.Lock()
	defer trap.mu.Unlock()
	if len(trap.leader) < 2 {
		t.Fatalf("%d calls came", len(trap.leader))
	}
	for _, said := range trap.leader {
		if said != "true" {
			t.Fatalf("a call says of the leader %q", said)
		}
	}
}

// TestAWrappedError: the client's own function does not look into errors that
// it wrapped itself.
func TestAWrappedError(t *testing.T) {
	l := trapped(t, &trap{read: func(streams.Streams_ReadServer) error { return status.Error(codes.PermissionDenied, "no") }})
	feed := l.allFeed(within(t, 5*time.Minute), 0, nil)
	defer feed.stop()
	if _, err := feed.next(within(t, 5*time.Minute), time.Minute); faultOf(err) != faultDenied {
		t.Fatalf("got %v", err)
	}
}

// TestAServerThatSaysNothing: a call ends by itself.
func TestAServerThatSaysNothing(t *testing.T) {
	l := trapped(t, &trap{read: func(s streams.Streams_ReadServer) error { <-s.Context().Done(); return s.Context().Err() }})
	l.options.Timeout, l.options.Patience = 100*time.Millisecond, 0
	err := firstError(l, within(t, 5*time.Minute), eventstore.Query{Stream: "line-1"})
	if !errors.Is(err, errSilent) {
		t.Fatalf("got %v", err)
	}
}

// TestAnOldServer: it would never tell that a follower has caught up.
func TestAnOldServer(t *testing.T) {
	l := trapped(t, &trap{version: "21.10.0"})
	if err := l.meet(within(t, 5*time.Minute)); err == nil || !contains(err.Error(), "21.10", "23.10 or later") {
		t.Fatalf("got %v", err)
	}
}

// TestAServerThatTakesLess: its refusal is the contract's.
func TestAServerThatTakesLess(t *testing.T) {
	l := trapped(t, &trap{append: func(streams.Streams_AppendServer) error {
		return status.Error(codes.InvalidArgument, "Maximum Append Size of 1000 Exceeded.")
	}})
	_, err := l.Append(within(t, 5*time.Minute), "line-1", eventstore.None, event("line.taken", 1))
	if !errors.Is(err, eventstore.ErrTooLarge) {
		t.Fatalf("got %v", err)
	}
}

// TestADeletionAtAWrongRevision: the client calls it unknown.
func TestADeletionAtAWrongRevision(t *testing.T) {
	s := started(t)
	l := opened(t, s.url())
	ctx := within(t, 5*time.Minute)
	_, err := call(ctx, l, func(ctx context.Context, c *client.Client) (*client.DeleteResult, error) {
		return c.DeleteStream(ctx, "order-1", client.DeleteStreamOptions{ExpectedRevision: client.Revision(3)})
	})
	if faultOf(err) != faultWrong {
		t.Fatalf("got %v", err)
	}
}

// TestNothingIsLogged: by default the client writes to the standard log.
func TestNothingIsLogged(t *testing.T) {
	var out bytes.Buffer
	before := log.Writer()
	log.SetOutput(&out)
	defer log.SetOutput(before)
	s := started(t)
	l := opened(t, s.url())
	if _, err := l.Info(within(t, 5*time.Minute)); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if out.Len() > 0 {
		t.Fatalf("logged: %s", &out)
	}
}

// TestNoPasswordInTheClear: only on this machine does one travel so.
func TestNoPasswordInTheClear(t *testing.T) {
	_, err := Open(within(t, 5*time.Minute), Options{Address: "esdb://parley:hunter2@db.example:2113?tls=false"})
	if err == nil || !contains(err.Error(), "in the clear") || strings.Contains(err.Error(), "hunter2") {
		t.Fatalf("got %v", err)
	}
}

// TestATruncatedStream: what is left of a stream is not taken for all of it.
func TestATruncatedStream(t *testing.T) {
	s := started(t)
	l := opened(t, s.url())
	ctx := within(t, 5*time.Minute)
	if _, err := l.Append(ctx, "order-1", eventstore.None, event("order.placed", 1), event("order.paid", 2), event("order.sent", 3)); err != nil {
		t.Fatal(err)
	}
	for _, q := range []eventstore.Query{{Stream: "order-1", From: 2, Limit: 1}, {Stream: "order-1", From: eventstore.None, Backwards: true, Limit: 1}, {Stream: "order-1", From: 3}} {
		if err := firstError(l, ctx, q); err != nil {
			t.Fatal(err)
		}
	}
	_, err := call(ctx, l, func(ctx context.Context, c *client.Client) (*client.WriteResult, error) {
		m := client.StreamMetadata{}
		m.SetTruncateBefore(2)
		return c.SetStreamMetadata(ctx, "order-1", client.AppendToStreamOptions{ExpectedRevision: client.Any{}}, m)
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, q := range map[string]eventstore.Query{
		"from the beginning": {Stream: "order-1"}, "from the middle": {Stream: "order-1", From: 1, Limit: 1}, "backwards": {Stream: "order-1", From: eventstore.None, Backwards: true},
		"by name": {Stream: "order-1", Names: []string{"order.sent"}},
	} {
		if err := firstError(l, ctx, q); err == nil || !contains(err.Error(), "order-1", s.address, "truncated", "backup") {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err = l.Append(ctx, "order-1", eventstore.None, event("order.placed", 4))
	if err == nil || !contains(err.Error(), "truncated") {
		t.Errorf("appending: %v", err)
	}
	if err := firstError(l, ctx, eventstore.Query{Stream: "order-1", From: 2}); err != nil {
		t.Errorf("what is left: %v", err)
	}
}
