package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"parley/domain"
)

// outer is a shape with everything in it that a body may have.
type outer struct {
	Text   string           `json:"text"`
	Number *float64         `json:"number,omitempty"`
	Inner  *inner           `json:"inner,omitempty"`
	Many   []inner          `json:"many"`
	ByName map[string]inner `json:"byName,omitempty"`
	Any    any              `json:"any,omitempty"`
	Own    json.RawMessage  `json:"own,omitempty"`
}

type inner struct {
	ID   string   `json:"id"`
	Tags []string `json:"tags,omitempty"`
}

// TestFieldsAreFoundAsTokensTellThem holds the walk over a body against one that
// the standard library leads, token by token: both refuse the same, and name the
// same field.
func TestFieldsAreFoundAsTokensTellThem(t *testing.T) {
	refusals, lets := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		body := []byte(drawValue(t, reflect.TypeFor[outer](), 3))
		if json.Unmarshal(body, &outer{}) != nil {
			return // is refused before
		}
		want := byTokens(json.NewDecoder(bytes.NewReader(body)), reflect.TypeFor[outer]())
		got := checkFields(body, reflect.TypeFor[*outer]())
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("%s: got %v, want %v", body, got, want)
		}
		if got != nil {
			refusals++
		} else {
			lets++
		}
	})
	if refusals == 0 || lets == 0 {
		t.Fatalf("%d were refused and %d let through: nothing was held against anything", refusals, lets)
	}
}

// drawValue draws JSON that mostly fits a shape.
func drawValue(t *rapid.T, shape reflect.Type, depth int) string {
	space := rapid.SampledFrom([]string{"", "", " ", "\n\t"}).Draw(t, "space")
	list := func(draw func() string) string {
		parts := make([]string, rapid.IntRange(0, 3).Draw(t, "elements"))
		for i := range parts {
			parts[i] = draw()
		}
		return space + "[" + strings.Join(parts, space+",") + space + "]" + space
	}
	sort := rapid.IntRange(0, 11).Draw(t, "sort")
	shape = written(shape)
	switch {
	case sort == 0:
		return space + "null" + space
	case shape != nil && shape.Kind() == reflect.Struct, shape != nil && shape.Kind() == reflect.Map, (shape == nil || shape.Kind() == reflect.Interface) && depth > 0 && sort < 4:
		return space + drawObject(t, shape, depth, space) + space
	case shape != nil && shape.Kind() == reflect.Slice:
		return list(func() string { return drawValue(t, shape.Elem(), depth-1) })
	case (shape == nil || shape.Kind() == reflect.Interface) && depth > 0 && sort < 8:
		return list(func() string { return drawValue(t, nil, depth-1) })
	case shape != nil && shape.Kind() == reflect.Float64:
		return rapid.SampledFrom([]string{"0", "-1.5e3", "12"}).Draw(t, "number")
	case shape == nil && sort == 8:
		return rapid.SampledFrom([]string{"true", "false", "7"}).Draw(t, "word")
	}
	return drawText(t)
}

func drawText(t *rapid.T) string {
	return rapid.SampledFrom([]string{`""`, `"a"`, `"},{"`, `"\\"`, `"\""`, `"é]"`, `"null"`, `"A:\u0022,"`}).Draw(t, "text")
}

// drawObject draws the fields of a shape, some twice, some missing, some others.
func drawObject(t *rapid.T, shape reflect.Type, depth int, space string) string {
	known := map[string]reflect.Type{}
	var names []string
	if shape != nil && shape.Kind() == reflect.Struct {
		for _, f := range fieldsOfType(shape).fields {
			known[f.name] = f.shape
			for range 12 { // mostly what is known
				names = append(names, `"`+f.name+`"`)
			}
			names = append(names, `"`+strings.ToUpper(f.name)+`"`, `"\u00`+fmt.Sprintf("%02x", f.name[0])+f.name[1:]+`"`)
		}
	}
	names = append(names, `"a"`, `"b"`, `"a\"b"`)
	var parts []string
	if shape != nil && shape.Kind() == reflect.Struct && rapid.IntRange(0, 9).Draw(t, "whole") > 0 {
		for _, f := range fieldsOfType(shape).fields {
			if f.required {
				parts = append(parts, `"`+f.name+`"`+space+":"+drawValue(t, f.shape, depth-1))
			}
		}
	}
	for range rapid.IntRange(0, 2).Draw(t, "more") {
		quoted := rapid.SampledFrom(names).Draw(t, "name")
		var name string
		if err := json.Unmarshal([]byte(quoted), &name); err != nil {
			t.Fatal(err)
		}
		one := known[name]
		if shape != nil && shape.Kind() == reflect.Map {
			one = shape.Elem()
		}
		parts = append(parts, quoted+space+":"+drawValue(t, one, depth-1))
	}
	return "{" + strings.Join(parts, ","+space) + space + "}"
}

// byTokens is the same check, as the standard library reads JSON.
func byTokens(d *json.Decoder, shape reflect.Type) error {
	_, err := valueByTokens(d, shape, "")
	return err
}

func valueByTokens(d *json.Decoder, shape reflect.Type, path string) (null bool, err error) {
	token, err := d.Token()
	if err != nil {
		return false, err
	}
	shape = written(shape)
	switch token {
	case nil:
		return true, nil
	case json.Delim('{'):
		return false, objectByTokens(d, shape, path)
	case json.Delim('['):
		var element reflect.Type
		if shape != nil && shape.Kind() == reflect.Slice {
			element = shape.Elem()
		}
		for i := 0; d.More(); i++ {
			if _, err := valueByTokens(d, element, path+fmt.Sprint(i)+"."); err != nil {
				return false, err
			}
		}
		_, err = d.Token()
	}
	return false, err
}

func objectByTokens(d *json.Decoder, shape reflect.Type, path string) error {
	var known map[string]fieldOf
	if shape != nil && shape.Kind() == reflect.Struct {
		known = map[string]fieldOf{}
		for _, f := range fieldsOfType(shape).fields {
			known[f.name] = f
		}
	}
	filled, seen := map[string]bool{}, map[string]bool{}
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return err
		}
		name, _ := token.(string)
		if seen[name] {
			return &domain.Error{Code: "invalid_body", Field: path + name, Message: "this field is there twice: send it once"}
		}
		seen[name] = true
		one, ok := known[name]
		if known != nil && !ok {
			return unknownField(path + name)
		}
		inside := one.shape
		if shape != nil && shape.Kind() == reflect.Map {
			inside = shape.Elem()
		}
		null, err := valueByTokens(d, inside, path+name+".")
		if err != nil {
			return err
		}
		filled[name] = !null
	}
	if _, err := d.Token(); err != nil {
		return err
	}
	if shape == nil || shape.Kind() != reflect.Struct {
		return nil
	}
	for _, f := range fieldsOfType(shape).fields {
		if f.required && !filled[f.name] {
			return domain.Invalid(path+f.name, "this field is required: give it, as the operation's schema says")
		}
	}
	return nil
}
