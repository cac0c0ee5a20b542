package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"sync"
	"time"

	"parley/eventstore"
)

// lines writes the answer of long work: JSON objects, one a line.
type lines struct {
	mu   sync.Mutex
	w    http.ResponseWriter
	last time.Time
}

// linesEvery is how often progress is told.
const linesEvery = 200 * time.Millisecond

func newLines(w http.ResponseWriter) *lines {
	// Both ways are open at once: progress goes out while the body comes in.
	_ = http.NewResponseController(w).EnableFullDuplex() // HTTP/2 always is
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.WriteHeader(http.StatusOK)
	return &lines{w: w}
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
	if err := json.NewEncoder(l.w).Encode(v); err != nil {
		return err
	}
	err := http.NewResponseController(l.w).Flush()
	if errors.Is(err, http.ErrNotSupported) {
		return nil
	}
	return err
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
	return l.write(map[string]any{"problem": map[string]any{"code": code, "title": "The work failed", "detail": err.Error()}})
}
