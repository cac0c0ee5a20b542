package main

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"parley/domain"
)

// folderCopy copies a folder as it lies.
func folderCopy(t *testing.T, from, to string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}

// names are what lies in a folder.
func names(t *testing.T, dir string) string {
	t.Helper()
	found, err := os.ReadDir(dir)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	all := make([]string, len(found))
	for i, f := range found {
		all[i] = f.Name()
	}
	return strings.Join(all, " ")
}

// backedUp is a shop with a customer known as ada, backed up, after which more
// is said and ada is erased.
func backedUp(t *testing.T) (s *server, conversation, backup, oldKeys string) {
	t.Helper()
	s = serveHere(t, folder(t))
	h := furnish(t, s)
	conversation, _ = h.talk(t, "Where is my zebra?", "In the garden.")
	h.admin.must(http.StatusOK, "PUT", "/v1/contacts/ada", fields{"name": "Ada"})
	h.admin.must(http.StatusOK, "PUT", "/v1/contacts/bob", fields{"name": "Bob"})
	at := folder(t)
	backup, oldKeys = filepath.Join(at, "backup"), filepath.Join(at, "keys")
	parley(t, "backup", backup, "--data", s.data).ok(t)
	folderCopy(t, filepath.Join(s.data, "keys"), oldKeys)
	h.talk(t, "And now?", "Gone.")
	h.admin.must(http.StatusOK, "POST", "/v1/contacts/ada/erase", nil)
	s.stop()
	behind(t, s.data, func(b *house) { // until the erasure is noted as seen through
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- b.erasure.Run(ctx) }()
		eventually(t, "the erasure is seen through", func() bool {
			info, err := b.log.Info(ctx)
			at := b.erasure.Status()
			return err == nil && at.Read >= info.Head && at.Behind == 0
		})
		cancel()
		if err := <-ended; err != nil { // it has noted how far it is
			t.Error(err)
		}
	})
	return s, conversation, backup, oldKeys
}

func TestRestoreBringsBackWhatWasBackedUp(t *testing.T) {
	long(t)
	t.Parallel()
	s, conversation, backup, oldKeys := backedUp(t)
	history := parley(t, "history", "conversation", conversation, "--data", s.data).ok(t)

	to := filepath.Join(folder(t), "data")
	restored := func() result { return parley(t, "restore", backup, "--data", to) }
	restored().fails(t, exitFail, "there are no keys in "+filepath.Join(to, "keys"), "nothing was written")
	if left := names(t, to); left != "" {
		t.Fatalf("the refused restore left %s", left)
	}
	other := serveHere(t, folder(t))
	other.stop()
	folderCopy(t, filepath.Join(other.data, "keys"), filepath.Join(to, "keys"))
	restored().fails(t, exitFail, "are not those of this log")
	if err := os.RemoveAll(filepath.Join(to, "keys")); err != nil {
		t.Fatal(err)
	}
	folderCopy(t, filepath.Join(s.data, "keys"), filepath.Join(to, "keys"))
	if err := os.MkdirAll(filepath.Join(to, restoring, "pebble"), 0o700); err != nil { // what a kill left
		t.Fatal(err)
	}
	if said := restored().ok(t); !strings.Contains(said, "The log up to ") {
		t.Error(said)
	}
	if left := names(t, to); left != "keys log" {
		t.Errorf("the folder holds %s", left)
	}
	restored().fails(t, exitFail, "holds log", "nothing was written")

	if told := parley(t, "history", "conversation", conversation, "--data", to).ok(t); told != history {
		t.Errorf("the history was\n%s\nand is\n%s", history, told)
	}
	parley(t, "check", "--data", to).ok(t)
	parley(t, "projections", "verify", "--all", "--data", to).ok(t)
	again := serveHere(t, to)
	for name, want := range map[string]string{"ada": string(domain.Erased), "bob": "Bob"} {
		if got := again.admin.must(http.StatusOK, "GET", "/v1/contacts/"+name, nil).text("name"); got != want {
			t.Errorf("%s is called %q, want %q: who is erased stays so", name, got, want)
		}
	}
	old := parley(t, "events", "--limit", "1", "--data", s.data).ok(t)
	before, _, _ := strings.Cut(old, " ")
	parley(t, "events", "--after", before, "--data", to).fails(t, exitFail, "log_moved")
	again.stop()

	// A backup of the log with the erasure in it, and keys from before.
	late := filepath.Join(folder(t), "late")
	parley(t, "backup", late, "--data", s.data).ok(t)
	stale := filepath.Join(folder(t), "data")
	folderCopy(t, oldKeys, filepath.Join(stale, "keys"))
	parley(t, "restore", late, "--data", stale).fails(t, exitFail, "older than the log", "contact-ada was erased", "nothing was written")
	if left := names(t, stale); left != "keys" {
		t.Errorf("the folder holds %s", left)
	}
}

