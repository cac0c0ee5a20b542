package embedded

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"parley/eventstore"
)

func TestRunsOfPositions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		run := rapid.SliceOfNDistinct(rapid.Uint64Range(1, 1<<40), 1, 300, rapid.ID).Draw(t, "run")
		slices.Sort(run)
		got, ok := readRun(nil, run[len(run)-1], appendGaps(nil, run))
		if !ok || !slices.Equal(got, run) {
			t.Fatalf("%v became %v (%v)", run, got, ok)
		}
	})
	for _, gaps := range [][]byte{{0}, {5}, {6}, {0x80}, {2, 3}} {
		if run, ok := readRun(nil, 5, gaps); ok {
			t.Errorf("5 and %v are taken for %v", gaps, run)
		}
	}
}

// batched makes a log whose batches hold many appends, of few kinds, names and
// commands, and gives its records as they must be read.
func batched(t *rapid.T, o Options) (l *Log, want []eventstore.Record) {
	l, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	commands := []uuid.UUID{uuid.Nil, uuid.New(), uuid.New(), uuid.New(), uuid.New(), uuid.New()}
	heads := map[string]eventstore.Revision{}
	large := rapid.IntRange(0, 3).Draw(t, "large") == 0
	for range rapid.IntRange(1, 4).Draw(t, "batches") {
		var waits []func() ([]eventstore.Record, error)
		for range rapid.IntRange(1, 30).Draw(t, "appends") {
			stream := fmt.Sprintf("k%d-%d", rapid.IntRange(0, 2).Draw(t, "kind"), rapid.IntRange(0, 3).Draw(t, "stream"))
			n := rapid.IntRange(1, 3).Draw(t, "records")
			if large {
				n *= 100
			}
			command, name := rapid.SampledFrom(commands).Draw(t, "command"), rapid.IntRange(0, 4).Draw(t, "name")
			records := make([]eventstore.Record, n)
			for i := range records {
				if !large {
					command, name = rapid.SampledFrom(commands).Draw(t, "command"), rapid.IntRange(0, 4).Draw(t, "name")
				}
				records[i] = eventstore.Record{ID: uuid.New(), Name: fmt.Sprintf("n.%d", name), Command: command, HappenedAt: time.Unix(1, 0), Data: []byte("{}")}
			}
			head, ok := heads[stream]
			if !ok {
				head = eventstore.None
			}
			heads[stream] = head + eventstore.Revision(n)
			wait, err := l.Begin(context.Background(), stream, head, records...)
			if err != nil {
				t.Fatal(err)
			}
			waits = append(waits, wait)
		}
		for _, wait := range waits {
			done, err := wait()
			if err != nil {
				t.Fatal(err)
			}
			want = append(want, done...)
		}
	}
	return l, want
}

// holdsIndexes compares what the indexes give with what is on record.
func holdsIndexes(t *rapid.T, l *Log, want []eventstore.Record) {
	head := len(want)
	draw := func(label string) eventstore.Position {
		return eventstore.Position(rapid.IntRange(0, head).Draw(t, label))
	}
	for range 12 {
		q := eventstore.Query{After: draw("after"), Until: draw("until"), Backwards: rapid.Bool().Draw(t, "backwards"), Limit: rapid.IntRange(0, 40).Draw(t, "limit")}
		if q.Backwards {
			q.From = eventstore.None
		}
		switch rapid.IntRange(0, 2).Draw(t, "by") {
		case 0:
			q.Names = []string{"n.1", "n.3"}[:rapid.IntRange(1, 2).Draw(t, "names")]
		case 1:
			q.Kinds = []string{"k0", "k2"}[:rapid.IntRange(1, 2).Draw(t, "kinds")]
		default:
			q.Command = want[rapid.IntRange(0, head-1).Draw(t, "of")].Command
			if q.Command == uuid.Nil {
				continue
			}
		}
		var expected []eventstore.Position
		for _, r := range want {
			if r.Position > q.After && (q.Until == 0 || r.Position <= q.Until) &&
				(q.Names == nil || slices.Contains(q.Names, r.Name)) && (q.Kinds == nil || slices.Contains(q.Kinds, r.Kind())) &&
				(q.Command == uuid.Nil || r.Command == q.Command) {
				expected = append(expected, r.Position)
			}
		}
		if q.Backwards {
			slices.Reverse(expected)
		}
		if q.Limit > 0 && len(expected) > q.Limit {
			expected = expected[:q.Limit]
		}
		s, err := l.scan(q, eventstore.Position(head))
		if err != nil {
			t.Fatal(err)
		}
		if !s.done && q.Command == uuid.Nil {
			s.source = (*scan).byIndex // as in a log so long that it is less work
		}
		var got []eventstore.Position
		for !s.done && (q.Limit == 0 || len(got) < q.Limit) {
			limit := 7
			if q.Limit > 0 {
				limit = min(limit, q.Limit-len(got))
			}
			records, err := s.chunk(limit)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range records {
				got = append(got, r.Position)
			}
		}
		if !slices.Equal(got, expected) {
			t.Fatalf("%+v gives %v, want %v", q, got, expected)
		}
	}
	for _, text := range []string{"k0", "k1", "n.0", "n.2"} {
		by, count, at := ByKind, uint64(0), draw("at")
		if text[0] == 'n' {
			by = ByName
		}
		for _, r := range want {
			if r.Kind() != text && r.Name != text {
				continue
			}
			if p, ok, err := l.Find(by, text, count); err != nil || !ok || p != r.Position {
				t.Fatalf("%s %d is at %d, found %d, %v, %v", text, count, r.Position, p, ok, err)
			}
			if count++; r.Position <= at {
				continue
			}
			if n, err := l.Count(by, text, r.Position-1); err != nil || n != count-1 {
				t.Fatalf("%s before %d: %d, %v, want %d", text, r.Position, n, err, count-1)
			}
			break
		}
	}
	if _, err := l.Check(context.Background(), nil); err != nil {
		t.Fatal(err)
	}
}

