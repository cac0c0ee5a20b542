package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// storm is a contact centre over two servers on one log, of which each is killed
// again and again, and a crowd that does whatever one can do with offers.
type storm struct {
	t       *testing.T
	servers *together
	urls    [2]atomic.Pointer[string]
	http    *http.Client
	admin   string // tokens
	service string
	agents  []*stormAgent
	hang    func() // closes all feeds for good

	mu      sync.Mutex
	offers  []stormOffer
	engaged []stormOffer
	waiting []string            // conversations that were left for later
	begun   []string            // the latest are the last
	accepts map[string][]string // hold to the agents who were told that they have it
	counts  map[string]int
	failure string
}

type stormOffer struct {
	agent              *stormAgent
	conversation, hold string
}

type stormAgent struct {
	id, token string
	drop      atomic.Pointer[context.CancelFunc] // of the feed that is open
}

// stormScale is how much of it: small, or for so many seconds as PARLEY_STORM
// says, with 500 agents and 64 clients.
func stormScale(t *testing.T) (agents, clients int, lasts, between time.Duration) {
	t.Helper()
	text := os.Getenv("PARLEY_STORM")
	if text == "" {
		return 30, 16, 9 * time.Second, 3 * time.Second
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("PARLEY_STORM: %v", err)
	}
	return 500, 64, time.Duration(n) * time.Second, 20 * time.Second
}

// TestAGT2_NobodyIsOverHisCapacityWhateverIsKilled lets a crowd accept, reject,
// let expire, transfer, pick, assign, leave and come back, at two servers on one
// log, and kills the one, the other and the log's process. In the log nobody is
// over his capacity by automatic assignment, no two have one conversation, no
// unit is lost, and what is not handled says why it waits.
func TestAGT2_NobodyIsOverHisCapacityWhateverIsKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIPPED: servers are killed again and again: run without -short")
	}
	t.Parallel()
	agents, clients, lasts, between := stormScale(t)
	seed := killSeed(t)
	s := newStorm(t, agents)
	s.keep(strconv.FormatUint(seed, 10))
	over := make(chan struct{})
	var crowd sync.WaitGroup
	for i := range clients {
		crowd.Go(func() {
			random := rand.New(rand.NewPCG(seed, uint64(i)))
			for {
				select {
				case <-over:
					return
				default:
					s.act(random)
				}
			}
		})
	}
	random := rand.New(rand.NewPCG(seed, 1<<20))
	killed := map[string]int{}
	for until := time.Now().Add(lasts); time.Now().Before(until); {
		<-time.After(between/2 + time.Duration(random.Int64N(int64(between))))
		switch victim := random.IntN(3); victim {
		case 2:
			s.servers.node.again()
			killed["the log's process"]++
		default:
			s.servers.sides[victim].kill()
			<-time.After(time.Duration(random.IntN(1000)) * time.Millisecond)
			s.revive(victim)
			killed["a server"]++
		}
	}
	close(over)
	crowd.Wait()
	s.calm()
	for _, side := range s.servers.sides {
		side.kill() // there is calm: it leaves nothing undone
	}
	s.judge(killed)
	s.servers.lasts = 5 * time.Minute
	s.servers.whole()
}

func newStorm(t *testing.T, agents int) *storm {
	t.Helper()
	s := &storm{
		t: t, servers: serveTogether(t), accepts: map[string][]string{}, counts: map[string]int{},
		http: &http.Client{Timeout: 15 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 128}},
	}
	t.Cleanup(s.http.CloseIdleConnections)
	for i, side := range s.servers.sides {
		s.urls[i].Store(&side.url)
	}
	a := s.servers.sides[0].admin
	s.admin, s.service = a.token, s.servers.sides[0].as("service", "gate").token
	a.must(http.StatusOK, "PUT", "/v1/settings", fields{"graceSeconds": 10})
	for i, q := range []string{"low", "high", "picked"} {
		a.must(http.StatusOK, "PUT", "/v1/queues/"+q, fields{"name": q, "number": 2 - i})
	}
	for id, ws := range map[string]fields{
		"chats":  {"channel": "chat", "settings": fields{"name": "Chats", "queue": "low", "units": 30, "countdown": 10}},
		"urgent": {"channel": "chat", "settings": fields{"name": "Urgent", "queue": "high", "units": 30, "countdown": 10}},
		"texts":  {"channel": "sms", "settings": fields{"name": "Texts", "queue": "low", "units": 20, "countdown": 10, "block": "never"}},
		"picks":  {"channel": "chat", "settings": fields{"name": "Picks", "queue": "picked", "units": 30, "assignment": "pick"}},
	} {
		a.must(http.StatusOK, "PUT", "/v1/workstreams/"+id, ws)
		a.must(http.StatusOK, "PUT", "/v1/widgets/"+id, fields{"workstream": id})
	}
	s.agents = make([]*stormAgent, agents)
	var all sync.WaitGroup
	next := atomic.Int64{}
	for range 16 {
		all.Go(func() {
			for i := int(next.Add(1)) - 1; i < agents; i = int(next.Add(1)) - 1 {
				s.agents[i] = s.hire("agent" + strconv.Itoa(i))
			}
		})
	}
	all.Wait()
	if t.Failed() {
		t.FailNow()
	}
	ctx, cancel := context.WithCancel(context.Background())
	var feeds sync.WaitGroup
	for _, who := range s.agents {
		feeds.Go(func() { s.listen(ctx, who) })
	}
	s.hang = func() { cancel(); feeds.Wait() }
	t.Cleanup(s.hang)
	return s
}

