package domain

import (
	"crypto/sha1"
	"encoding/hex"
	"strconv"
)

// namespace is the root of all derived ids; a random UUID, chosen once.
var namespace = [16]byte{0x5e, 0x0b, 0x1c, 0x2e, 0x8a, 0x54, 0x5f, 0x7d, 0x9c, 0x0a, 0x6d, 0x4e, 0x51, 0x8b, 0x3f, 0x21}

// Derive makes the id that its parts always make: a version-5 UUID. What is
// caused by the same things gets the same id, so that a repeat hits the same
// stream.
func Derive(parts ...string) string {
	u := DeriveBytes(parts...)
	var text [36]byte
	hex.Encode(text[0:8], u[0:4])
	hex.Encode(text[9:13], u[4:6])
	hex.Encode(text[14:18], u[6:8])
	hex.Encode(text[19:23], u[8:10])
	hex.Encode(text[24:36], u[10:16])
	text[8], text[13], text[18], text[23] = '-', '-', '-', '-'
	return string(text[:])
}

// DeriveBytes is Derive, as the sixteen bytes of the UUID.
func DeriveBytes(parts ...string) (u [16]byte) {
	text := make([]byte, 0, 256) // what most parts come to: it need not be asked for
	text = append(text, namespace[:]...)
	for i, part := range parts {
		if i > 0 {
			text = append(text, '|')
		}
		text = append(text, part...)
	}
	sum := sha1.Sum(text)
	copy(u[:], sum[:])
	u[6] = u[6]&0x0f | 0x50
	u[8] = u[8]&0x3f | 0x80
	return u
}

// Hold names the hold of one agent on one conversation for one turn (flow E):
// once the turn has passed the name is never used again.
func Hold(conversation string, turn int, agent string) string {
	return Derive(conversation, strconv.Itoa(turn), agent)
}

// ValidID tells whether a text may be an id: 1 to 64 letters, digits, dots,
// underscores, tildes or dashes, so that it fits stream names, paths and keys.
func ValidID(id string) bool {
	if len(id) == 0 || len(id) > 64 {
		return false
	}
	for i := range len(id) {
		c := id[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case (c == '.' || c == '_' || c == '~' || c == '-') && i > 0:
		default:
			return false
		}
	}
	return true
}
