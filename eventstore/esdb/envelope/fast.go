package envelope

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"parley/domain"
	"parley/eventstore"
)

// Each event's envelope is written once and read twice on its way, which the
// general codec made a sixth of an append. What Encode writes is written and read
// here by its known order; all else goes through the general codec.

// The fields in their order; those of an actor are within his.
const (
	beginParley      = `{"parley":1`
	beginCorrelation = `,"$correlationId":"`
	beginCausation   = `,"$causationId":"`
	beginCommand     = `,"command":"`
	beginActor       = `,"actor":{"id":`
	beginRole        = `,"role":`
	beginSubject     = `,"subject":`
	beginBodyHash    = `,"bodyHash":"`
	beginHappenedAt  = `,"happenedAt":"`
	beginRecordedAt  = `,"recordedAt":"`
	imported         = `,"imported":true`
)

// write is the envelope of a record.
func write(r *eventstore.Record) ([]byte, error) {
	b := make([]byte, 0, 448)
	b = append(b, beginParley...)
	b = appendID(b, beginCorrelation, r.Correlation)
	b = appendID(b, beginCausation, r.Causation)
	b = appendID(b, beginCommand, r.Command)
	var err error
	if r.Actor != (domain.Actor{}) {
		if b, err = appendText(append(b, beginActor...), r.Actor.ID); err != nil {
			return nil, err
		}
		if b, err = appendText(append(b, beginRole...), r.Actor.Role); err != nil {
			return nil, err
		}
		b = append(b, '}')
	}
	if r.Subject != "" {
		if b, err = appendText(append(b, beginSubject...), r.Subject); err != nil {
			return nil, err
		}
	}
	if r.BodyHash != nil {
		b = append(base64.StdEncoding.AppendEncode(append(b, beginBodyHash...), r.BodyHash), '"')
	}
	b = appendTime(b, beginHappenedAt, r.HappenedAt)
	if !r.RecordedAt.IsZero() {
		b = appendTime(b, beginRecordedAt, r.RecordedAt)
	}
	if r.Imported {
		b = append(b, imported...)
	}
	return append(b, '}'), nil
}

func appendID(b []byte, begin string, id uuid.UUID) []byte {
	if id == uuid.Nil {
		return b
	}
	return append(append(append(b, begin...), id.String()...), '"')
}

func appendTime(b []byte, begin string, t time.Time) []byte {
	return append(t.UTC().Truncate(time.Microsecond).AppendFormat(append(b, begin...), time.RFC3339Nano), '"')
}

// appendText writes a text as the general codec does.
func appendText(b []byte, text string) ([]byte, error) {
	if plain(text) {
		return append(append(append(b, '"'), text...), '"'), nil
	}
	quoted, err := json.Marshal(text)
	return append(b, quoted...), err
}

// plain tells whether a text stands in JSON as it is.
func plain[T string | []byte](text T) bool {
	for i := range len(text) {
		switch c := text[i]; {
		case c < ' ', c > '~', c == '"', c == '\\', c == '<', c == '>', c == '&':
			return false
		}
	}
	return true
}

// read fills a record from what write wrote; false for anything else, of which
// the record may then hold some.
func read(b []byte, r *eventstore.Record) bool {
	s := scanner{rest: b, ok: true}
	if !s.skip(beginParley) {
		return false
	}
	r.Correlation, r.Causation, r.Command = s.id(beginCorrelation), s.id(beginCausation), s.id(beginCommand)
	r.Actor = domain.Actor{}
	if s.skip(beginActor) {
		r.Actor.ID = s.quoted()
		s.must(beginRole)
		r.Actor.Role = s.quoted()
		s.must("}")
	}
	r.Subject, r.BodyHash = "", nil
	if s.skip(beginSubject) {
		r.Subject = s.quoted()
	}
	if s.skip(beginBodyHash) {
		text := s.upTo()
		hash := make([]byte, base64.StdEncoding.DecodedLen(len(text)))
		n, err := base64.StdEncoding.Decode(hash, text)
		s.ok = s.ok && err == nil
		r.BodyHash = hash[:n:n]
	}
	s.must(beginHappenedAt)
	r.HappenedAt = s.time()
	r.RecordedAt = time.Time{}
	if s.skip(beginRecordedAt) {
		r.RecordedAt = s.time()
	}
	r.Imported = s.skip(imported)
	s.must("}")
	return s.ok && len(s.rest) == 0
}

// scanner goes through an envelope. Once something is not as it should be,
// nothing is.
type scanner struct {
	rest []byte
	ok   bool
}

// skip goes past a text, if it comes next.
func (s *scanner) skip(text string) bool {
	if len(s.rest) < len(text) || string(s.rest[:len(text)]) != text {
		return false
	}
	s.rest = s.rest[len(text):]
	return true
}

func (s *scanner) must(text string) { s.ok = s.skip(text) && s.ok }

// upTo gives what stands before the next quotation mark, and goes past that.
func (s *scanner) upTo() []byte {
	n := bytes.IndexByte(s.rest, '"')
	if n < 0 || !plain(s.rest[:n]) {
		s.ok = false
		return nil
	}
	text := s.rest[:n]
	s.rest = s.rest[n+1:]
	return text
}

func (s *scanner) quoted() string {
	s.must(`"`)
	return string(s.upTo())
}

func (s *scanner) id(begin string) uuid.UUID {
	if !s.skip(begin) {
		return uuid.Nil
	}
	id, err := uuid.ParseBytes(s.upTo())
	s.ok = s.ok && err == nil
	return id
}

func (s *scanner) time() time.Time {
	t, err := time.Parse(time.RFC3339Nano, string(s.upTo()))
	s.ok = s.ok && err == nil
	return t.UTC()
}
