package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// smallDisk mounts a disk of so many MiB, where this process may.
func smallDisk(t *testing.T, size int) (dir string, grow func(size int)) {
	t.Helper()
	dir = filepath.Join(folder(t), "d")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	mount := func(options string) error {
		out, err := exec.Command("mount", "-t", "tmpfs", "-o", options, "tmpfs", dir).CombinedOutput()
		if err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		return nil
	}
	if err := mount(fmt.Sprintf("size=%dm", size)); err != nil {
		t.Skipf("a small disk cannot be mounted: run this as root, with mount (%v)", err)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", "-l", dir).CombinedOutput(); err != nil {
			t.Errorf("umount: %v: %s", err, out)
		}
	})
	return dir, func(size int) {
		t.Helper()
		if err := mount(fmt.Sprintf("remount,size=%dm", size)); err != nil {
			t.Fatal(err)
		}
	}
}

// TestAFullDiskRefusesAndLosesNothing fills the disk under the real process: what
// cannot be written is refused, what was answered is there when it is started
// again with room, and it goes on.
func TestAFullDiskRefusesAndLosesNothing(t *testing.T) {
	long(t)
	t.Parallel()
	disk, grow := smallDisk(t, 24)
	s := serveProcess(t, filepath.Join(disk, "data"), "--rate", "0")
	h := furnish(t, s)
	id := h.ask("Is there room?")
	h.engage(t, id)
	at := "/v1/conversations/" + id + "/messages"
	told := map[string]string{}
	var refusal answer
	for n := range 20_000 {
		text := fmt.Sprintf("%d %s", n, strings.Repeat("x", 5000))
		sent := h.visitor.send("POST", at, fields{"text": text})
		if sent.status != http.StatusCreated {
			refusal = sent
			break
		}
		told[sent.text("message")] = text
	}
	if len(told) < 10 {
		t.Fatalf("%d messages had room", len(told))
	}
	t.Logf("after %d messages: %d %s", len(told), refusal.status, refusal.raw)
	if refusal.status < 500 { // 0: the process has ended
		t.Errorf("the refusal is %d: %s", refusal.status, refusal.raw)
	}
	again := h.visitor.send("POST", at, fields{"text": "once more"})
	if again.status == http.StatusCreated {
		told[again.text("message")] = "once more" // there was room for this one
	}
	h.kill()
	grow(200)
	h.again(serveProcess(t, s.data, "--rate", "0"))
	h.visitor.must(http.StatusCreated, "POST", at, fields{"text": "There is."})
	h.stop()
	kept := map[string]string{}
	for line := range strings.Lines(parley(t, "export", "--clear", "--names", "conversation.message_received", "--data", s.data).ok(t)) {
		var record struct{ Data struct{ ID, Text string } }
		decode(t, line, &record)
		kept[record.Data.ID] = record.Data.Text
	}
	for message, text := range told {
		if kept[message] != text {
			t.Fatalf("%.20q was answered and is %.20q (%d are there, %d were answered)", text, kept[message], len(kept), len(told))
		}
	}
	parley(t, "check", "--data", s.data).ok(t)
	parley(t, "projections", "verify", "--all", "--data", s.data).ok(t)
}

