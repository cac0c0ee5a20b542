package eventstore

import (
	"fmt"

	"parley/domain"
)

// decision is what a command decided, ready to be appended.
type decision struct {
	records []Record
	events  []any // as decided; nil where the state is carried forward
	read    []any // as they will be read: what the state takes in
	done    int   // so many of the first records the state has in it already
	mutated bool  // the state has taken in what is not yet recorded
}

// prepare encodes the decided events, each with the subject it has by the
// state before it. The state is moved on only where a later event's subject
// needs it; then mutated is set, and the state is of no use should the
// append fail. What the state takes in, and what those who follow are given, is
// the event as it will be read from its record: one that shares no memory is as
// good itself, sealed for those who follow; a state holds no personal text.
func prepare[S, E any](e *Engine, k *domain.Kind[S, E], id, stream string, h *held[S], events []E, m Meta) (decision, error) {
	var d decision
	size := 0
	stepwise := k.Subject != nil && len(events) > 1
	if stepwise { // an event may share memory with the state that is about to move
		own := make([]E, len(events))
		for i, event := range events {
			c, err := e.Codec.copied(event)
			if err != nil {
				return d, err
			}
			var ok bool
			if own[i], ok = c.(E); !ok {
				return d, fmt.Errorf("eventstore: %T is no event of the kind %s", c, k.Name)
			}
		}
		events = own
	}
	var carried *Record
	if k.Carry != nil && h.since >= carryEvery {
		name, data, err := e.Codec.Encode(k.Carry(h.value), "")
		if err != nil {
			return d, err
		}
		r := m.record(stream, name, data, "")
		r.ID = derive(m.Command.String(), stream, "carried")
		carried = &r
		size = len(name) + len(data)
	}
	for i, event := range events {
		subject := ""
		if k.Subject != nil {
			subject = k.Subject(id, h.value, event)
		}
		name, sealed, data, err := e.Codec.encode(event, subject)
		if err != nil {
			return d, err
		}
		r := m.record(stream, name, data, subject)
		r.ID = eventID(m.Command, stream, i)
		read := any(event)
		if e.Codec.shares(event) {
			if read, err = e.Codec.Decode(r); err != nil {
				return d, err
			}
		} else {
			r.once = knownEvent(sealed)
		}
		d.records, d.events, d.read = append(d.records, r), append(d.events, event), append(d.read, read)
		size += len(name) + len(data)
		if stepwise && i < len(events)-1 {
			typed, ok := read.(E)
			if !ok {
				return d, fmt.Errorf("eventstore: %s is no event of the kind %s", name, k.Name)
			}
			d.mutated = true
			k.Apply(&h.value, typed)
			d.done++
		}
	}
	if carried != nil && size <= MaxAppend {
		d.records = append([]Record{*carried}, d.records...)
		d.events, d.read = append([]any{nil}, d.events...), append([]any{nil}, d.read...)
		d.done++
	}
	return d, nil
}

// record makes the envelope.
func (m Meta) record(stream, name string, data []byte, subject string) Record {
	return Record{Stream: stream, Name: name, HappenedAt: m.At, Actor: m.Actor, Command: m.Command, BodyHash: m.BodyHash,
		Correlation: m.Correlation, Causation: m.Causation, Subject: subject, Imported: m.Imported, Data: data}
}

// applied moves the state on to what was written, and tells whether it could.
func applied[S, E any](k *domain.Kind[S, E], h *held[S], d decision, written []Record) bool {
	if len(written) != len(d.records) {
		return false
	}
	for i, r := range written {
		if i >= d.done {
			typed, ok := d.read[i].(E)
			if !ok {
				return false
			}
			k.Apply(&h.value, typed)
		}
		h.note(k.Name, r)
	}
	return true
}

// outcome tells what was written. Events that share memory are read anew, so
// that they share none with the state or the command.
func (d *decision) outcome(e *Engine, written []Record) (Outcome, error) {
	last := written[len(written)-1]
	out := Outcome{Stream: last.Stream, Position: last.Position, Revision: last.Revision}
	for i, r := range written {
		event := d.events[i]
		if event == nil {
			continue
		}
		if e.Codec.shares(event) {
			var err error
			if event, err = e.Codec.Open(r); err != nil {
				return Outcome{}, err
			}
		}
		out.Records, out.Events = append(out.Records, r), append(out.Events, event)
	}
	return out, nil
}
