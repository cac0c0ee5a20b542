//go:build unix

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
)

// alone keeps other restores from a folder until what it returns is closed, or the
// process ends. It locks the folder itself: nothing is made in it that would have to
// be cleared away. A file system that locks no folders keeps nobody.
func alone(dir string) (io.Closer, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	raw, err := f.SyscallConn()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	var locked error
	if err := raw.Control(func(fd uintptr) { locked = syscall.Flock(int(fd), syscall.LOCK_EX|syscall.LOCK_NB) }); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if errors.Is(locked, syscall.EWOULDBLOCK) {
		return nil, errors.Join(fmt.Errorf("another parley restore is at work in %s: wait for its end; nothing was written", dir), f.Close())
	}
	return f, nil
}
