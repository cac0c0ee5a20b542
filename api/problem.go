package api

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"syscall"

	"github.com/labstack/echo/v4"

	"parley/domain"
	"parley/eventstore"
	"parley/projections"
)

// problemType is the media type of every refusal (RFC 9457).
const problemType = "application/problem+json"

// answer writes an error as a problem. It is the only place where an error
// becomes an answer.
func (s *Server) answer(c echo.Context, err error) {
	r := c.Request()
	if c.Response().Committed { // an answer has begun: nothing else can be said in it
		level := slog.LevelWarn
		left := r.Context().Err() != nil || errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET)
		if left && !errors.Is(err, os.ErrDeadlineExceeded) { // the caller left, which is nobody's fault
			level = slog.LevelDebug
		}
		s.logger.Log(r.Context(), level, "an answer broke off", "request", callOf(r.Context()).correlation, "error", err)
		return
	}
	p := s.problem(r.Context(), r.Method, err)
	h := c.Response().Header()
	p.Position = some(h.Get(positionHeader))
	switch p.Status {
	case http.StatusUnauthorized:
		h.Set(echo.HeaderWWWAuthenticate, challenge(p.Code))
	case http.StatusServiceUnavailable:
		h.Set(echo.HeaderRetryAfter, "1")
	}
	h.Set(echo.HeaderCacheControl, "no-store")
	h.Del("ETag")
	h.Set(echo.HeaderContentType, problemType)
	c.Response().WriteHeader(p.Status)
	if err := json.NewEncoder(c.Response()).Encode(p); err != nil {
		s.logger.DebugContext(r.Context(), "the caller left before the problem was written", "error", err)
	}
}

// challenge tells how to sign in (RFC 6750).
func challenge(code string) string {
	if code == "unauthenticated" {
		return `Bearer realm="parley"`
	}
	return `Bearer realm="parley", error="invalid_token"`
}

// problem finds what to say of an error. What nobody foresaw is written down
// under a reference, and nothing of it is told.
func (s *Server) problem(ctx context.Context, method string, err error) Problem {
	var (
		refused *domain.Error
		http4   *echo.HTTPError
		large   *http.MaxBytesError
		race    *eventstore.ConflictError
	)
	switch {
	case errors.Is(err, eventstore.ErrAway):
		s.logger.ErrorContext(ctx, "the log is away", "operation", callOf(ctx).operation.ID, "error", err)
		return describe(&domain.Error{Code: "unavailable"})
	case errors.As(err, &refused):
		if _, known := refusals[refused.Code]; !known {
			return s.unforeseen(ctx, err)
		}
		return describe(refused)
	case errors.As(err, &large), errors.Is(err, echo.ErrStatusRequestEntityTooLarge):
		return describe(&domain.Error{Code: "too_large"})
	case errors.As(err, &race):
		return describe(&domain.Error{Code: "contended"})
	case errors.Is(err, context.DeadlineExceeded) && method == http.MethodGet:
		return describe(&domain.Error{Code: "behind"})
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled), errors.Is(err, eventstore.ErrClosed):
		return describe(&domain.Error{Code: "unavailable"})
	case errors.Is(err, eventstore.ErrStopped):
		s.logger.ErrorContext(ctx, "the log takes nothing more", "operation", callOf(ctx).operation.ID, "error", err)
		return describe(&domain.Error{Code: "unavailable", Message: "nothing more is recorded since a write failed: whoever runs the server has to look at the disk and start it again; repeat a command then, with the same Idempotency-Key"})
	case errors.Is(err, projections.ErrLost):
		s.logger.ErrorContext(ctx, "a view is lost", "operation", callOf(ctx).operation.ID, "error", err)
		return describe(&domain.Error{Code: "behind", Message: "the view was lost and is made anew: ask again"})
	case projections.Full(err), errors.Is(err, syscall.ENOSPC):
		s.logger.ErrorContext(ctx, "the disk is full", "operation", callOf(ctx).operation.ID, "error", err)
		return describe(&domain.Error{Code: "disk_full"})
	case errors.Is(err, eventstore.ErrKeysHeld):
		s.logger.ErrorContext(ctx, "the keys are held by another", "operation", callOf(ctx).operation.ID, "error", err)
		return describe(&domain.Error{Code: "unavailable", Message: "another server holds the keys, and this needs a new one or the end of one: repeat it in a moment, a command with the same Idempotency-Key"})
	case errors.As(err, &http4):
		if p, ok := describeHTTP(http4); ok {
			return p
		}
	}
	return s.unforeseen(ctx, err)
}

// unforeseen writes an error down and tells only where.
func (s *Server) unforeseen(ctx context.Context, err error) Problem {
	p := describe(&domain.Error{Code: "internal"})
	reference := callOf(ctx).correlation.String()
	p.Reference = &reference
	s.logger.LogAttrs(ctx, slog.LevelError, "internal error",
		slog.String("reference", reference), slog.String("operation", callOf(ctx).operation.ID), slog.Any("error", err))
	return p
}

