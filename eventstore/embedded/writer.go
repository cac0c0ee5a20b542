package embedded

import (
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"slices"
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
	begins   bool // a command that had recorded nothing, and is the only one in it

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
	postings postings // of the batch at hand
	key      []byte
	number   []byte
	places   []uint64 // that a command recorded
	wrote    bool     // anything
}

func newWriter(l *Log, o Options, head eventstore.Position, recorded time.Time) *writer {
	w := &writer{
		log: l, queue: make(chan *request, batchRequests), done: make(chan struct{}),
		now: o.Now, sync: pebble.Sync, next: head + 1, recorded: recorded,
		heads: newRecent(o.headsKept), ordinals: newRecent(max(o.headsKept/10, 2)),
		postings: postings{places: map[indexed]int{}, marked: map[uuid.UUID]struct{}{}},
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
		size += 2*req.size + 128*len(req.records)
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
	if err := w.index(b, written); err != nil {
		return nil, nil, err
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
	if err := w.log.sure(b.Commit(w.sync)); err != nil {
		return nil, nil, err
	}
	if err := w.log.anchor.holds(); err != nil {
		return nil, nil, err
	}
	return written, marks, b.Close()
}

// add puts one append into the batch, each record under its position. The indexes
// are written for the whole batch: where keys lie beside each other, the memtable
// puts the next behind the one before and need not look for its place.
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
		w.key = positionKey(w.key, r.Position)
		if err := b.Set(w.key, req.encoded[i], nil); err != nil {
			return err
		}
		w.recorded = r.RecordedAt
		w.next++
	}
	w.heads.set(req.stream, int64(head))
	return nil
}

// index puts the records of a batch under their streams, and writes what it brought
// each command, each kind and each name.
func (w *writer) index(b *pebble.Batch, written []*request) error {
	defer w.postings.clear()
	for _, req := range written {
		for i := range req.records {
			r := &req.records[i]
			w.key = entryKey(w.key, spaceStream, r.Stream, uint64(r.Revision))
			if err := b.Set(w.key, req.encoded[i], nil); err != nil {
				return err
			}
			w.postings.add(spaceKind, r.Kind(), uint64(r.Position))
			w.postings.add(spaceName, r.Name, uint64(r.Position))
		}
	}
	for _, req := range written {
		if err := w.commands(b, req); err != nil {
			return err
		}
	}
	return w.lists(b)
}

// commands notes what each command of an append recorded: nearly always there is
// one, and this is all of it.
func (w *writer) commands(b *pebble.Batch, req *request) error {
	records := req.records
	for i := 0; i < len(records); {
		command, from := records[i].Command, i
		for i++; i < len(records) && records[i].Command == command; i++ {
		}
		if command == uuid.Nil {
			continue
		}
		known, err := w.knows(command)
		if err != nil {
			return err
		}
		req.begins = !known && from == 0 && i == len(records)
		for part := range slices.Chunk(records[from:i], entryHolds) {
			w.places = w.places[:0]
			for _, r := range part {
				w.places = append(w.places, uint64(r.Position))
			}
			if err := w.command(b, command, known); err != nil {
				return err
			}
			known = true
		}
	}
	return nil
}

// command writes a run of a command's records: the first into the mark that says
// that the command is on record, further ones behind it.
func (w *writer) command(b *pebble.Batch, command uuid.UUID, known bool) error {
	last := w.places[len(w.places)-1]
	if w.number = w.number[:0]; known {
		w.key = commandKey(w.key, command, eventstore.Position(last))
	} else {
		w.log.commands.add(command)
		w.postings.marked[command] = struct{}{}
		w.key = commandPrefix(w.key, command)
		w.number = binary.AppendUvarint(w.number, last)
	}
	w.number = appendGaps(w.number, w.places)
	return b.Set(w.key, w.number, nil)
}

// knows tells whether a command is marked, in the store or in this batch.
func (w *writer) knows(command uuid.UUID) (bool, error) {
	if w.log.commands.new(command) {
		return false, nil
	}
	if _, ok := w.postings.marked[command]; ok {
		return true, nil
	}
	w.log.unsure()
	w.key = commandPrefix(w.key, command)
	_, closer, err := w.log.db.Get(w.key)
	if errors.Is(err, pebble.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, w.log.damage(err)
	}
	return true, closer.Close()
}

// lists writes what the batch brought each kind and each name.
func (w *writer) lists(b *pebble.Batch) error {
	for i := range w.postings.lists {
		list := &w.postings.lists[i]
		for run := range slices.Chunk(list.run, entryHolds) {
			n, err := w.ordinal(list.space, list.text, len(run))
			if err != nil {
				return err
			}
			w.key = entryKey(w.key, list.space, list.text, run[len(run)-1])
			w.number = appendGaps(binary.AppendUvarint(w.number[:0], uint64(n)), run)
			if err := b.Set(w.key, w.number, nil); err != nil {
				return err
			}
		}
	}
	return nil
}
