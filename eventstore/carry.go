package eventstore

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"parley/domain"
)

// carryEvery is how many events a stream records before its whole state is
// recorded again, so that loading reads no more than about so many.
const carryEvery = 1000

// held is a stream's state as of a revision.
type held[S any] struct {
	value    S
	revision Revision
	position Position
	since    int // events since the state was last carried forward
	size     int // bytes of those events and of the carried state
}

// carries tells that a name is of the event that carries a kind's whole state,
// in any of its versions.
func carries(kind, name string) bool {
	rest, ok := strings.CutPrefix(name, kind+".carried_forward")
	return ok && (rest == "" || rest[0] == '.')
}

// apply moves the state on by one record.
func apply[S, E any](c *Codec, k *domain.Kind[S, E], h *held[S], r Record) error {
	e, err := c.Decode(r)
	if err != nil {
		return err
	}
	typed, ok := e.(E)
	if !ok {
		return fmt.Errorf("eventstore: %s is no event of the kind %s (%s)", r.Name, k.Name, place(r))
	}
	if next := h.revision + 1; r.Revision != next && (h.revision != None || !carries(k.Name, r.Name)) {
		return &DamageError{Where: place(r), What: fmt.Sprintf("revision %d was expected here", next)}
	}
	k.Apply(&h.value, typed)
	h.note(k.Name, r)
	return nil
}

// note counts a record the state has taken in.
func (h *held[S]) note(kind string, r Record) {
	h.revision, h.position = r.Revision, r.Position
	if carries(kind, r.Name) {
		h.since, h.size = 0, 256+len(r.Data)
		return
	}
	h.since++
	h.size += len(r.Data)
}

// load reads a state from the log, backwards to where it was last carried
// forward.
func load[S, E any](ctx context.Context, e *Engine, k *domain.Kind[S, E], stream string) (*held[S], error) {
	h := &held[S]{revision: None, size: 256}
	if k.Carry == nil {
		_, err := forward(ctx, e, k, stream, h)
		return h, err
	}
	var records []Record
	for r, err := range e.Log.Read(ctx, Query{Stream: stream, From: None, Backwards: true}) {
		if err != nil {
			return nil, store(err)
		}
		records = append(records, r)
		if carries(k.Name, r.Name) {
			break
		}
	}
	for _, r := range slices.Backward(records) {
		if err := apply(e.Codec, k, h, r); err != nil {
			return nil, err
		}
	}
	return h, nil
}

// lastKnower is a log that may know a stream's last acknowledged revision
// without reading; ok is false when it does not.
type lastKnower interface {
	Last(stream string) (last Revision, ok bool)
}

// forward takes in what was recorded since, and gives it.
func forward[S, E any](ctx context.Context, e *Engine, k *domain.Kind[S, E], stream string, h *held[S]) ([]Record, error) {
	if log, ok := e.Log.(lastKnower); ok {
		if last, ok := log.Last(stream); ok && last == h.revision {
			return nil, nil
		}
	}
	return readSince(ctx, e, k, stream, h)
}

// readSince reads what was recorded since. It stands apart for what it asks for in memory.
func readSince[S, E any](ctx context.Context, e *Engine, k *domain.Kind[S, E], stream string, h *held[S]) (taken []Record, err error) {
	for r, err := range e.Log.Read(ctx, Query{Stream: stream, From: h.revision + 1}) {
		if err != nil {
			return taken, store(err)
		}
		if err := apply(e.Codec, k, h, r); err != nil {
			return taken, err
		}
		taken = append(taken, r)
	}
	return taken, nil
}

// Load gives a stream's state now, and its revision; None and the zero state
// when nothing was recorded. The state shares no memory with any other.
func Load[S, E any](ctx context.Context, e *Engine, k *domain.Kind[S, E], id string) (S, Revision, error) {
	var zero S
	stream := k.Stream(id)
	if k.Carry == nil {
		h, err := load(ctx, e, k, stream)
		if err != nil {
			return zero, None, err
		}
		return h.value, h.revision, nil
	}
	en, err := e.states.acquire(ctx, stream)
	if err != nil {
		return zero, None, err
	}
	defer e.states.release(en)
	h := take[S](en)
	if h == nil {
		h, err = load(ctx, e, k, stream)
	} else {
		_, err = forward(ctx, e, k, stream, h)
	}
	if err != nil {
		return zero, None, err
	}
	if h.revision == None {
		return zero, None, nil
	}
	own := h.value
	if !e.cloners.clone(&own) {
		if own, err = carriedCopy(e.Codec, k, h.value); err != nil {
			return zero, None, err
		}
	}
	put(en, h)
	return own, h.revision, nil
}

// Look shows a stream's state now, and its revision, without copying it: None
// and the zero state when nothing was recorded. Whoever looks keeps nothing of
// the state that is shared (slices, maps), changes nothing and is quick: the
// stream's commands wait meanwhile.
func Look[S, E any](ctx context.Context, e *Engine, k *domain.Kind[S, E], id string, look func(S, Revision)) error {
	var none S
	stream := k.Stream(id)
	if k.Carry == nil {
		h, err := load(ctx, e, k, stream)
		if err == nil {
			look(h.value, h.revision)
		}
		return err
	}
	en, err := e.states.acquire(ctx, stream)
	if err != nil {
		return err
	}
	defer e.states.release(en)
	h := take[S](en)
	if h == nil {
		h, err = load(ctx, e, k, stream)
	} else {
		_, err = forward(ctx, e, k, stream, h)
	}
	switch {
	case err != nil:
		return err
	case h.revision == None:
		look(none, None)
		return nil
	}
	put(en, h) // before looking: a fault of the looker costs no state
	look(h.value, h.revision)
	return nil
}

// carriedCopy copies a state as the log would: by the event that carries it.
// It is slow, and for states that cannot be copied otherwise.
func carriedCopy[S, E any](c *Codec, k *domain.Kind[S, E], s S) (S, error) {
	var own S
	name, data, err := c.Encode(k.Carry(s), "")
	if err != nil {
		return own, err
	}
	e, err := c.Decode(Record{Name: name, Data: data})
	if err != nil {
		return own, err
	}
	typed, ok := e.(E)
	if !ok {
		return own, fmt.Errorf("eventstore: %s is no event of the kind %s", name, k.Name)
	}
	k.Apply(&own, typed)
	return own, nil
}
