package api_test

import (
	"testing"
	"time"
)

// TestSUM10_ARepeatProvesNothingAnew: the token that a proven customer got ends when it
// was to end, also where it is asked for again with the old proof.
func TestSUM10_ARepeatProvesNothingAnew(t *testing.T) {
	h := newHouse(t)
	seed(h)
	start := step{As: "visitor:v1", Do: "POST /v1/conversations", Key: "start", Body: `{"widget":"app","customerToken":"${customer}","text":"Hi"}`, Status: 201, Save: map[string]string{"c": "conversation", "ct": "token"}}
	look := step{As: "${ct}", Do: "GET /v1/conversations/${c}/transcript", Status: 200}
	later := func(d time.Duration) {
		h.Clock.Advance(d)
		h.tokens = map[string]string{} // those of before have expired
	}
	h.run(start, look)
	later(20 * 24 * time.Hour)
	h.run(start, look)
	later(11 * 24 * time.Hour)
	look.Status = 401
	start.Save, start.Lacks = nil, []string{`"token"`}
	h.run(look, start)
}

// The same, of an invitation that he accepted.
func TestSUM10_ARepeatedAcceptanceProvesNothingAnew(t *testing.T) {
	h := newHouse(t)
	seed(h)
	h.run(
		step{As: "visitor:v1", Do: "POST /v1/widgets/shop/visitors", Body: `{}`, Status: 201},
		step{As: "service:rules", Do: "POST /v1/visitors/v1/invitations", Body: `{"message":"May we help?"}`, Status: 201, Save: map[string]string{"i": "id"}},
	)
	accept := step{As: "visitor:v1", Do: "POST /v1/visitors/v1/invitations/${i}/accept", Key: "accept", Body: `{"customerToken":"${customer}"}`, Status: 201, Save: map[string]string{"ct": "token"}}
	h.run(accept, accept)
	h.Clock.Advance(31 * 24 * time.Hour)
	h.tokens = map[string]string{} // those of before have expired
	accept.Save, accept.Lacks = nil, []string{`"token"`}
	h.run(accept)
}