// describe fills a problem from a refusal and the table.
func describe(e *domain.Error) Problem {
	r := refusals[e.Code]
	p := Problem{Type: "/problems/" + e.Code, Title: r.Title, Status: r.Status, Detail: r.Explain, Code: e.Code}
	if e.Message != "" {
		p.Detail = e.Message
	}
	rule := r.Rule
	if e.Rule != "" {
		rule = e.Rule
	}
	p.Field, p.Rule = some(e.Field), some(rule)
	if len(e.Details) > 0 {
		p.Outcome = &e.Details
	}
	return p
}

// describeHTTP says in the table's words what the router and the generated
// code found wrong.
func describeHTTP(e *echo.HTTPError) (Problem, bool) {
	text, _ := e.Message.(string)
	switch e.Code {
	case http.StatusNotFound:
		return describe(&domain.Error{Code: "not_found", Message: "nothing is at this address: see /docs"}), true
	case http.StatusMethodNotAllowed:
		return describe(&domain.Error{Code: "method_not_allowed"}), true
	case http.StatusUnsupportedMediaType:
		return describe(&domain.Error{Code: "unsupported_media_type"}), true
	case http.StatusRequestEntityTooLarge:
		return describe(&domain.Error{Code: "too_large"}), true
	case http.StatusBadRequest:
		return describe(&domain.Error{Code: "invalid", Field: parameter(text), Message: parameterMisfit(text)}), true
	}
	return Problem{}, false
}

// parameter finds the parameter that the generated code complains about; its
// texts are "Invalid format for parameter x: …", "Query argument x is …",
// "Header parameter x is …" and "Expected one value for x, …".
func parameter(text string) string {
	for _, lead := range []string{"parameter ", "argument ", "value for "} {
		if _, rest, ok := strings.Cut(text, lead); ok {
			name, _, _ := strings.Cut(rest, " ")
			return strings.Trim(name, ":,'")
		}
	}
	return ""
}

// parameterMisfit says in plain words what the generated code complains about.
func parameterMisfit(text string) string {
	for _, one := range []struct{ lead, message string }{
		{"value out of range", "this number is beyond what the parameter takes"},
		{"strconv.ParseBool", "give true or false"},
		{"strconv.Parse", "give a whole number"},
		{"as RFC3339", "give a time such as 2026-11-20T09:30:00Z; a + in it is sent as %2B"},
		{"is empty", "give a value"},
		{"is required", "this parameter is required: give it"},
	} {
		if strings.Contains(text, one.lead) {
			return one.message
		}
	}
	return text
}

// invalidBody says what is wrong with a JSON body, and where.
func invalidBody(err error) error {
	var (
		shape  *json.UnmarshalTypeError
		syntax *json.SyntaxError
	)
	refused := &domain.Error{Code: "invalid_body"}
	switch {
	case errors.Is(err, io.EOF):
		refused.Message = "the body is empty: send a JSON object"
	case errors.As(err, &syntax) && strings.Contains(syntax.Error(), "max depth"):
		refused.Message = "the body is nested too deep: see the operation's schema"
	case errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, &syntax):
		refused.Message = "the body is no complete JSON: check its quotes, commas and braces"
	case errors.As(err, &shape):
		refused.Field = shape.Field
		refused.Message = misfit(shape)
	case strings.HasPrefix(err.Error(), "json: unknown field "):
		return unknownField(strings.Trim(strings.TrimPrefix(err.Error(), "json: unknown field "), `"`))
	default:
		refused.Message = "the body does not fit the operation's schema"
	}
	return refused
}

// misfit says what a field takes instead of what was given.
func misfit(e *json.UnmarshalTypeError) string {
	takes := article(e.Type.Kind().String())
	number, isNumber := strings.CutPrefix(e.Value, "number ")
	switch {
	case !isNumber:
		return "this takes " + takes + ", not " + article(e.Value)
	case takes == "a whole number" && strings.ContainsAny(number, ".eE"):
		return "this takes a whole number: write it without fraction and exponent"
	}
	return "this number is beyond what the field takes: see the operation's schema"
}

// article names a kind of value as a person would.
func article(kind string) string {
	kind, _, _ = strings.Cut(kind, " ") // "number 1.5" quotes the value
	switch kind {
	case "struct", "map", "object", "ptr":
		return "an object"
	case "slice", "array":
		return "a list"
	case "bool":
		return "true or false"
	case "int", "int8", "int16", "int32", "int64", "uint", "uint8", "uint16", "uint32", "uint64":
		return "a whole number"
	case "float32", "float64", "number":
		return "a number"
	}
	return "a " + kind
}

// some is a pointer to a text, and nil for the empty one: absent in JSON.
func some(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
