package api

import (
	"context"
	"errors"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/samber/lo"

	"parley/domain"
	"parley/domain/contact"
	"parley/domain/visitor"
	"parley/eventstore"
)

// phones finds contacts by a phone number. It is a blind index: it holds HMACs
// under the store's secret, lives in memory alone and is made from the log,
// of which it reads what was recorded since it was used last.
type phones struct {
	mu      sync.Mutex
	seen    eventstore.Position
	byPhone map[string]map[string]bool // digest to contacts
	of      map[string][]string        // contact to digests
}

// e164 is an international phone number, with nothing in between.
var e164 = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)

// phoneNumber takes out what people write between the digits; false when no
// international number is left.
func phoneNumber(text string) (string, bool) {
	text = strings.NewReplacer(" ", "", "-", "", "(", "", ")", "", ".", "", "/", "").Replace(text)
	return text, e164.MatchString(text)
}

// contactOf finds the one contact who has the number: with none, or with two or
// more, nobody (NOT-5).
func (s *Server) contactOf(ctx context.Context, number string) (string, error) {
	p := &s.phones
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := s.learnPhones(ctx, p); err != nil {
		return "", err
	}
	digest, err := s.fingerprint("phones", number)
	if err != nil {
		return "", err
	}
	if found := lo.Keys(p.byPhone[digest]); len(found) == 1 {
		return found[0], nil
	}
	return "", nil
}

// learnPhones reads what was recorded of contacts since the index was used last.
func (s *Server) learnPhones(ctx context.Context, p *phones) error {
	if p.byPhone == nil {
		p.byPhone, p.of = map[string]map[string]bool{}, map[string][]string{}
	}
	q := eventstore.Query{After: p.seen, Names: []string{"contact.recorded", "contact.erased"}}
	for r, err := range s.engine.Log.Read(ctx, q) {
		if err != nil {
			return err
		}
		event, err := s.engine.Codec.Open(r)
		if err != nil {
			return err
		}
		id := r.StreamID()
		for _, digest := range p.of[id] {
			delete(p.byPhone[digest], id)
		}
		delete(p.of, id)
		if e, ok := event.(contact.Recorded); ok {
			if err := s.learnPhone(p, id, e.Details.Phones); err != nil {
				return err
			}
		}
		p.seen = r.Position
	}
	return nil
}

func (s *Server) learnPhone(p *phones, id string, all []domain.Personal) error {
	for _, one := range all {
		number, ok := phoneNumber(string(one))
		if !ok {
			continue
		}
		digest, err := s.fingerprint("phones", number)
		if err != nil {
			return err
		}
		if p.byPhone[digest] == nil {
			p.byPhone[digest] = map[string]bool{}
		}
		p.byPhone[digest][id] = true
		p.of[id] = append(p.of[id], digest)
	}
	return nil
}

// fromSender says who writes from an address: the stand-in of the sender, known
// again by an HMAC of the number, and the contact that has it.
func (s *Server) fromSender(ctx context.Context, b *beginning, text string) error {
	number, ok := phoneNumber(text)
	switch {
	case CallerOf(ctx).Role != domain.RoleService:
		return &domain.Error{Code: "forbidden", Field: "sender", Message: "only a service says from which number somebody writes"}
	case !ok:
		return domain.Refuse("invalid", "NOT-5", "give the number with its country, such as +4915112345678").On("sender")
	}
	var err error
	if b.visitor, err = s.senderOf(ctx, b.widget, number); err != nil {
		return err
	}
	if b.matched, err = s.contactOf(ctx, number); err != nil {
		return err
	}
	_, err = eventstore.Act(ctx, s.engine, &visitor.Kind, b.visitor, visitor.Arrive{ID: b.visitor, Widget: b.widget}, s.freshMeta(ctx, "arrive"))
	return err
}

// senderOf names the stand-in of a sender. Who writes again after he was erased
// is somebody new.
func (s *Server) senderOf(ctx context.Context, place, number string) (string, error) {
	for n := range maxTabs {
		digest, err := s.fingerprint("senders", place, number, strconv.Itoa(n))
		if err != nil {
			return "", err
		}
		id := "sender-" + digest
		v, _, err := eventstore.Load(ctx, s.engine, &visitor.Kind, id)
		if err != nil {
			return "", err
		}
		if v.ID == "" {
			return id, nil
		}
		if _, err = s.opts.Keys.Key("visitor-"+id, false); !errors.Is(err, eventstore.ErrNoKey) {
			return id, err
		}
	}
	return "", &domain.Error{Code: "contended"}
}
