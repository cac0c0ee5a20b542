package embedded

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/google/uuid"

	"parley/eventstore"
)

// A batch takes what waits, up to so much: the sync it shares is then a small
// part, and nobody waits behind more than a few milliseconds of copying.
const (
	batchRequests = 2048
	batchBytes    = 8 << 20
)

// request is one append, or one write of a mark, on its way through the writer.
type request struct {
	stream   string
	expected eventstore.Revision
	records  []eventstore.Record // the log's own; the writer completes them
	encoded  [][]byte
	size     int
	mark     *markWrite

	// The outcome, set before done.
	conflict bool
	actual   eventstore.Revision // of the stream, on a conflict
	err      error
	done     chan struct{}
}

// writer is the one goroutine that writes. It alone knows what comes next:
// that makes positions dense and revisions certain without a lock.
type writer struct {
	log      *Log
	queue    chan *request
	done     chan struct{} // closed when the writer has ended
	now      func() time.Time
	sync     *pebble.WriteOptions
	next     eventstore.Position
	recorded time.Time // of the last record
	heads    recent
	ordinals recent
	key      []byte
	number   []byte
	command  uuid.UUID // of the append at hand, once it is marked
	wrote    bool      // anything
}

func newWriter(l *Log, o Options, head eventstore.Position, recorded time.Time) *writer {
	w := &writer{
		log: l, queue: make(chan *request, batchRequests), done: make(chan struct{}),
		now: o.Now, sync: pebble.Sync, next: head + 1, recorded: recorded,
		heads: newRecent(o.headsKept), ordinals: newRecent(max(o.headsKept/10, 2)),
	}
	if o.unsynced {
		w.sync = pebble.NoSync
	}
	return w
}

// run serves requests until the log closes. The first of a batch is taken as
// soon as it comes, so that one alone never waits for company; while it is
// synced, company gathers.
func (w *writer) run() {
	defer close(w.done)
	batch := make([]*request, 0, batchRequests)
	for {
		select {
		case <-w.log.closing:
			w.refuse()
			return
		case first := <-w.queue:
			if len(batch) > 1 {
				runtime.Gosched() // those just answered may have more: let them hand it over
			}
			batch = w.gather(append(batch[:0], first))
		}
		w.serve(batch)
	}
}

func (w *writer) gather(batch []*request) []*request {
	size := batch[0].size
	for len(batch) < batchRequests && size < batchBytes {
		select {
		case req := <-w.queue:
			batch = append(batch, req)
			size += req.size
		default:
			return batch
		}
	}
	return batch
}

// refuse answers what was still waiting when the log closed.
func (w *writer) refuse() {
	for {
		select {
		case req := <-w.queue:
			req.err = eventstore.ErrClosed
			close(req.done)
		default:
			return
		}
	}
}

// serve writes one batch and answers it. Conflicts are answered after the
// commit as well: what is in the way may be in this very batch.
func (w *writer) serve(batch []*request) {
	written, marks, err := w.commit(batch)
	if err != nil {
		w.log.stop(err)
		err = w.log.stoppedBy()
	} else {
		w.log.marks.set(marks)
		if len(written) > 0 {
			w.log.tail.advance(written)
		}
	}
	for _, req := range batch {
		if err != nil {
			req.err = err
		}
		close(req.done)
	}
	w.heads.age()
	w.ordinals.age()
}

// commit puts the requests that fit into one Pebble batch and syncs it.
func (w *writer) commit(requests []*request) (written []*request, marks map[string]eventstore.Mark, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the write failed: %v", r)
		}
	}()
	if err := w.log.stoppedBy(); err != nil {
		return nil, nil, err
	}
	size := 1024 // Pebble takes no size below its own header
	for _, req := range requests {
		size += 2*req.size + 256*len(req.records)
	}
	b := w.log.db.NewBatchWithSize(size)
	marks = map[string]eventstore.Mark{}
	for _, req := range requests {
		if req.mark != nil {
			err = w.addMark(b, req, marks)
		} else if err = w.add(b, req); err == nil && !req.conflict {
			written = append(written, req)
		}
		if err != nil {
			return nil, nil, err
		}
	}
	if len(written) > 0 {
		w.number = binary.AppendUvarint(w.number[:0], uint64(w.next-1))
		if err := b.Set(keyHead, w.number, nil); err != nil {
			return nil, nil, err
		}
	}
	if b.Empty() {
		return nil, nil, b.Close()
	}
	w.wrote = true
	if err := b.Commit(w.sync); err != nil {
		return nil, nil, err
	}
	if err := w.log.stoppedBy(); err != nil {
		return nil, nil, err
	}
	return written, marks, b.Close()
}

// add puts one append into the batch: each record under its position and under
// its stream, and into the indexes.
func (w *writer) add(b *pebble.Batch, req *request) error {
	head, err := w.head(req.stream)
	if err != nil {
		return err
	}
	if head != req.expected {
		req.conflict, req.actual = true, head
		return nil
	}
	if head == eventstore.None {
		w.log.streams.add(streamID(req.stream))
	}
	w.command = uuid.Nil
	now := w.now().UTC().Truncate(time.Microsecond)
	for i := range req.records {
		r := &req.records[i]
		head++
		r.Revision, r.Position = head, w.next
		if r.RecordedAt.IsZero() {
			r.RecordedAt = now
		}
		if r.RecordedAt.Before(w.recorded) {
			r.RecordedAt = w.recorded
		}
		seal(req.encoded[i], r.Position, r.Revision, r.RecordedAt)
		if err := w.put(b, r, req.encoded[i]); err != nil {
			return err
		}
		w.recorded = r.RecordedAt
		w.next++
	}
	w.heads.set(req.stream, int64(head))
	return nil
}

func (w *writer) put(b *pebble.Batch, r *eventstore.Record, encoded []byte) error {
	w.key = positionKey(w.key, r.Position)
	if err := b.Set(w.key, encoded, nil); err != nil {
		return err
	}
	w.key = entryKey(w.key, spaceStream, r.Stream, uint64(r.Revision))
	if err := b.Set(w.key, encoded, nil); err != nil {
		return err
	}
	if err := w.index(b, spaceKind, r.Kind(), r.Position); err != nil {
		return err
	}
	if err := w.index(b, spaceName, r.Name, r.Position); err != nil {
		return err
	}
	if r.Command == uuid.Nil {
		return nil
	}
	w.key = commandKey(w.key, r.Command, r.Position)
	if err := b.Set(w.key, nil, nil); err != nil {
		return err
	}
	if r.Command == w.command {
		return nil // of this very append
	}
	w.command = r.Command
	w.log.commands.add(r.Command)
	w.key = commandPrefix(w.key, r.Command)
	return b.Set(w.key, nil, nil)
}

func (w *writer) index(b *pebble.Batch, space byte, text string, p eventstore.Position) error {
	n, err := w.ordinal(space, text)
	if err != nil {
		return err
	}
	w.key = entryKey(w.key, space, text, uint64(p))
	w.number = binary.AppendUvarint(w.number[:0], uint64(n))
	return b.Set(w.key, w.number, nil)
}
