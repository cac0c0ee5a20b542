package embedded

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2/vfs"

	"parley/eventstore"
)

// SharedKeys is the eventstore.Keys of a folder that several processes of one
// machine open at once, such as two servers on one log elsewhere. The file is
// that of Keys. Who writes holds a lock; who reads looks into the file each
// time, so that a key that any of them destroyed is gone for all at once.
type SharedKeys struct {
	name   string
	file   vfs.File
	lock   io.Closer // keeps out who wants the folder for itself
	anchor anchor
	turn   *turn                 // to write
	failed atomic.Pointer[error] // a write of unknown outcome, or the end

	mu     sync.Mutex        // nobody who has it waits for a sync, or for another process
	places map[string]uint32 // slots by subject
	count  uint32
	synced uint32          // slots that are known to be on the disk
	gone   map[uint32]bool // and of them those that are known to be destroyed there
}

// OpenSharedKeys opens the keys of a folder, or makes them.
func OpenSharedKeys(dir string) (*SharedKeys, error) {
	if err := makeFolder(vfs.Default, dir); err != nil {
		return nil, fmt.Errorf("eventstore: cannot make %s: %w", dir, err)
	}
	lock, err := lockKeys(filepath.Join(dir, keysLock), true)
	if err != nil {
		return nil, locked(dir, err)
	}
	k := &SharedKeys{name: filepath.Join(dir, keysFile), lock: lock, places: map[string]uint32{}, gone: map[uint32]bool{}}
	if k.turn, err = openTurn(filepath.Join(dir, keysWriting)); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	err = k.alone(func() error { return k.open(dir) })
	if err != nil {
		if k.file != nil {
			err = errors.Join(err, k.file.Close())
		}
		return nil, errors.Join(err, k.turn.file.Close(), lock.Close())
	}
	return k, nil
}

func (k *SharedKeys) open(dir string) error {
	one := &Keys{name: k.name, slots: map[string]*place{}}
	err := one.open(vfs.Default, dir)
	k.file, k.anchor, k.count, k.synced = one.file, one.anchor, one.count, one.count
	for subject, p := range one.slots {
		k.places[subject] = p.at
		if p.state == slotDestroyed {
			k.gone[p.at] = true
		}
		clear(p.key[:])
	}
	return err
}

// alone does something while nobody else writes, unless keys have stopped.
func (k *SharedKeys) alone(do func() error) error {
	return k.turn.alone(func() error {
		if err := k.stopped(); err != nil {
			return err
		}
		return do()
	})
}

// Key gives a subject's key. A new one is on disk before it is returned.
func (k *SharedKeys) Key(subject string, create bool) ([]byte, error) {
	if err := validSubject(subject); err != nil {
		return nil, err
	}
	want := byte(0)
	if create {
		want = slotAlive
	}
	s, err := k.find(subject, want)
	if err != nil {
		return nil, err
	}
	if s == nil || s.state != slotAlive {
		return nil, eventstore.ErrNoKey
	}
	return s.key[:], nil
}

// Knows tells whether a subject ever had a key here: it may be destroyed.
func (k *SharedKeys) Knows(subject string) (bool, error) {
	s, err := k.find(subject, 0)
	return s != nil, err
}

// Secret gives a secret of the store, and makes it when it is first asked for.
func (k *SharedKeys) Secret(name string) ([]byte, error) {
	name = "secret/" + name
	if err := validSubject(name); err != nil {
		return nil, err
	}
	s, err := k.find(name, slotSecret)
	if err != nil {
		return nil, err
	}
	if s.state != slotSecret {
		return nil, eventstore.ErrNoKey
	}
	return s.key[:], nil
}

// Destroy overwrites a subject's key and sees that it never gets another.
func (k *SharedKeys) Destroy(subject string) error {
	if err := validSubject(subject); err != nil {
		return err
	}
	s, err := k.find(subject, slotDestroyed)
	if err != nil || s.state == slotDestroyed {
		return err
	}
	if s.state != slotAlive {
		return fmt.Errorf("eventstore: %q is no subject", subject)
	}
	return k.alone(func() error { return k.put(&slot{state: slotDestroyed, subject: subject}) })
}

// Destroyed counts what was destroyed, by whomever: who keeps something made of
// a key drops it when this has changed.
func (k *SharedKeys) Destroyed() (uint64, error) {
	_, destroyed, err := k.header()
	return destroyed, err
}

