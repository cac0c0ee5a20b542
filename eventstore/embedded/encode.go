package embedded

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"strings"
	"time"

	"github.com/google/uuid"

	"parley/domain"
	"parley/eventstore"
)

// A stored record begins with what only the writer knows, at fixed places, so
// that callers encode all the rest before they queue:
//
//	version 1 byte | CRC-32C of all that follows 4 | position 8 | revision 8 | recorded at 8
//	stream, name | flags 1 | ids as flagged | happened at | actor, role, subject | body hash | data
//
// Texts carry their length as a varint, times are microseconds since 1970.
const (
	recordVersion = 1
	offsetSum     = 1
	offsetSummed  = 5
	offsetRev     = offsetSummed + 8
	offsetTime    = offsetRev + 8
	offsetBody    = offsetTime + 8
)

// Flags tell which parts of the envelope are there.
const (
	hasID byte = 1 << iota
	hasCommand
	hasCorrelation
	correlationIsCommand
	hasCausation
	hasBodyHash
	isImported
)

// maxText bounds every text of the envelope.
const maxText = 1024

// checksum is the one that processors compute by themselves.
func checksum(b []byte) uint32 { return crc32.Checksum(b, castagnoli()) }

// castagnoli is made once by the standard library and shared.
func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// validate refuses a record that the key space cannot hold.
func validate(r *eventstore.Record) error {
	switch {
	case r.Name == "" || len(r.Name) > maxText || strings.IndexByte(r.Name, 0) >= 0:
		return domain.Invalid("name", "an event's name has 1 to 1024 bytes, none of them zero")
	case len(r.Actor.ID) > maxText, len(r.Actor.Role) > maxText:
		return domain.Invalid("actor", "an actor's id and role have 1024 bytes at most")
	case len(r.Subject) > maxText:
		return domain.Invalid("subject", "a subject has 1024 bytes at most")
	case len(r.BodyHash) > maxText:
		return domain.Invalid("body_hash", "a body hash has 1024 bytes at most")
	}
	return nil
}

// encode appends the record, with room for what the writer sets, and makes
// r.Data and r.BodyHash parts of the encoded bytes: the log keeps its own copy
// of what the caller may change.
func encode(buf []byte, r *eventstore.Record) []byte {
	start := len(buf)
	buf = append(buf, make([]byte, offsetBody)...)
	buf[start] = recordVersion
	buf = appendText(buf, r.Stream)
	buf = appendText(buf, r.Name)
	flags := len(buf)
	buf = append(buf, 0)
	add := func(flag byte, id uuid.UUID) {
		if id != uuid.Nil {
			buf[flags] |= flag
			buf = append(buf, id[:]...)
		}
	}
	add(hasID, r.ID)
	add(hasCommand, r.Command)
	if r.Correlation != uuid.Nil && r.Correlation == r.Command {
		buf[flags] |= correlationIsCommand
	} else {
		add(hasCorrelation, r.Correlation)
	}
	add(hasCausation, r.Causation)
	if r.Imported {
		buf[flags] |= isImported
	}
	buf = binary.AppendVarint(buf, r.HappenedAt.UnixMicro())
	buf = appendText(buf, r.Actor.ID)
	buf = appendText(buf, r.Actor.Role)
	buf = appendText(buf, r.Subject)
	if r.BodyHash != nil {
		buf[flags] |= hasBodyHash
		buf = binary.AppendUvarint(buf, uint64(len(r.BodyHash)))
		buf = append(buf, r.BodyHash...)
	}
	return append(buf, r.Data...)
}

// room is how many bytes the encoded record takes at most.
func room(r *eventstore.Record) int {
	return offsetBody + 1 + 4*16 + 7*binary.MaxVarintLen64 + len(r.Stream) + len(r.Name) +
		len(r.Actor.ID) + len(r.Actor.Role) + len(r.Subject) + len(r.BodyHash) + len(r.Data)
}

// seal sets what the writer decided and closes the record with its checksum.
func seal(encoded []byte, p eventstore.Position, rev eventstore.Revision, recorded time.Time) {
	binary.BigEndian.PutUint64(encoded[offsetSummed:], uint64(p))
	binary.BigEndian.PutUint64(encoded[offsetRev:], uint64(rev))
	binary.BigEndian.PutUint64(encoded[offsetTime:], uint64(recorded.UnixMicro()))
	binary.BigEndian.PutUint32(encoded[offsetSum:], checksum(encoded[offsetSummed:]))
}

func appendText(buf []byte, s string) []byte {
	buf = binary.AppendUvarint(buf, uint64(len(s)))
	return append(buf, s...)
}

// verify tells what is wrong with the stored bytes of a record; empty when
// they are as they were written.
func verify(b []byte) string {
	switch {
	case len(b) < offsetBody:
		return fmt.Sprintf("the record has %d bytes only", len(b))
	case b[0] != recordVersion:
		return fmt.Sprintf("the record says it is of version %d, this program knows %d", b[0], recordVersion)
	case binary.BigEndian.Uint32(b[offsetSum:]) != checksum(b[offsetSummed:]):
		return "the checksum does not match the record"
	}
	return ""
}
