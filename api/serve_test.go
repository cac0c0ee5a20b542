package api

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"parley/domain"
)

func TestServeEndsItsFeedsAndReturns(t *testing.T) {
	s, _ := newServer(t, newMemLog(), nil)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, l) }()
	token, err := s.Tokens().Mint("s1", domain.RoleSupervisor, 1<<40)
	if err != nil {
		t.Fatal(err)
	}
	a, err := http.Get("http://" + l.Addr().String() + "/v1/feed?access_token=" + token)
	if err != nil {
		t.Fatal(err)
	}
	feed := bufio.NewReader(a.Body)
	if line, err := feed.ReadString('\n'); err != nil || !strings.HasPrefix(line, "retry:") {
		t.Fatalf("%q %v", line, err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if _, err := io.ReadAll(feed); err != nil {
		t.Errorf("the feed was cut off, not ended: %v", err)
	}
	if err := a.Body.Close(); err != nil {
		t.Error(err)
	}
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) { // another may have the port by now
		t.Errorf("it still listens: %v", err)
	}
}

func TestServeFailsWithItsListener(t *testing.T) {
	s, _ := newServer(t, newMemLog(), nil)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Serve(context.Background(), l); err == nil {
		t.Error("it serves on nothing")
	}
}
