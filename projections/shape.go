package projections

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// shape is what is known of a table once its row type was looked at: this is
// the only place that reads struct tags.
type shape struct {
	name    string
	columns []column
	keys    []int    // ordinals of the key columns
	lookups []int    // ordinals of the columns that a fold finds rows by
	moments []int    // ordinals of the columns of type time.Time
	slices  []int    // ordinals of the columns that are slices
	indexed []int    // ordinals of the columns, not of the key, that an index holds
	subject string   // the column that names whose Personal text the row holds
	indexes []string // further indexes, as written between the brackets
	text    texts
	err     error // a wrong declaration, told when the runner opens
}

func newShape(name string, row reflect.Type, indexes []string) *shape {
	s := &shape{name: name, indexes: indexes}
	if row.Kind() != reflect.Struct {
		s.err = fmt.Errorf("table %s: a row must be a struct", name)
		return s
	}
	for _, f := range reflect.VisibleFields(row) {
		tag := f.Tag.Get("row")
		if f.Anonymous || !f.IsExported() || tag == "-" {
			continue
		}
		if err := s.add(row, f, tag); err != nil {
			s.err = fmt.Errorf("table %s: %w", name, err)
			return s
		}
	}
	if !namePattern.MatchString(name) || len(s.keys) == 0 {
		s.err = fmt.Errorf("table %q needs a lower-case name and a column with the tag `row:\",key\"`", name)
		return s
	}
	s.compose()
	return s
}

// add reads one field: `row:"name,key,index,subject"`, all of it optional.
func (s *shape) add(row reflect.Type, f reflect.StructField, tag string) error {
	parts := strings.Split(tag, ",")
	c := column{name: parts[0], typ: f.Type, kind: f.Type.Kind(), form: formOf(f.Type)}
	if c.name == "" {
		c.name = snake(f.Name)
	}
	if !namePattern.MatchString(c.name) {
		return fmt.Errorf("%q is no name for a column", c.name)
	}
	for i := range f.Index {
		step := row.FieldByIndex(f.Index[:i+1])
		if i+1 < len(f.Index) && step.Type.Kind() == reflect.Pointer {
			return fmt.Errorf("column %s lies behind an embedded pointer", c.name)
		}
		c.offset += step.Offset
	}
	n := len(s.columns)
	for _, option := range parts[1:] {
		switch option {
		case "key":
			s.keys = append(s.keys, n)
		case "index":
			s.lookups = append(s.lookups, n)
		case "subject":
			s.subject = c.name
		default:
			return fmt.Errorf("column %s: %q is no option: key, index and subject are", c.name, option)
		}
		if option != "subject" && c.form != formText && c.form != formInteger && c.form != formMoment {
			return fmt.Errorf("column %s: a %s cannot be a key or an index of a fold", c.name, f.Type)
		}
	}
	if c.form == formMoment {
		s.moments = append(s.moments, n)
	}
	if f.Type.Kind() == reflect.Slice {
		s.slices = append(s.slices, n)
	}
	s.columns = append(s.columns, c)
	return nil
}

// snake turns AgentID into agent_id.
func snake(name string) string {
	var b strings.Builder
	runes := []rune(name)
	for i, r := range runes {
		if unicode.IsUpper(r) && i > 0 && (!unicode.IsUpper(runes[i-1]) || i+1 < len(runes) && unicode.IsLower(runes[i+1])) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// key makes one text of a key: the text itself when a single text is the key,
// else the parts, each with its length, so that no two keys look alike.
func (s *shape) key(parts []any) (string, error) {
	if len(parts) != len(s.keys) {
		return "", fmt.Errorf("table %s has %d key columns, not %d", s.name, len(s.keys), len(parts))
	}
	if len(parts) == 1 {
		return plainText(parts[0]), nil
	}
	var room [128]byte // few keys need more
	b := room[:0]
	for _, p := range parts {
		b = appendPart(b, plainText(p))
	}
	return string(b), nil
}

// keyOf is the key that a row carries.
func (s *shape) keyOf(row fields) string {
	if len(s.keys) == 1 {
		return s.columns[s.keys[0]].text(row)
	}
	var room [128]byte
	return string(s.appendKey(room[:0], row))
}

func (s *shape) appendKey(b []byte, row fields) []byte {
	for _, k := range s.keys {
		b = appendPart(b, s.columns[k].text(row))
	}
	return b
}

// carries tells whether a row's key is this one.
func (s *shape) carries(row fields, key string) bool {
	if len(s.keys) == 1 {
		return s.columns[s.keys[0]].text(row) == key
	}
	var room [128]byte
	return string(s.appendKey(room[:0], row)) == key
}

func appendPart(b []byte, text string) []byte {
	b = strconv.AppendInt(b, int64(len(text)), 10)
	b = append(b, ':')
	return append(b, text...)
}

// parts takes a key apart again, as arguments of a statement.
func (s *shape) parts(key string) []any {
	if len(s.keys) == 1 {
		return []any{s.argument(s.keys[0], key)}
	}
	out := make([]any, 0, len(s.keys))
	for _, k := range s.keys {
		size, rest, _ := strings.Cut(key, ":")
		n, err := strconv.Atoi(size)
		if err != nil || n > len(rest) {
			n = len(rest)
		}
		out = append(out, s.argument(k, rest[:n]))
		key = rest[n:]
	}
	return out
}

// argument gives the text of a key or lookup column as the database wants it.
func (s *shape) argument(ordinal int, text string) any {
	if s.columns[ordinal].form == formText {
		return text
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return text
	}
	return n
}

// plainText gives a value passed as a key the text that its column gives.
func plainText(v any) string {
	switch x := v.(type) {
	case string:
		return x
	case int:
		return strconv.Itoa(x)
	case int64:
		return strconv.FormatInt(x, 10)
	case time.Time:
		return strconv.FormatInt(micros(x), 10)
	}
	r := reflect.ValueOf(v)
	switch {
	case r.Kind() == reflect.String:
		return r.String()
	case r.CanInt() || r.CanUint():
		return strconv.FormatInt(integer(r), 10)
	default:
		return fmt.Sprint(v)
	}
}

// encode gives all columns of a row as the database knows them.
func (s *shape) encode(row fields, out []any) ([]any, error) {
	for i := range s.columns {
		v, err := s.columns[i].get(row)
		if err != nil {
			return nil, fmt.Errorf("table %s: %w", s.name, err)
		}
		out = append(out, v)
	}
	return out, nil
}

// encodeAnew gives all columns of a row that had others before; nil when it is new.
// Most have not changed: they are kept, and when none has, it gives the same slice.
func (s *shape) encodeAnew(row fields, before []any) ([]any, error) {
	out, own := before, false
	if before == nil {
		out, own = make([]any, len(s.columns)), true
	}
	for i := range s.columns {
		c := &s.columns[i]
		if before != nil && c.gave(row, before[i]) {
			continue
		}
		v, err := c.get(row)
		if err != nil {
			return nil, fmt.Errorf("table %s: %w", s.name, err)
		}
		if before != nil && v == before[i] {
			continue
		}
		if !own {
			out, own = slices.Clone(before), true
		}
		out[i] = v
	}
	return out, nil
}

// decode fills a row from its columns.
func (s *shape) decode(values []any, row fields) error {
	for i := range s.columns {
		if err := s.columns[i].set(row, values[i]); err != nil {
			return fmt.Errorf("table %s: %w", s.name, err)
		}
	}
	return nil
}
