package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"parley/domain"
	"parley/domain/agent"
	"parley/domain/conversation"
	"parley/domain/hours"
	"parley/domain/queue"
	"parley/domain/routing"
	"parley/domain/workstream"
	"parley/eventstore"
)

// routerLook bounds how long the views are waited for.
const routerLook = 10 * time.Second

// step is one step of the log: an event, or only how far it was read.
type step struct {
	position eventstore.Position
	fact     domain.Fact
	known    bool // there is an event
}

// seeded says where a board begins: each stream as it was loaded, up to head at
// the latest; from there on it follows the log after from.
type seeded struct {
	from, head eventstore.Position
	loaded     map[string]eventstore.Revision
}

// seed makes a board of the streams that are not over. The views name them; what
// is in them is read from their own streams.
func (r *router) seed(ctx context.Context) (seeded, error) {
	var none seeded
	info, err := r.engine.Log.Info(ctx)
	if err != nil {
		return none, err
	}
	look, cancel := context.WithTimeout(ctx, routerLook)
	defer cancel()
	standing, from, err := r.views.Standing(look, info.Head)
	if err != nil {
		return none, fmt.Errorf("the views do not tell yet what stands: %w", err)
	}
	r.board, r.at = routing.New(zoneOf, r.zone), from
	s := seeded{from: from, loaded: map[string]eventstore.Revision{}}
	if err := errorsOf(
		load(ctx, r, s, &hours.Kind, standing.Hours, r.board.PutHours),
		load(ctx, r, s, &workstream.Kind, standing.Workstreams, r.board.PutWorkstream),
		load(ctx, r, s, &agent.Kind, standing.Agents, r.board.PutAgent),
		load(ctx, r, s, &queue.Kind, standing.Queues, r.board.PutQueue),
		load(ctx, r, s, &conversation.Kind, standing.Conversations, r.board.PutConversation),
	); err != nil {
		return none, err
	}
	if info, err = r.engine.Log.Info(ctx); err != nil {
		return none, err
	}
	s.head = info.Head
	return s, nil
}

// How streams are read for a board: so many side by side, since each waits for
// the disk or the wire, and so many before they are put on it.
const (
	seedWidth = 64
	seedChunk = 4096
)

// load puts streams on the board as they are now, in order. One that is damaged,
// as when somebody deleted it on a server, is left out: routing goes on without it.
func load[S, E any](ctx context.Context, r *router, s seeded, k *domain.Kind[S, E], ids []string, put func(string, S)) error {
	type loaded struct {
		state    S
		revision eventstore.Revision
		damaged  bool
	}
	for chunk := range slices.Chunk(ids, seedChunk) {
		all := make([]loaded, len(chunk))
		var next atomic.Int64
		g, ctx := errgroup.WithContext(ctx)
		for range min(seedWidth, len(chunk)) {
			g.Go(func() (err error) {
				for i := int(next.Add(1)) - 1; i < len(chunk) && err == nil; i = int(next.Add(1)) - 1 {
					all[i].state, all[i].revision, err = eventstore.Load(ctx, r.engine, k, chunk[i])
					if damage, ok := errors.AsType[*eventstore.DamageError](err); ok {
						r.logger.ErrorContext(ctx, "routing leaves out a stream that is damaged", "stream", k.Stream(chunk[i]), "error", damage)
						all[i].damaged, err = true, nil
					}
				}
				return err
			})
		}
		if err := g.Wait(); err != nil {
			return err
		}
		for i, one := range all {
			if one.damaged {
				continue
			}
			put(chunk[i], one.state)
			s.loaded[k.Stream(chunk[i])] = one.revision
		}
	}
	return nil
}

func errorsOf(all ...error) error {
	for _, err := range all {
		if err != nil {
			return err
		}
	}
	return nil
}

// listen follows the log for the board. What a stream said before it was loaded
// is on the board already.
func (r *router) listen(ctx context.Context, s seeded, news chan<- step) error {
	for u, err := range r.engine.Log.Follow(ctx, s.from, eventstore.Filter{Names: routing.Names()}) {
		if err != nil {
			return err
		}
		one := step{position: u.Position}
		if u.Record != nil {
			if revision, known := s.loaded[u.Record.Stream]; !known || u.Record.Revision > revision {
				// What cannot be read is parked by the views, with its stream; routing
				// goes on with the others.
				if one.fact, err = r.engine.Codec.Fact(*u.Record); err != nil {
					r.logger.ErrorContext(ctx, "routing passes over an event that cannot be read", "stream", u.Record.Stream, "error", err)
				}
				one.known = err == nil
			}
			if u.Position > s.head {
				clear(s.loaded) // all that was loaded is behind
			}
		}
		select {
		case news <- one:
		case <-ctx.Done():
			return nil
		}
	}
	return nil
}

// zoneOf finds a time zone by its name; whoever set it looked that it is there.
func zoneOf(name string) *time.Location {
	zone, err := time.LoadLocation(name)
	if err != nil {
		return time.UTC
	}
	return zone
}
