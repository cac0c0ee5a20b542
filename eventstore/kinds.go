package eventstore

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"sync"

	"github.com/segmentio/encoding/json"

	"parley/domain"
)

// Kinds leads from the names on disk to the types in Go, and from a kind's
// name to the typed Do. It never changes once it is made.
type Kinds struct {
	kinds  map[string]Registered
	shapes map[string]*shape
	named  map[reflect.Type]string
	names  []string
}

// Registered is a kind without its types, so that many kinds fit one table.
type Registered struct {
	name   string
	shapes []*shape
	do     func(ctx context.Context, e *Engine, id string, command any, m Meta) (Outcome, error)
}

// shape is one name on disk: how its data become an event of today.
type shape struct {
	name   string
	event  reflect.Type // of today's names; nil for a former one
	stored reflect.Type // what the data are of
	decode func(data []byte) (any, error)
}

// Register takes the types off a kind.
func Register[S, E any](k *domain.Kind[S, E]) Registered {
	r := Registered{name: k.Name}
	for name, zero := range k.Names {
		t := reflect.TypeOf(any(zero))
		if t == nil {
			r.shapes = append(r.shapes, &shape{name: name})
			continue
		}
		r.shapes = append(r.shapes, &shape{name: name, event: t, stored: t, decode: decoder(t)})
	}
	for name, old := range k.Former {
		t := reflect.TypeOf(old)
		if t == nil {
			r.shapes = append(r.shapes, &shape{name: name})
			continue
		}
		decode := decoder(t)
		r.shapes = append(r.shapes, &shape{name: name, stored: t, decode: func(data []byte) (any, error) {
			old, err := decode(data)
			if err != nil {
				return nil, err
			}
			lifter, ok := old.(domain.Lifter[E])
			if !ok {
				return nil, fmt.Errorf("the former shape is null")
			}
			return lifter.Lift(), nil
		}})
	}
	r.do = func(ctx context.Context, e *Engine, id string, command any, m Meta) (Outcome, error) {
		c, ok := command.(domain.Command[S, E])
		if !ok {
			return Outcome{}, fmt.Errorf("eventstore: %T is no command of the kind %s", command, k.Name)
		}
		return Do(ctx, e, k, id, c, m)
	}
	return r
}

// decoder reads JSON into values of one type. It reads into a value of its own
// and gives a copy, so that each event is one piece of memory, not two.
func decoder(t reflect.Type) func(data []byte) (any, error) {
	type room struct {
		value   reflect.Value
		pointer any // to it
	}
	rooms := sync.Pool{New: func() any {
		p := reflect.New(t)
		return &room{p.Elem(), p.Interface()}
	}}
	return func(data []byte) (any, error) {
		r := rooms.Get().(*room)
		r.value.SetZero()
		if err := json.Unmarshal(data, r.pointer); err != nil {
			return nil, err
		}
		event := r.value.Interface()
		rooms.Put(r)
		return event, nil
	}
}

// NewKinds makes the table. A kind or a name given twice, one type under two
// names, and an event that is no plain value are errors.
func NewKinds(kinds ...Registered) (*Kinds, error) {
	all := &Kinds{kinds: map[string]Registered{}, shapes: map[string]*shape{}, named: map[reflect.Type]string{}}
	for _, k := range kinds {
		if _, twice := all.kinds[k.name]; twice || k.name == "" {
			return nil, fmt.Errorf("eventstore: the kind %q is registered twice or has no name", k.name)
		}
		all.kinds[k.name] = k
		for _, s := range k.shapes {
			if _, twice := all.shapes[s.name]; twice {
				return nil, fmt.Errorf("eventstore: the event name %s is registered twice", s.name)
			}
			all.shapes[s.name] = s
			all.names = append(all.names, s.name)
			if s.decode == nil {
				return nil, fmt.Errorf("eventstore: %s is registered with nil, not with an event", s.name)
			}
			if s.event == nil {
				continue
			}
			if s.event.Kind() == reflect.Pointer {
				return nil, fmt.Errorf("eventstore: %s is the pointer %v: events are values", s.name, s.event)
			}
			if other, twice := all.named[s.event]; twice {
				return nil, fmt.Errorf("eventstore: %v is named both %s and %s", s.event, other, s.name)
			}
			all.named[s.event] = s.name
		}
	}
	slices.Sort(all.names)
	return all, nil
}

// Names gives every event name that was ever written, sorted.
func (k *Kinds) Names() []string { return slices.Clone(k.names) }

// Name gives the name on disk of an event.
func (k *Kinds) Name(event any) (string, bool) {
	name, ok := k.named[reflect.TypeOf(event)]
	return name, ok
}

// Has tells whether a kind of that name is registered.
func (k *Kinds) Has(kind string) bool {
	_, ok := k.kinds[kind]
	return ok
}
