package esdbnode

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"parley/eventstore"
)

// groupPrefix begins the streams of what groups have parked: links to events,
// with the reason as metadata. They are streams like others: clients may read
// them, and what was parked survives.
const groupPrefix = "$persistentsubscription-"

func (k *kept) parkedStream() string {
	stream := k.Stream
	if stream == "" {
		stream = "$all"
	}
	return groupPrefix + stream + "::" + k.Name + "-parked"
}

// checkpointMark keeps how far a group is: one mark for all its lives.
func (k *kept) checkpointMark() string {
	return GroupMarks + "-" + uuid.NewSHA1(uuid.NameSpaceOID, []byte(k.Stream+"\x00"+k.Name)).String()
}

// checkpoint is what the mark says.
func (k *kept) checkpoint(reached uint64) []byte { return fmt.Appendf(nil, "%s %d", k.ID, reached) }

// checkpointed reads the mark; false when it is of an earlier life, or of none.
func (k *kept) checkpointed(value []byte) (uint64, bool, error) {
	id, at, _ := strings.Cut(string(value), " ")
	if id != k.ID {
		return 0, false, nil
	}
	reached, err := strconv.ParseUint(at, 10, 64)
	if err != nil {
		return 0, false, &eventstore.DamageError{Where: "the mark " + k.checkpointMark(), What: err.Error()}
	}
	return reached, true, nil
}

// replays knows which of what was parked is being given out again, and how far
// all of it is done.
type replays struct {
	next    int64 // revision to go on from
	open    []openReplay
	before  int64 // all before this is done
	written int64 // the same, as it is on record
}

type openReplay struct {
	revision int64
	done     bool
}

func (r *replays) begin(revision int64) {
	r.open = append(r.open, openReplay{revision: revision})
	r.next = revision + 1
}

func (r *replays) finish(revision int64) {
	for i := range r.open {
		if r.open[i].revision == revision {
			r.open[i].done = true
		}
	}
	for len(r.open) > 0 && r.open[0].done {
		r.before = r.open[0].revision + 1
		r.open = r.open[1:]
	}
}

func (r *replays) changed() bool { return r.before > r.written }

// writeAgain is how long a write that failed is waited for.
const writeAgain = time.Second

// write keeps on record what the group has done, until ctx is done and all is
// written.
func (g *group) write(ctx context.Context) {
	var due <-chan time.Time
	for {
		timed := false
		select {
		case <-g.writes:
		case <-due:
			due, timed = nil, true
		case <-ctx.Done():
			// What cannot be written now comes again after the start.
			_ = g.flush(context.WithoutCancel(ctx), true)
			return
		}
		err := g.flush(ctx, timed)
		g.mu.Lock()
		waits := g.due()
		g.mu.Unlock()
		switch {
		case err != nil:
			g.ring()
			select {
			case <-time.After(writeAgain):
			case <-ctx.Done():
			}
		case waits && due == nil:
			due = time.After(max(g.Settings.After, time.Millisecond))
		}
	}
}

// flush parks what is to be parked, and writes how far all is done when that is
// due.
func (g *group) flush(ctx context.Context, timed bool) error {
	for {
		g.mu.Lock()
		if len(g.parking) == 0 {
			g.mu.Unlock()
			break
		}
		p := g.parking[0]
		g.mu.Unlock()
		if err := g.writeParked(ctx, p); err != nil {
			return err
		}
		g.mu.Lock()
		g.parking = g.parking[1:]
		g.finish(p.message)
		g.dispatch()
		g.mu.Unlock()
	}
	g.mu.Lock()
	r, reached, since := g.replays, g.reached, g.since
	at := g.Settings.AtMost > 0 && since >= g.Settings.AtMost || timed && g.due() || g.ended && (since > 0 || reached > g.saved) || g.farBeyond()
	g.mu.Unlock()
	if r.changed() {
		if err := g.truncateParked(ctx, r.before); err != nil {
			return err
		}
		g.mu.Lock()
		g.replays.written = r.before
		g.mu.Unlock()
	}
	if !at {
		return nil
	}
	var damage error
	_, err := g.store.log.Mark(ctx, g.checkpointMark(), func(m eventstore.Mark) ([]byte, bool) {
		before, ok, err := g.checkpointed(m.Value)
		damage = err
		return g.checkpoint(reached), err == nil && (!ok || before < reached)
	})
	if err := errors.Join(err, damage); err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.since -= since
	g.saved = max(g.saved, reached)
	return nil
}

