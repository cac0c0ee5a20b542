package projections

import (
	"errors"
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
		err := again(func() error { return syscall.SyncFileRange(int(f.Fd()), at, part, wait|write|waitAfter) })
		if unknown(err) {
			break // it spares others a wait, no more
		}
		if err != nil { // a failed write is told once: the sync below would be silent
			return fmt.Errorf("projections: %s: %w", f.Name(), err)
		}
	}
	if err := again(func() error { return syscall.Fdatasync(int(f.Fd())) }); err != nil {
		return fmt.Errorf("projections: %s: %w", f.Name(), err)
	}
	return nil
}

// unknown tells that the system does not know how to sync a part of such a file.
func unknown(err error) bool {
	return errors.Is(err, syscall.ENOSYS) || errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.EOPNOTSUPP) ||
		errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ESPIPE)
}

// again repeats what a signal has interrupted.
func again(do func() error) error {
	for {
		if err := do(); err != syscall.EINTR {
			return err
		}
	}
}
