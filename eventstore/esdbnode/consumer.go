package esdbnode

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/persistent"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/google/uuid"
	"google.golang.org/grpc/peer"

	"parley/eventstore"
)

// consumer is one call that reads from a group. Its group guards what it holds.
type consumer struct {
	id     string
	size   int // messages it may hold
	out    chan delivery
	from   string
	user   string
	began  time.Time
	held   map[uuid.UUID][]*message
	holds  int
	total  int64
	once   sync.Once
	cause  error
	closed chan struct{}
}

// delivery is one try to hand a message over.
type delivery struct {
	message *message
	retries int32
}

func (c *consumer) free() bool { return c.holds < c.size && len(c.out) < cap(c.out) }

// end ends a consumer's call.
func (c *consumer) end(cause error) {
	c.once.Do(func() {
		c.cause = cause
		close(c.closed)
	})
}

// mostHeld is the most messages one consumer may hold.
const mostHeld = 10_000

// Read joins a group and answers for its messages: the first request says which
// group, the others are the consumer's answers.
func (p *persistentStore) Read(call persistent.PersistentSubscriptions_ReadServer) error {
	return answer(call, p.consume(call))
}

func (p *persistentStore) consume(call persistent.PersistentSubscriptions_ReadServer) error {
	ctx := call.Context()
	first, err := call.Recv()
	if err != nil {
		return err
	}
	o := first.GetOptions()
	if o == nil {
		return invalid("a persistent subscription begins with its options")
	}
	if err := atLeast(ctx, RoleWriter, "consuming from a persistent subscription"); err != nil {
		return err
	}
	key, err := keyOf(o)
	if err != nil {
		return err
	}
	size := int(o.GetBufferSize())
	if size < 1 || size > mostHeld {
		return invalid("the buffer size is within 1 and %d", mostHeld)
	}
	g, err := p.find(ctx, key)
	if err != nil {
		return err
	}
	_, text := o.GetUuidOption().GetContent().(*persistent.ReadReq_Options_UUIDOption_String_)
	c := &consumer{
		id: uuid.NewString(), size: size, out: make(chan delivery, size), user: askerOf(ctx).name, began: time.Now(),
		held: map[uuid.UUID][]*message{}, closed: make(chan struct{}),
	}
	if from, ok := peer.FromContext(ctx); ok {
		c.from = from.Addr.String()
	}
	// The word that it is confirmed comes first.
	err = call.Send(&persistent.ReadResp{Content: &persistent.ReadResp_SubscriptionConfirmation_{
		SubscriptionConfirmation: &persistent.ReadResp_SubscriptionConfirmation{SubscriptionId: key.Stream + "::" + key.Name + "/" + c.id},
	}})
	if err != nil {
		return err
	}
	if err := g.join(c); err != nil {
		return dropped(g, err)
	}
	defer g.leave(c)
	go c.listen(g, call)
	for {
		select {
		case d := <-c.out:
			err := g.send(ctx, call, c, d, text)
			if err != nil {
				return err
			}
		case <-c.closed:
			return dropped(g, c.cause)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// dropped is how a consumer is told why its call ends.
func dropped(g *group, cause error) error {
	switch {
	case cause == nil:
		return nil
	case errors.Is(cause, errDropped):
		return subscriptionDropped(g.Stream, g.Name)
	}
	return cause
}

// listen takes a consumer's answers, until it hangs up.
func (c *consumer) listen(g *group, call persistent.PersistentSubscriptions_ReadServer) {
	for {
		m, err := call.Recv()
		if err != nil {
			c.end(nil)
			return
		}
		if err := c.hear(g, m); err != nil {
			c.end(err)
			return
		}
	}
}

func (c *consumer) hear(g *group, m *persistent.ReadReq) error {
	var ids []uuid.UUID
	wire := m.GetAck().GetIds()
	if nack := m.GetNack(); nack != nil {
		wire = nack.GetIds()
	}
	if len(wire) > mostHeld {
		return invalid("an answer names at most %d events", mostHeld)
	}
	for _, w := range wire {
		id, err := readID(w)
		if err != nil {
			return invalid("an answer names what is no UUID: %v", err)
		}
		ids = append(ids, id)
	}
	switch nack := m.GetNack(); {
	case m.GetAck() != nil:
		g.answer(c, ids, g.finish)
	case nack == nil:
		return invalid("after its options a persistent subscription answers with ack or nack")
	case nack.Action == persistent.ReadReq_Nack_Park:
		reason := cut(nack.Reason)
		g.answer(c, ids, func(m *message) { g.park(m, reason) })
	case nack.Action == persistent.ReadReq_Nack_Skip:
		g.answer(c, ids, g.finish)
	case nack.Action == persistent.ReadReq_Nack_Stop:
		c.end(subscriptionDropped(g.Stream, g.Name)) // what it holds goes to others
	default:
		reason := cut(nack.Reason)
		g.answer(c, ids, func(m *message) { g.retry(m, reason) })
	}
	return nil
}

// longestReason is how much is kept of why a message is parked: with it, what is
// parked fits into an event.
const longestReason = 4096

// cut keeps the beginning of a reason, and nothing of the request that said it.
func cut(reason string) string {
	if len(reason) > longestReason {
		reason = strings.ToValidUTF8(reason[:longestReason], "")
	}
	return strings.Clone(reason)
}

// send writes a message to its consumer, unless it was taken back meanwhile. An
// event that is gone is done with.
func (g *group) send(ctx context.Context, call persistent.PersistentSubscriptions_ReadServer, c *consumer, d delivery, text bool) error {
	g.mu.Lock()
	m := d.message
	current := m.owner == c && m.retries == d.retries
	g.mu.Unlock()
	if !current {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.dispatch() // a place in its queue is free again
		return nil
	}
	event, link := m.record, (*eventstore.Record)(nil)
	if g.Settings.Resolve || m.parked >= 0 {
		var err error
		if event, link, err = g.store.resolve(ctx, &m.entry); err != nil {
			return err
		}
		if m.parked >= 0 && event == nil { // what was parked is no more
			g.answer(c, []uuid.UUID{m.record.ID}, g.finish)
			return nil
		}
	}
	e, err := toEvent(event, link, text)
	if err != nil {
		return err
	}
	wire := &persistent.ReadResp_ReadEvent{
		Event: asPersistent(e.Event), Link: asPersistent(e.Link),
		Position: &persistent.ReadResp_ReadEvent_CommitPosition{CommitPosition: uint64(m.record.Position)},
		Count:    &persistent.ReadResp_ReadEvent_RetryCount{RetryCount: d.retries},
	}
	return call.Send(&persistent.ReadResp{Content: &persistent.ReadResp_Event{Event: wire}})
}

// asPersistent is the same record in the other service's words.
func asPersistent(e wireRecorded) *persistent.ReadResp_ReadEvent_RecordedEvent {
	if e.GetId() == nil {
		return nil
	}
	return &persistent.ReadResp_ReadEvent_RecordedEvent{
		Id: e.GetId(), StreamIdentifier: e.GetStreamIdentifier(), StreamRevision: e.GetStreamRevision(),
		PreparePosition: e.GetPreparePosition(), CommitPosition: e.GetCommitPosition(),
		Metadata: e.GetMetadata(), CustomMetadata: e.GetCustomMetadata(), Data: e.GetData(),
	}
}

type wireRecorded interface {
	GetId() *shared.UUID
	GetStreamIdentifier() *shared.StreamIdentifier
	GetStreamRevision() uint64
	GetPreparePosition() uint64
	GetCommitPosition() uint64
	GetMetadata() map[string]string
	GetCustomMetadata() []byte
	GetData() []byte
}
