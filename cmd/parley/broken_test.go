package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// longLog is a folder with more in its log than all buffers between two processes
// hold, made by an import of many dialogues.
func longLog(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(sample)
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(text), "\n")
	var dialogue map[string]any
	decode(t, first, &dialogue)
	var all bytes.Buffer
	for n := range 300 {
		dialogue["DialogueID"] = n + 1
		if err := json.NewEncoder(&all).Encode(dialogue); err != nil {
			t.Fatal(err)
		}
	}
	data := filepath.Join(folder(t), "data")
	parleyWith(t, all.String(), "import", "star", "-", "--data", data).ok(t)
	return data
}

// atFirst does something once, when the first is written.
type atFirst struct {
	do   func()
	done bool
	bytes.Buffer
}

func (a *atFirst) Write(p []byte) (int, error) {
	if !a.done {
		a.done = true
		a.do()
	}
	return a.Buffer.Write(p)
}

// clear fails the test unless a message is one line, which says what one may know.
func (r result) clear(t *testing.T, texts ...string) {
	t.Helper()
	r.fails(t, exitFail, texts...)
	for _, secret := range []string{"context canceled", "unexpected end", "EOF", "signal received", "level=", "goroutine"} {
		if strings.Contains(r.errs, secret) {
			t.Errorf("it says %q:\n%s", secret, r.errs)
		}
	}
	if strings.Count(r.errs, "\n") != 1 {
		t.Errorf("it is no one line:\n%s", r.errs)
	}
}

// TestWorkThatIsInterruptedHasFailed interrupts each command, on a folder that nobody
// holds, before it has begun: none tells by its code that its work was done, least of
// all a check.
func TestWorkThatIsInterruptedHasFailed(t *testing.T) {
	t.Parallel()
	data, new := longLog(t), folder(t)
	backup := filepath.Join(new, "backup")
	parley(t, "backup", backup, "--data", data).ok(t)
	folderCopy(t, filepath.Join(data, "keys"), filepath.Join(new, "data", "keys"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range [][]string{
		{"check"}, {"projections", "list"}, {"projections", "rebuild", "--all"}, {"projections", "verify", "--all"}, {"events"}, {"token"}, {"export"},
		{"export", "--output", filepath.Join(new, "events")}, {"backup", filepath.Join(new, "another")}, {"import", "star", sample},
		{"restore", backup, "--data", filepath.Join(new, "data")}, {"copy", "--from", data, "--to", filepath.Join(new, "copy")},
	} {
		var out, errs bytes.Buffer
		if c[0] != "restore" && c[0] != "copy" {
			c = append(c, "--data", data)
		}
		code := run(ctx, c, func(string) string { return "" }, strings.NewReader(""), &out, &errs)
		result{code, out.String(), errs.String()}.clear(t, "interrupted before its end")
	}
	if _, err := os.Stat(filepath.Join(new, "another")); !os.IsNotExist(err) {
		t.Errorf("a backup is there: %v", err)
	}
	parley(t, "check", "--data", data).ok(t)
}

// TestAnExportThatIsInterruptedSaysWhatIsLeft interrupts one while it is printed, and
// goes on with one into a file whose server is killed.
func TestAnExportThatIsInterruptedSaysWhatIsLeft(t *testing.T) {
	long(t)
	t.Parallel()
	data := longLog(t)
	none := func(string) string { return "" }
	ctx, cancel := context.WithCancel(t.Context())
	var errs bytes.Buffer
	out := &atFirst{do: cancel}
	code := run(ctx, []string{"export", "--data", data}, none, nil, out, &errs)
	result{code, "", errs.String()}.clear(t, "interrupted before its end; what was printed has no end")
	if strings.Contains(out.String(), `{"end":`) {
		t.Error("what was printed has an end")
	}

	s := serveProcess(t, data)
	errs.Reset()
	code = run(t.Context(), []string{"export", "--data", data}, none, nil, &atFirst{do: s.kill}, &errs)
	result{code, "", errs.String()}.clear(t, "the server that holds "+data+" broke off", "what was printed has no end")

	file := filepath.Join(folder(t), "events.jsonl")
	parley(t, "export", "--kinds", "nonsense", "--output", file, "--data", data).fails(t, exitFail, "nonsense")
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		t.Errorf("an export that was refused left a file: %v", err)
	}
	parley(t, "export", "--output", file, "--data", data).ok(t)
}

// TestWhoInterruptsTwiceDoesNotWait stops an export that nobody reads.
func TestWhoInterruptsTwiceDoesNotWait(t *testing.T) {
	long(t)
	t.Parallel()
	data := longLog(t)
	cmd, out, errs := start(t, "export", "--data", data)
	if _, err := io.ReadFull(out, make([]byte, 1)); err != nil { // it is printed, and then waits
		t.Fatalf("%v: %s", err, errs)
	}
	ended := make(chan error, 1)
	go func() {
		_, err := cmd.Process.Wait()
		ended <- err
	}()
	eventually(t, "it ends", func() bool {
		_ = cmd.Process.Signal(os.Interrupt) // it may have ended just now
		select {
		case err := <-ended:
			if err != nil {
				t.Error(err)
			}
			return true
		default:
			return false
		}
	})
	parley(t, "check", "--data", data).ok(t)
}

// TestABackupIntoAFolderThatIsNoText: it would be made by another name than was given.
func TestABackupIntoAFolderThatIsNoText(t *testing.T) {
	t.Parallel()
	data, to := filepath.Join(folder(t), "data"), folder(t)
	parley(t, "token", "--data", data).fails(t, exitFail, "there is no folder")
	star(t, sample, "--data", data)
	parley(t, "backup", filepath.Join(to, "a\xffb"), "--data", data).clear(t, fmt.Sprintf("%q", "a\xffb")[1:5], "UTF-8", "nothing was written")
	if names, err := fs.ReadDir(os.DirFS(to), "."); err != nil || len(names) > 0 {
		t.Errorf("%v is there (%v)", names, err)
	}
	parley(t, "backup", filepath.Join(to, "a b ü"), "--data", data).ok(t)
}
