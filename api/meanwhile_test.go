package api_test

import (
	"context"
	"io"
	"iter"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/uuid"

	"parley/api"
	"parley/eventstore"
)

// elsewhere is a log on which others have a turn once it was asked for a command.
type elsewhere struct {
	eventstore.Log
	turn func()
}

func (l *elsewhere) Read(ctx context.Context, q eventstore.Query) iter.Seq2[eventstore.Record, error] {
	return func(yield func(eventstore.Record, error) bool) {
		for r, err := range l.Log.Read(ctx, q) {
			if !yield(r, err) {
				return
			}
		}
		if turn := l.turn; turn != nil && q.Command != uuid.Nil {
			l.turn = nil
			turn()
		}
	}
}

// TestAPI1_ACommandThatAnotherServerDoesMeanwhileIsARepeat sends one command to two
// servers on one log. The second has looked for it, and found nothing, when the
// first does it, and goes on to where it no longer could be done: the second answers
// with what is on record, and does not refuse the command because of itself.
func TestAPI1_ACommandThatAnotherServerDoesMeanwhileIsARepeat(t *testing.T) {
	var options api.Options
	h := newHouse(t, func(o *api.Options) { options = *o })
	seed(h)
	log := &elsewhere{Log: h.Log}
	options.Engine = eventstore.NewEngine(log, h.Engine.Codec, h.Engine.Policies, h.Clock.Now)
	options.Engine.Terms = api.Terms(options.Engine)
	server, err := api.New(options)
	if err != nil {
		t.Fatal(err)
	}
	there := httptest.NewServer(server.Handler())
	t.Cleanup(there.Close)

	h.run(
		step{As: "visitor:v1", Do: "POST /v1/conversations", Body: `{"widget":"shop","text":"Hi"}`, Status: 201, Save: map[string]string{"c": "conversation"}},
		step{As: "agent:anna", Do: "POST /v1/conversations/${c}/pick", Status: 200, Save: map[string]string{"hold": "hold"}},
		step{As: "agent:anna", Do: "PUT /v1/contacts/lena", Body: `{"name":"Lena"}`, Status: 200},
	)
	for _, one := range []struct {
		cmd   step
		since []step
	}{
		{step{As: "agent:anna", Do: "PUT /v1/conversations/${c}/contact", Body: `{"contact":"lena"}`, Status: 200}, []step{
			{As: "admin:root", Do: "POST /v1/contacts/lena/erase", Status: 200},
		}},
		{step{As: "agent:anna", Do: "POST /v1/sessions/${hold}/close", Body: `{"confirm":true}`, Status: 200}, nil},
	} {
		one.cmd.Key = strings.ReplaceAll(one.cmd.Do, " ", ":")
		method, path, _ := strings.Cut(h.fill(one.cmd.Do), " ")
		r, err := http.NewRequest(method, there.URL+path, strings.NewReader(one.cmd.Body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Idempotency-Key", one.cmd.Key)
		r.Header.Set("Authorization", "Bearer "+h.token(one.cmd.As))
		met, let := make(chan struct{}), make(chan struct{})
		log.turn = func() { close(met); <-let }
		var text string
		status, ended := 0, make(chan struct{})
		go func() {
			defer close(ended)
			answer, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Error(err)
				return
			}
			defer func() { _ = answer.Body.Close() }()
			body, err := io.ReadAll(answer.Body)
			if err != nil {
				t.Error(err)
			}
			status, text = answer.StatusCode, string(body)
		}()
		select {
		case <-met:
		case <-ended:
			t.Fatalf("%s: the other server did not look for it: %d %s", one.cmd.Do, status, text)
		}
		h.run(append([]step{one.cmd}, one.since...)...)
		before := h.head()
		close(let)
		if <-ended; status != one.cmd.Status {
			t.Errorf("%s: the other server says %d %s", one.cmd.Do, status, text)
		}
		if h.head() != before {
			t.Errorf("%s: the other server recorded something", one.cmd.Do)
		}
	}
}
