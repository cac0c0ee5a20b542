package api

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"parley/domain"
	"parley/eventstore"
)

// event is one server-sent event as a client sees it.
type event struct {
	id, name, data string
}

// patience ends a wait for what does not come. A busy machine may take its time.
const patience = 5 * time.Minute

// listener is a client of a feed: it reads as a browser would, and keeps the
// last event id over its connections.
type listener struct {
	r      *rig
	path   string
	token  string
	last   string
	answer *http.Response
	lines  *bufio.Scanner
	cancel context.CancelFunc
}

func (r *rig) listen(path, token, last string) *listener {
	r.t.Helper()
	l := &listener{r: r, path: path, token: token, last: last}
	l.connect()
	r.t.Cleanup(l.close)
	return l
}

func (l *listener) connect() {
	l.r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	l.cancel = cancel
	q, err := http.NewRequestWithContext(ctx, "GET", l.r.url+l.path, nil)
	if err != nil {
		l.r.t.Fatal(err)
	}
	q.Header.Set("Authorization", "Bearer "+l.token)
	if l.last != "" {
		q.Header.Set("Last-Event-ID", l.last)
	}
	answer, err := http.DefaultClient.Do(q)
	if err != nil {
		l.r.t.Fatal(err)
	}
	l.answer = answer
	if l.answer.StatusCode != 200 || !strings.HasPrefix(l.answer.Header.Get("Content-Type"), "text/event-stream") ||
		l.answer.Header.Get("X-Accel-Buffering") != "no" || l.answer.Header.Get(positionHeader) == "" {
		l.r.t.Fatalf("%d %v", l.answer.StatusCode, l.answer.Header)
	}
	l.lines = bufio.NewScanner(l.answer.Body)
}

func (l *listener) close() {
	l.cancel()
	if err := l.answer.Body.Close(); err != nil {
		l.r.t.Error(err)
	}
}

// next reads one event with data; ok is false when the feed ended.
func (l *listener) next() (e event, ok bool) {
	for l.lines.Scan() {
		field, value, _ := strings.Cut(l.lines.Text(), ": ")
		switch field {
		case "id":
			e.id = value
		case "event":
			e.name = value
		case "data":
			e.data = value
		case "":
			if e.id != "" {
				l.last = e.id
			}
			if e.data != "" {
				return e, true
			}
			e = event{}
		}
	}
	return event{}, false
}

func (l *listener) number() int {
	l.r.t.Helper()
	e, ok := l.next()
	var body struct{ N int }
	if !ok || e.name != "said" || json.Unmarshal([]byte(e.data), &body) != nil {
		l.r.t.Fatalf("%+v %v", e, ok)
	}
	return body.N
}

func TestAPI3_AFeedTellsWhatHappensNow(t *testing.T) {
	r := newRig(t, nil)
	r.say("c1", "a1", "before")
	agent := r.listen("/v1/agents/a1/feed", r.token("a1", domain.RoleAgent), "")
	visitor := r.listen("/v1/visitors/c1/feed", r.token("c1", domain.RoleVisitor), "")
	r.say("c1", "a2", "not for a1")
	out := r.say("c1", "a1", "for a1")
	e, _ := agent.next()
	if want := (event{out.Position.Text(r.store), "said", `{"for":"agent","n":3,"text":"for a1"}`}); e != want {
		t.Errorf("%+v, not %+v", e, want)
	}
	if e, _ := visitor.next(); e.data != `{"for":"visitor","n":2,"text":"not for a1"}` {
		t.Errorf("%+v", e)
	}
}

func TestAPI3_AReconnectingClientGetsExactlyWhatItMissed(t *testing.T) {
	for name, resume := range map[string]func(*rig) Resume{
		"from the log": nil,
		"from the stream": func(r *rig) Resume {
			return func(ctx context.Context, key string, after, until eventstore.Position) iter.Seq2[eventstore.Record, error] {
				_, id, _ := cutKey(key)
				return WithinStream(ctx, r.engine.Log, talkKind.Stream(id), after, until)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, nil)
			if resume != nil {
				r.dispatcher.resume = resume(r)
			}
			const each, listeners = 400, 4
			start := eventstore.Position(0).Text(r.store)
			var all sync.WaitGroup
			for _, c := range []string{"c1", "c2", "c3"} {
				all.Go(func() {
					for range each {
						r.say(c, "a1", "x")
					}
				})
			}
			token := r.token("s1", domain.RoleSupervisor)
			for i := range listeners {
				all.Go(func() {
					l := r.listen("/v1/conversations/c2/feed", token, start)
					chance := rand.New(rand.NewPCG(7, uint64(i)))
					for n := 1; n <= each; n++ {
						if got := l.number(); got != n {
							t.Errorf("%d came where %d was due", got, n)
							return
						}
						if chance.IntN(25) == 0 {
							l.close()
							l.connect()
						}
					}
				})
			}
			all.Wait()
		})
	}
}

