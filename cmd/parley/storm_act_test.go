package main

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"
)

// take takes one of a list out of it, at random among the latest.
func take[T any](random *rand.Rand, all *[]T) (one T, ok bool) {
	if len(*all) == 0 {
		return one, false
	}
	i := len(*all) - 1 - random.IntN(min(len(*all), 200))
	one = (*all)[i]
	(*all)[i] = (*all)[len(*all)-1]
	*all = (*all)[:len(*all)-1]
	return one, true
}

// act does one thing.
func (s *storm) act(random *rand.Rand) {
	side := random.IntN(2)
	var o stormOffer
	var offered, engaged, waits bool
	var back string
	s.note(func() {
		switch n := random.IntN(100); {
		case n < 45:
			o, offered = take(random, &s.offers)
		case n < 75:
			o, engaged = take(random, &s.engaged)
		case n < 82:
			back, waits = take(random, &s.waiting)
		}
	})
	switch {
	case offered:
		s.answer(random, side, o)
	case engaged:
		s.work(random, side, o)
	case waits: // the customer is back
		s.did("returned", s.customer(side, back, "/messages", fields{"text": "And one more thing."}))
	default:
		switch n := random.IntN(20); {
		case n < 13:
			s.begin(random, side)
		case n < 16:
			s.pick(random, side)
		case n < 17:
			s.supervise(random, side)
		case n < 19:
			who := s.agents[random.IntN(len(s.agents))]
			if drop := who.drop.Load(); drop != nil {
				(*drop)()
				s.note(func() { s.counts["disconnected"]++ })
			}
		default:
			who := s.agents[random.IntN(len(s.agents))]
			presence := []string{"available", "available", "busy", "away"}[random.IntN(4)]
			s.ask(side, who.token, "PUT", "/v1/agents/"+who.id+"/presence", fields{"presence": presence})
		}
	}
}

// did counts what came of something.
func (s *storm) did(what string, status int) bool {
	ok := status == http.StatusOK || status == http.StatusCreated
	s.note(func() {
		switch {
		case ok:
			s.counts[what]++
		case status >= 500 || status == 0:
			s.counts["unanswered"]++
		default:
			s.counts[what+" refused"]++
		}
	})
	return ok
}

func (s *storm) customer(side int, id, path string, body any) int {
	status, _ := s.ask(side, s.service, "POST", "/v1/conversations/"+id+path, body)
	return status
}

func (s *storm) begin(random *rand.Rand, side int) {
	widget := []string{"chats", "chats", "urgent", "texts", "texts", "picks"}[random.IntN(6)]
	status, answer := s.ask(side, s.service, "POST", "/v1/conversations", fields{
		"widget": widget, "visitor": fmt.Sprintf("v-%d", random.Uint64()), "text": "Where is my parcel?",
	})
	id, _ := answer["conversation"].(string)
	if s.did("begun", status) && id != "" {
		s.note(func() { s.begun = append(s.begun, id) })
	}
}

// answer is an agent before an offer, now and then on two devices at once while
// another agent tries to pick it.
func (s *storm) answer(random *rand.Rand, side int, o stormOffer) {
	path := "/v1/conversations/" + o.conversation + "/offers/" + o.hold
	accept := func(side int) {
		status, answer := s.ask(side, o.agent.token, "POST", path+"/accept", nil)
		if s.did("accepted", status) && answer["subState"] == "engaged" {
			s.has(o)
		}
	}
	switch n := random.IntN(20); {
	case n < 12:
		accept(side)
	case n < 15:
		other := s.agents[random.IntN(len(s.agents))]
		var all sync.WaitGroup
		all.Go(func() { accept(0) })
		all.Go(func() { accept(1) })
		all.Go(func() { s.pickFor(side, other, o.conversation) })
		all.Wait()
	case n < 18:
		status, _ := s.ask(side, o.agent.token, "POST", path+"/reject", nil)
		s.did("rejected", status)
	default:
		s.note(func() { s.counts["let expire"]++ })
	}
}

// has notes that an agent was told that he has a conversation.
func (s *storm) has(o stormOffer) {
	s.note(func() {
		s.engaged = append(s.engaged, o)
		s.accepts[o.hold] = append(s.accepts[o.hold], o.agent.id)
	})
}

func (s *storm) pickFor(side int, who *stormAgent, id string) {
	status, answer := s.ask(side, who.token, "POST", "/v1/conversations/"+id+"/pick", nil)
	hold, _ := answer["hold"].(string)
	if s.did("picked", status) && hold != "" {
		s.has(stormOffer{who, id, hold})
	}
}

