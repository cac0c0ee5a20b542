package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"parley/domain"
)

// BenchmarkMessage is one message from the request to the durable answer, as
// 64 visitors send them at once, without the network and without views.
func BenchmarkMessage(b *testing.B) {
	cfg := &config{data: b.TempDir(), location: time.UTC}
	h, err := openHouse(b.Context(), cfg, slog.New(slog.NewTextHandler(io.Discard, &slog.HandlerOptions{Level: slog.LevelWarn})))
	if err != nil {
		b.Fatal(err)
	}
	defer h.close()
	web := h.server.Handler()
	ask := func(method, path, token, key, body string) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(context.Background(), method, path, strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("Content-Type", "application/json")
		if key != "" {
			r.Header.Set("Idempotency-Key", key)
		}
		w := httptest.NewRecorder()
		web.ServeHTTP(w, r)
		if w.Code >= http.StatusBadRequest {
			b.Fatalf("%s %s: %d %s", method, path, w.Code, w.Body)
		}
		return w
	}
	mint := func(id, role string) string {
		token, err := h.server.Tokens().Mint(id, role, time.Hour)
		if err != nil {
			b.Fatal(err)
		}
		return token
	}
	admin := mint("admin", domain.RoleAdmin)
	ask("PUT", "/v1/queues/desk", admin, "", `{"name":"Desk"}`)
	ask("PUT", "/v1/workstreams/desk", admin, "", `{"channel":"chat","settings":{"name":"Desk","queue":"desk","assignment":"pick"}}`)
	ask("PUT", "/v1/widgets/desk", admin, "", `{"workstream":"desk"}`)
	var next atomic.Int64
	b.SetParallelism(32)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		id := fmt.Sprint("visitor-", next.Add(1))
		token := mint(id, domain.RoleVisitor)
		ask("POST", "/v1/widgets/desk/visitors", token, "", `{}`)
		var began struct{ Conversation string }
		if err := json.Unmarshal(ask("POST", "/v1/conversations", token, "", `{"widget":"desk","text":"Good morning"}`).Body.Bytes(), &began); err != nil {
			b.Fatal(err)
		}
		path, body := "/v1/conversations/"+began.Conversation+"/messages", `{"text":"`+benchText+`"}`
		for n := 0; pb.Next(); n++ {
			ask("POST", path, token, fmt.Sprint("key-", n), body)
		}
	})
}
