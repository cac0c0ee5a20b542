package embedded

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/atomicfs"
)

// torn looks at the files of a log that was not closed: its write-ahead logs
// and its manifests. Their last write may be there in part, which is what a
// crash leaves and what Pebble passes over. It passes over damage in the same
// way, and with it over all that comes behind: what no crash can leave is told
// here, before Pebble opens anything.
//
// Both are rows of chunks in blocks of 32 KiB, each with a checksum. A bad chunk
// is damage when a good one behind it says that the disk had it already, or
// when one byte alone is wrong with it: a disk that was cut off leaves whole
// sectors of zeros or of what was there before.
//
// Of the manifests only the one that counts is looked at: of a new one, which the
// marker does not name before it is synced, a crash leaves anything.
func torn(f vfs.FS, dir string) error {
	names, err := stillFiles(f, dir)
	if err != nil {
		return err
	}
	manifest, err := atomicfs.ReadMarker(f, f.PathJoin(dir, pebbleFolder), "manifest")
	if err != nil {
		return err
	}
	for _, name := range names {
		format := formatOf(name)
		if format == nil || strings.HasPrefix(name, manifestPrefix) && manifest != "" && name != manifest {
			continue
		}
		path := f.PathJoin(dir, pebbleFolder, name)
		text, err := readWhole(f, path)
		if err != nil {
			return err
		}
		format.meet(text)
		if at, what := format.damage(text); what != "" {
			return damaged(what, "byte %d of the file %s", at, path)
		}
	}
	return nil
}

// chunks says how a file is made of chunks: its header is a checksum of 4
// bytes, the payload's length of 2, a type of 1; in a write-ahead log also the
// log's number of 4, and 8 that say how far the disk had it, if it is not the
// first of a log made by an earlier version.
type chunks struct {
	header int
	first  byte   // the type of a whole chunk; a record's first, middle and last follow
	number uint32 // of a write-ahead log
}

const manifestPrefix = "MANIFEST-"

// formatOf tells how a file is made; nil when it is not of chunks.
func formatOf(name string) *chunks {
	if number, ok := strings.CutSuffix(name, ".log"); ok {
		n, err := strconv.ParseUint(number, 10, 32)
		if err != nil {
			return nil
		}
		return &chunks{header: 19, first: 9, number: uint32(n)}
	}
	if strings.HasPrefix(name, manifestPrefix) {
		return &chunks{header: 7, first: 1}
	}
	return nil
}

// meet looks whether a write-ahead log is such a first one, by its first chunk,
// which may be damaged.
func (c *chunks) meet(b []byte) {
	first := chunks{header: 11, first: 5, number: c.number}
	end := min(chunkBlock, len(b))
	if c.number != 0 && c.good(b, 0, end) == 0 && (first.good(b, 0, end) > 0 || first.oneByte(b[:end], 0)) {
		*c = first
	}
}

const (
	chunkBlock  = 32 << 10
	tornRun     = 128 // zeros in a row are never recorded: who reads so many reads what was not written
	chunkSummed = 6   // the checksum is of all from here on
	sector      = 512 // a disk writes as much at once, or a multiple of it
)

// damage finds the first chunk that is bad and was not left so by a crash.
func (c chunks) damage(b []byte) (at int, what string) {
	for at < len(b) {
		end := min((at/chunkBlock+1)*chunkBlock, len(b))
		if end-at < c.header && zero(b[at:end]) {
			at = end // the rest of a block, in which no chunk has room
			continue
		}
		next := c.good(b, at, end)
		if next == 0 {
			break
		}
		at = next
	}
	if at == len(b) {
		return 0, ""
	}
	end := min((at/chunkBlock+1)*chunkBlock, len(b))
	if later := c.later(b, at); later > 0 {
		return at, fmt.Sprintf("it is bad, and what was written after it, at byte %d, is good", later)
	}
	if c.oneByte(b[at:end], at) {
		return at, "one byte of what was written last is wrong"
	}
	return 0, ""
}

// good gives the end of the chunk at a place; 0 when there is no good one.
func (c chunks) good(b []byte, at, end int) int {
	if end-at < c.header {
		return 0
	}
	length := int(binary.LittleEndian.Uint16(b[at+4:]))
	kind := b[at+6]
	if kind < c.first || kind > c.first+3 || at+c.header+length > end {
		return 0
	}
	if c.number != 0 && binary.LittleEndian.Uint32(b[at+7:]) != c.number {
		return 0
	}
	if masked(checksum(b[at+chunkSummed:at+c.header+length])) != binary.LittleEndian.Uint32(b[at:]) {
		return 0
	}
	return at + c.header + length
}

