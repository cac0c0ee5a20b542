package api_test

import "testing"

// TestAPI1_ARepeatIsAnsweredWhateverHappenedSince sends commands again, with the
// key they had, when who sent them may no longer do what they do.
func TestAPI1_ARepeatIsAnsweredWhateverHappenedSince(t *testing.T) {
	h := newHouse(t)
	seed(h)
	h.run(step{As: "visitor:v1", Do: "POST /v1/conversations", Body: `{"widget":"shop","text":"Hi"}`, Status: 201, Save: map[string]string{"c": "conversation"}})
	h.offer("${c}", "anna", "hold")
	const at = "POST /v1/conversations/${c}/"
	pick := step{Name: "picking what is offered to her", As: "agent:anna", Do: at + "pick", Key: "pick", Status: 200, Contains: []string{`"hold":"${hold}"`, `"agent":"anna"`}}
	read := step{Name: "reading", As: "agent:anna", Do: at + "read", Key: "read", Body: `{"upTo":1}`, Status: 200}
	write := step{Name: "writing", As: "agent:anna", Do: at + "messages", Key: "write", Body: `{"text":"Hello"}`, Status: 201, Contains: []string{`"number":2`}}
	ask := step{Name: "asking carol", As: "agent:anna", Do: at + "participants", Key: "ask", Body: `{"agent":"carol"}`, Status: 200}
	bulk := step{Name: "closing", As: "supervisor:sue", Do: "POST /v1/bulk", Key: "bulk", Body: `{"action":"force_close","conversations":["${c}"]}`, Status: 200}
	again := step{Name: "beginning anew", As: "visitor:v1", Do: at + "messages", Key: "anew", Body: `{"text":"One more thing"}`, Status: 201, Contains: []string{`"created":true`, `"number":1`}}

	h.run(pick, read, write)
	ask.Contains = []string{`"participant":"` + h.ask(ask)["participant"].(string) + `"`}
	h.run(
		step{As: "supervisor:sue", Do: "DELETE /v1/queues/sales/members/anna", Status: 403},
		step{As: "admin:root", Do: "DELETE /v1/queues/sales/members/anna", Status: 200},
		step{As: "agent:anna", Do: at + "release", Status: 200},
		step{As: "agent:bob", Do: at + "pick", Status: 200},
		step{Name: "it is bob's now", As: "agent:anna", Do: at + "messages", Body: `{"text":"Hello"}`, Status: 403},
	)
	bulk.Contains = []string{`"position":"` + h.ask(bulk)["position"].(string) + `"`, `"done":1`}
	again.Contains = append(again.Contains, `"conversation":"`+h.ask(again)["conversation"].(string)+`"`)

	before := h.head()
	h.run(pick, read, write, ask, bulk, again)
	if h.head() != before {
		t.Error("a repeat recorded something")
	}
}

// TestAPI1_ARepeatedArrivalMakesNoSecondVisitor: a service that heard no answer
// asks again for the browser it speaks for. A stranger's key is nobody's, or
// whoever guessed it would be given the visitor.
func TestAPI1_ARepeatedArrivalMakesNoSecondVisitor(t *testing.T) {
	h := newHouse(t)
	seed(h)
	arrive := step{As: "service:shop", Do: "POST /v1/widgets/shop/visitors", Key: "k", Body: `{"device":{"browser":"Firefox"}}`, Status: 201}
	first := h.ask(arrive)["visitor"].(string)
	before := h.head()
	arrive.Contains = []string{`"visitor":"` + first + `"`}
	h.run(arrive)
	if h.head() != before {
		t.Error("a repeat recorded something")
	}
	other := arrive
	other.Body, other.Status, other.Contains = `{"device":{"browser":"Safari"}}`, 422, []string{`"code":"idempotency_key_reused"`}
	h.run(other)
	arrive.Contains = nil
	for _, who := range []string{"service:desk", ""} {
		arrive.As = who
		one, next := h.ask(arrive)["visitor"], h.ask(arrive)["visitor"]
		if one == first || (who == "") == (one == next) {
			t.Errorf("%q is given %s, then %s", who, one, next)
		}
	}
}
