package api_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"

	"parley/api"
	"parley/domain"
	"parley/domain/policy"
	"parley/eventstore"
	"parley/eventstore/embedded"
	"parley/projections"
)

// house is the whole of Parley but its router and timers: log, keys, engine
// with every policy, read models, and the API over real HTTP.
type house struct {
	t      *testing.T
	URL    string
	Log    *embedded.Log
	Keys   eventstore.Keys
	Engine *eventstore.Engine
	Views  *projections.Views
	Server *api.Server
	Logged *safeBuffer
	Clock  *clock

	router routers.Router
	tokens map[string]string
	// Position is the highest that any answer told.
	Position string
	vars     map[string]string
	keys     int    // that steps were given which have none
	done     []done // what recorded something
}

// newHouse builds a house that stands until the test ends.
func newHouse(t *testing.T, change ...func(*api.Options)) *house {
	t.Helper()
	h := &house{
		t: t, Clock: &clock{}, Keys: &houseKeys{keys: map[string][]byte{}}, Logged: &safeBuffer{},
		tokens: map[string]string{}, vars: map[string]string{},
	}
	var err error
	if h.Log, err = embedded.Open(embedded.Options{Dir: t.TempDir(), Now: h.Clock.Now}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.check(h.Log.Close()) })
	kinds, err := projections.Kinds()
	if err != nil {
		t.Fatal(err)
	}
	codec := &eventstore.Codec{Kinds: kinds, Keys: h.Keys}
	h.Engine = eventstore.NewEngine(h.Log, codec, policy.All(), h.Clock.Now)
	h.Engine.Terms = api.Terms(h.Engine)

	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	runner, err := projections.Open(ctx, projections.Config{
		Log: h.Log, Codec: codec, Dir: t.TempDir(), Projections: projections.All(), Now: h.Clock.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	h.Views = &projections.Views{Runner: runner, Codec: codec, Now: h.Clock.Now}
	options := api.Options{
		Engine: h.Engine, Keys: h.Keys, Now: h.Clock.Now, Views: h.Views, Limits: api.DefaultLimits(),
		Logger: slog.New(slog.NewJSONHandler(h.Logged, nil)),
	}
	options.Limits.Rate = 0        // tests of limits set it
	options.Limits.Wait = patience // a busy machine may take its time
	for _, one := range change {
		one(&options)
	}
	if h.Server, err = api.New(options); err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(h.Server.Handler())
	h.URL = web.URL
	ended := make(chan error, 2)
	go func() { ended <- runner.Run(ctx) }()
	go func() { ended <- h.Server.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		web.Close()
		h.check(errors.Join(<-ended, <-ended, runner.Close()))
	})
	h.router = contractRouter(t)
	t.Cleanup(h.repeat)
	return h
}

// done is a command that recorded something, with its key, and what it was told.
type done struct {
	step
	told map[string]any
}

// repeat sends all again that recorded something, with its key, whatever has happened
// since: it is answered as it was, and nothing is recorded (API-1).
func (h *house) repeat() {
	if h.t.Failed() {
		return
	}
	for _, d := range h.done {
		before := h.head()
		answer, _, body := h.send(d.step)
		fail := func(format string, args ...any) {
			h.t.Errorf("%s, sent again as %s: "+format+"\n%d %s\n%s", append(append([]any{d.Do, d.As}, args...), answer.StatusCode, body, h.errorsLogged())...)
		}
		if answer.StatusCode != d.Status {
			fail("want status %d as before", d.Status)
			continue
		}
		var told map[string]any
		if d.told != nil {
			h.check(json.Unmarshal(body, &told))
		}
		for _, what := range []string{"id", "conversation", "created", "message", "number", "visitor", "participant", "hold", "session"} {
			if now, was := fmt.Sprint(told[what]), fmt.Sprint(d.told[what]); now != was {
				fail("%s is %s, which was %s", what, now, was)
			}
		}
		for r, err := range h.Log.Read(context.Background(), eventstore.Query{After: before}) {
			if h.check(err); err == nil && !byItself(r) {
				fail("%s is recorded in %s: %s", r.Name, r.Stream, r.Data)
			}
		}
	}
}

