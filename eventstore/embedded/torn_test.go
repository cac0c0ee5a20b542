package embedded

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"parley/eventstore"
)

// TestATornEndIsNoDamage lets a crash cut the last write of a log in use: of
// each chunk in turn only the sectors before a boundary are written, or only
// those behind it. Where a single byte lies beyond the boundary it looks like a
// byte that was damaged.
func TestATornEndIsNoDamage(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: it cuts files off at each of their places; leave out -short to run it")
	}
	mem := vfs.NewMem()
	l := opened(t, Options{Dir: "log", FS: mem})
	for n := 0; n < 3000 || n%500 != 0 || !reachesOneByteBeyond(t, mem); n++ {
		r := sample()
		r.Data = append(append([]byte{'"'}, bytes.Repeat([]byte("x"), n%700)...), '"')
		if _, err := l.Append(t.Context(), "line-1", eventstore.Revision(n-1), r); err != nil {
			t.Fatal(err)
		}
	}
	torn, alone, damages := 0, 0, 0
	for name, text := range writeAheadLogs(t, mem) {
		format := formatOf(name)
		for at := 0; at < len(text); {
			end := format.good(text, at, min((at/chunkBlock+1)*chunkBlock, len(text)))
			if end == 0 {
				break
			}
			whole := append(bytes.Clone(text[:end]), make([]byte, sector)...)[:end]
			for cut := (at/sector + 1) * sector; cut < end; cut += sector {
				for _, part := range [][2]int{{cut, end}, {at, cut}} {
					was := bytes.Clone(whole[part[0]:part[1]])
					clear(whole[part[0]:part[1]])
					torn++
					if part[1]-part[0] == 1 {
						alone++
					}
					for _, text := range [][]byte{whole, whole[:end+sector]} { // the file ends there, or was filled ahead
						if where, what := format.damage(text); what != "" {
							damages++
							t.Logf("the chunk %d to %d of %s without %d to %d: at %d, %s", at, end, name, part[0], part[1], where, what)
						}
					}
					copy(whole[part[0]:], was)
				}
			}
			at = end
		}
	}
	if alone == 0 {
		t.Error("no byte was alone beyond a boundary")
	}
	if damages > 0 {
		t.Errorf("%d of %d torn ends are called damage, %d of them for one byte", damages, torn, alone)
	}
}

// writeAheadLogs are those of the log in a folder "log", by name.
func writeAheadLogs(t *testing.T, mem vfs.FS) map[string][]byte {
	t.Helper()
	names, err := stillFiles(mem, "log")
	if err != nil {
		t.Fatal(err)
	}
	logs := map[string][]byte{}
	for _, name := range names {
		if format := formatOf(name); format == nil || format.number == 0 {
			continue
		}
		if logs[name], err = readWhole(mem, mem.PathJoin("log", pebbleFolder, name)); err != nil {
			t.Fatal(err)
		}
	}
	return logs
}

// reachesOneByteBeyond tells that a write of a log in use has a single byte
// beyond a boundary, as one in some five hundred has.
func reachesOneByteBeyond(t *testing.T, mem vfs.FS) bool {
	t.Helper()
	for name, text := range writeAheadLogs(t, mem) {
		format := formatOf(name)
		for at, end := 0, 0; at < len(text); at = end {
			if end = format.good(text, at, min((at/chunkBlock+1)*chunkBlock, len(text))); end == 0 {
				break
			}
			if end%sector == 1 {
				return true
			}
		}
	}
	return false
}