// TestAnImportOntoAFullDiskSaysWhatWasWritten: what it says was written is there, and
// the same again, with room, writes the rest.
func TestAnImportOntoAFullDiskSaysWhatWasWritten(t *testing.T) {
	long(t)
	t.Parallel()
	from, file := longLog(t), filepath.Join(folder(t), "events.jsonl")
	parley(t, "export", "--output", file, "--data", from).ok(t)
	disk, grow := smallDisk(t, 100)
	data := filepath.Join(disk, "data")
	folderCopy(t, filepath.Join(from, "keys"), filepath.Join(data, "keys"))
	filler, err := os.Create(filepath.Join(disk, "filler"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(filler, zeros{}); !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	size, err := filler.Seek(0, io.SeekEnd)
	if err != nil {
		t.Fatal(err)
	}
	const room = 3_000_000 // for the first of it
	if err := filler.Truncate(size - room); err != nil {
		t.Fatal(err)
	}
	cmd, out, errs := start(t, "import", "jsonl", file, "--data", data) // what is left of a log that cannot be written is given free with the process
	if said, err := io.ReadAll(out); err != nil || len(said) > 0 {
		t.Errorf("%v: %s", err, said)
	}
	if err := cmd.Wait(); err == nil {
		t.Error("it ends well")
	}
	r := result{cmd.ProcessState.ExitCode(), "", errs.String()}
	r.fails(t, exitFail, "no space left on device", "make room on the disk", "when it is imported again")
	_, rest, _ := strings.Cut(r.errs, "at least ")
	var told, new int
	if _, err := fmt.Sscan(rest, &told); err != nil {
		t.Fatalf("%v: %s", err, r.errs)
	}
	if err := filler.Close(); err != nil {
		t.Fatal(err)
	}
	grow(300)
	there := strings.Count(parley(t, "events", "--limit", "0", "--data", data).ok(t), "\n")
	if told > there {
		t.Errorf("it says that %d records were written, and %d are there", told, there)
	}
	said := parley(t, "import", "jsonl", file, "--data", data).ok(t)
	all := 0
	if _, err := fmt.Sscanf(said, "%d records, of which %d are new.", &all, &new); err != nil || new != all-there {
		t.Errorf("%d were there, and then it says %s (%v)", there, said, err)
	}
	parley(t, "check", "--data", data).ok(t)
}

// TestARebuildOnAFullDiskSaysSo: views are built anew beside those there are, and
// that needs room.
func TestARebuildOnAFullDiskSaysSo(t *testing.T) {
	t.Parallel()
	disk, grow := smallDisk(t, 100)
	data := filepath.Join(disk, "data")
	if err := os.CopyFS(data, os.DirFS(longLog(t))); err != nil {
		t.Fatal(err)
	}
	s := serveHere(t, data)
	filler, err := os.Create(filepath.Join(disk, "filler"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(filler, zeros{}); !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	parley(t, "projections", "rebuild", "--all", "--data", data).clear(t, data, "Make room", "(disk_full)")
	if err := errors.Join(filler.Close(), os.Remove(filler.Name())); err != nil {
		t.Fatal(err)
	}
	grow(200)
	parley(t, "projections", "rebuild", "--all", "--data", data).ok(t)
	parley(t, "check", "--data", data).ok(t)
	s.stop()
}

// zeros never end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

// TestACopyFromADiskThatCannotBeWritten: its source is left as it is anyway.
func TestACopyFromADiskThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	disk, _ := smallDisk(t, 100)
	from, to := filepath.Join(disk, "data"), filepath.Join(folder(t), "copy")
	star(t, sample, "--data", from)
	if out, err := exec.Command("mount", "-o", "remount,ro", disk).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	parley(t, "copy", "--from", from, "--to", to).ok(t)
}

// TestABackupOntoAFullDiskSaysSo tries a disk without room, then with room.
func TestABackupOntoAFullDiskSaysSo(t *testing.T) {
	t.Parallel()
	disk, grow := smallDisk(t, 1)
	s := serveHere(t, folder(t))
	furnish(t, s)
	filler := filepath.Join(disk, "filler")
	if err := os.WriteFile(filler, make([]byte, 2<<20), 0o600); err == nil {
		t.Fatal("the disk has room")
	}
	to := filepath.Join(disk, "monday")
	parley(t, "backup", to, "--data", s.data).fails(t, exitFail, to, "no space left on device", "make room", "backup_failed")
	if _, err := os.Stat(to); !os.IsNotExist(err) {
		t.Errorf("the folder stays: %v", err)
	}
	grow(100)
	parley(t, "backup", to, "--data", s.data).ok(t)
}
