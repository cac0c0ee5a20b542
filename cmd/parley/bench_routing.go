package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"parley/domain"
)

// routingOptions are the flags of bench routing.
type routingOptions struct {
	agents, boardAgents, waiting int
	rate                         float64
}

func newBenchRouting(o *benchOptions) *cobra.Command {
	c := &routingOptions{}
	cmd := &cobra.Command{
		Use:   "routing",
		Short: "From a conversation's entering the queue to the offer on the agent's open feed, beside a message on the same feeds",
		Args:  exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			method := fmt.Sprintf("A server process of its own with everything on; %d agents with open feeds, each in two of %d queues. %g conversations a second begin over HTTP, are offered, "+
				"accepted, ended and closed; beside it as many messages a second of customers of %d conversations that go on, each told on its agent's feed. Measured until the client has read the event, "+
				"from the request's writing and from the answer's arrival, when the conversation is in the queue. %g s each, %d times. The client shares the cores. "+
				"Seeding is what a router does before its first round, with %d agents and %d conversations waiting, in the benchmark's own process.",
				c.agents, routingQueues, c.rate, routingStanding, o.seconds, o.repeats, c.boardAgents, c.waiting)
			return o.measure(cmd, "parley bench routing", method, func(ctx context.Context, m *measuring) error {
				if err := m.seeding(ctx, c.boardAgents, c.waiting); err != nil {
					return err
				}
				return m.routing(ctx, c)
			})
		},
	}
	cmd.Flags().IntVar(&c.agents, "agents", 1000, "agents who are connected, at most 5000")
	cmd.Flags().Float64Var(&c.rate, "rate", 200, "conversations a second, and messages a second beside them")
	cmd.Flags().IntVar(&c.boardAgents, "seed-agents", 10_000, "agents of the board that is seeded")
	cmd.Flags().IntVar(&c.waiting, "waiting", 50_000, "conversations that wait on the board that is seeded")
	return cmd
}

const (
	routingQueues   = 10
	routingStanding = 100 // conversations that go on meanwhile
	routingClerks   = 16  // connections that accept, end and close
)

// routingTown is a contact centre whose agents all look at their feeds.
type routingTown struct {
	*benchTown
	offered  sync.Map // conversation to when its offer was read
	messages []atomic.Int64
	keep     atomic.Bool // what is accepted goes on
	kept     chan *talk
}

func (m *measuring) routing(ctx context.Context, c *routingOptions) (err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	server, err := spawn(ctx, filepath.Join(m.dir, "data"), m.errs)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.end()) }()
	t := &routingTown{
		benchTown: &benchTown{server: server, offers: make(chan offer, 1<<16)},
		messages:  make([]atomic.Int64, 1<<20), kept: make(chan *talk, routingStanding),
	}
	defer t.close()
	m.say("connecting %d agents", c.agents)
	if err := t.people(ctx, c.agents); err != nil {
		return err
	}
	clerks, err := t.clerks(ctx)
	if err != nil {
		return err
	}
	defer func() { cancel(); err = errors.Join(err, clerks()) }()
	t.keep.Store(true)
	for i := range routingStanding {
		if _, err := t.begin(nil, i); err != nil {
			return err
		}
		t.talks = append(t.talks, <-t.kept)
	}
	t.keep.Store(false)
	if _, err := m.drained(server); err != nil {
		return err
	}
	if _, err := m.offersAndMessages(ctx, t, c.rate, 0, false); err != nil { // warm
		return err
	}
	if _, err := server.ask(childQuestion{Do: "profile", CPU: m.cpuProfile, Mem: m.memProfile}); err != nil {
		return err
	}
	next := len(t.messages) / 2
	for turn := range m.repeats {
		m.say("turn %d of %d", turn+1, m.repeats)
		if next, err = m.offersAndMessages(ctx, t, c.rate, next, true); err != nil {
			return err
		}
	}
	m.report.ratio("offer / message, p50", "from the request to the offer, p50", "from the request to a message, p50")
	m.report.ratio("offer / message, p99", "from the request to the offer, p99", "from the request to a message, p99")
	_, err = server.ask(childQuestion{Do: "profiled"})
	return err
}

