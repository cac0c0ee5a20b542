package api_test

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"parley/api"
	"parley/domain"
	"parley/domain/agent"
	"parley/domain/conversation"
	"parley/domain/visitor"
	"parley/eventstore"
)

// withFeeds wires the live feeds into a house.
func withFeeds(o *api.Options) {
	(&api.LiveFeeds{Engine: o.Engine, Views: o.Views, Run: "run1"}).Wire(o)
}

// told is one event of a feed.
type told struct {
	name string
	data map[string]any
	text string
}

// listener is an open feed.
type listener struct {
	h      *house
	events chan told
	close  func()
	status int
}

// listen opens a feed.
func (h *house) listen(as, url string) *listener {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, h.URL+url, nil)
	if err != nil {
		h.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+h.token(as))
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		h.t.Fatal(err)
	}
	l := &listener{h: h, events: make(chan told, 1000), status: answer.StatusCode}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer close(l.events)
		lines := bufio.NewScanner(answer.Body)
		name := ""
		for lines.Scan() {
			if text, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
				name = text
			}
			if text, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				var data map[string]any
				if json.Unmarshal([]byte(text), &data) == nil {
					l.events <- told{name, data, text}
				}
			}
		}
	}()
	l.close = func() {
		cancel()
		<-done
		_ = answer.Body.Close() // cut off above
	}
	h.t.Cleanup(l.close)
	return l
}

// until reads on until an event of a name comes, and gives all that came.
func (l *listener) until(name string) []told {
	l.h.t.Helper()
	var all []told
	limit := time.After(patience)
	for {
		select {
		case e, ok := <-l.events:
			if !ok {
				l.h.t.Fatalf("the feed ended before %s: %v", name, all)
			}
			if all = append(all, e); e.name == name {
				return all
			}
		case <-limit:
			l.h.t.Fatalf("no %s: %v", name, all)
		}
	}
}

func names(all []told) []string {
	var n []string
	for _, e := range all {
		n = append(n, e.name)
	}
	return n
}

func TestAPI3_EverybodyIsToldWhatIsForThem(t *testing.T) {
	h := newHouse(t, withFeeds)
	talking(h)
	anna := h.listen("agent:anna", "/v1/agents/anna/feed")
	desk := h.listen("agent:anna", "/v1/conversations/c1/feed")
	customer := h.listen("visitor:v1", "/v1/conversations/c1/feed")
	own := h.listen("visitor:v1", "/v1/visitors/v1/feed")
	all := h.listen("service:crm", "/v1/feed")

	h.run(step{As: "agent:anna", Do: "POST /v1/conversations/c1/typing", Status: 204})
	for _, l := range []*listener{customer, own} { // whichever of the two a widget follows
		if e := l.until("typing"); len(e) != 1 || e[0].data["side"] != "agent" || strings.Contains(e[0].text, "anna") {
			t.Errorf("the customer was told %v", e)
		}
	}
	desk.until("typing")

	by := domain.Actor{ID: "anna", Role: domain.RoleAgent}
	do(h, &conversation.Kind, "c1", conversation.Note{ID: "n2", Text: "do not tell", By: by})
	do(h, &conversation.Kind, "c1", conversation.Send{ID: "m2", Text: "good day", By: by, At: h.Clock.Now()})
	do(h, &visitor.Kind, "v1", visitor.Invite{ID: "i1", Rule: "secret rule", Message: "Need help?", At: h.Clock.Now()})
	do(h, &conversation.Kind, "c1", conversation.End{Agent: "anna", At: h.Clock.Now()})

	seen := desk.until("conversation.ended")
	if !slices.Equal(names(seen), []string{"conversation.noted", "conversation.message_sent", "conversation.ended"}) || seen[0].data["text"] != "do not tell" || seen[0].data["v"] != 1.0 {
		t.Errorf("the desk was told %v", seen)
	}
	seen = customer.until("conversation.ended")
	if !slices.Equal(names(seen), []string{"conversation.message_sent", "conversation.ended"}) || seen[0].data["text"] != "good day" || seen[0].data["side"] != "agent" {
		t.Errorf("the customer was told %v", seen)
	}
	for _, e := range seen {
		if strings.Contains(e.text, "anna") || strings.Contains(e.text, "reason") || strings.Contains(e.text, "h1") {
			t.Errorf("the customer was told too much: %s", e.text)
		}
	}
	seen = own.until("visitor.invited")
	if len(seen) != 1 || seen[0].data["message"] != "Need help?" || strings.Contains(seen[0].text, "secret rule") {
		t.Errorf("the visitor was told %v", seen)
	}
	mine := names(anna.until("conversation.ended"))
	if slices.Contains(mine, "conversation.noted") || !slices.Contains(mine, "conversation.message_sent") {
		t.Errorf("anna was told %v", mine)
	}
	everything := names(all.until("conversation.ended"))
	for _, name := range []string{"conversation.noted", "conversation.message_sent", "visitor.invited"} {
		if !slices.Contains(everything, name) {
			t.Errorf("integrators were not told of %s: %v", name, everything)
		}
	}
}

