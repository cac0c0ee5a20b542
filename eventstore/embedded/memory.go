package embedded

import "encoding/binary"

// memory is where the records of one reading lie. Records that follow each
// other name the same streams and people: each text is kept once and shared.
// Their data are copied into common pieces of memory, a few dozen to a piece,
// so that reading does not ask for memory record by record; none can grow into
// another. Whoever keeps one record keeps its piece: 32 KiB at most.
type memory struct {
	texts []string // by hash; the last one seen
	piece []byte   // what is left of the one at hand
	size  int      // of the last piece

	lent  bool     // the pieces are used again
	all   [][]byte // of what is lent
	taken int      // how many of them
}

// again gives back what was lent.
func (m *memory) again() {
	if m.lent {
		m.piece, m.taken = nil, 0
	}
}

// next goes on to another piece, with room for so many bytes.
func (m *memory) next(n int) {
	if m.taken < len(m.all) && len(m.all[m.taken]) >= n {
		m.piece = m.all[m.taken]
		m.taken++
		return
	}
	m.size = min(max(2*m.size, firstPiece), mostPiece)
	if len(m.texts) == 0 || m.size < n { // a record alone takes what it needs
		m.size = n
	}
	m.piece = make([]byte, m.size)
	if m.lent {
		m.all = append(m.all[:m.taken], m.piece)
		m.taken++
	}
}

// Sizes of memory: of pieces, the first being small since most readings are
// short, and of the tables of texts for one stream and for the whole log.
const (
	firstPiece = 4 << 10
	mostPiece  = 32 << 10
	fewTexts   = 16
	manyTexts  = 512
)

// newMemory makes memory with a table of so many texts, a power of two or none.
func newMemory(texts int) *memory { return &memory{texts: make([]string, texts)} }

// text gives a string of the bytes: one that was given before, when it is still
// in the table.
func (m *memory) text(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	if len(m.texts) == 0 {
		return string(b)
	}
	at := &m.texts[hash(b)&uint64(len(m.texts)-1)]
	if *at != string(b) {
		*at = string(b)
	}
	return *at
}

// hash mixes the end of a text, where ids and names differ, with its length.
func hash(b []byte) uint64 {
	var end uint64
	if n := len(b); n >= 8 {
		end = binary.LittleEndian.Uint64(b[n-8:])
	} else {
		for _, c := range b {
			end = end<<8 | uint64(c)
		}
	}
	end = (end ^ uint64(len(b))) * 0x9e3779b97f4a7c15
	return end >> 40
}

// copy gives a copy of the bytes.
func (m *memory) copy(b []byte) []byte {
	if len(b) == 0 || len(b) > mostPiece/8 { // large ones lie alone
		return append([]byte{}, b...)
	}
	if len(b) > len(m.piece) {
		m.next(len(b))
	}
	own := m.piece[:len(b):len(b)]
	m.piece = m.piece[len(b):]
	copy(own, b)
	return own
}