// TestAByteOfTheLastChunkIsDamageBeforeZerosToo changes each byte of the last
// chunk of a write-ahead log that was filled ahead: what is behind it does not
// make it look unwritten.
func TestAByteOfTheLastChunkIsDamageBeforeZerosToo(t *testing.T) {
	alone(t)
	mem := vfs.NewMem()
	l := opened(t, Options{Dir: "log", FS: mem})
	for n := range 9 {
		if _, err := l.Append(t.Context(), "line-1", eventstore.Revision(n-1), sample()); err != nil {
			t.Fatal(err)
		}
	}
	changed := 0
	for name, text := range writeAheadLogs(t, mem) {
		format := formatOf(name)
		last, behind := 0, 0
		for at := 0; at < len(text); at = behind {
			end := format.good(text, at, min((at/chunkBlock+1)*chunkBlock, len(text)))
			if end == 0 {
				break
			}
			last, behind = at, end
		}
		if behind == 0 || behind+tornRun > len(text) || !zero(text[behind:]) {
			continue
		}
		for at := last; at < behind; at++ {
			if unwritten(text[last:behind], last, at-last) {
				continue
			}
			for _, by := range []byte{1, 0x80, 0xff} {
				text[at] ^= by
				if where, what := format.damage(text); what == "" {
					t.Errorf("byte %d of the chunk %d to %d, changed by %#x, is passed over", at, last, behind, by)
				} else if where != last {
					t.Errorf("byte %d of the chunk %d to %d is looked for at %d", at, last, behind, where)
				}
				text[at] ^= by
				changed++
			}
		}
	}
	if changed == 0 {
		t.Fatal("no write-ahead log was filled ahead")
	}
}

// TestDamageInAFirstWriteAheadLog changes bytes of one as earlier versions left
// it, which does not say how far the disk had it.
func TestDamageInAFirstWriteAheadLog(t *testing.T) {
	alone(t)
	mem := vfs.NewMem()
	l := &Log{dir: "log", fs: mem, health: newLogHealth(Options{Dir: "log"}), closing: make(chan struct{})}
	db, err := pebble.Open("log", l.pebbleOptions(Options{FS: mem, CacheBytes: cacheBytes}, "log", false))
	if err != nil {
		t.Fatal(err)
	}
	for n := range 5 {
		if err := db.Set([]byte{byte(n)}, sample().Data, pebble.Sync); err != nil {
			t.Fatal(err)
		}
	}
	text, err := readWhole(mem, "log/000002.log")
	if err != nil {
		t.Fatal(err)
	}
	format := formatOf("000002.log")
	if format.meet(text); format.header != 11 {
		t.Fatalf("the header has %d bytes", format.header)
	}
	if where, what := format.damage(text); what != "" {
		t.Fatalf("as it is: at %d, %s", where, what)
	}
	for at := 0; at < len(bytes.TrimRight(text, "\x00")); at++ {
		text[at] ^= 0x41
		format := formatOf("000002.log")
		format.meet(text)
		if _, what := format.damage(text); what == "" {
			t.Errorf("byte %d is passed over", at)
		}
		text[at] ^= 0x41
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestATornEndThatOneByteWouldMendIsNoDamage looks for an end whose sector was
// not written and which another byte would make good, by chance, as one in some
// ten thousand is.
func TestATornEndThatOneByteWouldMendIsNoDamage(t *testing.T) {
	format := &chunks{header: 19, first: 9, number: 6}
	const tail = 40 // beyond the boundary
	random := rand.New(rand.NewPCG(3, 5))
	for range 1_000_000 {
		b := make([]byte, sector+tail)
		for i := 0; i < len(b); i += 8 {
			binary.LittleEndian.PutUint64(b[i:], random.Uint64())
		}
		binary.LittleEndian.PutUint16(b[4:], uint16(len(b)-format.header))
		b[chunkSummed] = format.first
		binary.LittleEndian.PutUint32(b[7:], format.number)
		whole := checksum(b[chunkSummed:])
		binary.LittleEndian.PutUint32(b, masked(whole))
		if _, what := format.damage(b); what != "" {
			t.Fatalf("whole: %s", what)
		}
		clear(b[sector:])
		if flips(b[chunkSummed:], checksum(b[chunkSummed:])^whole) < 0 {
			continue
		}
		if at, what := format.damage(b); what != "" {
			t.Errorf("without its last sector: at %d, %s", at, what)
		}
		return
	}
	t.Fatal("there is none")
}
