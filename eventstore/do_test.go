package eventstore

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"reflect"
	"slices"
	"sync"
	"testing"

	"github.com/google/uuid"

	"parley/domain"
)

func TestDoRecordsRefusesAndAnswersNothing(t *testing.T) {
	log := newMemLog()
	e, ctx := newEngine(t, log), t.Context()
	out, err := Do(ctx, e, rooms(), "1", enter{Guest: "anna"}, Meta{})
	if err != nil || out.Revision != 0 || len(out.Events) != 1 || out.Events[0] != any(entered{Guest: "anna"}) {
		t.Fatalf("got %+v, %v", out, err)
	}
	r := out.Records[0]
	if r.ID != eventID(r.Command, "room-1", 0) || r.Correlation != r.Command || r.Position != out.Position {
		t.Errorf("envelope %+v", r)
	}
	again, err := Do(ctx, e, rooms(), "1", enter{Guest: "anna"}, Meta{})
	if err != nil || len(again.Records) != 0 || again.Position != out.Position || again.Revision != 0 || again.Repeated {
		t.Errorf("doing it again: %+v, %v", again, err)
	}
	for _, guest := range []string{"b", "c"} {
		if _, err := Do(ctx, e, rooms(), "1", enter{Guest: guest}, Meta{}); err != nil {
			t.Fatal(err)
		}
	}
	refused, err := Do(ctx, e, rooms(), "1", enter{Guest: "d"}, Meta{})
	if !errors.Is(err, domain.Refuse("full", "", "")) || refused.Revision != 2 {
		t.Errorf("got %+v, %v", refused, err)
	}
	if _, err := Do(ctx, e, rooms(), "", enter{Guest: "d"}, Meta{}); err == nil {
		t.Error("a stream without an id was written")
	}
}

// Another process writes between: what the cache believes is confirmed before
// a refusal or an empty answer is given.
func TestARefusalIsAboutTheConfirmedHead(t *testing.T) {
	for name, log := range map[string]Log{"asked": newMemLog(), "known": knowingLog{newMemLog()}} {
		t.Run(name, func(t *testing.T) { refusedAboutTheHead(t, log) })
	}
}

// knowingLog tells a stream's last revision without being read.
type knowingLog struct{ *memLog }

func (l knowingLog) Last(stream string) (Revision, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return Revision(len(l.streams[stream])) - 1, true
}

