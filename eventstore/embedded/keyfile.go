package embedded

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/cockroachdb/pebble/v2/vfs"

	"parley/eventstore"
)

const (
	keysFile = "subjects.keys"
	keysLock = "LOCK"
)

// Keys is the eventstore.Keys of one folder, apart from the log's: one file of
// fixed slots, so that destroying a key overwrites it where it lies. All slots
// are in memory too, about 250 bytes for each subject.
type Keys struct {
	name     string
	file     vfs.File
	lock     io.Closer
	anchor   anchor
	unsynced bool

	mu      sync.Mutex
	settled *sync.Cond // a write has ended
	slots   map[string]*place
	count   uint32   // slots in use, the header not counted
	durable uint32   // slots that were in use at the last sync
	filled  uint32   // slots that the file has, used or not; only who writes has it
	waiting []*place // to be written
	writing bool
	failed  error // a write of unknown outcome, or the end
}

// place is a slot and where it lies. Under mu; while it is waiting or being
// written it is nobody's to see.
type place struct {
	slot
	at   uint32
	busy bool
}

// OpenKeys opens the keys of a folder, or makes them. Of the options it needs
// Dir, and FS when it is not the machine's.
func OpenKeys(o Options) (*Keys, error) {
	if o.FS == nil {
		o.FS = vfs.Default
	}
	if err := makeFolder(o.FS, o.Dir); err != nil {
		return nil, fmt.Errorf("eventstore: cannot make %s: %w", o.Dir, err)
	}
	lockFile := o.FS.Lock
	if o.FS == vfs.Default {
		lockFile = func(name string) (io.Closer, error) { return lockKeys(name, false) }
	}
	lock, err := lockFile(o.FS.PathJoin(o.Dir, keysLock))
	if err != nil {
		return nil, locked(o.Dir, err)
	}
	k := &Keys{name: o.FS.PathJoin(o.Dir, keysFile), lock: lock, slots: map[string]*place{}, unsynced: o.unsynced}
	k.settled = sync.NewCond(&k.mu)
	if err := k.open(o.FS, o.Dir); err != nil {
		if k.file != nil {
			err = errors.Join(err, k.file.Close())
		}
		return nil, errors.Join(err, lock.Close())
	}
	return k, nil
}

func (k *Keys) open(f vfs.FS, dir string) (err error) {
	if k.file, err = f.OpenReadWrite(k.name, vfs.WriteCategoryUnspecified); err != nil {
		return err
	}
	if k.file.Fd() != vfs.InvalidFd {
		if err := os.Chmod(k.name, 0o600); err != nil {
			return err
		}
	}
	if k.anchor, err = anchored(f, k.name); err != nil {
		return err
	}
	fresh, err := k.load()
	if err != nil || !fresh {
		return err
	}
	if _, err := k.file.WriteAt(header(0).encode(), 0); err != nil {
		return err
	}
	k.filled = 1
	return errors.Join(k.file.Sync(), syncFolder(f, dir))
}

// Key gives a subject's key. A new one is on disk before it is returned.
func (k *Keys) Key(subject string, create bool) ([]byte, error) {
	if err := validSubject(subject); err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	p, err := k.settle(subject)
	if err == nil && p == nil && create {
		p, err = k.add(subject, slotAlive)
	}
	if err != nil {
		return nil, err
	}
	if p == nil || p.state != slotAlive {
		return nil, eventstore.ErrNoKey
	}
	return append([]byte(nil), p.key[:]...), nil
}

// Secret gives a secret of the store, and makes it when it is first asked for.
func (k *Keys) Secret(name string) ([]byte, error) {
	name = "secret/" + name
	if err := validSubject(name); err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	p, err := k.settle(name)
	if err == nil && p == nil {
		p, err = k.add(name, slotSecret)
	}
	if err != nil {
		return nil, err
	}
	if p.state != slotSecret {
		return nil, eventstore.ErrNoKey
	}
	return append([]byte(nil), p.key[:]...), nil
}

// Destroy overwrites a subject's key and sees that it never gets another.
func (k *Keys) Destroy(subject string) error {
	if err := validSubject(subject); err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	p, err := k.settle(subject)
	switch {
	case err != nil:
		return err
	case p == nil:
		_, err := k.add(subject, slotDestroyed)
		return err
	case p.state == slotDestroyed:
		return nil
	case p.state != slotAlive:
		return fmt.Errorf("eventstore: %q is no subject", subject)
	}
	p.state = slotDestroyed
	clear(p.key[:])
	return k.write(p)
}

// settle finds a subject's slot, once no write of it is on its way. A slot
// whose write failed is not told: nobody knows what is on disk.
func (k *Keys) settle(subject string) (*place, error) {
	p := k.slots[subject]
	for p != nil && p.busy {
		if k.failed != nil {
			return nil, k.failed
		}
		k.settled.Wait()
	}
	if k.closed() { // also while it was waited for: then the key is cleared
		return nil, k.failed
	}
	return p, nil
}

// add makes a new slot.
func (k *Keys) add(subject string, state byte) (*place, error) {
	if k.failed != nil {
		return nil, k.failed
	}
	p := &place{slot: slot{state: state, subject: subject}, at: k.count + 1}
	if state != slotDestroyed {
		if _, err := rand.Read(p.key[:]); err != nil {
			return nil, err
		}
	}
	k.count++
	k.slots[subject] = p
	return p, k.write(p)
}

// Stopped tells why no more keys are made or destroyed: a write failed, or the use
// of the keys has ended. Nil while all is well.
func (k *Keys) Stopped() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.failed
}

// Close ends the use of the keys; a write on its way is finished.
func (k *Keys) Close() error {
	k.mu.Lock()
	for k.writing {
		k.settled.Wait()
	}
	if k.closed() {
		k.mu.Unlock()
		return nil
	}
	err := k.tellAll()
	k.failed = eventstore.ErrClosed
	for _, p := range k.slots {
		clear(p.key[:])
	}
	k.settled.Broadcast()
	k.mu.Unlock()
	return errors.Join(err, k.file.Close(), k.lock.Close())
}

// closed tells that the use of the keys has ended. It is called with mu held.
func (k *Keys) closed() bool { return errors.Is(k.failed, eventstore.ErrClosed) }

// tellAll writes how many slots are good, the last ones too, which a header
// written before them could not tell: a file that is cut off later is then known
// for it. After a failed write nobody knows how many are.
func (k *Keys) tellAll() error {
	if k.failed != nil || k.durable == 0 {
		return nil
	}
	err := k.put(header(k.durable).encode(), 0)
	if err == nil && !k.unsynced {
		err = k.file.SyncData()
	}
	return err
}

var _ eventstore.Keys = (*Keys)(nil)
