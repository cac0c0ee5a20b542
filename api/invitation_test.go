package api_test

import (
	"testing"
	"time"
)

func TestPRO5_WhoTalksAlreadyIsNotInvited(t *testing.T) {
	h := newHouse(t)
	seed(h)
	h.run(
		browser("shop", "vt", "v"),
		step{As: "service:rules", Do: "POST /v1/visitors/${v}/invitations", Body: `{"message":"May we help?"}`, Status: 201, Save: map[string]string{"i": "id"}},
		step{Name: "he asks by himself", As: "${vt}", Do: "POST /v1/conversations", Body: `{"widget":"shop","text":"Hi"}`, Status: 201, Save: map[string]string{"c": "conversation"}},
		step{As: "${vt}", Do: "GET /v1/visitors/${v}/invitation", Status: 200, Lacks: []string{`"invitation"`}},
		step{As: "${vt}", Do: "POST /v1/visitors/${v}/invitations/${i}/accept", Status: 409, Contains: []string{`"rule":"PRO-5"`}},
		step{As: "${vt}", Do: "POST /v1/visitors/${v}/invitations/${i}/dismiss", Status: 409, Contains: []string{`"code":"invitation_ended"`, `"outcome":"withdrawn"`}},
	)
}

func TestPRO5_OneInvitationOneAnswer(t *testing.T) {
	h := newHouse(t)
	seed(h)
	h.run(
		browser("app", "at", "av"),
		step{Name: "PRO-2", As: "service:rules", Do: "POST /v1/visitors/${av}/invitations", Body: `{"message":"Hi"}`, Status: 409, Contains: []string{`"code":"proactive_off"`}},
		browser("shop", "vt", "v"),
		step{As: "service:rules", Do: "POST /v1/visitors/nobody/invitations", Body: `{"message":"Hi"}`, Status: 404, Contains: []string{`"code":"visitor_unknown"`}},
		step{As: "${vt}", Do: "POST /v1/visitors/${v}/invitations", Body: `{"message":"Hi"}`, Status: 403},
		step{As: "service:rules", Do: "POST /v1/visitors/${v}/invitations", Body: `{"message":""}`, Status: 400, Contains: []string{`"field":"message"`}},
		step{As: "service:rules", Do: "POST /v1/visitors/${v}/invitations", Key: "i1", Body: `{"message":"May we help?","rule":"long-on-page","page":"https://shop.example/shoes","onPage":42}`, Status: 201, Save: map[string]string{"i": "id"}},
		step{As: "service:rules", Do: "POST /v1/visitors/${v}/invitations", Key: "i1", Body: `{"message":"May we help?","rule":"long-on-page","page":"https://shop.example/shoes","onPage":42}`, Status: 201, Contains: []string{`"id":"${i}"`}},
		step{As: "service:rules", Do: "POST /v1/visitors/${v}/invitations", Body: `{"message":"Again"}`, Status: 409, Contains: []string{`"code":"invitation_pending"`}},
		step{As: "${vt}", Do: "GET /v1/visitors/${v}/invitation", Status: 200, Contains: []string{`"message":"May we help?"`}},
		step{As: "visitor:else", Do: "GET /v1/visitors/${v}/invitation", Status: 403},
		step{As: "visitor:else", Do: "POST /v1/visitors/${v}/invitations/${i}/accept", Status: 403},
		step{As: "${vt}", Do: "POST /v1/visitors/${v}/invitations/never/accept", Status: 404, Contains: []string{`"code":"invitation_unknown"`}},
		step{As: "${vt}", Do: "POST /v1/visitors/${v}/invitations/${i}/accept", Status: 201, Contains: []string{`"created":true`, `"state":"open"`}, Save: map[string]string{"c": "conversation"}},
		step{Name: "accepted twice", As: "${vt}", Do: "POST /v1/visitors/${v}/invitations/${i}/accept", Status: 201, Contains: []string{`"conversation":"${c}"`}},
		step{As: "${vt}", Do: "POST /v1/visitors/${v}/invitations/${i}/dismiss", Status: 409, Contains: []string{`"code":"invitation_ended"`, `"outcome":"accepted"`}},
		step{Name: "PRO-8", As: "agent:anna", Do: "GET /v1/conversations/${c}/summary", Status: 200, Contains: []string{`"name":"Page"`, `"name":"TimeOnPage","value":"42"`, `"name":"Rule","value":"long-on-page"`, `"name":"Message","value":"May we help?"`}},
		step{As: "${vt}", Do: "GET /v1/visitors/${v}/invitation", Status: 200, Lacks: []string{`"invitation"`}},
		step{Name: "in a conversation", As: "service:rules", Do: "POST /v1/visitors/${v}/invitations", Body: `{"message":"Hi"}`, Status: 409, Contains: []string{`"code":"conversation_exists"`, `"conversation":"${c}"`}},
		step{As: "${vt}", Do: "POST /v1/conversations/${c}/leave", Status: 200, Contains: []string{`"reason":"abandoned"`}},
		step{As: "service:rules", Do: "POST /v1/visitors/${v}/invitations", Body: `{"message":"Back?"}`, Status: 201, Save: map[string]string{"i": "id"}},
	)
	h.Clock.Advance(time.Minute)
	h.run(
		step{As: "${vt}", Do: "POST /v1/visitors/${v}/invitations/${i}/accept", Status: 409, Contains: []string{`"code":"invitation_expired"`}},
		step{As: "service:rules", Do: "POST /v1/visitors/${v}/invitations", Body: `{"message":"Third"}`, Status: 201, Save: map[string]string{"i": "id"}},
		step{As: "${vt}", Do: "POST /v1/visitors/${v}/invitations/${i}/dismiss", Status: 200, Contains: []string{`"outcome":"dismissed"`}},
		step{As: "${vt}", Do: "POST /v1/visitors/${v}/invitations/${i}/withdraw", Status: 409, Contains: []string{`"outcome":"dismissed"`}},
	)
}
