package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"parley/domain"
)

// benchTown is what bench commands walks through: people with tokens, and the
// conversations they have.
type benchTown struct {
	server  *child
	service string // the token of the customers' side where no visitor's is at hand
	talks   []*talk
	walkers []*walker
	offers  chan offer
	feeds   sync.WaitGroup
	open    []net.Conn
	mu      sync.Mutex
	refusal atomic.Pointer[string]
}

// talk is one conversation that is open.
type talk struct {
	id, visitor         string
	visitorToken, agent string // tokens
	messages            string // the path
	read, action        string
	said                atomic.Int64
}

// offer is what an agent was told.
type offer struct{ agent, hold, conversation string }

// slotsOfAgent is how many sessions an agent may have.
const slotsOfAgent = 10

// furnishTown makes the people and the conversations over the API itself.
func furnishTown(ctx context.Context, server *child, c *commandsOptions) (*benchTown, error) {
	t := &benchTown{server: server, offers: make(chan offer, 1<<16)}
	agents := c.agents
	if agents == 0 {
		agents = (c.open + slotsOfAgent - 1) / slotsOfAgent
	}
	admin, err := t.tokens([][2]string{{"admin", domain.RoleAdmin}, {"service", domain.RoleService}})
	if err != nil {
		return nil, err
	}
	t.service = admin[1]
	w, err := dialWire(server.address)
	if err != nil {
		return nil, err
	}
	for _, s := range []struct {
		path string
		body map[string]any
	}{
		{"/v1/queues/desk", map[string]any{"name": "Desk"}}, {"/v1/queues/auto", map[string]any{"name": "Auto"}},
		{"/v1/workstreams/desk", map[string]any{"channel": "chat", "settings": map[string]any{"name": "Desk", "queue": "desk", "assignment": "pick", "units": 1}}},
		{"/v1/workstreams/auto", map[string]any{"channel": "chat", "settings": map[string]any{"name": "Auto", "queue": "auto", "units": 1}}},
		{"/v1/widgets/desk", map[string]any{"workstream": "desk"}}, {"/v1/widgets/auto", map[string]any{"workstream": "auto"}},
	} {
		if err := w.must("PUT", s.path, admin[0], s.body, nil); err != nil {
			return nil, err
		}
	}
	if err := w.close(); err != nil {
		return nil, err
	}
	if err := t.populate(ctx, admin[0], agents, c.open); err != nil {
		return nil, err
	}
	return t, t.staff(ctx, admin[0], c.connections)
}

// tokens mints for many.
func (t *benchTown) tokens(people [][2]string) ([]string, error) { return t.server.mint(people...) }

// together does numbered things over some connections.
func (t *benchTown) together(ctx context.Context, n int, do func(w *wire, i int) error) error {
	g, ctx := errgroup.WithContext(ctx)
	var next atomic.Int64
	for range 32 {
		g.Go(func() error {
			w, err := dialWire(t.server.address)
			if err != nil {
				return err
			}
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					break
				}
				if err := do(w, i); err != nil {
					return errors.Join(err, w.close())
				}
			}
			return w.close()
		})
	}
	return g.Wait()
}

