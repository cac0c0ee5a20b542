package api

import (
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

// doorway is an answer that lets something happen as soon as its first bytes
// are out: what a client does that has just seen its feed open.
type doorway struct {
	*paper
	open sync.Once
	then func()
}

func (d *doorway) Flush() { d.open.Do(d.then) }

func TestAPI3_AFeedMissesNothingWhileItOpens(t *testing.T) {
	standing(t, nil, func(s *Server, _ *memLog, _ *paper) {
		token, err := s.Tokens().Mint("s1", domain.RoleSupervisor, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		q := httptest.NewRequest("GET", "/v1/conversations/c1/feed", nil).WithContext(ctx)
		q.Header.Set("Authorization", "Bearer "+token)
		d := &doorway{paper: &paper{header: http.Header{}}, then: func() {
			if err := s.Whisper("typing", map[string]string{"who": "v1"}, ConversationKey("c1")); err != nil {
				t.Error(err)
			}
			appended(t, s, "c1", eventstore.None)
		}}
		var all sync.WaitGroup
		all.Go(func() { s.Handler().ServeHTTP(d, q) })
		synctest.Wait()
		const want = "retry: 2000\nid: mem:0\n\n" +
			"event: typing\ndata: {\"who\":\"v1\"}\n\n" +
			"id: mem:3\nevent: said\n"
		if text := d.read(); !strings.HasPrefix(text, want) || strings.Count(text, "event: ") != 2 {
			t.Errorf("%q", text)
		}
		cancel()
		all.Wait()
	})
}

// TestAPI3_AFeedWithoutAPositionBeginsNow opens a feed while the dispatcher
// still has to tell what was recorded before.
func TestAPI3_AFeedWithoutAPositionBeginsNow(t *testing.T) {
	hold := make(chan struct{})
	release := sync.OnceFunc(func() { close(hold) })
	r := newRig(t, func(o *Options) {
		o.Audience = func(f domain.Fact) []string { <-hold; return testAudience(f) }
	})
	t.Cleanup(release)
	<-r.dispatcher.ready
	r.say("c1", "a1", "before")
	l := r.listen("/v1/conversations/c1/feed", r.token("s1", domain.RoleSupervisor), "")
	r.say("c1", "a1", "new")
	release()
	if n := l.number(); n != 2 {
		t.Errorf("%d came first", n)
	}
}