// onRecord tells whether a command is on record: what found something, and made
// nothing, finds anew when it is repeated.
func (h *house) onRecord(s step) bool {
	h.t.Helper()
	claims, err := h.Server.Tokens().Verify(h.token(h.fill(s.As)))
	if err != nil {
		h.t.Fatal(err)
	}
	for _, err := range h.Log.Read(context.Background(), eventstore.Query{Command: domain.DeriveBytes(claims.Role, claims.Subject, s.Key), Limit: 1}) {
		if err != nil {
			h.t.Fatal(err)
		}
		return true
	}
	return false
}

// byItself tells of records that come of nothing that is asked: a feed ends with its
// test, and supervisors hear of a customer by the threshold of the moment (SES-10).
func byItself(r eventstore.Record) bool {
	return r.Name == "agent.disconnected" || r.Name == "agent.presence_changed" && bytes.Contains(r.Data, []byte(`"cause":"loss"`)) ||
		r.Name == "notification.raised" && bytes.Contains(r.Data, []byte(`"scenario":"sentiment"`))
}

func (h *house) check(err error) {
	if err != nil {
		h.t.Error(err)
	}
}

// contractRouter finds the operation of an answer, to hold it against the contract.
var contractRouter = sync.OnceValue(func() func(t *testing.T) routers.Router {
	text, err := os.ReadFile("openapi.yaml")
	var router routers.Router
	if err == nil {
		var doc *openapi3.T
		if doc, err = openapi3.NewLoader().LoadFromData(text); err == nil {
			doc.Servers = nil // the addresses are compared, not the host
			router, err = legacy.NewRouter(doc, openapi3.DisableExamplesValidation())
		}
	}
	return func(t *testing.T) routers.Router {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return router
	}
})()

// clock is the house's time: the real one, moved ahead at will.
type clock struct {
	mu    sync.Mutex
	ahead time.Duration
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.ahead)
}

// Advance moves the time ahead; no timer fires by it, see (*house).fire.
func (c *clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += d
}

// houseKeys keeps keys in memory.
type houseKeys struct {
	mu   sync.Mutex
	keys map[string][]byte
}

func (k *houseKeys) Key(subject string, create bool) ([]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	key, known := k.keys[subject]
	switch {
	case key != nil:
		return key, nil
	case known, !create:
		return nil, eventstore.ErrNoKey
	}
	sum := sha256.Sum256([]byte("key " + subject))
	k.keys[subject] = sum[:]
	return sum[:], nil
}

func (k *houseKeys) Destroy(subject string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.keys[subject] = nil
	return nil
}

func (k *houseKeys) Secret(name string) ([]byte, error) {
	sum := sha256.Sum256([]byte("secret " + name))
	return sum[:], nil
}

// safeBuffer is what the server logs.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// step is one request of a scenario and what is wanted of the answer.
type step struct {
	Name string
	// As is who asks: "agent:anna", "visitor:v1"; "" is nobody, and anything
	// without a colon is a token.
	As string
	// Method and URL: "POST /v1/conversations". URL and Body may name what was
	// saved: ${conversation}.
	Do   string
	Body string
	Key  string // Idempotency-Key
	// Header are further headers, in pairs.
	Header []string
	Status int
	// Contains are texts that the answer's JSON has, without spaces; Lacks
	// those that it does not have.
	Contains, Lacks []string
	// Save keeps members of the answer under names: {"c": "conversation"};
	// a path goes down by dots: "items.0.id".
	Save map[string]string
	// Records tells that a refusal does record something, or may.
	Records bool
}

