package embedded

import (
	"encoding/binary"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"parley/eventstore"
)

// recent is a bounded map: when the young half is full it becomes the old one
// and the old one is forgotten. What is asked for moves to the young half, so
// what is in use stays. Only the writer changes it.
type recent struct {
	young, old map[string]int64
	half       int
}

func newRecent(size int) recent {
	return recent{young: map[string]int64{}, half: max(size/2, 1)}
}

func (r *recent) get(key string) (int64, bool) {
	if n, ok := r.young[key]; ok {
		return n, true
	}
	n, ok := r.old[key]
	if ok {
		r.young[key] = n
	}
	return n, ok
}

// peek is get for many readers at once: it moves nothing.
func (r *recent) peek(key string) (int64, bool) {
	n, ok := r.young[key]
	if !ok {
		n, ok = r.old[key]
	}
	return n, ok
}

func (r *recent) set(key string, n int64) { r.young[key] = n }

// age forgets the old half when the young one is full. It must not be called
// while a batch is put together: what the batch holds is not in the store yet.
func (r *recent) age() {
	if len(r.young) > r.half {
		r.old, r.young = r.young, make(map[string]int64, len(r.young))
	}
}

// head is the last revision of a stream as the writer sees it, with what waits
// in the batch.
func (w *writer) head(stream string) (eventstore.Revision, error) {
	if n, ok := w.heads.get(stream); ok {
		return eventstore.Revision(n), nil
	}
	if w.log.isNewStream(stream) {
		return eventstore.None, nil
	}
	n, err := w.lastBelow(spaceStream, stream, true)
	if err != nil {
		return 0, err
	}
	w.heads.set(stream, n)
	return eventstore.Revision(n), nil
}

// ordinal counts more records of a kind or a name: the ordinal of the last.
func (w *writer) ordinal(space byte, text string, more int) (int64, error) {
	key := string(rune(space)) + text
	n, ok := w.ordinals.get(key)
	if !ok {
		last, err := w.lastBelow(space, text, false)
		if err != nil {
			return 0, err
		}
		n = last
	}
	n += int64(more)
	w.ordinals.set(key, n)
	return n, nil
}

// lastBelow finds the last entry of a prefix in the store: a stream's
// revision, or an index's ordinal; -1 when there is none. New streams are the
// usual case: their revision 0 is asked for first, which a bloom filter
// answers without reading.
func (w *writer) lastBelow(space byte, text string, isStream bool) (int64, error) {
	if isStream {
		_, closer, err := w.log.db.Get(entryKey(nil, space, text, 0))
		if err == pebble.ErrNotFound {
			return -1, nil
		}
		if err != nil {
			return 0, w.log.damage(err)
		}
		if err := closer.Close(); err != nil {
			return 0, err
		}
	}
	prefix := prefixKey(nil, space, text)
	lower, upper := span(prefix, 0, 1<<64-1)
	it, err := w.log.db.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: upper})
	if err != nil {
		return 0, w.log.damage(err)
	}
	defer it.Close()
	if !it.Last() {
		if err := it.Error(); err != nil {
			return 0, w.log.damage(err)
		}
		return -1, nil
	}
	n, ok := below(it.Key(), len(prefix))
	if ok && !isStream {
		value, err := it.ValueAndErr()
		if err != nil {
			return 0, w.log.damage(err)
		}
		var used int
		n, used = binary.Uvarint(value)
		ok = used > 0
	}
	if !ok {
		return 0, &eventstore.DamageError{Where: fmt.Sprintf("the last entry of %q", text), What: "its key or value cannot be read"}
	}
	return int64(n), nil
}
