package esdb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"time"

	client "github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"parley/eventstore"
)

// fault is what an error of the client means to the adapter.
type fault int

const (
	faultNone      fault = iota
	faultPassing         // trying again may help, and never harms
	faultLost            // as passing, and the client must be replaced
	faultWrong           // another revision than expected
	faultMissing         // no such stream
	faultRemoved         // the stream was tombstoned
	faultDenied          // not allowed, or not known
	faultTooLarge        // more than the server takes
	faultArgument        // the server does not take what was asked
	faultForbidden       // a version that is too old, or something not offered
	faultOther
)

// errSilent tells that nothing came in time.
var errSilent = errors.New("it did not answer in time")

// faultOf reads an error. The client wraps some of its errors and not others,
// and tells too little in its own code: the wire's code is looked at as well.
func faultOf(err error) fault {
	var e *client.Error
	var r *refusal
	switch {
	case err == nil:
		return faultNone
	case errors.Is(err, errSilent), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled): // of a call: its caller is looked at before
		return faultLost
	case errors.As(err, &r):
		return r.fault
	case errors.As(err, new(notLeader)):
		return faultPassing
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return faultPassing
	case errors.As(err, &e):
		if f, ok := clientFault(e.Code()); ok {
			return f
		}
	}
	s, ok := status.FromError(err)
	if !ok {
		return faultOther
	}
	switch s.Code() {
	case codes.Unavailable, codes.DeadlineExceeded, codes.Canceled:
		return faultLost
	case codes.Aborted, codes.Internal, codes.ResourceExhausted:
		return faultPassing
	case codes.InvalidArgument:
		if strings.Contains(s.Message(), "Append Size") || strings.Contains(s.Message(), "append size") {
			return faultTooLarge
		}
		return faultArgument
	case codes.FailedPrecondition:
		if strings.Contains(s.Message(), "WrongExpectedVersion") {
			return faultWrong
		}
	case codes.PermissionDenied, codes.Unauthenticated:
		return faultDenied
	case codes.Unimplemented:
		return faultForbidden
	case codes.Unknown:
		return faultPassing
	}
	return faultOther
}

func clientFault(code client.ErrorCode) (fault, bool) {
	switch code {
	case client.ErrorCodeConnectionClosed, client.ErrorUnavailable, client.ErrorCodeDeadlineExceeded:
		return faultLost, true
	case client.ErrorCodeNotLeader, client.ErrorAborted:
		return faultPassing, true
	case client.ErrorCodeWrongExpectedVersion:
		return faultWrong, true
	case client.ErrorCodeResourceNotFound:
		return faultMissing, true
	case client.ErrorCodeStreamDeleted:
		return faultRemoved, true
	case client.ErrorCodeUnauthenticated, client.ErrorCodeAccessDenied:
		return faultDenied, true
	case client.ErrorCodeUnsupportedFeature:
		return faultForbidden, true
	}
	return faultOther, false
}

func passing(err error) bool {
	f := faultOf(err)
	return f == faultPassing || f == faultLost
}

// explain says which server, what is wrong with it and what to do.
func (l *Log) explain(err error) error {
	if err == nil || errors.Is(err, eventstore.ErrClosed) || errors.Is(err, eventstore.ErrLogMoved) || errors.Is(err, eventstore.ErrAway) {
		return err
	}
	f := faultOf(err)
	what := f.advice()
	switch {
	case untrusted(err):
		what = "is not trusted: its certificate is not accepted; renew it, or name its authority with tlsCaFile in the address"
	case f == faultTooLarge:
		return eventstore.ErrTooLarge
	case f == faultRemoved:
		damage := &eventstore.DamageError{Where: "EventStoreDB at " + l.server, What: "it holds a tombstone where a stream was: somebody deleted it"}
		return fmt.Errorf("%w (%w)", damage, err)
	case what == "":
		return err
	}
	told := fmt.Errorf("eventstore: EventStoreDB at %s %s: %w", l.server, what, err)
	if f == faultPassing || f == faultLost || f == faultDenied || untrusted(err) {
		return away{told}
	}
	return told
}

// away is an error that is also eventstore.ErrAway.
type away struct{ error }

func (a away) Is(target error) bool { return target == eventstore.ErrAway }
func (a away) Unwrap() error        { return a.error }

// untrusted tells that the server's certificate is expired, or of nobody known.
func untrusted(err error) bool {
	return err != nil && strings.Contains(err.Error(), "x509: ")
}

// advice says what is wrong with a server and what to do.
func (f fault) advice() string {
	switch f {
	case faultPassing, faultLost:
		return "cannot be reached, or does not keep up: see that it runs and that the address is right; nothing is lost, try again"
	case faultDenied:
		return "refuses: see that the user and the password in its address are right and that the user may read and write all streams"
	case faultForbidden:
		return "does not offer what is needed: use version 23.10 or later"
	}
	return ""
}

// Times between two attempts.
const (
	shortestWait = 20 * time.Millisecond
	longestWait  = 3 * time.Second
)

// backoff waits a little longer each time, and never as long as others do.
type backoff struct{ next time.Duration }

func (b *backoff) reset() { b.next = 0 }

func (b *backoff) wait(ctx context.Context, closing <-chan struct{}) error {
	b.next = min(max(2*b.next, shortestWait), longestWait)
	t := time.NewTimer(b.next/2 + rand.N(b.next/2))
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-closing:
		return eventstore.ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

// insist repeats what can be repeated while the server cannot be reached.
func (l *Log) insist(ctx context.Context, do func(ctx context.Context) error) error {
	var b backoff
	patience := l.options.Patience
	if l.store == "" {
		patience *= 3 // a server that starts together with this one takes its time
	}
	end := time.Now().Add(patience)
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		if l.isClosed() {
			return eventstore.ErrClosed
		}
		err := do(ctx)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case l.isClosed():
			return eventstore.ErrClosed
		case !passing(err), time.Now().After(end), untrusted(err) && l.store == "": // who begins is told at once
			return l.explain(err)
		}
		if b.wait(ctx, l.closing) != nil {
			return l.explain(err)
		}
	}
}

// call makes one call of the client, and waits for it no longer than it may
// take: the client itself heeds neither its context nor a time everywhere.
func call[T any](ctx context.Context, l *Log, do func(ctx context.Context, c *client.Client) (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	var r result
	within, cancel := context.WithTimeout(l.outgoing(ctx), l.options.Timeout)
	if r.err = l.clients.enter(within, l.closing); r.err != nil {
		cancel()
		return r.value, r.err
	}
	used, err := l.clients.use()
	if err != nil {
		l.clients.leave()
		cancel()
		return r.value, err
	}
	done := make(chan result, 1)
	go func() {
		var r result
		defer func() {
			if p := recover(); p != nil {
				r.err = panicked(p)
			}
			if ctx.Err() == nil && faultOf(r.err) == faultLost {
				l.clients.lost(used)
			}
			l.clients.release(used)
			l.clients.leave()
			done <- r
			cancel()
		}()
		r.value, r.err = do(within, used.client)
	}()
	select {
	case r = <-done:
	case <-within.Done():
		if r.err = errSilent; ctx.Err() == nil {
			l.clients.lost(used)
		}
	case <-l.closing:
		cancel()
		r.err = eventstore.ErrClosed
	}
	return r.value, r.err
}

// panicked reads a panic of the client.
func panicked(p any) error {
	return fmt.Errorf("the client does not know what it was sent: %v", p)
}
