package esdb

import (
	"context"
	"errors"
	"iter"
	"slices"

	client "github.com/EventStore/EventStore-Client-Go/v4/esdb"

	"parley/eventstore"
)

// passedOver is how many records a follower is not interested in before it is told
// how far the log was passed over.
const passedOver = 512

// Follow yields what is after a position and then what comes: from the tail
// that all followers share, and until that covers it over a subscription of its
// own.
func (l *Log) Follow(ctx context.Context, after eventstore.Position, f eventstore.Filter) iter.Seq2[eventstore.Update, error] {
	return func(yield func(eventstore.Update, error) bool) {
		l.startTail()
		w := &reader{log: l, filter: f, at: after, yield: yield}
		for ctx.Err() == nil {
			if !w.fromTail(ctx) || !w.alone(ctx) {
				return
			}
		}
	}
}

// subscribe follows over subscriptions, as many as it takes. The server keeps
// back its own events and the marks; kinds and names are selected here, because
// a follower is to hear at once that something passed which is not for it, and
// the server tells that only now and then.
func (l *Log) subscribe(ctx context.Context, after eventstore.Position, f eventstore.Filter) iter.Seq2[eventstore.Update, error] {
	return func(yield func(eventstore.Update, error) bool) {
		w := &follower{log: l, filter: f, at: after, resume: after, yield: yield}
		for ctx.Err() == nil {
			err := w.once(ctx)
			switch {
			case ctx.Err() != nil || errors.Is(err, errEnd):
				return
			case l.isClosed():
				yield(eventstore.Update{}, eventstore.ErrClosed)
				return
			case err != nil && !passing(err):
				yield(eventstore.Update{}, l.explain(err))
				return
			}
			if w.wait.wait(ctx, l.closing) != nil && l.isClosed() {
				yield(eventstore.Update{}, eventstore.ErrClosed)
				return
			}
		}
	}
}

// follower is one that follows, over as many subscriptions as it takes.
type follower struct {
	log    *Log
	filter eventstore.Filter
	at     eventstore.Position // told to the follower, or passed over
	resume eventstore.Position // where the next subscription begins
	passed int                 // records passed over since the last word
	told   bool                // that nothing more is there
	live   bool
	wait   backoff
	yield  func(eventstore.Update, error) bool
}

// followed is all but the server's own events and the marks.
const followed = "^[^$" + ownPrefix + "]"

// once follows until the subscription ends.
func (w *follower) once(ctx context.Context) error {
	if err := w.sameLog(ctx); err != nil {
		return err
	}
	feed := w.log.allFeed(ctx, w.resume, &client.SubscriptionFilter{Type: client.StreamFilterType, Regex: followed})
	defer feed.stop()
	w.live = false
	patience := w.log.options.Timeout // until it is live; then the connection's own heartbeat tells
	for {
		if err := w.caughtUp(feed); err != nil {
			return err
		}
		i, err := feed.next(ctx, patience)
		if err != nil {
			return err
		}
		w.wait.reset()
		switch {
		case i.caughtUp:
			w.live, patience = true, 0
		case i.event != nil:
			err = w.event(i.event)
		case i.checkpoint > w.resume:
			w.resume = i.checkpoint
		}
		if err != nil {
			return err
		}
	}
}

// sameLog sees that it is still the same log, which reaches as far as it did.
func (w *follower) sameLog(ctx context.Context) error {
	name, err := w.log.storeName(ctx, false)
	if err != nil {
		return err
	}
	end, err := w.log.end(ctx)
	if err != nil {
		return err
	}
	if name != w.log.store || w.resume > end {
		return eventstore.ErrLogMoved
	}
	return nil
}

// event hands on what the filter keeps. What came before is never repeated.
func (w *follower) event(e *client.RecordedEvent) error {
	p := eventstore.Position(e.Position.Commit)
	if p <= w.at {
		return nil
	}
	r, own, err := w.log.record(e)
	if err != nil {
		return err
	}
	w.at, w.told = p, false
	w.resume = max(w.resume, p)
	u := eventstore.Update{Position: p}
	if own && wanted(&w.filter, &r) {
		u.Record = &r
	} else if w.passed++; w.passed < passedOver {
		return nil
	}
	w.passed = 0
	if !w.yield(u, nil) {
		return errEnd
	}
	return nil
}

// caughtUp says once that nothing more is there: when the server said so,
// nothing waits, and all that this process appended was seen.
func (w *follower) caughtUp(f *feed) error {
	if !w.live || w.told || !f.idle() || uint64(w.at) < w.log.acked.Load() {
		return nil
	}
	w.told, w.passed = true, 0
	if !w.yield(eventstore.Update{Position: w.at, CaughtUp: true}, nil) {
		return errEnd
	}
	return nil
}

// wanted tells whether a filter keeps a record.
func wanted(f *eventstore.Filter, r *eventstore.Record) bool {
	return (len(f.Kinds) == 0 || slices.Contains(f.Kinds, r.Kind())) && (len(f.Names) == 0 || slices.Contains(f.Names, r.Name))
}
