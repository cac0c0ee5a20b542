package main

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"parley/domain"
	"parley/domain/agent"
	"parley/domain/session"
	"parley/eventstore"
	"parley/eventstore/embedded"
	"parley/projections"
)

// TestCheckNamesWhatContradictsItself plants what no engine would write.
func TestCheckNamesWhatContradictsItself(t *testing.T) {
	data := folder(t)
	serveHere(t, data).stop()
	parley(t, "check", "--data", data).ok(t)
	kinds, err := projections.Kinds()
	if err != nil {
		t.Fatal(err)
	}
	codec := &eventstore.Codec{Kinds: kinds}
	l, err := embedded.Open(embedded.Options{Dir: filepath.Join(data, "log")})
	if err != nil {
		t.Fatal(err)
	}
	hold := domain.Hold("c", 1, "ana")
	plant := func(stream string, events ...any) {
		t.Helper()
		var records []eventstore.Record
		for _, e := range events {
			name, text, err := codec.Encode(e, "")
			if err != nil {
				t.Fatal(err)
			}
			records = append(records, eventstore.Record{ID: uuid.New(), Name: name, Command: uuid.New(), HappenedAt: time.Now(), Data: text})
		}
		if _, err := l.Append(t.Context(), stream, eventstore.None, records...); err != nil {
			t.Fatal(err)
		}
	}
	plant("agent-ana", agent.Registered{Agent: "ana", Units: 10},
		agent.Reserved{Agent: "ana", Hold: hold, Conversation: "c", Turn: 1, Units: 20, Purpose: agent.PurposeOffer},
		agent.UnitsReleased{Agent: "ana", Hold: hold, Conversation: "c", Units: 20}, agent.UnitsReleased{Agent: "ana", Hold: hold, Conversation: "c", Units: 20})
	plant("session-x", session.Started{Agent: "ana", Form: session.FormConversation, Conversation: "c"})
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	said := parley(t, "check", "--data", data)
	said.fails(t, exitFail, "contradicts itself in 3 places")
	for _, want := range []string{
		"agent-ana at position 2 (revision 1): 20 units of 10 are held after an assignment that nobody forced [capacity]",
		"agent-ana at position 4 (revision 3): it releases units of " + hold + ", which holds none [units_once]",
		"session-x at position 5 (revision 0): it is started for x, by which nobody is engaged [session]",
	} {
		if !strings.Contains(said.out, want) {
			t.Errorf("it does not say %q:\n%s", want, said.out)
		}
	}
}

// withLog does something to the log of a folder that nobody has open.
func withLog(t *testing.T, data string, do func(*embedded.Log) error) {
	t.Helper()
	l, err := embedded.Open(embedded.Options{Dir: filepath.Join(data, "log")})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(do(l), l.Close()); err != nil {
		t.Fatal(err)
	}
}

// TestCheckHoldsEveryReactorAgainstTheLog: of whatever the house runs.
func TestCheckHoldsEveryReactorAgainstTheLog(t *testing.T) {
	long(t)
	t.Parallel()
	data := folder(t)
	serveHere(t, data).stop()
	h, err := openHouse(t.Context(), &config{data: data, location: time.UTC, zone: "UTC"}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, r := range h.reactors() {
		names = append(names, r.Status().Name)
	}
	if err := h.close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		mark := reactorMarks + name
		var before []byte
		withLog(t, data, func(l *embedded.Log) error {
			info, err := l.Info(t.Context())
			if err != nil {
				return err
			}
			_, err = l.Mark(t.Context(), mark, func(m eventstore.Mark) ([]byte, bool) {
				before = m.Value
				return []byte((info.Head + 1000).Text(info.Store)), true
			})
			return err
		})
		said := parley(t, "check", "--data", data)
		said.fails(t, exitFail, "in 1 places")
		if !strings.Contains(said.out, "mark "+mark+" at position ") || !strings.Contains(said.out, "beyond the end of the log") {
			t.Errorf("of %s it says:\n%s", mark, said.out)
		}
		withLog(t, data, func(l *embedded.Log) error {
			_, err := l.Mark(t.Context(), mark, func(eventstore.Mark) ([]byte, bool) { return before, true })
			return err
		})
	}
	parley(t, "check", "--data", data).ok(t)
}

// TestAViewThatIsPausedIsNotCalledWhole: nor is the log called broken for it.
func TestAViewThatIsPausedIsNotCalledWhole(t *testing.T) {
	long(t)
	t.Parallel()
	s := serveHere(t, folder(t))
	h := furnish(t, s)
	paused := func(want bool) {
		t.Helper()
		for _, args := range [][]string{{"check"}, {"projections", "verify", "--all"}, {"projections", "verify", "--all", "--json"}} {
			out := parley(t, append(args, "--data", s.data)...).ok(t)
			is := strings.Contains(out, "he view active is paused at ") && strings.Contains(out, "was not compared beyond it")
			if args[len(args)-1] == "--json" {
				is = strings.Contains(out, `"short":"paused"`)
			}
			if is != want || strings.Contains(out, "behind") {
				t.Errorf("%v says, where the view is paused: %v:\n%s", args, want, out)
			}
		}
	}
	paused(false)
	h.admin.must(http.StatusOK, "POST", "/v1/projections/active/pause", nil)
	h.ask("Is anybody there?")
	paused(true)
	s.stop()
	paused(true) // and where nobody serves
	h.again(serveHere(t, s.data))
	h.admin.must(http.StatusOK, "POST", "/v1/projections/active/resume", nil)
	paused(false)
	h.stop()

	// What a reactor put aside is told as well.
	withLog(t, s.data, func(l *embedded.Log) error {
		_, err := l.Mark(t.Context(), parkedMarks+"policies", func(eventstore.Mark) ([]byte, bool) {
			text, err := json.Marshal([]eventstore.Parked{{Key: "conversation-c", Position: 3, Error: "it fails"}})
			return text, err == nil
		})
		return err
	})
	if out := parley(t, "check", "--data", s.data).ok(t); !strings.Contains(out, "the reactor policies has put 1 events aside, the first at position 3: it fails") {
		t.Errorf("check says:\n%s", out)
	}
}

// TestASettledLogIsForgivenNothing: room was taken just now, and the offer it is
// for is still to come, or never will.
func TestASettledLogIsForgivenNothing(t *testing.T) {
	long(t)
	t.Parallel()
	data := folder(t)
	serveHere(t, data).stop()
	kinds, err := projections.Kinds()
	if err != nil {
		t.Fatal(err)
	}
	codec := &eventstore.Codec{Kinds: kinds}
	withLog(t, data, func(l *embedded.Log) error {
		var records []eventstore.Record
		for _, e := range []any{
			agent.Registered{Agent: "ana", Units: 10},
			agent.Reserved{Agent: "ana", Hold: domain.Hold("c", 1, "ana"), Conversation: "c", Turn: 1, Units: 5, Purpose: agent.PurposeOffer},
		} {
			name, text, err := codec.Encode(e, "")
			if err != nil {
				return err
			}
			records = append(records, eventstore.Record{ID: uuid.New(), Name: name, Command: uuid.New(), HappenedAt: time.Now(), Data: text})
		}
		_, err := l.Append(t.Context(), "agent-ana", eventstore.None, records...)
		return err
	})
	parley(t, "check", "--data", data).ok(t)
	said := parley(t, "check", "--settled", "--data", data)
	said.fails(t, exitFail, "in 1 places")
	if !strings.Contains(said.out, "agent-ana at position 2 (revision 1): ") {
		t.Errorf("it says:\n%s", said.out)
	}
}
