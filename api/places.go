package api

import (
	"net"
	"sync"
)

// Places are how many connections may be open at once, over all listeners that
// share them. Each takes a file of the process; with none left the log could
// open none of its own, and would stop.
type Places chan struct{}

// Bound has a listener take no connection while all places are taken: who comes
// then waits outside until one is free.
func (p Places) Bound(l net.Listener) net.Listener {
	return &bounded{Listener: l, places: p, done: make(chan struct{})}
}

// bounded takes a place for each connection, and gives it back once that is closed.
type bounded struct {
	net.Listener
	places Places
	done   chan struct{} // closed with the listener
	once   sync.Once
}

// Accept implements net.Listener.
func (b *bounded) Accept() (net.Conn, error) {
	select {
	case b.places <- struct{}{}:
	case <-b.done:
		return nil, net.ErrClosed
	}
	conn, err := b.Listener.Accept()
	if err != nil {
		<-b.places
		return nil, err
	}
	leave := sync.OnceFunc(func() { <-b.places })
	if tcp, ok := conn.(*net.TCPConn); ok { // whoever serves it asks for what only this kind can do
		return &tcpGuest{tcp, leave}, nil
	}
	return &guest{conn, leave}, nil
}

// Close implements net.Listener.
func (b *bounded) Close() error {
	b.once.Do(func() { close(b.done) })
	return b.Listener.Close()
}

// tcpGuest is a connection that holds a place.
type tcpGuest struct {
	*net.TCPConn
	leave func()
}

// Close implements net.Conn.
func (g *tcpGuest) Close() error {
	defer g.leave()
	return g.TCPConn.Close()
}

// guest is the same for a connection of any other kind.
type guest struct {
	net.Conn
	leave func()
}

// Close implements net.Conn.
func (g *guest) Close() error {
	defer g.leave()
	return g.Conn.Close()
}