// writeParked puts a message into the stream of what is parked.
func (g *group) writeParked(ctx context.Context, p parked) error {
	to, err := g.toPark(ctx, p.message)
	if err != nil {
		return err
	}
	data := linkTo(to)
	if p.message.parked >= 0 { // it was there before: the same link again
		if _, _, data, err = unframe(p.message.record.Data); err != nil {
			return err
		}
	}
	why, err := json.Marshal(map[string]string{"reason": p.reason, "added": g.store.now().UTC().Format(time.RFC3339Nano)})
	if err != nil {
		return err
	}
	stream := g.parkedStream()
	defer g.store.lock(stream).Unlock()
	st, err := g.store.standing(ctx, stream)
	if err != nil {
		return err
	}
	if st.softDeleted() {
		if err := g.store.revive(ctx, stream, st); err != nil {
			return err
		}
	}
	_, err = g.store.appendAtEnd(ctx, stream, eventstore.Record{ID: uuid.New(), Name: typeLink, HappenedAt: g.store.now(), Data: frame(contentBinary, why, data)})
	return err
}

// toPark is the event that a parked link is to: what consumers were shown, also
// when they were shown it by a link.
func (g *group) toPark(ctx context.Context, m *message) (*eventstore.Record, error) {
	switch {
	case m.target != nil:
		return m.target, nil
	case !g.Settings.Resolve || m.parked >= 0:
		return m.record, nil
	}
	event, _, err := g.store.resolve(ctx, &m.entry)
	if event == nil { // it links to nothing: then the link is all there is
		event = m.record
	}
	return event, err
}

func (g *group) truncateParked(ctx context.Context, before int64) error {
	stream := g.parkedStream()
	defer g.store.lock(stream).Unlock()
	_, err := g.store.writeMetadata(ctx, stream, fmt.Appendf(nil, `{"$tb":%d}`, before))
	return err
}

// countParked tells how many messages are parked, and the first of them.
func (g *group) countParked(ctx context.Context) (n, first int64, err error) {
	st, err := g.store.standing(ctx, g.parkedStream())
	if err != nil || !st.found() {
		return 0, 0, err
	}
	first = int64(st.first())
	return int64(st.last) + 1 - first, first, nil
}

// replay gives out again what is parked now, up to before a revision of the
// stream of what is parked.
func (g *group) replay(ctx context.Context, stopAt int64) error {
	n, first, err := g.countParked(ctx)
	if err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.ended {
		return errDropped
	}
	end := min(first+n, stopAt)
	g.stopped.Go(func() {
		g.replaying.Lock()
		defer g.replaying.Unlock()
		err := g.giveAgain(g.ctx, first, end)
		if err == nil || g.ctx.Err() != nil {
			return
		}
		g.mu.Lock()
		defer g.mu.Unlock()
		g.drop(err) // who waits for it is told
	})
	return nil
}

// giveAgain reads what is parked into what waits. What it has not come to when
// reading fails stays parked.
func (g *group) giveAgain(ctx context.Context, first, end int64) error {
	g.mu.Lock()
	from := max(g.replays.next, first)
	g.mu.Unlock()
	for r, err := range g.store.log.Read(ctx, eventstore.Query{Stream: g.parkedStream(), From: eventstore.Revision(from)}) {
		if err != nil || int64(r.Revision) >= end {
			return err
		}
		select {
		case g.room <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
		g.mu.Lock()
		g.replays.begin(int64(r.Revision))
		g.enqueue(&message{entry: entry{record: &r, at: uint64(r.Revision)}, parked: int64(r.Revision)})
		g.mu.Unlock()
	}
	return nil
}
