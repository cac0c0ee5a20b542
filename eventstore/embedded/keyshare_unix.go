//go:build unix

package embedded

import (
	"errors"
	"io"
	"os"
	"syscall"
)

// lockKeys locks a folder of keys by a file: for itself, or shared with others
// who share. The lock is of this opening of the file (flock), not of the process:
// it keeps out others of the same process as well, and closing the file
// elsewhere in it takes nothing away. It ends with the process.
func lockKeys(name string, shared bool) (io.Closer, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	how := syscall.LOCK_EX
	if shared {
		how = syscall.LOCK_SH
	}
	if err := flock(f, how|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return heldFile{f}, nil
}

// heldFile is a file with a lock, which ends with it.
type heldFile struct{ *os.File }

// Close gives the lock back before the file: a process that is just being started
// by this one has the file as well, until it runs.
func (h heldFile) Close() error { return errors.Join(flock(h.File, syscall.LOCK_UN), h.File.Close()) }

// lockWriting waits until no other holds the file's lock. It ends with the
// process that holds it.
func lockWriting(f *os.File) error { return flock(f, syscall.LOCK_EX) }

func unlockWriting(f *os.File) error { return flock(f, syscall.LOCK_UN) }

// flock keeps the file open as long as it waits, though it is closed meanwhile:
// else another file might get the lock, by the same number.
func flock(f *os.File, how int) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	for {
		var locked error
		if err := raw.Control(func(fd uintptr) { locked = syscall.Flock(int(fd), how) }); err != nil {
			return err
		}
		if !errors.Is(locked, syscall.EINTR) {
			return locked
		}
	}
}