func TestAPI3_TheRingForgetsAndNothingIsLost(t *testing.T) {
	r := newRig(t, nil)
	for range 50 {
		r.say("c1", "a1", "x")
	}
	l := r.listen("/v1/feed", r.token("s1", domain.RoleService), eventstore.Position(0).Text(r.store))
	for n := 1; n <= 50; n++ {
		if got := l.number(); got != n {
			t.Fatalf("%d, not %d", got, n)
		}
	}
	d := r.dispatcher
	d.mu.Lock()
	d.bytes = ringBytes + 1 // as if it were full: the next event empties it
	d.mu.Unlock()
	l.close()
	for range 50 {
		r.say("c1", "a1", "x")
	}
	l.connect()
	for n := 51; n <= 100; n++ {
		if got := l.number(); got != n {
			t.Fatalf("%d, not %d", got, n)
		}
	}
}

func TestASlowFeedLosesItsQueueAndCatchesUp(t *testing.T) {
	s, _ := newServer(t, newMemLog(), nil)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	sub, _, err := s.dispatcher.subscribe(ctx, Everyone)
	if err != nil {
		t.Fatal(err)
	}
	var last eventstore.Position
	for i := range queueLimit + 10 {
		last = appended(t, s, "c1", eventstore.Revision(i-1)).Position
	}
	reached := func() bool {
		s.dispatcher.mu.Lock()
		defer s.dispatcher.mu.Unlock()
		return s.dispatcher.head >= last
	}
	for !reached() {
		<-sub.bell
	}
	queue, lost, head := s.dispatcher.take(sub)
	if len(queue) != 0 || !lost || head != last {
		t.Errorf("%d queued, lost %v, head %d", len(queue), lost, head)
	}
	n := 0
	for _, err := range s.dispatcher.missed(ctx, Everyone, 0, head) {
		if n++; err != nil {
			t.Fatal(err)
		}
	}
	if n != queueLimit+10 {
		t.Errorf("caught up with %d", n)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestAPI3_AClientMayBeAheadOfTheDispatcher(t *testing.T) {
	hold := make(chan struct{})
	release := sync.OnceFunc(func() { close(hold) })
	r := newRig(t, func(o *Options) {
		o.Audience = func(f domain.Fact) []string { <-hold; return testAudience(f) }
	})
	t.Cleanup(release) // whatever fails, the dispatcher must end
	seen := r.say("c1", "a1", "seen in the command's answer").Position
	l := r.listen("/v1/conversations/c1/feed", r.token("s1", domain.RoleSupervisor), seen.Text(r.store))
	r.say("c1", "a1", "new")
	release()
	if n := l.number(); n != 2 {
		t.Errorf("%d came first", n)
	}
}

func TestAResumeMayFindTooMuch(t *testing.T) {
	s, _ := newServer(t, newMemLog(), nil)
	for i := range 5 {
		appended(t, s, "c1", eventstore.Revision(i-1))
	}
	d := s.dispatcher
	d.floor = 15 // as if the ring began there
	d.resume = func(ctx context.Context, _ string, _, _ eventstore.Position) iter.Seq2[eventstore.Record, error] {
		return d.scan(ctx, 0, 0)
	}
	var got []eventstore.Position
	for e, err := range d.missed(context.Background(), Everyone, 3, 12) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, e.position)
	}
	if !slices.Equal(got, []eventstore.Position{6, 9, 12}) {
		t.Error(got)
	}
	for e := range d.missed(context.Background(), AgentKey("a1"), 3, 12) {
		if slices.Contains(e.keys, AgentKey("a1")) {
			t.Error("an event of somebody else is meant for him")
		}
	}
}

