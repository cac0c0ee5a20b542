package api_test

import "testing"

const chatSettings = `{"name":"Chat","queue":"sales"}`

// configured has a queue with one agent, a workstream and a widget.
func configured(h *house) {
	h.t.Helper()
	h.run(
		step{As: "admin:root", Do: "PUT /v1/queues/sales", Body: `{"name":"Sales","number":1}`, Status: 200, Contains: []string{`"members":[]`, `"method":"highest_capacity"`}},
		step{As: "admin:root", Do: "PUT /v1/workstreams/chat", Body: `{"channel":"chat","settings":` + chatSettings + `}`, Status: 200,
			Contains: []string{`"mode":"live"`, `"units":30`, `"countdown":120`, `"changes":1`, `"declineLimit":3`}},
		step{As: "admin:root", Do: "PUT /v1/widgets/shop", Body: `{"workstream":"chat","proactive":true}`, Status: 200},
		step{As: "admin:root", Do: "PUT /v1/agents/anna", Body: `{"name":"Anna","skills":["de"]}`, Status: 200, Contains: []string{`"units":100`, `"skills":["de"]`}},
		step{As: "admin:root", Do: "PUT /v1/queues/sales/members/anna", Status: 200, Contains: []string{`"members":["anna"]`}},
	)
}

func TestAdministratorsConfigureTheHouse(t *testing.T) {
	h := newHouse(t)
	configured(h)
	before := h.head()
	configuredAgain := []step{
		{As: "admin:root", Do: "PUT /v1/queues/sales", Body: `{"name":"Sales","number":1}`, Status: 200, Contains: []string{`"members":["anna"]`}},
		{As: "admin:root", Do: "PUT /v1/workstreams/chat", Body: `{"channel":"chat","settings":` + chatSettings + `}`, Status: 200, Contains: []string{`"changes":1`}},
		{As: "admin:root", Do: "PUT /v1/widgets/shop", Body: `{"workstream":"chat","proactive":true}`, Status: 200},
		{As: "admin:root", Do: "PUT /v1/queues/sales/members/anna", Status: 200},
		{As: "admin:root", Do: "PUT /v1/agents/anna", Body: `{"skills":["de"]}`, Status: 200},
	}
	h.run(configuredAgain...)
	if h.head() != before {
		t.Error("the same configuration twice is news")
	}
	h.run(
		step{As: "agent:anna", Do: "GET /v1/workstreams", Status: 200, Contains: []string{`"id":"chat"`, `"channel":"chat"`}},
		step{As: "agent:anna", Do: "GET /v1/workstreams/chat", Status: 200, Contains: []string{`"queue":"sales"`}},
		step{As: "agent:anna", Do: "GET /v1/queues", Status: 200, Contains: []string{`"members":["anna"]`}},
		step{As: "agent:anna", Do: "GET /v1/queues/sales", Status: 200, Contains: []string{`"number":1`}},
		step{As: "auditor:eve", Do: "GET /v1/widgets", Status: 200, Contains: []string{`"workstream":"chat"`}},
		step{As: "auditor:eve", Do: "GET /v1/widgets/shop", Status: 200, Contains: []string{`"proactive":true`, `"origins":[]`}},
		step{As: "admin:root", Do: "DELETE /v1/queues/sales/members/anna", Status: 200, Contains: []string{`"members":[]`}},
		step{As: "admin:root", Do: "POST /v1/agents/anna/disable", Status: 200, Contains: []string{`"disabled":true`}},
		step{As: "admin:root", Do: "POST /v1/agents/anna/enable", Status: 200, Contains: []string{`"disabled":false`}},
	)
}

