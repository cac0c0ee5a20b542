package esdb

import (
	"errors"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"parley/eventstore"
	"parley/eventstore/embedded"
)

func index(t testing.TB, dir string) *embedded.Commands {
	t.Helper()
	c, err := embedded.OpenCommands(embedded.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func openedWith(t testing.TB, s *server, c eventstore.Commands) *Log {
	t.Helper()
	l, err := Open(t.Context(), Options{Address: s.url(), Patience: 5 * time.Minute, Commands: c})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func ofCommand(t *testing.T, l *Log, command uuid.UUID) (found []eventstore.Record) {
	t.Helper()
	for r, err := range l.Read(t.Context(), eventstore.Query{Command: command}) {
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, r)
	}
	return found
}

// TestACommandOfAnotherProcessIsFoundAtOnce appends through one log and asks
// another, each time as soon as the append was answered.
func TestACommandOfAnotherProcessIsFoundAtOnce(t *testing.T) {
	s := started(t)
	here, there := opened(t, s.url()), opened(t, s.url())
	for n := range 200 {
		r := event("line.taken", n)
		if len(ofCommand(t, there, r.Command)) > 0 {
			t.Fatal("a command that nobody made is found")
		}
		done, err := here.Append(t.Context(), "line-a", eventstore.Revision(n-1), r)
		if err != nil {
			t.Fatal(err)
		}
		found := ofCommand(t, there, r.Command)
		if len(found) != 1 || found[0].ID != r.ID || found[0].Position != done[0].Position {
			t.Fatalf("append %d is found as %+v", n, found)
		}
	}
}

// TestTheIndexOfCommandsIsKept closes and opens an index: it goes on where it
// was. Deleted, damaged or of another log it is made anew.
func TestTheIndexOfCommandsIsKept(t *testing.T) {
	s := started(t)
	dir := filepath.Join(t.TempDir(), "index")
	c := index(t, dir)
	l := openedWith(t, s, c)
	var commands []uuid.UUID
	add := func() {
		t.Helper()
		r := event("line.taken", len(commands))
		both := []eventstore.Record{r, event("line.left", 1)}
		both[1].Command = r.Command
		if _, err := l.Append(t.Context(), "line-a", eventstore.Revision(2*len(commands)-1), both...); err != nil {
			t.Fatal(err)
		}
		commands = append(commands, r.Command)
	}
	findAll := func() {
		t.Helper()
		for _, id := range commands {
			if found := ofCommand(t, l, id); len(found) != 2 || found[0].Position >= found[1].Position {
				t.Fatalf("%s is found as %+v", id, found)
			}
		}
		back := 0
		for r, err := range l.Read(t.Context(), eventstore.Query{Command: commands[0], Backwards: true}) {
			if err != nil || (back == 0) != (r.Revision == 1) {
				t.Fatalf("backwards: %+v, %v", r, err)
			}
			back++
		}
	}
	reopen := func() {
		t.Helper()
		for _, err := range []error{l.Close(), c.Close()} {
			if err != nil {
				t.Fatal(err)
			}
		}
		c = index(t, dir)
		l = openedWith(t, s, c)
	}
	add()
	findAll()
	reopen()
	info, err := l.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if at, err := c.Begin(info.Store); err != nil || at == 0 || at > info.Head {
		t.Errorf("it goes on at %d of %d: %v", at, info.Head, err)
	}
	add()
	findAll()
	if _, err := embedded.OpenCommands(embedded.Options{Dir: dir}); err == nil {
		t.Error("two hold it at once")
	}
	if at, err := c.Begin("another log"); err != nil || at != 0 {
		t.Errorf("of another log %d: %v", at, err)
	}
	reopen()
	findAll()
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

// brokenIndex is an index on a disk that failed.
type brokenIndex struct {
	eventstore.Commands
	begun int
}

var errDisk = errors.New("the disk failed")

func (b *brokenIndex) Begin(string) (eventstore.Position, error) {
	b.begun++
	return 0, errDisk
}

// TestAnIndexThatFailsIsTold asks over an index that cannot be used: each
// question tries it once, and says what is wrong with it.
func TestAnIndexThatFailsIsTold(t *testing.T) {
	s := started(t)
	broken := &brokenIndex{}
	l := openedWith(t, s, broken)
	if _, err := l.Append(t.Context(), "line-a", eventstore.None, event("line.taken", 1)); err != nil {
		t.Fatal(err)
	}
	const questions = 2
	for range questions {
		var failed error
		for _, err := range l.Read(t.Context(), eventstore.Query{Command: uuid.New()}) {
			failed = err
		}
		if !errors.Is(failed, errDisk) {
			t.Errorf("it is told as %v", failed)
		}
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if broken.begun != questions {
		t.Errorf("%d questions began it %d times", questions, broken.begun)
	}
}

// forgetful is an index that fails once, and has then lost what was in it.
type forgetful struct {
	inMemory
	fails atomic.Bool
}

func (f *forgetful) Add(upTo eventstore.Position, places []eventstore.CommandPlace) error {
	if f.fails.CompareAndSwap(true, false) {
		_, err := f.Begin("")
		return errors.Join(errDisk, err)
	}
	return f.inMemory.Add(upTo, places)
}

// TestAnIndexThatIsBegunAnewIsWaitedFor asks for a command of before the index failed
// for a moment: it is not said to be unknown while the index is filled again.
func TestAnIndexThatIsBegunAnewIsWaitedFor(t *testing.T) {
	s := started(t)
	c := &forgetful{inMemory: inMemory{most: memoryCommands}}
	l := openedWith(t, s, c)
	first := event("line.taken", 1)
	done, err := l.Append(t.Context(), "line-a", eventstore.None, first)
	if err != nil {
		t.Fatal(err)
	}
	if found := ofCommand(t, l, first.Command); len(found) != 1 {
		t.Fatalf("before it failed it finds %+v", found)
	}
	c.fails.Store(true)
	if _, err := l.Append(t.Context(), "line-a", 0, event("line.taken", 2)); err != nil {
		t.Fatal(err)
	}
	for failed := false; !failed; {
		l.commands.mu.Lock()
		running, news := l.commands.running, l.commands.news
		l.commands.mu.Unlock()
		if failed = !running; !failed {
			<-news
		}
	}
	if err := l.indexed(t.Context(), done[0].Position); err != nil { // who asked how far the log was before the second
		t.Fatal(err)
	}
	if places, err := c.Find(first.Command); err != nil || len(places) != 1 {
		t.Errorf("the index finds %+v, %v", places, err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

// TestTheIndexInMemoryIsBounded: a log that holds more commands than it takes is
// told to have an index on disk; none is said to be unknown.
func TestTheIndexInMemoryIsBounded(t *testing.T) {
	s := started(t)
	l := openedWith(t, s, &inMemory{most: 3})
	var last eventstore.Record
	for n := range 4 {
		last = event("line.taken", n)
		if _, err := l.Append(t.Context(), "line-a", eventstore.Revision(n-1), last); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		for _, err := range l.Read(t.Context(), eventstore.Query{Command: last.Command}) {
			if err == nil || !contains(err.Error(), "3 commands", "index in a folder") {
				t.Fatalf("asked for a command: %v", err)
			}
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}
