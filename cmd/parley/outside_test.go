package main

import (
	"os"
	"path/filepath"
	"testing"
)

// TestNothingIsMadeAmongTheEnginesOwnFiles names places within the data folder's
// parts for what is to be new: there it would be damage of the log, said to be a
// success before.
func TestNothingIsMadeAmongTheEnginesOwnFiles(t *testing.T) {
	t.Parallel()
	s := serveHere(t, folder(t))
	furnish(t, s)
	backup := filepath.Join(folder(t), "backup")
	parley(t, "backup", backup, "--data", s.data).ok(t)
	link := filepath.Join(folder(t), "link")
	if err := os.Symlink(filepath.Join(s.data, "log"), link); err != nil {
		t.Fatal(err)
	}
	at := func(parts ...string) string { return filepath.Join(append([]string{s.data}, parts...)...) }
	places := []string{at("log", "pebble", "new"), at("log", "a", "new"), at("keys", "new"), at("views", "new"), filepath.Join(link, "new")}
	for _, held := range []bool{true, false} {
		for _, place := range places {
			parley(t, "backup", place, "--data", s.data).fails(t, exitFail, place, "only the engine's own files", "nothing was written")
			parley(t, "export", "--output", place, "--data", s.data).fails(t, exitFail, place, "only the engine's own files", "nothing was written")
			if !held {
				parley(t, "copy", "--from", s.data, "--to", place).fails(t, exitFail, place, "only the engine's own files", "nothing was written")
			}
			if _, err := os.Lstat(place); !os.IsNotExist(err) {
				t.Errorf("%s was made: %v", place, err)
			}
		}
		s.stop()
	}
	parley(t, "copy", "--from", backup, "--to", backup).fails(t, exitFail, "--to", "lies in the log")
	parley(t, "copy", "--from", backup, "--to", filepath.Join(backup, "pebble", "new")).fails(t, exitFail, "--to", "lies in the log", "nothing was written")
	parley(t, "check", "--data", s.data).ok(t)

	// The data folder itself is its owner's.
	parley(t, "backup", at("monday"), "--data", s.data).ok(t)
	parley(t, "export", "--output", at("events.jsonl"), "--data", s.data).ok(t)
}
