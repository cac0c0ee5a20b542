package api_test

import (
	"fmt"
	"strings"
	"testing"

	"parley/domain/cases"
	"parley/domain/contact"
)

// TestSES9_ACaseNamesWhatNoContactDoes goes through the titles in their order: the
// contact's, the case's, the visitor's number.
func TestSES9_ACaseNamesWhatNoContactDoes(t *testing.T) {
	h := newHouse(t)
	seed(h)
	do(h, &contact.Kind, "c-1", contact.Record{ID: "c-1", Details: contact.Details{Name: "Ada Lovelace"}})
	do(h, &cases.Kind, "case-1", cases.Open{ID: "case-1", Number: "CAS-1", Contact: "c-1", Title: "Lost parcel"})
	engaged(h)
	titled := func(title string) {
		t.Helper()
		for _, list := range []string{"agents/anna/sessions", "conversations", "conversations/${c}", "agents/anna/work-items/my"} {
			h.run(step{Name: title + " in " + list, As: "agent:anna", Do: "GET /v1/" + list, Status: 200, Contains: []string{`"title":"` + title + `"`}})
		}
	}
	titled("Visitor 1")
	h.run(step{As: "agent:anna", Do: "PUT /v1/conversations/${c}/case", Body: `{"case":"case-1"}`, Status: 200})
	titled("Lost parcel")
	h.run(step{As: "agent:anna", Do: "PUT /v1/conversations/${c}/contact", Body: `{"contact":"c-1"}`, Status: 200})
	titled("Ada Lovelace")
	h.run(step{As: "agent:anna", Do: "DELETE /v1/conversations/${c}/contact", Status: 200})
	titled("Lost parcel")
	h.run(
		step{Name: "the customer himself is not called so", As: "agent:anna", Do: "POST /v1/conversations/${c}/participants", Body: `{"agent":"carol"}`, Status: 200},
		step{As: "agent:carol", Do: "GET /v1/agents/carol/notifications", Status: 200, Contains: []string{`"customer":"Visitor 1"`}, Lacks: []string{`Lost parcel`}},
		step{As: "agent:anna", Do: "DELETE /v1/conversations/${c}/case", Status: 200},
	)
	titled("Visitor 1")
}

// TestNOT1_WhoIsAskedToConsultSeesOfWhom looks at the alert of somebody who has no
// number of his own for the visitor.
func TestNOT1_WhoIsAskedToConsultSeesOfWhom(t *testing.T) {
	h := newHouse(t)
	seed(h)
	engaged(h)
	h.run(
		step{As: "agent:anna", Do: "POST /v1/conversations/${c}/participants", Body: `{"agent":"carol"}`, Status: 200},
		step{As: "agent:carol", Do: "GET /v1/agents/carol/notifications", Status: 200,
			Contains: []string{`"customer":"Visitor 1"`, `"heading":"You are asked about Visitor 1"`, `"comment":"Hi"`}},
	)
}

