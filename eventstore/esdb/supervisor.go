package esdb

import (
	"context"
	"sync"

	client "github.com/EventStore/EventStore-Client-Go/v4/esdb"

	"parley/eventstore"
)

// supervisor gives each call a client of its own for as long as it takes, and
// keeps those that served well for the next. A client that others are in
// cannot be ended: after a failed discovery it takes no more word from anybody,
// so that whoever else is in it waits for ever, and closing it then is a race
// inside it. One that serves a single caller has neither trouble.
type supervisor struct {
	conf    client.Configuration
	callers chan struct{} // a place for each call that is under way
	mu      sync.Mutex
	idle    []*session
	age     int // how often the server was lost
	shut    bool
}

// session is one client and the age it is of.
type session struct {
	client *client.Client
	age    int
}

const (
	// mostCallers is how many calls are under way at once; more wait. Readings
	// and followers are not counted: they end when their reader says so.
	mostCallers = 64
	// mostIdle is how many clients are kept for later.
	mostIdle = 64
)

func newSupervisor(conf *client.Configuration, seconds int) *supervisor {
	c := *conf
	c.MaxDiscoverAttempts = 1 // trying again is done here
	c.GossipTimeout = max(1, min(c.GossipTimeout, seconds))
	c.Logger = client.NoopLogging()
	return &supervisor{conf: c, callers: make(chan struct{}, mostCallers)}
}

// enter takes a caller's place; leave gives it back.
func (s *supervisor) enter(ctx context.Context, closing <-chan struct{}) error {
	select {
	case s.callers <- struct{}{}:
		return nil
	case <-closing:
		return eventstore.ErrClosed
	case <-ctx.Done():
		return errSilent
	}
}

func (s *supervisor) leave() { <-s.callers }

// use gives a client to one caller, who gives it back with release once no
// call is in it any more.
func (s *supervisor) use() (*session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.shut {
		return nil, eventstore.ErrClosed
	}
	if n := len(s.idle); n > 0 {
		used := s.idle[n-1]
		s.idle[n-1] = nil
		s.idle = s.idle[:n-1]
		return used, nil
	}
	conf := s.conf
	c, err := client.NewClient(&conf)
	if err != nil {
		return nil, err
	}
	return &session{client: c, age: s.age}, nil
}

func (s *supervisor) release(used *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.shut || used.age < s.age || len(s.idle) == mostIdle {
		used.end()
		return
	}
	s.idle = append(s.idle, used)
}

// lost tells that a client has lost its server: then so have the others of its
// age, and none of them is used again.
func (s *supervisor) lost(used *session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if used.age == s.age {
		s.age++
		s.clear()
	}
}

func (s *supervisor) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shut = true
	s.clear()
}

// clear ends the clients that nobody is in.
func (s *supervisor) clear() {
	for _, i := range s.idle {
		i.end()
	}
	s.idle = nil
}

// end closes a client that nobody is in. Closing has no error to tell.
func (s *session) end() { _ = s.client.Close() }
