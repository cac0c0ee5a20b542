package esdb

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	client "github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"
	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/emptypb"

	"parley/eventstore"
)

// lines keeps the line that is in use.
type lines struct {
	opening sync.Mutex // one opens, the others wait for it

	mu     sync.Mutex
	line   *line
	leader string // where the last server said that the leader is
	none   bool   // the server does not offer it: the vendor's client appends
	shut   bool
	work   sync.WaitGroup
}

// errNoLines tells that a server takes appends only one call each.
var errNoLines = errors.New("it does not take many appends over one call")

// line gives the line in use, or opens one.
func (l *Log) line(ctx context.Context) (*line, error) {
	have := func() (*line, error) {
		l.lines.mu.Lock()
		defer l.lines.mu.Unlock()
		switch {
		case l.lines.shut:
			return nil, eventstore.ErrClosed
		case l.lines.none:
			return nil, errNoLines
		}
		return l.lines.line, nil
	}
	if n, err := have(); n != nil || err != nil {
		return n, err
	}
	l.lines.opening.Lock()
	defer l.lines.opening.Unlock()
	if n, err := have(); n != nil || err != nil {
		return n, err
	}
	n, err := l.openLine(ctx)
	if err != nil {
		return nil, err
	}
	l.lines.mu.Lock()
	defer l.lines.mu.Unlock()
	if l.lines.shut {
		n.cancel(eventstore.ErrClosed)
		return nil, errors.Join(eventstore.ErrClosed, n.conn.Close())
	}
	l.lines.line = n
	l.lines.work.Go(func() { l.attend(n) })
	return n, nil
}

// attend hands out a line's answers until it is over.
func (l *Log) attend(n *line) {
	n.receive()
	_ = n.conn.Close() // the call is over: there is nothing to lose
	l.lines.mu.Lock()
	defer l.lines.mu.Unlock()
	l.lines.line, l.lines.leader = nil, n.moved
	l.lines.none = l.lines.none || errors.Is(n.failure, errNoLines)
}

func (p *lines) close() {
	p.mu.Lock()
	p.shut = true
	if p.line != nil {
		p.line.cancel(eventstore.ErrClosed)
	}
	p.mu.Unlock()
	p.work.Wait()
}

// put appends over the line, or by the vendor's client where there is none, and
// tells where the last event stands.
func (l *Log) put(ctx context.Context, stream string, expected eventstore.Revision, events []client.EventData) (eventstore.Position, error) {
	n, err := l.line(ctx)
	var s *sent
	if err == nil {
		if s, err = n.send(request(stream, expected, events, l.options.Timeout), l.options.Timeout); err == nil {
			var at eventstore.Position
			if at, err = l.await(ctx, n, s); err == nil || !errors.Is(err, errNoLines) {
				return at, err
			}
		}
	}
	if !errors.Is(err, errNoLines) {
		return 0, err
	}
	result, err := call(ctx, l, func(ctx context.Context, c *client.Client) (*client.WriteResult, error) {
		return c.AppendToStream(ctx, stream, client.AppendToStreamOptions{ExpectedRevision: expectedOf(expected)}, events...)
	})
	if errors.Is(err, io.EOF) {
		return 0, l.reason(ctx, stream, expected)
	}
	if err != nil {
		return 0, err
	}
	return eventstore.Position(result.CommitPosition), nil
}

