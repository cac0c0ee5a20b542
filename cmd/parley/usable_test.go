package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestWhatCannotBeUsedIsNamed starts the program on folders and files that are not
// what they should be, or that it may not read or write: one line names which, what is
// wrong and what to do, and what is there stays.
func TestWhatCannotBeUsedIsNamed(t *testing.T) {
	t.Parallel()
	whole := folder(t)
	serveHere(t, whole).stop()
	for _, c := range []struct {
		name  string
		path  string      // what is spoiled
		is    os.FileMode // what may be done with it; 0: a folder is in its place, or a file in a folder's
		names string      // what the line says, of another path than that
		says  string
	}{
		{"a file for the log", "log", 0, "", "move it away, and bring back"},
		{"a file for the log's own folder", "log/pebble", 0, "", "move it away, and bring back"},
		{"a folder for the format", "log/FORMAT", 0, "", "move it away, and bring back"},
		{"a file for the keys", "keys", 0, "", "move it away, and bring back"},
		{"a folder for the keys' file", "keys/subjects.keys", 0, "", "move it away, and bring back"},
		{"a file for the views", "views", 0, "", "move it away, and bring back"},
		{"a folder for the views' catalogue", "views/catalogue.db", 0, "", "move it away, and bring back"},
		{"a folder for the socket", "parley.sock", 0, "", "move it away"},
		{"the data folder to read", ".", 0o500, "", "let the user who runs parley own"},
		{"the log to read", "log", 0o500, "log/SEAL", "let the user who runs parley own"},
		{"the log's own folder to read", "log/pebble", 0o500, "log/pebble/MANIFEST", "let the user who runs parley own"},
		{"the log's own folder closed", "log/pebble", 0o100, "", "let the user who runs parley own"},
		{"the keys closed", "keys", 0o100, "", "let the user who runs parley own"},
		{"the keys' file to read", "keys/subjects.keys", 0o400, "", "let the user who runs parley own"},
		{"the views to read", "views", 0o500, "", "let the user who runs parley own"},
		{"the views' catalogue to read", "views/catalogue.db", 0o400, "", "let the user who runs parley own"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			data := folder(t)
			copyInto(t, whole, data)
			path := filepath.Join(data, c.path)
			if c.is == 0 {
				exchange(t, path)
			} else {
				allow(t, path, c.is)
			}
			before := list(t, data)
			for _, args := range [][]string{{"serve", "--listen", "127.0.0.1:0"}, {"check"}} {
				cmd := bound(t, append(args, "--data", data)...)
				_, errs := begin(t, cmd)
				_ = cmd.Wait() // its code is looked at
				names := path
				if c.names != "" {
					names = filepath.Join(data, c.names)
				}
				result{cmd.ProcessState.ExitCode(), "", errs.String()}.fails(t, exitFail, names, c.says)
				if strings.Count(errs.String(), "\n") != 1 {
					t.Errorf("%s says more than one line:\n%s", args[0], errs)
				}
			}
			if after := list(t, data); !slices.Equal(before, after) {
				t.Errorf("there was %q, and is %q", before, after)
			}
		})
	}
}

// TestAViewThatCannotBeWrittenIsMadeAnew starts on one that may only be read.
func TestAViewThatCannotBeWrittenIsMadeAnew(t *testing.T) {
	t.Parallel()
	data := folder(t)
	s := serveHere(t, data)
	h := furnish(t, s)
	h.stop()
	found, err := filepath.Glob(filepath.Join(data, "views", "due.*.db"))
	if err != nil || len(found) != 1 {
		t.Fatalf("%q, %v", found, err)
	}
	allow(t, found[0], 0o400)
	s = serveCommand(t, data, bound(t, "serve", "--data", data, "--listen", "127.0.0.1:0"))
	h.again(s)
	h.engage(t, h.ask("Is it written?"))
	eventually(t, "another file is there", func() bool {
		now, err := filepath.Glob(filepath.Join(data, "views", "due.*.db"))
		return err == nil && len(now) == 2 // the next start sweeps the one that nobody names
	})
	s.stop()
	parley(t, "projections", "verify", "--all", "--data", data).ok(t)
}

// bound is a command that runs the program as one whom the permissions of files bind,
// as they do not bind root.
func bound(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() != 0 {
		return exec.Command(self, args...)
	}
	without := []string{"--bounding-set", "-dac_override,-dac_read_search", "--"}
	if out, err := exec.Command("setpriv", append(without, "true")...).CombinedOutput(); err != nil {
		t.Skipf("SKIPPED: permissions do not bind root: run this as another user, or with setpriv (%v: %s)", err, out)
	}
	return exec.Command("setpriv", slices.Concat(without, []string{self}, args)...)
}

// exchange puts a folder where a file was, a file where a folder was.
func exchange(t *testing.T, path string) {
	t.Helper()
	info, err := os.Stat(path)
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
	if err == nil && info.IsDir() {
		err = os.WriteFile(path, nil, 0o600)
	} else {
		err = os.Mkdir(path, 0o700)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// allow says what may be done with a file or a folder until the test ends.
func allow(t *testing.T, path string, is os.FileMode) {
	t.Helper()
	info, err := os.Stat(path)
	if err == nil {
		err = os.Chmod(path, is)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.Chmod(path, info.Mode()); err != nil && !os.IsNotExist(err) {
			t.Error(err)
		}
	})
}

// copyInto copies what is in a folder into another.
func copyInto(t *testing.T, from, to string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}

// list names all that is in a folder of views and keys, and the log's format: what a
// start that was cut off leaves of the log itself differs.
func list(t *testing.T, data string) (names []string) {
	t.Helper()
	for _, in := range []string{"views", "keys"} {
		found, err := os.ReadDir(filepath.Join(data, in))
		if err != nil {
			continue // it is spoiled
		}
		for _, f := range found {
			names = append(names, in+"/"+f.Name())
		}
	}
	return names
}
