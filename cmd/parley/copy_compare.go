package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"iter"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"parley/eventstore"
)

// tally is what one log holds: how many records, each stream's hash, and the
// hash of all records in their order.
type tally struct {
	records uint64
	foreign uint64
	last    eventstore.Position
	streams map[[16]byte]streamTally // by the hash of the name
	order   hash.Hash
}

type streamTally struct {
	records uint64
	chain   [16]byte // the hash of the records so far
}

// compare reads both logs from the beginning, independently of how they were
// copied, and compares what they hold.
func (c *copying) compare(ctx context.Context) error {
	var source, target *tally
	heads := uint64(c.source.Head)
	began := time.Now()
	g, within := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		source, err = tallyOf(within, c.from, c.source.Head, func(p eventstore.Position, n uint64) {
			c.progress()
			c.bar.at("compared", uint64(p), heads, fmt.Sprintf("%.0f records/s", float64(n)/time.Since(began).Seconds()))
		})
		if err != nil {
			err = fmt.Errorf("reading %s: %w", c.fromName, err)
		}
		return err
	})
	g.Go(func() (err error) {
		if target, err = tallyOf(within, c.to, 0, func(eventstore.Position, uint64) { c.progress() }); err != nil {
			err = fmt.Errorf("reading %s: %w", c.toName, err)
		}
		return err
	})
	if err := g.Wait(); err != nil {
		return err
	}
	digest := source.order.Sum(nil)
	if source.records != target.records || !bytes.Equal(digest, target.order.Sum(nil)) || !sameStreams(source, target) {
		return c.difference(ctx)
	}
	c.done.Records, c.done.Streams, c.done.LeftOut = source.records, len(source.streams), source.foreign
	c.done.Digest, c.done.Position = hex.EncodeToString(digest), target.last.Text(c.target.Store)
	return nil
}

func sameStreams(a, b *tally) bool {
	if len(a.streams) != len(b.streams) {
		return false
	}
	for name, s := range a.streams {
		if b.streams[name] != s {
			return false
		}
	}
	return true
}

// tallyOf reads a log up to a position; 0 reads all.
func tallyOf(ctx context.Context, l eventstore.Log, until eventstore.Position, progress func(eventstore.Position, uint64)) (*tally, error) {
	t := &tally{streams: map[[16]byte]streamTally{}, order: sha256.New()}
	one, buf := sha256.New(), []byte(nil)
	for r, err := range l.Read(ctx, eventstore.Query{Until: until}) {
		if err != nil {
			return nil, err
		}
		if foreign(&r) {
			t.foreign++
			continue
		}
		buf = canonical(buf[:0], &r)
		t.order.Write(buf)
		name := sha256.Sum256([]byte(r.Stream))
		key := [16]byte(name[:16])
		s := t.streams[key]
		if uint64(r.Revision) != s.records {
			return nil, &eventstore.DamageError{Where: fmt.Sprintf("%s at position %d", r.Stream, r.Position), What: fmt.Sprintf("revision %d stands where %d was expected", r.Revision, s.records)}
		}
		one.Reset()
		one.Write(s.chain[:])
		one.Write(buf)
		s.records++
		copy(s.chain[:], one.Sum(nil))
		t.streams[key] = s
		t.records, t.last = t.records+1, r.Position
		if t.records%512 == 0 {
			progress(r.Position, t.records)
		}
	}
	return t, nil
}

// canonical writes all of a record that a copy keeps: all but its position.
func canonical(b []byte, r *eventstore.Record) []byte {
	text := func(s string) { b = append(binary.AppendUvarint(b, uint64(len(s))), s...) }
	for _, id := range []uuid.UUID{r.ID, r.Command, r.Correlation, r.Causation} {
		b = append(b, id[:]...)
	}
	text(r.Stream)
	b = binary.AppendVarint(b, int64(r.Revision))
	text(r.Name)
	b = binary.AppendVarint(b, r.HappenedAt.UnixMicro())
	b = binary.AppendVarint(b, r.RecordedAt.UnixMicro())
	text(r.Actor.ID)
	text(r.Actor.Role)
	text(r.Subject)
	flags := byte(0)
	if r.Imported {
		flags |= 1
	}
	if r.BodyHash != nil {
		flags |= 2
	}
	b = append(b, flags)
	text(string(r.BodyHash))
	text(string(r.Data))
	return b
}

// difference reads both logs side by side and names the first record that
// differs.
func (c *copying) difference(ctx context.Context) error {
	next, stop := iter.Pull2(own(c.from.Read(ctx, eventstore.Query{Until: c.source.Head})))
	defer stop()
	for there, err := range own(c.to.Read(ctx, eventstore.Query{})) {
		if err != nil {
			return err
		}
		here, err, ok := next()
		if err != nil {
			return err
		}
		if !ok {
			return fmt.Errorf("%s holds more than %s: %s at revision %d is its own. Begin again with an empty one", c.toName, c.fromName, there.Stream, there.Revision)
		}
		if what := same(&here, &there); what != "" {
			return &eventstore.DamageError{Where: fmt.Sprintf("the record at position %d of %s, beside position %d of %s", there.Position, c.toName, here.Position, c.fromName),
				What: fmt.Sprintf("%s differs (%s at revision %d, %s at revision %d)", what, here.Stream, here.Revision, there.Stream, there.Revision)}
		}
	}
	here, err, ok := next()
	if err != nil {
		return err
	}
	if ok {
		return fmt.Errorf("%s ends before %s at revision %d: give the same command again", c.toName, here.Stream, here.Revision)
	}
	return fmt.Errorf("%s and %s differed, and do not any more: give the same command again", c.fromName, c.toName)
}

// own leaves out other programs' events.
func own(all iter.Seq2[eventstore.Record, error]) iter.Seq2[eventstore.Record, error] {
	return func(yield func(eventstore.Record, error) bool) {
		for r, err := range all {
			if (err != nil || !foreign(&r)) && !yield(r, err) {
				return
			}
		}
	}
}

// same names what differs between a record and its copy; empty when nothing
// does.
func same(a, b *eventstore.Record) string {
	switch {
	case a.Stream != b.Stream || a.Revision != b.Revision:
		return "the order"
	case a.ID != b.ID:
		return "the id"
	case !a.HappenedAt.Equal(b.HappenedAt) || !a.RecordedAt.Equal(b.RecordedAt):
		return "a time"
	case a.Name != b.Name || !bytes.Equal(a.Data, b.Data):
		return "the event"
	case !bytes.Equal(canonical(nil, a), canonical(nil, b)):
		return "the envelope"
	}
	return ""
}
