package api

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strconv"
	"strings"
	"sync"

	"parley/domain"
)

// checkFields refuses what reading a body into a shape passes over in silence:
// a field that is there twice, one whose name is written in other letters than
// the contract's, and one that is required and missing. A command that was cut
// short so would else empty what it meant to keep. The body was read into the
// shape before, so it is one JSON value and fits otherwise.
func checkFields(body []byte, shape reflect.Type) error {
	f := fieldCheck{body: body}
	if _, refused := f.value(written(shape)); refused != nil {
		return refused
	}
	return nil
}

// fieldCheck walks through JSON that is known to be in order, so that it looks
// for nothing but where names and values begin and end. What it refuses names the
// field from the place inward; whoever called it puts the outer names before it.
type fieldCheck struct {
	body []byte
	at   int
}

// value goes through one value; null tells that it is none.
func (f *fieldCheck) value(shape reflect.Type) (null bool, refused *domain.Error) {
	switch f.next() {
	case '{':
		return false, f.object(shape)
	case '[':
		return false, f.list(shape)
	case '"':
		f.text()
		return false, nil
	}
	begin := f.at
	for f.at < len(f.body) && !bytes.ContainsRune(endOfWord, rune(f.body[f.at])) {
		f.at++
	}
	return string(f.body[begin:f.at]) == "null", nil
}

// endOfWord are the characters that end a number, true, false or null.
var endOfWord = []byte(",]} \t\r\n")

// next passes over what separates values, and tells with what the next begins.
func (f *fieldCheck) next() byte {
	for ; f.at < len(f.body); f.at++ {
		switch c := f.body[f.at]; c {
		case ' ', '\t', '\r', '\n', ',', ':':
		default:
			return c
		}
	}
	return 0
}

// text passes over a text and gives it with its quotes, and whether it is
// written as it reads.
func (f *fieldCheck) text() (quoted []byte, plain bool) {
	begin := f.at
	plain = true
	for f.at++; f.at < len(f.body); f.at++ {
		switch f.body[f.at] {
		case '\\':
			plain = false
			f.at++
		case '"':
			f.at++
			return f.body[begin:f.at], plain
		}
	}
	return f.body[begin:], false
}

// list goes through the elements of a list.
func (f *fieldCheck) list(shape reflect.Type) *domain.Error {
	var element reflect.Type
	if shape != nil && (shape.Kind() == reflect.Slice || shape.Kind() == reflect.Array) {
		element = written(shape.Elem())
	}
	f.at++
	for i := 0; f.next() != ']' && f.at < len(f.body); i++ {
		if _, refused := f.value(element); refused != nil {
			return within(strconv.Itoa(i), refused)
		}
	}
	f.at++
	return nil
}

// object goes through the fields of an object.
func (f *fieldCheck) object(shape reflect.Type) *domain.Error {
	var known fieldsOf
	var others map[string]bool // the names of what is no struct
	var element reflect.Type
	switch {
	case shape != nil && shape.Kind() == reflect.Struct:
		known = fieldsOfType(shape)
	case shape != nil && shape.Kind() == reflect.Map:
		element = written(shape.Elem())
	}
	seen := make([]sight, len(known.fields))
	f.at++
	for f.next() != '}' && f.at < len(f.body) {
		quoted, plain := f.text()
		name := quoted[1 : len(quoted)-1]
		if !plain {
			var read string
			if err := json.Unmarshal(quoted, &read); err != nil {
				return &domain.Error{Code: "invalid_body", Field: string(name), Message: "this name cannot be read: " + err.Error()}
			}
			name = []byte(read)
		}
		i, ok := known.places[string(name)]
		var twice bool
		one := element
		switch {
		case ok:
			twice, one = seen[i] != missing, known.fields[i].shape
		case known.places != nil:
			return unknownField(string(name))
		default:
			if others == nil {
				others = map[string]bool{}
			}
			twice, others[string(name)] = others[string(name)], true
		}
		if twice {
			return &domain.Error{Code: "invalid_body", Field: string(name), Message: "this field is there twice: send it once"}
		}
		null, refused := f.value(one)
		if refused != nil {
			return within(string(name), refused)
		}
		if ok {
			seen[i] = given
			if null {
				seen[i] = empty
			}
		}
	}
	f.at++
	for i, field := range known.fields {
		if field.required && seen[i] != given {
			return domain.Invalid(field.name, "this field is required: give it, as the operation's schema says")
		}
	}
	return nil
}

// sight is how a field of a struct was seen.
type sight byte

const (
	missing sight = iota
	empty         // it is null
	given
)

// within names a refused field from one place further out.
func within(name string, refused *domain.Error) *domain.Error {
	return refused.On(name + "." + refused.Field)
}

// unknownField refuses a name that the schema does not have.
func unknownField(name string) *domain.Error {
	return &domain.Error{Code: "invalid_body", Field: name, Message: "there is no such field: see the operation's schema"}
}

// written is the type that a value is written into; nil of one that reads JSON
// its own way.
func written(t reflect.Type) reflect.Type {
	for t != nil {
		if reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]()) {
			return nil
		}
		if t.Kind() != reflect.Pointer {
			return t
		}
		t = t.Elem()
	}
	return nil
}

// fieldsOf are the fields of a type that the contract describes.
type fieldsOf struct {
	fields []fieldOf
	places map[string]int // of the fields, by their names
}

type fieldOf struct {
	name     string
	shape    reflect.Type // as written
	required bool         // the generated code never leaves it out
}

var knownFields sync.Map // reflect.Type → fieldsOf

func fieldsOfType(t reflect.Type) fieldsOf {
	if known, ok := knownFields.Load(t); ok {
		return known.(fieldsOf)
	}
	known := fieldsOf{places: map[string]int{}}
	for field := range t.Fields() {
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name == "" || name == "-" {
			continue
		}
		known.places[name] = len(known.fields)
		known.fields = append(known.fields, fieldOf{name, written(field.Type), !strings.Contains(options, "omitempty") && field.Type.Kind() != reflect.Pointer})
	}
	knownFields.Store(t, known)
	return known
}
