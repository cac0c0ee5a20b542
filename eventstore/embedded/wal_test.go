package embedded

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"parley/eventstore"
)

// faultFS fails where fault says so, at files that it made too, which errorfs does
// not at all of them; of a write that fails half is made.
type faultFS struct {
	vfs.FS
	fault func(kind errorfs.OpKind, name string) error
}

func (f faultFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if err := f.fault(errorfs.OpCreate, name); err != nil {
		return nil, err
	}
	file, err := f.FS.Create(name, category)
	return faultFile{file, f, name}, err
}

func (f faultFS) ReuseForWrite(from, to string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if err := f.fault(errorfs.OpReuseForWrite, to); err != nil {
		return nil, err
	}
	file, err := f.FS.ReuseForWrite(from, to, category)
	return faultFile{file, f, to}, err
}

func (f faultFS) OpenDir(name string) (vfs.File, error) {
	file, err := f.FS.OpenDir(name)
	return faultFile{file, f, name}, err
}

type faultFile struct {
	vfs.File
	fs   faultFS
	name string
}

func (f faultFile) Write(b []byte) (int, error) {
	if err := f.fs.fault(errorfs.OpFileWrite, f.name); err != nil {
		n, _ := f.File.Write(b[:len(b)/2])
		return n, err
	}
	return f.File.Write(b)
}

func (f faultFile) Sync() error {
	if err := f.fs.fault(errorfs.OpFileSync, f.name); err != nil {
		return err
	}
	return f.File.Sync()
}

func (f faultFile) SyncData() error {
	if err := f.fs.fault(errorfs.OpFileSyncData, f.name); err != nil {
		return err
	}
	return f.File.SyncData()
}

func (f faultFile) Stat() (vfs.FileInfo, error) {
	if err := f.fs.fault(errorfs.OpFileStat, f.name); err != nil {
		return nil, err
	}
	return f.File.Stat()
}

func (f faultFile) Close() error {
	return errors.Join(f.fs.fault(errorfs.OpFileClose, f.name), f.File.Close())
}

// TestStopsWhenTheNextLogFails lets the disk fail as Pebble goes on to its next
// write-ahead log, a new one or one that it used before: the process lives,
// reading goes on, and whatever a crash then leaves holds all that was acknowledged.
func TestStopsWhenTheNextLogFails(t *testing.T) {
	makes := []errorfs.OpKind{errorfs.OpCreate, errorfs.OpReuseForWrite}
	syncs := []errorfs.OpKind{errorfs.OpFileSync, errorfs.OpFileSyncData}
	for _, fault := range []struct {
		name  string
		kinds []errorfs.OpKind
		last  bool // of the log before
	}{
		{"create", makes, false},
		{"write", []errorfs.OpKind{errorfs.OpFileWrite}, false},
		{"sync", syncs, false},
		{"stat", []errorfs.OpKind{errorfs.OpFileStat}, false},
		{"write the end", []errorfs.OpKind{errorfs.OpFileWrite}, true},
		{"sync the end", syncs, true},
		{"close", []errorfs.OpKind{errorfs.OpFileClose}, true},
		{"sync the folder", syncs, false},
	} {
		for _, errno := range []syscall.Errno{syscall.ENOSPC, syscall.EIO} {
			for _, reused := range []bool{false, true} {
				if fault.name == "stat" && !reused {
					continue // nobody looks at it
				}
				t.Run(fmt.Sprintf("%s/%v/reused=%v", fault.name, errno, reused), func(t *testing.T) {
					t.Parallel()
					var armed atomic.Pointer[string] // the log after which the disk fails
					var failed atomic.Bool
					mem := vfs.NewCrashableMem()
					l, err := Open(Options{Dir: "log", FS: faultFS{mem, func(kind errorfs.OpKind, name string) error {
						last := armed.Load()
						if last == nil || !slices.Contains(fault.kinds, kind) || errno == syscall.EIO && failed.Load() { // which passes
							return nil
						}
						of := strings.HasSuffix(name, ".log") && (name == *last) == fault.last
						if fault.name == "sync the folder" {
							of = name == mem.PathJoin("log", pebbleFolder)
						}
						if !of {
							return nil
						}
						failed.Store(true)
						return errno
					}}})
					if err != nil {
						t.Fatal(err)
					}
					w := &walWitness{log: l}
					for range 2 {
						if err := w.append(t.Context()); err != nil {
							t.Fatal(err)
						}
						if !reused {
							continue
						}
						if err := l.db.Flush(); err != nil {
							t.Fatal(err)
						}
					}
					armed.Store(new(newestLog(t, mem)))
					if reused {
						if _, err := l.db.AsyncFlush(); err != nil {
							t.Fatal(err)
						}
					}
					for err == nil && len(w.acked) < 100 {
						err = w.append(t.Context())
					}
					if !errors.Is(err, eventstore.ErrStopped) || !errors.Is(err, errno) || !failed.Load() {
						t.Fatalf("after %d appends: %v", len(w.acked), err)
					}
					if err := w.compare(t.Context(), l); err != nil {
						t.Errorf("in the same process: %v", err)
					}
					left := map[string]*vfs.MemFS{}
					for _, percent := range []int{0, 50, 100} {
						left[fmt.Sprintf("%d %% kept", percent)] = mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: rand.New(rand.NewPCG(1, 2))})
					}
					if err := l.Close(); err != nil {
						t.Errorf("close: %v", err)
					}
					// The writer has ended. (What fails in the background may leave an append unknown.)
					if info, err := l.Info(t.Context()); err != nil || info.Head != eventstore.Position(len(w.acked)) && fault.name != "sync the folder" {
						t.Errorf("%d records were acknowledged, followers were told of %d: %v", len(w.acked), info.Head, err)
					}
					left["closed"] = mem.CrashClone(vfs.CrashCloneCfg{})
					for when, disk := range left {
						if err := w.reopen(t.Context(), disk); err != nil {
							t.Errorf("%s: %v", when, err)
						}
					}
				})
			}
		}
	}
}