// run asks one step after the other. Each answer is held against the contract;
// each query waits for the highest position seen; each success tells a
// position, in the header and in the body; a refusal records nothing.
func (h *house) run(steps ...step) {
	h.t.Helper()
	for _, s := range steps {
		h.ask(s)
	}
}

// ask asks one step and gives the answer's JSON.
func (h *house) ask(s step) map[string]any {
	h.t.Helper()
	if s.Name == "" {
		s.Name = s.As + " " + s.Do
	}
	command := !strings.HasPrefix(s.Do, "GET ") && s.As != ""
	if command && s.Key == "" {
		h.keys++
		s.Key = fmt.Sprintf("step-%d", h.keys)
	}
	before := h.head()
	answer, request, body := h.send(s)
	fail := func(format string, args ...any) {
		h.t.Helper()
		h.t.Fatalf("%s: "+format+"\n%d %s\n%s", append(append([]any{s.Name}, args...), answer.StatusCode, body, h.errorsLogged())...)
	}
	if answer.StatusCode != s.Status {
		fail("want status %d", s.Status)
	}
	if err := h.holds(request, answer, body); err != nil {
		fail("not as the contract has it: %v", err)
	}
	var told map[string]any
	if len(body) > 0 && strings.Contains(answer.Header.Get("Content-Type"), "json") {
		if err := json.Unmarshal(body, &told); err != nil {
			fail("no JSON: %v", err)
		}
	}
	tight := squeeze(body)
	for _, text := range s.Contains {
		if !strings.Contains(tight, h.fill(text)) {
			fail("lacks %s", h.fill(text))
		}
	}
	for _, text := range s.Lacks {
		if strings.Contains(tight, h.fill(text)) {
			fail("has %s", h.fill(text))
		}
	}
	if answer.StatusCode >= 400 {
		if !s.Records && h.head() != before {
			fail("refused, and yet something was recorded")
		}
		return told
	}
	position := answer.Header.Get("Parley-Position")
	if inBody, ok := told["position"].(string); ok && inBody != position {
		fail("two positions: %q in the header, %q in the body", position, inBody)
	}
	h.reached(position)
	if command && h.onRecord(s) {
		s.Do, s.Body, s.As = h.fill(s.Do), h.fill(s.Body), h.fill(s.As)
		for i := range s.Header {
			s.Header[i] = h.fill(s.Header[i])
		}
		h.done = append(h.done, done{s, told})
	}
	for name, path := range s.Save {
		value, ok := dig(told, path)
		if !ok {
			fail("has no %s", path)
		}
		h.vars[name] = value
	}
	return told
}

// patience ends what hangs: a feed that opens where a refusal is due would be
// read for ever. A busy machine may take its time.
const patience = 5 * time.Minute

// send makes the request.
func (h *house) send(s step) (*http.Response, *http.Request, []byte) {
	h.t.Helper()
	method, url, _ := strings.Cut(h.fill(s.Do), " ")
	if method == http.MethodGet && h.Position != "" && !strings.Contains(url, "after=") {
		mark := "?"
		if strings.Contains(url, "?") {
			mark = "&"
		}
		url += mark + "after=" + h.Position
	}
	r, err := http.NewRequest(method, h.URL+url, strings.NewReader(h.fill(s.Body)))
	if err != nil {
		h.t.Fatal(err)
	}
	if s.Body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if s.Key != "" {
		r.Header.Set("Idempotency-Key", s.Key)
	}
	if s.As != "" {
		r.Header.Set("Authorization", "Bearer "+h.token(h.fill(s.As)))
	}
	for i := 0; i+1 < len(s.Header); i += 2 {
		r.Header.Set(s.Header[i], h.fill(s.Header[i+1]))
	}
	answer, err := (&http.Client{Timeout: patience}).Do(r)
	if err != nil {
		h.t.Fatal(err)
	}
	body, err := io.ReadAll(answer.Body)
	if err := errors.Join(err, answer.Body.Close()); err != nil {
		h.t.Fatal(err)
	}
	return answer, r, body
}

