package embedded

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/uuid"

	"parley/eventstore"
)

// TestCommandsOnRecordAreNeverNew: the filter may be unsure, never wrong, also
// for what was on record when the log was opened.
func TestCommandsOnRecordAreNeverNew(t *testing.T) {
	dir := t.TempDir()
	var on []uuid.UUID
	for turn := range 2 {
		l, err := Open(Options{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		for range 300 {
			r := eventstore.Record{ID: uuid.New(), Name: "line.taken", Command: uuid.New(), Data: []byte("{}")}
			if _, err := l.Append(t.Context(), "line-"+r.ID.String(), eventstore.None, r); err != nil {
				t.Fatal(err)
			}
			on = append(on, r.Command)
		}
		for !l.commands.whole.Load() { // asked often enough, it is filled in beside us
			if known, err := l.knows(uuid.New()); known || err != nil {
				t.Fatalf("a new command is on record: %v", err)
			}
		}
		for _, c := range on {
			if known, err := l.knows(c); l.commands.new(c) || err != nil || !known {
				t.Fatalf("turn %d: a command on record is taken for new (%v, %v)", turn, known, err)
			}
		}
		unsure := 0
		for range 1000 {
			c := uuid.New()
			if !l.commands.new(c) {
				unsure++
			}
			if known, err := l.knows(c); known || err != nil {
				t.Fatalf("a new command is on record: %v", err)
			}
		}
		if unsure > 10 {
			t.Errorf("turn %d: %d of 1000 new commands had to be looked for", turn, unsure)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestAFullLayerIsStillSure: with as many commands as a layer takes, few that
// are new have to be looked for.
func TestAFullLayerIsStillSure(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: it takes seconds; leave out -short to run it")
	}
	random := rand.New(rand.NewPCG(1, 2))
	fresh := func() (c uuid.UUID) {
		binary.LittleEndian.PutUint64(c[:8], random.Uint64())
		binary.LittleEndian.PutUint64(c[8:], random.Uint64())
		return c
	}
	var c bloomFilter
	c.whole.Store(true)
	var sample []uuid.UUID
	for n := range layerHolds {
		command := fresh()
		c.add(command)
		if n%1000 == 0 {
			sample = append(sample, command)
		}
	}
	for _, command := range sample {
		if c.new(command) {
			t.Fatal("a command that was added is taken for new")
		}
	}
	unsure := 0
	for range 100_000 {
		if !c.new(fresh()) {
			unsure++
		}
	}
	if unsure > 2000 {
		t.Errorf("%d of 100,000 new commands have to be looked for", unsure)
	}
	if len(c.layers) != 1 {
		t.Errorf("%d layers", len(c.layers))
	}
	c.add(fresh())
	if len(c.layers) != 2 {
		t.Errorf("%d layers after one more", len(c.layers))
	}
}

func BenchmarkKnows(b *testing.B) {
	l, err := Open(Options{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	for range b.N/50 + 1000 {
		r := eventstore.Record{ID: uuid.New(), Name: "line.taken", Command: uuid.New(), Data: []byte("{}")}
		if _, err := l.Append(b.Context(), "line-"+r.ID.String(), eventstore.None, r); err != nil {
			b.Fatal(err)
		}
	}
	for !l.commands.whole.Load() {
		if _, err := l.knows(uuid.New()); err != nil {
			b.Fatal(err)
		}
	}
	b.ResetTimer()
	for range b.N {
		if known, err := l.knows(uuid.New()); known || err != nil {
			b.Fatal(known, err)
		}
	}
}

// TestStreamsOnRecordAreNeverNew: a stream that is on record is always found,
// also one whose first record is lost and one that begins while the filter is
// filled in.
func TestStreamsOnRecordAreNeverNew(t *testing.T) {
	dir := t.TempDir()
	var on []string
	var lost string
	for turn := range 2 {
		l, err := Open(Options{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		begin := func() {
			stream := "line-" + uuid.NewString()
			for expected := eventstore.None; expected < 2; expected++ {
				r := eventstore.Record{ID: uuid.New(), Name: "line.taken", Command: uuid.New(), Data: []byte("{}")}
				if _, err := l.Append(t.Context(), stream, expected, r); err != nil {
					t.Fatal(err)
				}
			}
			on = append(on, stream)
		}
		read := func(stream string) (n int, err error) {
			for _, err := range l.Read(t.Context(), eventstore.Query{Stream: stream}) {
				if err != nil {
					return n, err
				}
				n++
			}
			return n, nil
		}
		for range 200 {
			begin()
		}
		for asked := 0; !l.streams.whole.Load(); asked++ { // asked often enough, it is filled in beside us
			if n, err := read("line-" + uuid.NewString()); n != 0 || err != nil {
				t.Fatalf("a new stream holds %d records (%v)", n, err)
			}
			if asked >= learnAfter && asked%100 == 0 {
				begin()
			}
		}
		for _, stream := range on {
			if n, err := read(stream); l.isNewStream(stream) || n != 3 || err != nil {
				t.Fatalf("turn %d: %s is on record and holds %d of 3 records (%v)", turn, stream, n, err)
			}
		}
		unsure := 0
		for range 1000 {
			if !l.isNewStream("line-" + uuid.NewString()) {
				unsure++
			}
		}
		if unsure > 10 {
			t.Errorf("turn %d: %d of 1000 new streams had to be looked for", turn, unsure)
		}
		if turn == 0 { // the next turn learns this one from what is left of it
			lost, on = on[0], on[1:]
			if err := l.db.Delete(entryKey(nil, spaceStream, lost, 0), nil); err != nil {
				t.Fatal(err)
			}
		} else if _, err := read(lost); err == nil {
			t.Error("a stream whose first record is lost is read as if nothing were missing")
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestAFilterThatIsFullIsSureOfNothing: also for who looked whether it is whole
// just before.
func TestAFilterThatIsFullIsSureOfNothing(t *testing.T) {
	f := bloomFilter{full: true}
	f.whole.Store(true)
	if f.new(uuid.New()) {
		t.Error("an id is new to a filter that holds none")
	}
}

// TestAFilterLearnsOnce: what a new log records is in its filters already.
func TestAFilterLearnsOnce(t *testing.T) {
	l := opened(t, Options{Dir: t.TempDir()})
	for n := range 20 {
		if _, err := l.Append(t.Context(), fmt.Sprintf("line-%d", n), eventstore.None, sample()); err != nil {
			t.Fatal(err)
		}
	}
	l.commands.full = true // as after many millions
	l.commands.whole.Store(false)
	l.learn()
	if n := l.streams.layers[0].n; n != 20 || l.commands.whole.Load() {
		t.Errorf("%d streams are counted", n)
	}
}