func TestAPI3_APositionOfAnotherLogIsRefused(t *testing.T) {
	r := newRig(t, nil)
	head := r.say("c1", "a1", "x").Position
	token := r.token("s1", domain.RoleSupervisor)
	for _, id := range []string{"elsewhere:1", (head + 1).Text(r.store)} {
		a, body := r.ask("GET", "/v1/feed", token, "", "Last-Event-ID", id)
		refused(t, a, body, 410, "log_moved")
		a, body = r.ask("GET", "/v1/feed?after="+id, token, "")
		refused(t, a, body, 410, "log_moved")
	}
	a, body := r.ask("GET", "/v1/feed", token, "", "Last-Event-ID", "x")
	refused(t, a, body, 400, "invalid")
}

func TestAPI5_AFeedIsOnlyForWhoMayFollowIt(t *testing.T) {
	r := newRig(t, func(o *Options) {
		o.Limits.Feeds = 1
		o.MayFollow = func(_ context.Context, c Caller, key string) error {
			if key == ConversationKey("joined") {
				return nil
			}
			return &domain.Error{Code: "not_participant"}
		}
	})
	agent, visitor := r.token("a1", domain.RoleAgent), r.token("v1", domain.RoleVisitor)
	for _, c := range []struct{ path, token, code string }{
		{"/v1/agents/a2/feed", agent, "not_participant"},
		{"/v1/conversations/c1/feed", agent, "not_participant"},
		{"/v1/visitors/v1/feed", agent, "forbidden"},
		{"/v1/feed", agent, "forbidden"},
		{"/v1/visitors/v2/feed", visitor, "not_participant"},
		{"/v1/agents/a1/feed", visitor, "forbidden"},
	} {
		a, body := r.ask("GET", c.path, c.token, "")
		refused(t, a, body, 403, c.code)
	}
	a, err := http.Get(r.url + "/v1/conversations/joined/feed?access_token=" + agent)
	if err != nil || a.StatusCode != 200 {
		t.Fatalf("%v %v", a, err)
	}
	b, body := r.ask("GET", "/v1/conversations/joined/feed", agent, "")
	refused(t, b, body, 429, "too_many_requests")
	if err := a.Body.Close(); err != nil {
		t.Error(err)
	}
	if strings.Contains(r.logs.String(), agent) {
		t.Error("the token is in the log")
	}
}

func TestFeedsTellWhenTheyOpenAndClose(t *testing.T) {
	var mu sync.Mutex
	var told []string
	closed := make(chan struct{}, 1)
	note := func(what string) func(context.Context, Caller, string, string) error {
		return func(ctx context.Context, c Caller, key, feed string) error {
			mu.Lock()
			defer mu.Unlock()
			told = append(told, fmt.Sprint(what, " ", key, " ", c.ID, " ", ctx.Err(), " ", feed != ""))
			if what == "close" {
				closed <- struct{}{}
			}
			return nil
		}
	}
	r := newRig(t, func(o *Options) { o.OnOpen, o.OnClose = note("open"), note("close") })
	l := r.listen("/v1/agents/a1/feed", r.token("a1", domain.RoleAgent), "")
	if _, text := r.ask("GET", "/metrics", "", ""); !strings.Contains(text, `parley_feeds_open{sort="agent"} 1`) {
		t.Error(text)
	}
	l.close()
	<-closed
	mu.Lock()
	defer mu.Unlock()
	if want := []string{"open agent:a1 a1 <nil> true", "close agent:a1 a1 <nil> true"}; !slices.Equal(told, want) {
		t.Error(told)
	}
}

func TestAPI3_WhatIsWhisperedIsNotStored(t *testing.T) {
	r := newRig(t, nil)
	l := r.listen("/v1/conversations/c1/feed", r.token("s1", domain.RoleSupervisor), "")
	if err := r.Whisper("typing", map[string]string{"who": "v1"}, ConversationKey("c1"), ConversationKey("c1")); err != nil {
		t.Fatal(err)
	}
	r.say("c1", "a1", "x")
	if e, _ := l.next(); e != (event{"", "typing", `{"who":"v1"}`}) {
		t.Errorf("%+v", e)
	}
	if n := l.number(); n != 1 {
		t.Errorf("%d", n)
	}
}
