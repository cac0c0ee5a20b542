package esdbnode

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/anishathalye/porcupine"
	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"
)

// cutter is a way to the node that now and then loses an answer, and the
// connection with it.
type cutter struct {
	net.Listener
	to   string
	cuts atomic.Int64
	all  sync.WaitGroup
}

func cutting(t *testing.T, to string) *cutter {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cutter{Listener: l, to: to}
	c.all.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			c.all.Go(func() { c.carry(in) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close() // it ends the loop, or did before
		c.all.Wait()
	})
	return c
}

func (c *cutter) carry(in net.Conn) {
	defer in.Close()
	out, err := net.Dial("tcp", c.to)
	if err != nil {
		return
	}
	defer out.Close()
	c.all.Go(func() {
		_, _ = io.Copy(out, in) // what was asked reaches the node
		_ = out.Close()
	})
	buf := make([]byte, 64<<10)
	for n := 0; ; n++ {
		got, err := out.Read(buf)
		if err != nil {
			return
		}
		if n > 2 && rand.IntN(6) == 0 { // the answer is lost
			c.cuts.Add(1)
			return
		}
		if _, err := in.Write(buf[:got]); err != nil {
			return
		}
	}
}

// try is an append of so many events, expecting a revision (-2 is any), or, of
// none, the reading of the last revision.
type try struct{ expected, events int64 }

type told struct {
	revision int64
	refused  bool
}

// oneStream is what a stream must seem to be to everybody at once.
var oneStream = porcupine.Model{
	Init: func() any { return int64(-1) },
	Step: func(state, input, output any) (bool, any) {
		now, in, out := state.(int64), input.(try), output.(told)
		switch {
		case in.events == 0:
			return out.revision == now, now
		case out.refused:
			return in.expected != -2 && in.expected != now && out.revision == now, now
		}
		return (in.expected == -2 || in.expected == now) && out.revision == now+in.events, now + in.events
	},
}

// TestLostAnswers lets many append to one stream and lose some answers, when they
// ask again with the same ids: each append is written once, and one order
// explains all that everybody was told.
func TestLostAnswers(t *testing.T) {
	const clients, tries = 6, 40
	k := serving(t, Options{})
	var mu sync.Mutex
	var history []porcupine.Operation
	var wg sync.WaitGroup
	var cuts atomic.Int64
	began := time.Now()
	for client := range clients {
		way := cutting(t, k.address)
		wire, err := grpc.NewClient(way.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()),
			grpc.WithConnectParams(grpc.ConnectParams{Backoff: backoff.Config{BaseDelay: time.Millisecond, Multiplier: 1, MaxDelay: 10 * time.Millisecond}, MinConnectTimeout: time.Second}))
		if err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			defer wire.Close()
			known := int64(-1)
			for n := range tries {
				in := try{expected: known, events: int64((n + client) % 4)}
				if n%5 == 4 {
					in.expected = -2
				}
				call := time.Since(began)
				out, err := insist(k.ctx(), wire, in)
				if err != nil {
					t.Errorf("client %d: %v", client, err)
					return
				}
				done := time.Since(began)
				known = out.revision
				mu.Lock()
				history = append(history, porcupine.Operation{ClientId: client, Input: in, Output: out, Call: call.Nanoseconds(), Return: done.Nanoseconds()})
				mu.Unlock()
			}
			cuts.Add(way.cuts.Load())
		})
	}
	wg.Wait()
	if cuts.Load() == 0 {
		t.Error("no answer was lost")
	}
	if result := porcupine.CheckOperationsTimeout(oneStream, history, patience); result != porcupine.Ok {
		t.Fatalf("no order of %d answers explains them, %d of them lost before: %s", len(history), cuts.Load(), result)
	}
}

// insist asks until there is an answer.
func insist(ctx context.Context, wire *grpc.ClientConn, in try) (told, error) {
	events := ids(int(in.events))
	for {
		ask := lastRevision
		if in.events > 0 {
			ask = func(ctx context.Context, c streams.StreamsClient) (told, error) {
				return appendOnce(ctx, c, in, events)
			}
		}
		once, cancel := context.WithTimeout(ctx, time.Minute)
		out, err := ask(once, streams.NewStreamsClient(wire))
		cancel()
		if err == nil || ctx.Err() != nil {
			return out, errors.Join(err, ctx.Err())
		}
	}
}

func appendOnce(ctx context.Context, c streams.StreamsClient, in try, events []uuid.UUID) (told, error) {
	call, err := c.Append(ctx, grpc.WaitForReady(true))
	if err != nil {
		return told{}, err
	}
	o := &streams.AppendReq_Options{StreamIdentifier: &shared.StreamIdentifier{StreamName: []byte("order-1")}}
	switch in.expected {
	case -2:
		o.ExpectedStreamRevision = &streams.AppendReq_Options_Any{Any: &shared.Empty{}}
	case -1:
		o.ExpectedStreamRevision = &streams.AppendReq_Options_NoStream{NoStream: &shared.Empty{}}
	default:
		o.ExpectedStreamRevision = &streams.AppendReq_Options_Revision{Revision: uint64(in.expected)}
	}
	if err := call.Send(&streams.AppendReq{Content: &streams.AppendReq_Options_{Options: o}}); err != nil {
		return told{}, err
	}
	for _, id := range events {
		err := call.Send(&streams.AppendReq{Content: &streams.AppendReq_ProposedMessage_{ProposedMessage: &streams.AppendReq_ProposedMessage{
			Id: wireID(id, false), Metadata: map[string]string{"type": "x", "content-type": contentJSON}, Data: []byte("{}"),
		}}})
		if err != nil {
			return told{}, err
		}
	}
	resp, err := call.CloseAndRecv()
	if err != nil {
		return told{}, err
	}
	if w := resp.GetWrongExpectedVersion(); w != nil {
		if w.GetCurrentNoStream() != nil {
			return told{-1, true}, nil
		}
		return told{int64(w.GetCurrentRevision()), true}, nil
	}
	return told{revision: int64(resp.GetSuccess().GetCurrentRevision())}, nil
}

func lastRevision(ctx context.Context, c streams.StreamsClient) (told, error) {
	out := told{revision: -1}
	call, err := c.Read(ctx, &streams.ReadReq{Options: &streams.ReadReq_Options{
		ReadDirection: streams.ReadReq_Options_Backwards, CountOption: &streams.ReadReq_Options_Count{Count: 1},
		StreamOption: &streams.ReadReq_Options_Stream{Stream: &streams.ReadReq_Options_StreamOptions{
			StreamIdentifier: &shared.StreamIdentifier{StreamName: []byte("order-1")}, RevisionOption: &streams.ReadReq_Options_StreamOptions_End{End: &shared.Empty{}},
		}},
	}}, grpc.WaitForReady(true))
	for err == nil {
		var resp *streams.ReadResp
		if resp, err = call.Recv(); err == nil && resp.GetEvent() != nil {
			out.revision = int64(resp.GetEvent().GetEvent().GetStreamRevision())
		}
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return out, err
}
