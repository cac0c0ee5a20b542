package api_test

import (
	"testing"
	"time"

	"parley/domain/agent"
)

// engaged has anna talking with v1; ${c} is the conversation, ${hold} her session.
func engaged(h *house) {
	h.t.Helper()
	h.run(
		step{As: "visitor:v1", Do: "POST /v1/conversations", Body: `{"widget":"shop","text":"Hi"}`, Status: 201, Save: map[string]string{"c": "conversation"}},
		step{As: "agent:anna", Do: "POST /v1/conversations/${c}/pick", Status: 200, Save: map[string]string{"hold": "hold"}},
	)
}

func TestCON5_AConsultIsPrivateAndCostsNothing(t *testing.T) {
	h := newHouse(t)
	seed(h)
	engaged(h)
	const at = "POST /v1/conversations/${c}/"
	do(h, &agent.Kind, "bob", agent.SetPresence{Presence: agent.Away, At: h.Clock.Now()})
	h.run(
		step{As: "agent:anna", Do: at + "participants", Body: `{"agent":"bob"}`, Status: 409, Contains: []string{`"code":"presence"`, `"field":"agent"`}},
		step{As: "agent:anna", Do: at + "participants", Body: `{"agent":"nobody"}`, Status: 404, Contains: []string{`"code":"agent_unknown"`}},
		step{As: "agent:anna", Do: at + "participants", Body: `{"agent":"anna"}`, Status: 409, Contains: []string{`"code":"own_conversation"`}},
		step{Name: "who was never asked is not told how it stands", As: "agent:carol", Do: at + "participants/${hold}/accept", Status: 403, Contains: []string{`"code":"forbidden"`}, Lacks: []string{`engaged`}},
		step{As: "agent:carol", Do: at + "participants/${hold}/reject", Status: 403, Contains: []string{`"code":"forbidden"`}, Lacks: []string{`engaged`}},
		step{Name: "carol, who serves another queue, is asked", As: "agent:anna", Do: at + "participants", Key: "i1", Body: `{"agent":"carol"}`, Status: 200,
			Contains: []string{`"invited":true`, `"as":"consult"`}, Save: map[string]string{"p": "participant"}},
		step{Name: "the same key", As: "agent:anna", Do: at + "participants", Key: "i1", Body: `{"agent":"carol"}`, Status: 200, Contains: []string{`"participant":"${p}"`}},
		step{Name: "by an alert", As: "agent:carol", Do: "GET /v1/agents/carol/notifications", Status: 200,
			Contains: []string{`"scenario":"consult_invited"`, `"form":"alert"`, `"hold":"${p}"`, `"deadline":`, `"standing":true`}},
		step{As: "agent:bob", Do: at + "participants/${p}/accept", Status: 403, Contains: []string{`"code":"not_participant"`}},
		step{As: "agent:carol", Do: "GET /v1/visitors/v1/timeline", Status: 403, Contains: []string{`"code":"not_participant"`}},
		step{Name: "she is no participant before she accepts", As: "agent:carol", Do: at + "consult-messages", Body: `{"text":"Hm"}`, Status: 403},
		step{As: "agent:carol", Do: at + "participants/${p}/accept", Status: 200, Contains: []string{`"invited":false`}},
		step{Name: "again, on another device", As: "agent:carol", Do: at + "participants/${p}/accept", Status: 200},
		step{As: "agent:carol", Do: at + "participants/${p}/reject", Status: 409, Contains: []string{`"code":"offer_ended"`, `"outcome":"accepted"`}},
		step{Name: "a session opens, and the alert is over", As: "agent:carol", Do: "GET /v1/agents/carol/sessions", Status: 200, Contains: []string{`"session":"${p}"`, `"form":"consult"`}},
		step{As: "agent:carol", Do: "GET /v1/agents/carol/notifications", Status: 200, Contains: []string{`"outcome":"accepted"`}, Lacks: []string{`"standing":true`}},
		step{Name: "it is in her list, though of no queue of hers", As: "agent:carol", Do: "GET /v1/conversations", Status: 200, Contains: []string{`"${c}"`}},
		step{Name: "and the customer's history is hers to read", As: "agent:carol", Do: "GET /v1/visitors/v1/timeline", Status: 200},
		step{Name: "it costs nothing", As: "agent:carol", Do: "GET /v1/agents/carol/capacity", Status: 200, Contains: []string{`"held":0`, `"sessions":0`}},
		step{As: "agent:anna", Do: at + "consult-messages", Body: `{"text":"May I refund?"}`, Status: 200},
		step{As: "agent:carol", Do: at + "consult-messages", Body: `{"text":"You may"}`, Status: 200},
		step{As: "agent:carol", Do: "GET /v1/conversations/${c}/consult-messages", Status: 200, Contains: []string{`May I refund?`, `You may`}},
		step{Name: "nobody of the queue reads it", As: "agent:bob", Do: "GET /v1/conversations/${c}/consult-messages", Status: 200, Lacks: []string{`refund`}},
		step{As: "agent:bob", Do: "GET /v1/conversations/${c}/history", Status: 200, Lacks: []string{`refund`}},
		step{Name: "nor the customer", As: "visitor:v1", Do: "GET /v1/conversations/${c}/transcript", Status: 200, Contains: []string{`Hi`}, Lacks: []string{`refund`, `You may`}},
		step{As: "visitor:v1", Do: "GET /v1/conversations/${c}/consult-messages", Status: 403},
		step{Name: "she does not write to the customer", As: "agent:carol", Do: at + "messages", Body: `{"text":"Hello"}`, Status: 403, Contains: []string{`"code":"not_yours"`}},
		step{Name: "it ends with the agent's End", As: "agent:anna", Do: at + "end", Status: 200},
		step{As: "agent:carol", Do: "GET /v1/agents/carol/sessions", Status: 200, Lacks: []string{`"session":"${p}"`}},
		step{As: "agent:anna", Do: "GET /v1/conversations/${c}/participants", Status: 200, Contains: []string{`"participants":[]`}},
		step{As: "agent:carol", Do: at + "consult-messages", Body: `{"text":"Bye"}`, Status: 403},
		step{As: "agent:carol", Do: "GET /v1/conversations", Status: 200, Lacks: []string{`"${c}"`}},
		step{As: "agent:carol", Do: "GET /v1/visitors/v1/timeline", Status: 403},
	)
}

