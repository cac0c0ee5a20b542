package embedded

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"

	"parley/eventstore"
)

// try is an append at a revision of the one stream, or with no records the
// reading of its last revision; told is what was answered.
type try struct {
	expected eventstore.Revision
	records  int
}

type answered struct {
	revision eventstore.Revision
	refused  bool
	unknown  bool // nobody was told: it may have been written or not
}

// oneStream is what a stream must seem to be to everyone, over all crashes.
func oneStream() porcupine.Model {
	nondeterministic := porcupine.NondeterministicModel{
		Init: func() []any { return []any{eventstore.None} },
		Step: func(state, input, output any) []any {
			now, in, out := state.(eventstore.Revision), input.(try), output.(answered)
			after := now + eventstore.Revision(in.records)
			fits := in.expected == now
			switch {
			case out.unknown && fits:
				return []any{now, after}
			case out.unknown:
				return []any{now}
			case in.records == 0 && out.revision == now, out.refused && !fits && out.revision == now:
				return []any{now}
			case in.records > 0 && !out.refused && fits && out.revision == after:
				return []any{after}
			}
			return nil
		},
	}
	return nondeterministic.ToModel()
}

// history is what many were answered, until the machine stopped.
type history struct {
	mu    sync.Mutex
	began time.Time
	all   []porcupine.Operation
	ended bool
	stop  int    // after so many tries the machine stops
	crash func() // with mu held: what was noted as answered, was before
}

// ask notes one try; what is answered after the machine stopped, was told to
// nobody.
func (h *history) ask(client int, in try, do func() (answered, error)) (out answered, alive bool) {
	h.mu.Lock()
	if h.ended {
		h.mu.Unlock()
		return out, false
	}
	at := len(h.all)
	h.all = append(h.all, porcupine.Operation{
		ClientId: client, Input: in, Output: answered{unknown: true}, Call: time.Since(h.began).Nanoseconds(), Return: math.MaxInt64,
	})
	if h.crash != nil && len(h.all) >= h.stop {
		h.crash()
		h.ended = true
		h.mu.Unlock()
		return out, false
	}
	h.mu.Unlock()
	out, err := do()
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ended {
		return out, false
	}
	if err == nil && !out.unknown {
		h.all[at].Output, h.all[at].Return = out, time.Since(h.began).Nanoseconds()
	}
	return out, err == nil
}

func last(l *Log) (eventstore.Revision, error) {
	for r, err := range l.Read(context.Background(), eventstore.Query{Stream: "line-one", From: eventstore.None, Backwards: true, Limit: 1}) {
		return r.Revision, err
	}
	return eventstore.None, nil
}

// client appends to the one stream and reads it; now and then what it wrote is
// told to nobody, and it goes on as if it had not been.
func (h *history) client(l *Log, n int, random *rand.Rand) {
	known := eventstore.None
	for {
		in := try{expected: known, records: random.IntN(4)}
		if random.IntN(6) == 0 {
			in.expected++
		}
		out, alive := h.ask(n, in, func() (answered, error) {
			if in.records == 0 {
				r, err := last(l)
				return answered{revision: r}, err
			}
			records := make([]eventstore.Record, in.records)
			for i := range records {
				records[i] = sample()
			}
			done, err := l.Append(context.Background(), "line-one", in.expected, records...)
			if conflict, ok := errors.AsType[*eventstore.ConflictError](err); ok {
				return answered{revision: conflict.Actual, refused: true}, nil
			}
			if err != nil {
				return answered{}, err
			}
			return answered{revision: done[len(done)-1].Revision, unknown: random.IntN(12) == 0}, nil
		})
		if !alive {
			return
		}
		if !out.unknown {
			known = out.revision
		}
	}
}

// oneOrder lets many append to one stream and read it, over several crashes, and
// asks whether there is one order of all they did, told or not, that explains
// every answer.
func oneOrder(seed uint64, unsynced bool) error {
	random := rand.New(rand.NewPCG(seed, 11))
	disk := vfs.NewCrashableMem()
	h := &history{began: time.Now()}
	for life := range 4 {
		l, err := Open(Options{Dir: "log", FS: disk, unsynced: unsynced, learnAfter: seed % 2})
		if err != nil {
			return fmt.Errorf("life %d: %w", life, err)
		}
		h.ended, h.stop = false, len(h.all)+10+random.IntN(30)
		h.crash = func() {
			disk = disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: []int{0, 50, 100}[seed%3], RNG: random})
		}
		var wg sync.WaitGroup
		for n := range 4 {
			own := rand.New(rand.NewPCG(seed, uint64(100*life+n)))
			wg.Go(func() { h.client(l, n, own) })
		}
		wg.Wait()
		if err := l.Close(); err != nil {
			return err
		}
	}
	l, err := Open(Options{Dir: "log", FS: disk})
	if err != nil {
		return err
	}
	h.ended, h.crash = false, nil
	h.ask(0, try{}, func() (answered, error) { r, err := last(l); return answered{revision: r}, err })
	_, err = l.Check(context.Background(), nil)
	if err := errors.Join(err, l.Close()); err != nil {
		return err
	}
	if porcupine.CheckOperationsTimeout(oneStream(), h.all, 20*time.Second) == porcupine.Illegal {
		return fmt.Errorf("no order of the %d answers explains them", len(h.all))
	}
	return nil
}

