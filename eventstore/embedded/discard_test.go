package embedded

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"parley/eventstore"
)

func TestOnlyALogWithoutRecordsIsDiscarded(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "log")
	l := opened(t, Options{Dir: dir})
	also := 0
	discard := func() error { return Discard(Options{Dir: dir}, func() error { also++; return nil }) }
	if err := discard(); !errors.Is(err, ErrLocked) {
		t.Errorf("one that is open: %v", err)
	}
	done, err := l.Append(t.Context(), "line-1", eventstore.None, sample())
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := discard(); !errors.Is(err, ErrRecorded) {
		t.Errorf("one that holds a record: %v", err)
	}
	l = opened(t, Options{Dir: dir})
	if info, err := l.Info(t.Context()); err != nil || info.Head != done[0].Position || also != 0 {
		t.Errorf("afterwards: %+v, %v, %d", info, err, also)
	}

	dir = filepath.Join(t.TempDir(), "log")
	if err := opened(t, Options{Dir: dir}).Close(); err != nil {
		t.Fatal(err)
	}
	if err := Discard(Options{Dir: dir}, func() error { return os.ErrPermission }); !errors.Is(err, os.ErrPermission) {
		t.Errorf("what belongs to it stays, and so must it: %v", err)
	}
	if err := discard(); err != nil || also != 1 {
		t.Fatalf("an empty one: %v, %d", err, also)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("it is there: %v", err)
	}
}