// pick lets two agents race for one of the latest.
func (s *storm) pick(random *rand.Rand, side int) {
	var id string
	s.note(func() {
		if n := len(s.begun); n > 0 {
			id = s.begun[n-1-random.IntN(min(n, 100))]
		}
	})
	if id == "" {
		return
	}
	var both sync.WaitGroup
	for i := range 2 {
		who := s.agents[random.IntN(len(s.agents))]
		both.Go(func() { s.pickFor((side+i)%2, who, id) })
	}
	both.Wait()
}

func (s *storm) supervise(random *rand.Rand, side int) {
	var id string
	s.note(func() {
		if n := len(s.begun); n > 0 {
			id = s.begun[n-1-random.IntN(min(n, 100))]
		}
	})
	if id == "" {
		return
	}
	if random.IntN(2) == 0 {
		status, _ := s.ask(side, s.admin, "POST", "/v1/conversations/"+id+"/force-close", fields{"reason": "spam"})
		s.did("force closed", status)
		return
	}
	who := s.agents[random.IntN(len(s.agents))]
	status, answer := s.ask(side, s.admin, "POST", "/v1/conversations/"+id+"/assign", fields{"agent": who.id})
	hold, _ := answer["hold"].(string)
	if s.did("assigned", status) && hold != "" {
		s.has(stormOffer{who, id, hold})
	}
}

// work is an agent, or his customer, with a conversation that he has.
func (s *storm) work(random *rand.Rand, side int, o stormOffer) {
	path := "/v1/conversations/" + o.conversation
	do := func(what, path string, body any) bool {
		status, _ := s.ask(side, o.agent.token, "POST", path, body)
		return s.did(what, status)
	}
	closeSession := func(what string) bool {
		return do(what, "/v1/sessions/"+o.hold+"/close", fields{"confirm": true})
	}
	switch n := random.IntN(20); {
	case n < 9:
		if do("ended", path+"/end", nil) {
			closeSession("closed")
		}
	case n < 11:
		if do("message", path+"/messages", fields{"text": "On its way."}) {
			s.note(func() { s.engaged = append(s.engaged, o) })
		}
	case n < 14: // live: back into the queue; a text message: it waits for the customer
		if closeSession("left (X)") {
			s.note(func() { s.waiting = append(s.waiting, o.conversation) })
		}
	case n < 16:
		if do("transferred", path+"/transfer", fields{"agent": s.agents[random.IntN(len(s.agents))].id}) {
			s.note(func() { s.engaged = append(s.engaged, o) })
		}
	case n < 17:
		do("into a queue", path+"/transfer", fields{"queue": []string{"low", "high"}[random.IntN(2)]})
	case n < 18:
		do("released", path+"/release", nil)
	default:
		if s.did("the customer ended", s.customer(side, o.conversation, "/leave", nil)) {
			closeSession("closed")
		}
	}
}

// calm closes all devices for good and waits until nobody is engaged and nothing
// is offered any more: who is gone past the grace gives back what he has.
func (s *storm) calm() {
	for side, h := range s.servers.sides { // one that a busy machine left standing for long has ended by itself
		h.kill()
		s.revive(side)
	}
	s.hang()
	var all sync.WaitGroup
	for part := range 16 {
		all.Go(func() {
			for i := part; i < len(s.agents); i += 16 {
				s.out(s.agents[i])
			}
		})
	}
	all.Wait()
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	left, rested := "", false
	for until := time.Now().Add(patience); time.Now().Before(until); <-tick.C {
		left = ""
		for _, state := range []string{"offered", "engaged"} {
			status, answer := s.ask(0, s.admin, "GET", "/v1/conversations?limit=1&state="+state, nil)
			if status == 0 { // it stood still for so long on a busy machine that it ended
				s.servers.sides[0].kill()
				s.revive(0)
			}
			if all, ok := answer["conversations"].([]any); status != http.StatusOK || !ok || len(all) > 0 {
				left = fmt.Sprintf("%s: %d %v", state, status, answer)
			}
		}
		if left == "" && !rested {
			<-time.After(12 * time.Second) // what a crash left over is swept, and the check's grace passes
			rested = true
		}
		if left == "" {
			left = s.unsettled() // all of that may take longer
		}
		if left == "" {
			return
		}
	}
	s.t.Errorf("there is no calm: %s", left)
}

func (s *storm) out(who *stormAgent) {
	status := 0
	for i, until := 0, time.Now().Add(patience); time.Now().Before(until); i++ {
		if status, _ = s.ask(i%2, who.token, "POST", "/v1/agents/"+who.id+"/sign-out", fields{"confirm": true}); status == http.StatusOK {
			return
		}
		<-time.After(100 * time.Millisecond)
	}
	s.t.Errorf("%s does not come out: %d", who.id, status)
}
