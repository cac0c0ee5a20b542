package eventstore

import (
	"context"
	"errors"
	"time"
)

// listen follows the log into a channel. Whoever can wait rests each time
// nothing more is there, and then takes all that came meanwhile: fewer are woken
// by each append. When following fails it goes on from
// where it was after a while, and tells failed why; it ends without an error
// when ctx is done, and with one when the log is closed.
func listen(ctx context.Context, log Log, after Position, f Filter, rest time.Duration, out chan<- Update, failed func(error)) error {
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, 5*time.Second) {
		for u, err := range log.Follow(ctx, after, f) {
			if err != nil {
				if errors.Is(err, ErrClosed) {
					return err
				}
				failed(err)
				break
			}
			after, wait = u.Position, 50*time.Millisecond
			select {
			case out <- u:
			case <-ctx.Done():
				return nil
			}
			if rest > 0 && u.CaughtUp && !pause(ctx, rest) {
				return nil
			}
		}
		if !pause(ctx, wait) {
			return nil
		}
	}
}
