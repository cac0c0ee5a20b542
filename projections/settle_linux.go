package projections

import (
	"fmt"
	"os"
	"syscall"
)

// settleSteps is how many parts of a file are brought to the disk one after the
// other.
const settleSteps = 24

// bringToDisk syncs a file in parts: who else waits for the disk waits for one of
// them at most.
func bringToDisk(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("projections: %w", err)
	}
	const wait, write, waitAfter = 1, 2, 4
	part := info.Size()/settleSteps + 1
	for at := int64(0); at < info.Size(); at += part {
		if syscall.SyncFileRange(int(f.Fd()), at, part, wait|write|waitAfter) != nil {
			break // it spares others a wait, no more: what counts is the sync below
		}
	}
	for {
		switch err := syscall.Fdatasync(int(f.Fd())); err {
		case nil:
			return nil
		case syscall.EINTR:
		default:
			return fmt.Errorf("projections: %s: %w", f.Name(), err)
		}
	}
}
