package api

import (
	"encoding/json"
	"errors"
	"io"
	"mime"

	"github.com/labstack/echo/v4"

	"parley/domain"
)

// strictJSON reads bodies for the generated server: exactly one JSON value of
// the operation's schema, nothing unknown in it, so that a misspelt field is
// refused and not ignored.
type strictJSON struct{}

// Bind implements echo.Binder.
func (strictJSON) Bind(into any, c echo.Context) error {
	r := c.Request()
	if r.ContentLength == 0 {
		if callOf(r.Context()).operation.Body {
			return invalidBody(io.EOF)
		}
		return nil
	}
	kind, _, err := mime.ParseMediaType(r.Header.Get(echo.HeaderContentType))
	if err != nil || kind != echo.MIMEApplicationJSON {
		return &domain.Error{Code: "unsupported_media_type", Message: "send the body as application/json"}
	}
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return invalidBody(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return &domain.Error{Code: "invalid_body", Message: "something follows the JSON value: send one value"}
	}
	return nil
}
