package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"parley/domain"
)

// requestID is the header that names a request, both ways.
const requestID = "X-Request-Id"

// observe surrounds everything: it names the request, turns errors and panics
// into problems, counts, and writes one line of log. The line tells nothing
// personal: no query, no body, no ids, the route instead of the path.
func (s *Server) observe(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		start := s.opts.Now()
		r := c.Request()
		one := &call{operation: s.operations[c.Request().Method+" "+c.Path()], header: c.Response().Header()}
		one.correlation = correlate(r.Header.Get(requestID))
		one.header.Set(requestID, one.correlation.String())
		c.SetRequest(r.WithContext(context.WithValue(r.Context(), callKey{}, one)))
		secure(one.header)

		if err := s.guarded(next, c); err != nil {
			s.answer(c, err)
		}
		took := s.opts.Now().Sub(start)
		status := c.Response().Status
		s.metrics.observe(one.operation, status, took)
		level := slog.LevelInfo
		if status >= http.StatusInternalServerError && c.Path() != "/readyz" { // not to be ready yet is no fault
			level = slog.LevelWarn
		}
		if s.logger.Enabled(r.Context(), level) {
			s.logger.LogAttrs(r.Context(), level, "request",
				slog.String("method", r.Method), slog.String("route", c.Path()), slog.String("operation", one.operation.ID),
				slog.Int("status", status), slog.Duration("took", took), slog.Int64("bytes", c.Response().Size),
				slog.String("role", one.caller.Role), slog.String("request", one.correlation.String()))
		}
		return nil
	}
}

// guarded runs the rest and makes an error of a panic, so that one request
// cannot take the others down.
func (s *Server) guarded(next echo.HandlerFunc, c echo.Context) (err error) {
	defer func() {
		switch p := recover(); p {
		case nil:
		case http.ErrAbortHandler:
			panic(p) // how a raw route breaks its connection off
		default:
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return next(c)
}

// correlate makes the request's id: the caller's when it is a UUID, else one
// derived from what the caller gave, else a fresh one.
func correlate(given string) uuid.UUID {
	if id, err := uuid.Parse(given); err == nil {
		return id
	}
	if given != "" && len(given) <= 255 {
		if id, err := uuid.Parse(domain.Derive("request", given)); err == nil {
			return id
		}
	}
	return uuid.New()
}

// secure sets the headers that keep browsers from doing what nobody wants.
func secure(h http.Header) { maps.Copy(h, securing) }

// securing are the same for all answers; their names are written as Set writes
// them, and whoever sets one anew replaces its list.
var securing = http.Header{
	"X-Content-Type-Options":  {"nosniff"},
	"X-Frame-Options":         {"DENY"},
	"Referrer-Policy":         {"no-referrer"},
	"Content-Security-Policy": {"default-src 'none'; frame-ancestors 'none'"},
}

// corsHeaders are those that a widget's page may send, and read.
const (
	corsSent = "Authorization, Content-Type, Idempotency-Key, If-Match, Last-Event-ID, X-Request-Id"
	corsRead = "ETag, Location, Parley-Position, Retry-After, X-Request-Id"
	corsVerb = "GET, POST, PUT, PATCH, DELETE"
)

// cors lets pages of the configured origins ask. No cookies are ever used, so
// credentials are not allowed.
func (s *Server) cors(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		origin := c.Request().Header.Get(echo.HeaderOrigin)
		if origin == "" || len(s.opts.Origins) == 0 {
			return next(c)
		}
		h := c.Response().Header()
		h.Add(echo.HeaderVary, echo.HeaderOrigin)
		if !slices.Contains(s.opts.Origins, origin) && !slices.Contains(s.opts.Origins, "*") {
			return next(c)
		}
		h.Set(echo.HeaderAccessControlAllowOrigin, origin)
		if c.Request().Method != http.MethodOptions {
			h.Set(echo.HeaderAccessControlExposeHeaders, corsRead)
			return next(c)
		}
		h.Set(echo.HeaderAccessControlAllowMethods, corsVerb)
		h.Set(echo.HeaderAccessControlAllowHeaders, corsSent)
		h.Set(echo.HeaderAccessControlMaxAge, "600")
		return c.NoContent(http.StatusNoContent)
	}
}

// admit lets an operation's request in: who asks, may they, how often, with
// which key and body. Addresses outside /v1 are public.
func (s *Server) admit(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		one := callOf(r.Context())
		op := one.operation
		if op.ID == "" {
			if strings.HasPrefix(c.Path(), "/v1") && s.routes[r.Method+" "+c.Path()] {
				return &domain.Error{Code: "forbidden", Message: "nobody may do this: the contract does not name it"}
			}
			return next(c)
		}
		if op.Raw && r.Context().Value(lookKey{}) != nil { // what follows, or works for minutes, has no head to look at
			one.header.Set(echo.HeaderAllow, http.MethodGet)
			return &domain.Error{Code: "method_not_allowed"}
		}
		one.header.Set(echo.HeaderCacheControl, "no-store")
		caller, err := s.enter(r, op)
		if err != nil {
			return err
		}
		one.caller = caller
		if wait, ok := s.buckets.take(caller); !ok {
			return tooMany(one.header, wait)
		}
		if err := validAddress(c, op); err != nil {
			return err
		}
		one.ifMatch = r.Header.Get("If-Match")
		if r.Method != http.MethodGet {
			if one.key, err = idempotencyKey(r.Header); err != nil {
				return err
			}
		}
		if !op.Streamed {
			if err := s.readBody(c, one); err != nil {
				return err
			}
		}
		if op.Raw { // it bounds its own time
			rc := http.NewResponseController(c.Response())
			if err := rc.SetWriteDeadline(time.Time{}); err != nil && !errors.Is(err, http.ErrNotSupported) {
				return err
			}
			defer func() { _ = rc.SetWriteDeadline(time.Now().Add(answerTime)) }() // for what is left to go out; where none is supported none was set
			return next(c)
		}
		if s.opts.Limits.Wait > 0 {
			ctx, cancel := context.WithTimeout(c.Request().Context(), s.opts.Limits.Wait)
			defer cancel()
			c.SetRequest(c.Request().WithContext(ctx))
		}
		if one.key == "" || caller.public { // a stranger's key names nothing
			return next(c)
		}
		// What an operation looks at before it decides would else be what the same
		// command is just changing, and the repeat be refused that is answered later.
		command := commandID(caller.Actor, one.key)
		if err := s.asked.Enter(c.Request().Context(), command); err != nil {
			return err
		}
		defer s.asked.Leave(command)
		return s.answered(next, c, one)
	}
}

