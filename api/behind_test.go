package api

import (
	"context"
	"errors"
	"iter"
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

// farBehind has a1 follow what concerns him from the start of a log that is read
// slowly, an event of an agent each ten seconds, under a clock that stands still.
func farBehind(t *testing.T, agent string, ttl time.Duration, change func(*Options), f func(p *paper)) {
	synctest.Test(t, func(t *testing.T) {
		log := newMemLog()
		s, _ := newServer(t, log, func(o *Options) {
			o.Resume = func(ctx context.Context, _ string, after, until eventstore.Position) iter.Seq2[eventstore.Record, error] {
				return func(yield func(eventstore.Record, error) bool) {
					for r, err := range log.Read(ctx, eventstore.Query{After: after, Until: until}) {
						if <-time.After(10 * time.Second); !yield(r, err) {
							return
						}
					}
				}
			}
			o.Audience = func(domain.Fact) []string { return []string{AgentKey(agent)} }
			if change != nil {
				change(o)
			}
		})
		for i := range 100 {
			appended(t, s, "c1", eventstore.Revision(i-1))
		}
		ctx, cancel := context.WithCancel(context.Background())
		var all sync.WaitGroup
		all.Go(func() {
			if err := s.Run(ctx); err != nil {
				t.Error(err)
			}
		})
		token, err := s.Tokens().Mint("a1", domain.RoleAgent, ttl)
		if err != nil {
			t.Fatal(err)
		}
		q := httptest.NewRequest("GET", "/v1/agents/a1/feed?after=mem:0", nil).WithContext(ctx)
		q.Header.Set("Authorization", "Bearer "+token)
		p := &paper{header: http.Header{}}
		all.Go(func() { s.Handler().ServeHTTP(p, q) })
		f(p)
		cancel()
		all.Wait()
	})
}

func TestAPI3_AFeedFarBehindBeatsAndTellsHowFarItIs(t *testing.T) {
	farBehind(t, "a2", time.Hour, nil, func(p *paper) {
		<-time.After(heartbeat + 15*time.Second)
		synctest.Wait()
		if text := p.read(); !strings.HasPrefix(text, "retry: 2000\nid: mem:0\n\n:\nid: mem:") || strings.HasSuffix(text, "mem:0\n\n") || strings.Contains(text, "said") {
			t.Errorf("while it is looked for: %q", text)
		}
	})
}

func TestAFeedFarBehindEndsWithItsToken(t *testing.T) {
	farBehind(t, "a1", time.Minute, nil, func(p *paper) {
		<-time.After(time.Hour)
		synctest.Wait()
		if n := strings.Count(p.read(), "event: said"); n == 0 || n > 6 {
			t.Errorf("told %d events, the last long after the token's end", n)
		}
	})
}

func TestAFeedFarBehindEndsWithThePermission(t *testing.T) {
	var mu sync.Mutex
	disabled := false
	admit := func(o *Options) {
		o.Admit = func(context.Context, Caller) error {
			mu.Lock()
			defer mu.Unlock()
			if disabled {
				return &domain.Error{Code: "disabled"}
			}
			return nil
		}
	}
	farBehind(t, "a1", time.Hour, admit, func(p *paper) {
		<-time.After(heartbeat / 2)
		mu.Lock()
		disabled = true
		mu.Unlock()
		<-time.After(30 * time.Minute)
		synctest.Wait()
		if n := strings.Count(p.read(), "event: said"); n == 0 || n > 3 {
			t.Errorf("told %d events to who is disabled", n)
		}
	})
}

// Who is recorded as there is recorded as gone, though the store was away as he left.
func TestAGT4_TheEndOfAFeedIsRecordedOnceTheStoreIsBack(t *testing.T) {
	var mu sync.Mutex
	failing, closed := 4, 0
	away := func(o *Options) {
		o.OnClose = func(context.Context, Caller, string, string) error {
			mu.Lock()
			defer mu.Unlock()
			if failing--; failing >= 0 {
				return errors.New("the store is away")
			}
			closed++
			return nil
		}
	}
	synctest.Test(t, func(t *testing.T) {
		s, _ := newServer(t, newMemLog(), away)
		ctx, cancel := context.WithCancel(context.Background())
		var all sync.WaitGroup
		all.Go(func() { s.closed(ctx, Caller{}, AgentKey("a1"), "f1") })
		cancel() // the client is gone
		all.Wait()
		if closed != 1 {
			t.Errorf("recorded %d times", closed)
		}
		failing = 1 << 30
		all.Go(func() { s.closed(ctx, Caller{}, AgentKey("a1"), "f1") })
		<-time.After(time.Minute)
		s.stop() // its run ends, and its feeds with it
		all.Wait()
	})
}

// A client that leaves while his feed opens does not break off what records it: else
// it might be recorded that he came, and never that he went.
func TestAGT4_WhoLeavesAsHisFeedOpensIsRecordedAsGone(t *testing.T) {
	opening, left, closed := make(chan struct{}), make(chan struct{}), make(chan struct{})
	r := newRig(t, func(o *Options) {
		o.OnOpen = func(ctx context.Context, _ Caller, _, _ string) error {
			close(opening)
			<-left
			return ctx.Err()
		}
		o.OnClose = func(context.Context, Caller, string, string) error {
			close(closed)
			return nil
		}
	})
	ctx, leave := context.WithCancel(context.Background())
	defer leave()
	q := httptest.NewRequest("GET", "/v1/agents/a1/feed", nil).WithContext(ctx)
	q.Header.Set("Authorization", "Bearer "+r.token("a1", domain.RoleAgent))
	var all sync.WaitGroup
	all.Go(func() { r.Handler().ServeHTTP(&paper{header: http.Header{}}, q) })
	<-opening
	leave()
	close(left)
	all.Wait()
	select {
	case <-closed:
	default:
		t.Error("nobody was told that the feed is closed")
	}
}
