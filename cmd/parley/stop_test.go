package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"parley/eventstore"
)

// TestServeStopsThoughWorkIsUnderWay stops a server at which somebody imports and
// sends nothing more, and somebody exports and reads nothing more: it ends as it
// should, without waiting until it has to cut them off, and says so to who listens.
func TestServeStopsThoughWorkIsUnderWay(t *testing.T) {
	t.Parallel()
	dialogues, err := os.ReadFile(sample)
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(dialogues), "\n")
	data, now := folder(t), time.Now()
	synctest.Test(t, func(t *testing.T) {
		<-time.After(time.Until(now)) // the clock begins in 2000
		h, err := openHouse(t.Context(), &config{data: data, location: time.UTC}, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		large := eventstore.Record{ID: uuid.New(), Name: "Large", HappenedAt: now, Data: []byte(`"` + strings.Repeat("x", 1_000_000) + `"`)}
		if _, err := h.log.Append(t.Context(), "foreign-1", eventstore.None, large); err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		served, conns := make(chan error, 1), make(pipes)
		go func() { served <- h.server.Serve(ctx, conns) }()
		d := conns.drip(t, "/v1/imports/star")
		d.send(first + "\n" + first[:10])
		reader, there := net.Pipe()
		conns <- pipe{there}
		if _, err := fmt.Fprint(reader, "POST /v1/export HTTP/1.1\r\nHost: parley\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // both are at work
		if !h.imports() {
			t.Error("nothing is imported")
		}
		stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
		if said := <-d.said; !strings.Contains(said, `{"done":1}`) || !strings.Contains(said, `"code":"unavailable"`) || !strings.Contains(said, "the server is stopping") {
			t.Errorf("it says %s", said)
		}
		if err := errors.Join(d.conn.Close(), reader.Close(), h.close()); err != nil {
			t.Error(err)
		}
	})
}

// TestAnExportThatNobodyReadsEnds: it holds the log as it was when it began.
func TestAnExportThatNobodyReadsEnds(t *testing.T) {
	t.Parallel()
	data, now := folder(t), time.Now()
	synctest.Test(t, func(t *testing.T) {
		<-time.After(time.Until(now)) // the clock begins in 2000
		var said bytes.Buffer
		h, err := openHouse(t.Context(), &config{data: data, location: time.UTC}, slog.New(slog.NewTextHandler(&said, nil)))
		if err != nil {
			t.Fatal(err)
		}
		large := eventstore.Record{ID: uuid.New(), Name: "Large", HappenedAt: now, Data: []byte(`"` + strings.Repeat("x", 500_000) + `"`)}
		if _, err := h.log.Append(t.Context(), "foreign-1", eventstore.None, large); err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		served, conns := make(chan error, 1), make(pipes)
		go func() { served <- h.server.Serve(ctx, conns) }()
		ask := func() net.Conn {
			reader, there := net.Pipe()
			conns <- pipe{there}
			if _, err := fmt.Fprint(reader, "POST /v1/export HTTP/1.1\r\nHost: parley\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"); err != nil {
				t.Fatal(err)
			}
			return reader
		}
		slow := ask()
		for range 10 { // who takes his time, but takes something, is given it
			if _, err := io.ReadFull(slow, make([]byte, 32<<10)); err != nil {
				t.Fatalf("a slow reader is cut off: %v", err)
			}
			<-time.After(maxUnread - time.Second)
		}
		if text, err := io.ReadAll(slow); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) || len(text) == 0 {
			t.Errorf("%d bytes are left: %v", len(text), err)
		}
		idle := ask()
		<-time.After(maxUnread + time.Second)
		text, err := io.ReadAll(idle)
		if len(text) >= 500_000 || strings.Contains(string(text), `{"end":`) {
			t.Errorf("%d bytes came: %v", len(text), err)
		}
		synctest.Wait()
		if !strings.Contains(said.String(), "nothing was read of the answer for too long") {
			t.Errorf("the log says %s", &said)
		}
		stop()
		if err := errors.Join(<-served, slow.Close(), idle.Close(), h.close()); err != nil {
			t.Error(err)
		}
	})
}

// TestServeIsStoppedBeforeItHasBegun: whoever stops it while it starts has stopped it,
// and no service manager is told of a failure.
func TestServeIsStoppedBeforeItHasBegun(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	stop()
	var errs bytes.Buffer
	none := func(string) string { return "" }
	if code := run(ctx, []string{"serve", "--data", folder(t), "--listen", "127.0.0.1:0"}, none, strings.NewReader(""), io.Discard, &errs); code != exitOK || errs.Len() > 0 {
		t.Errorf("it ends with %d and says %s", code, &errs)
	}
}
