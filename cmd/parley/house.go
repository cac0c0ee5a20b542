package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"parley/api"
	"parley/domain/policy"
	"parley/eventstore"
	"parley/eventstore/embedded"
	"parley/projections"
)

// house is everything wired together over one data folder.
type house struct {
	cfg       *config
	logger    *slog.Logger
	log       store
	keys      keyStore
	engine    *eventstore.Engine
	runner    *projections.Runner
	views     *projections.Views
	reactor   *eventstore.Reactor
	erasure   *eventstore.Reactor
	bulk      *eventstore.Reactor // sees bulk actions through
	parts     *eventstore.Reactor // ends the parts of agents who are not there
	wheel     *eventstore.Wheel
	server    *api.Server
	run       string            // names this run of the node, for the feeds it serves
	lease     *eventstore.Lease // who does what needs only one; nil where nobody else can
	importing atomic.Int64      // how many imports run
	opened    []io.Closer
}

// openHouse builds bottom up: log, keys, engine, views, API. Nothing runs yet.
func openHouse(ctx context.Context, cfg *config, logger *slog.Logger) (h *house, err error) {
	h = &house{cfg: cfg, logger: logger, run: uuid.Must(uuid.NewV7()).String()}
	defer func() {
		if err != nil {
			err = errors.Join(cfg.usable(err), h.close())
		}
	}()
	if err := os.MkdirAll(cfg.data, 0o700); err != nil {
		return h, fmt.Errorf("the data folder: %w", err)
	}
	if err := h.openLog(ctx); err != nil {
		return h, err
	}
	if err := errors.Join(h.servable(ctx), h.keysThere(ctx)); err != nil {
		return h, err
	}
	if err := h.openKeys(); err != nil {
		return h, err
	}
	if err := h.ownKeys(ctx); err != nil {
		return h, err
	}
	kinds, err := projections.Kinds()
	if err != nil {
		return h, err
	}
	codec := &eventstore.Codec{Kinds: kinds, Keys: h.keys}
	own := eventstore.Own(h.log, kinds.All()) // what others wrote into the log is nobody's here
	h.engine = eventstore.NewEngine(own, codec, policy.All(), time.Now)
	h.engine.Terms = api.Terms(h.engine)
	h.runner, err = projections.Open(ctx, projections.Config{Log: own, Codec: codec, Dir: cfg.views(), Projections: projections.All(), Logger: logger})
	if err != nil {
		return h, err
	}
	h.opened = append(h.opened, h.runner)
	if err := h.viewsBehind(ctx); err != nil {
		return h, err
	}
	h.views = &projections.Views{Runner: h.runner, Codec: codec}
	h.reactor = eventstore.NewReactor(h.engine, eventstore.ReactorOptions{Name: "policies", Logger: logger})
	erasing := api.Erasing(h.engine, h.keys)
	erasing.Logger = logger
	h.erasure = eventstore.NewReactor(h.engine, erasing)
	finishing := api.FinishingBulk(func() *api.Server { return h.server })
	finishing.Logger = logger
	h.bulk = eventstore.NewReactor(h.engine, finishing)
	ending := api.EndingParts(h.engine, h.views)
	ending.Logger = logger
	h.parts = eventstore.NewReactor(h.engine, ending)
	for _, r := range h.reactors() {
		if err := r.Begin(ctx); err != nil {
			return h, err
		}
	}
	h.wheel = &eventstore.Wheel{Engine: h.engine, Due: policy.Due, Load: h.timers}
	h.server, err = api.New(h.options())
	return h, err
}

// reactors are all that follow the log to do what comes of it.
func (h *house) reactors() []*eventstore.Reactor {
	return []*eventstore.Reactor{h.reactor, h.erasure, h.bulk, h.parts}
}

// options are what the API is made of.
func (h *house) options() api.Options {
	o := api.Options{
		Engine: h.engine, Keys: h.keys, Views: h.views, Reactors: h.reactors(),
		Logger: h.logger, Origins: h.cfg.origins, Limits: h.cfg.limits(), Zone: h.cfg.location,
		Admit: api.OnlyEnabled(h.engine), Ready: api.ReadyWhen(h.runner, h.reactor, h.erasure), Followers: api.FollowersOf(h.runner, h.reactors()...),
		Raw: map[string]func(http.ResponseWriter, *http.Request) error{
			"importStar": h.answerImportStar,
			"checkLog":   h.answerCheck,
			"backupLog":  h.answerBackup,
			"exportLog":  h.answerExport,
			"importLog":  h.answerImportJSONL,
		},
	}
	live := &api.LiveFeeds{Engine: h.engine, Views: h.views, Run: h.run, Logger: h.logger}
	live.Wire(&o)
	return o
}

