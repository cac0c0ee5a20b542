package eventstore

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/google/uuid"
)

// TestOneIDForTwoRequestsAtOnce sends one command id to several streams at the same
// moment, each as another request: one of them is done, and can be repeated.
func TestOneIDForTwoRequestsAtOnce(t *testing.T) {
	e, ctx := newEngine(t, newMemLog()), t.Context()
	const streams = 6
	for turn := range 50 {
		command := uuid.New()
		errs := make([]error, streams)
		do := func(i int) error {
			_, err := Do(ctx, e, rooms(), fmt.Sprint(turn, "-", i), enter{Guest: "a"}, Meta{Command: command, BodyHash: []byte{byte(i)}})
			return err
		}
		var all sync.WaitGroup
		for i := range streams {
			all.Go(func() { errs[i] = do(i) })
		}
		all.Wait()
		done := 0
		for i, err := range errs {
			switch {
			case err == nil:
				done++
				if err := do(i); err != nil {
					t.Errorf("turn %d: repeated, it is refused: %v", turn, err)
				}
			case !errors.Is(err, ErrKeyReused):
				t.Error(err)
			}
		}
		if done != 1 {
			t.Fatalf("turn %d: %d were done", turn, done)
		}
	}
	if len(e.doing.by) > 0 {
		t.Errorf("%d are still being done", len(e.doing.by))
	}
}
