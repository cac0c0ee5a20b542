package api_test

import (
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"parley/domain"
	"parley/domain/conversation"
	"parley/domain/notification"
	"parley/eventstore"
)

func TestNOT6_TheLedgerTellsEachApart(t *testing.T) {
	h := newHouse(t)
	seed(h)
	h.run(step{As: "visitor:v1", Do: "POST /v1/conversations", Body: `{"widget":"shop"}`, Status: 201, Save: map[string]string{"c": "conversation"}})
	const ledger = "GET /v1/conversations/${c}/notifications"
	h.offer("${c}", "anna", "one")
	h.run(
		step{As: "agent:anna", Do: ledger, Status: 200, Contains: []string{`"state":"raised"`}, Lacks: []string{`"delivered":`, `"displayed":`}},
		step{As: "agent:anna", Do: "POST /v1/agents/anna/notifications/${one}/delivered", Body: `{"device":"desk"}`, Status: 200},
		step{As: "agent:anna", Do: ledger, Status: 200, Contains: []string{`"state":"delivered"`, `"devices":["desk"]`}, Lacks: []string{`"displayed":`}},
		step{As: "agent:anna", Do: "POST /v1/agents/anna/notifications/${one}/displayed", Body: `{"device":"phone"}`, Status: 200},
		step{As: "agent:anna", Do: ledger, Status: 200, Contains: []string{`"state":"displayed"`, `"devices":["desk","phone"]`}},
		step{As: "agent:anna", Do: "POST /v1/conversations/${c}/offers/${one}/reject", Status: 200},
	)
	h.offer("${c}", "bob", "two")
	h.Clock.Advance(121 * time.Second)
	do(h, &conversation.Kind, h.fill("${c}"), conversation.Expire{Hold: h.vars["two"], At: h.Clock.Now()})
	h.run(
		step{Name: "rejected, and never seen: not ignored", As: "agent:anna", Do: ledger, Status: 200,
			Contains: []string{`"state":"rejected"`, `"state":"expired"`, `"seen":true`, `"seen":false`}, Lacks: []string{`"standing":true`}},
		step{As: "agent:bob", Do: "GET /v1/agents/bob/notifications?outcome=expired", Status: 200, Contains: []string{`"hold":"${two}"`}},
		step{As: "agent:bob", Do: "GET /v1/agents/bob/notifications?outcome=rejected", Status: 200, Contains: []string{`"notifications":[]`}},
		step{Name: "it is open at once, and no decline", As: "agent:anna", Do: "GET /v1/conversations/${c}", Status: 200, Contains: []string{`"state":"open"`}},
		step{As: "agent:anna", Do: "GET /v1/conversations/${c}/history", Status: 200, Contains: []string{`never delivered to a device`, `rejected the offer`}},
		step{As: "supervisor:sue", Do: "GET /v1/notifications/${two}/history", Status: 200, Contains: []string{`Expired, never seen by agent bob`}},
	)
}

// Several devices answer while the countdown ends and a supervisor takes the
// offer back: one outcome wins, and all sides are told the same.
func TestNOT8_OneOfTheRacingAnswersWins(t *testing.T) {
	h := newHouse(t)
	seed(h)
	wins := map[string]int{}
	for i := range 25 {
		h.vars["v"] = "r" + strconv.Itoa(i)
		h.run(step{As: "visitor:${v}", Do: "POST /v1/conversations", Body: `{"widget":"shop"}`, Status: 201, Save: map[string]string{"c": "conversation"}})
		h.offer("${c}", "anna", "o")
		id, hold, deadline := h.fill("${c}"), h.vars["o"], h.Clock.Now().Add(time.Hour)
		var wait sync.WaitGroup
		answers := make([]*http.Response, 4)
		begin := make(chan struct{})
		h.token("agent:anna")
		for n, what := range []string{"accept", "accept", "reject", "accept"} {
			wait.Go(func() {
				<-begin
				answers[n], _, _ = h.send(step{As: "agent:anna", Do: "POST /v1/conversations/${c}/offers/${o}/" + what})
			})
		}
		command := func(cmd domain.Command[conversation.Conversation, conversation.Event]) {
			wait.Go(func() {
				<-begin
				if _, err := eventstore.Act(t.Context(), h.Engine, &conversation.Kind, id, cmd, eventstore.Meta{Actor: domain.Actor{ID: "timers", Role: domain.RoleSystem}}); err != nil {
					t.Error(err)
				}
			})
		}
		command(conversation.Expire{Hold: hold, At: deadline})
		command(conversation.Withdraw{Hold: hold, Why: "device_lost"})
		close(begin)
		wait.Wait()

		ended := map[string]int{}
		for r, err := range h.Log.Read(t.Context(), eventstore.Query{Stream: conversation.Kind.Stream(id)}) {
			if err != nil {
				t.Fatal(err)
			}
			event, err := h.Engine.Codec.Decode(r)
			if err != nil {
				t.Fatal(err)
			}
			switch e := event.(type) {
			case conversation.Engaged:
				ended["accepted"]++
			case conversation.OfferEnded:
				ended[e.Outcome]++
			}
		}
		n, _, err := eventstore.Load(t.Context(), h.Engine, &notification.Kind, hold)
		if err != nil {
			t.Fatal(err)
		}
		if len(ended) != 1 || ended[n.Outcome] != 1 {
			t.Fatalf("one outcome wins and the notification tells it: %v, %q", ended, n.Outcome)
		}
		for k, a := range answers {
			won := n.Outcome == map[bool]string{true: "rejected", false: "accepted"}[k == 2]
			if want := map[bool]int{true: http.StatusOK, false: http.StatusConflict}[won]; a.StatusCode != want {
				t.Errorf("%s: device %d was told %d", n.Outcome, k, a.StatusCode)
			}
		}
		wins[n.Outcome]++
		if n.Outcome == "accepted" {
			h.run(step{As: "supervisor:sue", Do: "POST /v1/conversations/${c}/force-close", Body: `{}`, Status: 200})
		}
	}
	t.Logf("won: %v", wins)
}

