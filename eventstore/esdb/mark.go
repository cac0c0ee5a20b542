package esdb

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	client "github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/google/uuid"

	"parley/eventstore"
)

// Mark reads or moves a mark: the last event of a stream of its own, of which
// the server keeps no more than that one.
func (l *Log) Mark(ctx context.Context, name string, move func(eventstore.Mark) ([]byte, bool)) (eventstore.Mark, error) {
	if name == "" || len(name) > 1024 || strings.IndexByte(name, 0) >= 0 {
		return eventstore.Mark{}, errMark
	}
	return l.mark(ctx, streamOfMark+name, move)
}

func (l *Log) mark(ctx context.Context, stream string, move func(eventstore.Mark) ([]byte, bool)) (eventstore.Mark, error) {
	for {
		m, err := l.readMark(ctx, stream)
		if err != nil || move == nil {
			return m, err
		}
		value, ok := move(eventstore.Mark{Value: bytes.Clone(m.Value), Revision: m.Revision})
		if !ok {
			return m, nil
		}
		if len(value) > eventstore.MaxAppend {
			return eventstore.Mark{}, eventstore.ErrTooLarge
		}
		if m.Revision == 0 {
			if err := l.keepOne(ctx, stream); err != nil {
				return eventstore.Mark{}, err
			}
		}
		value = bytes.Clone(value)
		err = l.writeMark(ctx, stream, m.Revision, value)
		if err == nil {
			return eventstore.Mark{Value: bytes.Clone(value), Revision: m.Revision + 1}, nil
		}
		if faultOf(err) != faultWrong {
			return eventstore.Mark{}, err
		}
	}
}

func (l *Log) readMark(ctx context.Context, stream string) (m eventstore.Mark, err error) {
	err = l.insist(ctx, func(ctx context.Context) error {
		m = eventstore.Mark{}
		feed := l.readFeed(ctx, func(ctx context.Context, c *client.Client) (*client.ReadStream, error) {
			return c.ReadStream(ctx, stream, client.ReadStreamOptions{Direction: client.Backwards, From: client.End{}}, 1)
		})
		defer feed.stop()
		for {
			next, err := feed.next(ctx, l.options.Timeout)
			if errors.Is(err, errEnd) || faultOf(err) == faultMissing {
				return nil
			}
			if err != nil {
				return err
			}
			m = eventstore.Mark{Value: next.event.Data, Revision: next.event.EventNumber + 1}
		}
	})
	return m, err
}

func (l *Log) writeMark(ctx context.Context, stream string, revision uint64, value []byte) error {
	event := client.EventData{EventID: uuid.New(), EventType: "mark", ContentType: client.ContentTypeBinary, Data: value}
	return l.insist(ctx, func(ctx context.Context) error {
		_, err := call(ctx, l, func(ctx context.Context, c *client.Client) (*client.WriteResult, error) {
			o := client.AppendToStreamOptions{ExpectedRevision: expectedOf(eventstore.Revision(revision) - 1)}
			return c.AppendToStream(ctx, stream, o, event)
		})
		return err
	})
}

// Marks gives all marks by name, for who moves a log to another store. The
// server looks through the whole log for them.
func (l *Log) Marks(ctx context.Context) (map[string]eventstore.Mark, error) {
	var all map[string]eventstore.Mark
	err := l.insist(ctx, func(ctx context.Context) error {
		all = map[string]eventstore.Mark{}
		feed := l.allFeed(ctx, 0, &client.SubscriptionFilter{Type: client.StreamFilterType, Regex: "^" + streamOfMark})
		defer feed.stop()
		for {
			i, err := feed.next(ctx, l.options.Timeout)
			if err != nil {
				return err
			}
			if i.caughtUp {
				return nil
			}
			if i.event == nil {
				continue
			}
			name := strings.TrimPrefix(i.event.StreamID, streamOfMark)
			if m := (eventstore.Mark{Value: i.event.Data, Revision: i.event.EventNumber + 1}); m.Revision > all[name].Revision {
				all[name] = m
			}
		}
	})
	return all, err
}

// keepOne tells the server to keep only the last event of a mark's stream.
func (l *Log) keepOne(ctx context.Context, stream string) error {
	err := l.insist(ctx, func(ctx context.Context) error {
		_, err := call(ctx, l, func(ctx context.Context, c *client.Client) (*client.WriteResult, error) {
			m := client.StreamMetadata{}
			m.SetMaxCount(1)
			return c.SetStreamMetadata(ctx, stream, client.AppendToStreamOptions{ExpectedRevision: client.Any{}}, m)
		})
		return err
	})
	if err != nil {
		return fmt.Errorf("preparing the mark %s: %w", strings.TrimPrefix(stream, streamOfMark), err)
	}
	return nil
}