func TestSES_TheWorkspaceComesBack(t *testing.T) {
	h := newHouse(t)
	seed(h)
	do(h, &contact.Kind, "c-1", contact.Record{ID: "c-1", Details: contact.Details{Name: "Ada Lovelace"}})
	do(h, &cases.Kind, "case-1", cases.Open{ID: "case-1", Number: "CAS-1", Contact: "c-1", Title: "Lost parcel"})
	long := `{"text":"` + strings.Repeat("x", 64<<10+1) + `"}`
	h.run(
		step{As: "visitor:v1", Do: "POST /v1/conversations", Body: `{"widget":"shop","text":"Hi"}`, Status: 201, Save: map[string]string{"c": "conversation"}},
		step{As: "agent:anna", Do: "POST /v1/conversations/${c}/pick", Status: 200, Save: map[string]string{"hold": "hold"}},
		step{As: "agent:anna", Do: "PUT /v1/sessions/${hold}/drafts/note", Body: `{"text":"unfinished"}`, Status: 200},
		step{As: "agent:anna", Do: "GET /v1/sessions/${hold}/drafts", Status: 200, Contains: []string{`"form":"note"`, `"text":"unfinished"`}},
		step{As: "agent:bob", Do: "GET /v1/sessions/${hold}/drafts", Status: 403},
		step{As: "agent:bob", Do: "PUT /v1/sessions/${hold}/drafts/note", Body: `{"text":"mine"}`, Status: 403},
		step{Name: "SES-4", As: "agent:anna", Do: "PUT /v1/sessions/${hold}/drafts/note", Body: long, Status: 422, Contains: []string{`"code":"text_too_long"`}},
		step{As: "visitor:v1", Do: "POST /v1/conversations", Body: `{"widget":"shop","text":" \n "}`, Status: 400, Contains: []string{`"field":"text"`}},
		step{As: "agent:anna", Do: "PUT /v1/sessions/${hold}/tabs", Body: `{"tabs":[{"id":"k","form":"knowledge"}]}`, Status: 400, Contains: []string{`"field":"tabs"`}},
		step{As: "agent:anna", Do: "PUT /v1/sessions/${hold}/tabs", Body: `{"tabs":[{"id":"active_conversation","form":"active_conversation"},{"id":"k","form":"knowledge","of":"kb-7"}]}`, Status: 200, Contains: []string{`"of":"kb-7"`}},
		step{As: "agent:anna", Do: "GET /v1/agents/anna/sessions", Status: 200, Contains: []string{`"of":"kb-7"`, `"drafts":["note"]`}},
		step{As: "agent:anna", Do: "PUT /v1/agents/anna/panel", Body: `{"mode":"collapsed"}`, Status: 200},
		step{As: "agent:anna", Do: "PUT /v1/agents/anna/panel", Body: `{"mode":"sideways"}`, Status: 400},
		step{Name: "what is no id is nobody's", As: "supervisor:sue", Do: "GET /v1/agents/:/sessions", Status: 400, Contains: []string{`"field":"agent"`}},
		step{As: "supervisor:sue", Do: "GET /v1/agents/~/capacity/history?from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z", Status: 400, Contains: []string{`"field":"agent"`}},
		step{As: "agent:anna", Do: "GET /v1/agents/anna/sessions", Status: 200, Contains: []string{`"panel":"collapsed"`}},
		step{As: "agent:anna", Do: "PUT /v1/agents/bob/panel", Body: `{"mode":"collapsed"}`, Status: 403},
		step{As: "agent:bob", Do: "PUT /v1/agents/bob/focus", Body: `{"session":"${hold}"}`, Status: 403, Contains: []string{`"code":"not_yours"`}},
		step{As: "agent:anna", Do: "PUT /v1/agents/anna/focus", Body: `{"session":"none"}`, Status: 404, Contains: []string{`"code":"session_unknown"`}},

		step{As: "agent:anna", Do: "PUT /v1/conversations/${c}/contact", Body: `{"contact":"nobody"}`, Status: 404, Contains: []string{`"code":"contact_unknown"`}},
		step{As: "agent:carol", Do: "PUT /v1/conversations/${c}/contact", Body: `{"contact":"c-1"}`, Status: 403},
		step{Name: "before the link", As: "agent:anna", Do: "GET /v1/contacts/c-1/timeline", Status: 403, Contains: []string{`"code":"not_participant"`}},
		step{As: "agent:anna", Do: "PUT /v1/conversations/${c}/contact", Body: `{"contact":"c-1"}`, Status: 200, Contains: []string{`"contact":"c-1"`}},
		step{Name: "SES-9 the title changes at once", As: "agent:anna", Do: "GET /v1/agents/anna/sessions", Status: 200, Contains: []string{`"title":"Ada Lovelace"`}},
		step{As: "agent:anna", Do: "PUT /v1/conversations/${c}/case", Body: `{"case":"case-1"}`, Status: 200, Contains: []string{`"case":"case-1"`}},
		step{As: "agent:anna", Do: "PUT /v1/conversations/${c}/case", Body: `{"case":"none"}`, Status: 404},
		step{As: "agent:anna", Do: "GET /v1/conversations/${c}/summary", Status: 200, Contains: []string{`"name":"Ada Lovelace"`, `"title":"Lost parcel"`, `"recentCases":[{`}},
		step{As: "agent:anna", Do: "GET /v1/contacts/c-1/timeline", Status: 200, Contains: []string{`"conversation":"${c}"`}},
		step{As: "agent:anna", Do: "GET /v1/cases/case-1/timeline", Status: 200},
		step{As: "agent:bob", Do: "GET /v1/contacts/c-1/timeline", Status: 403},
		step{As: "auditor:aud", Do: "GET /v1/contacts/c-1/timeline", Status: 200},
		step{As: "agent:anna", Do: "DELETE /v1/conversations/${c}/case", Status: 200, Lacks: []string{`"case"`}},
		step{As: "agent:anna", Do: "DELETE /v1/conversations/${c}/contact", Status: 200, Lacks: []string{`"contact"`}},
		step{As: "agent:anna", Do: "PUT /v1/conversations/${c}/topic", Body: `{"topic":"shoes"}`, Status: 200, Contains: []string{`"topic":"shoes"`}},
		step{As: "agent:anna", Do: "PUT /v1/conversations/${c}/topic", Body: `{"topic":""}`, Status: 400},

		step{As: "agent:anna", Do: "POST /v1/agents/anna/sessions", Body: `{"form":"case","of":"case-1"}`, Status: 201, Save: map[string]string{"tab": "session"}},
		step{Name: "again focuses", As: "agent:anna", Do: "POST /v1/agents/anna/sessions", Body: `{"form":"case","of":"case-1"}`, Status: 201, Contains: []string{`"session":"${tab}"`}},
		step{As: "agent:anna", Do: "POST /v1/agents/anna/sessions", Body: `{"form":"case","of":"none"}`, Status: 404},
		step{As: "agent:anna", Do: "GET /v1/agents/anna/sessions", Status: 200, Contains: []string{`"session":"${tab}"`}},
		step{As: "agent:anna", Do: "POST /v1/sessions/${tab}/close", Body: `{"confirm":true}`, Status: 200, Contains: []string{`"unitsFreed":0`}},
		step{As: "agent:anna", Do: "POST /v1/agents/anna/sessions", Body: `{"form":"case","of":"case-1"}`, Status: 201, Lacks: []string{`"session":"${tab}"`}},
		step{As: "agent:anna", Do: "GET /v1/agents/anna/capacity", Status: 200, Contains: []string{`"sessions":1`}},
	)
	if text := h.inClear("kb-7"); text != "" {
		t.Errorf("the log holds what a tab shows in the clear: %s", text)
	}
}

