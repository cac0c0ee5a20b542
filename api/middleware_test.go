package api

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"parley/domain"
	"parley/eventstore"
)

func TestAPI5_TooManyRequestsWait(t *testing.T) {
	now := time.Now() // which stands still, or a slow machine would have waited already
	r := newRig(t, func(o *Options) {
		o.Limits.Rate, o.Limits.Burst = 0.5, 3
		o.Now = func() time.Time { return now }
	})
	token, other := r.token("a1", domain.RoleAgent), r.token("a1", domain.RoleAgent)
	for range 3 {
		if a, body := r.ask("GET", "/v1/me", token, ""); a.StatusCode != 200 {
			t.Fatal(body)
		}
	}
	a, body := r.ask("GET", "/v1/me", token, "")
	refused(t, a, body, 429, "too_many_requests")
	if n, err := strconv.Atoi(a.Header.Get("Retry-After")); err != nil || n != 2 {
		t.Errorf("Retry-After: %q", a.Header.Get("Retry-After"))
	}
	if a, _ := r.ask("GET", "/v1/me", other, ""); a.StatusCode != 200 {
		t.Error("the limit is one token's")
	}
	if a, _ := r.ask("GET", "/healthz", "", ""); a.StatusCode != 200 {
		t.Error("health is not limited")
	}
}

func TestLimitsCanBeSwitchedOff(t *testing.T) {
	r := newRig(t, func(o *Options) { o.Limits = Limits{} })
	token := r.token("a1", domain.RoleAgent)
	for range 250 {
		if a, body := r.ask("GET", "/v1/me", token, ""); a.StatusCode != 200 {
			t.Fatal(body)
		}
	}
}

func TestRememberedCallersAreBounded(t *testing.T) {
	r := newRig(t, nil)
	for i := range maxBuckets + 100 {
		r.buckets.take(Caller{token: strconv.Itoa(i)})
	}
	if n := r.buckets.rates.len(); n > maxBuckets {
		t.Errorf("%d callers are remembered", n)
	}
}

func TestOnlyKnownOriginsMayAsk(t *testing.T) {
	r := newRig(t, func(o *Options) { o.Origins = []string{"https://shop.example"} })
	a, _ := r.ask("OPTIONS", "/v1/me", "", "", "Origin", "https://shop.example", "Access-Control-Request-Method", "GET")
	h := a.Header
	if a.StatusCode != 204 || h.Get("Access-Control-Allow-Origin") != "https://shop.example" ||
		!strings.Contains(h.Get("Access-Control-Allow-Headers"), "Idempotency-Key") || h.Get("Access-Control-Allow-Credentials") != "" {
		t.Errorf("%d %v", a.StatusCode, h)
	}
	a, _ = r.ask("GET", "/v1/me", r.token("a1", domain.RoleAgent), "", "Origin", "https://shop.example")
	if !strings.Contains(a.Header.Get("Access-Control-Expose-Headers"), positionHeader) || a.Header.Get("Vary") != "Origin" {
		t.Errorf("%v", a.Header)
	}
	a, _ = r.ask("GET", "/v1/me", r.token("a1", domain.RoleAgent), "", "Origin", "https://evil.example")
	if a.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("%v", a.Header)
	}
}

func TestTheLogOfRequestsTellsNothingPersonal(t *testing.T) {
	r := newRig(t, nil)
	r.ask("GET", "/v1/conversations/personal-id/feed?after=personal-query", r.token("personal-caller", domain.RoleVisitor), "", requestID, "personal-request")
	r.ask("GET", "/personal-path", "", "")
	logged := r.logs.String()
	if strings.Contains(logged, "personal-") {
		t.Error(logged)
	}
	if !strings.Contains(logged, `"route":"/v1/conversations/:conversation/feed"`) || !strings.Contains(logged, `"status":403`) {
		t.Error(logged)
	}
}

func TestTheRequestKeepsItsID(t *testing.T) {
	r := newRig(t, nil)
	id := uuid.NewString()
	for given, want := range map[string]string{id: id, "trace 7": correlate("trace 7").String()} {
		if a, _ := r.ask("GET", "/healthz", "", "", requestID, given); a.Header.Get(requestID) != want {
			t.Errorf("%q became %q, not %q", given, a.Header.Get(requestID), want)
		}
	}
}