func TestAPI5_WhoMayListen(t *testing.T) {
	h := newHouse(t, withFeeds)
	talking(h)
	h.run(step{As: "admin:root", Do: "PUT /v1/agents/bob", Body: `{"name":"Bob"}`, Status: 200})
	refused := func(as, url string, status int) {
		t.Helper()
		h.run(step{As: as, Do: "GET " + url, Status: status})
	}
	refused("agent:bob", "/v1/conversations/c1/feed", 403)
	refused("agent:bob", "/v1/agents/anna/feed", 403)
	refused("visitor:v2", "/v1/conversations/c1/feed", 403)
	refused("visitor:v2", "/v1/visitors/v1/feed", 403)
	refused("agent:anna", "/v1/visitors/v1/feed", 403)
	refused("agent:anna", "/v1/feed", 403)
	refused("visitor:v1", "/v1/agents/anna/feed", 403)
	refused("agent:anna", "/v1/conversations/none/feed", 404)
	refused("visitor:v1", "/v1/conversations/none/feed", 403)
	refused("agent:ghost", "/v1/agents/ghost/feed", 404)
	h.run(step{As: "admin:root", Do: "PUT /v1/queues/sales/members/bob", Status: 200})
	for _, who := range []string{"agent:bob", "supervisor:sue", "auditor:eve"} {
		if l := h.listen(who, "/v1/conversations/c1/feed"); l.status != 200 {
			t.Errorf("%s may not listen: %d", who, l.status)
		}
	}
	do(h, &conversation.Kind, "c1", conversation.ForceClose{Reason: conversation.ReasonSupervisorClosed})
	refused("visitor:v1", "/v1/conversations/c1/feed", 403)
}

func TestAGT4_AnAgentIsConnectedWhileAFeedIsOpen(t *testing.T) {
	h := newHouse(t, withFeeds)
	configured(h)
	feeds := func() map[string]string {
		a, _, err := eventstore.Load(context.Background(), h.Engine, &agent.Kind, "anna")
		h.check(err)
		return a.Feeds
	}
	watcher := h.listen("supervisor:sue", "/v1/agents/anna/feed")
	if len(feeds()) != 0 {
		t.Error("a supervisor who watches connects the agent")
	}
	phone, desktop := h.listen("agent:anna", "/v1/agents/anna/feed"), h.listen("agent:anna", "/v1/agents/anna/feed")
	watcher.until("agent.connected")
	watcher.until("agent.connected")
	if f := feeds(); len(f) != 2 || slices.ContainsFunc(mapValues(f), func(run string) bool { return run != "run1" }) {
		t.Errorf("feeds: %v", f)
	}
	phone.close()
	if last := watcher.until("agent.disconnected"); last[len(last)-1].data["last"] != false {
		t.Error(last)
	}
	desktop.close()
	if last := watcher.until("agent.disconnected"); last[len(last)-1].data["last"] != true {
		t.Error(last)
	}
	if f := feeds(); len(f) != 0 {
		t.Errorf("feeds: %v", f)
	}
	h.run(
		step{As: "admin:root", Do: "POST /v1/agents/anna/disable", Status: 200},
		step{As: "agent:anna", Do: "GET /v1/agents/anna/feed", Status: 403, Contains: []string{`"code":"disabled"`}},
	)
}

func mapValues(m map[string]string) []string {
	var all []string
	for _, v := range m {
		all = append(all, v)
	}
	return all
}

// unshaped are the events without a public shape beside what streams carry
// forward.
var unshaped = []string{"line.taken"}

func TestEveryEventHasAPublicShapeOrNoneOnPurpose(t *testing.T) {
	h := newHouse(t)
	public := api.PublicOf(h.Engine.Codec, nil)
	for _, name := range h.Engine.Codec.Kinds.Names() {
		kind, _, _ := strings.Cut(name, ".")
		r := eventstore.Record{Name: name, Stream: kind + "-x", Data: []byte(`{}`), Subject: "visitor-x", HappenedAt: time.Now()}
		fact, err := h.Engine.Codec.Fact(r)
		if err != nil {
			t.Fatal(err)
		}
		none := strings.HasSuffix(name, ".carried_forward") || slices.Contains(unshaped, name)
		keys := api.AudienceOf(fact)
		shown, body, ok := public(context.Background(), "all", r)
		if ok == none || ok != slices.Contains(keys, api.Everyone) {
			t.Errorf("%s: shape %v, audience %v: decide whether it has a public shape", name, ok, keys)
		}
		if !ok {
			continue
		}
		text, err := json.Marshal(body)
		if err != nil || shown != name || !strings.Contains(string(text), `"v":1`) {
			t.Errorf("%s: %s %s %v", name, shown, text, err)
		}
		_, _, told := public(context.Background(), "customer", r)
		customers := slices.ContainsFunc(keys, func(k string) bool { return strings.HasPrefix(k, "customer:") || strings.HasPrefix(k, "visitor:") })
		if told != customers {
			t.Errorf("%s: a customer is told %v, and addressed %v", name, told, customers)
		}
		if told && slices.Contains([]string{"conversation.noted", "conversation.offered", "conversation.passed_over", "conversation.looked_up"}, name) {
			t.Errorf("a customer is told of %s", name)
		}
	}
}
