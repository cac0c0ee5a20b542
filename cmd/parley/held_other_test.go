//go:build !linux

package main

import (
	"net"
	"testing"
)

// held is an address that nobody listens on. Only Linux lets a test keep it for
// itself.
func held(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return l.Addr().String()
}
