package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"

	"github.com/google/uuid"

	"parley/domain"
	"parley/domain/conversation"
	"parley/eventstore"
)

// asking is one command that was asked for, and what was answered.
type asking struct {
	intent  domain.Intent
	meta    eventstore.Meta
	records []eventstore.Record // acknowledged
}

// witness keeps a plain record of what was acknowledged, and of what was tried.
type witness struct {
	mu    sync.Mutex
	acks  []*asking // of all lives
	open  map[*asking]bool
	tries [][]uuid.UUID // appends of which the whole or nothing must be there
	upTo  eventstore.Position
	left  int
	crash func() // with mu held: all that was noted was acknowledged before
	ended bool
}

func newWitness() *witness { return &witness{open: map[*asking]bool{}} }

// begin counts down to the next crash; without one nothing is counted.
func (w *witness) begin(left int, crash func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.left, w.crash, w.ended = left, crash, false
}

func (w *witness) over() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ended
}

func (w *witness) total() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.acks)
}

// asks notes a command before it is made. After the crash nobody is there to
// ask: what a side learned since then never was.
func (w *witness) asks(a *asking) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.ended {
		w.open[a] = true
	}
}

// answered notes an answer, unless the machine stopped before it.
func (w *witness) answered(a *asking, out eventstore.Outcome, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended || failed(err) {
		return
	}
	delete(w.open, a)
	w.upTo = max(w.upTo, out.Position)
	if err != nil || len(out.Records) == 0 {
		return
	}
	a.records = out.Records
	w.acks = append(w.acks, a)
	if w.crash == nil {
		return
	}
	if w.left--; w.left == 0 {
		w.crash()
		w.ended = true
	}
}

// tried notes an append before it is made.
func (w *witness) tried(records []eventstore.Record) {
	ids := make([]uuid.UUID, len(records))
	for i, r := range records {
		ids[i] = r.ID
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tries = append(w.tries, ids)
}

// compare looks in a log that was just opened for what was acknowledged.
func (w *witness) compare(ctx context.Context, l *life) error {
	if _, err := l.bytes(ctx, nil); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	kept := map[uuid.UUID]eventstore.Record{}
	var head eventstore.Position
	for r, err := range l.log.Read(ctx, eventstore.Query{}) {
		if err != nil {
			return err
		}
		if err := readable(l, r); err != nil {
			return err
		}
		if first, twice := kept[r.ID]; twice {
			return fmt.Errorf("%s (%s) landed twice, at positions %d and %d", r.Name, r.Stream, first.Position, r.Position)
		}
		kept[r.ID], head = r, r.Position
	}
	if head < w.upTo {
		return fmt.Errorf("position %d was acknowledged, the log ends at %d", w.upTo, head)
	}
	for _, a := range w.acks {
		for _, r := range a.records {
			got, ok := kept[r.ID]
			if !ok || got.Position != r.Position || got.Stream != r.Stream || got.Revision != r.Revision || !got.RecordedAt.Equal(r.RecordedAt) || string(got.Data) != string(r.Data) {
				return fmt.Errorf("%s (%s, revision %d, position %d) was acknowledged and is lost", r.Name, r.Stream, r.Revision, r.Position)
			}
			if r.Subject == "" {
				continue
			}
			if _, err := l.keys.Key(r.Subject, false); err != nil && !errors.Is(err, eventstore.ErrNoKey) {
				return fmt.Errorf("the key of %s: %w", r.Subject, err)
			}
		}
	}
	for _, ids := range w.tries {
		there := 0
		for _, id := range ids {
			if _, ok := kept[id]; ok {
				there++
			}
		}
		if there != 0 && there != len(ids) {
			return fmt.Errorf("of an append of %d events %d are there, the first of them %s", len(ids), there, ids[0])
		}
	}
	w.tries = nil
	return nil
}

// readable tells that sealed text can be opened, and says what was written.
func readable(l *life, r eventstore.Record) error {
	event, err := l.engine.Codec.Open(r)
	if err != nil {
		return err
	}
	text, id := domain.Personal(""), ""
	switch e := event.(type) {
	case conversation.MessageReceived:
		text, id = e.Text, e.ID
	case conversation.MessageSent:
		text, id = e.Text, e.ID
	case conversation.Noted:
		text, id = e.Text, e.ID
	}
	if text != textOf(id) {
		return fmt.Errorf("%s at %d says %q", r.Stream, r.Position, text)
	}
	return nil
}

// textOf is what every message of the campaign says, by its id.
func textOf(id string) domain.Personal {
	if id == "" {
		return ""
	}
	return domain.Personal("what " + id + " says")
}

// again gives some of what was acknowledged, and all that was left open, to
// be asked again.
func (w *witness) again(random *rand.Rand) (acked, open []*asking) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for range min(40, len(w.acks)) {
		acked = append(acked, w.acks[random.IntN(len(w.acks))])
	}
	for a := range w.open {
		open = append(open, a)
	}
	clear(w.open)
	return acked, open
}
