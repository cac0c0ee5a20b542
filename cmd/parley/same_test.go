package main

import (
	"slices"
	"strings"
	"testing"
)

func TestCommandsAnswerTheSameBesideAServer(t *testing.T) {
	long(t)
	t.Parallel()
	s := serveHere(t, folder(t))
	h := furnish(t, s)
	id, hold := h.talk(t, "Where is my parcel?", "On its way.")
	open := h.ask("Hello again?")
	h.offered(t, open)
	star(t, sample, "--data", s.data)
	printed := strings.Split(strings.TrimSpace(parley(t, "events", "--limit", "12", "--data", s.data).ok(t)), "\n")
	position, _, _ := strings.Cut(printed[len(printed)-1], " ")

	commands := [][]string{
		{"history", "conversation", id}, {"history", "conversation", id, "--json"},
		{"history", "conversation", id, "--as-of", position}, {"history", "conversation", id, "--as-of", "2999-01-01T00:00:00Z", "--json"},
		{"history", "agent", "ana"}, {"history", "notification", hold}, {"history", "session", hold, "--json"},
		{"history", "conversation", imported("1"), "--json"},
		{"events", "--limit", "0"}, {"events", "--json", "--limit", "0"}, {"events", "--kinds", "agent,queue"},
		{"events", "--names", "conversation.closed", "--json"}, {"events", "--after", position, "--limit", "3"}, {"events", "--list-names"},
		{"projections", "verify", "--all", "--json"},
		{"check"},
	}
	beside := make([]string, len(commands))
	eventually(t, "nothing happens while all is asked", func() bool {
		before := s.head()
		for i, c := range commands {
			if beside[i] = parley(t, append(c, "--data", s.data)...).ok(t); beside[i] == "" {
				t.Errorf("%v prints nothing", c)
			}
		}
		return s.head() == before
	})
	type projection struct {
		Name, State        string
		Version, LagEvents int
		Stalled            bool
		Parked             int
	}
	var served, opened []projection
	eventually(t, "the views show what is on record", func() bool {
		served = nil
		decode(t, parley(t, "projections", "list", "--json", "--data", s.data).ok(t), &served)
		return !slices.ContainsFunc(served, func(p projection) bool { return p.LagEvents > 0 })
	})
	s.stop()

	for i, c := range commands {
		alone := parley(t, append(c, "--data", s.data)...).ok(t)
		if alone != beside[i] {
			t.Errorf("%v beside a server:\n%s\nalone:\n%s", c, beside[i], alone)
		}
	}
	eventually(t, "the views show it without a server too", func() bool {
		opened = nil
		decode(t, parley(t, "projections", "list", "--json", "--data", s.data).ok(t), &opened)
		return !slices.ContainsFunc(opened, func(p projection) bool { return p.LagEvents > 0 })
	})
	if len(served) == 0 || len(served) != len(opened) {
		t.Fatalf("%d and %d projections", len(served), len(opened))
	}
	for i := range served {
		if served[i] != opened[i] || served[i].State != "live" {
			t.Errorf("beside %+v, alone %+v", served[i], opened[i])
		}
	}
	if list := parley(t, "projections", "list", "--data", s.data).ok(t); !strings.Contains(list, "NAME") || strings.Count(list, "\n") != len(served)+1 {
		t.Errorf("the list is\n%s", list)
	}
}
