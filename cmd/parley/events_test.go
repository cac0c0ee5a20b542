package main

import (
	"strings"
	"testing"
)

func TestEventsTellThatThereIsMore(t *testing.T) {
	t.Parallel()
	data := folder(t)
	s := serveHere(t, data)
	furnish(t, s)
	s.stop()
	all := parley(t, "events", "--limit", "0", "--data", data)
	lines := strings.SplitAfter(all.ok(t), "\n")
	lines = lines[:len(lines)-1]
	if all.errs != "" || len(lines) < 3 {
		t.Fatalf("%d events, with %q", len(lines), all.errs)
	}
	first := parley(t, "events", "--limit", "2", "--data", data)
	if got := first.ok(t); got != lines[0]+lines[1] {
		t.Errorf("the first two events are\n%s", got)
	}
	rest, found := strings.CutPrefix(first.errs, "there may be more: --after ")
	after, _, _ := strings.Cut(rest, " ")
	if !found {
		t.Fatalf("of more events it says %q", first.errs)
	}
	second := parley(t, "events", "--after", after, "--limit", "0", "--data", data)
	if got := second.ok(t); got != strings.Join(lines[2:], "") || second.errs != "" {
		t.Errorf("behind them are\n%s%s", got, second.errs)
	}
}
