// Package envelope says how a record's envelope travels through EventStoreDB,
// which has no fields for most of it: as JSON in the event's own metadata,
// beside the two ids that EventStoreDB's tools know by name. The adapter and
// the node both use it, so that they cannot drift apart.
package envelope

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"parley/domain"
	"parley/eventstore"
)

// MarkStream begins the name of the stream that holds a mark, and StoreStream
// holds the log's name. The tilde keeps them apart from every kind of stream.
const (
	MarkStream  = "~parley-mark-"
	StoreStream = "~parley-store"
)

// version marks metadata as Parley's, and says which.
const version = 1

// fields are the metadata of one event. Empty ones are left out. Stream,
// revision, position, name, id and data are EventStoreDB's own.
type fields struct {
	Parley      int           `json:"parley"`
	Correlation string        `json:"$correlationId,omitempty"`
	Causation   string        `json:"$causationId,omitempty"`
	Command     string        `json:"command,omitempty"`
	Actor       *domain.Actor `json:"actor,omitempty"`
	Subject     string        `json:"subject,omitempty"`
	BodyHash    *string       `json:"bodyHash,omitempty"`
	HappenedAt  string        `json:"happenedAt"`
	RecordedAt  string        `json:"recordedAt,omitempty"` // only of copies: else the server's own time says it
	Imported    bool          `json:"imported,omitempty"`
}

// Encode gives the metadata of a record. RecordedAt is left out when it is
// zero: then the server's own time says when it was recorded.
func Encode(r *eventstore.Record) ([]byte, error) {
	for _, text := range []string{r.Stream, r.Name, r.Actor.ID, r.Actor.Role, r.Subject} {
		if !utf8.ValidString(text) {
			return nil, domain.Invalid("record", fmt.Sprintf("%q is no UTF-8: names, actors and subjects must be", text))
		}
	}
	return write(r)
}

// Decode fills a record from its metadata. It is false for metadata that are
// not Parley's; an error tells of some that say they are and cannot be read.
func Decode(metadata []byte, r *eventstore.Record) (bool, error) {
	if read(metadata, r) {
		return true, nil
	}
	if !bytes.Contains(metadata, []byte(`"parley"`)) {
		return false, nil
	}
	var f fields
	if err := json.Unmarshal(metadata, &f); err != nil || f.Parley == 0 {
		return false, nil
	}
	if f.Parley != version {
		return false, fmt.Errorf("its envelope is of version %d, this program knows %d", f.Parley, version)
	}
	if err := f.fill(r); err != nil {
		return false, fmt.Errorf("its envelope cannot be read: %w", err)
	}
	return true, nil
}

// fill writes the fields into a record.
func (f *fields) fill(r *eventstore.Record) error {
	d := decoder{}
	r.Correlation, r.Causation, r.Command = d.id(f.Correlation), d.id(f.Causation), d.id(f.Command)
	r.HappenedAt, r.RecordedAt = d.time(f.HappenedAt), d.time(f.RecordedAt)
	r.Subject, r.Imported = f.Subject, f.Imported
	r.Actor, r.BodyHash = domain.Actor{}, nil
	if f.Actor != nil {
		r.Actor = *f.Actor
	}
	if f.BodyHash != nil {
		hash, err := base64.StdEncoding.DecodeString(*f.BodyHash)
		d.fail(err)
		r.BodyHash = append(make([]byte, 0, len(hash)), hash...)
	}
	return d.err
}

// Own tells whether metadata are exactly what Encode would write for them, and
// fills the record: only then can they be written again from its fields.
func Own(metadata []byte, r *eventstore.Record) bool {
	ok, err := Decode(metadata, r)
	if !ok || err != nil {
		return false
	}
	again, err := Encode(r)
	return err == nil && bytes.Equal(again, metadata)
}

// decoder keeps the first mistake.
type decoder struct{ err error }

func (d *decoder) fail(err error) {
	if d.err == nil {
		d.err = err
	}
}

func (d *decoder) id(text string) uuid.UUID {
	if text == "" {
		return uuid.Nil
	}
	id, err := uuid.Parse(text)
	d.fail(err)
	return id
}

func (d *decoder) time(text string) time.Time {
	if text == "" {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	d.fail(err)
	return t.UTC()
}
