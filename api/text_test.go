package api_test

import "testing"

// TestAPI1_TextThatIsNoUTF8IsRefused sends it in each part of a request: the
// field is named, and nothing is written.
func TestAPI1_TextThatIsNoUTF8IsRefused(t *testing.T) {
	h := newHouse(t)
	seed(h)
	h.run(step{As: "visitor:v1", Do: "POST /v1/conversations", Body: `{"widget":"shop","text":"Hi"}`, Status: 201, Save: map[string]string{"c": "conversation"}})
	before := h.head()
	h.run(
		step{As: "visitor:v1", Do: "POST /v1/conversations/${c}/messages", Body: "{\"text\":\"Zo\xeb\"}", Status: 400, Contains: []string{`"code":"invalid_body"`, `"field":"text"`, "UTF-8"}},
		step{As: "admin:root", Do: "PUT /v1/queues/s%e4le", Body: `{"name":"Sale"}`, Status: 400, Contains: []string{`"field":"queue"`, "UTF-8"}},
		step{As: "admin:root", Do: "GET /v1/contacts?cursor=%ff", Status: 400, Contains: []string{`"field":"cursor"`, "UTF-8"}},
		step{As: "visitor:v1", Do: "GET /v1/conversations/${c}%00", Status: 400, Contains: []string{`"field":"conversation"`, "control character"}},
		step{As: "visitor:v1", Do: "GET /v1/conversations/%ff/feed", Status: 400, Contains: []string{`"field":"conversation"`}},
	)
	if after := h.head(); after != before {
		t.Errorf("something was written: %d after %d", after, before)
	}
}