// TestRestoreWritesNothingOfADamagedBackup changes, cuts and takes away each
// file of a backup: it is refused with nothing written, or what is brought back
// is all there was.
func TestRestoreWritesNothingOfADamagedBackup(t *testing.T) {
	long(t)
	t.Parallel()
	s, _, backup, _ := backedUp(t)
	to := filepath.Join(folder(t), "data")
	fresh := func() {
		t.Helper()
		if err := os.RemoveAll(to); err != nil {
			t.Fatal(err)
		}
		folderCopy(t, filepath.Join(s.data, "keys"), filepath.Join(to, "keys"))
	}
	events := func() string {
		var all []string
		for line := range strings.Lines(parley(t, "events", "--limit", "0", "--data", to).ok(t)) {
			_, event, _ := strings.Cut(line, " ") // the position names the log
			all = append(all, event)
		}
		return strings.Join(all, "")
	}
	fresh()
	parley(t, "restore", filepath.Join(backup, "nowhere"), "--data", to).fails(t, exitFail, "there is no folder")
	parley(t, "restore", backup, "--data", to).ok(t)
	whole := events()
	fresh()

	files, err := filepath.Glob(filepath.Join(backup, "pebble", "*"))
	if err != nil || len(files) < 5 {
		t.Fatalf("%v, %v", files, err)
	}
	taken := 0
	for _, name := range append(files, filepath.Join(backup, "FORMAT")) {
		good, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for what, bad := range map[string][]byte{"changed": flipped(good, len(good)/2), "cut": good[:len(good)/2], "away": nil} {
			if err := os.WriteFile(name, bad, 0o600); err != nil {
				t.Fatal(err)
			}
			if what == "away" {
				if err := os.Remove(name); err != nil {
					t.Fatal(err)
				}
			}
			r := parley(t, "restore", backup, "--data", to)
			switch left := names(t, to); {
			case r.code == exitOK:
				if events() != whole {
					t.Errorf("%s is %s, and not all is brought back", filepath.Base(name), what)
				}
				t.Logf("%s is %s, and nothing is missing", filepath.Base(name), what)
				taken++
				fresh()
			case left != "keys" || !strings.Contains(r.errs, "nothing was written"):
				t.Errorf("%s is %s: left are %s, and it says %s", filepath.Base(name), what, left, r.errs)
			}
			if err := os.WriteFile(name, good, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	if taken > len(files) {
		t.Errorf("%d damages of %d files were taken for none", taken, len(files))
	}
	parley(t, "restore", backup, "--data", to).ok(t)
}

func flipped(b []byte, at int) []byte {
	b = append([]byte(nil), b...)
	if len(b) > 0 {
		b[at] ^= 4
	}
	return b
}

// TestRestoreRefusesABackupInTheDataFolder keeps the only copy there may be:
// what lies where a restore that was cut off left its half is cleared away.
func TestRestoreRefusesABackupInTheDataFolder(t *testing.T) {
	long(t)
	t.Parallel()
	backup, to := backupAndKeys(t)
	half := filepath.Join(to, restoring)
	folderCopy(t, backup, half)
	link := filepath.Join(folder(t), "link")
	if err := os.Symlink(half, link); err != nil {
		t.Fatal(err)
	}
	was := names(t, half)
	for _, from := range []string{half, link} {
		parley(t, "restore", from, "--data", to).fails(t, exitFail, "lies in the data folder", "nothing was written")
		if left := names(t, half); left != was {
			t.Fatalf("the backup held %s, and holds %s", was, left)
		}
	}
	inside := filepath.Join(backup, "new", "data")
	parley(t, "restore", backup, "--data", inside, "--keys", filepath.Join(to, "keys")).fails(t, exitFail, "lies in the backup", "nothing was written")
	if left := names(t, filepath.Join(backup, "new")); left != "" {
		t.Errorf("the refused restore left %s", left)
	}

	// Keys elsewhere, in a folder that is called like what is in the way.
	elsewhere := filepath.Join(folder(t), "log")
	folderCopy(t, filepath.Join(to, "keys"), elsewhere)
	full := folder(t)
	folderCopy(t, backup, filepath.Join(full, "log"))
	parley(t, "restore", backup, "--data", full, "--keys", elsewhere).fails(t, exitFail, "holds log", "nothing was written")
	parley(t, "restore", half, "--data", filepath.Join(folder(t), "data"), "--keys", elsewhere).ok(t)
}

// TestTwoRestoresIntoOneFolder has a second restore come while the first is at
// work: it would clear away what the first brings back, which would then say that
// all of it is there.
func TestTwoRestoresIntoOneFolder(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no folder is locked here")
	}
	t.Parallel()
	backup, to := backupAndKeys(t)
	half := filepath.Join(to, restoring)
	folderCopy(t, backup, half) // the first one's
	was := names(t, half)
	first, err := alone(to)
	if err != nil {
		t.Fatal(err)
	}
	parley(t, "restore", backup, "--data", to).fails(t, exitFail, "another parley restore is at work in "+to, "nothing was written")
	if left := names(t, half); left != was {
		t.Errorf("the first one's copy held %q, and holds %q", was, left)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	parley(t, "restore", backup, "--data", to).ok(t)
	parley(t, "check", "--data", to).ok(t)
}

// backupAndKeys makes a backup of a log, and a data folder with nothing in it but the
// log's keys.
func backupAndKeys(t *testing.T) (backup, to string) {
	t.Helper()
	s := serveHere(t, folder(t))
	furnish(t, s)
	backup, to = filepath.Join(folder(t), "backup"), filepath.Join(folder(t), "data")
	parley(t, "backup", backup, "--data", s.data).ok(t)
	s.stop()
	folderCopy(t, filepath.Join(s.data, "keys"), filepath.Join(to, "keys"))
	return backup, to
}
