package eventstore

import (
	"context"
	"sync"

	"github.com/google/uuid"
)

// Underway are the commands being done: two requests of one id, for whatever
// streams, are done one after the other, so that the second meets the first on
// record.
type Underway struct {
	mu sync.Mutex
	by map[uuid.UUID]chan struct{} // nil until somebody waits
}

// Enter waits until nobody does the command.
func (u *Underway) Enter(ctx context.Context, command uuid.UUID) error {
	for {
		u.mu.Lock()
		ended, busy := u.by[command]
		if !busy {
			if u.by == nil {
				u.by = map[uuid.UUID]chan struct{}{}
			}
			u.by[command] = nil
			u.mu.Unlock()
			return nil
		}
		if ended == nil {
			ended = make(chan struct{})
			u.by[command] = ended
		}
		u.mu.Unlock()
		select {
		case <-ended:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Leave lets the next one do it.
func (u *Underway) Leave(command uuid.UUID) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if ended := u.by[command]; ended != nil {
		close(ended)
	}
	delete(u.by, command)
}
