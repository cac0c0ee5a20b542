package projections

import (
	"context"
	"errors"
	"sync"

	"parley/eventstore"
)

// itemsAhead bounds how far the log is decoded ahead of the folds.
const itemsAhead = 20_000

// feed carries the log from the goroutine that reads and decodes it to the one
// that folds, all that has gathered at a time.
type feed struct {
	mu       sync.Mutex
	items    []item
	read     eventstore.Position
	caughtUp bool
	err      error

	bell chan struct{} // something is there
	room chan struct{} // all was taken
}

func newFeed(after eventstore.Position) *feed {
	return &feed{read: after, bell: make(chan struct{}, 1), room: make(chan struct{}, 1)}
}

// fill follows the log until ctx is done or the log fails.
func (f *feed) fill(ctx context.Context, log eventstore.Log, d Decoder, after eventstore.Position, filter eventstore.Filter) {
	failure := errors.New("projections: the log ended")
	for u, err := range log.Follow(ctx, after, filter) {
		if err != nil {
			failure = err
			break
		}
		if !f.add(u, d) {
			continue
		}
		select {
		case <-f.room:
		case <-ctx.Done():
			return
		}
	}
	f.mu.Lock()
	f.err = failure
	f.mu.Unlock()
	ring(f.bell)
}

// add takes one update; true when there is no room for more.
func (f *feed) add(u eventstore.Update, d Decoder) bool {
	var it item
	if u.Record != nil {
		it = prepare(d, u.Record)
	}
	f.mu.Lock()
	if u.Record != nil {
		f.items = append(f.items, it)
		f.read = max(f.read, u.Record.Position)
	}
	f.read, f.caughtUp = max(f.read, u.Position), u.CaughtUp
	full := len(f.items) >= itemsAhead
	f.mu.Unlock()
	ring(f.bell)
	return full
}

// take hands over all there is; used is the slice of the time before.
func (f *feed) take(used []item) (items []item, read eventstore.Position, caughtUp bool, err error) {
	clear(used)
	f.mu.Lock()
	items, f.items = f.items, used[:0]
	read, caughtUp, err = f.read, f.caughtUp, f.err
	f.mu.Unlock()
	if len(items) >= itemsAhead {
		ring(f.room)
	}
	return items, read, caughtUp, err
}

// ring rings a bell that may be ringing already.
func ring(bell chan struct{}) {
	select {
	case bell <- struct{}{}:
	default:
	}
}
