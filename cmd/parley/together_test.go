package main

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"parley/api"
)

// together are two servers on the log of a third process, with the same keys,
// each with views of its own.
type together struct {
	t     *testing.T
	node  *nodeProcess
	keys  string
	sides [2]*shop
	lasts time.Duration // how long the log and the views may be looked at
}

func serveTogether(t *testing.T) *together {
	t.Helper()
	w := &together{t: t, node: startNode(t), keys: folder(t) + "/keys", lasts: patience}
	w.sides[0] = furnish(t, w.serve(folder(t)))
	other := w.serve(folder(t))
	w.sides[1] = &shop{server: other, ana: w.sides[0].ana, visitor: w.sides[0].visitor, id: w.sides[0].id}
	w.sides[1].again(other)
	return w
}

func (w *together) args() []string {
	return []string{"--store", w.node.url(), "--keys", w.keys, "--rate", "0", "--public-rate", "0"}
}

func (w *together) serve(data string) *server {
	w.t.Helper()
	return serveProcess(w.t, data, w.args()...)
}

// whole stops both and holds the log against its rules, and each one's views
// against the log.
func (w *together) whole() {
	w.t.Helper()
	for _, h := range w.sides {
		h.stop()
	}
	for i, h := range w.sides {
		args := append([]string{"--data", h.data}, w.args()[:4]...)
		if i == 0 {
			w.t.Log(parleyFor(w.t, w.lasts, "", append([]string{"check"}, args...)...).ok(w.t))
		}
		parleyFor(w.t, w.lasts, "", append([]string{"projections", "verify", "--all"}, args...)...).ok(w.t)
	}
}

// TestTwoServersOnOneLogAreKilledAgainAndAgain lets clients hold conversations
// with both, and kills the one, the other and the log's own process. What was
// answered is there on both sides; the log and the views are whole.
func TestTwoServersOnOneLogAreKilledAgainAndAgain(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: it kills processes for half a minute, as TestKilledAgainAndAgain does for less; leave out -short to run it")
	}
	t.Parallel()
	seed := killSeed(t)
	random := rand.New(rand.NewPCG(seed, 11))
	w := serveTogether(t)
	killedAgainAndAgain(t, w.sides, random, 3*kills(t)/2, func(victim int) (back func()) {
		if victim == 2 {
			w.node.again()
			return nil
		}
		h := w.sides[victim]
		h.kill()
		return func() { h.again(w.serve(h.data)) }
	}, 3)
	w.whole()
}

// TestTwoEnginesOnOneFolderAreKilledAgainAndAgain does so with a server that keeps
// the log in its folder, and another that works on it over the wire.
func TestTwoEnginesOnOneFolderAreKilledAgainAndAgain(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: it kills processes for half a minute, as TestKilledAgainAndAgain does for less; leave out -short to run it")
	}
	t.Parallel()
	seed := killSeed(t)
	node, data := startEngineNode(t), folder(t)
	args := []string{"--store", node.url(), "--keys", node.keys(), "--rate", "0", "--public-rate", "0"}
	first := furnish(t, node.server)
	second := &shop{ana: first.ana, visitor: first.visitor, id: first.id}
	second.again(serveProcess(t, data, args...))
	killedAgainAndAgain(t, [2]*shop{first, second}, rand.New(rand.NewPCG(seed, 12)), kills(t), func(victim int) (back func()) {
		if victim == 0 {
			node.again()
			return func() { first.again(node.server) }
		}
		second.kill()
		return func() { second.again(serveProcess(t, data, args...)) }
	}, 2)
	second.stop()
	far := append([]string{"--data", data}, args[:4]...)
	parley(t, append([]string{"projections", "verify", "--all"}, far...)...).ok(t)
	first.stop()
	t.Log(parley(t, "check", "--data", node.data).ok(t))
	parley(t, "projections", "verify", "--all", "--data", node.data).ok(t)
}

// killedAgainAndAgain lets clients hold conversations with both servers, and has
// one of several victims killed each round; back starts it again, when it was not
// started at once.
func killedAgainAndAgain(t *testing.T, sides [2]*shop, random *rand.Rand, rounds int, kill func(victim int) (back func()), victims int) {
	t.Helper()
	a := &ledger{messages: map[string]string{}, of: map[string]string{}, closed: map[string]bool{}, begun: map[string]bool{}}
	for round := range rounds {
		enough := make(chan struct{})
		var wg sync.WaitGroup
		for _, h := range sides {
			for range 2 {
				wg.Go(func() {
					for h.converse(a) {
						select {
						case <-enough:
							return
						default:
						}
					}
				})
			}
		}
		a.more(t, 20+random.IntN(80)) // a conversation has five, and four are held at a time
		back := kill(round % victims)
		<-time.After(time.Duration(random.IntN(300)) * time.Millisecond)
		close(enough)
		wg.Wait()
		if back != nil {
			back()
		}
		for _, h := range sides {
			h.remembers(t, a)
		}
	}
	t.Logf("%d conversations and %d messages were acknowledged, %d of them closed", len(a.begun), len(a.messages), len(a.closed))
	if len(a.closed) == 0 {
		t.Error("no conversation was held to its end")
	}
}