// Toasts tell, and ask for nothing: a transfer that came to nothing, a force
// close, a customer who is back at the widget.
func TestNOT3_ToastsTell(t *testing.T) {
	h := newHouse(t)
	seed(h)
	engaged(h)
	h.run(
		step{As: "agent:anna", Do: "POST /v1/conversations/${c}/transfer", Body: `{"agent":"bob"}`, Status: 200, Save: map[string]string{"o": "offer.hold"}},
		step{As: "agent:bob", Do: "POST /v1/conversations/${c}/offers/${o}/reject", Status: 200},
		step{Name: "the former stays and is told", As: "agent:anna", Do: "GET /v1/agents/anna/notifications", Status: 200,
			Contains: []string{`"scenario":"transfer_failed"`, `"form":"toast"`, `"showSeconds":8`, `"session":"${hold}"`}, Lacks: []string{`"standing":true`}},
		step{As: "supervisor:sue", Do: "POST /v1/conversations/${c}/force-close", Body: `{}`, Status: 200},
		step{As: "agent:anna", Do: "GET /v1/agents/anna/notifications", Status: 200, Contains: []string{`"scenario":"closed_by_supervisor"`}},
		step{Name: "nobody else is", As: "agent:bob", Do: "GET /v1/agents/bob/notifications", Status: 200, Lacks: []string{`"form":"toast"`}},
	)
}

func TestPER8_OpeningTheWidgetTellsTheAgentOfBefore(t *testing.T) {
	h := newHouse(t)
	seed(h)
	open := step{As: "visitor:v1", Do: "POST /v1/conversations", Body: `{"widget":"app","customerToken":"${customer}"}`}
	first := open
	first.Status, first.Save = 201, map[string]string{"c": "conversation"}
	back := open
	back.Status, back.Contains = 200, []string{`"state":"waiting"`, `"created":false`}
	h.run(
		first,
		step{As: "agent:anna", Do: "POST /v1/conversations/${c}/pick", Status: 200, Save: map[string]string{"hold": "hold"}},
		step{As: "agent:anna", Do: "POST /v1/sessions/${hold}/close", Body: `{"confirm":true}`, Status: 200, Contains: []string{`"state":"waiting"`}},
		back, back,
		step{As: "agent:anna", Do: "GET /v1/agents/anna/notifications", Status: 200, Contains: []string{`"scenario":"customer_present"`, `"form":"toast"`}},
		step{Name: "the state is as it was", As: "agent:anna", Do: "GET /v1/conversations/${c}", Status: 200, Contains: []string{`"state":"waiting"`}},
	)
	told := 0
	for r, err := range h.Log.Read(t.Context(), eventstore.Query{Stream: conversation.Kind.Stream(h.vars["c"])}) {
		if err != nil {
			t.Fatal(err)
		}
		if r.Name == "conversation.customer_present" {
			told++
		}
	}
	if told != 1 {
		t.Errorf("she is told %d times", told)
	}
}