// close ends in reverse.
func (h *house) close() error {
	var errs []error
	for i := len(h.opened) - 1; i >= 0; i-- {
		errs = append(errs, h.cfg.usable(h.opened[i].Close()))
	}
	h.opened = nil
	return errors.Join(errs...)
}

// workName is the lease of what one server does for all.
const workName = "work"

// join tells other servers on the same log that this one is there. Whoever lets
// clients in calls it before.
func (h *house) join(ctx context.Context) error {
	if !h.shared() {
		return nil
	}
	node, err := nodeName(h.cfg.data)
	if err != nil {
		return err
	}
	h.lease = &eventstore.Lease{Log: h.log, Name: workName, Node: node, Turn: h.run}
	return h.lease.Join(ctx)
}

// work runs the views, and with all also what makes things happen by
// themselves: policies, timers and routing. Of several servers on one log one
// does that. It ends with ctx.
func (h *house) work(ctx context.Context, all bool) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return h.runner.Run(ctx) })
	switch {
	case !all:
	case h.lease == nil:
		g.Go(func() error { return h.duties(ctx) })
	default:
		g.Go(func() error { return h.lease.Hold(ctx, h.duties, h.changed) })
	}
	return g.Wait()
}

// duties are what one server does for all.
func (h *house) duties(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, r := range h.reactors() {
		g.Go(func() error { return r.Run(ctx) })
	}
	g.Go(func() error {
		if err := h.loseFeeds(ctx); err != nil && ctx.Err() == nil {
			return fmt.Errorf("recording feeds of an earlier run as lost: %w", err)
		}
		if err := h.wheel.Run(ctx); err != nil && ctx.Err() == nil { // who is stopped while views are built is no failure
			return err
		}
		return nil
	})
	g.Go(func() error { return h.sweepHolds(ctx) })
	g.Go(func() error {
		r := &router{engine: h.engine, views: h.views, zone: h.cfg.location, logger: h.logger, rests: h.imports}
		return r.run(ctx)
	})
	return g.Wait()
}

// imports tells whether something is being imported. A conversation of which half
// is on record looks as if it waited: routing rests until all of it is.
func (h *house) imports() bool { return h.importing.Load() > 0 }

// servable refuses a log that is a copy not finished yet.
func (h *house) servable(ctx context.Context) error {
	m, err := h.log.Mark(ctx, copyMark, nil)
	if err != nil {
		return err
	}
	var state copyState
	if m.Revision > 0 {
		if err := json.Unmarshal(m.Value, &state); err != nil {
			return &eventstore.DamageError{Where: "the mark \"copy\" of the log in " + h.cfg.where(), What: err.Error()}
		}
		if !state.Finished {
			return fmt.Errorf("the log in %s is a copy that is not finished: give the same parley copy again, it goes on where it was", h.cfg.where())
		}
	}
	return nil
}

// ownKeys refuses keys that are not this log's: a folder that was lost and made
// anew would seal what comes, and never open what was.
func (h *house) ownKeys(ctx context.Context) error {
	secret, err := h.keys.Secret("own")
	if err != nil {
		return err
	}
	own := ownMark(secret)
	mark, err := h.log.Mark(ctx, keysMark, func(m eventstore.Mark) ([]byte, bool) { return own, m.Revision == 0 })
	if err != nil {
		return err
	}
	if !bytes.Equal(mark.Value, own) {
		return fmt.Errorf("the keys in %s are not those of the log in %s: bring back the keys folder that belongs to it; nothing was changed", h.cfg.keys(), h.cfg.where())
	}
	return nil
}

// ownMark is how a log knows its keys, without knowing any.
func ownMark(secret []byte) []byte {
	sum := sha256.Sum256(append([]byte("parley keys of a log"), secret...))
	return sum[:]
}

// keysThere refuses to make keys for a log that had some.
func (h *house) keysThere(ctx context.Context) error {
	there, err := embedded.HasKeys(embedded.Options{Dir: h.cfg.keys()})
	if err != nil || there {
		return err
	}
	mark, err := h.log.Mark(ctx, keysMark, nil)
	if err != nil || mark.Revision == 0 {
		return err
	}
	return fmt.Errorf("%s is there, but not the keys that read it: bring back %s; nothing was changed", h.cfg.where(), h.cfg.keys())
}

// viewsBehind refuses a log that ends before what was shown of it: views only
// ever show what was on disk, so the log has lost its end.
func (h *house) viewsBehind(ctx context.Context) error {
	all, err := h.runner.Status(ctx)
	if err != nil {
		return err
	}
	for _, s := range all {
		if s.Checkpoint > s.Head {
			return &eventstore.DamageError{
				Where: "the end of the log in " + h.cfg.where(),
				What:  fmt.Sprintf("it ends at position %d, and the view %s was built from events up to position %d. If an older log was put there on purpose, delete %s", s.Head, s.Name, s.Checkpoint, h.cfg.views()),
			}
		}
	}
	return nil
}
