package embedded

import (
	"encoding/binary"
	"errors"
	"time"

	"parley/eventstore"
)

// errShort tells that a record's parts reach beyond its end.
var errShort = errors.New("the record's parts reach beyond its end")

// storedPosition and storedRevision read the fixed places of a record.
func storedPosition(b []byte) eventstore.Position {
	return eventstore.Position(binary.BigEndian.Uint64(b[offsetSummed:]))
}

func storedRevision(b []byte) eventstore.Revision {
	return eventstore.Revision(binary.BigEndian.Uint64(b[offsetRev:]))
}

func storedTime(b []byte) time.Time {
	return time.UnixMicro(int64(binary.BigEndian.Uint64(b[offsetTime:]))).UTC()
}

// decode reads a verified record alone.
func decode(b []byte) (eventstore.Record, error) {
	var r eventstore.Record
	err := newMemory(0).decodeAll(b, &r)
	return r, err
}

// decodeAll reads a verified record from its beginning.
func (m *memory) decodeAll(b []byte, r *eventstore.Record) error {
	p := parts{rest: b[offsetBody:]}
	stream, name := p.text(), p.text()
	return m.decode(b, p, stream, name, r)
}

// decode reads a verified record of which stream and name are read already; p
// stands behind them. The record keeps nothing of b.
func (m *memory) decode(b []byte, p parts, stream, name []byte, r *eventstore.Record) error {
	r.Position, r.Revision, r.RecordedAt = storedPosition(b), storedRevision(b), storedTime(b)
	flags := p.byte()
	if flags&hasID != 0 {
		copy(r.ID[:], p.take(16))
	}
	if flags&hasCommand != 0 {
		copy(r.Command[:], p.take(16))
	}
	if flags&hasCorrelation != 0 {
		copy(r.Correlation[:], p.take(16))
	}
	if flags&correlationIsCommand != 0 {
		r.Correlation = r.Command
	}
	if flags&hasCausation != 0 {
		copy(r.Causation[:], p.take(16))
	}
	r.Imported = flags&isImported != 0
	r.HappenedAt = time.UnixMicro(p.varint()).UTC()
	actor, role, subject := p.text(), p.text(), p.text()
	var hash []byte
	if flags&hasBodyHash != 0 {
		hash = p.text()
	}
	if p.err != nil {
		return p.err
	}
	r.Stream, r.Name = m.text(stream), m.text(name)
	r.Actor.ID, r.Actor.Role, r.Subject = m.text(actor), m.text(role), m.text(subject)
	if flags&hasBodyHash != 0 {
		r.BodyHash = m.copy(hash)
	}
	if len(p.rest) > 0 {
		r.Data = m.copy(p.rest)
	}
	return nil
}

// parts reads the parts of a record one after the other; the first that does
// not fit stops it.
type parts struct {
	rest []byte
	err  error
}

func (p *parts) take(n uint64) []byte {
	if p.err != nil || n > uint64(len(p.rest)) {
		p.err = errShort
		return nil
	}
	b := p.rest[:n]
	p.rest = p.rest[n:]
	return b
}

func (p *parts) byte() byte {
	if b := p.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (p *parts) text() []byte {
	n, used := binary.Uvarint(p.rest)
	if used <= 0 {
		p.err = errShort
		return nil
	}
	p.rest = p.rest[used:]
	return p.take(n)
}

func (p *parts) varint() int64 {
	n, used := binary.Varint(p.rest)
	if used <= 0 {
		p.err = errShort
		return 0
	}
	p.rest = p.rest[used:]
	return n
}
