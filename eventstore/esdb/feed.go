package esdb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	client "github.com/EventStore/EventStore-Client-Go/v4/esdb"

	"parley/eventstore"
)

// errEnd tells that a reading has come to its end.
var errEnd = errors.New("the end")

// item is one thing that came: an event, how far the server looked, or that
// there is no more for now.
type item struct {
	event      *client.RecordedEvent
	checkpoint eventstore.Position
	caughtUp   bool
	err        error
}

// feed takes from the client in a goroutine of its own, so that whoever waits
// can give up: some of the client's calls never return, and one panics.
type feed struct {
	items  chan item
	cancel context.CancelFunc
	timer  *time.Timer
	log    *Log
	used   *session
}

// prefetched is how many events are taken ahead of the reader.
const prefetched = 256

// open starts a feed. The begin function makes the call and gives what takes
// the next item of it.
func (l *Log) open(ctx context.Context, begin func(ctx context.Context, c *client.Client) (func() item, error)) *feed {
	f := &feed{items: make(chan item, prefetched), log: l}
	ctx, f.cancel = context.WithCancel(l.outgoing(ctx))
	used, err := l.clients.use()
	if err != nil {
		f.items <- item{err: err}
		return f
	}
	f.used = used
	go f.pump(ctx, begin)
	return f
}

func (f *feed) pump(ctx context.Context, begin func(ctx context.Context, c *client.Client) (func() item, error)) {
	defer f.log.clients.release(f.used)
	defer f.cancel()
	put := func(i item) bool {
		select {
		case f.items <- i:
			return i.err == nil
		case <-ctx.Done():
			return false
		}
	}
	defer func() {
		if p := recover(); p != nil {
			put(item{err: fmt.Errorf("eventstore: reading from EventStoreDB at %s: %w", f.log.server, panicked(p))})
		}
	}()
	take, err := begin(ctx, f.used.client)
	if err != nil {
		put(item{err: err})
		return
	}
	for put(take()) {
	}
}

// next waits for the next item; no time given waits for ever.
func (f *feed) next(ctx context.Context, within time.Duration) (item, error) {
	select {
	case i := <-f.items:
		return i, f.judge(i.err)
	default:
	}
	var late <-chan time.Time
	if within > 0 {
		if f.timer == nil {
			f.timer = time.NewTimer(within)
		} else {
			f.timer.Reset(within)
		}
		defer f.timer.Stop()
		late = f.timer.C
	}
	select {
	case i := <-f.items:
		return i, f.judge(i.err)
	case <-late:
		return item{}, f.judge(errSilent)
	case <-ctx.Done():
		return item{}, ctx.Err()
	case <-f.log.closing:
		return item{}, eventstore.ErrClosed
	}
}

// judge gives up a client that has lost its server.
func (f *feed) judge(err error) error {
	if f.used != nil && faultOf(err) == faultLost {
		f.log.clients.lost(f.used)
	}
	return err
}

// idle tells whether nothing is waiting to be taken.
func (f *feed) idle() bool { return len(f.items) == 0 }

// stop ends the feed.
func (f *feed) stop() { f.cancel() }

// readFeed is a feed of a reading, which ends.
func (l *Log) readFeed(ctx context.Context, begin func(ctx context.Context, c *client.Client) (*client.ReadStream, error)) *feed {
	return l.open(ctx, func(ctx context.Context, c *client.Client) (func() item, error) {
		reading, err := begin(ctx, c)
		if err != nil {
			return nil, err
		}
		return func() item {
			e, err := reading.Recv()
			switch {
			case errors.Is(err, io.EOF):
				return item{err: errEnd}
			case err != nil:
				return item{err: err}
			case e.OriginalEvent() == nil:
				return item{checkpoint: 0}
			}
			return item{event: e.OriginalEvent()}
		}, nil
	})
}

// allFeed is a feed of a subscription to the whole log behind a position.
func (l *Log) allFeed(ctx context.Context, after eventstore.Position, filter *client.SubscriptionFilter) *feed {
	return l.open(ctx, func(ctx context.Context, c *client.Client) (func() item, error) {
		o := client.SubscribeToAllOptions{From: client.Start{}, Filter: filter, MaxSearchWindow: 128, CheckpointInterval: 8}
		if after > 0 {
			o.From = client.Position{Commit: uint64(after), Prepare: uint64(after)}
		}
		subscription, err := c.SubscribeToAll(ctx, o)
		if err != nil {
			return nil, err
		}
		first := true
		return func() item {
			if first { // that it is confirmed is news by itself
				first = false
				return item{}
			}
			e := subscription.Recv()
			switch {
			case e.SubscriptionDropped != nil:
				if err := e.SubscriptionDropped.Error; err != nil && !errors.Is(err, io.EOF) {
					return item{err: err}
				}
				return item{err: fmt.Errorf("the subscription was dropped: %w", errSilent)}
			case e.CheckPointReached != nil:
				return item{checkpoint: eventstore.Position(e.CheckPointReached.Commit)}
			case e.EventAppeared != nil:
				return item{event: e.EventAppeared.OriginalEvent()}
			}
			return item{caughtUp: e.CaughtUp != nil}
		}, nil
	})
}
