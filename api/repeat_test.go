package api_test

import (
	"testing"
	"time"

	"parley/domain/widget"
	"parley/domain/workstream"
)

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

// TestAPI1_ARepeatedStartLeadsWhereItDid: what a customer's start or message led to
// is over, or he was erased, or the widget leads elsewhere now. Who sends it again
// is told where it went, and nothing begins a second time.
func TestAPI1_ARepeatedStartLeadsWhereItDid(t *testing.T) {
	h := newHouse(t)
	seed(h)
	do(h, &workstream.Kind, "sms", workstream.Create{ID: "sms", Channel: "sms", Settings: workstream.Settings{Name: "SMS", Queue: "sales"}})
	do(h, &widget.Kind, "line", widget.Configure{ID: "line", Workstream: "sms"})
	const start, at = "POST /v1/conversations", "POST /v1/conversations/"
	over := func(id string) step {
		return step{Name: "it is over", As: "supervisor:sue", Do: at + id + "/force-close", Body: `{}`, Status: 200}
	}
	first := func(s step) step { // asks, and expects the same of each repeat
		a := h.ask(s)
		s.Contains = []string{`"conversation":"` + a["conversation"].(string) + `"`, `"position":"` + a["position"].(string) + `"`}
		if id, told := a["message"].(string); told {
			s.Contains = append(s.Contains, `"message":"`+id+`"`)
		}
		return s
	}

	h.run(step{As: "admin:root", Do: "PUT /v1/contacts/kim", Body: `{"name":"Kim","phones":["+491511111111"]}`, Status: 200})
	sms := first(step{Name: "an SMS of who is erased later", As: "service:gate", Do: start, Key: "sms", Body: `{"widget":"line","text":"Hi","sender":"+491511111111"}`, Status: 201})
	h.run(step{As: "admin:root", Do: "POST /v1/contacts/kim/erase", Status: 200})

	h.run(step{As: "visitor:v1", Do: start, Body: `{"widget":"shop"}`, Status: 201, Save: map[string]string{"c1": "conversation"}})
	found := first(step{Name: "a start that found one", As: "visitor:v1", Do: start, Key: "found", Body: `{"widget":"shop","text":"Hello?"}`, Status: 200})
	h.run(over("${c1}"))
	begun := first(step{Name: "a start that began one", As: "visitor:v1", Do: start, Key: "begun", Body: `{"widget":"shop","text":"Again"}`, Status: 201})
	went := first(step{Name: "a message to one that is over, which went to the next", As: "visitor:v1", Do: at + "${c1}/messages", Key: "went", Body: `{"text":"Are you there?"}`, Status: 201})
	h.run(step{As: "visitor:v1", Do: at + h.ask(begun)["conversation"].(string) + "/leave", Status: 200})

	h.run(step{As: "service:shop", Do: "POST /v1/widgets/shop/visitors", Body: `{}`, Status: 201, Save: map[string]string{"v": "visitor"}},
		step{As: "service:shop", Do: "POST /v1/visitors/${v}/invitations", Body: `{"message":"Help?"}`, Status: 201, Save: map[string]string{"i": "id"}})
	accepted := first(step{Name: "an invitation", As: "service:shop", Do: "POST /v1/visitors/${v}/invitations/${i}/accept", Key: "accepted", Status: 201})
	h.run(over(h.ask(accepted)["conversation"].(string)),
		step{As: "service:shop", Do: start, Body: `{"widget":"shop","visitor":"${v}"}`, Status: 201})

	for range 2 {
		before := h.head()
		h.run(sms, found, begun, went, accepted)
		if h.head() != before {
			t.Error("a repeat recorded something")
		}
		do(h, &widget.Kind, "shop", widget.Configure{ID: "shop", Workstream: "care"})
	}
}

