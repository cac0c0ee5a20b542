package api

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"hash"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/google/uuid"

	"parley/domain"
	"parley/eventstore"
)

// positionHeader carries the position an answer wrote or shows (API-2).
const positionHeader = "Parley-Position"

// call is what the request says beyond its parameters. The generated server
// loses echo's context, so it travels in the request's.
type call struct {
	caller      Caller
	operation   operation
	correlation uuid.UUID   // the request's id
	key         string      // Idempotency-Key; empty without one
	bodyHash    []byte      // HMAC of method, path and body; nil for queries
	body        []byte      // as it came, so that it can be read anew
	ifMatch     string      // If-Match; empty without one
	header      http.Header // the answer's
	read        bool        // the body, to its end
}

type callKey struct{}

// callOf finds the call; outside of one it is empty, never nil.
func callOf(ctx context.Context) *call {
	if c, ok := ctx.Value(callKey{}).(*call); ok {
		return c
	}
	return &call{header: http.Header{}}
}

// meta is what the engine wants to know of a command: who, by which command
// id, of which request. The same caller with the same Idempotency-Key makes
// the same command id; without a key the engine takes a fresh one.
func (s *Server) meta(ctx context.Context) eventstore.Meta {
	c := callOf(ctx)
	m := eventstore.Meta{Actor: c.caller.Actor, BodyHash: c.bodyHash, Correlation: c.correlation}
	if c.key != "" {
		m.Command = commandID(c.caller.Actor, c.key)
	}
	return m
}

// commandID derives the command's id; the role is part of the caller's name,
// since an agent and a visitor may share an id.
func commandID(a domain.Actor, key string) uuid.UUID {
	return domain.DeriveBytes(a.Role, a.ID, key)
}

// idempotencyKey reads the key of a command: 1 to 255 visible ASCII characters.
func idempotencyKey(h http.Header) (string, error) {
	values := h.Values("Idempotency-Key")
	if len(values) == 0 {
		return "", nil
	}
	key := values[0]
	ok := len(values) == 1 && len(key) >= 1 && len(key) <= 255
	for i := 0; ok && i < len(key); i++ {
		ok = key[i] > ' ' && key[i] < 0x7f
	}
	if !ok {
		return "", &domain.Error{Code: "idempotency_key_invalid", Field: "Idempotency-Key"}
	}
	return key, nil
}

// bodyHasher makes the HMACs by which a reused key with another body is found,
// without keeping the body.
type bodyHasher struct{ free sync.Pool } // of hash.Hash

func newBodyHasher(secret []byte) *bodyHasher {
	return &bodyHasher{sync.Pool{New: func() any { return hmac.New(sha256.New, secret) }}}
}

func (b *bodyHasher) hash(method, path string, body []byte) []byte {
	h := b.free.Get().(hash.Hash)
	defer b.free.Put(h)
	h.Reset()
	h.Write([]byte(method + "\n" + path + "\n"))
	h.Write(body)
	return h.Sum(nil)
}

// at tells the position that the answer wrote or shows, in the header, and
// gives its text for the answer's own field.
func (s *Server) at(ctx context.Context, p eventstore.Position) Position {
	text := p.Text(s.store)
	callOf(ctx).header.Set(positionHeader, text)
	return text
}

// after reads the position that a query wants its view to have reached; zero
// without one.
func (s *Server) after(text *Position) (eventstore.Position, error) {
	if text == nil || *text == "" {
		return 0, nil
	}
	p, err := eventstore.ParsePosition(s.store, *text)
	if refused, ok := err.(*domain.Error); ok {
		return 0, refused.On("after")
	}
	return p, err
}

// etag tells the version of what the answer shows.
func (s *Server) etag(ctx context.Context, r eventstore.Revision) {
	callOf(ctx).header.Set("ETag", `"`+strconv.FormatInt(int64(r), 10)+`"`)
}

// match reads If-Match as the revision that the caller has seen. ok is false
// when the caller does not ask for one.
func (s *Server) match(ctx context.Context) (r eventstore.Revision, ok bool, err error) {
	text := callOf(ctx).ifMatch
	if text == "" || text == "*" {
		return 0, false, nil
	}
	n, err := strconv.ParseInt(strings.Trim(strings.TrimPrefix(text, "W/"), `"`), 10, 64)
	if err != nil || n < 0 {
		return 0, false, domain.Invalid("If-Match", "give the ETag of what you read, as it was")
	}
	return eventstore.Revision(n), true, nil
}

// unchanged refuses a command whose caller has seen another revision than
// there is.
func (s *Server) unchanged(ctx context.Context, now eventstore.Revision) error {
	seen, ok, err := s.match(ctx)
	if err != nil || !ok || seen == now {
		return err
	}
	return &domain.Error{Code: "changed", Field: "If-Match"}
}
