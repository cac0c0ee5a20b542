package api

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"parley/domain"
	"parley/eventstore"
)

// paper is an answer that can be read while it is written.
type paper struct {
	mu     sync.Mutex
	header http.Header
	status int
	text   bytes.Buffer
}

func (p *paper) Header() http.Header { return p.header }
func (p *paper) WriteHeader(status int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.status = status
}
func (p *paper) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.Write(b)
}
func (p *paper) Flush() {}

// read takes what was written since.
func (p *paper) read() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	text := p.text.String()
	p.text.Reset()
	return text
}

// standing runs a feed of all under a clock that stands still.
func standing(t *testing.T, change func(*Options), f func(s *Server, log *memLog, p *paper)) {
	synctest.Test(t, func(t *testing.T) {
		log := newMemLog()
		s, _ := newServer(t, log, change)
		ctx, cancel := context.WithCancel(context.Background())
		var all sync.WaitGroup
		all.Go(func() {
			if err := s.Run(ctx); err != nil {
				t.Error(err)
			}
		})
		token, err := s.Tokens().Mint("s1", domain.RoleSupervisor, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		q := httptest.NewRequest("GET", "/v1/feed", nil).WithContext(ctx)
		q.Header.Set("Authorization", "Bearer "+token)
		p := &paper{header: http.Header{}}
		all.Go(func() { s.Handler().ServeHTTP(p, q) })
		synctest.Wait()
		f(s, log, p)
		cancel()
		all.Wait()
	})
}

func TestAQuietFeedBeats(t *testing.T) {
	standing(t, nil, func(s *Server, log *memLog, p *paper) {
		if text := p.read(); p.status != 200 || text != "retry: 2000\nid: mem:0\n\n" {
			t.Fatalf("%d %q", p.status, text)
		}
		<-time.After(heartbeat - 1)
		if text := p.read(); text != "" {
			t.Errorf("too early: %q", text)
		}
		<-time.After(1)
		synctest.Wait()
		if text := p.read(); text != ":\nid: mem:0\n\n" {
			t.Errorf("%q", text)
		}
		appended(t, s, "c1", eventstore.None)
		synctest.Wait()
		if text := p.read(); !strings.HasPrefix(text, "id: mem:3\nevent: said\n") {
			t.Errorf("%q", text)
		}
		<-time.After(heartbeat)
		synctest.Wait()
		if text := p.read(); text != ":\nid: mem:3\n\n" {
			t.Errorf("%q", text)
		}
		<-time.After(time.Hour)
		synctest.Wait()
		p.read()
		appended(t, s, "c1", 0)
		synctest.Wait()
		if text := p.read(); text != "" {
			t.Errorf("the feed outlives its token: %q", text)
		}
	})
}

func TestAFeedGoesOnWhenTheLogBrokeOff(t *testing.T) {
	standing(t, nil, func(s *Server, log *memLog, p *paper) {
		p.read()
		log.mu.Lock()
		log.broken = 2
		log.mu.Unlock()
		for i := range 3 {
			appended(t, s, "c1", eventstore.Revision(i-1))
		}
		<-time.After(3 * retryPause)
		synctest.Wait()
		if text := p.read(); strings.Count(text, "event: said") != 3 || strings.Index(text, "mem:3") > strings.Index(text, "mem:9") {
			t.Errorf("%q", text)
		}
	})
}

func TestAnEventThatCannotBeToldIsPassedOver(t *testing.T) {
	standing(t, func(o *Options) {
		o.Audience = func(f domain.Fact) []string {
			if n := f.Event.(said).N; n == 1 || n == 4 {
				panic("no audience")
			}
			return []string{Everyone}
		}
		o.Public = func(_ context.Context, _ string, r eventstore.Record) (string, any, bool) {
			if r.Revision == 1 {
				panic("no shape")
			}
			return "said", func() {}, r.Revision != 2 // the function is no JSON
		}
	}, func(s *Server, log *memLog, p *paper) {
		p.read()
		for i := range 4 {
			appended(t, s, "c1", eventstore.Revision(i-1))
		}
		<-time.After(heartbeat)
		synctest.Wait()
		if text := p.read(); text != ":\nid: mem:12\n\n" {
			t.Errorf("%q", text)
		}
	})
}

func TestAPermissionThatEndsEndsTheFeed(t *testing.T) {
	var mu sync.Mutex
	allowed := true
	s, _ := newServer(t, newMemLog(), func(o *Options) {
		o.MayFollow = func(context.Context, Caller, string) error {
			mu.Lock()
			defer mu.Unlock()
			if allowed {
				return nil
			}
			return &domain.Error{Code: "forbidden"}
		}
	})
	c := Caller{Actor: domain.Actor{ID: "a1", Role: domain.RoleAgent}}
	if err := s.mayFollow(context.Background(), c, ConversationKey("c1")); err != nil {
		t.Error(err)
	}
	mu.Lock()
	allowed = false
	mu.Unlock()
	wantCode(t, s.mayFollow(context.Background(), c, ConversationKey("c1")), "forbidden")
}

func TestAGT6_WhoIsLetInNoMoreLosesHisFeed(t *testing.T) {
	var mu sync.Mutex
	disabled := false
	admit := func(context.Context, Caller) error {
		mu.Lock()
		defer mu.Unlock()
		if disabled {
			return &domain.Error{Code: "disabled"}
		}
		return nil
	}
	standing(t, func(o *Options) { o.Admit = admit }, func(s *Server, log *memLog, p *paper) {
		<-time.After(heartbeat)
		synctest.Wait()
		if text := p.read(); !strings.HasSuffix(text, ":\nid: mem:0\n\n") {
			t.Fatalf("%q", text)
		}
		mu.Lock()
		disabled = true
		mu.Unlock()
		<-time.After(heartbeat)
		appended(t, s, "c1", eventstore.None)
		synctest.Wait()
		if text := p.read(); text != "" {
			t.Errorf("the feed goes on: %q", text)
		}
	})
}
