package api

import (
	"context"
	"strings"
	"testing"
	"time"

	"parley/eventstore"
)

func TestAPI1_TheServerServesItsContractAndDocs(t *testing.T) {
	r := newRig(t, nil)
	if a, body := r.ask("GET", "/openapi.yaml", "", ""); a.StatusCode != 200 || body != string(contract) {
		t.Errorf("%d", a.StatusCode)
	}
	_, docs := r.ask("GET", "/docs", "", "")
	for _, op := range r.spec.operations {
		if !strings.Contains(docs, `id="`+op.ID+`"`) || !strings.Contains(docs, "<code>"+op.Path+"</code>") {
			t.Errorf("/docs does not show %s", op.ID)
		}
	}
	for _, schema := range r.spec.Components.Schemas {
		if !strings.Contains(docs, `<article id="`+schema.Name+`">`) {
			t.Errorf("/docs does not show the schema %s", schema.Name)
		}
	}
	if strings.Contains(docs, "http://") || strings.Contains(docs, "https://") || strings.Contains(docs, "<script") {
		t.Error("/docs loads something from elsewhere")
	}
	_, problems := r.ask("GET", "/problems", "", "")
	for code := range refusals {
		if !strings.Contains(problems, `href="/problems/`+code+`"`) {
			t.Errorf("/problems does not show %s", code)
		}
	}
	if a, body := r.ask("GET", "/problems/offer_expired", "", ""); a.StatusCode != 200 || !strings.Contains(body, "NOT-3") {
		t.Errorf("%d %s", a.StatusCode, body)
	}
	if a, body := r.ask("GET", "/", "", ""); a.StatusCode != 200 || !strings.Contains(body, `href="/docs"`) {
		t.Errorf("%d %s", a.StatusCode, body)
	}
}

func TestThePagesShowWhatIsQuotedAsCode(t *testing.T) {
	if got := prose("give `a<b>` or `c`, <i>not</i> `\"d"); got != "give <code>a&lt;b&gt;</code> or <code>c</code>, &lt;i&gt;not&lt;/i&gt; `&#34;d" {
		t.Errorf("%s", got)
	}
	r := newRig(t, nil)
	paths := []string{"/", "/docs", "/problems"}
	for code := range refusals {
		paths = append(paths, "/problems/"+code)
	}
	for _, path := range paths {
		if _, body := r.ask("GET", path, "", ""); strings.Contains(body, "`") {
			t.Errorf("%s shows a backtick", path)
		}
	}
	if _, body := r.ask("GET", "/docs", "", ""); !strings.Contains(body, "<code>&lt;store&gt;:&lt;number&gt;</code>") {
		t.Error("/docs does not show a position's form as code")
	}
}

func TestTheServerTellsHowItIs(t *testing.T) {
	reasons := []string{"projections are being built"}
	r := newRig(t, func(o *Options) {
		o.Ready = func() []string { return reasons }
		o.Followers = func() []Follower {
			return []Follower{{Name: "inbox", Events: 5, Lag: 2 * time.Second, Stalled: true, Parked: 1}, {Name: "webhooks", Reactor: true}}
		}
	})
	for _, method := range []string{"GET", "HEAD"} {
		if a, body := r.ask(method, "/healthz", "", ""); a.StatusCode != 200 {
			t.Errorf("%s: %d %s", method, a.StatusCode, body)
		}
		if a, body := r.ask(method, "/readyz", "", ""); a.StatusCode != 503 {
			t.Errorf("%s: %d %s", method, a.StatusCode, body)
		}
	}
	if a, body := r.ask("GET", "/readyz", "", ""); a.StatusCode != 503 || !strings.Contains(body, "being built") {
		t.Errorf("%d %s", a.StatusCode, body)
	}
	reasons = nil
	if a, body := r.ask("GET", "/readyz", "", ""); a.StatusCode != 200 {
		t.Errorf("%d %s", a.StatusCode, body)
	}
	log := r.engine.Log
	r.engine.Log = stoppedLog{log}
	if a, body := r.ask("GET", "/readyz", "", ""); a.StatusCode != 503 || !strings.Contains(body, "look at the disk") {
		t.Errorf("%d %s", a.StatusCode, body)
	}
	r.engine.Log = log
	keys := r.opts.Keys
	for _, c := range []struct {
		by   error
		says string
	}{{eventstore.ErrStopped, "no keys are made since a write"}, {eventstore.ErrKeysHeld, "no keys are made while another server"}} {
		r.opts.Keys = stoppedKeys{keys, c.by}
		if a, body := r.ask("GET", "/readyz", "", ""); a.StatusCode != 503 || !strings.Contains(body, c.says) {
			t.Errorf("%d %s", a.StatusCode, body)
		}
	}
	r.opts.Keys = keys
	r.ask("GET", "/v1/me", "", "")
	_, text := r.ask("GET", "/metrics", "", "")
	for _, line := range []string{
		`parley_http_requests_total{operation="getMe",status="401"} 1`,
		`parley_http_request_seconds_count{operation="getMe"} 1`,
		`parley_log_head `,
		`parley_follower_lag_events{name="inbox",sort="projection"} 5`,
		`parley_follower_lag_seconds{name="inbox",sort="projection"} 2`,
		`parley_follower_stalled{name="inbox",sort="projection"} 1`,
		`parley_follower_parked{name="webhooks",sort="reactor"} 0`,
	} {
		if !strings.Contains(text, line) {
			t.Errorf("/metrics lacks %s", line)
		}
	}
}

// stoppedLog takes nothing more.
type stoppedLog struct{ eventstore.Log }

func (l stoppedLog) Info(ctx context.Context) (eventstore.Info, error) {
	info, err := l.Log.Info(ctx)
	info.Stopped = eventstore.ErrStopped
	return info, err
}

// stoppedKeys are made no more.
type stoppedKeys struct {
	eventstore.Keys
	by error
}

func (k stoppedKeys) Stopped() error { return k.by }
