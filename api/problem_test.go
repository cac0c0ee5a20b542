package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/samber/lo"

	"parley/domain"
	"parley/eventstore"
	"parley/projections"
)

func TestAPI1_EveryErrorIsAProblem(t *testing.T) {
	r := newRig(t, func(o *Options) { o.Limits.Body = 64 })
	token := r.token("a1", domain.RoleAgent)
	var fails error
	r.post("/v1/fail", func(echo.Context) error { return fails })
	r.post("/v1/body", func(c echo.Context) error {
		var body struct {
			Name  string `json:"name"`
			Inner struct {
				Count int `json:"count"`
			} `json:"inner,omitempty"`
		}
		if err := c.Bind(&body); err != nil {
			return err
		}
		return c.NoContent(http.StatusNoContent)
	})
	_, parameterError := 0, echo.NewHTTPError(http.StatusBadRequest, "Invalid format for parameter limit: error binding")

	for _, c := range []struct {
		what   string
		err    error
		status int
		code   string
	}{
		{"a rule", domain.Refuse("taken", "SES-2", "it is b's").With("agent", "b"), 409, "taken"},
		{"a wrapped rule", fmt.Errorf("around: %w", domain.Invalid("name", "give one")), 400, "invalid"},
		{"another log", eventstore.ErrLogMoved, 410, "log_moved"},
		{"too much", eventstore.ErrTooLarge, 413, "too_large"},
		{"a reused key", eventstore.ErrKeyReused, 422, "idempotency_key_reused"},
		{"a race", &eventstore.ConflictError{Stream: "agent-a"}, 409, "contended"},
		{"no time", fmt.Errorf("wait: %w", context.DeadlineExceeded), 503, "unavailable"},
		{"closed", eventstore.ErrClosed, 503, "unavailable"},
		{"a lost view", fmt.Errorf("%w: secret text", projections.ErrLost), 503, "behind"},
		{"held keys", fmt.Errorf("%w: secret text", eventstore.ErrKeysHeld), 503, "unavailable"},
		{"stopped", fmt.Errorf("%w: secret text", eventstore.ErrStopped), 503, "unavailable"},
		{"a parameter", parameterError, 400, "invalid"},
		{"anything", errors.New("secret text"), 500, "internal"},
		{"an unknown code", domain.Refuse("nonsense", "", "secret text"), 500, "internal"},
		{"damage", &eventstore.DamageError{Where: "secret text"}, 500, "internal"},
	} {
		t.Run(c.what, func(t *testing.T) {
			fails = c.err
			a, body := r.ask("POST", "/v1/fail", token, "")
			p := refused(t, a, body, c.status, c.code)
			if strings.Contains(body, "secret") {
				t.Errorf("it leaks: %s", body)
			}
			if c.status == 503 && a.Header.Get("Retry-After") == "" {
				t.Error("no Retry-After")
			}
			switch c.code {
			case "taken":
				if *p.Rule != "SES-2" || (*p.Outcome)["agent"] != "b" || p.Detail != "it is b's" {
					t.Errorf("%+v", p)
				}
			case "invalid":
				if p.Field == nil || *p.Field != "name" && *p.Field != "limit" {
					t.Errorf("%+v", p)
				}
			case "internal":
				if p.Reference == nil || !strings.Contains(r.logs.String(), *p.Reference) {
					t.Errorf("%+v is not in the log", p)
				}
			}
		})
	}

	json := []string{"Content-Type", "application/json"}
	for _, c := range []struct {
		what, body  string
		headers     []string
		status      int
		code, field string
	}{
		{"empty", "", json, 400, "invalid_body", ""},
		{"cut off", `{"name":`, json, 400, "invalid_body", ""},
		{"no JSON", `name`, json, 400, "invalid_body", ""},
		{"two values", `{} {}`, json, 400, "invalid_body", ""},
		{"wrong kind", `{"inner":{"count":"x"}}`, json, 400, "invalid_body", "inner.count"},
		{"unknown field", `{"nmae":"x"}`, json, 400, "invalid_body", "nmae"},
		{"a field twice", `{"name":"x","name":"y"}`, json, 400, "invalid_body", "name"},
		{"a field twice, once escaped", `{"name":"x","n\u0061me":"y"}`, json, 400, "invalid_body", "name"},
		{"an inner field twice", `{"name":"x","inner":{"count":1,"count":2}}`, json, 400, "invalid_body", "inner.count"},
		{"other letters", `{"NAME":"x"}`, json, 400, "invalid_body", "NAME"},
		{"a field missing", `{"inner":{"count":1}}`, json, 400, "invalid", "name"},
		{"an inner field missing", `{"name":"x","inner":{}}`, json, 400, "invalid", "inner.count"},
		{"null for a field", `{"name":null}`, json, 400, "invalid", "name"},
		{"another charset", `{"name":"x"}`, []string{"Content-Type", "application/json; charset=latin1"}, 415, "unsupported_media_type", "Content-Type"},
		{"compressed", `{"name":"x"}`, append(json, "Content-Encoding", "gzip"), 415, "unsupported_media_type", "Content-Encoding"},
		{"no UTF-8", "{\"inner\":{\"count\":1},\"name\":\"Zo\xeb\"}", json, 400, "invalid_body", "name"},
		{"half a character", `{"inner":{"count":1},"name":"Zo\ud83d"}`, json, 400, "invalid_body", "name"},
		{"the other half", `{"inner":{"count":1},"name":"\udE00\ud83d"}`, json, 400, "invalid_body", "name"},
		{"half, and another escape", `{"name":"\ud83d\u0041"}`, json, 400, "invalid_body", "name"},
		{"half in a name", `{"\ud83d":"x"}`, json, 400, "invalid_body", ""},
		{"no type", `{"name":"x"}`, nil, 415, "unsupported_media_type", ""},
		{"a form", `name=x`, []string{"Content-Type", "application/x-www-form-urlencoded"}, 415, "unsupported_media_type", ""},
		{"too large", `{"name":"` + strings.Repeat("x", 64) + `"}`, json, 413, "too_large", ""},
	} {
		t.Run("body "+c.what, func(t *testing.T) {
			a, body := r.ask("POST", "/v1/body", token, c.body, c.headers...)
			p := refused(t, a, body, c.status, c.code)
			if c.field != "" && (p.Field == nil || *p.Field != c.field) {
				t.Errorf("field: %s", body)
			}
		})
	}
	for _, good := range []string{`x`, `\ud83d\ude00`, `\\ud83d`, `\\\\ud83d`, `\n\ud83d\ude00\u00eb`} {
		if a, body := r.ask("POST", "/v1/body", token, `{"name":"`+good+`"}`, json...); a.StatusCode != 204 {
			t.Errorf("%s: %d %s", good, a.StatusCode, body)
		}
	}
}

