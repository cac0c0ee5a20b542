package esdb

import (
	"net"
	"sync"
	"testing"
)

// door keeps an address while what is behind it comes and goes: an address that
// is given up is soon somebody else's. While nobody is at home it hangs up.
type door struct {
	net.Listener
	mu   sync.Mutex
	home *atHome // nil is nobody
}

// atHome is the door as one who is behind it for a while sees it.
type atHome struct {
	*door
	callers chan net.Conn
	left    chan struct{}
	once    sync.Once
}

func newDoor(t testing.TB) *door {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := &door{Listener: l}
	var answering sync.WaitGroup
	answering.Go(d.answer)
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		answering.Wait()
	})
	return d
}

func (d *door) answer() {
	for {
		caller, err := d.Listener.Accept()
		if err != nil {
			return
		}
		d.mu.Lock()
		h := d.home
		d.mu.Unlock()
		if h == nil {
			_ = caller.Close()
			continue
		}
		select {
		case h.callers <- caller:
		case <-h.left:
			_ = caller.Close()
		}
	}
}

// open lets somebody in, until he closes what he is given.
func (d *door) open() net.Listener {
	h := &atHome{door: d, callers: make(chan net.Conn), left: make(chan struct{})}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.home = h
	return h
}

func (h *atHome) Accept() (net.Conn, error) {
	select {
	case caller := <-h.callers:
		return caller, nil
	case <-h.left:
		return nil, net.ErrClosed
	}
}

func (h *atHome) Close() error {
	h.once.Do(func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.home = nil
		close(h.left)
	})
	return nil
}