// TestTwoServersDoAsOne holds one conversation with two servers: what one
// records the other shows, a key used at one is known to the other, one routes
// for both, and who is erased at one is unreadable at the other.
func TestTwoServersDoAsOne(t *testing.T) {
	long(t)
	t.Parallel()
	w := serveTogether(t)
	here, there := w.sides[0], w.sides[1]
	there.listen(t)
	id := here.ask("Where is my parcel?")
	hold := here.offered(t, id)
	at := there.ana.must(http.StatusOK, "POST", "/v1/conversations/"+id+"/offers/"+hold+"/accept", nil).text("position")
	here.admin.must(http.StatusOK, "GET", "/v1/conversations/"+id+"?after="+at, nil).want("subState", "engaged")

	// The same key and body at the other server gives the recorded answer.
	first := here.visitor.keyed("k-1", "POST", "/v1/conversations/"+id+"/messages", fields{"text": "It is urgent."})
	second := there.visitor.keyed("k-1", "POST", "/v1/conversations/"+id+"/messages", fields{"text": "It is urgent."})
	if first.status != http.StatusCreated || second.status != http.StatusCreated || first.text("message") != second.text("message") {
		t.Errorf("%d %s and %d %s", first.status, first.raw, second.status, second.raw)
	}
	there.visitor.keyed("k-1", "POST", "/v1/conversations/"+id+"/messages", fields{"text": "Something else."}).want("code", "idempotency_key_reused")

	// A contact erased at one is unreadable at the other.
	made := here.admin.must(http.StatusOK, "PUT", "/v1/contacts/lena", fields{"name": "Lena Novak"})
	there.admin.must(http.StatusOK, "GET", "/v1/contacts/lena?after="+made.text("position"), nil).want("name", "Lena Novak")
	gone := here.admin.must(http.StatusOK, "POST", "/v1/contacts/lena/erase", nil)
	after := there.admin.send("GET", "/v1/contacts/lena?after="+gone.text("position"), nil)
	if after.text("name") == "Lena Novak" {
		t.Errorf("the other still shows %s", after.raw)
	}
	here.close(id, hold)
	w.whole()
}

// TestASurvivorTakesOver kills the server that an agent is connected to, and
// that works for both: the other records the lost connection and routes on. A
// server that starts beside it takes nobody's connection away.
func TestASurvivorTakesOver(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: a lease is taken over after ten seconds: run without -short")
	}
	t.Parallel()
	w := serveTogether(t)
	here, there := w.sides[0], w.sides[1]
	here.listen(t)
	there.look(there.admin, "/v1/agents/ana/capacity").want("connected", true)
	there.kill()
	there.again(w.serve(there.data))
	<-time.After(4 * time.Second) // the holder has heard of it
	there.look(there.admin, "/v1/agents/ana/capacity").want("connected", true)

	here.kill()
	eventually(t, "the survivor records the lost connection", func() bool {
		return there.look(there.admin, "/v1/agents/ana/capacity").at("connected") == false
	})
	there.listen(t)
	there.engage(t, there.ask("Is anybody there?"))
	here.again(w.serve(here.data))
	w.whole()
}

// TestTwoThatBothBelieveTheyWorkForAllHarmNothing runs two engines on one log
// without a lease: both route, react and fire timers for all, under clients
// of both. Whatever they do twice, the log and the views are whole.
func TestTwoThatBothBelieveTheyWorkForAllHarmNothing(t *testing.T) {
	t.Parallel()
	store, keys := elsewhere(t), folder(t)+"/keys"
	var sides [2]*shop
	var stops [2]func()
	args := func(data string) []string { return []string{"--data", data, "--store", store, "--keys", keys} }
	for i := range sides {
		data := folder(t)
		cfg := &config{data: data, store: store, keep: keys, location: time.UTC, rate: 0, public: 0}
		h, err := openHouse(t.Context(), cfg, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		tcp, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		socket, err := api.ListenSocket(cfg.socket())
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 2)
		go func() { ended <- h.server.Serve(ctx, tcp, socket) }()
		go func() { ended <- h.work(ctx, true) }()
		stops[i] = sync.OnceFunc(func() {
			cancel()
			for range 2 {
				if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
			}
			if err := h.close(); err != nil {
				t.Error(err)
			}
		})
		t.Cleanup(stops[i])
		s := &server{data: data, url: "http://" + tcp.Addr().String(), stop: stops[i]}
		s.admin = client{t, s.url, strings.TrimSpace(parley(t, "token", "--data", data).ok(t))}
		if i == 0 {
			sides[i] = furnish(t, s)
		} else {
			sides[i] = &shop{server: s, ana: sides[0].ana}
			sides[i].ana.url = s.url
		}
	}
	many := 8
	if testing.Short() {
		many = 2
	}
	a := &ledger{messages: map[string]string{}, of: map[string]string{}, closed: map[string]bool{}, begun: map[string]bool{}}
	var wg sync.WaitGroup
	for _, h := range sides {
		for range 3 {
			wg.Go(func() {
				for range many {
					if !h.converse(a) {
						t.Error("a server is gone")
					}
				}
			})
		}
	}
	wg.Wait()
	for _, h := range sides {
		h.remembers(t, a)
	}
	for i, h := range sides {
		h.stop()
		parley(t, append([]string{"projections", "verify", "--all"}, args(h.data)...)...).ok(t)
		if i == 0 {
			continue
		}
		// Rounds of two routers may carry the same number and mingle in the log: then
		// one of them does not come out as it was recorded when it is made again.
		// Nothing else may be found.
		checked := parley(t, append([]string{"check"}, args(h.data)...)...)
		for _, line := range strings.Split(strings.TrimSpace(checked.out), "\n") {
			if checked.code != exitOK && !strings.Contains(line, "[decision]") {
				t.Error(line)
			}
		}
	}
}
