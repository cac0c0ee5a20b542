package api

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/samber/lo"

	"parley/domain"
	"parley/domain/contact"
	"parley/eventstore"
	"parley/projections"
)

// Lengths of what is known of a person, in characters.
const (
	maxEmail    = 320
	maxPhone    = 64
	maxLocation = 1000
)

// PutContact makes a contact known, or gives his details anew.
func (s *Server) PutContact(ctx context.Context, r PutContactRequestObject) (PutContactResponseObject, error) {
	details, err := storedDetails(*r.Body)
	if err != nil {
		return nil, err
	}
	account := lo.FromPtr(r.Body.Account)
	if account != "" && !domain.ValidID(account) {
		return nil, domain.Invalid("account", "give an account's id")
	}
	digest, err := s.digest(details, account)
	if err != nil {
		return nil, err
	}
	c, at, err := change(ctx, s, &contact.Kind, r.Contact, contact.Record{ID: r.Contact, Details: details, Account: account, Digest: digest})
	if err != nil {
		return nil, err
	}
	answer, err := s.shownContact(ctx, c, at)
	return PutContact200JSONResponse(answer), err
}

// storedDetails are the details as the domain has them.
func storedDetails(b ContactDetails) (contact.Details, error) {
	d := contact.Details{
		Name: personal(b.Name), Email: personal(b.Email), Location: personal(b.Location),
		Phones: lo.Map(lo.FromPtr(b.Phones), func(p string, _ int) domain.Personal { return domain.Personal(p) }),
	}
	tooLong := func(p domain.Personal, most int) bool { return len([]rune(string(p))) > most }
	switch {
	case tooLong(d.Email, maxEmail):
		return d, domain.Invalid("email", "an e-mail address has 320 characters at most")
	case tooLong(d.Location, maxLocation):
		return d, domain.Invalid("location", "a location has 1,000 characters at most")
	case lo.SomeBy(d.Phones, func(p domain.Personal) bool { return tooLong(p, maxPhone) }):
		return d, domain.Invalid("phones", "a phone number has 64 characters at most")
	}
	return d, nil
}

func personal(text *string) domain.Personal { return domain.Personal(lo.FromPtr(text)) }

// digest is an HMAC of details, by which the same details are known again
// without being kept.
func (s *Server) digest(d contact.Details, account string) (string, error) {
	secret, err := s.opts.Keys.Secret("digests")
	if err != nil {
		return "", err
	}
	text, err := json.Marshal(struct {
		Details contact.Details
		Account string
	}{d, account})
	if err != nil {
		return "", fmt.Errorf("api: the digest of a contact: %w", err)
	}
	mac := hmac.New(sha256.New, secret)
	mac.Write(text)
	return hex.EncodeToString(mac.Sum(nil)), nil
}

// GetContact tells who a person is.
func (s *Server) GetContact(ctx context.Context, r GetContactRequestObject) (GetContactResponseObject, error) {
	c, at, err := stateNow(ctx, s, &contact.Kind, r.Contact, r.Params.After)
	switch {
	case err != nil:
		return nil, err
	case c.ID == "":
		return nil, contact.ErrUnknown
	}
	answer, err := s.shownContact(ctx, c, at)
	return GetContact200JSONResponse(answer), err
}

// shownContact is a contact as the API shows it. The state holds nothing
// personal, so the details are read from the event that gave them last.
func (s *Server) shownContact(ctx context.Context, c contact.Contact, at Position) (Contact, error) {
	shown := Contact{Id: c.ID, Erased: c.Erased, Account: some(c.Account), Position: &at}
	e, _, err := lastOf[contact.Recorded](ctx, s, contact.Kind.Stream(c.ID), "contact.recorded")
	if err != nil {
		return shown, err
	}
	fillContact(&shown, e.Details.Name, e.Details.Email, e.Details.Location, e.Details.Phones)
	return shown, nil
}

func fillContact(c *Contact, name, email, location domain.Personal, phones []domain.Personal) {
	c.Name, c.Email, c.Location = some(string(name)), some(string(email)), some(string(location))
	if len(phones) > 0 {
		c.Phones = lo.ToPtr(lo.Map(phones, func(p domain.Personal, _ int) string { return string(p) }))
	}
}

// lastOf reads the last event of a name in a stream, in the clear; the zero
// event when there is none.
func lastOf[E any](ctx context.Context, s *Server, stream, name string) (e E, r eventstore.Record, err error) {
	for r, err := range s.engine.Log.Read(ctx, eventstore.Query{
		Stream: stream, From: eventstore.None, Backwards: true, Names: []string{name}, Limit: 1,
	}) {
		if err != nil {
			return e, r, err
		}
		event, err := s.engine.Codec.Open(r)
		if err != nil {
			return e, r, err
		}
		e, ok := event.(E)
		if !ok {
			return e, r, fmt.Errorf("api: %s is a %T", name, event)
		}
		return e, r, nil
	}
	return e, r, nil
}

// ListContacts lists the stored customers, by id.
func (s *Server) ListContacts(ctx context.Context, r ListContactsRequestObject) (ListContactsResponseObject, error) {
	after, err := s.after(r.Params.After)
	if err != nil {
		return nil, err
	}
	page, err := pageOf(r.Params.Cursor, r.Params.Limit)
	if err != nil {
		return nil, err
	}
	rows, next, at, err := s.opts.Views.Contacts(ctx, page, after)
	if err != nil {
		return nil, err
	}
	return ListContacts200JSONResponse{Position: s.at(ctx, at), Next: some(next), Contacts: lo.Map(rows, func(c projections.ContactRow, _ int) Contact {
		shown := Contact{Id: c.ID, Erased: c.Erased, Account: some(c.Account)}
		fillContact(&shown, c.Name, c.Email, c.Location, c.Phones)
		return shown
	})}, nil
}

// NoteContact adds a quick note on a contact.
func (s *Server) NoteContact(ctx context.Context, r NoteContactRequestObject) (NoteContactResponseObject, error) {
	id, err := s.ownID(ctx, r.Body.Id, "note")
	if err != nil {
		return nil, err
	}
	note := contact.Note{ID: id, Text: domain.Personal(r.Body.Text), By: CallerOf(ctx).Actor}
	out, err := eventstore.Act(ctx, s.engine, &contact.Kind, r.Contact, note, s.meta(ctx))
	if err != nil {
		return nil, err
	}
	return NoteContact201JSONResponse{Id: id, Position: s.at(ctx, out.Position)}, nil
}

// AddContactActivity records a call, an e-mail or a task.
func (s *Server) AddContactActivity(ctx context.Context, r AddContactActivityRequestObject) (AddContactActivityResponseObject, error) {
	id, err := s.ownID(ctx, r.Body.Id, "activity")
	if err != nil {
		return nil, err
	}
	out, err := eventstore.Act(ctx, s.engine, &contact.Kind, r.Contact, contact.AddActivity{
		ID: id, Form: r.Body.Form, Title: domain.Personal(r.Body.Title), Text: personal(r.Body.Text), By: CallerOf(ctx).Actor,
	}, s.meta(ctx))
	if err != nil {
		return nil, err
	}
	return AddContactActivity201JSONResponse{Id: id, Position: s.at(ctx, out.Position)}, nil
}
