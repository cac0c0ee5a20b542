package embedded

import (
	"encoding/binary"

	"github.com/google/uuid"

	"parley/eventstore"
)

// The key space of the log. Every record lies twice: under its position, for
// whoever reads the whole log, and under its stream and revision, for whoever
// loads one stream; both are range scans. The indexes hold positions only, a run
// of them to an entry (see postings.go); an entry's own position is its last.
//
//	c <command id>                      -> positions           what its first append recorded
//	c <command id> <position>           -> positions           what a later one did
//	i f                                 -> text                the format, since 3
//	i h                                 -> position            the head, for Open to compare
//	i s                                 -> text                the store's name
//	k <kind> 00 <position>              -> ordinal, positions  records of a kind
//	m <name>                            -> mark
//	n <event name> 00 <position>        -> ordinal, positions  records of an event name
//	p <position>                        -> record
//	s <stream> 00 <revision>            -> record
//
// Until format 3 an entry named one record, and the mark of a command none.
const (
	spaceCommand  = 'c'
	spaceMeta     = 'i'
	spaceKind     = 'k'
	spaceMark     = 'm'
	spaceName     = 'n'
	spacePosition = 'p'
	spaceStream   = 's'
)

// commandMark is the length of the key that says that a command is on record.
const commandMark = 1 + 16

var (
	keyFormat = []byte{spaceMeta, 'f'}
	keyHead   = []byte{spaceMeta, 'h'}
	keyStore  = []byte{spaceMeta, 's'}
)

// positionKey is where the record of a position lies.
func positionKey(buf []byte, p eventstore.Position) []byte {
	buf = append(buf[:0], spacePosition)
	return binary.BigEndian.AppendUint64(buf, uint64(p))
}

// prefixKey is what all keys of one stream, kind or name begin with. The zero
// byte ends the text, so that no text is the beginning of another.
func prefixKey(buf []byte, space byte, text string) []byte {
	buf = append(buf[:0], space)
	buf = append(buf, text...)
	return append(buf, 0)
}

// entryKey is one entry below a prefix: of a stream's revision, or of a
// position in an index.
func entryKey(buf []byte, space byte, text string, n uint64) []byte {
	return binary.BigEndian.AppendUint64(prefixKey(buf, space, text), n)
}

// commandPrefix is what all keys of one command begin with, and is itself the
// key that says that there are any: nearly every command asked for is new, and
// a bloom filter answers for one whole key without reading.
func commandPrefix(buf []byte, id uuid.UUID) []byte {
	buf = append(buf[:0], spaceCommand)
	return append(buf, id[:]...)
}

func commandKey(buf []byte, id uuid.UUID, p eventstore.Position) []byte {
	return binary.BigEndian.AppendUint64(commandPrefix(buf, id), uint64(p))
}

func markKey(buf []byte, name string) []byte {
	return append(append(buf[:0], spaceMark), name...)
}

// below gives the number at the end of a key of the given prefix, and whether
// the key has the right length for one.
func below(key []byte, prefix int) (uint64, bool) {
	if len(key) != prefix+8 {
		return 0, false
	}
	return binary.BigEndian.Uint64(key[prefix:]), true
}

// at appends a number to a copy of a prefix: a bound for an iterator.
func at(prefix []byte, n uint64) []byte {
	key := make([]byte, 0, len(prefix)+8)
	return binary.BigEndian.AppendUint64(append(key, prefix...), n)
}

// span bounds the keys prefix+lo up to and with prefix+hi.
func span(prefix []byte, lo, hi uint64) (lower, upper []byte) {
	upper = at(prefix, hi)
	return at(prefix, lo), append(upper, 0)
}