func TestConfigurationNamesWhatIsNotThere(t *testing.T) {
	h := newHouse(t)
	h.run(
		step{As: "admin:root", Do: "PUT /v1/workstreams/chat", Body: `{"channel":"chat","settings":` + chatSettings + `}`, Status: 404, Contains: []string{`"code":"queue_unknown"`, `"field":"settings.queue"`}},
		step{As: "admin:root", Do: "PUT /v1/workstreams/chat", Body: `{"channel":"chat","settings":{"name":"Chat","queue":"a b"}}`, Status: 400, Contains: []string{`"code":"invalid"`}},
		step{As: "admin:root", Do: "PUT /v1/widgets/shop", Body: `{"workstream":"chat"}`, Status: 404, Contains: []string{`"code":"workstream_unknown"`, `"field":"workstream"`}},
		step{As: "admin:root", Do: "PUT /v1/queues/sales/members/anna", Status: 404, Contains: []string{`"code":"agent_unknown"`, `"field":"agent"`}},
		step{As: "admin:root", Do: "POST /v1/agents/anna/disable", Status: 404, Contains: []string{`"code":"agent_unknown"`}},
		step{As: "admin:root", Do: "PUT /v1/agents/anna", Body: `{}`, Status: 400, Contains: []string{`"field":"name"`}},
		step{As: "admin:root", Do: "GET /v1/workstreams/chat", Status: 404, Contains: []string{`"code":"workstream_unknown"`}},
		step{As: "admin:root", Do: "GET /v1/queues/sales", Status: 404, Contains: []string{`"code":"queue_unknown"`}},
		step{As: "admin:root", Do: "GET /v1/widgets/shop", Status: 404, Contains: []string{`"code":"widget_unknown"`}},
	)
	configured(h)
	h.run(
		step{As: "admin:root", Do: "PUT /v1/queues/other/members/anna", Status: 404, Contains: []string{`"code":"queue_unknown"`}},
		step{As: "admin:root", Do: "PUT /v1/workstreams/chat", Body: `{"channel":"sms","settings":` + chatSettings + `}`, Status: 400, Contains: []string{`"field":"channel"`}},
		step{As: "admin:root", Do: "PUT /v1/workstreams/chat", Body: `{"channel":"chat","mode":"persistent","settings":` + chatSettings + `}`, Status: 400, Contains: []string{`"field":"mode"`}},
		step{As: "admin:root", Do: "PUT /v1/workstreams/chat", Body: `{"channel":"chat","settings":{"name":"Chat","queue":"sales","countdown":5}}`, Status: 400, Contains: []string{`"field":"countdown"`}},
	)
}

// goodKey is a public key for EdDSA.
const goodKey = `-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA9jqtHzRy0Bu/g/bi+1f1YFT4DrCdWSXrJreDs9PhReo=\n-----END PUBLIC KEY-----\n`

func TestSUM10_AKeyByWhichNothingIsVerifiedIsRefused(t *testing.T) {
	h := newHouse(t)
	configured(h)
	with := func(keys string) string {
		return `{"channel":"chat","settings":{"name":"Chat","queue":"sales","keys":[` + keys + `]}}`
	}
	h.run(
		step{Name: "cut off", As: "admin:root", Do: "PUT /v1/workstreams/chat", Body: with(`{"kid":"k","alg":"EdDSA","pem":"-----BEGIN PUBLIC KEY-----"}`),
			Status: 400, Contains: []string{`"field":"settings.keys.pem"`}},
		step{Name: "of another algorithm", As: "admin:root", Do: "PUT /v1/workstreams/chat", Body: with(`{"kid":"k","alg":"RS256","pem":"` + goodKey + `"}`),
			Status: 400, Contains: []string{`"field":"settings.keys.pem"`}},
		step{Name: "twice", As: "admin:root", Do: "PUT /v1/workstreams/chat",
			Body:   with(`{"kid":"k","alg":"EdDSA","pem":"` + goodKey + `"},{"kid":"k","alg":"EdDSA","pem":"` + goodKey + `"}`),
			Status: 400, Contains: []string{`"field":"settings.keys.kid"`}},
		step{Name: "good", As: "admin:root", Do: "PUT /v1/workstreams/chat", Body: with(`{"kid":"k","alg":"EdDSA","pem":"` + goodKey + `"}`), Status: 200},
	)
}

func TestPER9_APersistentWorkstreamNeedsItsSettings(t *testing.T) {
	h := newHouse(t)
	configured(h)
	const key = `"keys":[{"kid":"k","alg":"EdDSA","pem":"` + goodKey + `"}]`
	h.run(
		step{As: "admin:root", Do: "PUT /v1/workstreams/care", Body: `{"channel":"chat","mode":"persistent","settings":{"name":"Care","queue":"sales","keepSameAgent":true}}`,
			Status: 422, Contains: []string{`"code":"persistent_needs_settings"`, `"field":"keys"`}},
		step{As: "admin:root", Do: "PUT /v1/workstreams/care", Body: `{"channel":"chat","mode":"persistent","settings":{"name":"Care","queue":"sales",` + key + `}}`,
			Status: 422, Contains: []string{`"field":"keepSameAgent"`}},
		step{As: "admin:root", Do: "PUT /v1/workstreams/care", Body: `{"channel":"chat","mode":"persistent","settings":{"name":"Care","queue":"sales","keepSameAgent":true,` + key + `}}`,
			Status: 200, Contains: []string{`"mode":"persistent"`, `"kid":"k"`}},
		step{Name: "switched off later", As: "admin:root", Do: "PUT /v1/workstreams/care", Body: `{"channel":"chat","settings":{"name":"Care","queue":"sales","keepSameAgent":true}}`,
			Status: 422, Contains: []string{`"field":"keys"`}},
	)
}