// TestClosingWhileLogsFail lets one operation on write-ahead logs after the other
// fail while a log is closed: nothing is sealed that a crash takes back.
func TestClosingWhileLogsFail(t *testing.T) {
	alone(t)
	for good := int64(0); ; good++ {
		var left atomic.Int64
		left.Store(1 << 40)
		mem := vfs.NewCrashableMem()
		l, err := Open(Options{Dir: "log", FS: faultFS{mem, func(_ errorfs.OpKind, name string) error {
			if strings.HasSuffix(name, ".log") && left.Add(-1) < 0 {
				return syscall.EIO
			}
			return nil
		}}})
		if err != nil {
			t.Fatal(err)
		}
		w := &walWitness{log: l}
		if err := w.append(t.Context()); err != nil {
			t.Fatal(err)
		}
		left.Store(good)
		err = l.Close()
		if err != nil && !errors.Is(err, eventstore.ErrStopped) {
			t.Errorf("after %d: %v", good, err)
		}
		for _, percent := range []int{0, 50} {
			if err := w.reopen(t.Context(), mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: rand.New(rand.NewPCG(1, uint64(good)))})); err != nil {
				t.Errorf("after %d, %d %% kept: %v", good, percent, err)
			}
		}
		if left.Load() >= 0 {
			if good < 5 {
				t.Errorf("only %d could fail", good)
			}
			return
		}
	}
}

// walWitness notes what was acknowledged.
type walWitness struct {
	log   *Log
	acked []eventstore.Record
}

// append adds a record that fills a memtable with a few of its like.
func (w *walWitness) append(ctx context.Context) error {
	r := sample()
	r.Data = fmt.Appendf(nil, "%q", bytes.Repeat([]byte("x"), 60_000))
	done, err := w.log.Append(ctx, "line-1", eventstore.Revision(len(w.acked)-1), r)
	w.acked = append(w.acked, done...)
	return err
}

// compare looks for what was acknowledged.
func (w *walWitness) compare(ctx context.Context, l *Log) error {
	n := 0
	for r, err := range l.Read(ctx, eventstore.Query{Stream: "line-1"}) {
		if err != nil {
			return err
		}
		if n < len(w.acked) && (r.ID != w.acked[n].ID || !bytes.Equal(r.Data, w.acked[n].Data)) {
			return fmt.Errorf("record %d is another", n)
		}
		n++
	}
	if n < len(w.acked) {
		return fmt.Errorf("%d records were acknowledged, %d are there", len(w.acked), n)
	}
	return nil
}

// reopen does so on what is left, and goes on.
func (w *walWitness) reopen(ctx context.Context, disk vfs.FS) error {
	l, err := Open(Options{Dir: "log", FS: disk})
	if err != nil {
		return err
	}
	_, err = l.Check(ctx, nil)
	if err = errors.Join(err, w.compare(ctx, l)); err == nil {
		_, err = l.Append(ctx, "line-2", eventstore.None, sample())
	}
	return errors.Join(err, l.Close())
}

// newestLog is the write-ahead log that is written now.
func newestLog(t *testing.T, disk vfs.FS) (newest string) {
	t.Helper()
	dir := disk.PathJoin("log", pebbleFolder)
	names, err := disk.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, ".log") {
			newest = max(newest, name)
		}
	}
	return disk.PathJoin(dir, newest)
}
