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

// serving serves on a listener until it is cancelled, and tells how it ended; the
// token is a supervisor's.
func serving(t *testing.T) (l net.Listener, token string, cancel func(), ended chan error) {
	t.Helper()
	s, _ := newServer(t, newMemLog(), nil)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended = make(chan error, 1)
	go func() { ended <- s.Serve(ctx, l) }()
	token, err = s.Tokens().Mint("s1", domain.RoleSupervisor, 1<<40)
	if err != nil {
		t.Fatal(err)
	}
	return l, token, cancel, ended
}

func TestServeEndsItsFeedsAndReturns(t *testing.T) {
	l, token, cancel, ended := serving(t)
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

// TestServeDoesNotWaitForABodyThatDoesNotCome: the client hears that the server
// stops, and the server ends in good order.
func TestServeDoesNotWaitForABodyThatDoesNotCome(t *testing.T) {
	l, token, cancel, ended := serving(t)
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, err = io.WriteString(conn, "POST /v1/conversations/c1/messages HTTP/1.1\r\nHost: parley\r\nAuthorization: Bearer "+token+
		"\r\nContent-Type: application/json\r\nContent-Length: 100\r\nExpect: 100-continue\r\n\r\n")
	if err != nil {
		t.Fatal(err)
	}
	answers := bufio.NewReader(conn)
	if line, err := answers.ReadString('\n'); err != nil || !strings.Contains(line, " 100 ") { // it reads the body now
		t.Fatalf("%q %v", line, err)
	}
	if line, err := answers.ReadString('\n'); err != nil || line != "\r\n" {
		t.Fatalf("%q %v", line, err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	a, err := http.ReadResponse(answers, nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(a.Body)
	if err != nil {
		t.Fatal(err)
	}
	if a.StatusCode != http.StatusServiceUnavailable || !strings.Contains(string(body), "the server is stopping") {
		t.Errorf("%d %s", a.StatusCode, body)
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
