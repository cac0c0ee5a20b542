package projections

import (
	"context"
	"crypto/sha256"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"parley/domain"
	"parley/eventstore"
	"parley/eventstore/embedded"
)

// A toy domain: cards that lie in queues, and guests who turn out to be contacts.

type cardState struct{}
type cardEvent interface{ card() }

type opened struct {
	Queue string          `json:"queue"`
	Guest string          `json:"guest"`
	Title domain.Personal `json:"title"`
	Due   time.Time       `json:"due"`
	Tags  []string        `json:"tags"`
}
type moved struct {
	Queue string `json:"queue"`
}
type tagged struct {
	Tag string `json:"tag"`
}
type removed struct{}
type spoiled struct { // the fold fails on it after half its work
	Panic bool `json:"panic"`
}

func (opened) card()  {}
func (moved) card()   {}
func (tagged) card()  {}
func (removed) card() {}
func (spoiled) card() {}

type guestEvent interface{ guest() }
type linked struct {
	Contact string `json:"contact"`
}

func (linked) guest() {}

var cardKind = &domain.Kind[cardState, cardEvent]{
	Name:    "card",
	Apply:   func(*cardState, cardEvent) {},
	Names:   domain.Names[cardEvent]{"card.opened": opened{}, "card.moved": moved{}, "card.tagged": tagged{}, "card.removed": removed{}, "card.spoiled": spoiled{}},
	Subject: func(id string, _ cardState, _ cardEvent) string { return "visitor-" + id },
}

var guestKind = &domain.Kind[cardState, guestEvent]{
	Name: "guest", Apply: func(*cardState, guestEvent) {}, Names: domain.Names[guestEvent]{"guest.linked": linked{}},
}

type cardRow struct {
	ID      string `row:",key"`
	Queue   string
	Guest   string `row:",index"`
	Contact string `row:",index"`
	Subject string `row:",subject"`
	Title   domain.Personal
	Due     time.Time
	Tags    []string
	Moves   int
	Urgent  bool
	Weight  float64
	Last    eventstore.Position
	Shown   string `row:"-"` // for answers only: no column
}

type tallyRow struct {
	Queue string    `row:",key"`
	Day   time.Time `row:",key"`
	Cards int
}

type contactRow struct {
	Guest   string `row:"guest,key"`
	Contact string
}

var (
	cardTable    = NewTable[cardRow]("cards", "queue, due DESC")
	tallyTable   = NewTable[tallyRow]("tallies")
	contactTable = NewTable[contactRow]("contacts")
)

var errSpoiled = errors.New("this card is spoiled")

func toy() Projection {
	return Projection{Name: "toy", Version: 1, Kinds: []string{"card", "guest"}, Tables: []AnyTable{cardTable, tallyTable, contactTable}, Fold: foldToy}
}

func foldToy(r *Rows, f domain.Fact, at At) error {
	switch e := f.Event.(type) {
	case opened:
		row := cardTable.Make(r, f.ID)
		row.Queue, row.Guest, row.Title, row.Due, row.Tags = e.Queue, e.Guest, e.Title, e.Due, e.Tags
		row.Subject, row.Weight, row.Last = at.Subject, float64(len(e.Tags))/3, at.Position
		if c, ok := contactTable.Peek(r, e.Guest); ok {
			row.Contact = c.Contact
		}
		tallyTable.Make(r, e.Queue, e.Due.Truncate(24*time.Hour)).Cards++
	case moved:
		if row := cardTable.Get(r, f.ID); row != nil {
			row.Queue, row.Last = e.Queue, at.Position
			row.Moves++
		}
	case tagged:
		if row := cardTable.Get(r, f.ID); row != nil {
			row.Tags = append(row.Tags, e.Tag)
			row.Urgent = slices.Contains(row.Tags, "urgent")
		}
	case removed:
		cardTable.Delete(r, f.ID)
	case spoiled:
		cardTable.Make(r, f.ID).Queue = "half"
		if e.Panic {
			panic("spoiled")
		}
		return errSpoiled
	case linked:
		contactTable.Put(r, contactRow{f.ID, e.Contact})
		for _, row := range cardTable.Where(r, "guest", f.ID) {
			row.Contact = e.Contact
		}
		for _, row := range cardTable.Where(r, "contact", e.Contact) { // sees what was just changed
			row.Moves++
		}
	}
	return nil
}

// testKeys makes the same key for a subject each time.
type testKeys struct{}