// later finds a good chunk behind a bad one that proves it was on disk.
func (c chunks) later(b []byte, bad int) int {
	for at := bad + 1; at+c.header <= len(b); at++ {
		if kind := b[at+6]; kind < c.first || kind > c.first+3 {
			continue
		}
		if c.good(b, at, min((at/chunkBlock+1)*chunkBlock, len(b))) == 0 {
			continue
		}
		if c.number == 0 && b[at+6] < c.first+2 { // a manifest is synced edit by edit
			return at
		}
		if c.header == 19 && binary.LittleEndian.Uint64(b[at+11:]) > uint64(bad) {
			return at
		}
	}
	return 0
}

// oneByte tells that the chunk at a place of its file would be good if a single
// byte were another, and that this is not because a sector was not written.
func (c chunks) oneByte(b []byte, at int) bool {
	if len(b) < c.header || zero(b[:c.header]) {
		return false
	}
	want, length := binary.LittleEndian.Uint32(b), int(binary.LittleEndian.Uint16(b[4:]))
	for i := range 2 { // of the length
		for v := range 256 {
			other := length&^(0xff<<(8*i)) | v<<(8*i)
			if other == length || c.header+other > len(b) {
				continue
			}
			if c.plausible(b) && masked(checksum(b[chunkSummed:c.header+other])) == want {
				return !unwritten(b[:c.header+other], at, 4+i)
			}
		}
	}
	if c.header+length > len(b) {
		return false
	}
	text := b[chunkSummed : c.header+length]
	if blank(b[:c.header+length], at) || bytes.Contains(text, make([]byte, tornRun)) {
		return false // it was not written to its end: by chance another byte may make it good all the same
	}
	have := checksum(text)
	var wrong []int // bytes of the checksum itself
	for i, m := 0, masked(have); i < 4; i++ {
		if byte(m>>(8*i)) != b[i] {
			wrong = append(wrong, i)
		}
	}
	if len(wrong) == 1 && c.plausible(b) {
		return !unwritten(b[:c.header+length], at, wrong[0])
	}
	i := flips(text, have^unmasked(want))
	return i >= 0 && !unwritten(b[:c.header+length], at, chunkSummed+i)
}

// unwritten tells that a byte of a chunk, at a place of its file, may be wrong
// because a sector was not written while others of the chunk were: that holds
// zeros, or what was there before, of which a single byte tells nothing.
func unwritten(b []byte, at, i int) bool {
	from, to := inSector(b, at, i)
	return to-from == 1 && len(b) > 1 || blank(b, at)
}

// blank tells that a chunk, at a place of its file, has a whole sector of zeros,
// or what it has of one, and more than that.
func blank(b []byte, at int) bool {
	for i := 0; i < len(b); {
		from, to := inSector(b, at, i)
		if to-from < len(b) && zero(b[from:to]) {
			return true
		}
		i = to
	}
	return false
}

// inSector is what a chunk, at a place of its file, has of the sector of a byte.
func inSector(b []byte, at, i int) (from, to int) {
	return max((at+i)/sector*sector-at, 0), min(((at+i)/sector+1)*sector-at, len(b))
}

// plausible tells that the header is one of such a file.
func (c chunks) plausible(b []byte) bool {
	return b[6] >= c.first && b[6] <= c.first+3 && (c.number == 0 || binary.LittleEndian.Uint32(b[7:]) == c.number)
}

// flips finds the byte of a text that changes its checksum by diff when it is
// changed; -1 when there is none: a checksum is linear, so that each byte's share
// can be taken back from the end.
func flips(text []byte, diff uint32) int {
	table := castagnoli()
	var back [256]byte // the table's entry by its highest byte
	for i := range 256 {
		back[table[i]>>24] = byte(i)
	}
	for at := len(text) - 1; at >= 0; at-- {
		// One byte back: what differed before the last byte was taken in.
		i := back[diff>>24]
		before := (diff^table[i])<<8 | uint32(i)
		if before <= 0xff && before != 0 {
			return at // all of it comes from the low byte: this byte alone
		}
		diff = before
	}
	return -1
}

// Checksums are stored rotated and shifted, so that a checksum of checksums is
// not zero.
func masked(c uint32) uint32   { return (c>>15 | c<<17) + 0xa282ead8 }
func unmasked(m uint32) uint32 { m -= 0xa282ead8; return m>>17 | m<<15 }

func zero(b []byte) bool {
	for _, x := range b {
		if x != 0 {
			return false
		}
	}
	return true
}