func TestAPI5_WhoMayWhat(t *testing.T) {
	h := newHouse(t)
	seed(h)
	h.run(
		step{As: "visitor:v1", Do: "POST /v1/conversations", Body: `{"widget":"shop","text":"Hi"}`, Status: 201, Save: map[string]string{"c": "conversation"}},
		step{As: "", Do: "GET /v1/conversations", Status: 401},
		step{As: "visitor:v1", Do: "GET /v1/conversations", Status: 403},
		step{As: "visitor:v1", Do: "GET /v1/conversations/${c}", Status: 200, Contains: []string{`"state":"open"`}, Lacks: []string{`"queue"`, `"since"`}},
		step{As: "visitor:v2", Do: "GET /v1/conversations/${c}", Status: 403},
		step{As: "visitor:v2", Do: "POST /v1/conversations/${c}/messages", Body: `{"text":"Hi"}`, Status: 403},
		step{As: "visitor:v2", Do: "POST /v1/conversations/${c}/leave", Status: 403},
		step{As: "visitor:v2", Do: "POST /v1/conversations", Body: `{"widget":"shop","visitor":"v1"}`, Status: 403},
		step{As: "visitor:v2", Do: "POST /v1/visitors/v1/actions", Body: `{"type":"custom_action","action":"x"}`, Status: 403},
		step{As: "visitor:v2", Do: "POST /v1/conversations/${c}/survey", Body: `{"answers":[{"question":"q","answer":"a"}]}`, Status: 403},
		step{As: "visitor:v1", Do: "POST /v1/conversations/${c}/survey", Body: `{"answers":[{"question":"q","answer":"a"}]}`, Status: 403},
		step{As: "visitor:v1", Do: "POST /v1/conversations/${c}/pick", Status: 403},
		step{As: "agent:anna", Do: "POST /v1/conversations", Body: `{"widget":"shop"}`, Status: 403},
		step{As: "agent:anna", Do: "POST /v1/conversations/${c}/assign", Body: `{"agent":"anna"}`, Status: 403},
		step{As: "agent:anna", Do: "PUT /v1/agents/bob/presence", Body: `{"presence":"away"}`, Status: 403},
		step{As: "agent:anna", Do: "GET /v1/agents/bob/notifications", Status: 403},
		step{As: "agent:anna", Do: "GET /v1/agents/bob/capacity", Status: 403},
		step{As: "agent:anna", Do: "GET /v1/agents", Status: 200, Contains: []string{`"agent":"bob"`, `"free":100`}},
		step{As: "supervisor:sue", Do: "PUT /v1/agents/bob/presence", Body: `{"presence":"away"}`, Status: 200},
		step{As: "supervisor:sue", Do: "POST /v1/agents/bob/notifications/x/delivered", Body: `{"device":"d"}`, Status: 403},
		step{As: "auditor:aud", Do: "GET /v1/conversations/${c}/transcript", Status: 200},
		step{As: "auditor:aud", Do: "POST /v1/conversations/${c}/notes", Body: `{"text":"x"}`, Status: 403},
		step{As: "agent:carol", Do: "POST /v1/conversations/${c}/notes", Body: `{"text":"x"}`, Status: 403},
		step{As: "agent:carol", Do: "GET /v1/conversations/${c}/summary", Status: 403},
		step{As: "service:crm", Do: "POST /v1/conversations/${c}/messages", Body: `{"text":"relayed"}`, Status: 201, Contains: []string{`"number":2`}},
	)
}

