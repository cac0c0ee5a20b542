package embedded

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/uuid"

	"parley/eventstore"
)

// whole is a log of a few streams in which damage can be planted.
func whole(t *testing.T) *Log {
	l, err := Open(Options{Dir: "log", FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	for n := range 3 {
		if _, err := l.Append(t.Context(), fmt.Sprintf("line-%d", n), eventstore.None, sample(), sample(), sample()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := l.Mark(t.Context(), "cursor", func(eventstore.Mark) ([]byte, bool) { return []byte("3"), true }); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Check(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	return l
}

// TestDamageIsNamed plants each kind of damage below the log's feet: the check
// names it, and so does every reading that meets it.
func TestDamageIsNamed(t *testing.T) {
	alone(t)
	position, stream := positionKey(nil, 5), entryKey(nil, spaceStream, "line-1", 1)
	get := func(t *testing.T, l *Log, key []byte) []byte {
		b, err := l.get(key)
		if err != nil || b == nil {
			t.Fatalf("%q: %v", key, err)
		}
		return b
	}
	set := func(t *testing.T, l *Log, key, value []byte) {
		if err := l.db.Set(key, value, pebble.Sync); err != nil {
			t.Fatal(err)
		}
	}
	remove := func(t *testing.T, l *Log, key []byte) {
		if err := l.db.Delete(key, pebble.Sync); err != nil {
			t.Fatal(err)
		}
	}
	flip := func(key []byte, at int) func(*testing.T, *Log) {
		return func(t *testing.T, l *Log) {
			b := get(t, l, key)
			b[(at+len(b))%len(b)] ^= 1
			set(t, l, key, b)
		}
	}
	log, line := eventstore.Query{}, eventstore.Query{Stream: "line-1"}
	names := eventstore.Query{Names: []string{"conversation.message_sent"}}
	for _, test := range []struct {
		name  string
		plant func(*testing.T, *Log)
		says  string
		meets []eventstore.Query
	}{
		{"a flipped bit in data", flip(position, -5), "position 5", []eventstore.Query{log, names}},
		{"a flipped bit in the checksum", flip(position, 2), "position 5", []eventstore.Query{log}},
		{"a flipped bit in the version", flip(position, 0), "position 5", []eventstore.Query{log}},
		{"a flipped bit in a stream's copy", flip(stream, -5), "line-1 at revision 1", []eventstore.Query{line}},
		{"a position missing", func(t *testing.T, l *Log) { remove(t, l, position) }, "position 5", []eventstore.Query{log}},
		{"the last position missing", func(t *testing.T, l *Log) { remove(t, l, positionKey(nil, 9)) }, "position 9", []eventstore.Query{log}},
		{"a revision missing", func(t *testing.T, l *Log) { remove(t, l, stream) }, "line-1 at revision 1", []eventstore.Query{line}},
		{"a record in another's place", func(t *testing.T, l *Log) { set(t, l, position, get(t, l, positionKey(nil, 4))) }, "position 5", []eventstore.Query{log}},
		{"a revision in another's place", func(t *testing.T, l *Log) {
			set(t, l, stream, get(t, l, entryKey(nil, spaceStream, "line-1", 0)))
		}, "line-1 at revision 1", []eventstore.Query{line}},
		{"a kind's entry missing", func(t *testing.T, l *Log) { remove(t, l, entryKey(nil, spaceKind, "line", 6)) }, "kline", nil},
		{"a kind's entry that leaves one out", func(t *testing.T, l *Log) { set(t, l, entryKey(nil, spaceKind, "line", 6), []byte{5, 2}) }, "position 5", nil},
		{"a kind's entry that names one twice", func(t *testing.T, l *Log) { set(t, l, entryKey(nil, spaceKind, "line", 6), []byte{5, 1, 1, 1}) }, "out of order", nil},
		{"a kind's entry that cannot be read", func(t *testing.T, l *Log) { set(t, l, entryKey(nil, spaceKind, "line", 6), []byte{5, 0}) }, "cannot be read", nil},
		{"a name's entry missing", func(t *testing.T, l *Log) {
			remove(t, l, entryKey(nil, spaceName, "conversation.message_sent", 6))
		}, "nconversation.message_sent", nil},
		{"a command's entry that leaves one out", func(t *testing.T, l *Log) {
			r, err := decode(get(t, l, position))
			if err != nil {
				t.Fatal(err)
			}
			set(t, l, commandPrefix(nil, r.Command), []byte{77})
		}, "position 5", nil},
		{"a command's entry that cannot be read", func(t *testing.T, l *Log) {
			r, err := decode(get(t, l, position))
			if err != nil {
				t.Fatal(err)
			}
			set(t, l, commandPrefix(nil, r.Command), []byte{0x80})
		}, "cannot be read", nil},
		{"a command's mark missing", func(t *testing.T, l *Log) {
			r, err := decode(get(t, l, position))
			if err != nil {
				t.Fatal(err)
			}
			remove(t, l, commandPrefix(nil, r.Command))
		}, "not marked", nil},
		{"a key cut short", func(t *testing.T, l *Log) { set(t, l, []byte{spaceCommand, 1, 2}, nil) }, "wrong length", nil},
		{"a mark of a command that is not", func(t *testing.T, l *Log) { set(t, l, commandPrefix(nil, uuid.New()), nil) }, "is not", nil},
		{"an entry that points nowhere", func(t *testing.T, l *Log) { set(t, l, entryKey(nil, spaceKind, "line", 77), []byte{9}) }, "kline", nil},
		{"an entry of a kind that is not", func(t *testing.T, l *Log) { set(t, l, entryKey(nil, spaceKind, "case", 5), []byte{0}) }, "names 10 records", nil},
		{"a wrong ordinal", func(t *testing.T, l *Log) { set(t, l, entryKey(nil, spaceKind, "line", 6), []byte{7, 1, 1}) }, "ordinal", nil},
		{"a stream of its own", func(t *testing.T, l *Log) {
			set(t, l, entryKey(nil, spaceStream, "line-7", 0), get(t, l, stream))
		}, "the streams", nil},
		{"a mark", func(t *testing.T, l *Log) { set(t, l, markKey(nil, "cursor"), []byte("xxxxxx")) }, "cursor", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := whole(t)
			test.plant(t, l)
			report, err := l.Check(t.Context(), nil)
			var d *eventstore.DamageError
			if !errors.As(err, &d) || len(report.Damages) == 0 || !strings.Contains(err.Error(), test.says) {
				t.Errorf("check says %v, want %q", err, test.says)
			}
			for _, q := range test.meets {
				for _, backwards := range []bool{false, true} {
					q.Backwards = backwards
					if backwards {
						q.From = eventstore.None
					}
					if err := firstError(l, q); !errors.As(err, &d) || !strings.Contains(err.Error(), "damaged") {
						t.Errorf("reading %+v says %v", q, err)
					}
				}
			}
		})
	}
}

func firstError(l *Log, q eventstore.Query) error {
	for _, err := range l.Read(context.Background(), q) {
		if err != nil {
			return err
		}
	}
	return nil
}

// TestOptionsThatNameAnotherFolderAreDamage changes the end of the line that says
// where the write-ahead log is, as PARLEY_DAMAGE_SEED=1795961159413420536 did.
func TestOptionsThatNameAnotherFolderAreDamage(t *testing.T) {
	mem := vfs.NewCrashableMem()
	l, err := Open(Options{Dir: "log", FS: mem})
	if err != nil {
		t.Fatal(err)
	}
	left := mem.CrashClone(vfs.CrashCloneCfg{})
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	names, err := left.List("log/pebble")
	if err != nil {
		t.Fatal(err)
	}
	changed := false
	for _, name := range names {
		if !strings.HasPrefix(name, "OPTIONS") {
			continue
		}
		path := "log/pebble/" + name
		text, err := readWhole(left, path)
		if err != nil {
			t.Fatal(err)
		}
		bad := bytes.Replace(text, []byte("wal_dir=\n"), []byte("wal_dir=T"), 1)
		f, err := left.Create(path, vfs.WriteCategoryUnspecified)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(bad); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(f.Sync(), f.Close()); err != nil {
			t.Fatal(err)
		}
		changed = changed || !bytes.Equal(bad, text)
	}
	if !changed {
		t.Fatal("no options name the folder")
	}
	var d *eventstore.DamageError
	if _, err := Open(Options{Dir: "log", FS: left}); !errors.As(err, &d) {
		t.Fatalf("it is no damage: %v", err)
	}
}

// TestLostEndIsSeen takes away what was written last: opening notices.
func TestLostEndIsSeen(t *testing.T) {
	fs := vfs.NewMem()
	l, err := Open(Options{Dir: "log", FS: fs})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Append(t.Context(), "line-1", eventstore.None, sample(), sample()); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(l.db.Delete(positionKey(nil, 2), pebble.Sync), l.Close()); err != nil {
		t.Fatal(err)
	}
	_, err = Open(Options{Dir: "log", FS: fs})
	var d *eventstore.DamageError
	if !errors.As(err, &d) {
		t.Fatalf("got %v", err)
	}
}

// TestFlippedBitsInFiles flips bits all over the files of a log: whatever is
// read afterwards is what was written, or the damage is named.
func TestFlippedBitsInFiles(t *testing.T) {
	alone(t)
	dir := t.TempDir()
	l, err := Open(Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	for n := range 40 {
		if _, err := l.Append(t.Context(), fmt.Sprintf("line-%d", n), eventstore.None, sample(), sample()); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(l.db.Flush(), l.Close()); err != nil {
		t.Fatal(err)
	}
	tables, err := filepath.Glob(filepath.Join(dir, pebbleFolder, "*.sst"))
	records, failed := filepath.Glob(filepath.Join(dir, pebbleFolder, "*"+apartSuffix))
	if err := errors.Join(err, failed); err != nil || len(tables) == 0 || len(records) == 0 {
		t.Fatalf("%d tables, %d files of records: %v", len(tables), len(records), err)
	}
	for _, name := range append(tables, records...) {
		good, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		found := 0
		steps := 23
		if strings.HasSuffix(name, apartSuffix) {
			steps = 4 // Pebble looks long for the bit that was flipped
		}
		for at := 11; at < len(good); at += len(good)/steps + 1 {
			bad := bytes.Clone(good)
			bad[at] ^= 4
			if err := os.WriteFile(name, bad, 0o600); err != nil {
				t.Fatal(err)
			}
			if damagedAfter(t, dir, fmt.Sprintf("byte %d of %s", at, name)) {
				found++
			}
		}
		if err := os.WriteFile(name, good, 0o600); err != nil {
			t.Fatal(err)
		}
		if found == 0 {
			t.Errorf("no damage was found in %s", name)
		}
	}
	opened(t, Options{Dir: dir})
}

// damagedAfter opens and checks a log; it fails when records are lost or
// changed without a word, or when the word is no DamageError.
func damagedAfter(t *testing.T, dir, what string) bool {
	t.Helper()
	var d *eventstore.DamageError
	l, err := Open(Options{Dir: dir})
	if err != nil {
		if !errors.As(err, &d) {
			t.Errorf("%s: opening says %v", what, err)
		}
		return true
	}
	defer func() { _ = l.Close() }()
	n := 0
	for _, err = range l.Read(context.Background(), eventstore.Query{}) {
		n++
	}
	_, checked := l.Check(context.Background(), nil)
	for _, err := range []error{err, checked} {
		if err != nil && !errors.As(err, &d) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err == nil && n != 80 {
		t.Errorf("%s: %d records are read without a word", what, n)
	}
	if err != nil && checked == nil {
		t.Errorf("%s: reading says %v, the check nothing", what, err)
	}
	return err != nil || checked != nil
}
