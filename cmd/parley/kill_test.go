package main

import (
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"
)

// kills is how often a serving process is killed: 2, or as many as
// PARLEY_KILLS says.
func kills(t *testing.T) int {
	t.Helper()
	text := os.Getenv("PARLEY_KILLS")
	if text == "" {
		return 2
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("PARLEY_KILLS: %v", err)
	}
	return n
}

// killSeed says when somebody is killed: PARLEY_CRASH_SEED does, or the clock.
func killSeed(t *testing.T) uint64 {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("PARLEY_CRASH_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("PARLEY_CRASH_SEED: %v", err)
		}
	}
	t.Logf("PARLEY_CRASH_SEED=%d says when somebody is killed", seed)
	return seed
}

// ledger is what the server acknowledged to its clients.
type ledger struct {
	mu       sync.Mutex
	answers  int
	messages map[string]string // id to text
	of       map[string]string // message to its conversation
	closed   map[string]bool   // conversations whose closing was answered
	begun    map[string]bool
}

func (l *ledger) note(change func(*ledger)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.answers++
	change(l)
}

// more waits until so many more answers have come, however fast the machine is.
func (l *ledger) more(t *testing.T, n int) {
	t.Helper()
	answers := func() int {
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.answers
	}
	enough := answers() + n
	eventually(t, "more is acknowledged", func() bool { return answers() >= enough })
}

// TestKilledAgainAndAgain kills the real process at any moment, under clients
// who hold whole conversations, and starts it again on the same folder. What
// was answered is there each time; in the end the log and the views are whole.
func TestKilledAgainAndAgain(t *testing.T) {
	long(t)
	t.Parallel()
	seed := killSeed(t)
	random := rand.New(rand.NewPCG(seed, 7))
	s := serveProcess(t, folder(t), "--rate", "0")
	h := furnish(t, s)
	a := &ledger{messages: map[string]string{}, of: map[string]string{}, closed: map[string]bool{}, begun: map[string]bool{}}
	for range kills(t) {
		dead := make(chan struct{})
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				for h.converse(a) {
					select {
					case <-dead:
						return
					default:
					}
				}
			})
		}
		a.more(t, 1+random.IntN(100))
		h.kill()
		close(dead)
		wg.Wait()
		h.again(serveProcess(t, s.data, "--rate", "0"))
		h.remembers(t, a)
	}
	t.Logf("%d conversations and %d messages were acknowledged", len(a.begun), len(a.messages))
	if len(a.begun) == 0 {
		t.Error("no conversation was ever acknowledged")
	}
	h.stop()
	if keep := os.Getenv("PARLEY_KEEP"); keep != "" {
		folderCopy(t, s.data, filepath.Join(keep, "killed"))
	}
	parley(t, "check", "--data", s.data).ok(t)
	parley(t, "projections", "verify", "--all", "--data", s.data).ok(t)
}

// converse holds one conversation as far as the server lives, and tells
// whether it does.
func (h *shop) converse(a *ledger) bool {
	nobody := client{h.admin.t, h.url, ""}
	arrived := nobody.send("POST", "/v1/widgets/shop/visitors", fields{"device": fields{"browser": "Firefox"}})
	if arrived.status != http.StatusCreated {
		return false
	}
	visitor := client{h.admin.t, h.url, arrived.text("token")}
	started := visitor.send("POST", "/v1/conversations", fields{"widget": "shop"})
	id := started.text("conversation")
	if started.status != http.StatusCreated {
		return started.status != 0
	}
	a.note(func(a *ledger) { a.begun[id] = true })
	say := func(c client, text string) bool {
		sent := c.send("POST", "/v1/conversations/"+id+"/messages", fields{"text": text})
		if message := sent.text("message"); sent.status == http.StatusCreated {
			a.note(func(a *ledger) { a.messages[message], a.of[message] = text, id })
		}
		return sent.status != 0
	}
	if !say(visitor, "hello from "+id) || !say(visitor, "are you there?") {
		return false
	}
	path := "/v1/conversations/" + id
	picked := h.ana.send("POST", path+"/pick", fields{})
	if picked.status == 0 {
		return false
	}
	if hold := h.admin.send("GET", path, nil).text("offer.hold"); hold != "" {
		if h.ana.send("POST", path+"/offers/"+hold+"/accept", nil).status == 0 {
			return false
		}
	}
	if !say(h.ana, "yes, I am") {
		return false
	}
	if h.ana.send("POST", path+"/end", nil).status == 0 {
		return false
	}
	closed := h.admin.send("POST", path+"/force-close", fields{"reason": "supervisor_closed"})
	if closed.status == http.StatusOK {
		a.note(func(a *ledger) { a.closed[id] = true })
	}
	return closed.status != 0
}

// remembers asks a server that was started anew for what was acknowledged.
func (h *shop) remembers(t *testing.T, a *ledger) {
	t.Helper()
	told := map[string]string{}
	for id := range a.begun {
		c := h.admin.must(http.StatusOK, "GET", "/v1/conversations/"+id, nil)
		if a.closed[id] && c.text("state") != "closed" {
			t.Errorf("conversation %s was closed and is %s", id, c.text("state"))
		}
		lines, _ := h.admin.must(http.StatusOK, "GET", "/v1/conversations/"+id+"/transcript", nil).at("lines").([]any)
		for _, l := range lines {
			line, _ := l.(map[string]any)
			message, _ := line["id"].(string)
			told[message], _ = line["text"].(string)
		}
	}
	for message, text := range a.messages {
		if told[message] != text {
			t.Errorf("%q was acknowledged in conversation %s and is %q", text, a.of[message], told[message])
		}
	}
}