// enter tells who asks and whether he may. A public operation takes anybody,
// known by his address only, unless he signs in.
func (s *Server) enter(r *http.Request, op operation) (Caller, error) {
	if _, given := bearer(r, op.Feed); op.Public && !given {
		return Caller{token: addressOf(r, s.opts.Limits.Proxies), public: true}, nil
	}
	caller, err := s.authenticate(r, op)
	if err != nil {
		return Caller{}, err
	}
	return caller, authorize(op, caller)
}

// bodyTime is how long a body may take to arrive, and lastBodyTime how long once
// nobody reads it, or the server is stopping, which would else wait for it until its
// grace is over.
const (
	bodyTime     = 30 * time.Second
	lastBodyTime = 2 * time.Second
)

// boundBody bounds how long the body of a request may take, whoever sends it and
// whether or not it is read: an answer goes out only behind the body, so that
// one which does not come would hold the connection for ever, and the end of the
// server. What nobody has read by the time of the answer is waited for a moment
// only. A streamed one bounds each wait for more instead.
func boundBody(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if c.Request().ContentLength == 0 {
			return next(c)
		}
		rc := http.NewResponseController(c.Response())
		if err := readUntil(rc, time.Now().Add(bodyTime)); err != nil {
			return err
		}
		defer func() {
			if !callOf(c.Request().Context()).read {
				_ = rc.SetReadDeadline(time.Now().Add(lastBodyTime)) // where none is supported none was set
			}
		}()
		return next(c)
	}
}

// readUntil bounds what is read from now on, where the connection knows deadlines.
func readUntil(rc *http.ResponseController, at time.Time) error {
	if err := rc.SetReadDeadline(at); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	return nil
}

// brokenOff says why a body did not arrive.
func brokenOff(err error) error {
	if large := (*http.MaxBytesError)(nil); errors.As(err, &large) {
		return err
	}
	refused := &domain.Error{Code: "invalid_body", Message: "the body broke off on its way: send all of it"}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		refused.Message = "the body did not arrive in time: send it within " + bodyTime.String()
	}
	return refused
}

// readBody reads the whole body, within its limit, and hashes it, so that a
// reused Idempotency-Key with another body is found.
func (s *Server) readBody(c echo.Context, one *call) error {
	r := c.Request()
	if r.Method == http.MethodGet {
		return nil
	}
	var body []byte
	if r.Body != nil && r.ContentLength != 0 {
		if how := r.Header.Get(echo.HeaderContentEncoding); how != "" && !strings.EqualFold(how, "identity") {
			return &domain.Error{Code: "unsupported_media_type", Field: echo.HeaderContentEncoding, Message: "send the body as it is, without a Content-Encoding"}
		}
		reader := r.Body
		if s.opts.Limits.Body > 0 {
			reader = http.MaxBytesReader(c.Response(), r.Body, s.opts.Limits.Body)
		}
		rc := http.NewResponseController(c.Response())
		stopping := context.AfterFunc(s.stopping, func() {
			_ = rc.SetReadDeadline(time.Now().Add(lastBodyTime)) // where none is supported none was set
		})
		var err error
		body, err = io.ReadAll(reader)
		if !stopping() && errors.Is(err, os.ErrDeadlineExceeded) {
			return &domain.Error{Code: "unavailable", Message: "the server is stopping, and did not wait for the rest of the body: send it again"}
		}
		if err != nil {
			return brokenOff(err)
		}
		one.read = true
		if err := readUntil(rc, time.Time{}); err != nil {
			return err
		}
	}
	if err := validBody(body); err != nil {
		return err
	}
	one.body, one.bodyHash = body, s.bodies.hash(r.Method, r.URL.Path, body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	r.ContentLength = int64(len(body))
	return nil
}
