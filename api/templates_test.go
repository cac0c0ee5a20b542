package api_test

import "testing"

// The administrator's template is in force from the next raise on; what stands
// keeps the values it was raised with.
func TestNOT7_TemplatesPerScenario(t *testing.T) {
	h := newHouse(t)
	seed(h)
	const put = "PUT /v1/notification-templates/incoming_chat"
	h.run(
		step{As: "agent:anna", Do: "GET /v1/notification-templates", Status: 200, Contains: []string{`"scenario":"consult_invited"`, `"from":"default"`}, Lacks: []string{`"organisation"`, `"dark"`}},
		step{As: "supervisor:sue", Do: put, Body: `{"theme":"dark"}`, Status: 403},
		step{As: "admin:root", Do: put, Body: `{"countdown":5}`, Status: 400, Contains: []string{`"field":"countdown"`, `"rule":"NOT-3"`}},
		step{As: "admin:root", Do: "PUT /v1/notification-templates/holiday", Body: `{}`, Status: 400, Contains: []string{`"field":"scenario"`, `"rule":"NOT-2"`, `list of templates`}},
		step{As: "admin:root", Do: put + "?workstream=none", Body: `{}`, Status: 404, Contains: []string{`"code":"workstream_unknown"`}},
		step{As: "visitor:v1", Do: "POST /v1/conversations", Body: `{"widget":"shop","text":"My shoes","survey":[{"question":"Your name","answer":"Kim"}]}`, Status: 201, Save: map[string]string{"c": "conversation"}},
	)
	h.offer("${c}", "anna", "first")
	h.run(
		step{As: "admin:root", Do: put, Key: "k1", Body: `{"title":"New: {Customer}","icon":"shoe","theme":"dark","desktop":"always","countdown":45,"rejectAllowed":false,"fields":[{"label":"Says","value":"comment"},{"label":"Queue","value":"queue"}]}`,
			Status: 200, Contains: []string{`"from":"organisation"`, `"theme":"dark"`, `"countdown":45`}},
		step{Name: "what stands keeps its values", As: "agent:anna", Do: "GET /v1/agents/anna/notifications", Status: 200,
			Contains: []string{`"theme":"light"`, `"rejectAllowed":true`, `"heading":"Kim"`, `"customer":"Kim"`, `"comment":"My shoes"`, `"waitedSeconds":`, `"title":"Visitor 1"`, `"state":"raised"`, `"text":"My shoes"`},
			Lacks:    []string{`"dark"`, `New: `}},
		step{As: "agent:anna", Do: "POST /v1/conversations/${c}/offers/${first}/reject", Status: 200},
	)
	h.offer("${c}", "bob", "second")
	h.run(
		step{Name: "what is raised now takes the new one", As: "agent:bob", Do: "GET /v1/agents/bob/notifications", Status: 200,
			Contains: []string{`"theme":"dark"`, `"heading":"New: Kim"`, `"icon":"shoe"`, `"countdown":45`, `"desktop":"always"`, `{"label":"Queue","text":"sales","value":"queue"}`}},
		step{Name: "may not be rejected", As: "agent:bob", Do: "POST /v1/conversations/${c}/offers/${second}/reject", Status: 409, Contains: []string{`"code":"reject_not_allowed"`}},
		step{Name: "and stands", As: "agent:bob", Do: "GET /v1/conversations/${c}", Status: 200, Contains: []string{`"subState":"offered"`}},
		step{Name: "the event holds the values", As: "supervisor:sue", Do: "GET /v1/notifications/${second}/history", Status: 200, Contains: []string{`"countdown":45`, `"theme":"dark"`}},
		step{Name: "a workstream's own comes first", As: "admin:root", Do: put + "?workstream=chat", Body: `{"theme":"light","icon":"own"}`, Status: 200, Contains: []string{`"from":"workstream"`}},
		step{As: "admin:root", Do: "GET /v1/notification-templates?workstream=care", Status: 200, Contains: []string{`"from":"organisation"`}, Lacks: []string{`"own"`}},
		step{As: "admin:root", Do: "DELETE /v1/notification-templates/incoming_chat?workstream=chat", Status: 200, Contains: []string{`"from":"organisation"`}},
		step{As: "admin:root", Do: "DELETE /v1/notification-templates/incoming_chat", Status: 200, Contains: []string{`"from":"default"`, `"theme":"light"`}},
	)
}

// With auto_assign nobody is asked: the agent is engaged at once and a toast
// opens the session.
func TestNOT3_AutoAssignEngagesAtOnce(t *testing.T) {
	h := newHouse(t)
	seed(h)
	h.run(
		step{As: "admin:root", Do: "PUT /v1/notification-templates/incoming_chat?workstream=chat", Body: `{"autoAssign":true,"showSeconds":20}`, Status: 200, Contains: []string{`"form":"toast"`}},
		step{As: "visitor:v1", Do: "POST /v1/conversations", Body: `{"widget":"shop","text":"Hi"}`, Status: 201, Save: map[string]string{"c": "conversation"}},
	)
	h.offer("${c}", "anna", "hold")
	h.run(
		step{As: "agent:anna", Do: "GET /v1/conversations/${c}", Status: 200, Contains: []string{`"subState":"engaged"`, `"agent":"anna"`}},
		step{As: "agent:anna", Do: "GET /v1/agents/anna/capacity", Status: 200, Contains: []string{`"held":30`, `"sessions":1`}},
		step{As: "agent:anna", Do: "GET /v1/agents/anna/notifications", Status: 200,
			Contains: []string{`"form":"toast"`, `"showSeconds":20`, `"session":"${hold}"`, `"standing":false`, `"scenario":"incoming_chat"`}, Lacks: []string{`"deadline"`, `"form":"alert"`}},
		step{As: "agent:anna", Do: "GET /v1/agents/anna/sessions", Status: 200, Contains: []string{`"session":"${hold}"`, `"how":"auto_assign"`}},
		step{Name: "nothing was offered", As: "agent:anna", Do: "GET /v1/conversations/${c}/history", Status: 200, Contains: []string{`without being asked`}, Lacks: []string{`conversation.offered`}},
	)
}

func TestNOT4_ATransferShowsTheNote(t *testing.T) {
	h := newHouse(t)
	seed(h)
	h.run(
		step{As: "visitor:v1", Do: "POST /v1/conversations", Body: `{"widget":"shop","text":"Hi"}`, Status: 201, Save: map[string]string{"c": "conversation"}},
		step{As: "agent:anna", Do: "POST /v1/conversations/${c}/pick", Status: 200},
		step{As: "agent:anna", Do: "POST /v1/conversations/${c}/transfer", Body: `{"agent":"bob","note":"He knows shoes"}`, Status: 200, Save: map[string]string{"hold": "offer.hold"}},
		step{As: "agent:bob", Do: "GET /v1/agents/bob/notifications", Status: 200, Contains: []string{`"scenario":"transferred"`, `"note":"He knows shoes"`, `"text":"He knows shoes"`, `"heading":"Visitor 1 is transferred to you"`}},
		step{As: "agent:bob", Do: "POST /v1/conversations/${c}/offers/${hold}/accept", Status: 200},
		step{As: "agent:bob", Do: "POST /v1/conversations/${c}/transfer", Body: `{"queue":"sales","note":"Needs a refund"}`, Status: 200},
	)
	h.offer("${c}", "anna", "third")
	h.run(step{Name: "from the queue it is an escalation", As: "agent:anna", Do: "GET /v1/agents/anna/notifications", Status: 200,
		Contains: []string{`"scenario":"escalated"`, `"note":"Needs a refund"`}, Lacks: []string{`He knows shoes`}})
}
