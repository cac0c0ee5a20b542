package api_test

import (
	"testing"
	"time"

	"parley/domain/visitor"
)

// TestPER_AWholePersistentChat goes from the first message over a session that
// was closed, the customer's return on another device, to End and the next one.
func TestPER_AWholePersistentChat(t *testing.T) {
	h := newHouse(t)
	seed(h)
	h.vars["stale"] = newSite().signs(t, "c-1", h.Clock.Now().Add(-time.Hour))
	h.vars["unsigned"] = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJjLTEifQ."
	h.run(
		browser("app", "vt", "v"),
		step{Name: "PER-9 without a token", As: "${vt}", Do: "POST /v1/conversations", Body: `{"widget":"app"}`, Status: 403, Contains: []string{`"code":"persistent_needs_auth"`}},
		step{Name: "PER-9 an expired token", As: "${vt}", Do: "POST /v1/conversations", Body: `{"widget":"app","customerToken":"${stale}"}`, Status: 403, Contains: []string{`"code":"customer_token_invalid"`}},
		step{Name: "PER-9 an unsigned token", As: "${vt}", Do: "POST /v1/conversations", Body: `{"widget":"app","customerToken":"${unsigned}"}`, Status: 403, Contains: []string{`"code":"customer_token_invalid"`}},
		step{As: "${vt}", Do: "POST /v1/conversations", Body: `{"widget":"shop","customerToken":"${customer}"}`, Status: 403, Contains: []string{`"field":"widget"`}},
		step{As: "${vt}", Do: "POST /v1/conversations", Body: `{"widget":"app","customerToken":"${customer}","text":"My parcel is lost"}`, Status: 201,
			Contains: []string{`"created":true`}, Save: map[string]string{"c": "conversation", "ct": "token"}},
		step{As: "agent:carol", Do: "POST /v1/conversations/${c}/pick", Status: 403, Contains: []string{`"code":"not_member"`}},
		step{As: "agent:bob", Do: "POST /v1/conversations/${c}/reopen", Status: 409, Contains: []string{`"code":"conversation_not_open"`}},
		step{As: "agent:anna", Do: "POST /v1/conversations/${c}/pick", Key: "p1", Status: 200, Contains: []string{`"subState":"engaged"`}, Save: map[string]string{"hold": "hold"}},
		step{Name: "the same pick again", As: "agent:anna", Do: "POST /v1/conversations/${c}/pick", Key: "p1", Status: 200, Contains: []string{`"hold":"${hold}"`}},
		step{As: "agent:bob", Do: "POST /v1/conversations/${c}/pick", Status: 409, Contains: []string{`"code":"taken"`, `"agent":"anna"`}},
		step{Name: "PER-4 the customer does not end it", As: "${ct}", Do: "POST /v1/conversations/${c}/leave", Status: 409, Contains: []string{`"code":"end_refused_persistent"`}},
		step{As: "agent:anna", Do: "POST /v1/conversations/${c}/messages", Body: `{"text":"I look for it"}`, Status: 201},
		step{Name: "SES-7 what would happen", As: "agent:anna", Do: "POST /v1/sessions/${hold}/close", Status: 200, Contains: []string{`"state":"waiting"`, `"unitsFreed":30`, `"historyHidden":true`}},
		step{Name: "PER-7 X", As: "agent:anna", Do: "POST /v1/sessions/${hold}/close", Body: `{"confirm":true}`, Status: 200, Contains: []string{`"state":"waiting"`}},
		step{As: "agent:anna", Do: "GET /v1/agents/anna/capacity", Status: 200, Contains: []string{`"held":0`}},
		step{As: "agent:anna", Do: "GET /v1/agents/anna/work-items/my", Status: 200, Contains: []string{`"conversation":"${c}"`, `"state":"waiting"`}},
		browser("app", "vt2", "v2"),
		step{Name: "another device without proof", As: "${vt2}", Do: "GET /v1/conversations/${c}/transcript", Status: 403},
		step{Name: "PER-8 on another device", As: "${vt2}", Do: "POST /v1/conversations", Body: `{"widget":"app","customerToken":"${customer}"}`, Status: 200,
			Contains: []string{`"created":false`, `"conversation":"${c}"`, `"state":"waiting"`}, Save: map[string]string{"ct2": "token"}},
		step{Name: "PER-6 the whole history", As: "${ct2}", Do: "GET /v1/conversations/${c}/transcript", Status: 200, Contains: []string{`My parcel is lost`, `I look for it`}},
		step{Name: "its message opens it again", As: "${ct2}", Do: "POST /v1/conversations/${c}/messages", Body: `{"text":"And now?"}`, Status: 201, Contains: []string{`"state":"open"`, `"created":false`}},
		step{Name: "reopening is picking, until it is offered", As: "agent:anna", Do: "POST /v1/conversations/${c}/reopen", Status: 200, Contains: []string{`"subState":"engaged"`}},
		step{As: "agent:anna", Do: "POST /v1/conversations/${c}/end", Status: 200, Contains: []string{`"state":"wrap_up"`}},
		step{Name: "PER-6 no history after End", As: "${ct}", Do: "GET /v1/conversations/${c}/transcript", Status: 403},
		step{Name: "PER-6 the next message begins anew", As: "${ct2}", Do: "POST /v1/conversations/${c}/messages", Body: `{"clientMessageId":"z","text":"Thanks"}`, Status: 201,
			Contains: []string{`"created":true`, `"state":"open"`}, Save: map[string]string{"c2": "conversation", "ct3": "token"}},
		step{As: "${ct3}", Do: "GET /v1/conversations/${c2}/transcript", Status: 200, Contains: []string{`Thanks`}, Lacks: []string{`My parcel is lost`}},
		step{As: "agent:anna", Do: "DELETE /v1/conversations/${c2}/contact", Status: 403, Contains: []string{`"rule":"SUM-10"`}},
	)
}

