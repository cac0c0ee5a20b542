package embedded

import (
	"fmt"

	"parley/eventstore"
)

// write puts a slot on disk. Of all who wait at the same time one writes for
// all, with a single sync; after a failure nothing is written any more, since
// nobody knows what the file holds.
func (k *Keys) write(p *place) error {
	p.busy = true
	k.waiting = append(k.waiting, p)
	for p.busy && k.failed == nil {
		if k.writing {
			k.settled.Wait()
			continue
		}
		k.writeAll()
	}
	if p.busy || k.closed() { // what another wrote may be cleared by now
		return k.failed
	}
	return nil
}

// writeAll is called with mu held and gives it up while the disk works.
func (k *Keys) writeAll() {
	batch := k.waiting
	k.waiting, k.writing = nil, true
	slots := make([][]byte, len(batch))
	for i, p := range batch {
		slots[i] = p.encode()
	}
	first, durable := header(k.durable).encode(), k.count
	k.mu.Unlock()
	k.fillAhead(batch)
	err := k.put(first, 0)
	for i, p := range batch {
		if err == nil {
			err = k.put(slots[i], p.at)
		}
	}
	if err == nil && !k.unsynced {
		err = k.file.SyncData()
	}
	if err == nil {
		err = k.anchor.holds()
	}
	k.mu.Lock()
	k.writing = false
	if err != nil {
		k.failed = fmt.Errorf("%w: %s could not be written: %w", eventstore.ErrStopped, k.name, err)
	} else {
		k.durable = durable
		for _, p := range batch {
			p.busy = false
		}
	}
	k.settled.Broadcast()
}

// keysAhead is how many slots that nobody has yet are in the file behind the last.
const keysAhead = 64

// fillAhead makes the file longer than it need be, seldom, and so the sync short:
// one of a file that has grown waits for the file system's journal as well.
func (k *Keys) fillAhead(batch []*place) {
	last := uint32(0)
	for _, p := range batch {
		last = max(last, p.at)
	}
	if last < k.filled {
		return
	}
	from, to := k.filled, last+1+keysAhead
	k.filled = last + 1 // what the batch itself fills, whether or not there is room for more
	if k.put(make([]byte, int(to-from)*slotSize), from) == nil {
		k.filled = to
	}
}

func (k *Keys) put(b []byte, at uint32) error {
	_, err := k.file.WriteAt(b, int64(at)*slotSize)
	return err
}
