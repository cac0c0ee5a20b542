// Package embedded is the store that needs nothing else: the whole log in one
// folder, in this process. An append is acknowledged once it is synced to
// disk; many at once share one sync. Nothing is ever repaired or cut off
// silently: damage is found by checksums and named.
package embedded

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"parley/eventstore"
)

// Options say where the log lies. Only Dir is needed.
type Options struct {
	// Dir is the log's folder; it is made when it is not there.
	Dir string
	// FS is the file system; nil is the machine's.
	FS vfs.FS
	// Now stamps what is recorded; nil is time.Now.
	Now func() time.Time
	// CacheBytes bounds the memory for blocks read from disk; 0 is 64 MiB.
	// Beside it the log holds up to 4 memtables of 32 MiB, the last 8,192
	// records or 16 MiB for followers, the heads of 200,000 streams, and which
	// commands and streams are on record: 6 MiB for each 4 million of them, 100 MiB
	// at most for either.
	CacheBytes int64
	// Fatal is told what only the end of the process keeps from doing damage on the
	// disk, and does not return; nil panics.
	Fatal func(error)

	// unsynced leaves out the sync. Only tests set it, to show that they
	// would notice.
	unsynced bool
	// How much is kept in memory, and how often Pebble is asked before more is;
	// only tests set it, to less.
	tailRecords, headsKept int
	learnAfter             uint64
}

const (
	memTable    = 32 << 20
	memTables   = 4
	cacheBytes  = 64 << 20
	tailRecords = 8192
	tailBytes   = 16 << 20
	headsKept   = 200_000
)

// Log is an eventstore.Log on disk.
type Log struct {
	dir    string
	fs     vfs.FS
	db     *pebble.DB
	lock   *pebble.Lock
	anchor anchor
	store  string
	tail   *tail
	marks  marks
	writer *writer

	commands, streams bloomFilter   // that are on record
	asked             atomic.Uint64 // how often they could not answer
	learnAfter        uint64

	*health
	closing chan struct{}
	closed  sync.Once
	reading sync.RWMutex // held while Pebble is read, and by Close for good
	shut    bool         // under reading
	still   bool         // opened to be looked at
}

