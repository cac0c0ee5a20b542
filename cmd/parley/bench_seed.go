package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"parley/domain"
	"parley/domain/agent"
	"parley/domain/conversation"
	"parley/domain/queue"
	"parley/eventstore"
)

// seeding measures what a router does before its first round: it finds in the
// views what stands, and reads each of those streams; and the first rounds,
// which look at everything.
func (m *measuring) seeding(ctx context.Context, agents, waiting int) (err error) {
	m.say("a log with %d agents and %d waiting", agents, waiting)
	if err := m.fillWaiting(ctx, "seed", agents, waiting); err != nil {
		return err
	}
	for range m.repeats {
		if err := m.seedOnce(ctx, "seed"); err != nil {
			return err
		}
	}
	return nil
}

// seedOnce opens the folder anew, so that nothing is at hand.
func (m *measuring) seedOnce(ctx context.Context, folder string) (err error) {
	h, err := m.benchHouse(ctx, folder)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.close()) }()
	info, err := h.log.Info(ctx)
	if err != nil {
		return err
	}
	r := &router{engine: h.engine, views: h.views, zone: time.UTC, logger: h.logger, store: info.Store}
	began, cpu := time.Now(), ownCPU()
	if _, err := r.seed(ctx); err != nil {
		return err
	}
	m.report.add("seeding the board", "ms", float64(time.Since(began))/float64(time.Millisecond))
	m.report.add("its processor time", "ms", float64(ownCPU()-cpu)/float64(time.Millisecond))
	began, cpu = time.Now(), ownCPU()
	now := time.Now().UTC()
	for again := now; !again.IsZero() && !again.After(now); {
		again = r.board.Round(now, "").Again
	}
	m.report.add("the first rounds, which look at all that waits, without carrying anything out", "ms", float64(time.Since(began))/float64(time.Millisecond))
	m.report.add("their processor time", "ms", float64(ownCPU()-cpu)/float64(time.Millisecond))
	return nil
}

// fillWaiting makes agents who are busy, in two queues each, and conversations
// that wait for them, and lets the views catch up.
func (m *measuring) fillWaiting(ctx context.Context, folder string, agents, waiting int) (err error) {
	h, err := m.benchHouse(ctx, folder)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.close()) }()
	queues := max(2, agents/500)
	at := time.Now().UTC()
	who := eventstore.Meta{Actor: domain.Actor{ID: "bench", Role: domain.RoleAdmin}, At: at}
	together := func(n int, do func(ctx context.Context, i int) error) error {
		g, ctx := errgroup.WithContext(ctx)
		g.SetLimit(64)
		for i := range n {
			g.Go(func() error { return do(ctx, i) })
		}
		return g.Wait()
	}
	name := func(i int) string { return "agent-" + strconv.Itoa(i) }
	if err := together(queues, func(ctx context.Context, q int) error {
		id := "q" + strconv.Itoa(q)
		if _, err := eventstore.Do(ctx, h.engine, &queue.Kind, id, queue.Configure{ID: id, Name: id, Number: q}, who); err != nil {
			return err
		}
		for i := range agents {
			if i%queues == q || (i+1)%queues == q {
				if _, err := eventstore.Do(ctx, h.engine, &queue.Kind, id, queue.AddMember{Agent: name(i)}, who); err != nil {
					return err
				}
			}
		}
		return nil
	}); err != nil {
		return err
	}
	if err := together(agents, func(ctx context.Context, i int) error {
		for _, cmd := range []domain.Command[agent.Agent, agent.Event]{
			agent.Register{ID: name(i), Name: domain.Personal(name(i)), Units: 100},
			agent.SetPresence{Presence: agent.Available, At: at},
			agent.Reserve{Hold: domain.Derive("hold", name(i)), Conversation: domain.Derive("other", name(i)), Units: 90, Purpose: agent.PurposePick, Forced: true, Day: at.Format(time.DateOnly), At: at},
		} {
			if _, err := eventstore.Do(ctx, h.engine, &agent.Kind, name(i), cmd, who); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		return err
	}
	if err := together(waiting, func(ctx context.Context, i int) error {
		id := domain.Derive("waits", strconv.Itoa(i))
		o := benchOpening(id, fmt.Sprint("v", i), at)
		o.Queue, o.Terms.Push = "q"+strconv.Itoa(i%queues), true
		_, err := eventstore.Do(ctx, h.engine, &conversation.Kind, id, conversation.Start{Opening: o}, who)
		return err
	}); err != nil {
		return err
	}
	return h.runner.CatchUp(ctx)
}
