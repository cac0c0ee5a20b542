package embedded

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/google/uuid"

	"parley/eventstore"
)

// TestAFilterKnowsAllItsLayers: what was added before a layer was full is known as
// well as what came after; once there is more than it takes, it is sure of nothing.
func TestAFilterKnowsAllItsLayers(t *testing.T) {
	var f bloomFilter
	f.whole.Store(true)
	var added []uuid.UUID
	add := func(when string) {
		t.Helper()
		added = append(added, uuid.New())
		f.add(added[len(added)-1])
		for n, id := range added {
			if f.new(id) {
				t.Fatalf("%s: the id that was added as number %d is taken for new", when, n)
			}
		}
	}
	add("one layer")
	f.layers[0].n = layerHolds
	add("two layers")
	if len(f.layers) != 2 || f.layers[1].n != 1 {
		t.Fatalf("%d layers, the last of %d", len(f.layers), f.layers[len(f.layers)-1].n)
	}
	if !f.new(uuid.New()) {
		t.Error("an id that nobody added is not new to a filter of two layers")
	}
	for f.layers[1].n = layerHolds; len(f.layers) < layersMost; {
		f.layers = append(f.layers, f.layers[1])
	}
	add("more than it takes")
	add("and again")
	if f.whole.Load() || f.learns() || f.layers != nil {
		t.Error("a filter that is full goes on as if it were not")
	}
	if f.complete(); f.new(added[0]) {
		t.Error("a filter that was full before it had learned all is sure of something")
	}
}

// manyKeys fills a log with more commands and streams than are learned at once.
func manyKeys(t *testing.T, o Options) (streams []string, commands []uuid.UUID) {
	t.Helper()
	l, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	var all []Ordered
	for n := range learnAtOnce/10 + 50 {
		records := make([]eventstore.Record, 11)
		for i := range records {
			records[i] = eventstore.Record{ID: uuid.New(), Name: "line.taken", Command: uuid.New(), Data: []byte("{}")}
			commands = append(commands, records[i].Command)
		}
		streams = append(streams, fmt.Sprintf("line-%d", n))
		all = append(all, Ordered{Stream: streams[n], Expected: eventstore.None, Records: records})
	}
	if err := errors.Join(l.AppendAll(t.Context(), all), l.Close()); err != nil {
		t.Fatal(err)
	}
	return streams, commands
}

// TestFiltersLearnALogOfManyKeys lets others have their turn in between: none is
// passed over, and what could not be read to its end is not taken for whole.
func TestFiltersLearnALogOfManyKeys(t *testing.T) {
	var fault atomic.Bool
	inject := errorfs.InjectorFunc(func(op errorfs.Op) error {
		if fault.Load() && op.Kind == errorfs.OpFileReadAt && strings.HasSuffix(op.Path, tableSuffix) {
			return errorfs.ErrInjected
		}
		return nil
	})
	o := Options{Dir: "log", FS: errorfs.Wrap(vfs.NewMem(), inject)}
	streams, commands := manyKeys(t, o)
	l, err := Open(o) // many records are slow to check
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	whole := func() bool { return l.commands.whole.Load() || l.streams.whole.Load() }
	if err := l.db.Flush(); err != nil {
		t.Fatal(err)
	}
	fault.Store(true)
	if l.learn(); whole() {
		t.Error("a log that could not be read is learned")
	}
	fault.Store(false)
	l.shut = true
	if l.learn(); whole() {
		t.Error("a log that is shut is learned")
	}
	l.shut = false
	if l.learn(); !l.commands.whole.Load() || !l.streams.whole.Load() {
		t.Error("the log is not learned")
	}
	for n, command := range commands {
		if l.commands.new(command) {
			t.Fatalf("command %d of %d is taken for new", n, len(commands))
		}
	}
	for _, stream := range streams {
		if l.isNewStream(stream) {
			t.Fatalf("%s is taken for new", stream)
		}
	}
}

// TestALogThatClosesLearnsNoMore: what was cut off is not taken for whole.
func TestALogThatClosesLearnsNoMore(t *testing.T) {
	o := Options{Dir: "log", FS: vfs.NewMem()}
	l := opened(t, o)
	if _, err := l.Append(t.Context(), "line-1", eventstore.None, sample()); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if l.learn(); l.commands.whole.Load() || l.streams.whole.Load() {
		t.Error("a log that is closed is learned")
	}
}