func TestAPI1_OneOfTwoWhoEditWins(t *testing.T) {
	h := newHouse(t)
	configured(h)
	answer, _, _ := h.send(step{As: "admin:root", Do: "GET /v1/workstreams/chat"})
	seen := answer.Header.Get("ETag")
	if seen == "" {
		t.Fatal("no ETag")
	}
	h.run(
		step{As: "admin:root", Do: "PUT /v1/workstreams/chat", Header: []string{"If-Match", seen}, Key: "k1", Body: `{"channel":"chat","settings":{"name":"First","queue":"sales"}}`, Status: 200},
		step{As: "admin:rosa", Do: "PUT /v1/workstreams/chat", Header: []string{"If-Match", seen}, Body: `{"channel":"chat","settings":{"name":"Second","queue":"sales"}}`, Status: 412, Contains: []string{`"code":"changed"`}},
		step{Name: "the repeat of what won", As: "admin:root", Do: "PUT /v1/workstreams/chat", Header: []string{"If-Match", seen}, Key: "k1", Body: `{"channel":"chat","settings":{"name":"First","queue":"sales"}}`, Status: 200, Contains: []string{`"name":"First"`}},
		step{Name: "the key with another body", As: "admin:root", Do: "PUT /v1/workstreams/chat", Key: "k1", Body: `{"channel":"chat","settings":{"name":"Third","queue":"sales"}}`, Status: 422, Contains: []string{`"code":"idempotency_key_reused"`}},
		step{As: "admin:root", Do: "PUT /v1/queues/sales", Header: []string{"If-Match", `"99"`}, Body: `{"name":"Other"}`, Status: 412},
	)
}

func TestAPI5_OnlyAdministratorsConfigure(t *testing.T) {
	h := newHouse(t)
	configured(h)
	for _, who := range []string{"agent:anna", "supervisor:sue", "auditor:eve", "visitor:v1", "service:s", "bot:b"} {
		h.run(
			step{As: who, Do: "PUT /v1/queues/q2", Body: `{"name":"Q"}`, Status: 403, Contains: []string{`"code":"forbidden"`}},
			step{As: who, Do: "PUT /v1/workstreams/w2", Body: `{"channel":"chat","settings":` + chatSettings + `}`, Status: 403},
			step{As: who, Do: "PUT /v1/widgets/w2", Body: `{"workstream":"chat"}`, Status: 403},
			step{As: who, Do: "PUT /v1/agents/bob", Body: `{"name":"Bob"}`, Status: 403},
			step{As: who, Do: "POST /v1/agents/anna/disable", Status: 403},
			step{As: who, Do: "POST /v1/tokens", Body: `{"subject":"x","role":"admin"}`, Status: 403},
			step{As: who, Do: "POST /v1/contacts/c1/erase", Status: 403},
		)
	}
	h.run(step{As: "visitor:v1", Do: "GET /v1/queues", Status: 403}, step{Do: "GET /v1/queues", Status: 401})
}

func TestAdministratorsSignTokens(t *testing.T) {
	h := newHouse(t)
	before := h.head()
	h.run(
		step{As: "admin:root", Do: "POST /v1/tokens", Body: `{"subject":"v7","role":"visitor","ttlSeconds":60,"widget":"shop"}`, Status: 201, Save: map[string]string{"token": "token"}},
		step{As: "${token}", Do: "GET /v1/me", Status: 200, Contains: []string{`"id":"v7"`, `"role":"visitor"`, `"widget":"shop"`}},
		step{As: "admin:root", Do: "POST /v1/tokens", Body: `{"subject":"a b","role":"agent"}`, Status: 400, Contains: []string{`"field":"subject"`}},
		step{As: "admin:root", Do: "POST /v1/tokens", Body: `{"subject":"a","role":"system"}`, Status: 400, Contains: []string{`"field":"role"`}},
		step{As: "admin:root", Do: "POST /v1/tokens", Body: `{"subject":"a","role":"agent","ttlSeconds":0}`, Status: 400, Contains: []string{`"field":"ttlSeconds"`}},
	)
	if h.head() != before {
		t.Error("a token was recorded")
	}
}
