package esdb

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"

	client "github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/google/uuid"

	"parley/eventstore"
)

// Read yields what a query asks, as of the head when reading begins. The
// server has an index by stream; kinds and names are filtered there when read
// forwards; the records of one command are found by an index kept here;
// everything else is found by reading through. A reading that is interrupted
// goes on where it was.
func (l *Log) Read(ctx context.Context, q eventstore.Query) iter.Seq2[eventstore.Record, error] {
	return func(yield func(eventstore.Record, error) bool) {
		s := &scan{log: l, q: q, left: q.Limit, yield: yield}
		step := s.wholeLog
		switch {
		case q.Stream != "":
			step = s.oneStream
		case q.Command != uuid.Nil:
			step = s.byCommand
			var err error
			if s.places, err = l.find(ctx, q.Command); err != nil {
				yield(eventstore.Record{}, err)
				return
			}
		}
		err := s.onAndOn(ctx, step)
		if err != nil && !errors.Is(err, errEnd) {
			yield(eventstore.Record{}, err)
		}
	}
}

// scan is a query on its way. Each step goes on from where the last one was
// interrupted.
type scan struct {
	log   *Log
	q     eventstore.Query
	left  int // of the limit; 0 without one
	yield func(eventstore.Record, error) bool

	begun  bool
	seen   int                       // events that came, wanted or not
	places []eventstore.CommandPlace // of the records of a command
	given  int                       // so many of them were looked at
	until  eventstore.Position       // of the log when reading began
	loose  bool                      // the server takes no such position: read from the very end
}

// onAndOn reads with patience for each interruption: one that comes after
// something was read is not the last one's.
func (s *scan) onAndOn(ctx context.Context, step func(context.Context) error) error {
	for {
		interrupted := false
		err := s.log.insist(ctx, func(ctx context.Context) error {
			before := s.seen
			err := step(ctx)
			if interrupted = passing(err) && s.seen > before; interrupted {
				return nil
			}
			return err
		})
		if !interrupted {
			return err
		}
	}
}

// wants tells whether a query keeps a record.
func wants(q *eventstore.Query, r *eventstore.Record) bool {
	return r.Position > q.After && (q.Until == 0 || r.Position <= q.Until) &&
		(q.Command == uuid.Nil || r.Command == q.Command) &&
		(len(q.Names) == 0 || slices.Contains(q.Names, r.Name)) &&
		(len(q.Kinds) == 0 || slices.Contains(q.Kinds, r.Kind()))
}

// give yields an event that the query keeps. errEnd tells that no more is
// wanted.
func (s *scan) give(e *client.RecordedEvent) error {
	s.seen++
	r, ok, err := s.log.record(e)
	if err != nil || !ok || !wants(&s.q, &r) {
		return err
	}
	if !s.yield(r, nil) {
		return errEnd
	}
	if s.left > 0 {
		if s.left--; s.left == 0 {
			return errEnd
		}
	}
	return nil
}

// filtered tells whether some of what is read may not be wanted.
func (s *scan) filtered() bool {
	return len(s.q.Kinds) > 0 || len(s.q.Names) > 0 || s.q.Command != uuid.Nil || s.q.After > 0 || s.q.Until > 0
}

func (s *scan) oneStream(ctx context.Context) error {
	count := uint64(math.MaxUint64)
	if !s.filtered() && s.left > 0 {
		count = uint64(s.left)
	}
	o := client.ReadStreamOptions{From: client.Start{}}
	if s.q.From >= 0 {
		o.From = client.Revision(uint64(s.q.From))
	}
	if s.q.Backwards {
		if o.Direction = client.Backwards; s.q.From < 0 {
			o.From = client.End{}
		}
	}
	feed := s.log.readFeed(ctx, func(ctx context.Context, c *client.Client) (*client.ReadStream, error) {
		return c.ReadStream(ctx, s.q.Stream, o, count)
	})
	defer feed.stop()
	last := eventstore.Revision(0)
	for {
		i, err := feed.next(ctx, s.log.options.Timeout)
		if errors.Is(err, errEnd) && s.q.Backwards && last > 0 && count == math.MaxUint64 {
			return s.log.truncated(s.q.Stream, last)
		}
		if errors.Is(err, errEnd) || faultOf(err) == faultMissing {
			return nil
		}
		if err != nil {
			return err
		}
		if i.event == nil {
			continue
		}
		at := eventstore.Revision(i.event.EventNumber)
		if last = at; !s.q.Backwards && at > max(s.q.From, 0) {
			return s.log.truncated(s.q.Stream, at)
		}
		if err := s.give(i.event); err != nil {
			return err
		}
		if s.q.Backwards {
			if s.q.From = at - 1; at == 0 {
				return nil
			}
		} else {
			s.q.From = at + 1
		}
	}
}

// truncated tells that the beginning of a stream is not there any more. Parley
// never decides on what is left.
func (l *Log) truncated(stream string, first eventstore.Revision) error {
	return &eventstore.DamageError{Where: fmt.Sprintf("%s on %s", stream, l.server), What: fmt.Sprintf("what lies before revision %d is gone: somebody truncated it", first)}
}