func TestPER8_ReopenFromWaitingTakesCapacity(t *testing.T) {
	h := newHouse(t)
	seed(h)
	h.run(
		step{As: "service:crm", Do: "POST /v1/conversations", Body: `{"widget":"app","customerToken":"${customer}","text":"Hi"}`, Status: 201, Lacks: []string{`"token"`}, Save: map[string]string{"c": "conversation"}},
		step{As: "supervisor:sue", Do: "POST /v1/conversations/${c}/assign", Body: `{"agent":"carol"}`, Status: 200, Save: map[string]string{"hold": "hold"}},
		step{As: "agent:carol", Do: "GET /v1/agents/carol/notifications", Status: 200, Contains: []string{`"form":"toast"`, `"scenario":"assigned"`}},
		step{As: "agent:carol", Do: "POST /v1/sessions/${hold}/close", Body: `{"confirm":true}`, Status: 200, Contains: []string{`"state":"waiting"`}},
		step{As: "agent:bob", Do: "POST /v1/conversations/${c}/reopen", Status: 403, Contains: []string{`"code":"not_yours"`}},
		step{As: "agent:carol", Do: "POST /v1/conversations/${c}/reopen", Status: 200, Contains: []string{`"agent":"carol"`}},
		step{As: "agent:carol", Do: "GET /v1/agents/carol/capacity", Status: 200, Contains: []string{`"held":30`, `"purpose":"reopen"`}},
	)
}

func TestSUM10_AProvenCustomerMayGoOnUnproven(t *testing.T) {
	h := newHouse(t)
	seed(h)
	h.run(
		browser("shop", "vt", "v"),
		step{As: "${vt}", Do: "POST /v1/conversations", Body: `{"widget":"shop","customerToken":"${customer}"}`, Status: 201, Save: map[string]string{"c": "conversation", "ct": "token"}},
		step{Name: "the token outlives a reload", As: "${ct}", Do: "POST /v1/widgets/shop/visitors", Status: 201, Contains: []string{`"visitor":"${v}"`}, Save: map[string]string{"ct": "token"}},
		step{As: "${ct}", Do: "GET /v1/conversations/${c}/transcript", Status: 200},
		step{As: "${ct}", Do: "POST /v1/conversations/${c}/leave", Status: 200},
		step{As: "${ct}", Do: "POST /v1/conversations", Body: `{"widget":"shop"}`, Status: 201, Save: map[string]string{"c2": "conversation", "nt": "token"}},
		step{As: "${nt}", Do: "POST /v1/conversations/${c2}/messages", Body: `{"text":"Me again"}`, Status: 201},
		step{As: "agent:anna", Do: "GET /v1/conversations/${c2}", Status: 200, Contains: []string{`"authenticated":false`}, Lacks: []string{`"contact"`}},
	)
}

