package esdb

import (
	"context"
	"errors"
	"regexp"
	"strings"

	client "github.com/EventStore/EventStore-Client-Go/v4/esdb"

	"parley/eventstore"
)

// page is how many events of the whole log are asked for at once.
const page = 1000

func (s *scan) wholeLog(ctx context.Context) error {
	if !s.begun {
		end, err := s.log.end(ctx)
		if err != nil {
			return err
		}
		s.begun, s.until = true, end
		if s.q.Until != 0 {
			s.until = min(end, s.q.Until)
		}
		s.loose = s.q.Until > end
	}
	if s.until <= s.q.After {
		return nil
	}
	err := s.pass(ctx)
	if faultOf(err) == faultArgument && !s.loose {
		// A real server takes only positions that it gave: then all is read,
		// and what is not wanted is passed over.
		s.loose = true
		err = s.pass(ctx)
	}
	return err
}

func (s *scan) pass(ctx context.Context) error {
	switch {
	case s.q.Backwards:
		return s.backwards(ctx)
	case (len(s.q.Kinds) > 0 || len(s.q.Names) > 0) && s.until-s.q.After > 1:
		return s.selected(ctx)
	default:
		return s.forwards(ctx)
	}
}

// size is how many events to ask for.
func (s *scan) size() uint64 {
	if s.left > 0 && s.left < page && len(s.q.Kinds) == 0 && len(s.q.Names) == 0 {
		return uint64(s.left) + 1
	}
	return page
}

// forwards reads page by page. A reading begins with the event at its
// position, a query behind it.
func (s *scan) forwards(ctx context.Context) error {
	var from client.AllPosition = client.Start{}
	at := s.q.After
	if at+1 == s.until {
		at = s.until // one event is asked for, and where it stands is known
	}
	if at > 0 && !s.loose {
		from = client.Position{Commit: uint64(at), Prepare: uint64(at)}
	}
	for {
		size, got := s.size(), uint64(0)
		feed := s.pageFeed(ctx, client.Forwards, from, size)
		err := feed.each(ctx, func(e *client.RecordedEvent) error {
			got++
			p := eventstore.Position(e.Position.Commit)
			if p > s.until {
				return errEnd
			}
			if from = e.Position; p <= s.q.After {
				return nil
			}
			if err := s.give(e); err != nil {
				return err
			}
			if s.q.After = p; p == s.until {
				return errEnd
			}
			return nil
		})
		if err != nil || got < size {
			return err
		}
	}
}

// backwards reads page by page. A reading begins before its position, a query
// with it: so the event at the position is fetched by itself.
func (s *scan) backwards(ctx context.Context) error {
	var from client.AllPosition = client.End{}
	if end := s.q.Until; end != 0 && !s.loose {
		at := client.Position{Commit: uint64(end), Prepare: uint64(end)}
		err := s.pageFeed(ctx, client.Forwards, at, 1).each(ctx, func(e *client.RecordedEvent) error {
			if eventstore.Position(e.Position.Commit) != end {
				return nil
			}
			return s.give(e)
		})
		if err != nil {
			return err
		}
		s.q.Until, from = end-1, at
		if s.q.Until <= s.q.After {
			return nil
		}
	}
	for {
		size, got := s.size(), uint64(0)
		err := s.pageFeed(ctx, client.Backwards, from, size).each(ctx, func(e *client.RecordedEvent) error {
			got++
			p := eventstore.Position(e.Position.Commit)
			if p <= s.q.After {
				return errEnd
			}
			if from = e.Position; p > s.until {
				return nil
			}
			if err := s.give(e); err != nil {
				return err
			}
			// An interrupted reading goes on before this event.
			s.until = p - 1
			s.q.Until, s.loose = s.until, true
			return nil
		})
		if err != nil || got < size {
			return err
		}
	}
}

// selected reads through a subscription that ends at the head: the server has
// no other way to filter, and keeps back what is not wanted.
func (s *scan) selected(ctx context.Context) error {
	after := s.q.After
	if s.loose {
		after = 0
	}
	feed := s.log.allFeed(ctx, after, serverFilter(s.q.Kinds, s.q.Names))
	defer feed.stop()
	for {
		i, err := feed.next(ctx, s.log.options.Timeout)
		if err != nil {
			return err
		}
		switch {
		case i.caughtUp:
			return nil
		case i.event != nil:
			p := eventstore.Position(i.event.Position.Commit)
			if p > s.until {
				return nil
			}
			if err := s.give(i.event); err != nil {
				return err
			}
			s.q.After = max(s.q.After, p)
		case i.checkpoint > 0:
			s.q.After = max(s.q.After, i.checkpoint)
		}
		if s.q.After >= s.until {
			return nil
		}
	}
}

// serverFilter selects by name where there are names, else by kind. What it
// lets through is filtered again.
func serverFilter(kinds, names []string) *client.SubscriptionFilter {
	if len(names) > 0 {
		return &client.SubscriptionFilter{Type: client.EventFilterType, Regex: "^(?:" + alternatives(names) + ")$"}
	}
	return &client.SubscriptionFilter{Type: client.StreamFilterType, Regex: "^(?:" + alternatives(kinds) + ")(?:-|$)"}
}

func alternatives(texts []string) string {
	quoted := make([]string, len(texts))
	for i, t := range texts {
		quoted[i] = regexp.QuoteMeta(t)
	}
	return strings.Join(quoted, "|")
}

func (s *scan) pageFeed(ctx context.Context, d client.Direction, from client.AllPosition, count uint64) *feed {
	return s.log.readFeed(ctx, func(ctx context.Context, c *client.Client) (*client.ReadStream, error) {
		return c.ReadAll(ctx, client.ReadAllOptions{Direction: d, From: from}, count)
	})
}

// each hands the events of a reading on and stops it.
func (f *feed) each(ctx context.Context, see func(*client.RecordedEvent) error) error {
	defer f.stop()
	for {
		i, err := f.next(ctx, f.log.options.Timeout)
		if errors.Is(err, errEnd) {
			return nil
		}
		if err == nil && i.event != nil {
			err = see(i.event)
		}
		if err != nil {
			return err
		}
	}
}
