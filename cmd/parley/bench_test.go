package main

import (
	"encoding/json"
	"testing"
)

// The benchmarks are run small, so that they keep running: what they measure
// is for whoever runs them on a quiet machine.
func TestBenchmarksRun(t *testing.T) {
	if testing.Short() {
		t.Skip("starts servers")
	}
	t.Setenv(reexec, "1") // the benchmark's server is this test's binary
	small := []string{"--json", "--seconds", "0.2", "--repeat", "1"}
	for _, args := range [][]string{
		{"append", "--writers", "1,4", "--records", "500", "--messages", "50"},
		{"commands", "--connections", "4", "--open", "40", "--rate", "50"},
		{"rebuild", "--events", "2000", "--rate", "100"},
		{"rebuild", "--events", "200", "--rate", "100", "--file", "testdata/star.jsonl"},
		{"feed", "--connections", "10", "--rate", "50"},
		{"routing", "--agents", "20", "--rate", "20", "--seed-agents", "20", "--waiting", "50"},
		{"start", "--events", "500"},
		{"wire", "--writers", "4", "--records", "500"},
	} {
		t.Run(args[0], func(t *testing.T) {
			var got report
			out := parley(t, append(append([]string{"bench"}, args...), small...)...).ok(t)
			if err := json.Unmarshal([]byte(out), &got); err != nil {
				t.Fatalf("%v in %s", err, out)
			}
			if (args[0] == "feed" || args[0] == "routing") && len(got.Failed) > 0 {
				t.Error(got.Failed)
			}
			if len(got.Rows) < 3 || got.Machine == "" || got.Method == "" {
				t.Errorf("a report without figures: %s", out)
			}
		})
	}
	parley(t, "bench", "append", "--seconds", "0").fails(t, exitUsage, "--seconds")
}
