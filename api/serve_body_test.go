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
	"testing/synctest"
	"time"

	"parley/domain"
)

// pipes is a listener whose connections live in the test's own time.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
}

func (p pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p pipes) Close() error {
	select {
	case <-p.done:
	default:
		close(p.done)
	}
	return nil
}

func (pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

// TestServeEndsWithABodyThatDoesNotCome: whoever sends half a body is answered in
// the body's time, and in a moment where nobody reads it, and so gives his place back.
func TestServeEndsWithABodyThatDoesNotCome(t *testing.T) {
	for name, c := range map[string]struct {
		head, role, code string
		status           int
		within           time.Duration
	}{
		"a command":             {"PUT /v1/queues/q1", domain.RoleAdmin, "invalid_body", 400, bodyTime},
		"a stranger":            {"PUT /v1/queues/q1", "", "unauthenticated", 401, lastBodyTime},
		"no address":            {"POST /nowhere", "", "not_found", 404, lastBodyTime},
		"a page":                {"GET /healthz", "", "", 200, lastBodyTime},
		"a query":               {"GET /v1/me", domain.RoleAdmin, "", 200, lastBodyTime},
		"a role that may not":   {"POST /v1/imports/star", domain.RoleAgent, "forbidden", 403, lastBodyTime},
		"work on projections":   {"POST /v1/projections/verify", domain.RoleAdmin, "invalid_body", 400, bodyTime},
		"what another one does": {"POST /v1/export", domain.RoleAuditor, "invalid_body", 400, bodyTime},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, _ := newServer(t, newMemLog(), nil)
				l := pipes{make(chan net.Conn), make(chan struct{})}
				ctx, cancel := context.WithCancel(context.Background())
				ended := make(chan error, 1)
				go func() { ended <- s.Serve(ctx, l) }()
				defer func() {
					cancel()
					if err := <-ended; err != nil {
						t.Error(err)
					}
				}()
				head := c.head + " HTTP/1.1\r\nHost: parley\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n"
				if c.role != "" {
					token, err := s.Tokens().Mint("x1", c.role, 1<<40)
					if err != nil {
						t.Fatal(err)
					}
					head += "Authorization: Bearer " + token + "\r\n"
				}
				conn, served := net.Pipe()
				defer conn.Close()
				l.conns <- served
				begun := time.Now()
				if err := conn.SetDeadline(begun.Add(10 * bodyTime)); err != nil {
					t.Fatal(err)
				}
				if _, err := io.WriteString(conn, head+"\r\n5\r\n{\"nam"); err != nil {
					t.Fatal(err)
				}
				a, err := http.ReadResponse(bufio.NewReader(conn), nil)
				if err != nil {
					t.Fatalf("no answer after %s: %v", time.Since(begun), err)
				}
				body, err := io.ReadAll(a.Body)
				if err != nil || a.StatusCode != c.status || !strings.Contains(string(body), c.code) {
					t.Errorf("%d %s %v", a.StatusCode, body, err)
				}
				if took := time.Since(begun); took > c.within+time.Second {
					t.Errorf("answered after %s", took)
				}
				if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
					t.Errorf("the connection stays: %v", err)
				}
			})
		})
	}
}
