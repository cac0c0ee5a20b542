package eventstore

import (
	"maps"
	"slices"
	"testing"
	"time"

	"parley/domain"
)

// A room is a small kind for tests: guests come and go, at most so many, and
// say things. A tally counts what follows from it.
type room struct {
	Guests map[string]int
	Said   int
}

type roomEvent interface{ apply(*room) }

type entered struct {
	Guest        string
	Conversation string `json:",omitempty"`
}
type left struct{ Guest string }
type spoke struct {
	Guest string
	Text  domain.Personal
	Tags  []string
}
type listed struct{ Guests map[string]int } // who was there before
type restored struct{ Guests map[string]int }
type roomCarried struct{ Room room }

func (e entered) apply(r *room) {
	if r.Guests == nil {
		r.Guests = map[string]int{}
	}
	r.Guests[e.Guest]++
}
func (e left) apply(r *room)        { delete(r.Guests, e.Guest) }
func (e spoke) apply(r *room)       { r.Said++ }
func (e listed) apply(r *room)      {}
func (e restored) apply(r *room)    { r.Guests = e.Guests }
func (e roomCarried) apply(r *room) { *r = e.Room }

type enter struct{ Guest, Conversation string }
type leave struct{ Guest string }
type speak struct {
	Guest string
	Text  domain.Personal
	Tags  []string
}
type storm struct{}
type enterListing struct{ Guest string }
type enumerate struct{}
type restore struct{ Guests map[string]int }

func (enumerate) Decide(r room) ([]roomEvent, error) { return []roomEvent{r.listing()}, nil }
func (c restore) Decide(r room) ([]roomEvent, error) { return []roomEvent{restored(c)}, nil }
func (r room) listing() listed                       { return listed{r.Guests} }

// Decide gives an event that shares its map with the state it was made from.
func (c enterListing) Decide(r room) ([]roomEvent, error) {
	return []roomEvent{entered{Guest: c.Guest}, listed{r.Guests}}, nil
}

func (c enter) Decide(r room) ([]roomEvent, error) {
	if _, in := r.Guests[c.Guest]; in {
		return nil, nil
	}
	if len(r.Guests) >= 3 {
		return nil, domain.Refuse("full", "TST-1", "wait until one has left")
	}
	return []roomEvent{entered(c)}, nil
}

func (c leave) Decide(r room) ([]roomEvent, error) {
	if _, in := r.Guests[c.Guest]; !in {
		return nil, nil
	}
	return []roomEvent{left(c)}, nil
}

func (c speak) Decide(r room) ([]roomEvent, error) {
	return []roomEvent{spoke(c)}, nil
}

func (storm) Decide(room) ([]roomEvent, error) { panic("a storm") }

func rooms() *domain.Kind[room, roomEvent] {
	return &domain.Kind[room, roomEvent]{
		Name:  "room",
		Apply: func(r *room, e roomEvent) { e.apply(r) },
		Names: domain.Names[roomEvent]{"room.entered": entered{}, "room.left": left{}, "room.listed": listed{}, "room.restored": restored{}, "room.spoke.v2": spoke{}, "room.carried_forward": roomCarried{}},
		Former: domain.Former[roomEvent]{
			"room.spoke": oldSpoke{},
		},
		Subject: func(id string, _ room, e roomEvent) string {
			if s, ok := e.(spoke); ok {
				return "visitor-" + s.Guest
			}
			return ""
		},
		Carry: func(r room) roomEvent { return roomCarried{r} },
	}
}

// oldSpoke is how one spoke in the first version.
type oldSpoke struct {
	Who  string
	Text domain.Personal
}

func (o oldSpoke) Lift() roomEvent { return spoke{Guest: o.Who, Text: o.Text} }

type tally struct {
	Count map[string]int
}
type counted struct{ What string }
type count struct{ What string }

func (c count) Decide(t tally) ([]counted, error) {
	if c.What == "forbidden" {
		return nil, domain.Refuse("forbidden", "TST-2", "count something else")
	}
	return []counted{counted(c)}, nil
}

func tallies() *domain.Kind[tally, counted] {
	return &domain.Kind[tally, counted]{
		Name: "tally",
		Apply: func(t *tally, e counted) {
			t.Count = maps.Clone(t.Count)
			if t.Count == nil {
				t.Count = map[string]int{}
			}
			t.Count[e.What]++
		},
		Names: domain.Names[counted]{"tally.counted": counted{}},
	}
}

// ripples follow each guest who enters: one more in the tally of the house and
// one in that of the guest; who is refused there is counted elsewhere.
func ripples() []domain.Policy {
	return []domain.Policy{
		{Name: "count", Follow: func(f domain.Fact) []domain.Intent {
			e, ok := f.Event.(entered)
			if !ok {
				return nil
			}
			return []domain.Intent{
				{Kind: "tally", ID: "house", Command: count{"entered"}},
				{Kind: "tally", ID: e.Guest, Command: count{f.ID}},
				{Kind: "tally", ID: "refusing", Command: count{"forbidden"}, Else: []domain.Intent{
					{Kind: "tally", ID: "refused", Command: count{e.Guest}}}},
			}
		}},
		{Name: "echo", Follow: func(f domain.Fact) []domain.Intent {
			if e, ok := f.Event.(counted); ok && f.ID == "house" && e.What == "entered" {
				return []domain.Intent{{Kind: "tally", ID: "echo", Command: count{"heard"}}}
			}
			return nil
		}},
	}
}

func newCodec(t testing.TB) (*Codec, *memKeys) {
	t.Helper()
	kinds, err := NewKinds(Register(rooms()), Register(tallies()))
	if err != nil {
		t.Fatal(err)
	}
	keys := &memKeys{}
	return &Codec{Kinds: kinds, Keys: keys}, keys
}

func newEngine(t testing.TB, log Log, policies ...domain.Policy) *Engine {
	t.Helper()
	codec, _ := newCodec(t)
	return NewEngine(log, codec, policies, time.Now)
}

// names are the streams and names of what is on record, in order of stream.
func names(l *memLog) []string {
	var all []string
	for _, r := range l.all() {
		all = append(all, r.Stream+" "+r.Name)
	}
	slices.Sort(all)
	return all
}