// populate makes the agents and the conversations they have, ten each.
func (t *benchTown) populate(ctx context.Context, admin string, agents, conversations int) error {
	people := make([][2]string, 0, agents+conversations)
	for i := range agents {
		people = append(people, [2]string{fmt.Sprint("desk-", i), domain.RoleAgent})
	}
	for i := range conversations {
		people = append(people, [2]string{fmt.Sprint("visitor-", i), domain.RoleVisitor})
	}
	tokens, err := t.tokens(people)
	if err != nil {
		return err
	}
	err = t.together(ctx, agents, func(w *wire, i int) error {
		if err := w.must("PUT", "/v1/agents/"+people[i][0], admin, map[string]any{"name": "Agent " + strconv.Itoa(i), "units": 100}, nil); err != nil {
			return err
		}
		return w.must("PUT", "/v1/queues/desk/members/"+people[i][0], admin, nil, nil)
	})
	if err != nil {
		return err
	}
	t.talks = make([]*talk, conversations)
	return t.together(ctx, conversations, func(w *wire, i int) error {
		var began struct{ Conversation string }
		visitor := people[agents+i][0]
		one := &talk{visitor: visitor, visitorToken: tokens[agents+i]}
		if err := w.must("POST", "/v1/widgets/desk/visitors", one.visitorToken, map[string]any{}, nil); err != nil {
			return err
		}
		if err := w.must("POST", "/v1/conversations", one.visitorToken, map[string]any{"widget": "desk", "text": benchText}, &began); err != nil {
			return err
		}
		if a := i / slotsOfAgent; a < agents {
			if err := w.must("POST", "/v1/conversations/"+began.Conversation+"/pick", tokens[a], nil, nil); err != nil {
				return err
			}
			one.agent = tokens[a]
		}
		one.id, one.messages, one.read = began.Conversation, "/v1/conversations/"+began.Conversation+"/messages", "/v1/conversations/"+began.Conversation+"/read"
		one.action = "/v1/visitors/" + visitor + "/actions"
		one.said.Store(1)
		t.talks[i] = one
		return nil
	})
}

// staff makes one walker for each connection, and as many agents who are there
// to be offered what starts.
func (t *benchTown) staff(ctx context.Context, admin string, walkers int) error {
	for i := range walkers {
		t.walkers = append(t.walkers, &walker{town: t, number: i})
	}
	people := make([][2]string, walkers)
	for i := range people {
		people[i] = [2]string{fmt.Sprint("auto-", i), domain.RoleAgent}
	}
	tokens, err := t.tokens(people)
	if err != nil {
		return err
	}
	return t.together(ctx, walkers, func(w *wire, i int) error {
		id, token := people[i][0], tokens[i]
		if err := w.must("PUT", "/v1/agents/"+id, admin, map[string]any{"name": id, "units": 100}, nil); err != nil {
			return err
		}
		if err := w.must("PUT", "/v1/queues/auto/members/"+id, admin, nil, nil); err != nil {
			return err
		}
		if err := t.listen("/v1/agents/"+id+"/feed", token, func(name, data []byte) { t.heard(token, name, data) }); err != nil {
			return err
		}
		return w.must("PUT", "/v1/agents/"+id+"/presence", token, map[string]any{"presence": "available"}, nil)
	})
}

// listen opens a feed and goes on once it stands.
func (t *benchTown) listen(path, token string, each func(name, data []byte)) error {
	stands, failed := make(chan struct{}), make(chan error, 1)
	t.feeds.Go(func() {
		failed <- listenWire(t.server.address, path, token, func(conn net.Conn) {
			t.mu.Lock()
			t.open = append(t.open, conn)
			t.mu.Unlock()
			close(stands)
		}, each)
	})
	select {
	case <-stands:
		return nil
	case err := <-failed:
		return err
	}
}

// heard takes the offers out of an agent's feed.
func (t *benchTown) heard(token string, name, data []byte) {
	if !bytes.Equal(name, []byte("conversation.offered")) {
		return
	}
	var n struct{ Offer, Conversation string }
	if json.Unmarshal(data, &n) != nil || n.Offer == "" {
		return
	}
	one := offer{token, n.Offer, n.Conversation}
	select {
	case t.offers <- one:
	default:
	}
}

// close ends the feeds.
func (t *benchTown) close() {
	t.mu.Lock()
	for _, conn := range t.open {
		_ = conn.Close() // the reader ends by it, and that is all that is wanted
	}
	t.mu.Unlock()
	t.feeds.Wait()
}

// why is the last refusal, for whoever wonders.
func (t *benchTown) why() string {
	if text := t.refusal.Load(); text != nil {
		return *text
	}
	return ""
}
