package api_test

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"net/netip"
	"runtime"
	"sync"
	"testing"

	"github.com/google/uuid"

	"parley/api"
	"parley/domain"
	"parley/domain/line"
	"parley/domain/workstream"
	"parley/eventstore"
)

// together sends requests at the same time and counts the answers by status.
func (h *house) together(steps ...step) map[int]int {
	h.t.Helper()
	for _, s := range steps {
		if s.As != "" {
			h.token(h.fill(s.As)) // made before, since the house keeps them without a lock
		}
	}
	var (
		wait   sync.WaitGroup
		mu     sync.Mutex
		counts = map[int]int{}
	)
	for _, s := range steps {
		wait.Go(func() {
			answer, _, _ := h.send(s)
			mu.Lock()
			defer mu.Unlock()
			counts[answer.StatusCode]++
		})
	}
	wait.Wait()
	return counts
}

func TestCON3_TwoRacingStartsGiveOneConversation(t *testing.T) {
	h := newHouse(t)
	seed(h)
	var steps []step
	for range 20 {
		steps = append(steps, step{As: "visitor:v1", Do: "POST /v1/conversations", Body: `{"widget":"shop"}`})
	}
	if n := h.together(steps...); n[http.StatusCreated] != 1 || n[http.StatusOK] != 19 {
		t.Fatalf("one is created, the others are told: %v", n)
	}
}

func TestSES2_OfRacingPicksOneWins(t *testing.T) {
	h := newHouse(t)
	seed(h)
	h.run(step{As: "visitor:v1", Do: "POST /v1/conversations", Body: `{"widget":"shop"}`, Status: 201, Save: map[string]string{"c": "conversation"}})
	pick := "POST /v1/conversations/${c}/pick"
	if n := h.together(step{As: "agent:anna", Do: pick}, step{As: "agent:bob", Do: pick}); n[http.StatusOK] != 1 || n[http.StatusConflict] != 1 {
		t.Fatalf("one wins: %v", n)
	}
	info, err := h.Log.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	h.reached(info.Head.Text(info.Store))
	held := 0
	for _, id := range []string{"anna", "bob"} {
		told := h.ask(step{As: "supervisor:sue", Do: "GET /v1/agents/" + id + "/capacity", Status: 200})
		held += int(told["held"].(float64))
	}
	if held != 30 {
		t.Errorf("the loser holds nothing: %d units are held", held)
	}
}

// A crash after the line was taken leaves a conversation that has not begun:
// the next start begins it.
func TestFlow1_TheNextStartBeginsWhatWasTaken(t *testing.T) {
	h := newHouse(t)
	seed(h)
	at, err := api.LineID(h.Keys, "visitor:v1", "shop", "main")
	if err != nil {
		t.Fatal(err)
	}
	ws, _, err := eventstore.Load(t.Context(), h.Engine, &workstream.Kind, "chat")
	if err != nil {
		t.Fatal(err)
	}
	_, err = eventstore.Do(t.Context(), h.Engine, &line.Kind, at, line.Take{Opening: domain.Opening{
		Conversation: "left", Subject: "visitor-v1", Visitor: "v1", Widget: "shop", Channel: "chat", Mode: "live", Workstream: "chat",
		Queue: "sales", Line: at, Thread: "main", Terms: ws.Terms(), At: h.Clock.Now(),
	}}, eventstore.Meta{Actor: domain.Actor{ID: "v1", Role: domain.RoleVisitor}})
	if err != nil {
		t.Fatal(err)
	}
	h.run(
		step{As: "visitor:v1", Do: "POST /v1/conversations", Body: `{"widget":"shop","text":"Still there?"}`, Status: 200, Contains: []string{`"conversation":"left"`, `"created":false`, `"state":"open"`}},
		step{As: "agent:anna", Do: "GET /v1/conversations/left/transcript", Status: 200, Contains: []string{`Still there?`}},
	)
}

func TestAPI5_ArrivalsAreBoundedByTheirAddress(t *testing.T) {
	h := newHouse(t, func(o *api.Options) { o.Limits.PublicRate, o.Limits.PublicBurst = 0.001, 3 })
	seed(h)
	for range 3 {
		h.run(browser("shop", "vt", "v"))
	}
	h.run(
		step{Do: "POST /v1/widgets/shop/visitors", Status: 429, Contains: []string{`"code":"too_many_requests"`}},
		step{Name: "who is known stays who it is", As: "${vt}", Do: "POST /v1/widgets/shop/visitors", Status: 201, Contains: []string{`"visitor":"${v}"`}},
	)
}

func TestAPI5_ArrivalsBehindAProxyAreBoundedEachAlone(t *testing.T) {
	h := newHouse(t, func(o *api.Options) {
		o.Limits.PublicRate, o.Limits.PublicBurst = 0.001, 1
		o.Limits.Proxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	})
	seed(h)
	from := func(address string, status int) step {
		return step{Do: "POST /v1/widgets/shop/visitors", Header: []string{"X-Forwarded-For", address}, Status: status}
	}
	h.run(from("203.0.113.7", 201), from("203.0.113.8", 201), from("198.51.100.1, 203.0.113.7", 429))
}

// dawdling is a log that lets others go first after it was asked for a command.
type dawdling struct{ eventstore.Log }

func (d dawdling) Read(ctx context.Context, q eventstore.Query) iter.Seq2[eventstore.Record, error] {
	return func(yield func(eventstore.Record, error) bool) {
		for r, err := range d.Log.Read(ctx, q) {
			if !yield(r, err) {
				return
			}
		}
		for range 200 {
			if q.Command != uuid.Nil {
				runtime.Gosched()
			}
		}
	}
}

// TestAPI1_RepeatsAtOnceAreAnsweredTheSame sends one command several times at the same
// moment, as a client does that lost its patience: an operation looks at what stands
// before it decides, and that is what the first of them changes.
func TestAPI1_RepeatsAtOnceAreAnsweredTheSame(t *testing.T) {
	h := newHouse(t, func(o *api.Options) { o.Engine.Log = dawdling{o.Engine.Log} })
	seed(h)
	h.run(step{As: "visitor:v1", Do: "POST /v1/conversations", Body: `{"widget":"shop"}`, Status: 201, Save: map[string]string{"c": "conversation"}})
	for turn := range 40 {
		h.run(step{As: "supervisor:sue", Do: "POST /v1/conversations/${c}/assign", Body: `{"agent":"anna"}`, Status: 200, Save: map[string]string{"hold": "hold"}})
		x := step{As: "agent:anna", Do: "POST /v1/sessions/${hold}/close", Body: `{"confirm":true}`, Key: fmt.Sprint("x", turn)}
		if n := h.together(x, x, x, x, x, x); n[http.StatusOK] != 6 {
			t.Fatalf("turn %d: %v", turn, n)
		}
	}
}
