package eventstore

import (
	"reflect"
	"sync"
	"time"
)

// cloners copies states so that the copies share no memory with them. What is
// known of a type is found out once; types are few and never go away.
type cloners struct{ cache sync.Map } // reflect.Type to *cloneable

// cloneable says what in a type must be copied beyond the plain assignment.
type cloneable struct {
	plan *clonePlan // nil: nothing
	ok   bool       // false: there is something that only its own package can copy
}

// clonePlan leads to the slices, maps and pointers of a type.
type clonePlan struct {
	kind   reflect.Kind
	of     reflect.Type
	fields []cloneField
	elem   *clonePlan // of what a slice, array, map or pointer holds; nil when assigning copies it
}

type cloneField struct {
	index int
	plan  *clonePlan
}

// clone makes *state a copy of itself, where it can.
func (c *cloners) clone(state any) bool {
	v := reflect.ValueOf(state).Elem()
	known, found := c.cache.Load(v.Type())
	if !found {
		plan, ok := planClone(v.Type(), map[reflect.Type]bool{})
		known = &cloneable{plan, ok}
		c.cache.Store(v.Type(), known)
	}
	how := known.(*cloneable)
	if how.ok && how.plan != nil {
		how.plan.copy(v)
	}
	return how.ok
}

var timeType = reflect.TypeFor[time.Time]()

// planClone finds what to copy; ok is false of types that hold themselves, of
// interfaces, and of what is unexported and not copied by an assignment.
func planClone(t reflect.Type, within map[reflect.Type]bool) (p *clonePlan, ok bool) {
	switch t.Kind() {
	case reflect.Bool, reflect.String, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Float32, reflect.Float64:
		return nil, true
	case reflect.Struct, reflect.Slice, reflect.Array, reflect.Map, reflect.Pointer:
	default:
		return nil, false
	}
	if t == timeType {
		return nil, true // its place on earth is never changed
	}
	if within[t] {
		return nil, false
	}
	within[t] = true
	defer delete(within, t)
	p = &clonePlan{kind: t.Kind(), of: t}
	if t.Kind() == reflect.Struct {
		for i := range t.NumField() {
			inner, ok := planClone(t.Field(i).Type, within)
			if !ok || inner != nil && !t.Field(i).IsExported() {
				return nil, false
			}
			if inner != nil {
				p.fields = append(p.fields, cloneField{i, inner})
			}
		}
		if len(p.fields) == 0 {
			return nil, true
		}
		return p, true
	}
	if t.Kind() == reflect.Map {
		if key, ok := planClone(t.Key(), within); !ok || key != nil {
			return nil, false
		}
	}
	if p.elem, ok = planClone(t.Elem(), within); !ok {
		return nil, false
	}
	if t.Kind() == reflect.Array && p.elem == nil {
		return nil, true
	}
	return p, true
}

// copy replaces in v, which was assigned, what it shares with where it came from.
func (p *clonePlan) copy(v reflect.Value) {
	switch p.kind {
	case reflect.Struct:
		for _, f := range p.fields {
			f.plan.copy(v.Field(f.index))
		}
	case reflect.Array:
		for i := range v.Len() {
			p.elem.copy(v.Index(i))
		}
	case reflect.Slice:
		if v.IsNil() {
			return
		}
		own := reflect.MakeSlice(p.of, v.Len(), v.Len())
		reflect.Copy(own, v)
		for i := 0; p.elem != nil && i < own.Len(); i++ {
			p.elem.copy(own.Index(i))
		}
		v.Set(own)
	case reflect.Pointer:
		if v.IsNil() {
			return
		}
		own := reflect.New(p.of.Elem())
		own.Elem().Set(v.Elem())
		if p.elem != nil {
			p.elem.copy(own.Elem())
		}
		v.Set(own)
	case reflect.Map:
		if v.IsNil() {
			return
		}
		own := reflect.MakeMapWithSize(p.of, v.Len())
		for entries := v.MapRange(); entries.Next(); {
			value := entries.Value()
			if p.elem != nil {
				held := reflect.New(p.of.Elem()).Elem()
				held.Set(value)
				p.elem.copy(held)
				value = held
			}
			own.SetMapIndex(entries.Key(), value)
		}
		v.Set(own)
	}
}
