//go:build unix

package embedded

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"parley/eventstore"
)

// holdKeys writes keys and does not come to an end, as a process does that was
// stopped in the middle; let ends it.
func holdKeys(t *testing.T, dir string) (let func()) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(dir, keysWriting), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	if err := lockWriting(f); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := unlockWriting(f); err != nil {
			t.Fatal(err)
		}
	}
}

// bounded are keys whose time to wait is the test's: begun tells of each wait, and
// over ends all.
func bounded(k *SharedKeys) (begun chan struct{}, over chan time.Time) {
	begun, over = make(chan struct{}, 100), make(chan time.Time)
	k.turn.wait = func(time.Duration) <-chan time.Time {
		begun <- struct{}{}
		return over
	}
	return begun, over
}

// inTime fails the test when something waits for who holds the keys.
func inTime[T any](t *testing.T, what string, do func() T) T {
	t.Helper()
	done := make(chan T, 1)
	go func() { done <- do() }()
	select {
	case v := <-done:
		return v
	case <-time.After(time.Minute):
		t.Fatalf("%s waits", what)
		panic("unreachable")
	}
}

// TestWhoHoldsTheKeysHoldsUpNoReader has one stop in the middle of a write: what is
// on the disk is read, and whoever needs more is told in time, until it goes on.
func TestWhoHoldsTheKeysHoldsUpNoReader(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	k, other := sharedKeys(t, dir), sharedKeys(t, dir)
	one := sharedKey(t, k, "contact-1")
	if err := k.Destroy("contact-gone"); err != nil {
		t.Fatal(err)
	}
	theirs, last := sharedKey(t, other, "contact-theirs"), sharedKey(t, other, "contact-last")
	file, err := os.ReadFile(k.name)
	if err != nil {
		t.Fatal(err)
	}
	let := holdKeys(t, dir)
	begun, over := bounded(k)
	answers := make(chan error, 2)
	go func() { _, err := k.Key("contact-new", true); answers <- err }()
	<-begun
	for len(k.turn.here) == 0 {
		runtime.Gosched()
	}
	go func() { answers <- k.Destroy("contact-1") }()
	<-begun
	read := func(subject string, want []byte) {
		t.Helper()
		err := inTime(t, subject, func() error {
			b, err := k.Key(subject, true)
			if err == nil && !bytes.Equal(b, want) {
				err = errors.New("it is another key")
			}
			return err
		})
		if want != nil && err != nil || want == nil && !errors.Is(err, eventstore.ErrNoKey) {
			t.Errorf("%s: %v", subject, err)
		}
	}
	read("contact-1", one)
	read("contact-gone", nil)
	read("contact-theirs", theirs) // made since by another, who made one more and so is done with it
	if err := inTime(t, "Stopped", k.Stopped); err != nil {
		t.Errorf("it says that it stopped by %v", err)
	}

	close(over)
	for range 2 {
		if err := inTime(t, "who needs to write", func() error { return <-answers }); !errors.Is(err, eventstore.ErrKeysHeld) {
			t.Errorf("who needs to write is told %v", err)
		}
	}
	if err := k.Stopped(); !errors.Is(err, eventstore.ErrKeysHeld) {
		t.Errorf("it says that it stopped by %v", err)
	}
	for _, subject := range []string{"contact-new", "contact-last"} { // the last may not be on the disk yet
		if b, err := k.Key(subject, true); !errors.Is(err, eventstore.ErrKeysHeld) {
			t.Errorf("%s: %x, %v", subject, b, err)
		}
	}
	if n := len(begun); n != 0 {
		t.Errorf("%d more waited for what was known to be held", n)
	}
	read("contact-1", one)
	if after, err := os.ReadFile(k.name); err != nil || !bytes.Equal(after, file) {
		t.Errorf("something was written meanwhile (%v)", err)
	}

	k.turn.wait = time.After
	let()
	k.turn.here <- struct{}{} // once the wait that was given up has had its turn
	<-k.turn.here
	if err := k.Stopped(); err != nil {
		t.Errorf("it says that it stopped by %v", err)
	}
	read("contact-last", last)
	if got := sharedKey(t, k, "contact-new"); !bytes.Equal(got, sharedKey(t, other, "contact-new")) {
		t.Error("a subject has two keys")
	}
	if err := k.Destroy("contact-1"); err != nil {
		t.Error(err)
	}
}

// TestHeldKeysAreClosed ends a server while another holds the keys: it does not wait
// for it, and the lock that it waited for is nobody's afterwards.
func TestHeldKeysAreClosed(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	k, err := OpenSharedKeys(dir)
	if err != nil {
		t.Fatal(err)
	}
	let := holdKeys(t, dir)
	_, over := bounded(k)
	close(over)
	for k.Stopped() == nil { // until the lock is waited for
		if _, err := k.Key("contact-1", true); !errors.Is(err, eventstore.ErrKeysHeld) {
			t.Fatalf("a key was made: %v", err)
		}
	}
	for range 2 {
		if err := inTime(t, "Close", k.Close); err != nil {
			t.Error(err)
		}
	}
	if _, err := k.Key("contact-1", false); !errors.Is(err, eventstore.ErrClosed) {
		t.Errorf("closed, it says %v", err)
	}
	let()
	sharedKey(t, sharedKeys(t, dir), "contact-1")
}
