package eventstore_test

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"parley/domain"
	"parley/eventstore"
	"parley/eventstore/embedded"
)

// A ledger is a small kind for tests on the real store.
type ledger struct {
	Sum   int
	Notes map[string]int
}

type booked struct {
	Amount int
	Note   domain.Personal
}

type carried struct{ Ledger ledger }

type book struct {
	Amount int
	Note   domain.Personal
}

func (c book) Decide(l ledger) ([]any, error) {
	if c.Amount < 0 && l.Sum+c.Amount < 0 {
		return nil, domain.Refuse("too_little", "TST-3", "book less")
	}
	return []any{booked(c)}, nil
}

func ledgers() *domain.Kind[ledger, any] {
	return &domain.Kind[ledger, any]{
		Name: "ledger",
		Apply: func(l *ledger, e any) {
			switch e := e.(type) {
			case booked:
				l.Sum += e.Amount
				if l.Notes == nil {
					l.Notes = map[string]int{}
				}
				l.Notes["all"]++
			case carried:
				*l = e.Ledger
			}
		},
		Names:   domain.Names[any]{"ledger.booked": booked{}, "ledger.carried_forward": carried{}},
		Subject: func(id string, _ ledger, _ any) string { return "visitor-" + id },
		Carry:   func(l ledger) any { return carried{l} },
	}
}

// mirror books everything of a ledger in the one of the house as well.
func mirror() domain.Policy {
	return domain.Policy{Name: "mirror", Follow: func(f domain.Fact) []domain.Intent {
		if e, ok := f.Event.(booked); ok && f.ID != "house" {
			return []domain.Intent{{Kind: "ledger", ID: "house", Command: book{Amount: e.Amount}}}
		}
		return nil
	}}
}

// durable opens the embedded store in a folder.
func durable(t testing.TB, dir string) (e *eventstore.Engine, closeAll func()) {
	t.Helper()
	kinds, err := eventstore.NewKinds(eventstore.Register(ledgers()))
	if err != nil {
		t.Fatal(err)
	}
	keys, err := embedded.OpenKeys(embedded.Options{Dir: filepath.Join(dir, "keys")})
	if err != nil {
		t.Fatal(err)
	}
	log, err := embedded.Open(embedded.Options{Dir: filepath.Join(dir, "log")})
	if err != nil {
		t.Fatal(err)
	}
	codec := &eventstore.Codec{Kinds: kinds, Keys: keys}
	return eventstore.NewEngine(log, codec, []domain.Policy{mirror()}, time.Now), func() {
		if err := log.Close(); err != nil {
			t.Error(err)
		}
		if err := keys.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestTheEngineOnTheEmbeddedStore(t *testing.T) {
	dir := t.TempDir()
	e, closeAll := durable(t, dir)
	reactor := eventstore.NewReactor(e, eventstore.ReactorOptions{Name: "policies"})
	ctx, cancel := context.WithCancel(t.Context())
	stopped := make(chan error, 1)
	go func() { stopped <- reactor.Run(ctx) }()

	const clerks, bookings = 8, 150
	commands := [clerks]uuid.UUID{}
	var wait sync.WaitGroup
	for c := range clerks {
		commands[c] = uuid.New()
		wait.Go(func() {
			for n := range bookings {
				m := eventstore.Meta{}
				if n == 0 {
					m.Command = commands[c]
				}
				if _, err := eventstore.Act(t.Context(), e, ledgers(), fmt.Sprint(c), book{Amount: 1, Note: "for tea"}, m); err != nil {
					t.Errorf("clerk %d: %v", c, err)
					return
				}
			}
		})
	}
	wait.Wait()
	cancel()
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	closeAll()

	e, closeAll = durable(t, dir)
	defer closeAll()
	house, revision, err := eventstore.Load(t.Context(), e, ledgers(), "house")
	if err != nil || house.Sum != clerks*bookings || revision != clerks*bookings {
		t.Errorf("the house has %+v at revision %d, %v", house, revision, err) // one event carried it forward
	}
	for c := range clerks {
		out, err := eventstore.Act(t.Context(), e, ledgers(), fmt.Sprint(c), book{Amount: 1, Note: "for tea"}, eventstore.Meta{Command: commands[c]})
		if err != nil || !out.Repeated || len(out.Events) != 1 || out.Events[0].(booked).Note != "for tea" {
			t.Errorf("the repeat: %+v, %v", out, err)
		}
	}
	if again, revision2, err := eventstore.Load(t.Context(), e, ledgers(), "house"); err != nil || revision2 != revision || again.Sum != house.Sum {
		t.Errorf("the repeats booked more: %+v, %v", again, err)
	}
	if _, err := eventstore.Do(t.Context(), e, ledgers(), "0", book{Amount: -1000}, eventstore.Meta{}); err == nil {
		t.Error("the refusal is missing")
	}
}

func BenchmarkDoDurably(b *testing.B) {
	e, closeAll := durable(b, b.TempDir())
	defer closeAll()
	var n atomic.Int64
	b.SetParallelism(64)
	b.RunParallel(func(pb *testing.PB) {
		id := fmt.Sprint("w", n.Add(1))
		for pb.Next() {
			if _, err := eventstore.Do(b.Context(), e, ledgers(), id, book{Amount: 1, Note: "a sentence of some length"}, eventstore.Meta{Command: uuid.New()}); err != nil {
				b.Fatal(err)
			}
		}
	})
}
