package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"parley/eventstore"
	"parley/eventstore/embedded"
	"parley/eventstore/esdb"
)

// store is the log of a house, wherever it lies.
type store interface {
	eventstore.Log
	io.Closer
	Marks(ctx context.Context) (map[string]eventstore.Mark, error)
	// Takes refuses a record that could not be appended to a stream.
	Takes(stream string, r eventstore.Record) error
}

// openLog opens the log: the one in the data folder, or the one on a server.
func (h *house) openLog(ctx context.Context) (err error) {
	if h.cfg.store != "" {
		// Who serves the log of this folder has its views and its socket.
		if err = h.hold(embedded.Hold, h.cfg.log()); err != nil {
			return err
		}
		index, err := embedded.OpenCommands(embedded.Options{Dir: h.cfg.index(), Fatal: h.fatal})
		if err != nil {
			return err
		}
		h.opened = append(h.opened, index)
		if h.log, err = esdb.Open(ctx, esdb.Options{Address: h.cfg.store, Commands: index}); err != nil {
			return err
		}
	} else if err = errors.Join(h.cfg.whole(), h.hold(embedded.HoldCommands, h.cfg.index())); err == nil {
		// So has who serves a log elsewhere from this folder.
		h.log, err = embedded.Open(embedded.Options{Dir: h.cfg.log(), Fatal: h.fatal})
	}
	if err != nil {
		return err
	}
	h.opened = append(h.opened, h.log)
	return nil
}

// fatal ends the process beside a log that would do damage if it went on. What was
// answered is on the disk.
func (h *house) fatal(err error) {
	h.logger.Error("this process ends: start it again once that is mended", "error", h.cfg.usable(err))
	os.Exit(exitFail)
}

// hold keeps others from a folder until the house is closed.
func (h *house) hold(hold func(embedded.Options) (io.Closer, error), dir string) error {
	held, err := hold(embedded.Options{Dir: dir})
	if err != nil {
		return err
	}
	h.opened = append(h.opened, held)
	return nil
}

// shared tells whether others may be at the same log: it lies elsewhere, or is
// served, to engines or to whoever copies it, who sees by the lease that it is in
// use.
func (h *house) shared() bool { return h.cfg.store != "" || h.cfg.esdb.listen != "" }

// keyStore keeps keys.
type keyStore interface {
	eventstore.Keys
	io.Closer
	// Knows tells whether a subject ever had a key here: it may be destroyed.
	Knows(subject string) (bool, error)
}

// openKeys opens the keys, which servers of this machine share as they share the
// log.
func (h *house) openKeys() error {
	if h.shared() {
		keys, err := embedded.OpenSharedKeys(h.cfg.keys())
		if err != nil {
			return err
		}
		h.keys = keys
	} else {
		keys, err := embedded.OpenKeys(embedded.Options{Dir: h.cfg.keys()})
		if err != nil {
			return err
		}
		h.keys = keys
	}
	h.opened = append(h.opened, h.keys)
	return nil
}

// ownLog is the log when it lies in the data folder.
func (h *house) ownLog(forWhat string) (*embedded.Log, error) {
	if l, ok := h.log.(*embedded.Log); ok {
		return l, nil
	}
	return nil, fmt.Errorf("the log is kept by EventStoreDB: %s with EventStoreDB's own tools", forWhat)
}

// bytes checks what lies on disk. A server's disk is the server's to check: then
// only what can be read of it is.
func (h *house) bytes(ctx context.Context, progress func(done, total uint64)) (embedded.Report, error) {
	if l, ok := h.log.(*embedded.Log); ok {
		return l.Check(ctx, progress)
	}
	report := embedded.Report{}
	info, err := h.log.Info(ctx)
	if err != nil {
		return report, err
	}
	report.Store, report.Head = info.Store, info.Head
	ends := map[string]eventstore.Revision{}
	for r, err := range h.log.Read(ctx, eventstore.Query{Until: info.Head}) {
		if err != nil {
			return report, err
		}
		if last, ok := ends[r.Stream]; r.Revision != last+1 && (ok || r.Revision != 0) {
			return report, &eventstore.DamageError{Where: r.Stream + " on " + h.cfg.where(), What: fmt.Sprintf("revision %d follows revision %d", r.Revision, last)}
		}
		ends[r.Stream] = r.Revision
		progress(uint64(r.Position), uint64(info.Head))
	}
	report.Streams = uint64(len(ends))
	return report, h.streamsThere(ctx, ends, progress)
}

// streamsThere sees that streams can be read as far as the whole log tells: a
// server goes on telling what somebody deleted or truncated, until it cleans up.
func (h *house) streamsThere(ctx context.Context, ends map[string]eventstore.Revision, progress func(done, total uint64)) error {
	var done atomic.Uint64
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(16)
	for stream, end := range ends {
		g.Go(func() error {
			for _, from := range []eventstore.Revision{0, end} {
				found := false
				for r, err := range h.log.Read(ctx, eventstore.Query{Stream: stream, From: from, Limit: 1}) {
					if damage, ok := errors.AsType[*eventstore.DamageError](err); ok {
						return &eventstore.DamageError{Where: stream + " on " + h.cfg.where(), What: damage.What}
					}
					if err != nil {
						return err
					}
					found = r.Revision == from
				}
				if !found {
					return &eventstore.DamageError{Where: stream + " on " + h.cfg.where(), What: fmt.Sprintf("its revision %d is in the log, and not in the stream: somebody deleted it", from)}
				}
			}
			n := done.Add(1)
			if n%64 == 0 {
				progress(n, uint64(len(ends)))
			}
			return nil
		})
	}
	return g.Wait()
}

// where names the place of the log, without a password.
func (c *config) where() string {
	if c.store == "" {
		return c.log()
	}
	scheme, rest, ok := strings.Cut(c.store, "://")
	if at := strings.LastIndexByte(rest, '@'); ok && at >= 0 {
		rest = rest[at+1:]
	}
	return scheme + "://" + rest
}
