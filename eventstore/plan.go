package eventstore

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"parley/domain"
)

// plan says where in a type personal text lies, so that sealing and opening
// touch only that. A nil plan means nowhere.
type plan struct {
	kind   reflect.Kind
	text   bool // the value itself is a domain.Personal
	fields []planField
	key    *plan // of a map
	elem   *plan // of a slice, array, map or pointer
}

type planField struct {
	index int
	name  string // in JSON; empty: embedded, its fields are the struct's own
	plan  *plan
}

// plans keeps what is known of each type; types are few and never go away.
type plans struct{ cache sync.Map } // reflect.Type to known

type known struct {
	plan   *plan
	shared bool
}

// of tells of a type, looked at once.
func (p *plans) of(t reflect.Type) known {
	if found, ok := p.cache.Load(t); ok {
		return found.(known)
	}
	made := known{makePlan(t, map[reflect.Type]*plan{}), shared(t)}
	p.cache.Store(t, made)
	return made
}

var personalType = reflect.TypeFor[domain.Personal]()

func makePlan(t reflect.Type, making map[reflect.Type]*plan) *plan {
	if !leadsTo(t, func(t reflect.Type) bool { return t == personalType || t.Kind() == reflect.Interface }, map[reflect.Type]bool{}) {
		return nil
	}
	if known, ok := making[t]; ok {
		return known
	}
	p := &plan{kind: t.Kind(), text: t == personalType}
	making[t] = p
	switch t.Kind() {
	case reflect.Struct:
		for i := range t.NumField() {
			if f := t.Field(i); f.IsExported() || f.Anonymous {
				if inner := makePlan(f.Type, making); inner != nil {
					p.fields = append(p.fields, planField{i, jsonName(f), inner})
				}
			}
		}
	case reflect.Map:
		p.key, p.elem = makePlan(t.Key(), making), makePlan(t.Elem(), making)
	case reflect.Slice, reflect.Array, reflect.Pointer:
		p.elem = makePlan(t.Elem(), making)
	}
	return p
}

// jsonName is what a field is called in JSON; nothing when its fields are promoted.
func jsonName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	t := f.Type
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if name == "" && !(f.Anonymous && t.Kind() == reflect.Struct) {
		return f.Name
	}
	return name
}

// at tells that a personal text lies at a path of names and indexes in the JSON
// of the type. Case is nothing to who decodes it.
func (p *plan) at(path []string) bool {
	switch {
	case p == nil:
		return false
	case p.kind == reflect.Pointer:
		return p.elem.at(path)
	case len(path) == 0:
		return p.text
	case p.kind == reflect.Struct:
		return slices.ContainsFunc(p.fields, func(f planField) bool {
			if f.name == "" {
				return f.plan.at(path)
			}
			return strings.EqualFold(f.name, path[0]) && f.plan.at(path[1:])
		})
	}
	return p.elem.at(path[1:])
}

// leadsTo tells whether a type of that sort is found in what JSON writes of t.
func leadsTo(t reflect.Type, sort func(reflect.Type) bool, seen map[reflect.Type]bool) bool {
	if sort(t) {
		return true
	}
	if seen[t] {
		return false
	}
	seen[t] = true
	switch t.Kind() {
	case reflect.Struct:
		for i := range t.NumField() {
			if f := t.Field(i); (f.IsExported() || f.Anonymous) && leadsTo(f.Type, sort, seen) {
				return true
			}
		}
	case reflect.Map:
		return leadsTo(t.Key(), sort, seen) || leadsTo(t.Elem(), sort, seen)
	case reflect.Slice, reflect.Array, reflect.Pointer:
		return leadsTo(t.Elem(), sort, seen)
	}
	return false
}

// shared tells that values of the type may share memory when they are assigned,
// or may not be read as they are written.
func shared(t reflect.Type) bool {
	return leadsTo(t, func(t reflect.Type) bool {
		if t == timeType {
			return true
		}
		switch t.Kind() {
		case reflect.Slice, reflect.Map, reflect.Pointer, reflect.Interface:
			return true
		}
		return false
	}, map[reflect.Type]bool{})
}