// A token that names a conversation opens no other, and is not prolonged by use. It
// lasts longer than the test takes anywhere.
func TestAPI5_ATokenForAConversationOpensNoOther(t *testing.T) {
	h := newHouse(t, withFeeds)
	seed(h)
	narrow := `{"subject":"v","role":"visitor","ttlSeconds":3600,"widget":"shop","conversation":"${b}"}`
	h.run(
		step{As: "visitor:v", Do: "POST /v1/conversations", Body: `{"widget":"shop","text":"a secret"}`, Status: 201, Save: map[string]string{"a": "conversation"}},
		step{As: "visitor:v", Do: "POST /v1/conversations", Body: `{"widget":"shop","thread":"other"}`, Status: 201, Save: map[string]string{"b": "conversation"}},
		step{As: "admin:root", Do: "POST /v1/tokens", Body: narrow, Status: 201, Save: map[string]string{"t": "token"}},
		step{As: "${t}", Do: "GET /v1/conversations/${a}/transcript", Status: 403},
		step{Name: "what goes on elsewhere is not opened", As: "${t}", Do: "POST /v1/conversations", Body: `{"widget":"shop"}`, Status: 403, Contains: []string{`"code":"forbidden"`}, Lacks: []string{"token\":", "${a}"}},
		step{Name: "its own line goes on", As: "${t}", Do: "POST /v1/conversations", Body: `{"widget":"shop","thread":"other"}`, Status: 200, Contains: []string{`"conversation":"${b}"`}, Save: map[string]string{"own": "token"}},
		step{Name: "a new one begins", As: "${t}", Do: "POST /v1/conversations", Key: "third", Body: `{"widget":"shop","thread":"third"}`, Status: 201, Contains: []string{`"created":true`}, Save: map[string]string{"new": "token", "c": "conversation"}},
		step{Name: "the request again", As: "${t}", Do: "POST /v1/conversations", Key: "third", Body: `{"widget":"shop","thread":"third"}`, Status: 201, Contains: []string{`"conversation":"${c}"`}},
		step{As: "${new}", Do: "GET /v1/conversations/${a}/transcript", Status: 403},
		step{As: "${t}", Do: "POST /v1/widgets/shop/visitors", Status: 201, Save: map[string]string{"again": "token"}},
		step{Name: "for a conversation that is not there", As: "admin:root", Do: "POST /v1/tokens", Body: `{"subject":"v","role":"visitor","conversation":"none"}`, Status: 201, Save: map[string]string{"none": "token"}},
		step{As: "${none}", Do: "POST /v1/conversations", Body: `{"widget":"shop"}`, Status: 403},
	)
	for _, name := range []string{"own", "new", "again"} {
		claims, err := h.Server.Tokens().Verify(h.vars[name])
		if err != nil {
			t.Fatal(err)
		}
		if left := claims.ExpiresAt.Sub(h.Clock.Now()); left > time.Hour {
			t.Errorf("the token %q lasts for %v more, and the one it came of for an hour", name, left)
		}
	}
	feed := h.listen(h.vars["t"], "/v1/visitors/v/feed")
	h.run(step{As: "visitor:v", Do: "POST /v1/conversations", Body: `{"widget":"shop","thread":"fourth"}`, Status: 201})
	do(h, &visitor.Kind, "v", visitor.Arrive{ID: "v", Widget: "shop"})
	do(h, &visitor.Kind, "v", visitor.Invite{ID: "i1", Message: "Need help?", At: h.Clock.Now()})
	if told := names(feed.until("visitor.invited")); len(told) != 1 {
		t.Errorf("the token for one conversation hears %v", told)
	}
}
