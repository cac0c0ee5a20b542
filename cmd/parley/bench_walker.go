package main

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"
)

// walker is one connection of bench commands and who asks over it.
type walker struct {
	town    *benchTown
	number  int
	wire    *wire
	at      string // the address the wire leads to
	keys    int64
	key     []byte
	body    []byte
	counts  walked
	counted bool // the last step was a command that counts

	kind     string // of the last command that counts
	answered time.Time
}

// walked is what a walker did in a measurement.
type walked struct{ counted, all, accepts, refused int64 }

// connect leads the wire to an address.
func (w *walker) connect(address string) (err error) {
	if w.wire != nil {
		if w.at == address {
			return nil
		}
		if err := w.wire.close(); err != nil {
			return err
		}
	}
	w.at = address
	w.wire, err = dialWire(address)
	return err
}

// do asks for one command with an Idempotency-Key of its own.
func (w *walker) do(method, path, token string, body []byte) (int, error) {
	w.keys++
	w.key = strconv.AppendInt(append(strconv.AppendInt(append(w.key[:0], 'k'), int64(w.number), 10), '-'), w.keys, 10)
	status, answer, err := w.wire.ask(method, path, token, string(w.key), body)
	w.counts.all++
	if err == nil && status >= 400 {
		w.counts.refused++
		text := fmt.Sprintf("%s %s: %d %s", method, path, status, answer)
		w.town.refusal.Store(&text)
		if status >= 500 {
			return status, fmt.Errorf("%s", text)
		}
	}
	return status, err
}

// count makes the last step one that counts.
func (w *walker) count(err error) error {
	w.counts.counted++
	w.counted, w.answered = true, time.Now()
	return err
}

// step is one command of the mix.
func (w *walker) step() error {
	w.counted = false
	one := w.any()
	switch n := rand.IntN(100); {
	case n < 70:
		return w.count(w.message(one))
	case n < 80:
		w.kind = "receipt"
		w.body = append(strconv.AppendInt(append(w.body[:0], `{"upTo":`...), one.said.Load(), 10), '}')
		token := one.agent
		if n%2 == 0 || token == "" {
			token = one.visitorToken
		}
		_, err := w.do("POST", one.read, token, w.body)
		return w.count(err)
	case n < 90:
		w.kind = "journey"
		w.body = append(w.body[:0], `{"type":"page_visited","url":"https://shop.example/shoes/runner-7","title":"Runner 7"}`...)
		_, err := w.do("POST", one.action, one.visitorToken, w.body)
		return w.count(err)
	case n < 95:
		return w.count(w.start())
	}
	select {
	case o := <-w.town.offers:
		return w.accept(o)
	default:
		return w.count(w.message(one)) // nothing is offered at this moment
	}
}

// message writes as the customer or as the agent.
func (w *walker) message(one *talk) error {
	w.kind = "message"
	token := one.agent
	if token == "" || rand.IntN(2) == 0 {
		token = one.visitorToken
	}
	w.body = append(append(append(w.body[:0], `{"text":"`...), benchText...), `"}`...)
	status, err := w.do("POST", one.messages, token, w.body)
	if status == 201 && w.at == w.town.server.address {
		one.said.Add(1)
	}
	return err
}

// start begins a conversation of somebody new, which the router offers.
func (w *walker) start() error {
	w.kind = "start"
	w.body = fmt.Appendf(w.body[:0], `{"widget":"auto","visitor":"new-%d-%d","text":"%s"}`, w.number, w.keys, benchText)
	_, err := w.do("POST", "/v1/conversations", w.town.service, w.body)
	return err
}

// accept takes an offer, and lets the agent go at once, which does not count.
func (w *walker) accept(o offer) error {
	w.kind = "accept"
	status, err := w.do("POST", "/v1/conversations/"+o.conversation+"/offers/"+o.hold+"/accept", o.agent, nil)
	w.counts.accepts++
	if err := w.count(err); err != nil || status >= 300 {
		return err
	}
	return w.letGo(o)
}

func (w *walker) letGo(o offer) error {
	if _, err := w.do("POST", "/v1/conversations/"+o.conversation+"/end", o.agent, nil); err != nil {
		return err
	}
	_, err := w.do("POST", "/v1/sessions/"+o.hold+"/close", o.agent, []byte(`{"confirm":true}`))
	return err
}

// noop asks for what does nothing.
func (w *walker) noop() error { return w.count(w.message(w.any())) }

// any is one of the open conversations at random.
func (w *walker) any() *talk { return w.town.talks[rand.IntN(len(w.town.talks))] }