// await waits for the answer to an append. One that is late ends the line: its
// outcome is not known, and the others of the line would wait as long.
func (l *Log) await(ctx context.Context, n *line, s *sent) (eventstore.Position, error) {
	select {
	case <-s.done:
	default:
		late := time.NewTimer(l.options.Timeout)
		defer late.Stop()
		select {
		case <-s.done:
		case <-late.C:
			n.cancel(errSilent)
			<-s.done
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
	return s.position, s.err
}

// request is an append on the line.
func request(stream string, expected eventstore.Revision, events []client.EventData, within time.Duration) *streams.BatchAppendReq {
	o := &streams.BatchAppendReq_Options{
		StreamIdentifier: &shared.StreamIdentifier{StreamName: []byte(stream)},
		DeadlineOption:   &streams.BatchAppendReq_Options_Deadline{Deadline: durationpb.New(within)},
	}
	if expected == eventstore.None {
		o.ExpectedStreamPosition = &streams.BatchAppendReq_Options_NoStream{NoStream: &emptypb.Empty{}}
	} else {
		o.ExpectedStreamPosition = &streams.BatchAppendReq_Options_StreamPosition{StreamPosition: uint64(expected)}
	}
	req := &streams.BatchAppendReq{Options: o, IsFinal: true, ProposedMessages: make([]*streams.BatchAppendReq_ProposedMessage, len(events))}
	for i := range events {
		e := &events[i]
		req.ProposedMessages[i] = &streams.BatchAppendReq_ProposedMessage{
			Id: wireID(e.EventID), Data: e.Data, CustomMetadata: e.Metadata,
			Metadata: map[string]string{"type": e.EventType, "content-type": "application/json"},
		}
	}
	return req
}

func wireID(id uuid.UUID) *shared.UUID {
	return &shared.UUID{Value: &shared.UUID_Structured_{Structured: &shared.UUID_Structured{
		MostSignificantBits: int64(binary.BigEndian.Uint64(id[:8])), LeastSignificantBits: int64(binary.BigEndian.Uint64(id[8:])),
	}}}
}

// refusal is what a server says of one append of many.
type refusal struct {
	fault fault
	text  string
}

func (r *refusal) Error() string { return r.text }

// answered reads an answer.
func answered(resp *streams.BatchAppendResp) (eventstore.Position, error) {
	e := resp.GetError()
	if e == nil {
		return eventstore.Position(resp.GetSuccess().GetPosition().GetCommitPosition()), nil
	}
	r := &refusal{fault: faultPassing, text: fmt.Sprintf("%s (%v)", e.GetMessage(), codes.Code(e.GetCode()))}
	for _, d := range e.GetDetails() {
		switch {
		case d.MessageIs(&shared.WrongExpectedVersion{}):
			r.fault = faultWrong
		case d.MessageIs(&shared.StreamDeleted{}):
			r.fault = faultRemoved
		case d.MessageIs(&shared.AccessDenied{}):
			r.fault = faultDenied
		case d.MessageIs(&shared.MaximumAppendSizeExceeded{}):
			r.fault = faultTooLarge
		case d.MessageIs(&shared.BadRequest{}):
			r.fault = faultArgument
		}
	}
	return 0, r
}

// inFlight is how many appends are sent ahead of the answers, and how many bytes.
const (
	inFlight      = 1024
	bytesInFlight = 4 << 20
)

// AppendAll makes appends that lie in the log in the order given, many under way
// at once: for whoever copies a log. Each is whole or not at all, and after an
// interruption the first of them are there. While the server cannot be reached
// it goes on where it was, with patience for each. The error is that of the first
// which failed; those behind it may have been made.
func (l *Log) AppendAll(ctx context.Context, appends []eventstore.Ordered) error {
	if len(appends) == 0 {
		return ctx.Err()
	}
	l.startTail()
	if l.recorded.Load() == 0 {
		if err := l.findRecorded(ctx); err != nil {
			return err
		}
	}
	w := &ordered{log: l, appends: appends}
	for w.done < len(appends) {
		err := l.insist(ctx, w.pass)
		if errors.Is(err, errNoLines) {
			a := &appends[w.done]
			if _, err = l.Append(ctx, a.Stream, a.Expected, a.Records...); err == nil {
				w.done++
			}
		}
		if err == nil {
			continue
		}
		if faultOf(err) != faultWrong {
			return err
		}
		a := &appends[w.done]
		conflict, err := l.conflict(ctx, a.Stream, a.Expected)
		if err != nil || conflict != nil {
			return errors.Join(err, asError(conflict))
		}
	}
	l.seenAcked(w.last)
	return nil
}

// ordered is a row of appends on its way.
type ordered struct {
	log     *Log
	appends []eventstore.Ordered
	done    int                 // so many are answered
	last    eventstore.Position // of them
}

// pass sends what is not answered yet, until all is or something fails. That it
// got on at all is no failure: then the next pass begins with new patience.
func (w *ordered) pass(ctx context.Context) (err error) {
	before := w.done
	defer func() {
		if passing(err) && w.done > before {
			err = nil
		}
	}()
	l := w.log
	n, err := l.line(ctx)
	if err != nil {
		return err
	}
	type flying struct {
		*sent
		size int
	}
	var out []flying
	size := 0
	for w.done < len(w.appends) {
		for len(out) < inFlight && (size < bytesInFlight || len(out) == 0) && w.done+len(out) < len(w.appends) {
			a := &w.appends[w.done+len(out)]
			events, err := l.events(a.Stream, a.Expected, a.Records)
			if err != nil {
				return err
			}
			f := flying{}
			for i := range events {
				f.size += len(events[i].Data) + len(events[i].Metadata)
			}
			if f.sent, err = n.send(request(a.Stream, a.Expected, events, l.options.Timeout), l.options.Timeout); err != nil {
				return err
			}
			out, size = append(out, f), size+f.size
		}
		at, err := l.await(ctx, n, out[0].sent)
		if err != nil {
			return err
		}
		if at <= w.last {
			return fmt.Errorf("eventstore: EventStoreDB at %s wrote appends in another order than they were sent: %s at revision %d stands at %d, behind %d; begin again with an empty one",
				l.server, w.appends[w.done].Stream, w.appends[w.done].Expected+1, at, w.last)
		}
		size -= out[0].size
		out, w.done, w.last = out[1:], w.done+1, at
	}
	return nil
}