// TestAPI1_AProblemSaysWhatANumberIsTo: what does not fit is told in words that
// help, not in the decoder's.
func TestAPI1_AProblemSaysWhatANumberIsTo(t *testing.T) {
	r := newRig(t, nil)
	r.post("/v1/body", func(c echo.Context) error {
		var body struct {
			N int8 `json:"n"`
		}
		return c.Bind(&body)
	})
	for given, want := range map[string]string{
		"1.0": "without fraction", "1e2": "without fraction", "128": "beyond", "9999999999999999999999": "beyond", `"1"`: "a whole number, not a string",
		strings.Repeat("[", 20_000): "too deep",
	} {
		a, body := r.ask("POST", "/v1/body", r.token("a1", domain.RoleAgent), `{"n":`+given+`}`, "Content-Type", "application/json")
		if p := refused(t, a, body, 400, "invalid_body"); !strings.Contains(p.Detail, want) {
			t.Errorf("%.20s: %s", given, p.Detail)
		}
	}
}

// TestAPI1_AQueryThatIsNotReadIsRefused: a filter that was misspelt, or lost to
// its encoding, would else be none, and the answer would be everything.
func TestAPI1_AQueryThatIsNotReadIsRefused(t *testing.T) {
	r := newRig(t, nil)
	token := r.token("a1", domain.RoleAdmin)
	for query, field := range map[string]string{
		"queu=sales": "queu", "Queue=sales": "Queue", "queue=a&queue=b": "queue", "queue=%zz": "", "queue=a;state=open": "",
		"limit=x": "limit", "limit=99999999999999999999": "limit", "limit=": "limit",
	} {
		a, body := r.ask("GET", "/v1/conversations?"+query, token, "")
		p := refused(t, a, body, 400, "invalid")
		if got := lo.FromPtr(p.Field); got != field {
			t.Errorf("%s: the field is %q", query, got)
		}
		if strings.Contains(p.Detail, "strconv") || strings.Contains(p.Detail, "binding") {
			t.Errorf("%s: %s", query, p.Detail)
		}
	}
	a, body := r.ask("GET", "/v1/agents/a1/feed?after=0&after=1", token, "")
	refused(t, a, body, 400, "invalid")
	if a, body := r.ask("GET", "/v1/me?after=0", token, ""); a.StatusCode != 200 {
		t.Errorf("after: %d %s", a.StatusCode, body)
	}
}

