package esdbnode

import (
	"encoding/json"
	"hash/fnv"

	"parley/eventstore"
)

// choose finds the consumer for a message, nil when it has to wait. Any tells
// that another message may still find one. It is called with mu held.
func (g *group) choose(m *message) (c *consumer, any bool) {
	n := len(g.consumers)
	switch g.Settings.Strategy {
	case pinned, pinnedByCorrelation:
		c := g.pinnedTo(m)
		for _, other := range g.consumers {
			any = any || other.free()
		}
		if !c.free() {
			return nil, any
		}
		return c, true
	case dispatchToSingle:
		for i := range n {
			if c := g.consumers[(g.next+i)%n]; c.free() {
				g.next = (g.next + i) % n
				return c, true
			}
		}
	default:
		for i := range n {
			if c := g.consumers[(g.next+i)%n]; c.free() {
				g.next = (g.next + i + 1) % n
				return c, true
			}
		}
	}
	return nil, false
}

// pinnedTo is the consumer whose messages of a key all are: the one of the
// highest hash, so that one who comes or goes moves only its own share.
func (g *group) pinnedTo(m *message) *consumer {
	if m.pin != nil && m.pinned == g.changes {
		return m.pin
	}
	key := m.key(g.Settings.Strategy)
	var best *consumer
	most := uint64(0)
	for _, c := range g.consumers {
		h := fnv.New64a()
		for _, part := range []string{c.id, "\x00", key} {
			_, _ = h.Write([]byte(part)) // never fails
		}
		// The end of the text alone would else decide too much.
		x := h.Sum64()
		x = (x ^ x>>33) * 0xff51afd7ed558ccd
		x = (x ^ x>>33) * 0xc4ceb9fe1a85ec53
		if x ^= x >> 33; best == nil || x > most {
			best, most = c, x
		}
	}
	m.pin, m.pinned = best, g.changes
	return best
}

// key is what a message is pinned by: the stream it was written to, or what it
// says of its correlation.
func (m *message) key(strategy string) string {
	r := m.record
	if m.target != nil {
		r = m.target
	}
	if strategy == pinnedByCorrelation {
		if id := correlation(r); id != "" {
			return id
		}
	}
	return r.Stream
}

func correlation(r *eventstore.Record) string {
	if !framed(r) {
		return r.Correlation.String()
	}
	_, metadata, _, err := unframe(r.Data)
	if err != nil {
		return ""
	}
	var said struct {
		Correlation string `json:"$correlationId"`
	}
	if json.Unmarshal(metadata, &said) != nil {
		return ""
	}
	return said.Correlation
}