func (testKeys) Key(subject string, _ bool) ([]byte, error) {
	k := sha256.Sum256([]byte(subject))
	return k[:], nil
}
func (testKeys) Destroy(string) error                 { return nil }
func (k testKeys) Secret(name string) ([]byte, error) { return k.Key(name, true) }

func toyCodec(t testing.TB) *eventstore.Codec {
	kinds, err := eventstore.NewKinds(eventstore.Register(cardKind), eventstore.Register(guestKind))
	if err != nil {
		t.Fatal(err)
	}
	return &eventstore.Codec{Kinds: kinds, Keys: testKeys{}}
}

// house is a log with a codec, and the folder of its projections.
type house struct {
	t     testing.TB
	log   *embedded.Log
	codec *eventstore.Codec
	dir   string
	heads map[string]eventstore.Revision
}

func newHouse(t testing.TB, dir string) *house {
	log, err := embedded.Open(embedded.Options{Dir: dir + "/log"})
	if err != nil {
		t.Fatal(err)
	}
	return &house{t, log, toyCodec(t), dir + "/views", map[string]eventstore.Revision{}}
}

func (h *house) close() {
	if err := h.log.Close(); err != nil {
		h.t.Error(err)
	}
}

// record appends events to one stream and gives the last one's position.
func (h *house) record(stream string, events ...any) eventstore.Position {
	h.t.Helper()
	records := make([]eventstore.Record, len(events))
	for i, e := range events {
		name, data, err := h.codec.Encode(e, "visitor-1")
		if err != nil {
			h.t.Fatal(err)
		}
		records[i] = eventstore.Record{ID: uuid.New(), Stream: stream, Name: name, Data: data, Subject: "visitor-1",
			HappenedAt: time.Now(), Command: uuid.New()}
	}
	expected, ok := h.heads[stream]
	if !ok {
		expected = eventstore.None
	}
	out, err := h.log.Append(context.Background(), stream, expected, records...)
	if err != nil {
		h.t.Fatal(err)
	}
	h.heads[stream] = out[len(out)-1].Revision
	return out[len(out)-1].Position
}

func (h *house) open(p ...Projection) *Runner {
	h.t.Helper()
	if len(p) == 0 {
		p = []Projection{toy()}
	}
	r, err := Open(context.Background(), Config{Log: h.log, Codec: h.codec, Dir: h.dir, Projections: p})
	if err != nil {
		h.t.Fatal(err)
	}
	return r
}

// start runs a runner; stop ends and closes it.
func (h *house) start(p ...Projection) (r *Runner, stop func()) {
	h.t.Helper()
	r = h.open(p...)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	var once sync.Once
	return r, func() {
		h.t.Helper()
		once.Do(func() { h.end(r, cancel, ended) })
	}
}

func (h *house) end(r *Runner, cancel func(), ended <-chan error) {
	h.t.Helper()
	cancel()
	if err := <-ended; err != nil {
		h.t.Error(err)
	}
	if err := r.Close(); err != nil {
		h.t.Error(err)
	}
}

// awaitState waits for a state of the toy projection.
func awaitState(t testing.TB, r *Runner, reached func(Status) bool) {
	t.Helper()
	bell, cancel := r.Watch()
	defer cancel()
	ctx := soon(t)
	for {
		st, err := r.Status(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if reached(st[0]) {
			return
		}
		select {
		case <-bell:
		case <-ctx.Done():
			t.Fatalf("not reached: %+v", st[0])
		}
	}
}

// settled waits until what was missing at the start is built, and nobody builds.
func settled(t testing.TB, r *Runner) {
	t.Helper()
	awaitState(t, r, func(s Status) bool { return s.State == StateLive && s.Building == nil })
}

// soon ends a wait for what does not come. A busy machine may take its time.
func soon(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// same fails when the database differs from the plain fold.
func same(t testing.TB, r *Runner, name string) {
	t.Helper()
	v, err := r.Verify(soon(t), name)
	if err != nil {
		t.Fatal(err)
	}
	if v.Difference != nil {
		t.Fatal(v.Difference)
	}
}

// cards reads all cards at a position.
func cards(t testing.TB, r *Runner, after eventstore.Position) []cardRow {
	t.Helper()
	v, err := r.View(soon(t), "toy", after)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := cardTable.Select(context.Background(), v, "ORDER BY id")
	if err != nil {
		t.Fatal(err)
	}
	if v.Position < after {
		t.Fatalf("the view shows %d, not %d", v.Position, after)
	}
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	return rows
}