// TestAPI1_AddressesAreDecodedOnce: what stands encoded in an address is what is
// named, by whichever route it is read.
func TestAPI1_AddressesAreDecodedOnce(t *testing.T) {
	r := newRig(t, nil)
	token := r.token("a~1", domain.RoleAgent)
	r.listen("/v1/agents/%61%7E1/feed", token, "")
	var named string
	r.echo.GET("/v1/named/:text", func(c echo.Context) error {
		named = c.Param("text")
		return c.NoContent(http.StatusNoContent)
	})
	r.operations["GET /v1/named/:text"] = operation{ID: "getMe"}
	for sent, want := range map[string]string{"50%25": "50%25", "%2541": "%2541", "a%2Fb": "a%2Fb", "caf%C3%A9": "caf%C3%A9"} {
		if a, body := r.ask("GET", "/v1/named/"+sent, token, ""); a.StatusCode != 204 || named != want {
			t.Errorf("%s: %d %q %s", sent, a.StatusCode, named, body)
		}
	}
}

func TestAPI1_AddressesThatAreNoneAreProblems(t *testing.T) {
	r := newRig(t, nil)
	a, body := r.ask("GET", "/v1/nothing", "", "")
	refused(t, a, body, 404, "not_found")
	a, body = r.ask("DELETE", "/v1/me", "", "")
	refused(t, a, body, 405, "method_not_allowed")
	if allow := a.Header.Get("Allow"); !strings.Contains(allow, "GET") {
		t.Errorf("Allow: %q", allow)
	}
}

func TestAPI1_HeadAnswersAsGetWithoutTheBody(t *testing.T) {
	r := newRig(t, nil)
	token := r.token("a1", domain.RoleAgent)
	for path, with := range map[string]string{"/v1/me": token, "/v1/conversations": "", "/v1/nothing": token, "/openapi.yaml": "", "/healthz": ""} {
		want, body := r.ask("GET", path, with, "")
		a, none := r.ask("HEAD", path, with, "")
		if a.StatusCode != want.StatusCode || none != "" || a.Header.Get("Content-Type") != want.Header.Get("Content-Type") {
			t.Errorf("%s: %d %s %q, where GET says %d %s", path, a.StatusCode, a.Header.Get("Content-Type"), none, want.StatusCode, want.Header.Get("Content-Type"))
		}
		if n := a.ContentLength; n >= 0 && n != int64(len(body)) && want.StatusCode == 200 {
			t.Errorf("%s: of %d bytes, where GET has %d", path, n, len(body))
		}
	}
	a, body := r.ask("HEAD", "/v1/agents/a1/feed", token, "") // it would never end
	if a.StatusCode != 405 || body != "" || a.Header.Get("Allow") != "GET" {
		t.Errorf("a feed: %d %q, allowed: %q", a.StatusCode, body, a.Header.Get("Allow"))
	}
}

func TestAQueryThatWaitsTooLongIsBehind(t *testing.T) {
	r := newRig(t, func(o *Options) { o.Limits.Wait = time.Millisecond })
	r.operations["GET /v1/wait"] = operation{ID: "getMe"}
	r.echo.GET("/v1/wait", func(c echo.Context) error {
		<-c.Request().Context().Done()
		return c.Request().Context().Err()
	})
	a, body := r.ask("GET", "/v1/wait", r.token("a1", domain.RoleAgent), "")
	refused(t, a, body, 503, "behind")
}

func TestAPanicIsAProblemAndLeaksNothing(t *testing.T) {
	r := newRig(t, nil)
	r.post("/v1/panic", func(echo.Context) error { panic("secret text") })
	a, body := r.ask("POST", "/v1/panic", r.token("a1", domain.RoleAgent), "")
	refused(t, a, body, 500, "internal")
	if strings.Contains(body, "secret") || !strings.Contains(r.logs.String(), "secret text") {
		t.Errorf("%s\n%s", body, r.logs)
	}
}
