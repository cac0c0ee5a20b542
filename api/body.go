package api

import (
	"bytes"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"parley/domain"
)

// strictJSON reads bodies for the generated server: exactly one JSON value of
// the operation's schema, nothing unknown in it and nothing required missing, so
// that a misspelt field is refused and not ignored.
type strictJSON struct{}

// Bind implements echo.Binder.
func (strictJSON) Bind(into any, c echo.Context) error { return ReadBody(c.Request(), into) }

// ReadBody is how every operation reads its body, the raw ones too, so that all
// refuse the same in the same words.
func ReadBody(r *http.Request, into any) error {
	if r.ContentLength == 0 {
		if callOf(r.Context()).operation.Body {
			return invalidBody(io.EOF)
		}
		return nil
	}
	kind, more, err := mime.ParseMediaType(r.Header.Get(echo.HeaderContentType))
	if err != nil || kind != echo.MIMEApplicationJSON {
		return &domain.Error{Code: "unsupported_media_type", Field: echo.HeaderContentType, Message: "send the body as application/json"}
	}
	if charset := more["charset"]; charset != "" && !slices.Contains(charsets, strings.ToLower(charset)) {
		return &domain.Error{Code: "unsupported_media_type", Field: echo.HeaderContentType, Message: "JSON is sent in UTF-8: encode it so, and name no other charset"}
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return invalidBody(err)
	}
	if len(bytes.TrimLeft(body[d.InputOffset():], " \t\r\n")) > 0 {
		return &domain.Error{Code: "invalid_body", Message: "something follows the JSON value: send one value"}
	}
	return checkFields(body, reflect.TypeOf(into))
}

// charsets are those that are UTF-8, or a part of it.
var charsets = []string{"utf-8", "utf8", "us-ascii"}
