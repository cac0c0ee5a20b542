package api_test

import (
	"testing"

	"parley/domain/agent"
)

func TestCON5_TransferToAnAgentIsAnOffer(t *testing.T) {
	h := newHouse(t)
	seed(h)
	do(h, &agent.Kind, "bob", agent.SetPresence{Presence: agent.Away, At: h.Clock.Now()})
	h.run(
		step{As: "visitor:v1", Do: "POST /v1/conversations", Body: `{"widget":"shop","text":"Hi"}`, Status: 201, Save: map[string]string{"c": "conversation"}},
		step{As: "supervisor:sue", Do: "POST /v1/conversations/${c}/transfer", Body: `{"agent":"bob"}`, Status: 409},
		step{As: "agent:anna", Do: "POST /v1/conversations/${c}/pick", Body: `{"agent":"bob"}`, Status: 403, Contains: []string{`"code":"forbidden"`}},
		step{As: "agent:anna", Do: "POST /v1/conversations/${c}/pick", Status: 200, Save: map[string]string{"hold": "hold"}},
		step{As: "agent:bob", Do: "POST /v1/conversations/${c}/transfer", Body: `{"agent":"carol"}`, Status: 403, Contains: []string{`"code":"not_yours"`}},
		step{As: "agent:anna", Do: "POST /v1/conversations/${c}/transfer", Body: `{}`, Status: 400},
		step{As: "agent:anna", Do: "POST /v1/conversations/${c}/transfer", Body: `{"agent":"anna"}`, Status: 400},
		step{As: "agent:anna", Do: "POST /v1/conversations/${c}/transfer", Body: `{"agent":"nobody"}`, Status: 404, Contains: []string{`"code":"agent_unknown"`}},
		step{As: "agent:anna", Do: "POST /v1/conversations/${c}/transfer", Body: `{"agent":"bob"}`, Status: 409, Contains: []string{`"code":"presence"`, `"presence":"away"`}},
		step{As: "agent:bob", Do: "PUT /v1/agents/bob/presence", Body: `{"presence":"available"}`, Status: 200, Contains: []string{`"presence":"available"`}},
		step{As: "agent:anna", Do: "POST /v1/conversations/${c}/transfer", Key: "t1", Body: `{"agent":"bob","note":"He knows shoes"}`, Status: 200, Contains: []string{`"subState":"engaged"`, `"transfer":true`}, Save: map[string]string{"hold2": "offer.hold"}},
		step{Name: "the same key", As: "agent:anna", Do: "POST /v1/conversations/${c}/transfer", Key: "t1", Body: `{"agent":"bob","note":"He knows shoes"}`, Status: 200},
		step{As: "agent:anna", Do: "POST /v1/conversations/${c}/transfer", Body: `{"agent":"carol"}`, Status: 409, Contains: []string{`"code":"transfer_pending"`}},
		step{As: "agent:anna", Do: "POST /v1/sessions/${hold}/close", Body: `{"confirm":true}`, Status: 409, Contains: []string{`"code":"transfer_pending"`}},
		step{As: "agent:bob", Do: "POST /v1/conversations/${c}/offers/${hold2}/reject", Status: 200, Contains: []string{`"agent":"anna"`}},
		step{As: "agent:bob", Do: "POST /v1/conversations/${c}/offers/${hold2}/accept", Status: 409, Contains: []string{`"code":"offer_ended"`, `"outcome":"rejected"`}},
		step{As: "agent:bob", Do: "GET /v1/agents/bob/capacity", Status: 200, Contains: []string{`"held":0`}},
		step{As: "agent:anna", Do: "POST /v1/conversations/${c}/transfer", Body: `{"agent":"bob"}`, Status: 200, Save: map[string]string{"hold2": "offer.hold"}},
		step{As: "agent:bob", Do: "POST /v1/conversations/${c}/offers/${hold2}/accept", Status: 200, Contains: []string{`"agent":"bob"`}},
		step{As: "agent:anna", Do: "GET /v1/agents/anna/capacity", Status: 200, Contains: []string{`"held":0`, `"sessions":0`}},
		step{As: "agent:anna", Do: "GET /v1/agents/anna/sessions", Status: 200, Lacks: []string{`${hold}`}},
		step{Name: "who was primary still sees it", As: "agent:anna", Do: "GET /v1/conversations/${c}/transcript", Status: 200, Contains: []string{`He knows shoes`}},
		step{As: "agent:bob", Do: "POST /v1/conversations/${c}/transfer", Body: `{"queue":"empty"}`, Status: 409, Contains: []string{`"code":"queue_unservable"`}},
		step{As: "agent:bob", Do: "POST /v1/conversations/${c}/transfer", Body: `{"queue":"none"}`, Status: 404, Contains: []string{`"code":"queue_unknown"`}},
		step{As: "agent:bob", Do: "POST /v1/conversations/${c}/transfer", Body: `{"queue":"sales"}`, Status: 200, Contains: []string{`"state":"open"`, `"queue":"sales"`}},
		step{As: "agent:bob", Do: "POST /v1/conversations/${c}/release", Status: 403},
		step{As: "agent:bob", Do: "POST /v1/conversations/${c}/pick", Status: 200},
		step{As: "agent:bob", Do: "POST /v1/conversations/${c}/release", Status: 200, Contains: []string{`"state":"open"`}},
		step{As: "agent:bob", Do: "POST /v1/conversations/${c}/force-close", Body: `{}`, Status: 403},
		step{As: "supervisor:sue", Do: "POST /v1/conversations/${c}/force-close", Body: `{"reason":"spam"}`, Status: 200, Contains: []string{`"state":"closed"`, `"reason":"spam"`}},
		step{As: "supervisor:sue", Do: "GET /v1/conversations/${c}", Status: 200, Contains: []string{`"state":"closed"`, `"reason":"spam"`}},
	)
}
