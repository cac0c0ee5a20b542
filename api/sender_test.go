package api_test

import (
	"testing"

	"parley/domain/widget"
	"parley/domain/workstream"
)

func TestNOT5_TheSendersNumberIsMatched(t *testing.T) {
	h := newHouse(t)
	seed(h)
	do(h, &workstream.Kind, "sms", workstream.Create{ID: "sms", Channel: "sms", Settings: workstream.Settings{Name: "SMS", Queue: "sales"}})
	do(h, &widget.Kind, "line", widget.Configure{ID: "line", Workstream: "sms"})
	from := func(number string) step {
		return step{As: "service:gate", Do: "POST /v1/conversations", Body: `{"widget":"line","text":"Hi","sender":"` + number + `"}`, Status: 201, Save: map[string]string{"c": "conversation"}}
	}
	linked := step{As: "agent:anna", Do: "GET /v1/conversations/${c}", Status: 200, Contains: []string{`"contact":"kim"`, `"authenticated":false`}}
	unlinked := step{As: "agent:anna", Do: "GET /v1/conversations/${c}", Status: 200, Lacks: []string{`"contact"`}}
	again := from("+49 151 1111111")
	again.Status, again.Contains = 200, []string{`"created":false`}
	h.run(
		step{As: "visitor:v1", Do: "POST /v1/conversations", Body: `{"widget":"line","sender":"+491511111111"}`, Status: 403, Contains: []string{`"field":"sender"`}},
		step{As: "service:gate", Do: "POST /v1/conversations", Body: `{"widget":"line","sender":"0151 1111111"}`, Status: 400, Contains: []string{`"field":"sender"`, `"rule":"NOT-5"`}},
		step{As: "admin:root", Do: "PUT /v1/contacts/kim", Body: `{"name":"Kim","phones":["+49 (151) 111-1111","030 55"]}`, Status: 200},
		step{As: "admin:root", Do: "PUT /v1/contacts/lee", Body: `{"name":"Lee","phones":["+491512222222"]}`, Status: 200},
		step{As: "admin:root", Do: "PUT /v1/contacts/leo", Body: `{"name":"Leo","phones":["+49 151 2222222"]}`, Status: 200},
		from("+491511111111"), linked,
		step{Name: "the same sender goes on with the same conversation", As: again.As, Do: again.Do, Body: again.Body, Status: 200, Contains: again.Contains},
		from("+491512222222"), unlinked,
		from("+491513333333"), unlinked,
		step{Name: "Leo has another number from now on: one is left", As: "admin:root", Do: "PUT /v1/contacts/leo", Body: `{"name":"Leo","phones":["+491514444444"]}`, Status: 200},
		step{As: "supervisor:sue", Do: "POST /v1/conversations/${c}/force-close", Body: `{}`, Status: 200},
		from("+491514444444"),
		step{As: "agent:anna", Do: "GET /v1/conversations/${c}", Status: 200, Contains: []string{`"contact":"leo"`}},
		step{As: "admin:root", Do: "POST /v1/contacts/leo/erase", Status: 200},
		step{As: "supervisor:sue", Do: "POST /v1/conversations/${c}/force-close", Body: `{}`, Status: 200},
		from("+491514444444"), unlinked,
	)
}
