package api_test

import "testing"

// TestCON1_AWholeLiveChat goes from the first page to wrap-up closed.
func TestCON1_AWholeLiveChat(t *testing.T) {
	h := newHouse(t)
	seed(h)
	h.run(
		browser("shop", "vt", "v"),
		step{As: "${vt}", Do: "POST /v1/visitors/${v}/actions", Body: `{"type":"page_visited","id":"a1","url":"https://shop.example/shoes","title":"Shoes"}`, Status: 201},
		step{As: "${vt}", Do: "POST /v1/visitors/${v}/actions", Body: `{"type":"phrase_searched","phrase":"red shoes"}`, Status: 201},
		step{As: "${vt}", Do: "POST /v1/conversations", Key: "start-1", Body: `{"widget":"shop","text":"Hello, are these red?","survey":[{"question":"Name?","answer":"Ada"}],"context":[{"name":"Cart","value":"3","displayable":true}]}`,
			Status: 201, Contains: []string{`"created":true`, `"state":"open"`}, Lacks: []string{`"token"`}, Save: map[string]string{"c": "conversation"}},
		step{Name: "the same key is answered as it was", As: "${vt}", Do: "POST /v1/conversations", Key: "start-1", Body: `{"widget":"shop","text":"Hello, are these red?","survey":[{"question":"Name?","answer":"Ada"}],"context":[{"name":"Cart","value":"3","displayable":true}]}`,
			Status: 201, Contains: []string{`"created":true`, `"conversation":"${c}"`}},
		step{Name: "CON-3 a second start", As: "${vt}", Do: "POST /v1/conversations", Body: `{"widget":"shop"}`, Status: 200, Contains: []string{`"created":false`, `"conversation":"${c}"`}},
		step{As: "agent:anna", Do: "GET /v1/conversations?queue=sales", Status: 200, Contains: []string{`"conversation":"${c}"`, `"state":"open"`, `"comment":"Hello, are these red?"`}},
		step{As: "agent:carol", Do: "GET /v1/conversations", Status: 200, Contains: []string{`"conversations":[]`}},
		step{As: "agent:anna", Do: "GET /v1/agents/anna/work-items/open", Status: 200, Contains: []string{`"conversation":"${c}"`}},
	)
	h.offer("${c}", "anna", "hold")
	h.run(
		step{As: "agent:anna", Do: "GET /v1/agents/anna/notifications", Status: 200, Contains: []string{`"hold":"${hold}"`, `"form":"alert"`, `"standing":true`, `"comment":"Hello, are these red?"`}},
		step{As: "agent:anna", Do: "POST /v1/agents/anna/notifications/${hold}/delivered", Body: `{"device":"phone"}`, Status: 200},
		step{As: "agent:anna", Do: "POST /v1/agents/anna/notifications/${hold}/displayed", Body: `{"device":"phone"}`, Status: 200},
		step{As: "agent:bob", Do: "POST /v1/conversations/${c}/pick", Body: `{}`, Status: 409, Contains: []string{`"code":"offered_elsewhere"`}},
		step{As: "agent:bob", Do: "POST /v1/conversations/${c}/offers/${hold}/accept", Status: 409, Contains: []string{`"code":"offered_elsewhere"`}},
		step{As: "agent:anna", Do: "GET /v1/conversations/${c}", Status: 200, Contains: []string{`"subState":"offered"`, `"delivered":true`}},
		step{As: "agent:anna", Do: "POST /v1/conversations/${c}/offers/${hold}/accept", Key: "acc", Status: 200, Contains: []string{`"subState":"engaged"`, `"agent":"anna"`}},
		step{As: "agent:anna", Do: "POST /v1/conversations/${c}/offers/${hold}/accept", Key: "acc", Status: 200},
		step{As: "agent:anna", Do: "GET /v1/agents/anna/capacity", Status: 200, Contains: []string{`"held":30`, `"free":70`, `"sessions":1`, `"presence":"busy"`}},
		step{As: "${vt}", Do: "POST /v1/conversations/${c}/messages", Body: `{"text":"Anybody?"}`, Status: 201},
		step{As: "agent:anna", Do: "GET /v1/agents/anna/sessions", Status: 200, Contains: []string{`"session":"home"`, `"session":"${hold}"`, `"unread":1`, `"badge":"1"`, `Visitor 1. 1 new updates in your conversation.`}},
		step{As: "agent:anna", Do: "PUT /v1/agents/anna/focus", Body: `{"session":"${hold}"}`, Status: 200},
		step{As: "agent:anna", Do: "GET /v1/agents/anna/sessions", Status: 200, Contains: []string{`"unread":0`}, Lacks: []string{`"badge"`}},
		step{As: "agent:anna", Do: "POST /v1/conversations/${c}/messages", Body: `{"clientMessageId":"m1","text":"Yes, they are."}`, Status: 201, Contains: []string{`"number":3`}},
		step{Name: "a resend", As: "agent:anna", Do: "POST /v1/conversations/${c}/messages", Body: `{"clientMessageId":"m1","text":"Yes, they are."}`, Status: 201, Lacks: []string{`"number"`}},
		step{As: "agent:bob", Do: "POST /v1/conversations/${c}/messages", Body: `{"text":"Me too"}`, Status: 403, Contains: []string{`"code":"not_yours"`}},
		step{As: "${vt}", Do: "POST /v1/conversations/${c}/messages", Body: `{"clientMessageId":"m2","text":"Fine!"}`, Status: 201, Contains: []string{`"number":4`, `"created":false`}},
		step{As: "${vt}", Do: "POST /v1/conversations/${c}/read", Body: `{"upTo":3}`, Status: 200},
		step{As: "agent:anna", Do: "POST /v1/conversations/${c}/read", Body: `{"upTo":9}`, Status: 400, Contains: []string{`"field":"upTo"`}},
		step{As: "agent:anna", Do: "POST /v1/conversations/${c}/notes", Body: `{"text":"Likes red."}`, Status: 201},
		step{As: "agent:anna", Do: "POST /v1/conversations/${c}/typing", Status: 204},
		step{As: "agent:anna", Do: "GET /v1/conversations/${c}/transcript", Status: 200, Contains: []string{`Likes red.`, `Yes, they are.`, `Fine!`}},
		step{As: "${vt}", Do: "GET /v1/conversations/${c}/transcript", Status: 200, Contains: []string{`Yes, they are.`}, Lacks: []string{`Likes red.`, `anna`}},
		step{As: "visitor:else", Do: "GET /v1/conversations/${c}/transcript", Status: 403},
		step{As: "agent:carol", Do: "GET /v1/conversations/${c}/transcript", Status: 403},
		step{As: "agent:anna", Do: "GET /v1/conversations/${c}/self-service", Status: 200, Contains: []string{`red shoes`, `"type":"page_visited"`}},
		step{As: "agent:anna", Do: "GET /v1/conversations/${c}/summary", Status: 200, Contains: []string{`"browser":"Firefox 132"`, `"answer":"Ada"`, `"name":"Cart"`, `"queue":"sales"`}},
		step{As: "agent:anna", Do: "GET /v1/conversations/${c}/timeline", Status: 200, Contains: []string{`Likes red.`}},
		step{As: "agent:anna", Do: "GET /v1/visitors/${v}/timeline", Status: 200, Contains: []string{`"conversation":"${c}"`}},
		step{As: "agent:anna", Do: "POST /v1/sessions/${hold}/close", Status: 200, Contains: []string{`"confirmed":false`, `"state":"open"`, `"unitsFreed":30`, `"endOffered":true`}},
		step{As: "${vt}", Do: "POST /v1/conversations/${c}/leave", Key: "bye", Status: 200, Contains: []string{`"state":"wrap_up"`, `"reason":"customer_ended"`}},
		step{As: "${vt}", Do: "POST /v1/conversations/${c}/leave", Key: "bye", Status: 200},
		step{As: "agent:anna", Do: "POST /v1/conversations/${c}/messages", Body: `{"text":"Wait"}`, Status: 409, Contains: []string{`"code":"not_engaged"`}},
		step{As: "agent:anna", Do: "POST /v1/sessions/${hold}/close", Key: "x", Body: `{"confirm":true,"disposition":["sold"]}`, Status: 200, Contains: []string{`"state":"closed"`, `"unitsFreed":30`}},
		step{Name: "SES-7 the same again is answered the same", As: "agent:anna", Do: "POST /v1/sessions/${hold}/close", Key: "x", Body: `{"confirm":true,"disposition":["sold"]}`, Status: 200, Contains: []string{`"state":"closed"`, `"unitsFreed":30`}},
		step{As: "agent:anna", Do: "POST /v1/sessions/${hold}/close", Body: `{"confirm":true}`, Status: 409, Contains: []string{`"code":"session_closed"`}},
		step{As: "agent:anna", Do: "GET /v1/agents/anna/capacity", Status: 200, Contains: []string{`"held":0`, `"sessions":0`}},
		step{As: "agent:anna", Do: "GET /v1/agents/anna/work-items/closed", Status: 200, Contains: []string{`"conversation":"${c}"`}},
		step{As: "${vt}", Do: "GET /v1/conversations/${c}/transcript", Status: 403},
		step{As: "${vt}", Do: "POST /v1/conversations/${c}/survey", Body: `{"answers":[{"question":"Happy?","answer":"Yes"}],"score":5}`, Status: 200},
		step{Name: "CON-2 a message to what is over begins anew", As: "${vt}", Do: "POST /v1/conversations/${c}/messages", Body: `{"clientMessageId":"m3","text":"One more thing"}`, Status: 201,
			Contains: []string{`"created":true`, `"state":"open"`, `"number":1`}, Save: map[string]string{"c2": "conversation"}},
		step{Name: "and its resend goes there as well", As: "${vt}", Do: "POST /v1/conversations/${c}/messages", Body: `{"clientMessageId":"m3","text":"One more thing"}`, Status: 201, Contains: []string{`"conversation":"${c2}"`, `"created":false`}},
		step{As: "${vt}", Do: "POST /v1/conversations/${c2}/leave", Status: 200, Contains: []string{`"state":"closed"`, `"reason":"abandoned"`}},
		step{As: "${vt}", Do: "POST /v1/conversations/${c2}/survey", Body: `{"answers":[{"question":"Happy?","answer":"Yes"}]}`, Status: 409, Contains: []string{`"code":"survey_over"`}},
	)
}
