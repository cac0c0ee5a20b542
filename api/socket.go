package api

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"syscall"
)

// The most bytes of a socket's path, as this system knows it, and how long the
// name is under which a socket is made before it is moved to its place.
const (
	maxSocketPath = len(syscall.RawSockaddrUnix{}.Path) - 1
	socketMade    = len("/.s4294967295/s")
)

// ListenSocket opens the socket at path for whoever owns it, and nobody else:
// who comes over it is the local administrator. It is made inside a folder
// that only the owner enters, and moved to its place once its mode is right,
// so that there is no moment in which others could connect. A socket that an
// earlier run left behind is replaced; the caller holds the data folder's lock.
func ListenSocket(path string) (net.Listener, error) {
	if info, err := os.Lstat(path); err == nil && info.Mode().Type() != os.ModeSocket {
		return nil, fmt.Errorf("api: %s is there and is no socket: move it away", path)
	}
	if n := max(len(path), len(filepath.Dir(path))+socketMade); n > maxSocketPath {
		return nil, fmt.Errorf("api: the local socket %s would need a path of %d bytes, and the system takes %d: put the data folder at a shorter path, or name it relative to where you start", path, n, maxSocketPath)
	}
	folder, err := os.MkdirTemp(filepath.Dir(path), ".s")
	if err != nil {
		return nil, fmt.Errorf("api: the local socket: %w", err)
	}
	made := filepath.Join(folder, "s")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: made, Net: "unix"})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("api: the local socket: %w", err), os.Remove(folder))
	}
	l.SetUnlinkOnClose(false)
	err = os.Chmod(made, 0o600)
	if err == nil {
		err = os.Rename(made, path)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("api: the local socket: %w", err), l.Close(), os.RemoveAll(folder))
	}
	if err := os.Remove(folder); err != nil {
		return nil, errors.Join(err, l.Close(), os.Remove(path))
	}
	return &socket{Listener: l, path: path}, nil
}

// socket takes its file away when it is closed.
type socket struct {
	net.Listener
	path string
}

// Close implements net.Listener.
func (s *socket) Close() error {
	if err := s.Listener.Close(); err != nil {
		return err
	}
	if err := os.Remove(s.path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}
