package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/google/uuid"

	"parley/eventstore"
	"parley/eventstore/embedded"
)

// asFailingCopy tells the test's own binary to copy into a folder on a disk that
// fails.
const asFailingCopy = "PARLEY_TEST_AS_FAILING_COPY"

// copyWithoutManifest copies as the command does. The target's manifest can be made,
// and not be written once the log is open.
func copyWithoutManifest(from, to string) error {
	disk := errorfs.Wrap(vfs.Default, errorfs.InjectorFunc(func(op errorfs.Op) error {
		_, err := os.Stat(filepath.Join(to, "log", logFormat)) // it is made last
		if err == nil && op.Kind == errorfs.OpFileWrite && strings.HasPrefix(op.Path, to) && strings.Contains(op.Path, "MANIFEST") {
			return syscall.ENOSPC
		}
		return nil
	}))
	return runCopy(context.Background(), from, to, embedded.Options{FS: disk}, false, os.Stdout, os.Stderr)
}

// TestACopyWhoseManifestFailsSaysSo copies more than fits into memory: Pebble comes
// upon its manifest in a goroutine of its own. The process ends with a word and not
// with a stack, and once there is room the same copy goes on.
func TestACopyWhoseManifestFailsSaysSo(t *testing.T) {
	long(t)
	t.Parallel()
	from, to := folder(t), folder(t)
	withLog(t, from, func(l *embedded.Log) error {
		text := fmt.Appendf(nil, "%q", strings.Repeat("x", 100_000))
		for n := range 600 {
			if _, err := l.Append(t.Context(), fmt.Sprintf("agent-%d", n), eventstore.None,
				eventstore.Record{ID: uuid.New(), Name: "agent.enabled", Data: text}); err != nil {
				return err
			}
		}
		return nil
	})
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), asFailingCopy+"="+to, asFailingCopy+"_FROM="+from)
	out, err := cmd.CombinedOutput()
	ended, is := errors.AsType[*exec.ExitError](err)
	if !is || ended.ExitCode() != exitFail {
		t.Fatalf("it ends with %v:\n%s", err, out)
	}
	for _, want := range []string{"MANIFEST", "no space left on device"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("it does not say %q:\n%s", want, out)
		}
	}
	if strings.Contains(string(out), "goroutine ") {
		t.Errorf("it shows a stack:\n%s", out)
	}
	parley(t, "copy", "--from", from, "--to", to).ok(t)
}