// complete fills in what options leave open.
func (o *Options) complete() {
	if o.FS == nil {
		o.FS = vfs.Default
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Fatal == nil {
		o.Fatal = func(err error) { panic(err) }
	}
	if o.CacheBytes == 0 {
		o.CacheBytes = cacheBytes
	}
	if o.tailRecords == 0 {
		o.tailRecords, o.headsKept = tailRecords, headsKept
	}
	if o.learnAfter == 0 {
		o.learnAfter = learnAfter
	}
}

// Open opens the log in a folder, or makes it.
func Open(o Options) (*Log, error) {
	o.complete()
	l := &Log{dir: o.Dir, fs: o.FS, health: newLogHealth(o), closing: make(chan struct{}), learnAfter: o.learnAfter}
	is, found, err := readFormat(o.FS, o.Dir)
	if err != nil {
		return nil, err
	}
	inner := o.FS.PathJoin(o.Dir, pebbleFolder)
	if !found {
		if err := makeFolder(o.FS, inner); err != nil {
			return nil, fmt.Errorf("eventstore: cannot make %s: %w", o.Dir, err)
		}
		if err := foreign(o.FS, o.Dir); err != nil {
			return nil, err
		}
	}
	if _, err := o.FS.Stat(inner); err != nil {
		return nil, damaged("it is missing or cannot be read: "+err.Error(), "the folder %s", inner)
	}
	if l.lock, err = pebble.LockDirectory(inner, o.FS); err != nil {
		return nil, locked(o.Dir, err)
	}
	if err := l.open(o, inner, is, found); err != nil {
		return nil, errors.Join(err, l.abandon())
	}
	l.running.Store(true)
	go l.writer.run()
	return l, nil
}

func newLogHealth(o Options) *health {
	return newHealth("the log in "+o.Dir, eventstore.ErrStopped, o.Fatal)
}

// open opens Pebble and reads where the log stands.
func (l *Log) open(o Options, inner string, is format, found bool) (err error) {
	defer l.survive(&err)
	if err := l.unseal(found, is.store); err != nil {
		return err
	}
	if !found {
		if err := l.initial(o, inner); err != nil {
			return l.unopened(err, inner)
		}
	}
	if l.db, err = l.openPebble(inner, l.pebbleOptions(o, inner, found)); err != nil {
		if errors.Is(err, pebble.ErrDBDoesNotExist) {
			return damaged("the log's files are missing", "the folder %s", inner)
		}
		return l.unopened(err, inner)
	}
	head, recorded, err := l.findHead()
	if err != nil {
		return err
	}
	if !found {
		if head > 0 {
			return damaged("it is missing, though the log holds records (a backup that did not end has none)", "the file %s", l.fs.PathJoin(l.dir, formatFile))
		}
		if is, err = l.create(); err != nil {
			return err
		}
	}
	l.store = is.store
	if err := l.compareFormat(is); err != nil {
		return err
	}
	if l.anchor, err = anchored(l.fs, inner); err != nil {
		return err
	}
	if l.marks.all, err = l.loadMarks(); err != nil {
		return err
	}
	if head == 0 { // nothing is on record that the filters do not know
		l.commands.complete()
		l.streams.complete()
	}
	l.tail = newTail(head, o.tailRecords, tailBytes, o.headsKept)
	l.writer = newWriter(l, o, head, recorded)
	return nil
}

// openPebble opens Pebble.
func (l *Log) openPebble(inner string, o *pebble.Options) (*pebble.DB, error) {
	return l.opened(&l.lock, func() (*pebble.DB, error) {
		db, err := pebble.Open(inner, o)
		if err == nil {
			err = apartHere(l.fs, inner, db)
		}
		return db, err
	})
}

// opened gives what open opens, unless the disk fails meanwhile: Pebble would try
// again and again, and open in the end what nobody writes to any more. The folder
// stays locked until it has ended that.
func (h *health) opened(held **pebble.Lock, open func() (*pebble.DB, error)) (*pebble.DB, error) {
	type outcome struct {
		db  *pebble.DB
		err error
	}
	done := make(chan outcome, 1)
	go func() {
		var out outcome
		defer func() { done <- out }()
		defer h.survive(&out.err)
		out.db, out.err = open()
	}()
	halted := h.halt
	var over <-chan time.Time
	for {
		select {
		case out := <-done:
			if out.err == nil {
				out.err = h.stoppedBy()
			}
			return out.db, out.err
		case <-halted: // it may be about to say so itself, and more clearly
			halted, over = nil, time.After(openGrace)
		case <-over:
			lock := *held
			*held = nil
			go func() {
				if out := <-done; out.db != nil {
					_ = out.db.Close() // nothing was written to it
				}
				_ = lock.Close()
			}()
			return nil, h.stoppedBy()
		}
	}
}

// openGrace is how long Pebble may take to end after a failure.
const openGrace = time.Second

// initial makes Pebble's files, and leaves them. Pebble makes its first write-ahead
// log before it knows its own format: that one does not say how far the disk had
// it, so that damage could look like the end. The next one does.
func (l *Log) initial(o Options, inner string) error {
	db, err := l.openPebble(inner, l.pebbleOptions(o, inner, false))
	if err != nil {
		return err
	}
	return l.sure(db.Close())
}

// unseal looks at the files as they lie, before Pebble opens them.
func (l *Log) unseal(found bool, store string) error {
	if !found {
		if _, err := l.fs.Stat(l.fs.PathJoin(l.dir, sealFile)); err == nil {
			return damaged("it is missing (a backup that did not end has none)", "the file %s", l.fs.PathJoin(l.dir, formatFile))
		}
		return nil
	}
	sealed, err := underSeal(l.fs, l.dir, store)
	switch {
	case err != nil:
		return err
	case !sealed:
		return torn(l.fs, l.dir)
	case !l.still:
		return breakSeal(l.fs, l.dir)
	}
	return nil
}

// findHead reads the last record, and compares it with the head as it was
// written in the same batch.
func (l *Log) findHead() (eventstore.Position, time.Time, error) {
	lower, upper := span([]byte{spacePosition}, 0, 1<<64-1)
	it, err := l.db.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: upper})
	if err != nil {
		return 0, time.Time{}, l.damage(err)
	}
	defer it.Close()
	var head eventstore.Position
	var recorded time.Time
	if it.Last() {
		value, err := it.ValueAndErr()
		if err != nil {
			return 0, time.Time{}, l.damage(err)
		}
		p, _ := below(it.Key(), 1)
		if what := verify(value); what != "" {
			return 0, time.Time{}, damaged(what, "the record at position %d", p)
		}
		head, recorded = eventstore.Position(p), storedTime(value)
	}
	if err := it.Error(); err != nil {
		return 0, time.Time{}, l.damage(err)
	}
	kept, err := l.get(keyHead)
	if err != nil {
		return 0, time.Time{}, err
	}
	if n, _ := binary.Uvarint(kept); n != uint64(head) {
		return 0, time.Time{}, damaged(fmt.Sprintf("the last record is at position %d, the log was written to %d", head, n), "the end of the log in %s", l.dir)
	}
	return head, recorded, nil
}

// get reads a small value; nil when it is not there.
func (l *Log) get(key []byte) ([]byte, error) {
	value, closer, err := l.db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, l.damage(err)
	}
	value = append([]byte(nil), value...)
	return value, closer.Close()
}

// Info tells the store's name and the acknowledged head.
func (l *Log) Info(context.Context) (eventstore.Info, error) {
	head, _ := l.tail.state()
	return eventstore.Info{Store: l.store, Head: head, Stopped: l.stoppedBy()}, nil
}
