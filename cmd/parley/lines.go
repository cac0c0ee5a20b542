package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"

	"parley/api"
	"parley/eventstore"
)

// lines writes the answer of long work: JSON objects, one a line.
type lines struct {
	mu   sync.Mutex
	ctx  context.Context // the request's
	w    http.ResponseWriter
	last time.Time
	idle error // nobody reads it
}

// linesEvery is how often progress is told.
const linesEvery = 200 * time.Millisecond

func newLines(w http.ResponseWriter, r *http.Request) *lines {
	// Both ways are open at once: progress goes out while the body comes in.
	_ = http.NewResponseController(w).EnableFullDuplex() // HTTP/2 always is
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.WriteHeader(http.StatusOK)
	return &lines{ctx: r.Context(), w: w}
}

// now tells progress, unless it was told just now.
func (l *lines) now(v any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if time.Since(l.last) < linesEvery {
		return
	}
	l.last = time.Now()
	// Who no longer listens is noticed by the request's context.
	_ = l.put(v)
}

// write tells something that must arrive.
func (l *lines) write(v any) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.put(v)
}

func (l *lines) put(v any) error {
	if err := json.NewEncoder(l).Encode(v); err != nil {
		return err
	}
	err := http.NewResponseController(l.w).Flush()
	if errors.Is(err, http.ErrNotSupported) {
		return nil
	}
	return err
}

// maxUnread is how long nothing may be taken of an answer. Somebody leafs through it,
// or the disk behind it is slow; but who is asleep or gone would hold for ever what
// it is read from: the log as it was, and the routing that rests while he imports.
const maxUnread = 5 * time.Minute

// lastUnread is the same once the server stops.
const lastUnread = time.Second

// pieceOf is how much is written at a time: of a large record, too, something is
// taken now and then.
const pieceOf = 32 << 10

// Write writes what is part of the answer, and waits for its reader so long.
func (l *lines) Write(p []byte) (n int, err error) {
	for piece := range slices.Chunk(p, pieceOf) {
		took, err := l.piece(piece)
		if n += took; err != nil {
			return n, err
		}
	}
	return n, nil
}

func (l *lines) piece(p []byte) (int, error) {
	if l.idle != nil {
		return 0, l.idle
	}
	if err := l.until(maxUnread); err != nil {
		return 0, err
	}
	if errors.Is(context.Cause(l.ctx), api.ErrStopping) { // asked behind the deadline: a server that stops sets its own, and once
		if err := l.until(lastUnread); err != nil {
			return 0, err
		}
	}
	n, err := l.w.Write(p)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		l.idle = fmt.Errorf("nothing was read of the answer for too long: %w", err)
		err = l.idle
	}
	return n, err
}

func (l *lines) until(t time.Duration) error {
	if err := http.NewResponseController(l.w).SetWriteDeadline(time.Now().Add(t)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	return nil
}

// fail ends the answer with what kept reading from its end: damage is only what
// the log itself calls so.
func (l *lines) fail(err error) error {
	code := "internal"
	switch _, damaged := errors.AsType[*eventstore.DamageError](err); {
	case damaged:
		code = "damaged"
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), errors.Is(err, eventstore.ErrClosed), errors.Is(err, eventstore.ErrStopped):
		code = "unavailable"
	}
	return l.refuse(code, err)
}

// refuse ends the answer with a problem: the status went out already.
func (l *lines) refuse(code string, err error) error {
	detail := err.Error()
	if errors.Is(context.Cause(l.ctx), api.ErrStopping) { // whatever it was that broke off
		code, detail = api.ErrStopping.Code, api.ErrStopping.Message
	}
	return l.write(map[string]any{"problem": map[string]any{"code": code, "title": "The work failed", "detail": detail}})
}

// maxSilence is how long nothing may come of what is imported: routing rests so
// long, and who is asleep or gone would never end it.
const maxSilence = 30 * time.Second

// coming is the body of a request, of which each wait for more is bounded. The
// time between them is the server's own, and counts for nothing.
type coming struct {
	ctx     context.Context
	body    io.Reader
	rc      *http.ResponseController
	silence error // it was given up
}

func newComing(w http.ResponseWriter, r *http.Request) *coming {
	return &coming{ctx: r.Context(), body: r.Body, rc: http.NewResponseController(w)}
}

func (c *coming) Read(p []byte) (int, error) {
	if c.silence != nil {
		return 0, c.silence
	}
	if err := c.until(time.Now().Add(maxSilence)); err != nil {
		return 0, err
	}
	if why := context.Cause(c.ctx); errors.Is(why, api.ErrStopping) { // asked behind the deadline: a server that stops sets its own, and once
		return 0, why
	}
	n, err := c.body.Read(p)
	if why := context.Cause(c.ctx); err != nil && errors.Is(why, api.ErrStopping) {
		return n, why
	}
	if errors.Is(err, os.ErrDeadlineExceeded) { // which stays: nobody is to wait for the rest of the body either
		c.silence = fmt.Errorf("nothing came for %s, and routing does not rest for longer: import the same again", maxSilence)
		return n, c.silence
	}
	if free := c.until(time.Time{}); err == nil {
		err = free
	}
	return n, err
}

func (c *coming) until(t time.Time) error {
	if err := c.rc.SetReadDeadline(t); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	return nil
}