func TestCON5_MonitorsAreUnannouncedAndJoinersAreNot(t *testing.T) {
	h := newHouse(t)
	seed(h)
	engaged(h)
	const at = "POST /v1/conversations/${c}/"
	h.run(
		step{As: "agent:bob", Do: at + "monitor", Status: 403},
		step{As: "supervisor:anna", Do: at + "monitor", Status: 409, Contains: []string{`"code":"own_conversation"`}},
		step{As: "supervisor:sue", Do: at + "monitor", Status: 200, Contains: []string{`"as":"monitor"`}, Save: map[string]string{"m": "participant"}},
		step{As: "supervisor:sue", Do: "GET /v1/agents/sue/sessions", Status: 200, Contains: []string{`"form":"monitor"`}},
		step{Name: "anna is not told", As: "agent:anna", Do: "GET /v1/conversations/${c}/participants", Status: 200, Lacks: []string{`sue`}},
		step{As: "agent:anna", Do: "GET /v1/conversations/${c}/history", Status: 200, Lacks: []string{`sue`, `monitor`}},
		step{Name: "the auditor sees it", As: "auditor:eve", Do: "GET /v1/conversations/${c}/history", Status: 200, Contains: []string{`Supervisor sue looks on`}},
		step{As: "supervisor:sue", Do: at + "messages", Body: `{"text":"Hello"}`, Status: 403},
		step{As: "supervisor:sue", Do: at + "join", Status: 200, Contains: []string{`"as":"joined"`}, Lacks: []string{`"monitor"`}, Save: map[string]string{"j": "participant"}},
		step{Name: "now she is", As: "agent:anna", Do: "GET /v1/conversations/${c}/participants", Status: 200, Contains: []string{`"agent":"sue"`}},
		step{As: "supervisor:sue", Do: at + "messages", Body: `{"text":"Sue here"}`, Status: 201},
		step{As: "visitor:v1", Do: "GET /v1/conversations/${c}/transcript", Status: 200, Contains: []string{`Sue here`}},
		step{Name: "X leaves, and no more", As: "supervisor:sue", Do: "POST /v1/sessions/${j}/close", Body: `{"confirm":true}`, Status: 200, Contains: []string{`"unitsFreed":0`}},
		step{As: "agent:anna", Do: "GET /v1/conversations/${c}", Status: 200, Contains: []string{`"subState":"engaged"`, `"agent":"anna"`}},
		step{As: "supervisor:sue", Do: "GET /v1/agents/sue/sessions", Status: 200, Lacks: []string{`"form":"joined"`, `"form":"monitor"`}},
	)
}