// TestIndexesOfBatches reads logs through their indexes, after a restart as well.
func TestIndexesOfBatches(t *testing.T) {
	alone(t)
	rapid.Check(t, func(t *rapid.T) {
		o := Options{Dir: "log", FS: vfs.NewMem()}
		l, want := batched(t, o)
		holdsIndexes(t, l, want)
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		l, err := Open(o)
		if err != nil {
			t.Fatal(err)
		}
		holdsIndexes(t, l, want)
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// asBefore makes a log one of the format before: an index entry for each record.
func asBefore(t *rapid.T, o Options, records []eventstore.Record) {
	l, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	b := l.db.NewBatch()
	put := func(key, value []byte) {
		if err := b.Set(key, value, nil); err != nil {
			t.Fatal(err)
		}
	}
	for _, space := range []byte{spaceKind, spaceName, spaceCommand} {
		if err := b.DeleteRange([]byte{space}, []byte{space + 1}, nil); err != nil {
			t.Fatal(err)
		}
	}
	ordinals := map[string]uint64{}
	for _, r := range records {
		put(entryKey(nil, spaceKind, r.Kind(), uint64(r.Position)), binary.AppendUvarint(nil, ordinals[r.Kind()]))
		put(entryKey(nil, spaceName, r.Name, uint64(r.Position)), binary.AppendUvarint(nil, ordinals[r.Name]))
		ordinals[r.Kind()]++
		ordinals[r.Name]++
		if r.Command != uuid.Nil {
			put(commandKey(nil, r.Command, r.Position), nil)
			put(commandPrefix(nil, r.Command), nil)
		}
	}
	if err := errors.Join(b.Delete(keyFormat, nil), b.Commit(pebble.Sync), b.Close()); err != nil {
		t.Fatal(err)
	}
	l.writer.wrote = true
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := writeWhole(o.FS, o.Dir, formatFile, formatLine+formatBefore+"\nstore "+l.store+"\n"); err != nil {
		t.Fatal(err)
	}
}

// TestALogOfTheFormatBefore is read as it is, goes on in the new one, and is then
// refused by whoever knows only the old.
func TestALogOfTheFormatBefore(t *testing.T) {
	alone(t)
	rapid.Check(t, func(t *rapid.T) {
		o := Options{Dir: "log", FS: vfs.NewMem()}
		l, want := batched(t, o)
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		asBefore(t, o, want)
		still, err := OpenStill(o)
		if err != nil {
			t.Fatal(err)
		}
		holdsIndexes(t, still, want)
		if err := still.Close(); err != nil {
			t.Fatal(err)
		}
		if is, _, err := readFormat(o.FS, o.Dir); err != nil || is.version != formatBefore {
			t.Fatalf("looking at it made it %v (%v)", is, err)
		}
		if l, err = Open(o); err != nil {
			t.Fatal(err)
		}
		holdsIndexes(t, l, want)
		for n := range 3 { // of a command that is on record, and a new stream
			r := want[rapid.IntRange(0, len(want)-1).Draw(t, "again")]
			more := eventstore.Record{ID: uuid.New(), Name: r.Name, Command: r.Command, HappenedAt: time.Unix(1, 0), Data: []byte("{}")}
			done, err := l.Append(context.Background(), fmt.Sprintf("k0-new%d", n), eventstore.None, more, more)
			if err != nil {
				t.Fatal(err)
			}
			want = append(want, done...)
		}
		holdsIndexes(t, l, want)
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		is, _, err := readFormat(o.FS, o.Dir)
		if err != nil || is.version != formatVersion {
			t.Fatalf("it is of format %v (%v)", is, err)
		}
		if err := writeWhole(o.FS, o.Dir, formatFile, formatLine+formatBefore+"\nstore "+is.store+"\n"); err != nil {
			t.Fatal(err)
		}
		if _, err = Open(o); err == nil || !strings.Contains(err.Error(), "the log itself says") {
			t.Fatalf("a format file that names the one before: %v", err)
		}
	})
}
