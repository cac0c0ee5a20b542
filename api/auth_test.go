package api

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"parley/domain"
)

func TestAPI5_OnlyAGoodTokenGetsIn(t *testing.T) {
	now := time.Now()
	r := newRig(t, func(o *Options) { o.Now = func() time.Time { return now } })
	token := r.token("a1", domain.RoleAgent)
	a, body := r.ask("GET", "/v1/me", token, "")
	var me Me
	if err := json.Unmarshal([]byte(body), &me); err != nil || a.StatusCode != 200 || me.Id != "a1" || me.Role != RoleAgent || me.Expires == nil {
		t.Fatalf("%d %s", a.StatusCode, body)
	}
	if a.Header.Get("Cache-Control") != "no-store" || a.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("%v", a.Header)
	}
	a, body = r.ask("GET", "/v1/me", "", "")
	refused(t, a, body, 401, "unauthenticated")
	if a.Header.Get("WWW-Authenticate") != `Bearer realm="parley"` {
		t.Errorf("%v", a.Header)
	}
	a, body = r.ask("GET", "/v1/me", token+"x", "")
	refused(t, a, body, 401, "invalid_token")
	a, body = r.ask("GET", "/v1/me", "", "", "Authorization", "Basic YTpi")
	refused(t, a, body, 401, "invalid_token")
	a, body = r.ask("GET", "/v1/me", token, "", "Authorization", "Bearer "+token)
	if p := refused(t, a, body, 401, "invalid_token"); p.Field == nil || *p.Field != "Authorization" {
		t.Errorf("two tokens: %s", body)
	}
	a, body = r.ask("GET", "/v1/me?access_token="+token, "", "")
	refused(t, a, body, 401, "unauthenticated")

	now = now.Add(2 * time.Hour)
	a, body = r.ask("GET", "/v1/me", token, "")
	refused(t, a, body, 401, "token_expired")
	if strings.Contains(r.logs.String(), token) || strings.Contains(r.logs.String(), "access_token") {
		t.Error("a token is in the log")
	}
}

func TestAPI5_RolesAreEnforced(t *testing.T) {
	r := newRig(t, func(o *Options) {
		o.Admit = func(_ context.Context, c Caller) error {
			if c.ID == "gone" {
				return &domain.Error{Code: "disabled"}
			}
			return nil
		}
	})
	a, body := r.ask("GET", "/v1/events/names", r.token("v1", domain.RoleVisitor), "")
	refused(t, a, body, 403, "forbidden")
	a, body = r.ask("GET", "/v1/events/names", r.token("a1", domain.RoleAgent), "")
	if a.StatusCode != 200 || !strings.Contains(body, "conversation.said") {
		t.Errorf("%d %s", a.StatusCode, body)
	}
	a, body = r.ask("GET", "/v1/me", r.token("gone", domain.RoleAgent), "")
	refused(t, a, body, 403, "disabled")

	r.operations["GET /v1/lineless"] = operation{ID: "lineless"}
	for _, path := range []string{"/v1/lineless", "/v1/unnamed"} { // in the contract without roles; not in the contract
		r.echo.GET(path, func(c echo.Context) error { return c.NoContent(204) })
		r.routes["GET "+path] = true
		a, body = r.ask("GET", path, r.token("a1", domain.RoleAdmin), "")
		refused(t, a, body, 403, "forbidden")
	}
}

func TestTheSocketIsTheLocalAdministrators(t *testing.T) {
	r := newRig(t, nil)
	path := filepath.Join(t.TempDir(), "parley.sock")
	l, err := ListenSocket(path)
	if err != nil {
		t.Fatal(err)
	}
	other, _ := newServer(t, r.engine.Log, nil)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- other.Serve(ctx, l) }()
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v %v", info, err)
	}
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}}}
	get := func(token string) (int, string) {
		q, err := http.NewRequest("GET", "http://parley/v1/me", nil)
		if err != nil {
			t.Fatal(err)
		}
		if token != "" {
			q.Header.Set("Authorization", "Bearer "+token)
		}
		a, err := client.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(a.Body)
		if err := errors.Join(err, a.Body.Close()); err != nil {
			t.Fatal(err)
		}
		return a.StatusCode, string(text)
	}
	if status, body := get(""); status != 200 || !strings.Contains(body, `"role":"admin"`) {
		t.Errorf("%d %s", status, body)
	}
	if status, body := get(r.token("a1", domain.RoleAgent)); status != 200 || !strings.Contains(body, `"id":"a1"`) {
		t.Errorf("a token counts first: %d %s", status, body)
	}
	if status, _ := get("bad"); status != 401 {
		t.Errorf("a bad token does not fall back to the socket: %d", status)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is left behind: %v", err)
	}
	if _, err := net.Dial("unix", path); err == nil {
		t.Error("it still answers")
	}
}

func TestASocketReplacesOnlyASocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "parley.sock")
	if err := os.WriteFile(path, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ListenSocket(path); err == nil {
		t.Error("a file was replaced")
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second replaces what the first left
		l, err := ListenSocket(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := l.(*socket).Listener.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestASocketsPathIsMeasuredFirst(t *testing.T) {
	folder := t.TempDir()
	deep := filepath.Join(folder, strings.Repeat("d", maxSocketPath-socketMade-len(folder)-1))
	if err := os.MkdirAll(deep+"x", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(deep, 0o700); err != nil {
		t.Fatal(err)
	}
	l, err := ListenSocket(filepath.Join(deep, "parley.sock"))
	if err != nil {
		t.Fatalf("the longest path that there may be: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	_, err = ListenSocket(filepath.Join(deep+"x", "parley.sock"))
	if err == nil || !strings.Contains(err.Error(), "shorter path") {
		t.Errorf("a byte more: %v", err)
	}
	if left, err := os.ReadDir(deep + "x"); err != nil || len(left) > 0 {
		t.Errorf("%v is left behind: %v", left, err)
	}
}
