package embedded

import (
	"encoding/binary"
	"fmt"

	"parley/domain"
)

// The key file is a row of slots of 128 bytes, so that each lies within one
// sector of the disk and is written whole or not at all. The first is the
// header. A slot that was never written is all zero.
//
//	state 1 | length of the subject 1 | subject 80 | key 32 | unused 10 | CRC-32C of all before 4
//
// The header holds the file's name in place of the subject, and in place of
// the key how many slots were acknowledged before the write it came with:
// below that number every slot must be good.
const (
	slotSize    = 128
	slotSubject = 2
	maxSubject  = 80
	slotKey     = slotSubject + maxSubject
	keySize     = 32
	slotSum     = slotSize - 4
	keyFileName = "parley keys, format 1"
)

// States of a slot. They differ in all bits, so that no small damage turns one
// into another.
const (
	slotHeader    byte = 0x0f
	slotAlive     byte = 0x5a // the key of a subject
	slotDestroyed byte = 0xa5 // a subject that never has a key again
	slotSecret    byte = 0x3c // a secret of the store, by name
	slotVoid      byte = 0xc3 // passed over: its write was never acknowledged
)

// slot is one entry of the key file.
type slot struct {
	state   byte
	subject string
	key     [keySize]byte
}

func (s *slot) encode() []byte {
	b := make([]byte, slotSize)
	b[0], b[1] = s.state, byte(len(s.subject))
	copy(b[slotSubject:slotKey], s.subject)
	copy(b[slotKey:], s.key[:])
	binary.BigEndian.PutUint32(b[slotSum:], checksum(b[:slotSum]))
	return b
}

// decodeSlot reads a slot; never is true when it was never written, and what
// tells what is wrong with it.
func decodeSlot(b []byte) (s slot, never bool, what string) {
	if len(b) == slotSize && [slotSize]byte(b) == [slotSize]byte{} {
		return s, true, ""
	}
	if len(b) != slotSize || binary.BigEndian.Uint32(b[slotSum:]) != checksum(b[:slotSum]) {
		return s, false, "the checksum does not match"
	}
	s.state = b[0]
	switch s.state {
	case slotHeader, slotAlive, slotDestroyed, slotSecret, slotVoid:
	default:
		return s, false, fmt.Sprintf("its state %#x is unknown", s.state)
	}
	if int(b[1]) > maxSubject {
		return s, false, "its subject is too long"
	}
	s.subject = string(b[slotSubject : slotSubject+int(b[1])])
	copy(s.key[:], b[slotKey:])
	return s, false, ""
}

// header makes the first slot.
func header(acknowledged uint32) *slot {
	s := &slot{state: slotHeader, subject: keyFileName}
	binary.BigEndian.PutUint32(s.key[:], acknowledged)
	return s
}

func validSubject(subject string) error {
	if subject == "" || len(subject) > maxSubject {
		return domain.Invalid("subject", "a subject has 1 to 80 bytes")
	}
	return nil
}
