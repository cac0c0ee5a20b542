package embedded

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/uuid"

	"parley/eventstore"
)

// Commands is an eventstore.Commands in a folder, for a log that lies on a
// server. Nothing in it is synced: what a crash takes is read again from the
// log.
//
//	c <command id>              ->                    the command is on record
//	c <command id> <position>   -> revision, stream
//	i h                         -> position           all up to here is in it
//	i s                         -> text               the log's name
type Commands struct {
	dir  string
	fs   vfs.FS
	db   *pebble.DB
	lock *pebble.Lock // nil when a Pebble that stands still has it for good
	*health
}

// OpenCommands opens the index in a folder, or makes it; one process at a time
// holds it. What cannot be read is made anew.
func OpenCommands(o Options) (*Commands, error) {
	o.complete()
	if err := makeFolder(o.FS, o.Dir); err != nil {
		return nil, fmt.Errorf("eventstore: cannot make %s: %w", o.Dir, err)
	}
	lock, err := pebble.LockDirectory(o.Dir, o.FS)
	if err != nil {
		return nil, locked(o.Dir, err)
	}
	c := &Commands{dir: o.Dir, fs: o.FS, lock: lock}
	if err = takesFiles(o.FS, o.Dir); err != nil {
		return nil, errors.Join(fmt.Errorf("eventstore: in the folder %s no index of commands can be written: %w", o.Dir, err), lock.Close())
	}
	if err = c.open(o.Fatal); err != nil && c.lock != nil {
		if err = c.clear(); err == nil {
			err = c.open(o.Fatal)
		}
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("eventstore: the index of commands in %s: %w", o.Dir, err), c.unlock())
	}
	c.running.Store(true)
	return c, nil
}

// HoldCommands keeps every other process from the index in a folder, as Hold does
// from a log.
func HoldCommands(o Options) (io.Closer, error) {
	o.complete()
	return lockStill(o.FS, o.Dir)
}

func (c *Commands) open(fatally func(error)) (err error) {
	name := "the index of commands in " + c.dir
	c.health = newHealth(name, errors.New(name+" takes in no more"), fatally)
	o := &pebble.Options{
		FS: &walFS{FS: c.fs, dir: c.dir, stop: c.stop, stopped: c.stoppedBy}, Lock: c.lock, Logger: quiet{c.health}, FormatMajorVersion: pebble.FormatValueSeparation,
		CacheSize: 24 << 20, MemTableSize: 8 << 20,
	}
	for i := range o.Levels {
		o.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
	}
	c.db, err = c.opened(&c.lock, func() (db *pebble.DB, err error) {
		defer func() {
			switch r := recover().(type) {
			case nil:
			case fatal:
				err = c.stoppedBy()
			default: // Pebble panics on some damage
				err = fmt.Errorf("it cannot be opened: %v", r)
			}
		}()
		return pebble.Open(c.dir, o)
	})
	if err != nil && c.db != nil {
		err = errors.Join(err, c.end())
	}
	return err
}

// clear removes what is in the folder but the lock, which is held.
func (c *Commands) clear() error {
	names, err := c.fs.List(c.dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		if name != "LOCK" {
			err = errors.Join(err, c.fs.RemoveAll(c.fs.PathJoin(c.dir, name)))
		}
	}
	return err
}

// Begin is part of eventstore.Commands.
func (c *Commands) Begin(store string) (eventstore.Position, error) {
	kept, err := c.get(keyStore)
	if err != nil {
		return 0, err
	}
	if string(kept) != store {
		b := c.db.NewBatch()
		if err := errors.Join(b.DeleteRange([]byte{spaceCommand}, []byte{spaceCommand + 1}, nil), b.Delete(keyHead, nil), b.Set(keyStore, []byte(store), nil)); err != nil {
			return 0, errors.Join(err, b.Close())
		}
		return 0, b.Commit(pebble.NoSync)
	}
	head, err := c.get(keyHead)
	if err != nil {
		return 0, err
	}
	n, _ := binary.Uvarint(head)
	return eventstore.Position(n), nil
}

func (c *Commands) get(key []byte) ([]byte, error) {
	value, closer, err := c.db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	value = append([]byte(nil), value...)
	return value, closer.Close()
}

// Add is part of eventstore.Commands.
func (c *Commands) Add(upTo eventstore.Position, places []eventstore.CommandPlace) error {
	if err := c.stoppedBy(); err != nil {
		return err
	}
	b := c.db.NewBatch()
	var key, value []byte
	for _, p := range places {
		if p.Command == uuid.Nil {
			continue
		}
		key = commandPrefix(key, p.Command)
		if err := b.Set(key, nil, nil); err != nil {
			return errors.Join(err, b.Close())
		}
		key = commandKey(key, p.Command, p.Position)
		value = append(binary.AppendUvarint(value[:0], uint64(p.Revision)), p.Stream...)
		if err := b.Set(key, value, nil); err != nil {
			return errors.Join(err, b.Close())
		}
	}
	if err := b.Set(keyHead, binary.AppendUvarint(nil, uint64(upTo)), nil); err != nil {
		return errors.Join(err, b.Close())
	}
	return errors.Join(b.Commit(pebble.NoSync), b.Close(), c.stoppedBy())
}

// Find is part of eventstore.Commands.
func (c *Commands) Find(command uuid.UUID) (found []eventstore.CommandPlace, err error) {
	prefix := commandPrefix(nil, command)
	_, closer, err := c.db.Get(prefix)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil // nearly every command asked for is new
	}
	if err == nil {
		err = closer.Close()
	}
	if err != nil {
		return nil, err
	}
	lower, upper := span(prefix, 0, 1<<64-1)
	it, err := c.db.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: upper})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	for ok := it.First(); ok; ok = it.Next() {
		position, fits := below(it.Key(), len(prefix))
		value, err := it.ValueAndErr()
		if err != nil {
			return nil, err
		}
		revision, n := binary.Uvarint(value)
		if !fits || n <= 0 {
			return nil, damaged("an entry cannot be read", "the index of commands in %s (delete the folder, it is made anew)", c.dir)
		}
		found = append(found, eventstore.CommandPlace{
			Command: command, Stream: string(value[n:]), Revision: eventstore.Revision(revision), Position: eventstore.Position(position),
		})
	}
	return found, nil
}

// Close gives the folder free.
func (c *Commands) Close() error {
	c.running.Store(false)
	return errors.Join(c.end(), c.unlock())
}

// end waits until Pebble has let go of the folder: for good while it is well. On a
// disk that failed it may stand still for ever, and then the folder stays locked.
func (c *Commands) end() error {
	done := make(chan error, 1)
	go func() {
		var err error
		defer func() { done <- err }()
		defer c.survive(&err)
		err = c.db.Close()
	}()
	select {
	case err := <-done:
		return err
	case <-c.halt:
	}
	select {
	case err := <-done:
		return err
	case <-time.After(patience):
		c.lock = nil
		return fmt.Errorf("eventstore: %s stays locked until this process ends: %w", c.dir, c.stoppedBy())
	}
}

func (c *Commands) unlock() error {
	if c.lock == nil {
		return nil
	}
	return c.lock.Close()
}

var _ eventstore.Commands = (*Commands)(nil)
