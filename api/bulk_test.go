package api_test

import (
	"strings"
	"testing"
)

func TestSUP1_ManyAtOnceWithAnOutcomeForEach(t *testing.T) {
	h := newHouse(t)
	seed(h)
	ids := make([]string, 12)
	for i := range ids {
		h.vars["v"] = "w" + string(rune('a'+i))
		h.run(step{As: "visitor:${v}", Do: "POST /v1/conversations", Body: `{"widget":"shop"}`, Status: 201, Save: map[string]string{"c": "conversation"}})
		ids[i] = h.vars["c"]
	}
	list := func(ids ...string) string { return `["` + strings.Join(ids, `","`) + `"]` }
	h.vars["c1"] = ids[0]
	h.run(
		step{As: "agent:anna", Do: "POST /v1/bulk", Body: `{"action":"force_close","conversations":` + list(ids...) + `}`, Status: 403},
		step{As: "supervisor:sue", Do: "POST /v1/bulk", Body: `{"action":"dance","conversations":` + list(ids...) + `}`, Status: 400, Contains: []string{`"field":"action"`, `"rule":"SUP-1"`}},
		step{As: "supervisor:sue", Do: "POST /v1/bulk", Body: `{"action":"force_close","conversations":[` + strings.Repeat(`"c",`, 1000) + `"c"]}`, Status: 400, Contains: []string{`"field":"conversations"`}},
		step{Name: "the eleventh would be too many sessions", As: "supervisor:sue", Do: "POST /v1/bulk", Key: "b1", Body: `{"action":"assign","agent":"anna","conversations":` + list(ids...) + `}`, Status: 200,
			Contains: []string{`"count":12`, `"done":10`, `"refused":2`, `"finished":true`, `"code":"session_limit"`}, Save: map[string]string{"b": "bulk"}},
		step{As: "supervisor:sue", Do: "GET /v1/agents/anna/capacity", Status: 200, Contains: []string{`"sessions":10`}},
	)
	before := h.head()
	h.run(step{Name: "the same key does nothing twice", As: "supervisor:sue", Do: "POST /v1/bulk", Key: "b1", Body: `{"action":"assign","agent":"anna","conversations":` + list(ids...) + `}`, Status: 200,
		Contains: []string{`"bulk":"${b}"`, `"done":10`, `"refused":2`}})
	if h.head() != before {
		t.Error("the repeat recorded something")
	}
	h.run(
		step{As: "supervisor:sue", Do: "POST /v1/bulk", Body: `{"action":"transfer","queue":"empty","conversations":` + list(ids...) + `}`, Status: 200, Contains: []string{`"done":0`, `"refused":12`, `"code":"queue_unservable"`}},
		step{Name: "engaged ones go back into the queue, open ones are there", As: "supervisor:sue", Do: "POST /v1/bulk", Body: `{"action":"transfer","queue":"sales","conversations":` + list(ids...) + `}`, Status: 200, Contains: []string{`"done":12`, `"refused":0`}},
		step{As: "supervisor:sue", Do: "GET /v1/agents/anna/capacity", Status: 200, Contains: []string{`"sessions":0`, `"held":0`}},
		step{As: "supervisor:sue", Do: "POST /v1/conversations/${c1}/force-close", Body: `{}`, Status: 200},
		step{As: "supervisor:sue", Do: "POST /v1/bulk", Body: `{"action":"force_close","reason":"spam","conversations":` + list(append(ids, "none")...) + `}`, Status: 200,
			Contains: []string{`"done":11`, `"refused":2`, `"code":"conversation_closed"`, `"code":"conversation_unknown"`}, Save: map[string]string{"b": "bulk"}},
		step{Name: "what became of each is on record", As: "auditor:eve", Do: "GET /v1/bulk/${b}", Status: 200, Contains: []string{`"finished":true`, `"conversation":"none"`, `"refused":2`}},
		step{As: "auditor:eve", Do: "GET /v1/bulk/other", Status: 404, Contains: []string{`"code":"bulk_unknown"`}},
	)
}
