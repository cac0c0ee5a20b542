package api

import (
	"errors"
	"net"
	"sync/atomic"
	"testing"
)

// askedDoor counts how often it was asked for a connection.
type askedDoor struct {
	net.Listener
	asked atomic.Int32
}

func (d *askedDoor) Accept() (net.Conn, error) {
	d.asked.Add(1)
	return d.Listener.Accept()
}

func TestPlacesBoundTheConnectionsOfAllListeners(t *testing.T) {
	places := make(Places, 2)
	var doors [2]*askedDoor
	var bound [2]net.Listener
	for i := range doors {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		doors[i] = &askedDoor{Listener: l}
		bound[i] = places.Bound(doors[i])
		t.Cleanup(func() { _ = bound[i].Close() })
		for range 3 { // the system takes them before anybody asks for them
			conn, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = conn.Close() })
		}
	}
	accept := func(l net.Listener) net.Conn {
		t.Helper()
		conn, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		return conn
	}
	first, second := accept(bound[0]), accept(bound[1])
	if _, ok := first.(interface{ CloseWrite() error }); !ok {
		t.Errorf("%T cannot be closed on one side", first)
	}
	third := make(chan net.Conn)
	go func() {
		conn, err := bound[0].Accept()
		if err != nil {
			t.Error(err)
		}
		third <- conn
	}()
	if n := doors[0].asked.Load(); n != 1 {
		t.Errorf("a connection was taken without a place, %d in all", n)
	}
	for range 2 { // closing twice gives one place
		_ = second.Close()
	}
	next := <-third
	if n := len(places); n != 2 {
		t.Errorf("%d places are taken", n)
	}
	ended := make(chan error)
	go func() {
		_, err := bound[1].Accept()
		ended <- err
	}()
	if err := bound[1].Close(); err != nil {
		t.Error(err)
	}
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		t.Errorf("who waits for a place of a closed listener gets %v", err)
	}
	if err := errors.Join(first.Close(), next.Close()); err != nil {
		t.Error(err)
	}
	if n := len(places); n != 0 {
		t.Errorf("%d places are taken by nobody", n)
	}
}
