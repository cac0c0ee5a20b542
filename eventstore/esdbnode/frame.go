package esdbnode

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/EventStore/EventStore-Client-Go/v4/protos/shared"
	"github.com/EventStore/EventStore-Client-Go/v4/protos/streams"

	"parley/eventstore"
	"parley/eventstore/esdb/envelope"
)

const (
	contentJSON   = "application/json"
	contentBinary = "application/octet-stream"
	typeDeleted   = "$streamDeleted"
	typeMetadata  = "$metadata"
)

// frameMark begins the data of an event whose metadata or content type the
// log has no field for: they are kept before the data, byte for byte. No JSON
// begins like this; what does is framed as well.
const frameMark = "\x00parley-frame\x01"

// frame keeps what the record cannot.
func frame(contentType string, metadata, data []byte) []byte {
	b := make([]byte, 0, len(frameMark)+2*binary.MaxVarintLen64+len(contentType)+len(metadata)+len(data))
	b = append(b, frameMark...)
	b = binary.AppendUvarint(b, uint64(len(contentType)))
	b = append(b, contentType...)
	b = binary.AppendUvarint(b, uint64(len(metadata)))
	b = append(b, metadata...)
	return append(b, data...)
}

// unframe gives back what frame kept.
func unframe(b []byte) (contentType string, metadata, data []byte, err error) {
	rest := b[len(frameMark):]
	next := func() []byte {
		n, used := binary.Uvarint(rest)
		if used <= 0 || n > uint64(len(rest)-used) {
			err, rest = fmt.Errorf("the frame of a foreign event reaches beyond its end"), nil
			return nil
		}
		part := rest[used : used+int(n)]
		rest = rest[used+int(n):]
		return part
	}
	contentType, metadata = string(next()), next()
	return contentType, metadata, rest, err
}

// proposed is an event that a caller wants appended, by whichever call.
type proposed interface {
	GetId() *shared.UUID
	GetMetadata() map[string]string
	GetCustomMetadata() []byte
	GetData() []byte
}

// toRecord reads one proposed event.
func toRecord(stream string, m proposed) (eventstore.Record, error) {
	id, err := readID(m.GetId())
	if err != nil {
		return eventstore.Record{}, invalid("an event's id is no UUID: %v", err)
	}
	name, ok := m.GetMetadata()["type"]
	if !ok || name == "" {
		return eventstore.Record{}, missing("type")
	}
	contentType, ok := m.GetMetadata()["content-type"]
	if !ok {
		return eventstore.Record{}, missing("content-type")
	}
	if name == typeDeleted {
		return eventstore.Record{}, invalid("%s is written by tombstoning a stream", typeDeleted)
	}
	r := eventstore.Record{}
	own := contentType == contentJSON && envelope.Own(m.GetCustomMetadata(), &r) && !bytes.HasPrefix(m.GetData(), []byte(frameMark))
	if !own {
		r = eventstore.Record{}
		r.Data = frame(contentType, m.GetCustomMetadata(), m.GetData())
	} else {
		r.Data = m.GetData()
	}
	r.ID, r.Name, r.Stream = id, name, stream
	if strings.HasPrefix(strings.TrimPrefix(stream, "$$"), marksPrefix) {
		// A mark does not move the log's time on, which never runs backwards:
		// records copied after it keep theirs.
		r.RecordedAt = time.UnixMicro(1)
	}
	return r, nil
}

// framed tells whether a record came with metadata that are not Parley's.
func framed(r *eventstore.Record) bool { return bytes.HasPrefix(r.Data, []byte(frameMark)) }

// toEvent writes an event for the wire, and the link it was found by; either may
// be missing.
func toEvent(event, link *eventstore.Record, textIDs bool) (*streams.ReadResp_ReadEvent, error) {
	original := event
	if link != nil {
		original = link
	}
	e := &streams.ReadResp_ReadEvent{Position: &streams.ReadResp_ReadEvent_CommitPosition{CommitPosition: uint64(original.Position)}}
	var err error
	if event != nil {
		if e.Event, err = toRecorded(event, textIDs); err != nil {
			return nil, err
		}
	}
	if link != nil {
		e.Link, err = toRecorded(link, textIDs)
	}
	return e, err
}

// toRecorded writes one record for the wire. Type, content type and time are
// always there: the vendor's client ends its whole process without a time.
func toRecorded(r *eventstore.Record, textIDs bool) (*streams.ReadResp_ReadEvent_RecordedEvent, error) {
	contentType, metadata, data := contentJSON, []byte(nil), r.Data
	var err error
	if framed(r) {
		contentType, metadata, data, err = unframe(r.Data)
	} else {
		// When it was recorded is the event's own time: not said again.
		plain := *r
		plain.Stream, plain.Name, plain.RecordedAt = "", "", time.Time{}
		metadata, err = envelope.Encode(&plain)
	}
	if err != nil {
		return nil, &eventstore.DamageError{Where: fmt.Sprintf("the record at position %d", r.Position), What: err.Error()}
	}
	revision := uint64(r.Revision)
	if r.Name == typeDeleted {
		revision = math.MaxInt64
	}
	return &streams.ReadResp_ReadEvent_RecordedEvent{
		Id:               wireID(r.ID, textIDs),
		StreamIdentifier: &shared.StreamIdentifier{StreamName: []byte(r.Stream)},
		StreamRevision:   revision,
		PreparePosition:  uint64(r.Position),
		CommitPosition:   uint64(r.Position),
		Metadata: map[string]string{
			"type":         strings.ToValidUTF8(r.Name, "�"),
			"content-type": strings.ToValidUTF8(contentType, "�"),
			"created":      strconv.FormatInt(ticks(r.RecordedAt), 10),
		},
		CustomMetadata: metadata,
		Data:           data,
	}, nil
}