// keep leaves the log and the keys where PARLEY_KEEP says, however the test ends.
func (s *storm) keep(name string) {
	to := os.Getenv("PARLEY_KEEP")
	if to == "" {
		return
	}
	s.t.Cleanup(func() {
		node := s.servers.node
		node.end(os.Interrupt)
		folderCopy(s.t, node.dir+"/log", filepath.Join(to, "storm-"+name, "log"))
		folderCopy(s.t, s.servers.keys, filepath.Join(to, "storm-"+name, "keys"))
	})
}

// hire makes an agent with room for two chats, or three texts.
func (s *storm) hire(id string) *stormAgent {
	must := func(status int, token, method, path string, body any) map[string]any {
		got, answer := s.ask(0, token, method, path, body)
		if got != status {
			s.t.Errorf("%s %s: %d %v", method, path, got, answer)
		}
		return answer
	}
	must(http.StatusOK, s.admin, "PUT", "/v1/agents/"+id, fields{"name": id, "units": 60})
	for _, q := range []string{"low", "high", "picked"} {
		must(http.StatusOK, s.admin, "PUT", "/v1/queues/"+q+"/members/"+id, nil)
	}
	token, _ := must(http.StatusCreated, s.admin, "POST", "/v1/tokens", fields{"role": "agent", "subject": id})["token"].(string)
	must(http.StatusOK, token, "PUT", "/v1/agents/"+id+"/presence", fields{"presence": "available"})
	return &stormAgent{id: id, token: token}
}

// revive serves again from the folder of who was killed.
func (s *storm) revive(side int) {
	h := s.servers.sides[side]
	h.again(s.servers.serve(h.data))
	s.urls[side].Store(&h.url)
}

// ask asks one of the servers; 0 is that it is not there.
func (s *storm) ask(side int, token, method, path string, body any) (int, map[string]any) {
	var text io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			s.t.Error(err)
			return 0, nil
		}
		text = bytes.NewReader(b)
	}
	r, err := http.NewRequest(method, *s.urls[side].Load()+path, text)
	if err != nil {
		s.t.Error(err)
		return 0, nil
	}
	r.Header.Set("Authorization", "Bearer "+token)
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	got, err := s.http.Do(r)
	if err != nil {
		return 0, nil
	}
	b, err := io.ReadAll(got.Body)
	if err = errors.Join(err, got.Body.Close()); err != nil {
		return 0, nil
	}
	var answer map[string]any
	_ = json.Unmarshal(b, &answer) // what is no object says nothing here
	if got.StatusCode == http.StatusInternalServerError {
		s.note(func() { s.failure = fmt.Sprintf("%s %s: %s", method, path, b) })
	}
	return got.StatusCode, answer
}

func (s *storm) note(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

// listen keeps a feed of an agent open, at one server or the other, and opens
// another a while after it was lost.
func (s *storm) listen(ctx context.Context, who *stormAgent) {
	for ctx.Err() == nil {
		one, cancel := context.WithCancel(ctx)
		who.drop.Store(&cancel)
		s.follow(one, who)
		cancel()
		pause := time.Duration(rand.IntN(500)) * time.Millisecond
		if rand.IntN(8) == 0 {
			pause = 12 * time.Second // past the grace
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

func (s *storm) follow(ctx context.Context, who *stormAgent) {
	r, err := http.NewRequestWithContext(ctx, "GET", *s.urls[rand.IntN(2)].Load()+"/v1/agents/"+who.id+"/feed", nil)
	if err != nil {
		s.t.Error(err)
		return
	}
	r.Header.Set("Authorization", "Bearer "+who.token)
	feed, err := (&http.Client{Transport: s.http.Transport}).Do(r)
	if err != nil {
		return // the server is not there
	}
	defer feed.Body.Close()
	name := ""
	for lines := bufio.NewScanner(feed.Body); lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
			name = rest
		} else if rest, ok := strings.CutPrefix(lines.Text(), "data: "); ok && name == "conversation.offered" {
			var n struct{ Offer, Conversation string }
			if json.Unmarshal([]byte(rest), &n) == nil && n.Offer != "" {
				s.note(func() { s.offers = append(s.offers, stormOffer{who, n.Conversation, n.Offer}) })
			}
		}
	}
}