// holds holds an answer against the contract.
func (h *house) holds(r *http.Request, answer *http.Response, body []byte) error {
	route, params, err := h.router.FindRoute(r)
	if err != nil {
		if answer.StatusCode == http.StatusNotFound || answer.StatusCode == http.StatusMethodNotAllowed {
			return nil // an address that the contract does not have
		}
		return err
	}
	return openapi3filter.ValidateResponse(r.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: r, PathParams: params, Route: route},
		Status:                 answer.StatusCode, Header: answer.Header, Body: io.NopCloser(bytes.NewReader(body)),
	})
}

// token is the token of "role:id".
func (h *house) token(who string) string {
	h.t.Helper()
	role, id, ok := strings.Cut(who, ":")
	if !ok {
		return who
	}
	if h.tokens[who] == "" {
		text, err := h.Server.Tokens().Mint(id, role, 1000*time.Hour)
		if err != nil {
			h.t.Fatal(err)
		}
		h.tokens[who] = text
	}
	return h.tokens[who]
}

func (h *house) head() eventstore.Position {
	h.t.Helper()
	info, err := h.Log.Info(context.Background())
	if err != nil {
		h.t.Fatal(err)
	}
	return info.Head
}

// reached notes a position that an answer told.
func (h *house) reached(text string) {
	h.t.Helper()
	if text == "" {
		return
	}
	info, err := h.Log.Info(context.Background())
	if err != nil {
		h.t.Fatal(err)
	}
	now, err := eventstore.ParsePosition(info.Store, text)
	if err != nil || now > info.Head {
		h.t.Fatalf("no position of this log, whose head is %d: %q %v", info.Head, text, err)
	}
	if h.Position != "" {
		if before, err := eventstore.ParsePosition(info.Store, h.Position); err == nil && before >= now {
			return
		}
	}
	h.Position = text
}

// fill puts what was saved in place of ${name}.
func (h *house) fill(text string) string {
	return os.Expand(text, func(name string) string {
		value, ok := h.vars[name]
		if !ok {
			h.t.Fatalf("nothing was saved as %s: there is %v", name, maps.Collect(maps.All(h.vars)))
		}
		return value
	})
}

// errorsLogged are the lines of internal errors.
func (h *house) errorsLogged() string {
	var found []string
	for line := range strings.Lines(h.Logged.String()) {
		if strings.Contains(line, `"level":"ERROR"`) {
			found = append(found, line)
		}
	}
	return strings.Join(found, "")
}

// dig finds a member by its path.
func dig(value any, path string) (string, bool) {
	for name := range strings.SplitSeq(path, ".") {
		switch v := value.(type) {
		case map[string]any:
			value = v[name]
		case []any:
			var i int
			if err := json.Unmarshal([]byte(name), &i); err != nil || i >= len(v) {
				return "", false
			}
			value = v[i]
		default:
			return "", false
		}
	}
	switch v := value.(type) {
	case nil:
		return "", false
	case string:
		return v, true
	default:
		text, err := json.Marshal(v)
		return string(text), err == nil
	}
}

// squeeze takes the spaces out of JSON, so that texts are found in it.
func squeeze(body []byte) string {
	var b bytes.Buffer
	if json.Compact(&b, body) != nil {
		return string(body)
	}
	return b.String()
}

// do carries a command out past the API, as who runs the place does.
func do[S, E any](h *house, k *domain.Kind[S, E], id string, cmd domain.Command[S, E]) eventstore.Outcome {
	h.t.Helper()
	out, err := eventstore.Act(context.Background(), h.Engine, k, id, cmd, eventstore.Meta{Actor: domain.Actor{ID: "test", Role: domain.RoleSystem}})
	if err != nil {
		h.t.Fatal(err)
	}
	info, err := h.Log.Info(context.Background())
	if err != nil {
		h.t.Fatal(err)
	}
	h.reached(out.Position.Text(info.Store))
	return out
}
