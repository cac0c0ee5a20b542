package api

import (
	"bytes"
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"parley/domain"
)

// Text that is no UTF-8 is refused before anything is decided on it: in the log
// it would become other text than was sent.

// validAddress looks at the parts of the address that the operation reads.
func validAddress(c echo.Context) error {
	for i, name := range c.ParamNames() {
		value := c.ParamValues()[i]
		if text, err := url.PathUnescape(value); err == nil {
			value = text // the router leaves it as it was sent when that is not the usual way
		}
		if !utf8.ValidString(value) {
			return domain.Invalid(name, "the address is not UTF-8 here")
		}
	}
	for name, values := range c.QueryParams() {
		if !utf8.ValidString(name) || !utf8.ValidString(strings.Join(values, "")) {
			return domain.Invalid(strings.ToValidUTF8(name, "\uFFFD"), "the address is not UTF-8 here")
		}
	}
	return nil
}

func validBody(body []byte) error {
	if utf8.Valid(body) {
		return nil
	}
	return &domain.Error{Code: "invalid_body", Field: brokenField(body), Message: "the text is not UTF-8: send JSON in UTF-8"}
}

// brokenField names the field of a body whose text is no UTF-8, such as
// answers.2.text; it is empty when the body is no JSON before that.
func brokenField(body []byte) string {
	at := int64(0)
	for rest := body; ; {
		r, size := utf8.DecodeRune(rest)
		if r == utf8.RuneError && size == 1 {
			break
		}
		at, rest = at+int64(size), rest[size:]
	}
	type level struct {
		name string
		next int // of a list
		list bool
		key  bool // a name comes next
	}
	var levels []level
	for tokens := json.NewDecoder(bytes.NewReader(body)); ; {
		token, err := tokens.Token()
		if err != nil {
			return ""
		}
		delim, isDelim := token.(json.Delim)
		if isDelim && (delim == '}' || delim == ']') {
			levels = levels[:len(levels)-1]
			continue
		}
		if n := len(levels); n > 0 {
			switch in := &levels[n-1]; {
			case in.list:
				in.name = strconv.Itoa(in.next)
				in.next++
			case in.key:
				in.name, _ = token.(string)
				in.key = false
				if tokens.InputOffset() <= at {
					continue
				}
			default:
				in.key = true
			}
		}
		if tokens.InputOffset() > at {
			break
		}
		if isDelim {
			levels = append(levels, level{list: delim == '[', key: delim == '{'})
		}
	}
	var path []string
	for _, l := range levels {
		path = append(path, strings.ToValidUTF8(l.name, "\uFFFD"))
	}
	return strings.Join(path, ".")
}
