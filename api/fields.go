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
	f := fieldCheck{tokens: json.NewDecoder(bytes.NewReader(body))}
	_, err := f.value(shape, "")
	return err
}

type fieldCheck struct{ tokens *json.Decoder }

// value goes through one value; null tells that it is none.
func (f fieldCheck) value(shape reflect.Type, path string) (null bool, err error) {
	token, err := f.tokens.Token()
	if err != nil {
		return false, invalidBody(err)
	}
	shape = written(shape)
	switch token {
	case nil:
		return true, nil
	case json.Delim('{'):
		return false, f.object(shape, path)
	case json.Delim('['):
		var element reflect.Type
		if shape != nil && (shape.Kind() == reflect.Slice || shape.Kind() == reflect.Array) {
			element = shape.Elem()
		}
		for i := 0; f.tokens.More(); i++ {
			if _, err := f.value(element, within(path, strconv.Itoa(i))); err != nil {
				return false, err
			}
		}
		_, err = f.tokens.Token()
	}
	return false, err
}

// object goes through the fields of an object.
func (f fieldCheck) object(shape reflect.Type, path string) error {
	var known fieldsOf
	if shape != nil && shape.Kind() == reflect.Struct {
		known = fieldsOfType(shape)
	}
	given := map[string]bool{} // false of null
	for f.tokens.More() {
		token, err := f.tokens.Token()
		if err != nil {
			return invalidBody(err)
		}
		name, _ := token.(string)
		at := within(path, name)
		if _, twice := given[name]; twice {
			return &domain.Error{Code: "invalid_body", Field: at, Message: "this field is there twice: send it once"}
		}
		one, ok := known.all[name]
		if known.all != nil && !ok {
			return unknownField(at)
		}
		if shape != nil && shape.Kind() == reflect.Map {
			one = shape.Elem()
		}
		null, err := f.value(one, at)
		if err != nil {
			return err
		}
		given[name] = !null
	}
	if _, err := f.tokens.Token(); err != nil {
		return invalidBody(err)
	}
	for _, name := range known.required {
		if !given[name] {
			return domain.Invalid(within(path, name), "this field is required: give it, as the operation's schema says")
		}
	}
	return nil
}

func within(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
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
	all      map[string]reflect.Type
	required []string // those that the generated code never leaves out
}

var knownFields sync.Map // reflect.Type → fieldsOf

func fieldsOfType(t reflect.Type) fieldsOf {
	if known, ok := knownFields.Load(t); ok {
		return known.(fieldsOf)
	}
	known := fieldsOf{all: map[string]reflect.Type{}}
	for field := range t.Fields() {
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name == "" || name == "-" {
			continue
		}
		known.all[name] = field.Type
		if !strings.Contains(options, "omitempty") && field.Type.Kind() != reflect.Pointer {
			known.required = append(known.required, name)
		}
	}
	knownFields.Store(t, known)
	return known
}