// TestAPI1_ARepeatIsAnsweredThoughThePersonWasErased: what was recorded for a contact
// stays recorded; only his text is gone.
func TestAPI1_ARepeatIsAnsweredThoughThePersonWasErased(t *testing.T) {
	h := newHouse(t)
	seed(h)
	engaged(h)
	link := step{Name: "linking", As: "agent:anna", Do: "PUT /v1/conversations/${c}/contact", Key: "link", Body: `{"contact":"kim"}`, Status: 200}
	open := step{Name: "opening", As: "agent:anna", Do: "POST /v1/cases", Key: "open", Body: `{"contact":"kim","title":"Invoice"}`, Status: 201, Save: map[string]string{"case": "id"}}
	h.run(
		step{As: "admin:root", Do: "PUT /v1/contacts/kim", Body: `{"name":"Kim"}`, Status: 200}, link, open,
		step{As: "admin:root", Do: "POST /v1/contacts/kim/erase", Status: 200},
	)
	open.Contains = []string{`"id":"${case}"`, `"contact":"kim"`}
	before := h.head()
	h.run(link, open)
	if h.head() != before {
		t.Error("a repeat recorded something")
	}
	link.Key, open.Key = "", ""
	link.Status, open.Status = 410, 410
	link.Contains, open.Contains = nil, nil
	h.run(link, open)
}

// TestAPI1_ARepeatIsAnsweredThoughWhatItNamedIsGone: the session that was looked at is
// closed, the presence is no longer one of the organisation's, the survey is over.
func TestAPI1_ARepeatIsAnsweredThoughWhatItNamedIsGone(t *testing.T) {
	h := newHouse(t)
	seed(h)
	engaged(h)
	presences := step{As: "admin:root", Do: "PUT /v1/settings", Body: `{"presences":[{"id":"lunch","name":"Lunch","base":"away"}]}`, Status: 200}
	focus := step{Name: "looking", As: "agent:anna", Do: "PUT /v1/agents/anna/focus", Key: "focus", Body: `{"session":"${hold}"}`, Status: 200, Contains: []string{`"session":"${hold}"`}}
	lunch := step{Name: "going to lunch", As: "agent:anna", Do: "PUT /v1/agents/anna/presence", Key: "lunch", Body: `{"presence":"lunch"}`, Status: 200}
	survey := step{Name: "answering", As: "visitor:v1", Do: "POST /v1/conversations/${c}/survey", Key: "survey", Body: `{"answers":[{"question":"How?","answer":"Well"}],"score":5}`, Status: 200}
	h.run(
		presences, focus, lunch,
		step{As: "agent:anna", Do: "POST /v1/conversations/${c}/end", Status: 200},
		survey,
		step{As: "agent:anna", Do: "POST /v1/sessions/${hold}/close", Body: `{"confirm":true}`, Status: 200},
	)
	presences.Body = `{"presences":[]}`
	h.run(presences)
	h.Clock.Advance(8 * 24 * time.Hour)
	h.tokens = map[string]string{} // those of before have expired
	before := h.head()
	h.run(focus, lunch, survey)
	if h.head() != before {
		t.Error("a repeat recorded something")
	}
	for _, one := range []*step{&focus, &lunch, &survey} {
		one.Key, one.Contains = "", nil
	}
	focus.Status, lunch.Status, survey.Status = 409, 400, 409
	h.run(focus, lunch, survey)
}

// TestCON2_AResendGoesWhereTheMessageWent: the conversation it was sent to was over, the
// next one got it, and is over when the client, which heard no answer, sends it again.
func TestCON2_AResendGoesWhereTheMessageWent(t *testing.T) {
	h := newHouse(t)
	seed(h)
	const start, at = "POST /v1/conversations", "POST /v1/conversations/"
	over := step{As: "supervisor:sue", Body: `{}`, Status: 200}
	begin := step{As: "visitor:v1", Do: start, Body: `{"widget":"shop"}`, Status: 201, Save: map[string]string{"c1": "conversation"}}
	h.run(begin)
	over.Do = at + "${c1}/force-close"
	begin.Save = map[string]string{"c2": "conversation"}
	h.run(over, begin)
	send := step{As: "visitor:v1", Do: at + "${c1}/messages", Body: `{"text":"Are you there?","clientMessageId":"m-1"}`, Status: 201,
		Contains: []string{`"conversation":"${c2}"`, `"created":false`}}
	over.Do = at + "${c2}/force-close"
	h.run(send, over)
	before := h.head()
	h.run(send)
	if h.head() != before {
		t.Error("a resend recorded something")
	}
	send.Body = `{"text":"Hello?","clientMessageId":"m-2"}`
	send.Contains = []string{`"created":true`, `"number":1`}
	h.run(send)
}
