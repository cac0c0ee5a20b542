package embedded

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"parley/eventstore"
)

// keysWriting is the file that is locked while one of several processes writes.
const keysWriting = "WRITING"

// keysPatience is how long somebody waits for another who writes, which takes
// milliseconds: one who was stopped in the middle would hold up all.
const keysPatience = 3 * time.Second

// turn lets one at a time write keys, in this process and among all.
type turn struct {
	file *os.File
	here chan struct{} // full while somebody of this process has the turn
	wait func(time.Duration) <-chan time.Time
	held atomic.Bool // by another process, for longer than somebody waited
}

func openTurn(name string) (*turn, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	return &turn{file: f, here: make(chan struct{}, 1), wait: time.After}, err
}

// alone does something while nobody else writes.
func (t *turn) alone(do func() error) (err error) {
	if err := t.enter(); err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, unlockWriting(t.file))
		<-t.here
	}()
	return do()
}

// enter waits for the turn here and then for the lock among all, for so long. That
// lock knows no bound, but a queue: who gives up leaves the turn to his wait, which
// ends both when the lock comes. Until then nobody else need try.
func (t *turn) enter() error {
	if t.held.Load() {
		return eventstore.ErrKeysHeld
	}
	late := t.wait(keysPatience)
	select {
	case t.here <- struct{}{}:
	case <-late:
		return eventstore.ErrKeysHeld
	}
	got := make(chan error, 1)
	go func() { got <- lockWriting(t.file) }()
	select {
	case err := <-got:
		if err != nil {
			<-t.here
			return fmt.Errorf("eventstore: cannot lock %s: %w", t.file.Name(), err)
		}
		return nil
	case <-late:
	}
	t.held.Store(true)
	go func() {
		if <-got == nil {
			_ = unlockWriting(t.file) // fails only when the file was closed, which gave the lock back
		}
		t.held.Store(false)
		<-t.here
	}()
	return eventstore.ErrKeysHeld
}
