package eventstore

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"parley/domain"
)

// wanted is what entering a room leads to by the policies of ripples.
var wanted = []string{"room-1 room.entered", "tally-anna tally.counted", "tally-echo tally.counted",
	"tally-house tally.counted", "tally-refused tally.counted"}

func TestActRunsAllThatFollows(t *testing.T) {
	log := newMemLog()
	e := newEngine(t, log, ripples()...)
	command := uuid.New()
	out, err := Act(t.Context(), e, rooms(), "1", enter{Guest: "anna"}, Meta{Command: command, Actor: domain.Actor{ID: "anna", Role: domain.RoleVisitor}})
	if err != nil {
		t.Fatal(err)
	}
	if got := names(log); !slices.Equal(got, wanted) {
		t.Errorf("got %v", got)
	}
	all := log.all()
	if out.Position != all[len(all)-1].Position {
		t.Errorf("position %d is not the highest", out.Position)
	}
	cause := all[0]
	for _, r := range all[1:] {
		if r.Correlation != command || r.Actor != policyActor || !r.HappenedAt.Equal(cause.HappenedAt) {
			t.Errorf("envelope %+v", r)
		}
		if !strings.HasSuffix(r.Stream, "echo") && r.Causation != cause.ID {
			t.Errorf("%s follows from %s", r.Stream, r.Causation)
		}
	}
	if again, err := Act(t.Context(), e, rooms(), "1", enter{Guest: "anna"}, Meta{Command: command}); err != nil || !again.Repeated {
		t.Errorf("got %+v, %v", again, err)
	}
	if got := names(log); !slices.Equal(got, wanted) {
		t.Errorf("the repeat recorded more: %v", got)
	}
}

func TestTheRepeatOfARequestHealsWhatACrashLeft(t *testing.T) {
	log := &faultyLog{memLog: newMemLog()}
	e, command := newEngine(t, log, ripples()...), uuid.New()
	log.set(func(stream string, _ []Record) error {
		if strings.HasPrefix(stream, "tally") {
			return errDisk
		}
		return nil
	}, nil)
	if out, err := Act(t.Context(), e, rooms(), "1", enter{Guest: "anna"}, Meta{Command: command}); err != nil || len(out.Events) != 1 {
		t.Fatalf("a failing follow-up failed the request: %+v, %v", out, err)
	}
	if e.Left() != 1 || len(log.all()) != 1 {
		t.Errorf("%d left, %v", e.Left(), names(log.memLog))
	}
	log.set(nil, nil)
	if out, err := Act(t.Context(), e, rooms(), "1", enter{Guest: "anna"}, Meta{Command: command}); err != nil || !out.Repeated {
		t.Fatalf("got %+v, %v", out, err)
	}
	if got := names(log.memLog); !slices.Equal(got, wanted) {
		t.Errorf("got %v", got)
	}
}

func TestNothingFollowsFromWhatIsImported(t *testing.T) {
	log := newMemLog()
	e := newEngine(t, log, ripples()...)
	if _, err := Act(t.Context(), e, rooms(), "1", enter{Guest: "anna"}, Meta{Imported: true}); err != nil {
		t.Fatal(err)
	}
	if n := len(log.all()); n != 1 {
		t.Errorf("%v", names(log))
	}
}

func TestRunIsActWithoutTypes(t *testing.T) {
	log := newMemLog()
	e := newEngine(t, log, ripples()...)
	if _, err := e.Run(t.Context(), domain.Intent{Kind: "room", ID: "1", Command: enter{Guest: "anna"}}, Meta{}); err != nil {
		t.Fatal(err)
	}
	if got := names(log); !slices.Equal(got, wanted) {
		t.Errorf("got %v", got)
	}
	other := []domain.Intent{{Kind: "tally", ID: "other", Command: count{"refusals"}}}
	_, err := e.Run(t.Context(), domain.Intent{Kind: "tally", ID: "1", Command: count{"forbidden"}, Else: other}, Meta{})
	if err == nil || !slices.Contains(names(log), "tally-other tally.counted") {
		t.Errorf("got %v, %v", err, names(log))
	}
	for _, wrong := range []domain.Intent{{Kind: "ghost", ID: "1"}, {Kind: "room", ID: "1", Command: count{"x"}}} {
		if _, err := e.Run(t.Context(), wrong, Meta{}); err == nil {
			t.Errorf("%+v was run", wrong)
		}
	}
}

// A policy or decision that panics is one event's fault, not the process's.
func TestAPanicInAFollowUpIsLeftToTheReactor(t *testing.T) {
	log := newMemLog()
	e := newEngine(t, log, domain.Policy{Name: "stormy", Follow: func(f domain.Fact) []domain.Intent {
		if f.Kind != "room" {
			panic("in the policy")
		}
		return []domain.Intent{{Kind: "room", ID: "2", Command: storm{}}, {Kind: "tally", ID: "x", Command: count{"x"}}}
	}})
	if _, err := Act(t.Context(), e, rooms(), "1", enter{Guest: "anna"}, Meta{}); err != nil {
		t.Fatal(err)
	}
	if got := names(log); !slices.Equal(got, []string{"room-1 room.entered", "tally-x tally.counted"}) || e.Left() != 2 {
		t.Errorf("got %v, %d left", got, e.Left())
	}
}

func TestIntentsForOneStreamKeepTheirOrder(t *testing.T) {
	log := newMemLog()
	e := newEngine(t, log, domain.Policy{Name: "many", Follow: func(f domain.Fact) (all []domain.Intent) {
		for i := range 20 {
			if f.Kind == "room" {
				all = append(all, domain.Intent{Kind: "tally", ID: []string{"x", "y"}[i%2], Command: count{string(rune('a' + i))}})
			}
		}
		return all
	}})
	if _, err := Act(t.Context(), e, rooms(), "1", enter{Guest: "anna"}, Meta{}); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, r := range log.all()[1:] {
		got[r.Stream] += strings.Trim(strings.TrimPrefix(string(r.Data), `{"What":`), `"}`)
	}
	if got["tally-x"] != "acegikmoqs" || got["tally-y"] != "bdfhjlnprt" {
		t.Errorf("got %v", got)
	}
}
