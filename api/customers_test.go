package api_test

import (
	"bytes"
	"context"
	"testing"

	"parley/domain"
	"parley/domain/contact"
	"parley/domain/conversation"
	"parley/domain/line"
	"parley/domain/visitor"
	"parley/eventstore"
)

func TestSUM3_ContactsAreRecorded(t *testing.T) {
	h := newHouse(t)
	h.run(
		step{As: "agent:anna", Do: "GET /v1/contacts/ada", Status: 404, Contains: []string{`"code":"contact_unknown"`}},
		step{As: "agent:anna", Do: "PUT /v1/contacts/ada", Body: `{"name":"Ada Lovelace","email":"ada@example.org","phones":["+441"],"location":"London"}`, Status: 200,
			Contains: []string{`"name":"Ada Lovelace"`, `"erased":false`}},
		step{As: "agent:anna", Do: "GET /v1/contacts/ada", Status: 200, Contains: []string{`"email":"ada@example.org"`, `"phones":["+441"]`, `"location":"London"`}},
	)
	before := h.head()
	h.run(step{As: "service:crm", Do: "PUT /v1/contacts/ada", Body: `{"name":"Ada Lovelace","email":"ada@example.org","phones":["+441"],"location":"London"}`, Status: 200})
	if h.head() != before {
		t.Error("the same details twice are news")
	}
	h.run(
		step{As: "agent:anna", Do: "PUT /v1/contacts/ada", Body: `{"name":"Ada King"}`, Status: 200, Contains: []string{`"name":"Ada King"`}, Lacks: []string{"ada@example.org"}},
		step{As: "agent:anna", Do: "GET /v1/contacts", Status: 200, Contains: []string{`"name":"Ada King"`}},
		step{As: "agent:anna", Do: "POST /v1/contacts/ada/notes", Key: "n", Body: `{"text":"likes engines"}`, Status: 201, Save: map[string]string{"note": "id"}},
		step{As: "agent:anna", Do: "POST /v1/contacts/ada/notes", Key: "n", Body: `{"text":"likes engines"}`, Status: 201, Contains: []string{`"id":"${note}"`}},
		step{As: "agent:anna", Do: "POST /v1/contacts/ada/activities", Body: `{"form":"call","title":"Called back","text":"no answer"}`, Status: 201},
		step{As: "agent:anna", Do: "POST /v1/contacts/ada/activities", Body: `{"form":"fax","title":"x"}`, Status: 400, Contains: []string{`"field":"form"`}},
		step{As: "agent:anna", Do: "POST /v1/contacts/nobody/notes", Body: `{"text":"x"}`, Status: 404},
		step{As: "agent:anna", Do: "POST /v1/contacts/ada/notes", Body: `{"text":""}`, Status: 400},
		step{As: "visitor:v1", Do: "GET /v1/contacts/ada", Status: 403},
		step{As: "auditor:eve", Do: "PUT /v1/contacts/ada", Body: `{"name":"x"}`, Status: 403},
	)
	if clear := h.inClear("Ada King", "likes engines"); clear != "" {
		t.Errorf("%q lies in the log in the clear", clear)
	}
}

// inClear finds a text that the log holds unsealed.
func (h *house) inClear(texts ...string) string {
	h.t.Helper()
	for r, err := range h.Log.Read(context.Background(), eventstore.Query{}) {
		if err != nil {
			h.t.Fatal(err)
		}
		for _, text := range texts {
			if bytes.Contains(r.Data, []byte(text)) {
				return text
			}
		}
	}
	return ""
}

