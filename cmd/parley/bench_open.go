package main

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"time"
)

// openLoops ask at a fixed rate, whether or not what was asked before has been
// answered, and tell how long answers take: of messages alone, and of each sort
// of command in the mix; and of the no-op, which tells how much of that is the
// machine's and the client's.
func (m *measuring) openLoops(ctx context.Context, t *benchTown, server *child, c *commandsOptions) error {
	for range m.repeats {
		for _, loop := range []struct {
			name, address string
			step          func(*walker) error
		}{{"the no-op", server.noop, (*walker).noop}, {"messages alone", server.address, (*walker).plain}, {"the mix", server.address, (*walker).step}} {
			m.say("open loop of %s at %g/s", loop.name, c.rate)
			lasts, perSecond, err := m.openLoop(ctx, t, loop.address, c.rate, loop.step)
			if err != nil {
				return err
			}
			m.report.add(fmt.Sprintf("open loop of %s at %g/s: reached", loop.name, c.rate), "/s", perSecond)
			for _, kind := range []string{"message", "accept"} {
				if l := lasts[kind]; len(l) > 0 {
					m.report.latency(fmt.Sprintf("open loop of %s, %s", loop.name, kind), l)
				}
			}
			if _, err := m.drained(server); err != nil {
				return err
			}
		}
	}
	return nil
}

func (m *measuring) openLoop(ctx context.Context, t *benchTown, address string, rate float64, step func(*walker) error) (map[string]latencies, float64, error) {
	lasts := map[string]latencies{}
	var mu sync.Mutex
	var wait sync.WaitGroup
	failed := make(chan error, len(t.walkers))
	every := time.Duration(float64(time.Second) * float64(len(t.walkers)) / rate)
	began, total := time.Now(), int64(0)
	for i, w := range t.walkers {
		wait.Go(func() {
			if err := w.connect(address); err != nil {
				failed <- err
				return
			}
			w.counts = walked{}
			mine := map[string]latencies{}
			next := began.Add(every * time.Duration(i) / time.Duration(len(t.walkers)))
			for first := true; (first || time.Since(began) < m.span()) && ctx.Err() == nil; next, first = next.Add(every), false {
				from := next
				if d := time.Until(next); d > 0 {
					time.Sleep(d)
					from = time.Now() // the machine's alarm clock is no part of it
				}
				if err := step(w); err != nil {
					failed <- err
					return
				}
				mine[w.kind] = append(mine[w.kind], w.answered.Sub(from))
			}
			mu.Lock()
			defer mu.Unlock()
			total += w.counts.counted
			for kind, l := range mine {
				lasts[kind] = append(lasts[kind], l...)
			}
		})
	}
	wait.Wait()
	select {
	case err := <-failed:
		return nil, 0, err
	default:
		return lasts, float64(total) / time.Since(began).Seconds(), nil
	}
}

// plain is a message in one of the open conversations.
func (w *walker) plain() error { return w.count(w.message(w.any())) }

func newFeedTown(ctx context.Context, m *measuring, open int) (*child, *benchTown, error) {
	server, err := spawn(ctx, filepath.Join(m.dir, "data"), m.errs)
	if err != nil {
		return nil, nil, err
	}
	m.say("setting up %d conversations", open)
	t, err := furnishTown(ctx, server, &commandsOptions{open: open, connections: 1})
	return server, t, err
}
