package embedded

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"parley/eventstore"
)

// TestMakingALogOnAFailingDiskIsAnError lets each write in turn fail, from the
// first on: a log that cannot be made says so and does not end the process. On
// a disk that is well again it is made.
func TestMakingALogOnAFailingDiskIsAnError(t *testing.T) {
	failures := 0
	for good := range int64(12) {
		var left atomic.Int64
		left.Store(good)
		mem := vfs.NewMem()
		disk := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
			writes := op.Kind == errorfs.OpFileWrite || op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData
			if writes && strings.HasSuffix(op.Path, ".log") && left.Add(-1) < 0 {
				return errorfs.ErrInjected
			}
			return nil
		}))
		l, err := Open(Options{Dir: "log", FS: disk})
		if err == nil {
			_ = l.Close() // the disk may fail now
			continue
		}
		if failures++; !errors.Is(err, errorfs.ErrInjected) && !errors.Is(err, eventstore.ErrStopped) {
			t.Errorf("after %d good writes: %v", good, err)
		}
		again, err := Open(Options{Dir: "log", FS: mem})
		if err != nil {
			t.Errorf("after %d good writes, on a disk that is well again: %v", good, err)
			continue
		}
		if err := again.Close(); err != nil {
			t.Error(err)
		}
	}
	if failures == 0 {
		t.Error("nothing failed")
	}
}
