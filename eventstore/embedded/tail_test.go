package embedded

import (
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"parley/eventstore"
)

// TestWhatACommandRecordedIsAtHand holds what is told of a command without reading
// to what reading gives, with rings of few records that forget soon.
func TestWhatACommandRecordedIsAtHand(t *testing.T) {
	alone(t)
	rapid.Check(t, func(t *rapid.T) {
		l, err := Open(Options{Dir: "log", FS: vfs.NewMem(), tailRecords: rapid.IntRange(1, 9).Draw(t, "ring"), headsKept: 10})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		commands := []uuid.UUID{uuid.Nil, {1}, {2}, {3}, {4}, {5}, {6}, {7}}
		seen, heads := map[uuid.UUID]bool{}, map[string]eventstore.Revision{}
		for range rapid.IntRange(1, 20).Draw(t, "appends") {
			stream := fmt.Sprintf("k-%d", rapid.IntRange(0, 2).Draw(t, "stream"))
			records := make([]eventstore.Record, rapid.IntRange(1, 4).Draw(t, "records"))
			command, mixed, first := rapid.SampledFrom(commands).Draw(t, "command"), rapid.Bool().Draw(t, "mixed"), false
			for i := range records {
				if mixed {
					command = rapid.SampledFrom(commands).Draw(t, "of")
				}
				first = first || i == 0 && !seen[command]
				records[i] = eventstore.Record{ID: uuid.New(), Name: "n.a", Command: command, HappenedAt: time.Unix(1, 0).UTC(), Data: []byte("{}"), BodyHash: []byte{byte(i)}}
			}
			for _, r := range records {
				seen[r.Command] = true
			}
			head, ok := heads[stream]
			if !ok {
				head = eventstore.None
			}
			if _, err := l.Append(t.Context(), stream, head, records...); err != nil {
				t.Fatal(err)
			}
			heads[stream] = head + eventstore.Revision(len(records))
			for _, c := range commands[1:] {
				told, ok := l.Recorded(c)
				if first && !mixed && c == command && len(records) <= len(l.tail.ring) && !ok {
					t.Fatalf("what %s has just begun with is not at hand", c)
				}
				if !ok {
					if len(told) > 0 {
						t.Fatalf("%s: %v are told, and that they may not be all", c, told)
					}
					continue
				}
				var read []eventstore.Record
				for r, err := range l.Read(t.Context(), eventstore.Query{Command: c}) {
					if err != nil {
						t.Fatal(err)
					}
					read = append(read, r.Apart())
				}
				if !reflect.DeepEqual(read, told) {
					t.Fatalf("of %s are read\n%v\nand told\n%v", c, read, told)
				}
			}
		}
	})
}

// TestWhatIsNotSyncedIsNotRead reads a stream while the disk syncs what was
// appended to it last, which Pebble shows already.
func TestWhatIsNotSyncedIsNotRead(t *testing.T) {
	var l *Log
	seen := -1
	disk := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		syncs := op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData
		if !syncs || !strings.HasSuffix(op.Path, ".log") || l == nil || seen >= 0 {
			return nil
		}
		for b, err := l.get(positionKey(nil, 2)); b == nil && err == nil; b, err = l.get(positionKey(nil, 2)) {
			runtime.Gosched()
		}
		seen = 0
		for range l.Read(t.Context(), eventstore.Query{Stream: "line-1"}) {
			seen++
		}
		return nil
	}))
	log := opened(t, Options{Dir: "log", FS: disk})
	if _, err := log.Append(t.Context(), "line-1", eventstore.None, sample()); err != nil {
		t.Fatal(err)
	}
	l = log
	if _, err := log.Append(t.Context(), "line-1", 0, sample()); err != nil {
		t.Fatal(err)
	}
	if seen != 1 {
		t.Errorf("%d records were read while the second was being synced", seen)
	}
}