func refusedAboutTheHead(t *testing.T, log Log) {
	here, there, ctx := newEngine(t, log), newEngine(t, log), t.Context()
	for _, guest := range []string{"a", "b", "c"} {
		if _, err := Do(ctx, here, rooms(), "1", enter{Guest: guest}, Meta{}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Do(ctx, there, rooms(), "1", leave{"a"}, Meta{}); err != nil {
		t.Fatal(err)
	}
	if out, err := Do(ctx, here, rooms(), "1", enter{Guest: "d"}, Meta{}); err != nil || out.Revision != 4 {
		t.Errorf("got %+v, %v", out, err)
	}
	if out, err := Do(ctx, there, rooms(), "1", leave{"d"}, Meta{}); err != nil || out.Revision != 5 {
		t.Errorf("got %+v, %v", out, err)
	}
}

func TestDoUnderConcurrencyLosesAndDoublesNothing(t *testing.T) {
	log := newMemLog()
	engines := []*Engine{newEngine(t, log), newEngine(t, log), newEngine(t, log)}
	var wait sync.WaitGroup
	for i := range 12 {
		wait.Go(func() {
			for n := range 20 {
				if _, err := Do(t.Context(), engines[i%3], tallies(), "t", count{fmt.Sprint(i)}, Meta{}); err != nil {
					t.Errorf("%d of %d: %v", n, i, err)
				}
			}
		})
	}
	wait.Wait()
	for _, e := range engines {
		s, revision, err := Load(t.Context(), e, tallies(), "t")
		if err != nil || revision != 239 || len(s.Count) != 12 {
			t.Fatalf("revision %d, %v, %v", revision, s, err)
		}
		for what, n := range s.Count {
			if n != 20 {
				t.Errorf("%s was counted %d times", what, n)
			}
		}
	}
}

func TestACommandRepeatedIsAnsweredAsBefore(t *testing.T) {
	log := newMemLog()
	e, ctx, command := newEngine(t, log), t.Context(), uuid.New()
	say := speak{"anna", "hello", []string{"x"}}
	first, err := Do(ctx, e, rooms(), "1", say, Meta{Command: command, BodyHash: []byte{1}})
	if err != nil || first.Repeated {
		t.Fatal(first, err)
	}
	if _, err := Do(ctx, e, rooms(), "1", speak{"bert", "and more", nil}, Meta{}); err != nil {
		t.Fatal(err)
	}
	for _, again := range []*Engine{e, NewEngine(log, e.Codec, nil, nil)} {
		second, err := Do(ctx, again, rooms(), "1", say, Meta{Command: command, BodyHash: []byte{1}})
		if err != nil || !second.Repeated || second.Position != first.Position || !reflect.DeepEqual(second.Events, first.Events) || !reflect.DeepEqual(second.Records, first.Records) {
			t.Errorf("got %+v, %v\nwant %+v", second, err, first)
		}
	}
	if _, err := Do(ctx, e, rooms(), "1", say, Meta{Command: command, BodyHash: []byte{2}}); !errors.Is(err, ErrKeyReused) {
		t.Errorf("another body under the same key: %v", err)
	}
	if n := len(log.all()); n != 2 {
		t.Errorf("%d records", n)
	}
	if _, err := Do(ctx, e, rooms(), "2", say, Meta{Command: command, BodyHash: []byte{2}}); !errors.Is(err, ErrKeyReused) {
		t.Errorf("another body under the same key, in another stream: %v", err)
	}
	other, err := Do(ctx, e, rooms(), "2", say, Meta{Command: command, BodyHash: []byte{1}})
	if err != nil || other.Repeated {
		t.Errorf("another stream is not a repeat: %+v, %v", other, err)
	}
}

// The append lands and its answer is lost: the repeat with the same ids finds
// its own records in the way and answers as if nothing had happened.
func TestAnAppendOfUnknownOutcomeLandsOnce(t *testing.T) {
	for name, command := range map[string]uuid.UUID{"named": uuid.New(), "unnamed": {}} {
		log := &faultyLog{memLog: newMemLog()}
		e, failures := newEngine(t, log), 2
		log.set(nil, func(string, []Record) error {
			if failures--; failures >= 0 {
				return errDisk
			}
			return nil
		})
		out, err := Do(t.Context(), e, rooms(), "1", speak{"anna", "hello", []string{"x"}}, Meta{Command: command})
		if err != nil || out.Repeated || !reflect.DeepEqual(out.Events, []any{spoke{"anna", "hello", []string{"x"}}}) {
			t.Errorf("%s: got %+v, %v", name, out, err)
		}
		if n := len(log.all()); n != 1 {
			t.Errorf("%s: %d records", name, n)
		}
		if s, revision, err := Load(t.Context(), e, rooms(), "1"); err != nil || revision != 0 || s.Said != 1 {
			t.Errorf("%s: state %v at %d, %v", name, s, revision, err)
		}
	}
}

// laggingLog is read as it stood some time ago.
type laggingLog struct {
	*faultyLog
	until Position // zero: it does not lag
}

func (l laggingLog) Read(ctx context.Context, q Query) iter.Seq2[Record, error] {
	q.Until = l.until
	return l.memLog.Read(ctx, q)
}

// The append lands and its answer is lost; the repeat is answered by one who has
// less of the stream than was read of it, and so shows nothing in the way. What
// was recorded is found in the end, whether it is read at once or later.
func TestAnAppendOfUnknownOutcomeLandsOnceThoughNothingIsShownInTheWay(t *testing.T) {
	for name, command := range map[string]uuid.UUID{"named": uuid.New(), "unnamed": {}} {
		for _, until := range []Position{0, 10} {
			log := &faultyLog{memLog: newMemLog()}
			e := newEngine(t, laggingLog{log, until})
			if _, err := Do(t.Context(), e, tallies(), "t", count{"before"}, Meta{}); err != nil {
				t.Fatal(err)
			}
			tries := 0
			log.set(func(stream string, _ []Record) error {
				if tries++; tries == 2 {
					return &ConflictError{Stream: stream, Expected: 0, Actual: None}
				}
				return nil
			}, func(string, []Record) error {
				if tries == 1 {
					return errDisk
				}
				return nil
			})
			out, err := Do(t.Context(), e, tallies(), "t", count{"once"}, Meta{Command: command})
			if err != nil || out.Repeated || out.Revision != 1 || len(out.Records) != 1 {
				t.Errorf("%s, read until %d: got %+v, %v", name, until, out, err)
			}
			if n := len(log.all()); n != 2 {
				t.Errorf("%s, read until %d: %d records", name, until, n)
			}
		}
	}
}

func TestAStoreThatStaysAwayIsAnError(t *testing.T) {
	log := &faultyLog{memLog: newMemLog()}
	e, tries := newEngine(t, log), 0
	log.set(func(string, []Record) error { tries++; return errDisk }, nil)
	if _, err := Do(t.Context(), e, rooms(), "1", enter{Guest: "anna"}, Meta{}); !errors.Is(err, errDisk) || tries != maxUnknown {
		t.Errorf("after %d tries: %v", tries, err)
	}
	log.set(nil, nil)
	if out, err := Do(t.Context(), e, rooms(), "1", enter{Guest: "anna"}, Meta{}); err != nil || out.Revision != 0 {
		t.Errorf("got %+v, %v", out, err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Do(gone, e, rooms(), "1", enter{Guest: "bert"}, Meta{}); err == nil {
		t.Error("a command whose request is gone was answered")
	}
}

// both records two events at once, the second about a person whose data may
// be erased, so that it fails between the first and the append.
type both struct{ Guest string }

func (c both) Decide(r room) ([]roomEvent, error) {
	return []roomEvent{entered{Guest: c.Guest}, spoke{Guest: c.Guest, Text: "here I am"}}, nil
}

func TestAFailureBetweenDecisionAndAppendLeavesTheStateWhole(t *testing.T) {
	log := newMemLog()
	e, ctx := newEngine(t, log), t.Context()
	if _, err := Do(ctx, e, rooms(), "1", enter{Guest: "anna"}, Meta{}); err != nil {
		t.Fatal(err)
	}
	if err := e.Codec.Keys.Destroy("visitor-bert"); err != nil {
		t.Fatal(err)
	}
	if _, err := Do(ctx, e, rooms(), "1", both{"bert"}, Meta{}); !errors.Is(err, ErrErased) {
		t.Errorf("got %v", err)
	}
	if s, _, err := Load(ctx, e, rooms(), "1"); err != nil || len(s.Guests) != 1 {
		t.Errorf("what was not recorded is in the state: %v, %v", s, err)
	}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		_, _ = Do(ctx, e, rooms(), "1", storm{}, Meta{})
	}()
	s, revision, err := Load(ctx, e, rooms(), "1")
	if err != nil || revision != 0 || len(s.Guests) != 1 {
		t.Errorf("state %v at %d, %v", s, revision, err)
	}
	s.Guests["ghost"] = 1
	if out, err := Do(ctx, e, rooms(), "1", both{"cara"}, Meta{}); err != nil || len(out.Events) != 2 || out.Records[1].Subject != "visitor-cara" {
		t.Errorf("got %+v, %v", out, err)
	}
	if s, _, _ := Load(ctx, e, rooms(), "1"); len(s.Guests) != 2 || s.Said != 1 {
		t.Errorf("what a caller did to its copy reached the state: %v", s)
	}
}

func TestNoEventSharesMemoryWithAState(t *testing.T) {
	log := newMemLog()
	e, ctx := newEngine(t, log), t.Context()
	if _, err := Do(ctx, e, rooms(), "1", enter{Guest: "anna"}, Meta{}); err != nil {
		t.Fatal(err)
	}
	out, err := Do(ctx, e, rooms(), "1", enterListing{"bert"}, Meta{})
	if err != nil || len(out.Events) != 2 {
		t.Fatal(out, err)
	}
	if got := string(out.Records[1].Data); got != `{"Guests":{"anna":1}}` {
		t.Errorf("the state moved under the event: %s", got)
	}
	out.Events[1].(listed).Guests["ghost"] = 1
	if out, err = Do(ctx, e, rooms(), "1", enumerate{}, Meta{}); err != nil {
		t.Fatal(err)
	}
	out.Events[0].(listed).Guests["ghost"] = 1
	if s, _, err := Load(ctx, e, rooms(), "1"); err != nil || len(s.Guests) != 2 {
		t.Errorf("the outcome reaches into the state: %v, %v", s, err)
	}
	back := restore{map[string]int{"anna": 1, "cara": 1}}
	if _, err := Do(ctx, e, rooms(), "1", back, Meta{}); err != nil {
		t.Fatal(err)
	}
	back.Guests["ghost"] = 1
	if s, _, err := Load(ctx, e, rooms(), "1"); err != nil || len(s.Guests) != 2 {
		t.Errorf("the command reaches into the state: %v, %v", s, err)
	}
}

func TestLongStreamsAreCarriedForward(t *testing.T) {
	log := newMemLog()
	e, ctx := newEngine(t, log), t.Context()
	if _, err := Do(ctx, e, rooms(), "1", enter{Guest: "anna"}, Meta{}); err != nil {
		t.Fatal(err)
	}
	var last Outcome
	command := uuid.New()
	for n := range carryEvery + 500 {
		m := Meta{}
		if n == carryEvery-1 {
			m.Command = command
		}
		out, err := Do(ctx, e, rooms(), "1", speak{"anna", "on and on", nil}, m)
		if err != nil || len(out.Events) != 1 {
			t.Fatal(n, out, err)
		}
		last = out
	}
	var at []Revision
	for _, r := range log.all() {
		if r.Name == "room.carried_forward" {
			at = append(at, r.Revision)
		}
	}
	if !slices.Equal(at, []Revision{carryEvery}) || last.Revision != carryEvery+501 {
		t.Fatalf("carried forward at %v, the last at %d", at, last.Revision)
	}
	if out, err := Do(ctx, e, rooms(), "1", speak{}, Meta{Command: command}); err != nil || len(out.Events) != 1 || !out.Repeated {
		t.Errorf("the repeat of what carried: %+v, %v", out, err)
	}
	other := newEngine(t, log)
	other.Codec = e.Codec
	h, err := load(ctx, other, rooms(), rooms().Stream("1"))
	if err != nil || h.since != 501 || h.value.Said != carryEvery+500 || h.value.Guests["anna"] != 1 {
		t.Errorf("loaded %+v, %v", h, err)
	}
	mine, revision, err := Load(ctx, e, rooms(), "1")
	if err != nil || revision != last.Revision || !reflect.DeepEqual(mine, h.value) {
		t.Errorf("state kept %v, rebuilt %v, %v", mine, h.value, err)
	}
}

func TestTheStatesKeptAreBounded(t *testing.T) {
	log := newMemLog()
	e := newEngine(t, log)
	e.states.entries, e.states.limit = 10, 1<<20
	for i := range 100 {
		if _, err := Do(t.Context(), e, tallies(), fmt.Sprint(i), count{"x"}, Meta{}); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(e.states.byStream); n != 10 || e.states.idle.Len() != 10 {
		t.Errorf("%d states, %d idle", n, e.states.idle.Len())
	}
	e.states.limit = 2000
	for i := range 100 {
		if _, err := Do(t.Context(), e, tallies(), fmt.Sprint(i), count{"x"}, Meta{}); err != nil {
			t.Fatal(err)
		}
	}
	if e.states.bytes > 2000 {
		t.Errorf("%d bytes", e.states.bytes)
	}
}

func BenchmarkDo(b *testing.B) {
	log := newMemLog()
	e := newEngine(b, log)
	for b.Loop() {
		if _, err := Do(b.Context(), e, tallies(), "t", count{"x"}, Meta{}); err != nil {
			b.Fatal(err)
		}
	}
}

// A command of several events moves the state on as it is prepared, so that each
// has its subject: what is kept afterwards is what is on record, and no more.
func TestAStateThatWasMovedOnIsKeptOnlyWhenItIsOnRecord(t *testing.T) {
	log := &faultyLog{memLog: newMemLog()}
	e, other, ctx := newEngine(t, log), newEngine(t, log.memLog), t.Context()
	holds := func(guests map[string]int) {
		t.Helper()
		s, _, err := Load(ctx, e, rooms(), "1")
		if err != nil || !reflect.DeepEqual(s.Guests, guests) {
			t.Errorf("the guests are %v, %v, want %v", s.Guests, err, guests)
		}
	}
	if _, err := Do(ctx, e, rooms(), "1", enterListing{"a"}, Meta{}); err != nil {
		t.Fatal(err)
	}
	holds(map[string]int{"a": 1})

	log.set(func(string, []Record) error { return ErrTooLarge }, nil)
	if _, err := Do(ctx, e, rooms(), "1", enterListing{"b"}, Meta{}); !errors.Is(err, ErrTooLarge) {
		t.Fatal(err)
	}
	holds(map[string]int{"a": 1})

	var once sync.Once
	log.set(func(string, []Record) (err error) {
		once.Do(func() { _, err = Do(ctx, other, rooms(), "1", enter{Guest: "x"}, Meta{}) })
		return err
	}, nil)
	if _, err := Do(ctx, e, rooms(), "1", enterListing{"c"}, Meta{}); err != nil {
		t.Fatal(err)
	}
	holds(map[string]int{"a": 1, "c": 1, "x": 1})
}

// turningLog lets somebody else have a turn before a stream is read.
type turningLog struct {
	*memLog
	turn func()
}

func (l *turningLog) Read(ctx context.Context, q Query) iter.Seq2[Record, error] {
	if turn := l.turn; turn != nil && q.Stream != "" {
		l.turn = nil
		turn()
	}
	return l.memLog.Read(ctx, q)
}

// Another process does this very command after this one has looked for it: it is
// answered with what that one recorded, not refused because of it.
func TestACommandThatAnotherProcessDoesMeanwhileIsRepeated(t *testing.T) {
	log := &turningLog{memLog: newMemLog()}
	here, there, ctx, command := newEngine(t, log), newEngine(t, log.memLog), t.Context(), uuid.New()
	for _, guest := range []string{"a", "b", "c"} {
		if _, err := Do(ctx, here, rooms(), "1", enter{Guest: guest}, Meta{}); err != nil {
			t.Fatal(err)
		}
	}
	log.turn = func() {
		if _, err := Do(ctx, there, rooms(), "1", leave{"a"}, Meta{}); err != nil {
			t.Error(err)
		}
		if _, err := Do(ctx, there, rooms(), "1", enter{Guest: "d"}, Meta{Command: command}); err != nil {
			t.Error(err)
		}
	}
	out, err := Do(ctx, here, rooms(), "1", enter{Guest: "d"}, Meta{Command: command})
	if err != nil || !out.Repeated || len(out.Events) != 1 || out.Revision != 4 {
		t.Errorf("got %+v, %v", out, err)
	}
}

// The same, where this process has no state at hand: the one it reads has that in
// it already, which is not done once more on top of it.
func TestACommandThatAnotherProcessDoesBeforeTheStateIsReadIsRepeated(t *testing.T) {
	for name, cmd := range map[string]domain.Command[room, roomEvent]{
		"what would be recorded again": speak{"anna", "hello", nil}, "what would be refused": leave{"a"},
	} {
		log := &turningLog{memLog: newMemLog()}
		here, there, ctx, command := newEngine(t, log), newEngine(t, log.memLog), t.Context(), uuid.New()
		if _, err := Do(ctx, there, rooms(), "1", enter{Guest: "a"}, Meta{}); err != nil {
			t.Fatal(err)
		}
		log.turn = func() {
			if _, err := Do(ctx, there, rooms(), "1", cmd, Meta{Command: command}); err != nil {
				t.Error(err)
			}
		}
		out, err := Do(ctx, here, rooms(), "1", cmd, Meta{Command: command})
		if err != nil || !out.Repeated || len(out.Events) != 1 || out.Revision != 1 {
			t.Errorf("%s: got %+v, %v", name, out, err)
		}
		if n := len(log.all()); n != 2 {
			t.Errorf("%s: %d records are there", name, n)
		}
	}
}

// The same, for another request under the same key: whoever was first has it.
func TestAKeyThatAnotherProcessUsesMeanwhileIsReused(t *testing.T) {
	log := &faultyLog{memLog: newMemLog()}
	here, there, ctx, command := newEngine(t, log), newEngine(t, log.memLog), t.Context(), uuid.New()
	log.set(func(string, []Record) error {
		_, err := Do(ctx, there, rooms(), "1", speak{"anna", "first", nil}, Meta{Command: command, BodyHash: []byte{1}})
		return err
	}, nil)
	out, err := Do(ctx, here, rooms(), "1", speak{"anna", "second", nil}, Meta{Command: command, BodyHash: []byte{2}})
	if !errors.Is(err, ErrKeyReused) {
		t.Errorf("got %+v, %v", out, err)
	}
}

func TestAGapInAStreamIsDamage(t *testing.T) {
	log := newMemLog()
	for range 3 {
		if _, err := Do(t.Context(), newEngine(t, log), tallies(), "t", count{"x"}, Meta{}); err != nil {
			t.Fatal(err)
		}
	}
	log.records = slices.Delete(log.records, 1, 2)
	s, revision, err := Load(t.Context(), newEngine(t, log), tallies(), "t")
	if _, damaged := errors.AsType[*DamageError](err); !damaged {
		t.Errorf("got %v at revision %d, %v", s, revision, err)
	}
}
