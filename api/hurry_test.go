package api

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"parley/domain"
	"parley/eventstore"
	"parley/eventstore/embedded"
)

// turnstile is an answer that its client may leave at any event.
type turnstile struct {
	header http.Header
	took   func(id, text string)
}

func (p *turnstile) Header() http.Header { return p.header }
func (p *turnstile) WriteHeader(int)     {}
func (p *turnstile) Flush()              {}

// Write takes one event; the feed writes each by itself.
func (p *turnstile) Write(b []byte) (int, error) {
	id, text := "", ""
	for lines := bufio.NewScanner(bytes.NewReader(b)); lines.Scan(); {
		if t, ok := strings.CutPrefix(lines.Text(), "id: "); ok {
			id = t
		}
		if t, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
			text = t
		}
	}
	if id != "" {
		p.took(id, text)
	}
	return len(b), nil
}

// TestAPI3_WhoComesAndGoesMissesNothing opens and leaves feeds at random while
// events come, while the ring forgets and queues overflow.
func TestAPI3_WhoComesAndGoesMissesNothing(t *testing.T) {
	const conversations, each, clients = 4, 250, 12
	log, err := embedded.Open(embedded.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	s, _ := newServer(t, log, func(o *Options) { o.Limits = Limits{} })
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	token, err := s.Tokens().Mint("s1", domain.RoleSupervisor, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	start := eventstore.Position(0).Text(s.store)
	var all sync.WaitGroup
	for c := range conversations {
		all.Go(func() {
			chance := rand.New(rand.NewPCG(1, uint64(c)))
			for range each {
				if _, err := eventstore.Do(ctx, s.engine, talkKind, fmt.Sprint("c", c), say{"a1", "x"}, eventstore.Meta{}); err != nil {
					t.Error(err)
					return
				}
				switch chance.IntN(40) {
				case 0: // the ring forgets
					s.dispatcher.mu.Lock()
					s.dispatcher.bytes = ringBytes + 1
					s.dispatcher.mu.Unlock()
				case 1: // a queue overflows
					s.dispatcher.mu.Lock()
					for sub := range s.dispatcher.feeds[ConversationKey(fmt.Sprint("c", c))] {
						sub.queue, sub.lost = nil, true
					}
					s.dispatcher.mu.Unlock()
				}
			}
		})
	}
	for i := range clients {
		all.Go(func() {
			chance := rand.New(rand.NewPCG(2, uint64(i)))
			last, next := start, 1
			for next <= each && ctx.Err() == nil {
				visit, leave := context.WithCancel(ctx)
				q := httptest.NewRequest("GET", fmt.Sprint("/v1/conversations/c", i%conversations, "/feed"), nil).WithContext(visit)
				q.Header.Set("Authorization", "Bearer "+token)
				q.Header.Set("Last-Event-ID", last)
				gone := false
				s.Handler().ServeHTTP(&turnstile{header: http.Header{}, took: func(id, text string) {
					if gone {
						return
					}
					var body struct{ N int }
					if text != "" {
						if err := json.Unmarshal([]byte(text), &body); err != nil || body.N != next {
							t.Errorf("%s came where %d was due", text, next)
						}
						next++
					}
					last = id
					if gone = next > each || chance.IntN(8) == 0; gone {
						leave()
					}
				}}, q)
				leave()
			}
			if next <= each {
				t.Errorf("client %d waited for %d in vain", i, next)
			}
		})
	}
	all.Wait()
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if err := log.Close(); err != nil {
		t.Error(err)
	}
}
