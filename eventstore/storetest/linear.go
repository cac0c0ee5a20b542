package storetest

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"parley/eventstore"
)

// attempt is an append of so many records to the one stream at a revision, or,
// with none, the reading of its last revision.
type attempt struct {
	expected eventstore.Revision
	records  int
}

// answer is the stream's revision as the attempt was told it, and whether it
// was refused.
type answer struct {
	revision eventstore.Revision
	refused  bool
}

// revisions is what a stream must seem to be to everyone at once: one number
// that appends at that number raise.
func revisions() porcupine.Model {
	return porcupine.Model{
		Init: func() any { return eventstore.None },
		Step: func(state, input, output any) (bool, any) {
			now, try, got := state.(eventstore.Revision), input.(attempt), output.(answer)
			if try.records == 0 {
				return got.revision == now, now
			}
			if got.refused {
				return try.expected != now && got.revision == now, now
			}
			after := now + eventstore.Revision(try.records)
			return try.expected == now && got.revision == after, after
		},
	}
}

// testLinear lets many append to and read one stream, often at a wrong
// revision, and asks whether there is one order of all they did that explains
// every answer.
func testLinear(t *testing.T, s Store) {
	const clients, tries = 6, 40
	var mu sync.Mutex
	var history []porcupine.Operation
	began := time.Now()
	var wg sync.WaitGroup
	for client := range clients {
		wg.Go(func() {
			known := eventstore.None
			for n := range tries {
				try := attempt{expected: known + eventstore.Revision(n%5)/4, records: (n + client) % 4}
				call := time.Since(began)
				got, err := attempted(t, s.Log, try)
				done := time.Since(began)
				if err != nil {
					t.Error(err)
					return
				}
				known = got.revision
				mu.Lock()
				history = append(history, porcupine.Operation{
					ClientId: client, Input: try, Output: got, Call: call.Nanoseconds(), Return: done.Nanoseconds(),
				})
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if result := porcupine.CheckOperationsTimeout(revisions(), history, patience); result != porcupine.Ok {
		t.Fatalf("no order of the %d answers explains them: %s", len(history), result)
	}
}

func attempted(t *testing.T, log eventstore.Log, try attempt) (answer, error) {
	if try.records == 0 {
		last := eventstore.None
		for r, err := range log.Read(limited(t), eventstore.Query{Stream: "line-1", From: eventstore.None, Backwards: true, Limit: 1}) {
			if err != nil {
				return answer{}, err
			}
			last = r.Revision
		}
		return answer{revision: last}, nil
	}
	done, err := log.Append(limited(t), "line-1", try.expected, events("line.taken", 1, try.records)...)
	var conflict *eventstore.ConflictError
	if errors.As(err, &conflict) {
		return answer{revision: conflict.Actual, refused: true}, nil
	}
	if err != nil {
		return answer{}, err
	}
	return answer{revision: done[len(done)-1].Revision}, nil
}
