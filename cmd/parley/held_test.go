package main

import (
	"net"
	"testing"
)

// TestAHeldAddressIsNobodyElses: one can serve there again and again, and no
// other gets the port when it asks for any.
func TestAHeldAddressIsNobodyElses(t *testing.T) {
	address := held(t)
	for range 3 {
		if c, err := net.Dial("tcp", address); err == nil {
			t.Fatalf("somebody listens on %s: %v", address, c.Close())
		}
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		other, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []interface{ Close() error }{other, c, l} { // the server first: its end of the port lingers
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}
