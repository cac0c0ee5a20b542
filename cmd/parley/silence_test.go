package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"parley/domain/conversation"
	"parley/eventstore"
)

// pipes is a listener of connections that are not the machine's, so that time
// stands still while they wait; they pass for the local socket's.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	if c, ok := <-p; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}
func (p pipes) Close() error   { close(p); return nil }
func (p pipes) Addr() net.Addr { return &net.UnixAddr{Net: "unix"} }

type pipe struct{ net.Conn }

func (pipe) LocalAddr() net.Addr { return &net.UnixAddr{Net: "unix"} }

// dripping is a request whose body comes piece by piece.
type dripping struct {
	t    *testing.T
	conn net.Conn
	said chan string // the whole answer
}

func (p pipes) drip(t *testing.T, path string) *dripping {
	t.Helper()
	here, there := net.Pipe()
	p <- pipe{there}
	d := &dripping{t, here, make(chan string, 1)}
	go func() {
		var text []byte
		answer, err := http.ReadResponse(bufio.NewReader(here), nil)
		if err == nil {
			text, err = io.ReadAll(answer.Body)
		}
		d.said <- fmt.Sprint(string(text), err)
	}()
	_, err := fmt.Fprintf(here, "POST %s HTTP/1.1\r\nHost: parley\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n", path)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func (d *dripping) send(text string) {
	d.t.Helper()
	if _, err := fmt.Fprintf(d.conn, "%x\r\n%s\r\n", len(text), text); err != nil {
		d.t.Fatal(err)
	}
}

// TestAnImportThatFallsSilentEnds imports from somebody of whom nothing more comes:
// what came is kept, and routing rests no longer.
func TestAnImportThatFallsSilentEnds(t *testing.T) {
	long(t)
	t.Parallel()
	from, exported := folder(t), filepath.Join(folder(t), "events.jsonl")
	star(t, sample, "--data", from)
	parley(t, "export", "--clear", "--output", exported, "--data", from).ok(t)
	linesOf := func(path string) []string {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return strings.SplitAfter(string(text), "\n")
	}
	for path, c := range map[string]struct {
		lines []string
		says  string
		kept  func(h *house) error
	}{
		"/v1/imports/star": {linesOf(sample)[:3], "line 3: nothing came for 30s", func(h *house) error {
			for _, number := range []string{"1", "2"} {
				c, _, err := eventstore.Load(context.Background(), h.engine, &conversation.Kind, imported(number))
				if err != nil || c.Status != conversation.StatusClosed {
					return fmt.Errorf("dialogue %s is %q: %v", number, c.Status, err)
				}
			}
			return nil
		}},
		"/v1/imports/jsonl": {linesOf(exported)[:4], "line 4: nothing came for 30s", func(h *house) error {
			n := 0
			for _, err := range h.log.Read(context.Background(), eventstore.Query{}) {
				if err != nil {
					return err
				}
				n++
			}
			if n != 2 {
				return fmt.Errorf("%d records are kept", n)
			}
			return nil
		}},
	} {
		t.Run(path, func(t *testing.T) {
			data, now := folder(t), time.Now()
			synctest.Test(t, func(t *testing.T) {
				<-time.After(time.Until(now)) // the clock begins in 2000, and what is imported was recorded today
				h, err := openHouse(t.Context(), &config{data: data, location: time.UTC}, slog.New(slog.DiscardHandler))
				if err != nil {
					t.Fatal(err)
				}
				ctx, stop := context.WithCancel(t.Context())
				served, conns := make(chan error, 1), make(pipes)
				go func() { served <- h.server.Serve(ctx, conns) }()
				d := conns.drip(t, path)
				last := len(c.lines) - 1
				for _, line := range c.lines[:last] {
					<-time.After(maxSilence - time.Second)
					d.send(line)
				}
				d.send(c.lines[last][:10]) // half a line
				<-time.After(maxSilence - time.Second)
				if !h.imports() {
					t.Error("it was ended before its time")
				}
				<-time.After(2 * time.Second)
				synctest.Wait()
				if h.imports() {
					t.Error("routing rests still")
				}
				if said := <-d.said; !strings.Contains(said, c.says) || !strings.Contains(said, `"code":"import_failed"`) || strings.Contains(said, "canceled") {
					t.Errorf("it says %s", said)
				}
				if err := c.kept(h); err != nil {
					t.Error(err)
				}
				_ = d.conn.Close()
				stop()
				if err := errors.Join(<-served, h.close()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// TestASlowServerIsNoSilence takes its time over each byte, for which the client
// waits.
func TestASlowServerIsNoSilence(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const text = "all of it comes at once"
		conns, ended, read := make(pipes), make(chan error, 1), 0
		s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			in := newComing(w, r)
			for {
				<-time.After(3 * maxSilence)
				n, err := in.Read(make([]byte, 1))
				read += n
				if err != nil {
					ended <- err
					return
				}
			}
		})}
		go func() { _ = s.Serve(conns) }()
		d := conns.drip(t, "/")
		d.send(text)
		if err := <-ended; read != len(text) || !strings.Contains(err.Error(), "nothing came") {
			t.Errorf("%d bytes were read, then %v", read, err)
		}
		<-d.said
		_ = d.conn.Close()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}
