package api

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"parley/domain"
)

// Text that is no UTF-8 is refused before anything is decided on it: in the log
// it would become other text than was sent.

// validAddress looks at the parts of the address that the operation reads. A
// query that says what the operation does not read is refused as well: a filter
// that was misspelt would else be none.
func validAddress(c echo.Context, op operation) error {
	for i, name := range c.ParamNames() {
		value, err := url.PathUnescape(c.ParamValues()[i])
		switch {
		case err != nil:
			return domain.Invalid(name, "the address is not encoded as it should be here: a % is sent as %25")
		case !utf8.ValidString(value):
			return domain.Invalid(name, "the address is not UTF-8 here")
		case strings.ContainsFunc(value, unicode.IsControl):
			return domain.Invalid(name, "the address holds a control character here")
		}
	}
	query, err := url.ParseQuery(c.Request().URL.RawQuery)
	if err != nil {
		return &domain.Error{Code: "invalid", Message: "the query of the address is not encoded as it should be: a % is sent as %25, a ; as %3B"}
	}
	for _, name := range slices.Sorted(maps.Keys(query)) {
		values, known := query[name], op.query[name]
		switch {
		case !utf8.ValidString(name) || !utf8.ValidString(strings.Join(values, "")):
			return domain.Invalid(strings.ToValidUTF8(name, "\uFFFD"), "the address is not UTF-8 here")
		case known == 0:
			return domain.Invalid(name, "there is no such parameter: see the operation in /docs")
		case known == readOnce && len(values) > 1:
			return domain.Invalid(name, "give this parameter once")
		}
	}
	return nil
}

func validBody(body []byte) error {
	if !utf8.Valid(body) {
		return &domain.Error{Code: "invalid_body", Field: fieldAt(body, notUTF8(body)), Message: "the text is not UTF-8: send JSON in UTF-8"}
	}
	if at := halfCharacter(body); at >= 0 {
		return &domain.Error{Code: "invalid_body", Field: fieldAt(body, at), Message: "the text holds half a character: \\ud800 to \\udfff come in pairs, the higher half first"}
	}
	return nil
}

// notUTF8 finds the first byte that is part of no character.
func notUTF8(body []byte) int {
	at := 0
	for {
		r, size := utf8.DecodeRune(body[at:])
		if r == utf8.RuneError && size <= 1 {
			return at
		}
		at += size
	}
}

// halfCharacter finds an escaped half of a character beyond the first plane
// without its other half; -1 is none.
func halfCharacter(body []byte) int {
	if !bytes.Contains(body, []byte(`\u`)) {
		return -1
	}
	for at := 0; at+1 < len(body); at++ {
		if body[at] != '\\' {
			continue
		}
		first := escaped(body[at:])
		switch {
		case utf16.IsSurrogate(first) && utf16.DecodeRune(first, escaped(body[at+escapeLength:])) == utf8.RuneError:
			return at
		case utf16.IsSurrogate(first):
			at += 2*escapeLength - 1
		default:
			at++ // what is escaped may be a backslash
		}
	}
	return -1
}

const escapeLength = len(`\uffff`)

// escaped reads the escape that a text begins with; 0 is none of a number.
func escaped(text []byte) rune {
	if len(text) < escapeLength || text[0] != '\\' || text[1] != 'u' {
		return 0
	}
	n, err := strconv.ParseUint(string(text[2:escapeLength]), 16, 16)
	if err != nil {
		return 0
	}
	return rune(n)
}

// fieldAt names the field of a body that holds a byte, such as answers.2.text; it
// is empty when the body is no JSON before that.
func fieldAt(body []byte, byteAt int) string {
	at := int64(byteAt)
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
