package api

import (
	"bytes"
	"context"
	"errors"
	"io"

	"github.com/labstack/echo/v4"

	"parley/domain"
	"parley/eventstore"
)

// answered runs an operation that names its command by a key, and runs it anew
// when it was refused though the command is on record by then: another server on
// this log was asked for the very same at the same moment. What the operation
// looked at was then what that one was just changing, so the refusal is of a
// command because of itself; run anew it is a repeat, which is answered as the
// first was. Requests of one key to one server are kept apart before.
func (s *Server) answered(next echo.HandlerFunc, c echo.Context, one *call) error {
	err := next(c)
	refusal, refused := errors.AsType[*domain.Error](err)
	if !refused || refusal.Code == "unavailable" || one.operation.Streamed || c.Response().Committed {
		return err
	}
	r := c.Request()
	switch done, failed := s.done(r.Context()); {
	case failed != nil: // whether the refusal is one is not known
		return failed
	case !done:
		return err
	}
	r.Body = io.NopCloser(bytes.NewReader(one.body))
	return next(c)
}

// done tells whether this very command is on record, in whatever stream.
func (s *Server) done(ctx context.Context) (bool, error) {
	m := s.meta(ctx)
	for r, err := range s.engine.Log.Read(ctx, eventstore.Query{Command: m.Command, Limit: 1}) {
		return err == nil && bytes.Equal(r.BodyHash, m.BodyHash), err
	}
	return false, nil
}
