package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2/vfs"

	"parley/api"
	"parley/domain"
	"parley/domain/contact"
	"parley/domain/visitor"
	"parley/eventstore"
)

// erasure is a person who is to be erased, and the keys there were.
type erasure struct {
	contact, visitor string
	keys             [][]byte
	acked            bool // it was answered that it is done
}

func (e *erasure) subjects() []string {
	return []string{contact.Kind.Stream(e.contact), visitor.Kind.Stream(e.visitor)}
}

// erase makes a person known, finds out that a visitor is he, and erases both,
// as the API does. It may crash between any two of these.
func (a *asker) erase(ctx context.Context) error {
	id := randomID(a.random).String()
	e := &erasure{contact: "e" + id, visitor: "x" + id}
	for _, step := range []domain.Intent{
		{Kind: "visitor", ID: e.visitor, Command: visitor.Arrive{ID: e.visitor, Widget: "shop", Device: visitor.Device{Browser: nameOf(id)}}},
		{Kind: "contact", ID: e.contact, Command: contact.Record{ID: e.contact, Details: contact.Details{Name: nameOf(id)}}},
		{Kind: "visitor", ID: e.visitor, Command: visitor.Identify{Contact: e.contact}},
	} {
		if err := a.send(ctx, step.Kind, step.ID, step.Command); err != nil {
			return err
		}
	}
	for _, subject := range e.subjects() {
		key, err := a.life.keys.Key(subject, false)
		if err != nil {
			return fmt.Errorf("%s has no key: %w", subject, err)
		}
		e.keys = append(e.keys, key)
	}
	w := a.campaign.witness
	w.note(func() { a.campaign.erasures = append(a.campaign.erasures, e) })
	out, err := a.campaign.do(ctx, a.life, a.random, "contact", e.contact, contact.Erase{})
	if err != nil {
		return err
	}
	if a.campaign.careless {
		w.note(func() { e.acked = true })
		return nil
	}
	erasing := api.Erasing(a.life.engine, a.life.keys)
	for _, r := range out.Records {
		if err := erasing.Work(ctx, r); err != nil {
			return err
		}
	}
	w.note(func() { e.acked = true })
	return nil
}

// nameOf is what is personal of somebody.
func nameOf(id string) domain.Personal { return domain.Personal("the name of " + id) }

// note changes what is known, unless the machine has stopped: then nobody was
// told.
func (w *witness) note(change func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.ended {
		change()
	}
}

// goneFromDisk looks in the key file, before anybody opens it, for the keys of
// those whose erasure was answered, and on the whole disk for what is personal.
func (c *campaign) goneFromDisk(disk *vfs.MemFS) error {
	text := func(path string) ([]byte, error) {
		f, err := disk.Open(path)
		if err != nil {
			return nil, err
		}
		info, err := f.Stat()
		if err != nil {
			return nil, err
		}
		b := make([]byte, info.Size())
		if len(b) > 0 {
			_, err = f.ReadAt(b, 0)
		}
		return b, errors.Join(err, f.Close())
	}
	for _, folder := range []string{"data/keys", "data/log/pebble"} {
		names, err := disk.List(folder)
		if err != nil {
			continue // nothing was made yet
		}
		for _, name := range names {
			b, err := text(disk.PathJoin(folder, name))
			if err != nil {
				return err
			}
			for _, e := range c.erasures {
				if bytes.Contains(b, []byte(nameOf(e.contact[1:]))) {
					return fmt.Errorf("%s/%s holds a name in the clear", folder, name)
				}
				for _, key := range e.keys {
					if e.acked && bytes.Contains(b, key) {
						return fmt.Errorf("%s/%s holds a key of %s, whose erasure was answered", folder, name, e.contact)
					}
				}
			}
		}
	}
	return nil
}

// erased looks at everybody: whose erasure was answered is not readable, from
// the first moment on; at rest nobody is of whom the log says so, and everybody
// else is.
func (c *campaign) erased(ctx context.Context, l *life, rested bool) error {
	for _, e := range c.erasures {
		state, _, err := eventstore.Load(ctx, l.engine, &contact.Kind, e.contact)
		if err != nil {
			return err
		}
		if e.acked && !state.Erased {
			return fmt.Errorf("the erasure of %s was answered and is not on record", e.contact)
		}
		for _, subject := range e.subjects() {
			_, err := l.keys.Key(subject, false)
			there := err == nil
			switch {
			case err != nil && !errors.Is(err, eventstore.ErrNoKey):
				return err
			case there && (e.acked || rested && state.Erased):
				return fmt.Errorf("%s was erased (answered: %v) and has a key", subject, e.acked)
			case !there && !state.Erased:
				return fmt.Errorf("%s was not erased and has no key", subject)
			}
			if err := c.reads(ctx, l, subject, there, nameOf(e.contact[1:])); err != nil {
				return err
			}
		}
	}
	return nil
}

// reads looks whether the first event of somebody tells the name, or that it
// was erased.
func (c *campaign) reads(ctx context.Context, l *life, stream string, readable bool, name domain.Personal) error {
	for r, err := range l.log.Read(ctx, eventstore.Query{Stream: stream, Limit: 1}) {
		if err != nil {
			return err
		}
		event, err := l.engine.Codec.Open(r)
		if err != nil {
			return err
		}
		want := domain.Erased
		if readable {
			want = name
		}
		switch e := event.(type) {
		case contact.Recorded:
			if e.Details.Name != want {
				return fmt.Errorf("%s is called %q instead of %q", stream, e.Details.Name, want)
			}
		case visitor.Arrived:
			if e.Device.Browser != want {
				return fmt.Errorf("%s has %q instead of %q", stream, e.Device.Browser, want)
			}
		}
	}
	return nil
}