func TestOneOrderExplainsAllAnswersOverCrashes(t *testing.T) {
	for seed := range crashSeeds(t) {
		if err := oneOrder(seed, false); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
}

func TestOneOrderSeesAMissingSync(t *testing.T) {
	for seed := range uint64(10) {
		if err := oneOrder(3*seed, true); err != nil {
			t.Logf("seen at seed %d: %v", 3*seed, err)
			return
		}
	}
	t.Fatal("without a sync answers must contradict each other")
}

// TestTheLogIsAsAPlainListOverCrashes holds the log against a plain list, through
// random appends, marks, closings, crashes and backups.
func TestTheLogIsAsAPlainListOverCrashes(t *testing.T) {
	alone(t)
	rapid.Check(t, func(t *rapid.T) {
		disk, dir := vfs.NewCrashableMem(), "log"
		open := func() *Log {
			l, err := Open(Options{Dir: dir, FS: disk, learnAfter: 1})
			if err != nil {
				t.Fatal(err)
			}
			return l
		}
		l := open()
		defer func() { _ = l.Close() }() // a failed run leaves it
		var list []eventstore.Record
		heads, mark, backups := map[string]eventstore.Revision{}, eventstore.Mark{}, 0
		stream := func(t *rapid.T) string { return fmt.Sprintf("line-%d", rapid.IntRange(0, 3).Draw(t, "stream")) }
		head := func(s string) eventstore.Revision {
			if n, ok := heads[s]; ok {
				return n
			}
			return eventstore.None
		}
		ctx := context.Background()
		t.Repeat(map[string]func(*rapid.T){
			"append": func(t *rapid.T) {
				s := stream(t)
				records := make([]eventstore.Record, rapid.IntRange(1, 4).Draw(t, "records"))
				for i := range records {
					records[i] = sample()
				}
				done, err := l.Append(ctx, s, head(s), records...)
				if err != nil {
					t.Fatal(err)
				}
				list, heads[s] = append(list, done...), head(s)+eventstore.Revision(len(done))
			},
			"append wrongly": func(t *rapid.T) {
				s := stream(t)
				wrong := head(s) + eventstore.Revision(rapid.SampledFrom([]int{1, 2, 5}).Draw(t, "beyond"))
				_, err := l.Append(ctx, s, wrong, sample())
				if conflict, ok := errors.AsType[*eventstore.ConflictError](err); !ok || conflict.Actual != head(s) {
					t.Fatalf("%v, the stream is at %d", err, head(s))
				}
			},
			"mark": func(t *rapid.T) {
				m, err := l.Mark(ctx, "cursor", func(eventstore.Mark) ([]byte, bool) { return fmt.Appendf(nil, "%d", len(list)), true })
				if err != nil || m.Revision != mark.Revision+1 {
					t.Fatalf("%+v after %+v: %v", m, mark, err)
				}
				mark = m
			},
			"flush": func(t *rapid.T) {
				if err := l.db.Flush(); err != nil {
					t.Fatal(err)
				}
			},
			"close": func(t *rapid.T) {
				if err := l.Close(); err != nil {
					t.Fatal(err)
				}
				l = open()
			},
			"crash": func(t *rapid.T) {
				seed := rapid.Uint64().Draw(t, "disk")
				next := disk.CrashClone(vfs.CrashCloneCfg{
					UnsyncedDataPercent: rapid.SampledFrom([]int{0, 50, 100}).Draw(t, "kept"), RNG: rand.New(rand.NewPCG(seed, 1)),
				})
				if err := l.Close(); err != nil {
					t.Fatal(err)
				}
				disk = next
				l = open()
			},
			"restore": func(t *rapid.T) {
				backups++
				to := fmt.Sprintf("backup-%d", backups)
				if err := errors.Join(l.Backup(ctx, to), l.Close()); err != nil {
					t.Fatal(err)
				}
				dir = to
				l = open()
			},
			"": func(t *rapid.T) {
				n := 0
				for r, err := range l.Read(ctx, eventstore.Query{}) {
					if err != nil {
						t.Fatal(err)
					}
					if n >= len(list) || r.ID != list[n].ID || r.Position != list[n].Position || r.Revision != list[n].Revision || !bytes.Equal(r.Data, list[n].Data) {
						t.Fatalf("record %d is another: %+v", n, r)
					}
					n++
				}
				m, err := l.Mark(ctx, "cursor", nil)
				if err != nil || n != len(list) || m.Revision != mark.Revision || !bytes.Equal(m.Value, mark.Value) {
					t.Fatalf("%d records instead of %d, the mark is %+v instead of %+v: %v", n, len(list), m, mark, err)
				}
				if _, err := l.Check(ctx, nil); err != nil {
					t.Fatal(err)
				}
			},
		})
	})
}
