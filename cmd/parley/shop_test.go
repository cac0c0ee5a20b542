package main

import (
	"net/http"
	"strings"
	"testing"
)

// shop is a workspace with one agent and one visitor, over HTTP.
type shop struct {
	*server
	ana, visitor client
	id           string // the visitor's
}

// furnish sets the shop up. An offer stands as long as there may be, so that no
// test is too slow for its own.
func furnish(t *testing.T, s *server) *shop {
	t.Helper()
	a := s.admin
	a.must(http.StatusOK, "PUT", "/v1/queues/sales", fields{"name": "Sales"})
	a.must(http.StatusOK, "PUT", "/v1/workstreams/chat", fields{"channel": "chat", "settings": fields{"name": "Chat", "queue": "sales", "countdown": 600}})
	a.must(http.StatusOK, "PUT", "/v1/widgets/shop", fields{"workstream": "chat", "proactive": true})
	a.must(http.StatusOK, "PUT", "/v1/agents/ana", fields{"name": "Ana"})
	a.must(http.StatusOK, "PUT", "/v1/queues/sales/members/ana", nil)
	h := &shop{server: s, ana: s.as("agent", "ana")}
	h.ana.must(http.StatusOK, "PUT", "/v1/agents/ana/presence", fields{"presence": "available"})
	h.arrive(t)
	return h
}

// arrive lets a new visitor in.
func (h *shop) arrive(t *testing.T) {
	t.Helper()
	arrived := client{t, h.url, ""}.must(http.StatusCreated, "POST", "/v1/widgets/shop/visitors", fields{"device": fields{"browser": "Firefox"}})
	h.visitor, h.id = client{t, h.url, arrived.text("token")}, arrived.text("visitor")
}

// again uses the tokens of before with a server that was started anew.
func (h *shop) again(s *server) {
	h.server, h.ana.url, h.visitor.url = s, s.url, s.url
}

// listen opens the agent's live feed, until the server or the test ends.
func (h *shop) listen(t *testing.T) {
	t.Helper()
	t.Cleanup(h.listens(t, h.ana, "ana"))
}

// listens opens an agent's live feed; what it gives closes it.
func (h *shop) listens(t *testing.T, who client, id string) (hangUp func()) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", h.url+"/v1/agents/"+id+"/feed", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+who.token)
	feed, err := http.DefaultClient.Do(r)
	if err != nil || feed.StatusCode != http.StatusOK {
		t.Fatalf("the feed does not open: %v", err)
	}
	return func() { _ = feed.Body.Close() } // its server may be gone
}

// ask starts a conversation with a first message.
func (h *shop) ask(text string) string {
	h.visitor.t.Helper()
	started := h.visitor.must(http.StatusCreated, "POST", "/v1/conversations", fields{"widget": "shop", "text": text})
	return started.text("conversation")
}

// offered waits for the offer and gives its hold. The conversation shows it before
// the agent is told, which is the last that follows from it: until then a server
// that is stopped leaves it to the next one, and what is compared differs.
func (h *shop) offered(t *testing.T, conversation string) string {
	t.Helper()
	var hold string
	eventually(t, "the conversation is offered", func() bool {
		hold = h.admin.must(http.StatusOK, "GET", "/v1/conversations/"+conversation, nil).text("offer.hold")
		return hold != ""
	})
	eventually(t, "the agent is told of the offer", func() bool {
		return h.admin.send("GET", "/v1/notifications/"+hold+"/history", nil).status == http.StatusOK
	})
	return hold
}

// engage waits for the offer and accepts it.
func (h *shop) engage(t *testing.T, conversation string) string {
	t.Helper()
	hold := h.offered(t, conversation)
	h.ana.must(http.StatusOK, "POST", "/v1/conversations/"+conversation+"/offers/"+hold+"/accept", nil).want("subState", "engaged")
	return hold
}

// close ends a conversation by its customer, and closes the session.
func (h *shop) close(conversation, hold string) {
	h.ana.t.Helper()
	h.visitor.must(http.StatusOK, "POST", "/v1/conversations/"+conversation+"/leave", nil).want("state", "wrap_up")
	h.ana.must(http.StatusOK, "POST", "/v1/sessions/"+hold+"/close", fields{"confirm": true}).want("state", "closed")
}

// talk holds a whole conversation and gives its id and hold.
func (h *shop) talk(t *testing.T, question, reply string) (conversation, hold string) {
	t.Helper()
	conversation = h.ask(question)
	hold = h.engage(t, conversation)
	h.ana.must(http.StatusCreated, "POST", "/v1/conversations/"+conversation+"/messages", fields{"text": reply})
	h.close(conversation, hold)
	return conversation, hold
}

// head is the position of the last event.
func (s *server) head() string {
	s.admin.t.Helper()
	return s.admin.must(http.StatusOK, "GET", "/v1/events?limit=1", nil).text("position")
}

// look asks a view for what shows all that is on record by now. One that has not
// got there yet in the time of a request says so, and is asked again.
func (s *server) look(c client, path string) answer {
	c.t.Helper()
	and := "?"
	if strings.Contains(path, "?") {
		and = "&"
	}
	var a answer
	path += and + "after=" + s.head()
	eventually(c.t, "the view shows what is on record", func() bool {
		a = c.send("GET", path, nil)
		return a.status != http.StatusServiceUnavailable
	})
	if a.status != http.StatusOK {
		c.t.Fatalf("GET %s: %d: %s", path, a.status, a.raw)
	}
	return a
}
