package api

// aging is a bounded map that forgets what was not used for longest, about:
// when the young half is full it becomes the old one, and the old one is
// forgotten. What is asked for moves to the young half, so what is in use
// stays. It costs the same however full it is.
type aging[K comparable, V any] struct {
	most       int // how many are kept
	young, old map[K]V
}

func newAging[K comparable, V any](most int) aging[K, V] {
	return aging[K, V]{most: most, young: map[K]V{}}
}

func (a *aging[K, V]) get(key K) (V, bool) {
	v, ok := a.young[key]
	if ok {
		return v, true
	}
	if v, ok = a.old[key]; ok && len(a.young) < a.most/2 {
		delete(a.old, key)
		a.young[key] = v
	}
	return v, ok
}

// put keeps a value.
func (a *aging[K, V]) put(key K, v V) {
	if len(a.young) >= a.most/2 {
		a.young, a.old = map[K]V{}, a.young
	}
	delete(a.old, key)
	a.young[key] = v
}

func (a *aging[K, V]) drop(key K) {
	delete(a.young, key)
	delete(a.old, key)
}

func (a *aging[K, V]) len() int { return len(a.young) + len(a.old) }