func TestCON5_WhoJoinedTakesOverFromAPrimaryWhoIsGone(t *testing.T) {
	h := newHouse(t)
	seed(h)
	engaged(h)
	const at = "POST /v1/conversations/${c}/"
	do(h, &agent.Kind, "anna", agent.Connect{Feed: "f1", Run: "r1"})
	h.run(
		step{As: "agent:anna", Do: at + "participants", Body: `{"agent":"bob","as":"joined"}`, Status: 200, Save: map[string]string{"p": "participant"}},
		step{As: "agent:anna", Do: at + "participants", Body: `{"agent":"carol"}`, Status: 200, Save: map[string]string{"q": "participant"}},
		step{As: "agent:bob", Do: at + "participants/${p}/accept", Status: 200},
		step{As: "agent:carol", Do: at + "participants/${q}/accept", Status: 200},
		step{Name: "while she is there he cannot", As: "agent:bob", Do: at + "take-over", Status: 409, Contains: []string{`"code":"primary_there"`}},
	)
	do(h, &agent.Kind, "anna", agent.Disconnect{Feed: "f1"})
	h.run(
		step{Name: "she is gone, and all is as it was", As: "agent:bob", Do: "GET /v1/conversations/${c}", Status: 200, Contains: []string{`"agent":"anna"`, `"subState":"engaged"`}},
		step{Name: "who consults cannot", As: "agent:carol", Do: at + "take-over", Status: 403, Contains: []string{`"code":"not_participant"`}},
		step{As: "agent:bob", Do: at + "take-over", Key: "t1", Status: 200, Contains: []string{`"agent":"bob"`}, Save: map[string]string{"hold2": "hold"}},
		step{Name: "the same key", As: "agent:bob", Do: at + "take-over", Key: "t1", Status: 200, Contains: []string{`"hold":"${hold2}"`}},
		step{As: "supervisor:sue", Do: "GET /v1/agents/anna/capacity", Status: 200, Contains: []string{`"held":0`, `"sessions":0`}},
		step{As: "supervisor:sue", Do: "GET /v1/agents/bob/capacity", Status: 200, Contains: []string{`"held":30`, `"sessions":1`}},
		step{Name: "a new session, and his old one is closed", As: "agent:bob", Do: "GET /v1/agents/bob/sessions", Status: 200, Contains: []string{`"session":"${hold2}"`, `"how":"take_over"`}, Lacks: []string{`"form":"joined"`}},
		step{Name: "the consult ended with the primary", As: "agent:carol", Do: "GET /v1/agents/carol/sessions", Status: 200, Lacks: []string{`"form":"consult"`}},
	)
}

// Without a take-over in the grace the conversation is open, and nobody takes
// part in it any more.
func TestCON5_WithoutATakeOverItIsOpen(t *testing.T) {
	h := newHouse(t)
	seed(h)
	engaged(h)
	const at = "POST /v1/conversations/${c}/"
	do(h, &agent.Kind, "anna", agent.Connect{Feed: "f1", Run: "r1"})
	h.run(
		step{As: "agent:anna", Do: at + "participants", Body: `{"agent":"bob","as":"joined"}`, Status: 200, Save: map[string]string{"p": "participant"}},
		step{As: "agent:bob", Do: at + "participants/${p}/accept", Status: 200},
	)
	do(h, &agent.Kind, "anna", agent.Disconnect{Feed: "f1"})
	h.Clock.Advance(150 * time.Second)
	do(h, &agent.Kind, "anna", agent.Vanish{Loss: 1})
	h.run(
		step{As: "agent:bob", Do: "GET /v1/conversations/${c}", Status: 200, Contains: []string{`"state":"open"`}},
		step{As: "agent:bob", Do: at + "take-over", Status: 403, Contains: []string{`"code":"not_participant"`}},
		step{As: "agent:bob", Do: "GET /v1/agents/bob/sessions", Status: 200, Lacks: []string{`"form":"joined"`}},
		step{As: "agent:bob", Do: "GET /v1/agents/bob/capacity", Status: 200, Contains: []string{`"held":0`}},
	)
}

// Consults, joins and monitors do not count to the ten sessions.
func TestSES1_PartsDoNotCountToTheTen(t *testing.T) {
	h := newHouse(t)
	seed(h)
	for i := range 11 {
		h.vars["v"] = "w" + string(rune('a'+i))
		h.run(
			step{As: "visitor:${v}", Do: "POST /v1/conversations", Body: `{"widget":"shop"}`, Status: 201, Save: map[string]string{"c": "conversation"}},
			step{As: "supervisor:sue", Do: "POST /v1/conversations/${c}/assign", Body: `{"agent":"` + []string{"anna", "carol"}[i%2] + `"}`, Status: 200},
			step{As: "supervisor:sue", Do: "POST /v1/conversations/${c}/participants", Body: `{"agent":"bob"}`, Status: 200, Save: map[string]string{"p": "participant"}},
			step{As: "agent:bob", Do: "POST /v1/conversations/${c}/participants/${p}/accept", Status: 200},
		)
	}
	h.run(
		step{As: "agent:bob", Do: "GET /v1/agents/bob/capacity", Status: 200, Contains: []string{`"held":0`, `"sessions":0`}},
		step{As: "visitor:last", Do: "POST /v1/conversations", Body: `{"widget":"shop"}`, Status: 201, Save: map[string]string{"c": "conversation"}},
		step{Name: "he takes one of his own all the same", As: "agent:bob", Do: "POST /v1/conversations/${c}/pick", Status: 200},
	)
}
