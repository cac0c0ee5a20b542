package esdb

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	client "github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/google/uuid"

	"parley/eventstore"
)

// commands finds the records of a command, for which the server has no index:
// it follows the log into one of its own. Who asks waits until the index has
// come as far as the log was when it was asked, so that what anybody recorded
// before is found. It begins with the first question.
type commands struct {
	index eventstore.Commands
	work  sync.WaitGroup // who adds to it

	mu      sync.Mutex
	running bool
	reached eventstore.Position
	failure error
	news    chan struct{} // closed when one of the above has changed
}

// commandsAhead is how many updates may wait to be added.
const commandsAhead = 1024

// find gives the places of a command's records.
func (l *Log) find(ctx context.Context, command uuid.UUID) ([]eventstore.CommandPlace, error) {
	head, err := l.freshHead(ctx)
	if err != nil {
		return nil, err
	}
	if err := l.indexed(ctx, head); err != nil {
		return nil, err
	}
	return l.commands.index.Find(command)
}

// indexed waits until the index has come to a position.
func (l *Log) indexed(ctx context.Context, head eventstore.Position) error {
	c := &l.commands
	late := time.NewTimer(l.options.Patience)
	defer late.Stop()
	begun := false // by this question: one that fails is told, not begun again and again
	for last := eventstore.Position(0); ; {
		c.mu.Lock()
		if c.news == nil {
			c.news = make(chan struct{})
		}
		if l.isClosed() {
			c.mu.Unlock()
			return eventstore.ErrClosed
		}
		if !c.running && !begun {
			c.running, c.failure = true, nil
			c.reached = 0 // what it had may be lost: it tells anew how far it has come
			c.work.Go(l.index)
		}
		begun = true
		reached, failure, news := c.reached, c.failure, c.news
		c.mu.Unlock()
		switch {
		case reached >= head:
			return nil
		case failure != nil:
			return failure
		case reached > last: // it is at work: a long log takes its time
			last = reached
			late.Reset(l.options.Patience)
		}
		select {
		case <-news:
		case <-late.C:
			return fmt.Errorf("eventstore: the index of commands stands at %d and waits for EventStoreDB at %s, which is at %d: %w", reached, l.server, head, errSilent)
		case <-l.closing:
			return eventstore.ErrClosed
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// tell changes what those who wait look at.
func (c *commands) tell(change func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change()
	if c.news != nil {
		close(c.news)
	}
	c.news = make(chan struct{})
}

// index follows the log until it is closed, or until it fails; then the next
// question begins it anew.
func (l *Log) index() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	defer stopWith(l.closing, cancel)()
	err := l.keepIndex(ctx)
	l.commands.tell(func() { l.commands.running, l.commands.failure = false, err })
}

func (l *Log) keepIndex(ctx context.Context) error {
	c := &l.commands
	reached, err := c.index.Begin(l.store)
	if err != nil {
		return err
	}
	head, err := l.freshHead(ctx)
	if err != nil {
		return err
	}
	if reached > head { // the server was brought back from a backup
		if err := errors.Join(second(c.index.Begin("")), second(c.index.Begin(l.store))); err != nil {
			return err
		}
		reached = 0
	}
	c.tell(func() { c.reached = reached })
	updates, failed := make(chan eventstore.Update, commandsAhead), make(chan error, 1)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		defer close(updates)
		for u, err := range l.Follow(ctx, reached, eventstore.Filter{}) {
			if err != nil {
				failed <- err
				return
			}
			select {
			case updates <- u:
			case <-ctx.Done():
				return
			}
		}
	}()
	var places []eventstore.CommandPlace
	take := func(u eventstore.Update) {
		if r := u.Record; r != nil && r.Command != uuid.Nil {
			places = append(places, eventstore.CommandPlace{Command: r.Command, Stream: r.Stream, Revision: r.Revision, Position: r.Position})
		}
		reached = max(reached, u.Position)
	}
	for u := range updates {
		places = places[:0]
		take(u)
		for range len(updates) {
			if u, ok := <-updates; ok {
				take(u)
			}
		}
		if err := c.index.Add(reached, places); err != nil {
			return err
		}
		c.tell(func() { c.reached = reached })
	}
	select {
	case err := <-failed:
		return err
	default:
		return eventstore.ErrClosed
	}
}

func second[T any](_ T, err error) error { return err }

// byCommand yields the records of one command.
func (s *scan) byCommand(ctx context.Context) error {
	for ; s.given < len(s.places); s.given++ {
		p := s.places[s.given]
		if s.q.Backwards {
			p = s.places[len(s.places)-1-s.given]
		}
		if err := s.one(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

// one reads the record at a place.
func (s *scan) one(ctx context.Context, p eventstore.CommandPlace) error {
	feed := s.log.readFeed(ctx, func(ctx context.Context, c *client.Client) (*client.ReadStream, error) {
		return c.ReadStream(ctx, p.Stream, client.ReadStreamOptions{From: client.Revision(uint64(p.Revision))}, 1)
	})
	found := false
	err := feed.each(ctx, func(e *client.RecordedEvent) error {
		found = true
		return s.give(e)
	})
	if err == nil && !found || faultOf(err) == faultMissing {
		return &eventstore.DamageError{Where: fmt.Sprintf("%s at revision %d on %s", p.Stream, p.Revision, s.log.server), What: "it was there, and is not any more"}
	}
	return err
}

// memoryCommands is how many commands the index in memory takes, some 200 MiB: it
// forgets none, so that a longer log needs one on disk.
const memoryCommands = 1 << 20

// inMemory is the index of a log that was given none.
type inMemory struct {
	most int
	mu   sync.Mutex
	all  map[uuid.UUID][]eventstore.CommandPlace
}

func (m *inMemory) Begin(string) (eventstore.Position, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.all = map[uuid.UUID][]eventstore.CommandPlace{}
	return 0, nil
}

func (m *inMemory) Add(_ eventstore.Position, places []eventstore.CommandPlace) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range places {
		if _, known := m.all[p.Command]; !known && len(m.all) >= m.most {
			return fmt.Errorf("eventstore: the log holds more than the %d commands that are indexed in memory: give it an index in a folder", m.most)
		}
		m.all[p.Command] = append(m.all[p.Command], p)
	}
	return nil
}

func (m *inMemory) Find(command uuid.UUID) ([]eventstore.CommandPlace, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.all[command], nil
}