// holds tells that a value has something in it that its copies would share, or
// that would not be read as it is written.
func holds(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Slice, reflect.Map, reflect.Pointer, reflect.Interface:
		return !v.IsNil()
	case reflect.Struct:
		if v.Type() == timeType {
			return v.CanInterface() && !plainTime(v.Interface().(time.Time)) // its place is never changed
		}
		for i := range v.NumField() {
			if holds(v.Field(i)) {
				return true
			}
		}
	case reflect.Array:
		for i := range v.Len() {
			if holds(v.Index(i)) {
				return true
			}
		}
	}
	return false
}

// plainTime tells that a time is read as it is: in UTC, without the reading of a
// clock that runs apart from the calendar.
func plainTime(t time.Time) bool { return t.Location() == time.UTC && t == t.Round(0) }

// rewrite gives a copy of event in which every personal text is what change
// makes of it. What leads to a personal text is copied, so the event itself
// stays as it is; the rest is shared with it.
func (p *plans) rewrite(event any, change func(domain.Personal) (domain.Personal, error)) (any, error) {
	v := reflect.ValueOf(event)
	if !v.IsValid() {
		return event, nil
	}
	pl := p.of(v.Type()).plan
	if pl == nil {
		return event, nil
	}
	own := reflect.New(v.Type()).Elem()
	own.Set(v)
	if err := p.walk(pl, own, change); err != nil {
		return nil, err
	}
	return own.Interface(), nil
}

// walk changes v, which can be set, in place; what v points to is replaced.
func (p *plans) walk(pl *plan, v reflect.Value, change func(domain.Personal) (domain.Personal, error)) error {
	if pl.text {
		changed, err := change(domain.Personal(v.String()))
		if err == nil {
			v.SetString(string(changed))
		}
		return err
	}
	switch pl.kind {
	case reflect.Struct:
		for _, f := range pl.fields {
			field := v.Field(f.index)
			if !field.CanSet() && field.Kind() != reflect.Struct {
				return fmt.Errorf("%v embeds a hidden %v, whose text cannot be sealed", v.Type(), field.Type())
			}
			if err := p.walk(f.plan, field, change); err != nil {
				return err
			}
		}
	case reflect.Array:
		return p.each(pl, v, change)
	case reflect.Slice:
		if v.IsNil() {
			return nil
		}
		own := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		reflect.Copy(own, v)
		v.Set(own)
		return p.each(pl, v, change)
	case reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		own := reflect.New(v.Type().Elem())
		own.Elem().Set(v.Elem())
		v.Set(own)
		return p.walk(pl.elem, own.Elem(), change)
	case reflect.Map:
		return p.entries(pl, v, change)
	case reflect.Interface:
		if v.IsNil() {
			return nil
		}
		own, err := p.rewrite(v.Elem().Interface(), change)
		if err == nil {
			v.Set(reflect.ValueOf(own))
		}
		return err
	}
	return nil
}

func (p *plans) each(pl *plan, v reflect.Value, change func(domain.Personal) (domain.Personal, error)) error {
	for i := range v.Len() {
		if err := p.walk(pl.elem, v.Index(i), change); err != nil {
			return err
		}
	}
	return nil
}

func (p *plans) entries(pl *plan, v reflect.Value, change func(domain.Personal) (domain.Personal, error)) error {
	if v.IsNil() {
		return nil
	}
	own := reflect.MakeMapWithSize(v.Type(), v.Len())
	for it := v.MapRange(); it.Next(); {
		key, elem := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		key.Set(it.Key())
		elem.Set(it.Value())
		if pl.key != nil {
			if err := p.walk(pl.key, key, change); err != nil {
				return err
			}
		}
		if pl.elem != nil {
			if err := p.walk(pl.elem, elem, change); err != nil {
				return err
			}
		}
		own.SetMapIndex(key, elem)
	}
	v.Set(own)
	return nil
}
