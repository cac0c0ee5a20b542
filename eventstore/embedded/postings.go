package embedded

import (
	"encoding/binary"
	"slices"

	"github.com/google/uuid"
)

// An entry of an index names the records that one batch brought a kind or a name,
// or one append a command: its key ends with the position of the last of them, its
// value says how far back each other one lies from the one behind it. Most
// batches bring a name many records, and a key costs more than its bytes.

// entryHolds is how many records an entry names at most: whoever wants one of them
// decodes all.
const entryHolds = 256

// appendGaps encodes a run of positions, ascending, but for its last.
func appendGaps(buf []byte, run []uint64) []byte {
	for i := len(run) - 1; i > 0; i-- {
		buf = binary.AppendUvarint(buf, run[i]-run[i-1])
	}
	return buf
}

// readRun decodes a run of positions whose last is known; false when it is none.
// It uses the room of the run it is given.
func readRun(run []uint64, last uint64, gaps []byte) ([]uint64, bool) {
	if last == 0 {
		return nil, false
	}
	run = append(run[:0], last)
	for len(gaps) > 0 {
		gap, n := binary.Uvarint(gaps)
		if n <= 0 || gap == 0 || gap >= last {
			return nil, false
		}
		last -= gap
		run, gaps = append(run, last), gaps[n:]
	}
	slices.Reverse(run)
	return run, true
}

// entry is what an index says at one key.
type entry struct {
	run     []uint64 // positions, ascending; none in the bare mark of a command
	ordinal uint64   // of the last one; not of commands
}

// readEntry decodes what lies at a key below a prefix; false when it cannot be
// read. The mark of a command stands at the prefix itself and holds its first
// entry; until format 3 it was empty, and all entries lay behind it.
func readEntry(e *entry, prefix int, key, value []byte) bool {
	space := key[0]
	if space == spaceCommand && len(key) == commandMark {
		if e.run = e.run[:0]; len(value) == 0 {
			return true
		}
		last, n := binary.Uvarint(value)
		if n <= 0 {
			return false
		}
		run, ok := readRun(e.run, last, value[n:])
		e.run = run
		return ok
	}
	last, ok := below(key, prefix)
	if !ok {
		return false
	}
	if space != spaceCommand {
		ordinal, n := binary.Uvarint(value)
		if n <= 0 {
			return false
		}
		e.ordinal, value = ordinal, value[n:]
	}
	e.run, ok = readRun(e.run, last, value)
	return ok && (space == spaceCommand || e.ordinal+1 >= uint64(len(e.run)))
}

// prefixOf is how long the prefix of an entry's key is.
func prefixOf(key []byte) int {
	if key[0] == spaceCommand {
		return commandMark
	}
	return max(len(key)-8, 0)
}

// postings gathers what a batch brings the indexes.
type postings struct {
	lists  []posting
	places map[indexed]int // in lists
	marked map[uuid.UUID]struct{}
}

type indexed struct {
	space byte
	text  string
}

type posting struct {
	indexed
	run []uint64
}

// add notes a record of a kind or a name.
func (p *postings) add(space byte, text string, position uint64) {
	of := indexed{space, text}
	at, ok := p.places[of]
	if !ok {
		at = len(p.lists)
		p.places[of] = at
		if at < cap(p.lists) { // with the room of one that was there before
			p.lists = p.lists[:at+1]
			p.lists[at].indexed, p.lists[at].run = of, p.lists[at].run[:0]
		} else {
			p.lists = append(p.lists, posting{indexed: of})
		}
	}
	p.lists[at].run = append(p.lists[at].run, position)
}

func (p *postings) clear() {
	if cap(p.lists) > postingsKept {
		p.lists = nil
	}
	p.lists = p.lists[:0]
	clear(p.places)
	clear(p.marked)
}

// postingsKept is how many lists keep their room from one batch to the next.
const postingsKept = 256