// people makes queues, agents and their feeds.
func (t *routingTown) people(ctx context.Context, agents int) error {
	people := [][2]string{{"admin", domain.RoleAdmin}, {"service", domain.RoleService}}
	for i := range agents {
		people = append(people, [2]string{fmt.Sprint("agent-", i), domain.RoleAgent})
	}
	tokens, err := t.tokens(people)
	if err != nil {
		return err
	}
	admin := tokens[0]
	t.service = tokens[1]
	err = t.together(ctx, routingQueues, func(w *wire, i int) error {
		q := fmt.Sprint("q", i)
		return errors.Join(
			w.must("PUT", "/v1/queues/"+q, admin, map[string]any{"name": q, "number": i}, nil),
			w.must("PUT", "/v1/workstreams/"+q, admin, map[string]any{"channel": "chat", "settings": map[string]any{"name": q, "queue": q, "units": 10}}, nil),
			w.must("PUT", "/v1/widgets/"+q, admin, map[string]any{"workstream": q}, nil),
		)
	})
	if err != nil {
		return err
	}
	return t.together(ctx, agents, func(w *wire, i int) error {
		id, token := people[i+2][0], tokens[i+2]
		if err := w.must("PUT", "/v1/agents/"+id, admin, map[string]any{"name": id, "units": 100}, nil); err != nil {
			return err
		}
		for q := range 2 {
			if err := w.must("PUT", fmt.Sprintf("/v1/queues/q%d/members/%s", (i+q)%routingQueues, id), admin, nil, nil); err != nil {
				return err
			}
		}
		if err := t.listen("/v1/agents/"+id+"/feed", token, func(name, data []byte) { t.read(token, name, data) }); err != nil {
			return err
		}
		return w.must("PUT", "/v1/agents/"+id+"/presence", token, map[string]any{"presence": "available"}, nil)
	})
}

// read notes when an offer or a message arrives on an agent's feed.
func (t *routingTown) read(token string, name, data []byte) {
	at := time.Now()
	switch string(name) {
	case "conversation.offered":
		var n struct{ Offer, Conversation string }
		if json.Unmarshal(data, &n) != nil || n.Offer == "" {
			return
		}
		t.offered.Store(n.Conversation, at)
		t.offers <- offer{token, n.Offer, n.Conversation}
	case "conversation.message_received":
		_, rest, _ := bytes.Cut(data, []byte(feedMark))
		digits, _, _ := bytes.Cut(rest, []byte("."))
		if i, err := strconv.Atoi(string(digits)); err == nil && i < len(t.messages) {
			t.messages[i].CompareAndSwap(0, at.UnixNano())
		}
	}
}

// begin starts a conversation in one of the queues.
func (t *routingTown) begin(w *wire, i int) (id string, err error) {
	if w == nil {
		if w, err = dialWire(t.server.address); err != nil {
			return "", err
		}
		defer func() { err = errors.Join(err, w.close()) }()
	}
	var began struct{ Conversation string }
	err = w.must("POST", "/v1/conversations", t.service, map[string]any{
		"widget": fmt.Sprint("q", i%routingQueues), "visitor": fmt.Sprintf("new-%d-%d", i, time.Now().UnixNano()), "text": benchText,
	}, &began)
	return began.Conversation, err
}

// clerks accept what is offered, and end and close it unless it is to go on.
func (t *routingTown) clerks(ctx context.Context) (ended func() error, err error) {
	failed := make(chan error, routingClerks)
	for range routingClerks {
		w, err := dialWire(t.server.address)
		if err != nil {
			return nil, err
		}
		go func() {
			failed <- func() error {
				for {
					select {
					case <-ctx.Done():
						return w.close()
					case o := <-t.offers:
						if err := t.serve(w, o); err != nil && ctx.Err() == nil {
							return errors.Join(err, w.close())
						}
					}
				}
			}()
		}()
	}
	return func() (err error) {
		for range routingClerks {
			err = errors.Join(err, <-failed)
		}
		return err
	}, nil
}

