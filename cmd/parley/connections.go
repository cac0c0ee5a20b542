package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"parley/domain"
	"parley/domain/agent"
	"parley/domain/policy"
	"parley/domain/settings"
	"parley/eventstore"
	"parley/projections"
)

// nodeActor is who records what a run of the node left behind.
var nodeActor = domain.Actor{ID: "node", Role: domain.RoleSystem}

// changed is told when servers on the same log came or went.
func (h *house) changed(ctx context.Context, _ []string) error {
	err := h.loseFeeds(ctx)
	if err != nil && ctx.Err() == nil {
		h.logger.WarnContext(ctx, "feeds of a server that is gone could not all be recorded as lost, and are again", "error", err)
	}
	return err
}

// runs are those whose feeds may be open.
func (h *house) runs(ctx context.Context) ([]string, error) {
	if h.lease == nil {
		return []string{h.run}, nil
	}
	return h.lease.Now(ctx)
}

// loseFeeds records the feeds of runs that are over as lost: whoever listened
// then does not listen now, and the log does not say so after a crash.
func (h *house) loseFeeds(ctx context.Context) error {
	info, err := h.log.Info(ctx)
	if err != nil {
		return err
	}
	for page := (projections.Page{Limit: 200}); ; {
		var rows []projections.AgentRow
		var next string
		err := made(ctx, func() (err error) {
			rows, next, _, err = h.views.Agents(ctx, page, info.Head)
			return err
		})
		if err != nil {
			return err
		}
		for _, row := range rows {
			if row.Feeds > 0 {
				err = errors.Join(err, h.loseFeedsOf(ctx, row.ID))
			}
		}
		if err != nil || next == "" {
			return err
		}
		page.Cursor = next
	}
}

func (h *house) loseFeedsOf(ctx context.Context, id string) error {
	a, _, err := eventstore.Load(ctx, h.engine, &agent.Kind, id)
	if err != nil {
		return err
	}
	// Asked after the feeds were seen: a run joins before it has any.
	live, err := h.runs(ctx)
	if err != nil {
		return err
	}
	var lost []string
	for feed, run := range a.Feeds {
		if !slices.Contains(live, run) {
			lost = append(lost, feed)
		}
	}
	slices.Sort(lost)
	grace, err := h.grace(ctx)
	if err != nil {
		return err
	}
	for _, feed := range lost {
		_, err := eventstore.Act(ctx, h.engine, &agent.Kind, id, agent.Disconnect{Feed: feed, Grace: grace}, eventstore.Meta{Actor: nodeActor})
		if err != nil {
			return err
		}
	}
	return nil
}

// nodeName names the server of a data folder, the same each time. The folder
// is held by one process at a time.
func nodeName(data string) (string, error) {
	path, err := filepath.Abs(data)
	if err != nil {
		return "", err
	}
	machine, err := os.Hostname()
	return domain.Derive("node", machine, path), err
}

// timers are those that stand when the wheel begins. The grace of an agent who
// was lost counts only time the engine was up: he gets all of it again
// (product.md §11).
func (h *house) timers(ctx context.Context) ([]domain.Timer, eventstore.Position, error) {
	var timers []domain.Timer
	var at eventstore.Position
	err := made(ctx, func() (err error) {
		timers, at, err = projections.LoadTimers(ctx, h.log, h.engine.Codec, h.views.Due)
		return err
	})
	if err != nil {
		return nil, 0, err
	}
	grace, err := h.grace(ctx)
	if err != nil {
		return nil, 0, err
	}
	full := h.engine.Now().Add(grace.Duration())
	for i, t := range timers {
		if strings.HasPrefix(t.Key, policy.GraceKey) && t.At.Before(full) {
			timers[i].At = full.Truncate(time.Millisecond)
		}
	}
	return timers, at, nil
}

// grace is how long an agent who lost his last feed may take to come back.
func (h *house) grace(ctx context.Context) (domain.Seconds, error) {
	now, _, err := eventstore.Load(ctx, h.engine, &settings.Kind, settings.Only)
	if err != nil || now.Grace > 0 {
		return now.Grace, err
	}
	return agent.Grace, nil
}

// made asks a view again for as long as its file is damaged or gone: it is made
// anew meanwhile.
func made(ctx context.Context, ask func() error) error {
	for {
		err := ask()
		if !errors.Is(err, projections.ErrLost) && !errors.Is(err, projections.ErrBehind) {
			return err
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return err
		}
	}
}
