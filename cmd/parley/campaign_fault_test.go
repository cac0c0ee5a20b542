package main

import (
	"context"
	"errors"
	"iter"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/uuid"

	"parley/eventstore"
)

// knowingLog is all that the engine asks of the log in the folder. Whoever wraps
// no more than an eventstore.Log hides what it knows without reading.
type knowingLog interface {
	eventstore.Log
	Last(stream string) (eventstore.Revision, bool)
	Recorded(command uuid.UUID) ([]eventstore.Record, bool)
}

// notingLog tells the witness of each append, and fails when it is told to.
type notingLog struct {
	knowingLog
	witness *witness
	faults  *faults // nil: none
}

// shownLog is the log as the views see it. They lie on a disk that does not
// crash: what they showed after the crash would be of a history that never was.
type shownLog struct {
	eventstore.Log
	crashed *atomic.Bool
}

func (l *shownLog) Read(ctx context.Context, q eventstore.Query) iter.Seq2[eventstore.Record, error] {
	return until(l.crashed, l.Log.Read(ctx, q))
}

func (l *shownLog) Follow(ctx context.Context, after eventstore.Position, f eventstore.Filter) iter.Seq2[eventstore.Update, error] {
	return until(l.crashed, l.Log.Follow(ctx, after, f))
}

// until gives what was there before the crash, and fails then.
func until[T any](crashed *atomic.Bool, all iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		for v, err := range all {
			if crashed.Load() {
				break
			}
			if !yield(v, err) {
				return
			}
		}
		if crashed.Load() {
			yield(none, errFault)
		}
	}
}

var errFault = errors.New("a planted fault of the store")

func (l *notingLog) Append(ctx context.Context, stream string, expected eventstore.Revision, records ...eventstore.Record) ([]eventstore.Record, error) {
	before, after := l.faults.draw()
	if stays, written := l.faults.stay(records[0]); stays {
		before, after = !written, written
	}
	if before {
		return nil, errFault
	}
	done, err := l.knowingLog.Append(ctx, stream, expected, records...)
	if _, lost := errors.AsType[*eventstore.ConflictError](err); !lost {
		l.witness.tried(records)
	}
	if err == nil && after {
		return nil, errFault // it was written, and nobody is told
	}
	return done, err
}

func (l *notingLog) Mark(ctx context.Context, name string, move func(eventstore.Mark) ([]byte, bool)) (eventstore.Mark, error) {
	before, after := l.faults.draw()
	if before {
		return eventstore.Mark{}, errFault
	}
	m, err := l.knowingLog.Mark(ctx, name, move)
	if after {
		return eventstore.Mark{}, errFault
	}
	return m, err
}

// Last and Recorded need not know: where the store fails, now and then they do
// not, and it is read.
func (l *notingLog) Last(stream string) (eventstore.Revision, bool) {
	if before, after := l.faults.draw(); before || after {
		return 0, false
	}
	return l.knowingLog.Last(stream)
}

func (l *notingLog) Recorded(command uuid.UUID) ([]eventstore.Record, bool) {
	if before, after := l.faults.draw(); before || after {
		return nil, false
	}
	return l.knowingLog.Recorded(command)
}

// faults says which call fails: before it is made, or after.
type faults struct {
	mu     sync.Mutex
	random *rand.Rand
	before float64
	after  float64
	// stays is how many of the commands fail as often as their caller tries:
	// nothing is written, or it is and nobody is told.
	stays float64
	plans map[uuid.UUID]*staying
}

// staying is a command whose append fails for good.
type staying struct {
	left    int // tries that still fail
	written bool
}

// stay tells whether this try fails because the command fails for good.
func (f *faults) stay(r eventstore.Record) (stays, written bool) {
	if f == nil {
		return false, false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	p := f.plans[r.Command]
	if p == nil {
		if p = (&staying{}); f.random.Float64() < f.stays {
			p.left, p.written = 5*(1+f.random.IntN(2)), f.random.IntN(2) == 0
		}
		if f.plans == nil {
			f.plans = map[uuid.UUID]*staying{}
		}
		f.plans[r.Command] = p
	}
	if p.left == 0 {
		return false, false
	}
	p.left--
	return true, p.written
}

func (f *faults) draw() (before, after bool) {
	if f == nil {
		return false, false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.random.Float64() < f.before, f.random.Float64() < f.after
}

// begin sets how often.
func (f *faults) begin(before, after float64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.before, f.after, f.stays = before, after, 0
	for _, p := range f.plans {
		p.left = 0
	}
}

// keep sets how many commands fail for good.
func (f *faults) keep(stays float64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stays = stays
}

// lazyDisk says that it has synced the log, and while it is asleep it has not.
type lazyDisk struct {
	vfs.FS
	asleep *atomic.Bool
}

func (d lazyDisk) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := d.FS.Create(name, category)
	return d.file(name, f), err
}

func (d lazyDisk) ReuseForWrite(old, name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := d.FS.ReuseForWrite(old, name, category)
	return d.file(name, f), err
}

func (d lazyDisk) file(name string, f vfs.File) vfs.File {
	if f == nil || !strings.HasSuffix(name, ".log") {
		return f
	}
	return lazyFile{f, d.asleep}
}

type lazyFile struct {
	vfs.File
	asleep *atomic.Bool
}

func (f lazyFile) Sync() error {
	if f.asleep.Load() {
		return nil
	}
	return f.File.Sync()
}

func (f lazyFile) SyncData() error {
	if f.asleep.Load() {
		return nil
	}
	return f.File.SyncData()
}

func (f lazyFile) SyncTo(length int64) (bool, error) {
	if f.asleep.Load() {
		return true, nil
	}
	return f.File.SyncTo(length)
}