func TestSUM8_CasesAreOpenedAndResolved(t *testing.T) {
	h := newHouse(t)
	h.run(
		step{As: "agent:anna", Do: "POST /v1/cases", Body: `{"contact":"ada","title":"Broken"}`, Status: 404, Contains: []string{`"code":"contact_unknown"`, `"field":"contact"`}},
		step{As: "agent:anna", Do: "PUT /v1/contacts/ada", Body: `{"name":"Ada"}`, Status: 200},
		step{As: "agent:anna", Do: "POST /v1/cases", Key: "k", Body: `{"contact":"ada","title":"Broken","number":"C-1","description":"It hums"}`, Status: 201,
			Contains: []string{`"status":"active"`, `"title":"Broken"`}, Save: map[string]string{"case": "id"}},
		step{As: "agent:anna", Do: "POST /v1/cases", Key: "k", Body: `{"contact":"ada","title":"Broken","number":"C-1","description":"It hums"}`, Status: 201, Contains: []string{`"id":"${case}"`}},
		step{As: "agent:anna", Do: "GET /v1/cases/${case}", Status: 200, Contains: []string{`"number":"C-1"`, `"description":"It hums"`}},
		step{As: "agent:anna", Do: "POST /v1/cases/${case}/notes", Body: `{"text":"ordered a part"}`, Status: 201},
		step{As: "agent:anna", Do: "PUT /v1/cases/${case}/status", Body: `{"status":"resolved"}`, Status: 200, Contains: []string{`"status":"resolved"`, `"modified":`}},
		step{As: "agent:anna", Do: "PUT /v1/cases/${case}/status", Body: `{"status":"lost"}`, Status: 400, Contains: []string{`"field":"status"`}},
		step{As: "agent:anna", Do: "POST /v1/cases", Body: `{"contact":"ada","title":"Second"}`, Status: 201},
		step{As: "agent:anna", Do: "GET /v1/contacts/ada/cases?limit=1", Status: 200, Contains: []string{`"title":"Second"`}, Lacks: []string{`"title":"Broken"`}, Save: map[string]string{"next": "next"}},
		step{As: "agent:anna", Do: "GET /v1/contacts/ada/cases?limit=1&cursor=${next}", Status: 200, Contains: []string{`"title":"Broken"`}},
		step{As: "agent:anna", Do: "GET /v1/cases/none", Status: 404, Contains: []string{`"code":"case_unknown"`}},
		step{As: "agent:anna", Do: "GET /v1/contacts/none/cases", Status: 404},
	)
}

func TestAUD4_ErasureDestroysEveryKeyOfThePerson(t *testing.T) {
	h := newHouse(t)
	opening := func(c, v, whose string) domain.Opening {
		return domain.Opening{Conversation: c, Subject: "visitor-" + v, Visitor: v, Contact: whose, Widget: "shop", Channel: "chat", Mode: "live",
			Workstream: "chat", Queue: "sales", At: h.Clock.Now().UTC()}
	}
	h.run(step{As: "agent:anna", Do: "PUT /v1/contacts/ada", Body: `{"name":"Ada"}`, Status: 200}, step{As: "agent:anna", Do: "PUT /v1/contacts/bea", Body: `{"name":"Bea"}`, Status: 200})
	for _, v := range []string{"v1", "v2", "v3"} {
		do(h, &visitor.Kind, v, visitor.Arrive{ID: v, Widget: "shop"})
		do(h, &visitor.Kind, v, visitor.SearchPhrase{ID: "s" + v, Phrase: domain.Personal("secret of " + v)})
		do(h, &line.Kind, "l"+v, line.Take{Opening: opening("c"+v, v, "")})
		do(h, &conversation.Kind, "c"+v, conversation.Receive{ID: "m" + v, Text: "hello", At: h.Clock.Now()})
	}
	do(h, &conversation.Kind, "cv1", conversation.LinkContact{Contact: "ada"})
	do(h, &conversation.Kind, "cv2", conversation.LinkContact{Contact: "ada"})
	do(h, &conversation.Kind, "cv2", conversation.UnlinkContact{})
	do(h, &conversation.Kind, "cv2", conversation.LinkContact{Contact: "bea"})
	h.run(
		step{As: "admin:root", Do: "POST /v1/contacts/nobody/erase", Status: 404},
		step{As: "admin:root", Do: "POST /v1/contacts/ada/erase", Status: 200, Contains: []string{`"visitors":2`}},
		step{As: "admin:root", Do: "POST /v1/contacts/ada/erase", Status: 200, Contains: []string{`"visitors":2`}},
		step{As: "agent:anna", Do: "GET /v1/contacts/ada", Status: 200, Contains: []string{`"erased":true`, `"name":"[erased]"`}},
		step{As: "agent:anna", Do: "PUT /v1/contacts/ada", Body: `{"name":"Ada"}`, Status: 410, Contains: []string{`"code":"erased"`}},
		step{As: "agent:anna", Do: "POST /v1/cases", Body: `{"contact":"ada","title":"x"}`, Status: 410, Contains: []string{`"field":"contact"`}},
		step{As: "agent:anna", Do: "GET /v1/contacts/bea", Status: 200, Contains: []string{`"name":"Bea"`}},
		step{As: "auditor:eve", Do: "GET /v1/events?names=visitor.phrase_searched&after=0", Status: 200,
			Contains: []string{`"phrase":"[erased]"`, `"phrase":"secret of v3"`}, Lacks: []string{"secret of v1", "secret of v2"}},
	)
	if state, _, err := eventstore.Load(context.Background(), h.Engine, &contact.Kind, "ada"); err != nil || !state.Erased {
		t.Error(state, err)
	}
}
