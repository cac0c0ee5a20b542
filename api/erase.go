package api

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"slices"

	"parley/domain/contact"
	"parley/domain/conversation"
	"parley/domain/visitor"
	"parley/eventstore"
)

// EraseContact makes a person's data unreadable for good (AUD-4). The record
// comes first, so that nobody writes under the keys any more; the keys of the
// contact and of every visitor ever found to be him follow. A request that
// breaks off in between is repeated, and goes on.
func (s *Server) EraseContact(ctx context.Context, r EraseContactRequestObject) (EraseContactResponseObject, error) {
	e := eraser{s.engine, s.opts.Keys}
	out, err := eventstore.Act(ctx, s.engine, &contact.Kind, r.Contact, contact.Erase{}, s.meta(ctx))
	if errors.Is(err, contact.ErrUnknown) { // a token of his site proves who somebody is, and nobody need have recorded it
		named, failed := e.named(ctx, r.Contact)
		if failed != nil {
			return nil, failed
		}
		if named {
			out, err = eventstore.Act(ctx, s.engine, &contact.Kind, r.Contact, contact.Erase{ID: r.Contact}, s.meta(ctx))
		}
	}
	if err != nil {
		return nil, err
	}
	ctx = context.WithoutCancel(ctx) // who leaves does not leave it half done
	visitors, err := e.contact(ctx, r.Contact)
	if err != nil {
		return nil, err
	}
	return EraseContact200JSONResponse{Contact: r.Contact, Visitors: visitors, Position: s.at(ctx, out.Position)}, nil
}

// eraser destroys keys.
type eraser struct {
	engine *eventstore.Engine
	keys   eventstore.Keys
}

// Erasing is the reactor that sees every erasure through: one whose request
// broke off is done, and a visitor who is found to be an erased contact only
// afterwards is erased as well.
func Erasing(engine *eventstore.Engine, keys eventstore.Keys) eventstore.ReactorOptions {
	e := eraser{engine, keys}
	return eventstore.ReactorOptions{Name: "erasure", Names: append([]string{"contact.erased"}, linking...), Work: e.follow}
}

// follow does what an event asks for; again is harmless.
func (e eraser) follow(ctx context.Context, r eventstore.Record) error {
	event, err := e.engine.Codec.Decode(r)
	if err != nil {
		return err
	}
	if gone, ok := event.(contact.Erased); ok {
		_, err := e.contact(ctx, gone.Contact)
		return err
	}
	who, whose := link(event)
	if who == "" || whose == "" {
		return nil
	}
	c, _, err := eventstore.Load(ctx, e.engine, &contact.Kind, whose)
	if err != nil || !c.Erased {
		return err
	}
	return e.destroy(visitor.Kind.Stream(who))
}

// contact destroys the keys of a contact and of every visitor ever found to be
// him, and tells how many those are.
func (e eraser) contact(ctx context.Context, id string) (visitors int, err error) {
	found, err := e.visitorsOf(ctx, id)
	if err != nil {
		return 0, err
	}
	for _, v := range found {
		if err := e.destroy(visitor.Kind.Stream(v)); err != nil {
			return 0, err
		}
	}
	return len(found), e.destroy(contact.Kind.Stream(id))
}

func (e eraser) destroy(subject string) error {
	if err := e.keys.Destroy(subject); err != nil {
		return err
	}
	e.engine.Codec.Forget(subject)
	return nil
}

// linking are the names of all events by which a visitor was ever found to be
// a contact, whether that link still stands or not.
var linking = []string{"visitor.identified", "conversation.contact_linked", "conversation.started"}

// visitorsOf reads from the log which visitors were ever found to be a
// contact: no view keeps links that were taken away again.
func (e eraser) visitorsOf(ctx context.Context, id string) ([]string, error) {
	var found []string
	for who, err := range e.links(ctx, id) {
		if err != nil {
			return nil, err
		}
		if who != "" {
			found = append(found, who)
		}
	}
	slices.Sort(found)
	return slices.Compact(found), nil
}

// named tells that somebody was ever found to be a contact.
func (e eraser) named(ctx context.Context, id string) (bool, error) {
	for _, err := range e.links(ctx, id) {
		return err == nil, err
	}
	return false, nil
}

// links reads all links to a contact: the visitors', empty where there is none, as
// when a service writes for the customer.
func (e eraser) links(ctx context.Context, id string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		quoted := []byte(`"` + id + `"`)
		for r, err := range e.engine.Log.Read(ctx, eventstore.Query{Names: linking}) {
			if err != nil {
				yield("", err)
				return
			}
			if !bytes.Contains(r.Data, quoted) && bytes.IndexByte(r.Data, '\\') < 0 { // another program may write an id in escapes
				continue
			}
			event, err := e.engine.Codec.Decode(r)
			if err != nil {
				yield("", err)
				return
			}
			if who, whose := link(event); whose == id && !yield(who, nil) {
				return
			}
		}
	}
}

// link gives the visitor, and the contact that an event says he is.
func link(event any) (who, whose string) {
	switch e := event.(type) {
	case visitor.Identified:
		return e.Visitor, e.Contact
	case conversation.ContactLinked:
		return e.Visitor, e.Contact
	case conversation.Started:
		return e.Visitor, e.Contact
	}
	return "", ""
}

// Unerased names the subjects of erased people whose keys are there all the
// same, though the log says that their erasure was seen through: keys that were
// brought back from before it.
func Unerased(ctx context.Context, log eventstore.Log, codec *eventstore.Codec, keys eventstore.Keys) ([]string, error) {
	info, err := log.Info(ctx)
	if err != nil {
		return nil, err
	}
	cursor, err := log.Mark(ctx, "reactor-erasure", nil)
	if err != nil || cursor.Revision == 0 {
		return nil, err
	}
	until, err := eventstore.ParsePosition(info.Store, string(cursor.Value))
	if err != nil || until == 0 {
		return nil, err
	}
	gone, subjects := map[string]bool{}, []string{}
	for _, names := range [][]string{{"contact.erased"}, linking} {
		for r, err := range log.Read(ctx, eventstore.Query{Names: names, Until: until}) {
			if err != nil {
				return nil, err
			}
			event, err := codec.Decode(r)
			if err != nil {
				return nil, err
			}
			if e, ok := event.(contact.Erased); ok {
				gone[e.Contact] = true
				subjects = append(subjects, contact.Kind.Stream(e.Contact))
			} else if who, whose := link(event); who != "" && gone[whose] {
				subjects = append(subjects, visitor.Kind.Stream(who))
			}
		}
		if len(gone) == 0 {
			return nil, nil
		}
	}
	slices.Sort(subjects)
	var kept []string
	for _, subject := range slices.Compact(subjects) {
		switch _, err := keys.Key(subject, false); {
		case err == nil:
			kept = append(kept, subject)
		case !errors.Is(err, eventstore.ErrNoKey):
			return nil, err
		}
	}
	return kept, nil
}