func TestAPI1_WhatIsWrongIsRefusedAndNothingRecorded(t *testing.T) {
	h := newHouse(t)
	seed(h)
	many := strings.Repeat(`{"name":"n","value":"v"},`, 101)
	h.run(
		step{As: "visitor:v1", Do: "POST /v1/conversations", Status: 400, Contains: []string{`"code":"invalid_body"`}},
		step{As: "visitor:v1", Do: "POST /v1/conversations", Body: `{"widget":"none"}`, Status: 404, Contains: []string{`"code":"widget_unknown"`}},
		step{As: "visitor:v1", Do: "POST /v1/conversations", Body: `{"widget":"shop","thread":"a b"}`, Status: 400, Contains: []string{`"field":"thread"`}},
		step{As: "visitor:v1", Do: "POST /v1/conversations", Body: `{"widget":"shop","locale":"` + strings.Repeat("x", 36) + `"}`, Status: 400, Contains: []string{`"field":"locale"`}},
		step{As: "visitor:v1", Do: "POST /v1/conversations", Body: `{"widget":"shop","locale":"call me"}`, Status: 400, Contains: []string{`"field":"locale"`}},
		step{As: "service:crm", Do: "POST /v1/conversations", Body: `{"widget":"shop"}`, Status: 400, Contains: []string{`"field":"visitor"`}},
		step{As: "visitor:v1", Do: "POST /v1/conversations", Body: `{"widget":"shop","unknown":1}`, Status: 400, Contains: []string{`"field":"unknown"`}},
		step{As: "visitor:v1", Do: "POST /v1/conversations", Body: `{"widget":"shop","context":[{"name":"","value":"v"}]}`, Status: 400, Contains: []string{`"field":"context.name"`}},
		step{As: "visitor:v1", Do: "POST /v1/conversations", Body: `{"widget":"shop","context":[` + strings.TrimSuffix(many, ",") + `]}`, Status: 400, Contains: []string{`"field":"context"`}},
		step{As: "visitor:v1", Do: "POST /v1/conversations", Body: `{"widget":"shop","text":"` + strings.Repeat("x", 6001) + `"}`, Status: 422, Contains: []string{`"code":"text_too_long"`}},
		step{As: "visitor:v1", Do: "POST /v1/conversations", Key: "k", Body: `{"widget":"shop"}`, Status: 201, Save: map[string]string{"c": "conversation"}},
		step{Name: "the key of another request", As: "visitor:v1", Do: "POST /v1/conversations", Key: "k", Body: `{"widget":"shop","thread":"other"}`, Status: 422, Contains: []string{`"code":"idempotency_key_reused"`}},
		step{Name: "the key of another address", As: "visitor:v1", Do: "POST /v1/conversations/${c}/messages", Key: "k", Body: `{"text":"Hello"}`, Status: 422, Contains: []string{`"code":"idempotency_key_reused"`}},
		step{Name: "its own request is still answered", As: "visitor:v1", Do: "POST /v1/conversations", Key: "k", Body: `{"widget":"shop"}`, Status: 201, Contains: []string{`"created":true`}},
		step{As: "visitor:v1", Do: "POST /v1/conversations/none/messages", Body: `{"text":"x"}`, Status: 404, Contains: []string{`"code":"conversation_unknown"`}},
		step{As: "visitor:v1", Do: "POST /v1/conversations/${c}/messages", Body: `{}`, Status: 400, Contains: []string{`"field":"text"`}},
		step{As: "visitor:v1", Do: "POST /v1/conversations/${c}/messages", Body: `{"text":"` + strings.Repeat("x", 6001) + `"}`, Status: 422},
		step{As: "agent:anna", Do: "POST /v1/conversations/${c}/messages", Body: `{"text":"x"}`, Status: 409, Contains: []string{`"code":"not_engaged"`}},
		step{As: "agent:anna", Do: "POST /v1/conversations/${c}/end", Status: 409, Contains: []string{`"code":"not_engaged"`}},
		step{As: "agent:anna", Do: "POST /v1/conversations/${c}/offers/none/accept", Status: 409, Contains: []string{`"code":"offer_ended"`}},
		step{As: "supervisor:sue", Do: "POST /v1/conversations/${c}/assign", Body: `{"agent":"nobody"}`, Status: 404, Contains: []string{`"code":"agent_unknown"`}},
		step{As: "supervisor:sue", Do: "POST /v1/conversations/${c}/force-close", Body: `{"reason":"bored"}`, Status: 400},
		step{As: "agent:anna", Do: "POST /v1/sessions/none/close", Status: 404, Contains: []string{`"code":"session_unknown"`}},
		step{As: "agent:anna", Do: "POST /v1/agents/anna/notifications/none/delivered", Body: `{"device":"d"}`, Status: 404, Contains: []string{`"code":"notification_unknown"`}},
		step{As: "agent:anna", Do: "PUT /v1/agents/anna/presence", Body: `{"presence":"inactive"}`, Status: 400, Contains: []string{`"field":"presence"`}},
		step{As: "agent:anna", Do: "GET /v1/agents/anna/work-items/all", Status: 404},
		step{As: "agent:anna", Do: "GET /v1/agents/anna/work-items/my?sort=colour", Status: 400, Contains: []string{`"field":"sort"`}},
		step{As: "agent:anna", Do: "GET /v1/conversations?limit=0", Status: 400, Contains: []string{`"field":"limit"`}},
		step{As: "agent:anna", Do: "GET /v1/conversations?cursor=zzz", Status: 400, Contains: []string{`"field":"cursor"`}},
		step{As: "agent:anna", Do: "GET /v1/conversations?state=sleeping", Status: 400, Contains: []string{`"field":"state"`}},
		step{As: "agent:anna", Do: "GET /v1/conversations?after=other:7", Status: 410, Contains: []string{`"code":"log_moved"`}},
		step{As: "service:crm", Do: "POST /v1/visitors/nobody/actions", Body: `{"type":"custom_action","action":"x"}`, Status: 404, Contains: []string{`"code":"visitor_unknown"`}},
		browser("shop", "vt", "v"),
		step{As: "${vt}", Do: "POST /v1/visitors/${v}/actions", Body: `{"type":"custom_action","action":"` + strings.Repeat("x", 257) + `"}`, Status: 422, Contains: []string{`"field":"action"`}},
		step{As: "${vt}", Do: "POST /v1/visitors/${v}/actions", Body: `{"type":"danced"}`, Status: 400, Contains: []string{`"field":"type"`}},
		step{Do: "POST /v1/widgets/none/visitors", Status: 404, Contains: []string{`"code":"widget_unknown"`}},
		step{As: "agent:anna", Do: "POST /v1/widgets/shop/visitors", Status: 403},
		step{Do: "POST /v1/widgets/shop/visitors", Body: `{"device":{"language":"` + strings.Repeat("x", 65) + `"}}`, Status: 400, Contains: []string{`"field":"device.language"`, "64 characters"}},
		step{Do: "POST /v1/widgets/shop/visitors", Body: `{"device":{"browser":"` + strings.Repeat("x", 257) + `"}}`, Status: 400, Contains: []string{`"field":"device.browser"`}},
		step{Do: "POST /v1/widgets/shop/visitors", Body: `{"device":{"browser":"` + strings.Repeat("x", 256) + `","language":"` + strings.Repeat("x", 64) + `"}}`, Status: 201},
	)
}

// TestSUM2_TheSummaryIsThereFromTheStart: whoever opens it at once, without a position,
// waits for the view a moment and is not sent away.
func TestSUM2_TheSummaryIsThereFromTheStart(t *testing.T) {
	h := newHouse(t)
	seed(h)
	for n := range 20 {
		h.run(
			step{As: "visitor:v1", Do: "POST /v1/conversations", Body: fmt.Sprintf(`{"widget":"shop","thread":"t%d"}`, n), Status: 201, Save: map[string]string{"c": "conversation"}},
		)
		h.Position = "" // which would else be sent as after
		h.run(step{As: "supervisor:sue", Do: "GET /v1/conversations/${c}/summary", Status: 200, Contains: []string{`"conversation":"${c}"`}})
	}
}
