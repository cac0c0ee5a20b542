package embedded

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"parley/eventstore"
)

// damageSeed says which bytes are damaged: PARLEY_DAMAGE_SEED, or one of its
// own. PARLEY_DAMAGE says how many bytes of a file; all when it has no more.
func damageSeed(t *testing.T) (random *rand.Rand, bytes int) {
	t.Helper()
	seed := uint64(7) // the long tests choose another each time
	if text := os.Getenv("PARLEY_DAMAGE_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("PARLEY_DAMAGE_SEED=%d", seed)
	bytes = 12
	if text := os.Getenv("PARLEY_DAMAGE"); text != "" {
		var err error
		if bytes, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	return rand.New(rand.NewPCG(seed, 8)), bytes
}

// damageable makes a log of which something lies in every sort of file: tables,
// a manifest of several edits, a write-ahead log; or, of one that is young, in its
// first write-ahead log alone. It is told as it reads.
func damageable(t *testing.T, dir string, killed, young bool) (whole string) {
	t.Helper()
	at := filepath.Join(t.TempDir(), "log")
	l, err := Open(Options{Dir: at})
	if err != nil {
		t.Fatal(err)
	}
	for n := range 60 {
		if _, err := l.Append(t.Context(), fmt.Sprintf("line-%d", n%20), eventstore.Revision(n/20*2-1), sample(), sample()); err != nil {
			t.Fatal(err)
		}
		if !young && (n == 20 || n == 30) {
			if err := l.db.Flush(); err != nil {
				t.Fatal(err)
			}
		}
		if !young && n == 30 { // else the second flush sets off a compaction, and files come and go while they are copied
			if err := l.db.Compact(t.Context(), []byte{0}, []byte{0xff}, false); err != nil {
				t.Fatal(err)
			}
			l.db.TestOnlyWaitForCleaning()
		}
		if n == 40 {
			if _, err := l.Mark(t.Context(), "cursor", func(eventstore.Mark) ([]byte, bool) { return []byte("3"), true }); err != nil {
				t.Fatal(err)
			}
		}
	}
	if !killed {
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.CopyFS(dir, os.DirFS(at)); err != nil { // of a log in use: what a kill leaves
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err = told(dir, OpenStill)
	if err != nil || strings.Count(whole, "\n") != 121 {
		t.Fatalf("%d lines: %v", strings.Count(whole, "\n"), err)
	}
	return whole
}

// told opens a log, checks it, and tells all that can be read of it.
func told(dir string, open func(Options) (*Log, error)) (text string, err error) {
	l, err := open(Options{Dir: dir})
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	if _, err := l.Check(context.Background(), nil); err != nil {
		return "", err
	}
	var b strings.Builder
	for r, err := range l.Read(context.Background(), eventstore.Query{}) {
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&b, "%d %s@%d %s %s\n", r.Position, r.Stream, r.Revision, r.ID, r.Data)
	}
	m, err := l.Mark(context.Background(), "cursor", nil)
	fmt.Fprintf(&b, "%s %d\n", m.Value, m.Revision)
	return b.String(), err
}

// harm is one damage to one file.
type harm struct {
	what string
	text []byte // nil: the file is gone
	byte bool   // one byte was changed, and no more
	at   int    // where
}

// harms of a file: bytes changed, the file cut off, a stretch of it zeroed,
// gone.
func harms(good []byte, random *rand.Rand, most int) (list []harm) {
	list = append(list, harm{what: "gone"})
	n := len(good)
	if n == 0 {
		return list
	}
	most = min(most, n)
	full := len(bytes.TrimRight(good, "\x00")) // of what is filled ahead a few are enough
	offsets := make([]int, 0, most)
	for i := range most {
		switch {
		case n == most:
			offsets = append(offsets, i)
		case i%8 != 0:
			offsets = append(offsets, random.IntN(max(full, 1)))
		default:
			offsets = append(offsets, random.IntN(n))
		}
	}
	for _, at := range offsets {
		bad := bytes.Clone(good)
		bad[at] ^= byte(1 << random.IntN(8))
		list = append(list, harm{fmt.Sprintf("a bit of byte %d flipped", at), bad, true, at})
		bad = bytes.Clone(good)
		bad[at] ^= byte(1 + random.IntN(255))
		list = append(list, harm{fmt.Sprintf("byte %d changed", at), bad, true, at})
	}
	for range 6 {
		at := random.IntN(n)
		list = append(list, harm{what: fmt.Sprintf("cut off at byte %d", at), text: bytes.Clone(good[:at])})
		bad, to := bytes.Clone(good), min(n, at+1+random.IntN(4096))
		clear(bad[at:to])
		list = append(list, harm{what: fmt.Sprintf("zeros from byte %d to %d", at, to), text: bad})
	}
	return list
}

// asUnwritten tells that the one byte that was changed reads as a sector of the
// last chunk that never was written.
func asUnwritten(name string, good []byte, h harm) bool {
	format := formatOf(filepath.Base(name))
	if format == nil {
		return false
	}
	for at := 0; at < len(good); {
		end := format.good(good, at, min((at/chunkBlock+1)*chunkBlock, len(good)))
		if end == 0 {
			return false
		}
		if at <= h.at && h.at < end {
			return format.good(good, end, min((end/chunkBlock+1)*chunkBlock, len(good))) == 0 && unwritten(h.text[at:end], at, h.at-at)
		}
		at = end
	}
	return false
}

// TestDamageToAnyFileIsNamed plants damage all over a log that was closed, and
// all over what a kill left of one, old or young: each is named, or what is read is all that
// was there. Never is anything repaired in silence. Only of what was killed can
// the write-ahead log and the manifest be cut off, or zeroed, as if the disk had
// never had it: such an end is passed over, and what is before it is as it was.
func TestDamageToAnyFileIsNamed(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: it damages file after file; leave out -short to run it")
	}
	for _, left := range []string{"closed", "killed", "killed young"} {
		t.Run(left, func(t *testing.T) {
			killed := left != "closed"
			random, most := damageSeed(t)
			dir := filepath.Join(t.TempDir(), "log")
			whole := damageable(t, dir, killed, left == "killed young")
			files := contents(t, dir)
			named, harmless, shorter := 0, 0, 0
			try := func(name string, h harm, open func(Options) (*Log, error), dir string) {
				text, err := told(dir, open)
				var d *eventstore.DamageError
				ends := strings.HasSuffix(name, ".log") || strings.Contains(name, "MANIFEST")
				switch {
				case errors.As(err, &d), err != nil && strings.Contains(err.Error(), "is of format"):
					named++
				case err != nil:
					t.Errorf("%s: %s: it is no damage: %v", name, h.what, err)
				case text == whole:
					harmless++
				case killed && ends && (!h.byte || asUnwritten(name, files[name], h)) && strings.HasPrefix(whole, text[:max(0, strings.LastIndexByte(strings.TrimSuffix(text, "\n"), '\n'))]):
					shorter++
				default:
					t.Errorf("%s: %s: something else is read, in silence: %d bytes instead of %d", name, h.what, len(text), len(whole))
				}
			}
			for _, name := range slices.Sorted(maps.Keys(files)) { // in one order, or the seed tells nothing
				if strings.HasSuffix(name, "LOCK") {
					continue
				}
				good, path := files[name], dir+name
				most := most
				if strings.HasSuffix(name, apartSuffix) { // Pebble looks long for the bit that was flipped in their large blocks
					most = most/8 + 1
				}
				for _, h := range harms(good, random, most) {
					if err := os.WriteFile(path, h.text, 0o600); err != nil {
						t.Fatal(err)
					}
					if h.text == nil {
						if err := os.Remove(path); err != nil {
							t.Fatal(err)
						}
					}
					try(name, h, OpenStill, dir)
					if random.IntN(12) == 0 { // opened to be written, what is there may be changed
						copied := filepath.Join(t.TempDir(), "log")
						if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
							t.Fatal(err)
						}
						try(name, h, Open, copied)
					}
					if err := os.WriteFile(path, good, 0o600); err != nil {
						t.Fatal(err)
					}
				}
			}
			t.Logf("%d files: %d damages were named, %d changed nothing, %d were ends that a kill may leave", len(files), named, harmless, shorter)
			sameContents(t, files, contents(t, dir))
		})
	}
}