func (t *routingTown) serve(w *wire, o offer) error {
	if err := w.must("POST", "/v1/conversations/"+o.conversation+"/offers/"+o.hold+"/accept", o.agent, nil, nil); err != nil {
		return err
	}
	if t.keep.Load() {
		t.kept <- &talk{id: o.conversation, agent: o.agent, messages: "/v1/conversations/" + o.conversation + "/messages"}
		return nil
	}
	if err := w.must("POST", "/v1/conversations/"+o.conversation+"/end", o.agent, nil, nil); err != nil {
		return err
	}
	return w.must("POST", "/v1/sessions/"+o.hold+"/close", o.agent, map[string]any{"confirm": true}, nil)
}

// offersAndMessages lets conversations begin and messages be written, turn by
// turn at the rate, and gathers when each was read off a feed.
func (m *measuring) offersAndMessages(ctx context.Context, t *routingTown, rate float64, first int, counts bool) (int, error) {
	const senders = 32
	n := min(int(m.span().Seconds()*rate), len(t.messages)-first)
	ids := make([]string, n)
	var sent, answered, told [2][]time.Time
	for i := range 2 {
		sent[i], answered[i], told[i] = make([]time.Time, n), make([]time.Time, n), make([]time.Time, n)
	}
	var taken atomic.Int64
	began := time.Now()
	failed := make(chan error, senders)
	for range senders {
		go func() {
			failed <- func() error {
				w, err := dialWire(t.server.address)
				if err != nil {
					return err
				}
				for i := int(taken.Add(1)) - 1; i < 2*n && ctx.Err() == nil; i = int(taken.Add(1)) - 1 {
					time.Sleep(time.Until(began.Add(time.Duration(float64(i) / (2 * rate) * float64(time.Second)))))
					which, k := i%2, i/2
					sent[which][k] = time.Now()
					if which == 0 {
						ids[k], err = t.begin(w, k)
					} else {
						one := t.talks[k%len(t.talks)]
						err = w.must("POST", one.messages, t.service, map[string]any{"text": fmt.Sprintf("%s%d.", feedMark, first+k)}, nil)
					}
					if err != nil {
						return errors.Join(err, w.close())
					}
					answered[which][k] = time.Now()
				}
				return w.close()
			}()
		}()
	}
	for range senders {
		if err := <-failed; err != nil {
			return 0, err
		}
	}
	took := time.Since(began)
	if _, err := m.drained(t.server); err != nil {
		return 0, err
	}
	arrive(n, func(k int) bool {
		_, ok := t.offered.Load(ids[k])
		return ok && t.messages[first+k].Load() != 0
	})
	lost := [2]int{}
	for k := range n {
		if at, ok := t.offered.LoadAndDelete(ids[k]); ok {
			told[0][k] = at.(time.Time)
		}
		if at := t.messages[first+k].Load(); at > 0 {
			told[1][k] = time.Unix(0, at)
		}
	}
	for which, what := range []string{"the offer", "a message"} {
		var whole, after latencies
		for k := range n {
			if told[which][k].IsZero() {
				lost[which]++
				continue
			}
			whole = append(whole, told[which][k].Sub(sent[which][k]))
			after = append(after, told[which][k].Sub(answered[which][k]))
		}
		if counts {
			m.report.latency("from the request to "+what, whole)
			m.report.latency("from the answer to "+what, after)
		}
	}
	if counts {
		m.report.add("conversations begun", "/s", float64(n)/took.Seconds())
		m.report.add("offers that did not come", "", float64(lost[0]))
	}
	if lost[0]+lost[1] > 0 {
		m.report.fails("of %d each, %d offers and %d messages did not arrive", n, lost[0], lost[1])
	}
	return first + n, nil
}