// header reads how many slots are known to be good, and how many keys were
// destroyed.
func (k *SharedKeys) header() (acknowledged uint32, destroyed uint64, err error) {
	var b [12]byte
	_, err = k.file.ReadAt(b[:], slotKey)
	return binary.BigEndian.Uint32(b[:]), binary.BigEndian.Uint64(b[4:]), err
}

// find reads a subject's slot; without one it makes one of a state, unless that
// is 0. Only who needs what may not be on the disk waits for who writes.
func (k *SharedKeys) find(subject string, make byte) (*slot, error) {
	if err := k.stopped(); err != nil {
		return nil, err
	}
	s, at, sure, err := k.known(subject)
	if err == nil && (sure || s == nil && make == 0) {
		return s, nil
	}
	if s != nil && s.state != slotDestroyed {
		if done := k.done(); at <= done {
			return s, k.settle(done)
		}
	}
	err = k.alone(func() error {
		if s, at, sure, err = k.known(subject); err != nil || sure {
			return err
		}
		if s != nil {
			return k.settleAll(s, at)
		}
		if make == 0 {
			return nil
		}
		s = &slot{state: make, subject: subject}
		if make != slotDestroyed {
			if _, err := rand.Read(s.key[:]); err != nil {
				return err
			}
		}
		return k.put(s)
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// known looks a subject up, and tells whether what it finds is known to be on the
// disk.
func (k *SharedKeys) known(subject string) (s *slot, at uint32, sure bool, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if s, err = k.look(subject); s == nil {
		return nil, 0, false, err
	}
	at = k.places[subject]
	return s, at, at <= k.synced && (s.state != slotDestroyed || k.gone[at]), nil
}

// done tells up to which slot nobody is at work any more: who writes counts in the
// header what stood there before. It is 0 while the header is just being written.
func (k *SharedKeys) done() uint32 {
	h, _, what, err := k.read(0)
	if err != nil || what != "" || h.state != slotHeader {
		return 0
	}
	return binary.BigEndian.Uint32(h.key[:])
}

// settle sees that slots at which nobody is at work are on the disk before
// anything is made of them: who made them may have been killed before they were.
func (k *SharedKeys) settle(done uint32) error {
	if err := k.sync(); err != nil {
		return k.fail(err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.synced = max(k.synced, done)
	return nil
}

// settleAll is settle, alone, of the last slot and of what was destroyed too: who
// writes holds the lock until it is on the disk.
func (k *SharedKeys) settleAll(s *slot, at uint32) error {
	if err := k.settle(k.counted()); err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if s.state == slotDestroyed {
		k.gone[at] = true
	}
	return nil
}

func (k *SharedKeys) counted() uint32 {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.count
}

// fail ends all writing: nobody knows what the disk holds.
func (k *SharedKeys) fail(err error) error {
	err = fmt.Errorf("%w: %s could not be written: %w", eventstore.ErrStopped, k.name, err)
	k.failed.CompareAndSwap(nil, &err)
	return err
}

func (k *SharedKeys) stopped() error {
	if err := k.failed.Load(); err != nil {
		return *err
	}
	return nil
}

// look reads a subject's slot as it is on disk; nil when there is none. While
// another process writes a slot may be seen half written: alone it never is.
func (k *SharedKeys) look(subject string) (*slot, error) {
	at, ok := k.places[subject]
	if !ok {
		if err := k.learn(); err != nil {
			return nil, err
		}
		if at, ok = k.places[subject]; !ok {
			return nil, nil
		}
	}
	s, never, what, err := k.read(at)
	switch {
	case err != nil:
		return nil, err
	case what == "" && (never || s.subject != subject):
		what = "it is not the subject's any more"
	}
	if what != "" {
		return nil, damaged(what, "slot %d of %s", at, k.name)
	}
	return &s, nil
}

// learn takes in the slots that others have added. What no writer leaves is
// damage.
func (k *SharedKeys) learn() error {
	info, err := k.file.Stat()
	if err != nil {
		return err
	}
	for at := k.count + 1; int64(at+1)*slotSize <= info.Size(); at++ {
		s, never, what, err := k.read(at)
		if err != nil {
			return err
		}
		if never {
			return k.nothingAfter(at, info.Size())
		}
		if _, twice := k.places[s.subject]; what == "" && s.state != slotVoid && (twice || s.state == slotHeader) {
			what = fmt.Sprintf("%q has a slot already", s.subject)
		}
		if what != "" {
			return damaged(what, "slot %d of %s", at, k.name)
		}
		k.count = at
		if s.state != slotVoid {
			k.places[s.subject] = at
		}
	}
	return nil
}

// nothingAfter sees that behind a slot that was never written, since its write
// was cut off or is on its way, there is none that was: each is written behind
// all others.
func (k *SharedKeys) nothingAfter(empty uint32, size int64) error {
	for at := empty + 1; int64(at+1)*slotSize <= size; at++ {
		if _, never, _, err := k.read(at); err != nil || !never {
			return errors.Join(err, damaged("it is empty, and slots behind it are not", "slot %d of %s", empty, k.name))
		}
	}
	return nil
}

func (k *SharedKeys) read(at uint32) (s slot, never bool, what string, err error) {
	var b [slotSize]byte
	if _, err = k.file.ReadAt(b[:], int64(at)*slotSize); err != nil {
		return s, false, "", err
	}
	s, never, what = decodeSlot(b[:])
	return s, never, what, nil
}

// put writes a slot, alone: over the one that its subject has, or behind all.
// Others of this process may see it from then on, but not as one that is on the
// disk.
func (k *SharedKeys) put(s *slot) error {
	k.mu.Lock()
	at, there := k.places[s.subject]
	good := k.count
	k.mu.Unlock()
	if !there {
		at = good + 1
	}
	if err := k.write(s, at, good); err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.places[s.subject] = at
	k.count, k.synced = max(k.count, at), max(k.synced, good, at)
	if s.state == slotDestroyed {
		k.gone[at] = true
	}
	return nil
}

// write puts a slot on disk; the header before it says how many slots were good,
// and counts what was destroyed.
func (k *SharedKeys) write(s *slot, at, good uint32) error {
	acknowledged, destroyed, err := k.header()
	if err != nil {
		return err
	}
	if s.state == slotDestroyed {
		destroyed++
	}
	if _, err = k.file.WriteAt(s.encode(), int64(at)*slotSize); err == nil {
		err = k.tell(max(acknowledged, good), destroyed)
	}
	if err != nil {
		return k.fail(err)
	}
	return nil
}

// tell writes the header, and what was written before it, to disk.
func (k *SharedKeys) tell(acknowledged uint32, destroyed uint64) error {
	first := header(acknowledged)
	binary.BigEndian.PutUint64(first.key[4:], destroyed)
	if _, err := k.file.WriteAt(first.encode(), 0); err != nil {
		return err
	}
	return k.sync()
}

// sync sees that what was written, by whomever, is on disk, where it is found again.
func (k *SharedKeys) sync() error {
	if err := k.file.Sync(); err != nil {
		return err
	}
	return k.anchor.holds()
}

// tellAll writes how many slots are good, the last one too, whoever wrote it: a
// file that is cut off later is then known for it.
func (k *SharedKeys) tellAll() error {
	k.mu.Lock()
	err := k.learn()
	k.mu.Unlock()
	if err != nil {
		return err
	}
	all := k.counted()
	acknowledged, destroyed, err := k.header()
	if err != nil || acknowledged >= all {
		return err
	}
	return k.tell(all, destroyed)
}

// Stopped is Keys.Stopped, and eventstore.ErrKeysHeld while another process keeps
// everybody from writing. It waits for nobody.
func (k *SharedKeys) Stopped() error {
	if err := k.stopped(); err != nil || !k.turn.held.Load() {
		return err
	}
	return eventstore.ErrKeysHeld
}

// Close ends the use of the keys.
func (k *SharedKeys) Close() error {
	err := k.alone(k.tellAll)
	failed := k.failed.Swap(&closedKeys)
	switch {
	case failed != nil && errors.Is(*failed, eventstore.ErrClosed):
		return nil
	case failed != nil, errors.Is(err, eventstore.ErrKeysHeld):
		err = nil // nobody knows how many are good, or who holds them tells it when he ends
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return errors.Join(err, k.file.Close(), k.turn.file.Close(), k.lock.Close())
}

var closedKeys error = eventstore.ErrClosed

var _ eventstore.Keys = (*SharedKeys)(nil)
