package esdb

import (
	"fmt"
	"strings"
	"time"

	client "github.com/EventStore/EventStore-Client-Go/v4/esdb"

	"parley/domain"
	"parley/eventstore"
	"parley/eventstore/esdb/envelope"
)

// record reads an event; false when it is not Parley's: other programs may
// keep theirs on the same server.
func (l *Log) record(e *client.RecordedEvent) (eventstore.Record, bool, error) {
	var r eventstore.Record
	if beside(e.StreamID) {
		return r, false, nil
	}
	ok, err := envelope.Decode(e.UserMetadata, &r)
	if err != nil {
		return r, false, &eventstore.DamageError{Where: fmt.Sprintf("the event %d of %s on %s", e.EventNumber, e.StreamID, l.server), What: err.Error()}
	}
	if !ok {
		return r, false, nil
	}
	r.ID, r.Stream, r.Name, r.Data = e.EventID, e.StreamID, e.EventType, e.Data
	r.Revision, r.Position = eventstore.Revision(e.EventNumber), eventstore.Position(e.Position.Commit)
	if r.RecordedAt.IsZero() {
		r.RecordedAt = e.CreatedDate.UTC().Truncate(time.Microsecond)
	}
	l.seenRecorded(r.RecordedAt)
	return r, true, nil
}

// beside tells whether a stream holds no records: the server's own, and marks.
func beside(stream string) bool {
	return strings.HasPrefix(stream, "$") || strings.HasPrefix(stream, ownPrefix)
}

func (l *Log) seenRecorded(t time.Time) {
	for n := t.UnixMicro(); ; {
		seen := l.recorded.Load()
		if n <= seen || l.recorded.CompareAndSwap(seen, n) {
			return
		}
	}
}

func (l *Log) seenAcked(p eventstore.Position) {
	for {
		seen := l.acked.Load()
		if uint64(p) <= seen || l.acked.CompareAndSwap(seen, uint64(p)) {
			return
		}
	}
}

// Takes refuses a record that could not be appended to a stream, whatever there is
// in it, as far as it can be told here.
func (l *Log) Takes(stream string, r eventstore.Record) error {
	_, err := l.events(stream, eventstore.None, []eventstore.Record{r})
	return err
}

// events prepares records for the server, and refuses what it cannot hold.
// When a record was recorded is the server's to say, unless it is a copy.
func (l *Log) events(stream string, expected eventstore.Revision, records []eventstore.Record) ([]client.EventData, error) {
	switch {
	case stream == "" || strings.IndexByte(stream, 0) >= 0:
		return nil, domain.Invalid("stream", "a stream's name has 1 byte or more, none of them zero")
	case beside(stream):
		return nil, domain.Invalid("stream", "a stream's name begins neither with $, which is EventStoreDB's, nor with ~, which is the marks'")
	case expected < eventstore.None:
		return nil, domain.Invalid("expected", "the expected revision is the stream's last one, or -1 for a new stream")
	case len(records) == 0:
		return nil, domain.Invalid("records", "an append has at least one record")
	}
	size := 0
	all := make([]client.EventData, len(records))
	for i := range records {
		r := records[i]
		if r.Name == "" || strings.HasPrefix(r.Name, "$") {
			return nil, domain.Invalid("name", "an event has a name, and it does not begin with $, which is EventStoreDB's")
		}
		if size += len(r.Data) + len(r.Name); size > eventstore.MaxAppend {
			return nil, eventstore.ErrTooLarge
		}
		r.Stream = stream
		if !r.RecordedAt.IsZero() {
			if seen := time.UnixMicro(l.recorded.Load()).UTC(); r.RecordedAt.Before(seen) {
				r.RecordedAt = seen
			}
		}
		metadata, err := envelope.Encode(&r)
		if err != nil {
			return nil, err
		}
		all[i] = client.EventData{EventID: r.ID, EventType: r.Name, ContentType: client.ContentTypeJson, Data: r.Data, Metadata: metadata}
	}
	return all, nil
}

// expectedOf is a revision in the client's words.
func expectedOf(r eventstore.Revision) client.ExpectedRevision {
	if r == eventstore.None {
		return client.NoStream{}
	}
	return client.Revision(uint64(r))
}
