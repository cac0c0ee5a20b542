package embedded

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"parley/eventstore"
)

// crashSeeds are the seeds to run: 40, a few of them in the short run, or as many as
// PARLEY_CRASH_SEEDS says.
func crashSeeds(t *testing.T) iter.Seq[uint64] {
	n := 40
	if testing.Short() {
		n = 5
	}
	if text := os.Getenv("PARLEY_CRASH_SEEDS"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil {
			t.Fatalf("PARLEY_CRASH_SEEDS: %v", err)
		}
	}
	return func(yield func(uint64) bool) {
		for seed := range uint64(n) {
			if !yield(seed + 1) {
				return
			}
		}
	}
}

// witness notes what was acknowledged, until the crash.
type witness struct {
	mu      sync.Mutex
	records []eventstore.Record
	marks   map[string]uint64 // the highest acknowledged revision
	left    int
	crash   func() // called once, with mu held
	over    chan struct{}
}

// saw notes something acknowledged and says whether to go on. The disk is cut
// off with mu held: everything noted was acknowledged before.
func (w *witness) saw(note func()) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case <-w.over:
		return false
	default:
	}
	note()
	if w.left--; w.left == 0 {
		w.crash()
		close(w.over)
		return false
	}
	return true
}

// appended tells how many records an append of the crash test has.
func appended(first eventstore.Record) int { return 1 + int(first.ID[15]%5) }

// crashLog writes from several sides until the disk is cut off.
func crashLog(seed uint64, percent int, unsynced bool) error {
	random := rand.New(rand.NewPCG(seed, 2))
	disk := vfs.NewCrashableMem()
	l, err := Open(Options{Dir: "data/log", FS: disk, unsynced: unsynced, learnAfter: seed % 2})
	if err != nil {
		return err
	}
	var crashed *vfs.MemFS
	w := &witness{left: 1 + random.IntN(400), marks: map[string]uint64{}, over: make(chan struct{})}
	w.crash = func() {
		crashed = disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: random})
	}
	flushes := random.IntN(3)
	var wg sync.WaitGroup
	for n := range 6 {
		wg.Go(func() { crashWriter(l, w, n) })
	}
	wg.Go(func() { crashMarker(l, w) })
	wg.Go(func() {
		for range flushes {
			_ = l.db.Flush() // compactions and flushes at the crash, too
		}
	})
	wg.Wait()
	if err := errors.Join(l.stoppedBy(), l.Close()); err != nil {
		return err
	}
	return w.compare(crashed)
}

// crashWriter appends to streams of its own and to one that all fight for.
func crashWriter(l *Log, w *witness, n int) {
	ctx := context.Background()
	revisions := map[string]eventstore.Revision{}
	for i := 0; ; i++ {
		stream := fmt.Sprintf("line-%d-%d", n, i%7)
		if i%3 == 0 {
			stream = "line-contested"
		}
		expected, ok := revisions[stream]
		if !ok {
			expected = eventstore.None
		}
		first := sample()
		records := []eventstore.Record{first}
		for len(records) < appended(first) {
			more := sample()
			more.ID, more.Command = first.ID, first.Command
			records = append(records, more)
		}
		done, err := l.Append(ctx, stream, expected, records...)
		var conflict *eventstore.ConflictError
		if errors.As(err, &conflict) {
			revisions[stream] = conflict.Actual
			continue
		}
		if err != nil {
			return
		}
		revisions[stream] = done[len(done)-1].Revision
		if !w.saw(func() { w.records = append(w.records, done...) }) {
			return
		}
	}
}

func crashMarker(l *Log, w *witness) {
	for {
		info, err := l.Info(context.Background())
		if err != nil {
			return
		}
		m, err := l.Mark(context.Background(), "cursor", func(eventstore.Mark) ([]byte, bool) {
			return strconv.AppendUint(nil, uint64(info.Head), 10), true
		})
		if err != nil || !w.saw(func() { w.marks["cursor"] = m.Revision }) {
			return
		}
	}
}

// compare opens what the crash left and looks for what was acknowledged.
func (w *witness) compare(crashed *vfs.MemFS) error {
	l, err := Open(Options{Dir: "data/log", FS: crashed, learnAfter: 1})
	if err != nil {
		return fmt.Errorf("opening after the crash: %w", err)
	}
	defer l.Close()
	ctx := context.Background()
	if _, err := l.Check(ctx, nil); err != nil {
		return err
	}
	kept := map[eventstore.Position]eventstore.Record{}
	left := 0
	for r, err := range l.Read(ctx, eventstore.Query{}) {
		if err != nil {
			return err
		}
		kept[r.Position] = r
		if left == 0 {
			left = appended(r)
		}
		left--
	}
	if left != 0 {
		return fmt.Errorf("the last append is not whole: %d records are missing", left)
	}
	for _, r := range w.records {
		got, ok := kept[r.Position]
		if !ok || got.ID != r.ID || got.Stream != r.Stream || got.Revision != r.Revision || !got.RecordedAt.Equal(r.RecordedAt) || string(got.Data) != string(r.Data) {
			return fmt.Errorf("%s@%d at %d was acknowledged and is lost", r.Stream, r.Revision, r.Position)
		}
	}
	m, err := l.Mark(ctx, "cursor", nil)
	if err != nil {
		return err
	}
	if m.Revision < w.marks["cursor"] {
		return fmt.Errorf("the mark was acknowledged at %d and is at %d", w.marks["cursor"], m.Revision)
	}
	if at, _ := strconv.Atoi(string(m.Value)); at > len(kept) {
		return fmt.Errorf("the mark is at %d, beyond the head %d", at, len(kept))
	}
	_, err = l.Append(ctx, "line-after", eventstore.None, sample())
	return err
}

func TestSurvivesCrashes(t *testing.T) {
	for seed := range crashSeeds(t) {
		for _, percent := range []int{0, 50} {
			if err := crashLog(seed, percent, false); err != nil {
				t.Fatalf("seed %d, %d%% of what was not synced kept: %v", seed, percent, err)
			}
		}
	}
}

func TestCrashTestSeesAMissingSync(t *testing.T) {
	for seed := range uint64(10) {
		if crashLog(seed, 0, true) != nil {
			return
		}
	}
	t.Fatal("without a sync the crash test must fail")
}