func TestAPI1_TheIdempotencyKeyNamesTheCommand(t *testing.T) {
	r := newRig(t, nil)
	var got eventstore.Meta
	var body string
	r.post("/v1/do", func(c echo.Context) error {
		got = r.meta(c.Request().Context())
		text, err := io.ReadAll(c.Request().Body)
		body = string(text)
		if err != nil {
			return err
		}
		return c.String(200, r.at(c.Request().Context(), 7))
	})
	ask := func(id, role, body string, headers ...string) eventstore.Meta {
		t.Helper()
		a, text := r.ask("POST", "/v1/do", r.token(id, role), body, headers...)
		if a.StatusCode != 200 || a.Header.Get(positionHeader) != text || text != eventstore.Position(7).Text(r.store) {
			t.Fatalf("%d %s", a.StatusCode, text)
		}
		return got
	}
	first := ask("a1", domain.RoleAgent, "x", "Idempotency-Key", "k1")
	if body != "x" || first.Actor != (domain.Actor{ID: "a1", Role: domain.RoleAgent}) || first.Command == uuid.Nil || len(first.BodyHash) != 32 || first.Correlation == uuid.Nil {
		t.Fatalf("%q %+v", body, first)
	}
	again := ask("a1", domain.RoleAgent, "x", "Idempotency-Key", "k1")
	if again.Command != first.Command || string(again.BodyHash) != string(first.BodyHash) {
		t.Error("the same key and body make another command")
	}
	for what, m := range map[string]eventstore.Meta{
		"another key":    ask("a1", domain.RoleAgent, "x", "Idempotency-Key", "k2"),
		"another caller": ask("a2", domain.RoleAgent, "x", "Idempotency-Key", "k1"),
		"another role":   ask("a1", domain.RoleSupervisor, "x", "Idempotency-Key", "k1"),
		"no key":         ask("a1", domain.RoleAgent, "x"),
	} {
		if m.Command == first.Command {
			t.Errorf("%s makes the same command", what)
		}
	}
	if m := ask("a1", domain.RoleAgent, "y", "Idempotency-Key", "k1"); string(m.BodyHash) == string(first.BodyHash) {
		t.Error("another body has the same hash")
	}
	if m := ask("a1", domain.RoleAgent, "x"); m.Command != uuid.Nil {
		t.Error("without a key the engine is to take a fresh id")
	}
	for _, bad := range []string{"", "a b", "ä", strings.Repeat("x", 256)} {
		a, text := r.ask("POST", "/v1/do", r.token("a1", domain.RoleAgent), "x", "Idempotency-Key", bad)
		refused(t, a, text, 400, "idempotency_key_invalid")
	}
	a, text := r.ask("POST", "/v1/do", r.token("a1", domain.RoleAgent), "x", "Idempotency-Key", "a", "Idempotency-Key", "b")
	refused(t, a, text, 400, "idempotency_key_invalid")
}

func TestAPI1_ARepeatedCommandGetsTheRecordedAnswer(t *testing.T) {
	r := newRig(t, nil)
	r.post("/v1/say", func(c echo.Context) error {
		ctx := c.Request().Context()
		text, err := io.ReadAll(c.Request().Body)
		if err != nil {
			return err
		}
		out, err := eventstore.Do(ctx, r.engine, talkKind, "c1", say{"a1", string(text)}, r.meta(ctx))
		if err != nil {
			return err
		}
		return c.String(http.StatusOK, r.at(ctx, out.Position))
	})
	token := r.token("a1", domain.RoleAgent)
	_, first := r.ask("POST", "/v1/say", token, "hello", "Idempotency-Key", "k")
	_, second := r.ask("POST", "/v1/say", token, "hello", "Idempotency-Key", "k")
	if first != second || first == "" {
		t.Errorf("%q, then %q", first, second)
	}
	a, body := r.ask("POST", "/v1/say", token, "other", "Idempotency-Key", "k")
	refused(t, a, body, 422, "idempotency_key_reused")
	a, body = r.ask("POST", "/v1/say", token, "no")
	if p := refused(t, a, body, 409, "taken"); (*p.Outcome)["agent"] != "b" {
		t.Error(body)
	}
}

func TestAPI2_AfterAndIfMatchAreRead(t *testing.T) {
	r := newRig(t, nil)
	text := func(s string) *string { return &s }
	if p, err := r.after(nil); p != 0 || err != nil {
		t.Error(p, err)
	}
	if p, err := r.after(text(eventstore.Position(9).Text(r.store))); p != 9 || err != nil {
		t.Error(p, err)
	}
	_, err := r.after(text("elsewhere:9"))
	wantCode(t, err, "log_moved")
	_, err = r.after(text("nine"))
	wantCode(t, err, "invalid")

	with := func(ifMatch string) context.Context {
		return context.WithValue(context.Background(), callKey{}, &call{ifMatch: ifMatch, header: http.Header{}})
	}
	for header, want := range map[string]bool{"": true, "*": true, `"4"`: true, `W/"4"`: true, `"3"`: false} {
		if err := r.unchanged(with(header), 4); (err == nil) != want {
			t.Errorf("%q: %v", header, err)
		}
	}
	wantCode(t, r.unchanged(with(`"3"`), 4), "changed")
	wantCode(t, r.unchanged(with(`"x"`), 4), "invalid")
	ctx := with("")
	if r.etag(ctx, 4); callOf(ctx).header.Get("ETag") != `"4"` {
		t.Error(callOf(ctx).header)
	}
}
