package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
)

// errInterrupted is how work ends that a signal broke off.
var errInterrupted = errors.New("interrupted before its end")

// goneError is how work ends whose server went away.
type goneError struct{ data string }

func (e *goneError) Error() string {
	return fmt.Sprintf("the server that holds %s broke off before its answer's end: start it if it is not there, and give the same again", e.data)
}

// brokenOff says why there is no whole answer: because somebody ended this command,
// or whoever works for it went away. Of both the connection tells only that it is
// gone. What was answered stands, unless it is that the engine of this very command
// stops.
func (l *local) brokenOff(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	told, is := errors.AsType[*problem](err)
	if ctx.Err() != nil && (!is || told.Code == "unavailable") {
		return errInterrupted
	}
	if is && told.Code == "disk_full" { // the server tells nobody where its disk is
		return fmt.Errorf("the disk of %s: %w", l.data, err)
	}
	// An error of the connection, and not of a file that is sent, which is wrapped.
	if _, wire := errors.AsType[*net.OpError](err); wire || err == io.EOF || err == io.ErrUnexpectedEOF {
		return &goneError{l.data}
	}
	return err
}

// broken tells that work came to no end, but was not refused.
func broken(err error) bool {
	_, gone := errors.AsType[*goneError](err)
	told, is := errors.AsType[*problem](err)
	return gone || is && told.Code == "unavailable" || errors.Is(err, errInterrupted)
}

// leaving adds what is left of work that was broken off.
func leaving(err error, what string) error {
	if !broken(err) {
		return err
	}
	return fmt.Errorf("%w; %s", err, what)
}

// interrupted is for work that needs no server: whoever ends it is told so.
func interrupted(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil && onlyStopped(err) {
		return errInterrupted
	}
	return err
}
