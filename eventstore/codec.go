package eventstore

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"

	"parley/domain"
)

// Codec stands between events and stored bytes: it encodes and decodes, lifts
// former shapes, and seals and opens personal text. Make it with its two
// fields and share the pointer; it may be used by many goroutines.
//
// Events are written by the standard library and read by a fast one: the fast
// one writes durations as text, ignores omitzero and lets broken UTF-8 pass,
// and what is stored must be what the golden files say. It reads all of it
// alike, and reading is what rebuilding views waits for.
type Codec struct {
	Kinds *Kinds
	Keys  Keys

	plans   plans
	ciphers ciphers
}

// Encode gives an event's name and its data, every domain.Personal in it
// sealed with the subject's key. The event itself is not changed. An erased
// subject is refused with ErrErased.
func (c *Codec) Encode(e any, subject string) (name string, data []byte, err error) {
	name, _, data, err = c.encode(e, subject)
	return name, data, err
}

// encode is Encode that gives the sealed event as well.
func (c *Codec) encode(e any, subject string) (name string, sealed any, data []byte, err error) {
	name, ok := c.Kinds.Name(e)
	if !ok {
		return "", nil, nil, fmt.Errorf("eventstore: %T has no name on disk: add it to its kind's Names", e)
	}
	sealed, err = c.plans.rewrite(e, func(p domain.Personal) (domain.Personal, error) { return c.Seal(subject, p) })
	if err != nil {
		if _, refused := errors.AsType[*domain.Error](err); refused {
			return "", nil, nil, err
		}
		return "", nil, nil, fmt.Errorf("eventstore: %s cannot be sealed: %w", name, err)
	}
	data, err = json.Marshal(sealed)
	if err != nil {
		return "", nil, nil, fmt.Errorf("eventstore: %s cannot be encoded: %w", name, err)
	}
	return name, sealed, data, nil
}

// once is an event that is decoded when it is asked for first.
type once struct {
	sync.Once
	event any
	err   error
}

// knownEvent is an event that need not be decoded: it is at hand as it is read.
func knownEvent(event any) *once {
	o := &once{event: event}
	o.Do(func() {})
	return o
}

// Decode gives the record's event as a value of today's type; a former shape
// is lifted. Personal text stays sealed. The event of a followed record may be
// shared with others who follow: its slices and maps are not to be changed.
func (c *Codec) Decode(r Record) (any, error) {
	if r.once == nil {
		return c.decode(r)
	}
	r.once.Do(func() { r.once.event, r.once.err = c.decode(r) })
	return r.once.event, r.once.err
}

func (c *Codec) decode(r Record) (any, error) {
	s, ok := c.Kinds.shapes[r.Name]
	if !ok {
		return nil, fmt.Errorf("eventstore: no kind knows the event name %q (%s)", r.Name, place(r))
	}
	e, err := s.decode(r.Data)
	if err != nil {
		return nil, fmt.Errorf("eventstore: %s does not decode (%s): %w", r.Name, place(r), err)
	}
	return e, nil
}

// Open is Decode with every personal text in the clear; it reads domain.Erased
// where the key is gone.
func (c *Codec) Open(r Record) (any, error) {
	e, err := c.Decode(r)
	if err != nil {
		return nil, err
	}
	e, err = c.plans.rewrite(e, func(p domain.Personal) (domain.Personal, error) { return c.unseal(r.Subject, p) })
	if err != nil {
		return nil, fmt.Errorf("eventstore: %s cannot be opened (%s): %w", r.Name, place(r), err)
	}
	return e, nil
}

// Sealed tells that a text in the record's data, where a JSON pointer (RFC 6901)
// leads, is sealed: its type declares it to be personal. Anybody may type what
// only looks so, and of what other programs wrote nothing is sealed.
func (c *Codec) Sealed(r Record, pointer, text string) bool {
	s, ok := c.Kinds.shapes[r.Name]
	return ok && strings.HasPrefix(text, sealed) && c.Kinds.Has(r.Kind()) && c.plans.of(s.stored).plan.at(strings.Split(pointer, "/")[1:])
}

// Fact gives the record as a fact, its personal text sealed.
func (c *Codec) Fact(r Record) (domain.Fact, error) {
	e, err := c.Decode(r)
	if err != nil {
		return domain.Fact{}, err
	}
	return fact(r, e), nil
}

// fact puts a record's envelope around its event.
func fact(r Record, event any) domain.Fact {
	return domain.Fact{Kind: r.Kind(), ID: r.StreamID(), Event: event, EventID: r.ID.String(),
		At: r.HappenedAt, Actor: r.Actor, Imported: r.Imported}
}

// shares tells that copies of this event share memory with it, or that it is not
// read as it is written.
func (c *Codec) shares(e any) bool {
	return c.plans.of(reflect.TypeOf(e)).shared && holds(reflect.ValueOf(e))
}

// copied gives an event that shares no memory with the one it is copied from:
// what JSON keeps of it, in the clear.
func (c *Codec) copied(e any) (any, error) {
	name, ok := c.Kinds.Name(e)
	if !ok || !c.shares(e) {
		return e, nil
	}
	data, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("eventstore: %s cannot be encoded: %w", name, err)
	}
	return c.Kinds.shapes[name].decode(data)
}

func place(r Record) string {
	return fmt.Sprintf("%s, revision %d, position %d, event %s", r.Stream, r.Revision, r.Position, r.ID)
}
