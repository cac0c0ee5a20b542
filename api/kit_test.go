package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"parley/domain"
	"parley/eventstore"
	"parley/eventstore/embedded"
)

// said is the only event of the tests' only kind: a conversation in which
// numbers are said.
type said struct {
	N     int             `json:"n"`
	Agent string          `json:"agent"`
	Text  domain.Personal `json:"text"`
}

type talk struct{ count int }

type say struct {
	agent string
	text  string
}

func (s say) Decide(t talk) ([]any, error) {
	if s.text == "no" {
		return nil, domain.Refuse("taken", "SES-2", "somebody was first").With("agent", "b")
	}
	return []any{said{N: t.count + 1, Agent: s.agent, Text: domain.Personal(s.text)}}, nil
}

var talkKind = &domain.Kind[talk, any]{
	Name:    "conversation",
	Apply:   func(t *talk, e any) { t.count = e.(said).N },
	Names:   domain.Names[any]{"conversation.said": said{}},
	Subject: func(id string, _ talk, _ any) string { return "visitor-" + id },
}

// testKeys keeps keys in memory.
type testKeys struct {
	mu   sync.Mutex
	keys map[string][]byte
	salt string
}

func (k *testKeys) Key(subject string, create bool) ([]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if key, ok := k.keys[subject]; ok || !create {
		if key == nil {
			return nil, eventstore.ErrNoKey
		}
		return key, nil
	}
	sum := sha256.Sum256([]byte(k.salt + subject))
	k.keys[subject] = sum[:]
	return sum[:], nil
}

func (k *testKeys) Destroy(subject string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.keys[subject] = nil
	return nil
}

func (k *testKeys) Secret(name string) ([]byte, error) {
	sum := sha256.Sum256([]byte(k.salt + "secret " + name))
	return sum[:], nil
}

// rig is a server with all that the tests look at.
type rig struct {
	*Server
	t    *testing.T
	url  string
	logs *lockedBuffer
}

// lockedBuffer is what the server logs.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// audience of the tests' event.
func testAudience(f domain.Fact) []string {
	keys := []string{ConversationKey(f.ID), VisitorKey(f.ID), Everyone}
	if e, ok := f.Event.(said); ok && e.Agent != "" {
		keys = append(keys, AgentKey(e.Agent))
	}
	return keys
}

// newServer makes a server on a log.
func newServer(t *testing.T, log eventstore.Log, change func(*Options)) (*Server, *lockedBuffer) {
	t.Helper()
	kinds, err := eventstore.NewKinds(eventstore.Register(talkKind))
	if err != nil {
		t.Fatal(err)
	}
	keys := &testKeys{keys: map[string][]byte{}}
	codec := &eventstore.Codec{Kinds: kinds, Keys: keys}
	logs := &lockedBuffer{}
	o := Options{
		Engine: eventstore.NewEngine(log, codec, nil, nil), Keys: keys, Limits: DefaultLimits(), Audience: testAudience,
		Logger: slog.New(slog.NewJSONHandler(logs, nil)),
		Public: func(_ context.Context, sort string, r eventstore.Record) (string, any, bool) {
			e, err := codec.Open(r)
			if err != nil {
				return "", nil, false
			}
			return "said", map[string]any{"n": e.(said).N, "text": e.(said).Text, "for": sort}, true
		},
	}
	o.Limits.Wait = patience // a busy machine may take its time
	if change != nil {
		change(&o)
	}
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s, logs
}

// newRig makes a server on an embedded log and serves it.
func newRig(t *testing.T, change func(*Options)) *rig {
	t.Helper()
	log, err := embedded.Open(embedded.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := log.Close(); err != nil {
			t.Error(err)
		}
	})
	s, logs := newServer(t, log, change)
	r := &rig{Server: s, t: t, logs: logs}
	r.serve()
	return r
}

// serve answers over real HTTP until the test ends.
func (r *rig) serve() {
	ctx, cancel := context.WithCancel(context.Background())
	web := httptest.NewServer(r.Handler())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	r.url = web.URL
	r.t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			r.t.Error(err)
		}
		web.Close()
	})
}

// post adds an operation that takes a body, for as long as the test runs. It
// has the roles of getMe.
func (r *rig) post(path string, f func(c echo.Context) error) {
	r.operations["POST "+path] = operation{ID: "getMe", Method: "POST", Route: path, Body: true}
	r.echo.POST(path, f)
}

func (r *rig) token(id, role string) string {
	r.t.Helper()
	text, err := r.Tokens().Mint(id, role, time.Hour)
	if err != nil {
		r.t.Fatal(err)
	}
	return text
}

// say records one more number.
func (r *rig) say(conversation, agent, text string) eventstore.Outcome {
	r.t.Helper()
	out, err := eventstore.Do(context.Background(), r.engine, talkKind, conversation, say{agent, text}, eventstore.Meta{Actor: domain.Actor{ID: agent, Role: domain.RoleAgent}})
	if err != nil {
		r.t.Fatal(err)
	}
	return out
}

// ask sends a request with headers given in pairs. A feed that opens where a
// refusal is due would be read for ever: patience ends it.
func (r *rig) ask(method, path, token, body string, headers ...string) (*http.Response, string) {
	r.t.Helper()
	q, err := http.NewRequest(method, r.url+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	if token != "" {
		q.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		q.Header.Add(headers[i], headers[i+1])
	}
	a, err := (&http.Client{Timeout: patience}).Do(q)
	if err != nil {
		r.t.Fatal(err)
	}
	text, err := io.ReadAll(a.Body)
	if err := errors.Join(err, a.Body.Close()); err != nil {
		r.t.Fatal(err)
	}
	return a, string(text)
}

// refused wants an answer to be a problem of this status and code.
func refused(t *testing.T, a *http.Response, body string, status int, code string) Problem {
	t.Helper()
	var p Problem
	if err := json.Unmarshal([]byte(body), &p); err != nil {
		t.Fatalf("no problem: %d %s", a.StatusCode, body)
	}
	if a.StatusCode != status || p.Status != status || p.Code != code || p.Type != "/problems/"+code || p.Title == "" || p.Detail == "" {
		t.Fatalf("want %d %s, got %d %s", status, code, a.StatusCode, body)
	}
	if kind := a.Header.Get("Content-Type"); kind != problemType {
		t.Fatalf("a problem of the type %q", kind)
	}
	if a.Header.Get(requestID) == "" {
		t.Fatal("a problem without a request id")
	}
	return p
}

// appended writes one record past the engine, for logs in memory.
func appended(t *testing.T, s *Server, conversation string, revision eventstore.Revision) eventstore.Record {
	t.Helper()
	name, data, err := s.engine.Codec.Encode(said{N: int(revision) + 2}, "visitor-"+conversation)
	if err != nil {
		t.Fatal(err)
	}
	written, err := s.engine.Log.Append(context.Background(), talkKind.Stream(conversation), revision,
		eventstore.Record{ID: uuid.New(), Name: name, Data: data, HappenedAt: time.Now(), Subject: "visitor-" + conversation})
	if err != nil {
		t.Fatal(err)
	}
	return written[0]
}
