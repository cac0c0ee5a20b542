package spec

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"parley/domain"
)

// A lamp is a kind small enough to break each law on purpose.
type lamp struct {
	On    bool
	Since time.Time
	Notes map[string]int
}

type lampEvent interface{ apply(*lamp) }

type lit struct{ At time.Time }
type dimmed struct {
	lost string
	Tags []string
}
type lampCarried struct{ Lamp lamp }

func (e lit) apply(l *lamp)         { l.On, l.Since, l.Notes = true, e.At, map[string]int{} }
func (e dimmed) apply(l *lamp)      { l.On = false }
func (e lampCarried) apply(l *lamp) { *l = e.Lamp }

type decideFunc func(lamp) ([]lampEvent, error)

func (f decideFunc) Decide(l lamp) ([]lampEvent, error) { return f(l) }

type light struct{ At time.Time }

func (c light) Decide(l lamp) ([]lampEvent, error) {
	if l.On {
		return nil, nil
	}
	if c.At.IsZero() {
		return nil, domain.Invalid("at", "say when")
	}
	return []lampEvent{lit(c)}, nil
}

func lamps() *domain.Kind[lamp, lampEvent] {
	return &domain.Kind[lamp, lampEvent]{Name: "lamp", Apply: func(l *lamp, e lampEvent) { e.apply(l) },
		Names: domain.Names[lampEvent]{"lamp.lit": lit{}, "lamp.dimmed": dimmed{}, "lamp.carried_forward": lampCarried{}},
		Carry: func(l lamp) lampEvent { return lampCarried{l} }}
}

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestALawfulKindPasses(t *testing.T) {
	Run(t, lamps(), []Case[lamp, lampEvent]{
		{Name: "light", When: light{noon}, Then: []lampEvent{lit{noon}}},
		{Name: "lit already", Given: []lampEvent{lit{noon}}, When: light{noon}},
		{Name: "light without a time", When: light{}, Err: domain.Invalid("at", "")},
		{Name: "again", When: decideFunc(func(lamp) ([]lampEvent, error) { return []lampEvent{dimmed{}}, nil }), Then: []lampEvent{dimmed{}}, Again: true},
	})
}

func TestEachBrokenLawIsTold(t *testing.T) {
	n := 0
	lossy, unnamed := lamps(), lamps()
	lossy.Carry = func(l lamp) lampEvent { return lampCarried{lamp{On: l.On}} }
	delete(unnamed.Names, "lamp.lit")
	for told, c := range map[string]struct {
		kind *domain.Kind[lamp, lampEvent]
		Case[lamp, lampEvent]
	}{
		"refused":             {lamps(), Case[lamp, lampEvent]{When: light{}}},
		"got the error":       {lamps(), Case[lamp, lampEvent]{When: light{noon}, Err: domain.Invalid("at", "")}},
		"with field":          {lamps(), Case[lamp, lampEvent]{When: light{}, Err: domain.Invalid("when", "")}},
		"want":                {lamps(), Case[lamp, lampEvent]{When: light{noon}, Then: []lampEvent{lit{noon.Add(1)}}}},
		"repeated, the":       {lamps(), Case[lamp, lampEvent]{When: decideFunc(func(lamp) ([]lampEvent, error) { return []lampEvent{dimmed{}}, nil }), Then: []lampEvent{dimmed{}}}},
		"does not survive":    {lamps(), Case[lamp, lampEvent]{When: decideFunc(nil), Then: []lampEvent{dimmed{lost: "x"}}}},
		"being carried":       {lossy, Case[lamp, lampEvent]{Given: []lampEvent{lit{noon}}, When: light{noon}}},
		"no name":             {unnamed, Case[lamp, lampEvent]{When: light{noon}, Then: []lampEvent{lit{noon}}}},
		"changed the state":   {lamps(), Case[lamp, lampEvent]{Given: []lampEvent{lit{noon}}, When: decideFunc(func(l lamp) ([]lampEvent, error) { l.Notes["x"]++; return nil, nil })}},
		"decided again":       {lamps(), Case[lamp, lampEvent]{When: decideFunc(func(lamp) ([]lampEvent, error) { n++; return make([]lampEvent, 0), many(n) }), Err: domain.Refuse("many", "", "")}},
		"comes with events":   {lamps(), Case[lamp, lampEvent]{When: decideFunc(func(lamp) ([]lampEvent, error) { return []lampEvent{dimmed{}}, many(1) }), Err: domain.Refuse("many", "", "")}},
		"recorded nothing":    {lamps(), Case[lamp, lampEvent]{Given: []lampEvent{lit{noon}}, When: light{noon}, Then: []lampEvent{lit{noon}}}},
		"the command fails: ": {lamps(), Case[lamp, lampEvent]{When: decideFunc(failsOnceLit), Then: []lampEvent{lit{noon}}}},
	} {
		if err := c.check(c.kind); err == nil || !strings.Contains(err.Error(), told) {
			t.Errorf("want an error that tells %q, got %v", told, err)
		}
	}
}

func many(n int) error { return domain.Refuse("many", "", strings.Repeat("no ", n)) }

func failsOnceLit(l lamp) ([]lampEvent, error) {
	if l.On {
		return nil, os.ErrInvalid
	}
	return []lampEvent{lit{noon}}, nil
}

// oldLit is how a lamp was lit in the first version.
type oldLit struct{ When time.Time }

func (o oldLit) Lift() lampEvent { return lit{o.When} }

func TestGoldenEventsAreWrittenOnceAndKept(t *testing.T) {
	dir, kind := t.TempDir(), lamps()
	file := filepath.Join(dir, "lamp.lit.json")
	if err := golden(kind, file, "lamp.lit", lampEvent(lit{noon}), false); err == nil {
		t.Error("a missing file was accepted")
	}
	if err := golden(kind, file, "lamp.lit", lampEvent(lit{noon}), true); err != nil {
		t.Fatal(err)
	}
	if err := golden(kind, file, "lamp.lit", lampEvent(lit{noon.Add(time.Hour)}), true); err != nil {
		t.Error(err)
	}
	if text, err := os.ReadFile(file); err != nil || !strings.Contains(string(text), "12:00:00Z") {
		t.Errorf("the file was written twice: %s, %v", text, err)
	}
	if err := golden(kind, file, "lamp.lit", lampEvent(dimmed{}), false); err == nil {
		t.Error("a sample of another type was accepted")
	}
	if err := os.WriteFile(file, []byte(`{"When":"2026-03-01T12:00:00Z"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := golden(kind, file, "lamp.lit", lampEvent(lit{noon}), false); err == nil {
		t.Error("a changed shape was accepted")
	}
	if err := formerGolden[lamp, lampEvent](kind, file, oldLit{}); err != nil {
		t.Error(err)
	}
}
