package routing

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"parley/domain"
	"parley/domain/agent"
	"parley/domain/conversation"
	"parley/domain/queue"
)

// Why an agent was chosen or passed over.
const (
	Chosen       = "chosen"
	Disabled     = "disabled"
	Unconnected  = "not_connected"
	Presence     = "presence"
	SessionLimit = "session_limit"
	NoRoom       = agent.NoRoom
	Declined     = "declined"
	Resting      = "declined_recently"
	TooMany      = "too_many_declined" // out of automatic assignment
	Outranked    = "outranked"
	NoMembers    = "no_members"
	Unseen       = "not_seen"
	Picked       = "picked_only"
	Affinity     = "affinity"
	Closed       = "closed" // the queue's hours
	Skills       = "skills"
	Deleted      = conversation.OverflowDeleted // the queue
	Damaged      = "damaged"                    // the agent's stream cannot be read
)

const (
	restAfter = 30 * time.Second // a lone decliner is asked again after it (RTE-5)
	// MaxDecliners is how many agents decline before a conversation is offered to
	// nobody any more by itself (RTE-5).
	MaxDecliners = 100
	namedAtMost  = 20
	// AtATime is how many decisions of a round may be carried out at a time: none
	// while one that many before it is not on record, refused or given up.
	AtATime = 16
)

// moment is when and where in its round a decision is made.
type moment struct {
	now      time.Time
	position string
	round    int
	index    int
	day      string
}

// decide makes one decision, and tells when to look again though nothing
// happens; zero is never.
func (b *Board) decide(it *item, m moment) (d domain.Decision, again time.Time) {
	l := it.lane
	d = domain.Decision{
		Position: m.position, Round: m.round, Index: m.index, At: m.now, Queue: l.ID, Method: l.Method, Action: domain.ActionNone,
		Refused: b.refusals(it), Given: slices.Clone(b.gave[max(0, len(b.gave)-(AtATime-1)):]),
	}
	if l.Deleted {
		b.leaves(it, &d)
		return d, time.Time{}
	}
	open, until := b.open(l, m.now)
	if l.Hours != "" {
		d.Hours, d.HoursUntil = "closed", until
		if open {
			d.Hours = "open"
		}
		again = until
	}
	defer func() { again = soonest(again, b.overdue(it)) }()
	if !open {
		d.Rest = []domain.Tally{{Code: Closed, Count: 1}}
		if b.overflow(it, &d, m.now) {
			return d, again
		}
		if b.ends(it, m.now) {
			d.Action, d.Why = domain.ActionEnd, Closed
		}
		return d, again
	}
	rest := map[string]int{}
	if it.Affinity != "" && b.affinity(it, &d, rest) {
		return d, again
	}
	switch {
	case !it.Terms.Push:
		rest[Picked]++
		d.Rest = domain.Counted(rest)
	case len(l.members) == 0:
		rest[NoMembers]++
		d.Rest = domain.Counted(rest)
	case len(rest) == 0 && b.nobody[l] != nil && b.nobody[l].like(it) && it.plain():
		d.Best, d.Rest = b.nobody[l].best, b.nobody[l].rest // nobody of them has changed since
	default:
		if resting := b.choose(it, &d, rest, m); !resting.IsZero() {
			again = soonest(again, resting)
		}
	}
	if d.Action == domain.ActionNone {
		b.overflow(it, &d, m.now)
	}
	return d, again
}

// affinity asks the agent of before, first of all (RTE-4).
func (b *Board) affinity(it *item, d *domain.Decision, rest map[string]int) bool {
	s := b.agents[it.Affinity]
	if s == nil {
		return false
	}
	why := affine(s)
	if code := d.Refused[s.id]; code != "" {
		why = code
	}
	if why != "" {
		rest[Affinity+"_"+why]++
		return false
	}
	d.Action, d.Agent, d.Forced = domain.ActionOffer, s.id, true
	d.Best = []domain.Candidate{candidate(s, it, Affinity)}
	return true
}

// affine names what keeps even the agent of before from being asked.
func affine(s *seat) string {
	switch {
	case s.now.Disabled || !s.now.Registered:
		return Disabled
	case !s.there:
		return Unconnected
	case s.now.Presence == agent.Offline, s.now.Presence == agent.Inactive, s.now.Presence == "":
		return Presence
	case s.open >= agent.MaxSessions:
		return SessionLimit
	}
	return ""
}

// nobody is what was found of a queue's members when none could be asked, for
// conversations of which nothing but their cost and workstream was looked at. It
// holds for one round, until something is given to anybody.
type nobody struct {
	units      int
	workstream string
	best       []domain.Candidate
	rest       []domain.Tally
}

func (n *nobody) like(it *item) bool {
	return n.units == it.Terms.Units && n.workstream == it.Workstream
}

// plain tells that nothing has happened to a conversation, and that it asks for
// nothing, which could set one agent apart from another.
func (it *item) plain() bool {
	return len(it.Declines) == 0 && len(it.Unseen) == 0 && len(it.Skills) == 0 && len(it.refused) == 0 && it.profile().ID == ""
}

// choose ranks the members of the queue and takes the first; it tells when a
// lone decliner may be asked again.
func (b *Board) choose(it *item, d *domain.Decision, rest map[string]int, m moment) (resting time.Time) {
	l, plain := it.lane, len(rest) == 0 && it.plain()
	rank := ranking{it: it, method: l.Method}
	best := make([]*seat, 0, namedAtMost)
	near := make([]domain.Candidate, 0, namedAtMost)
	allowed := b.presences(it)
	outranked := 0
	look := looking{it: it, method: l.Method, allowed: allowed, day: m.day}
	for _, s := range l.members {
		if !s.known {
			continue
		}
		code := look.unfit(s)
		if refused := d.Refused[s.id]; refused != "" && code == "" {
			code = refused
		}
		switch {
		case code != "" && len(near) < namedAtMost:
			near = append(near, candidate(s, it, code))
		case code != "":
			rest[code]++
		case len(best) < namedAtMost:
			best = rank.insert(best, s)
		case rank.compare(s, best[len(best)-1]) < 0:
			best = rank.insert(best[:len(best)-1], s)
			outranked++
		default:
			outranked++
		}
	}
	reason := Outranked
	switch {
	case len(it.Declines) >= MaxDecliners:
		reason = TooMany
	case len(best) == 0:
	case it.Declines[best[0].id] > 0 && m.now.Before(it.LastDecline.Add(restAfter)):
		reason, resting = Resting, it.LastDecline.Add(restAfter)
	default:
		d.Action, d.Agent = domain.ActionOffer, best[0].id
	}
	for _, s := range best {
		code := reason
		if s.id == d.Agent {
			code = Chosen
		}
		d.Best = append(d.Best, candidate(s, it, code))
	}
	if outranked > 0 {
		rest[reason] += outranked
	}
	for _, c := range near { // those nearest to it are named, the others counted
		if len(d.Best) < namedAtMost {
			d.Best = append(d.Best, c)
		} else {
			rest[c.Reason]++
		}
	}
	if len(it.Declines) >= MaxDecliners && len(best) == 0 {
		rest[TooMany]++
	}
	d.Rest = domain.Counted(rest)
	if d.Action == domain.ActionNone && plain {
		b.nobody[l] = &nobody{it.Terms.Units, it.Workstream, d.Best, d.Rest}
	}
	return resting
}

func candidate(s *seat, it *item, reason string) domain.Candidate {
	c := domain.Candidate{
		Agent: s.id, Reason: reason, Free: s.free, Sessions: s.open, Presence: string(s.now.Presence), Declines: it.Declines[s.id],
	}
	if len(it.Skills) > 0 {
		c.Match, c.Short = match(s, it.Skills)
	}
	return c
}

// looking is for whom somebody is looked for.
type looking struct {
	it      *item
	method  string
	allowed []string
	day     string
}

// unfit names the first rule that keeps an agent from being asked (RTE-1).
func (k *looking) unfit(s *seat) string {
	it := k.it
	switch {
	case s.stop != "":
		return s.stop
	case !allows(k.allowed, s.presence):
		return Presence
	case s.open >= agent.MaxSessions:
		return SessionLimit
	case s.free < it.Terms.Units:
		return NoRoom
	}
	if s.blocks || it.profile().ID != "" {
		if code := s.now.Room(it.Terms.Units, it.profile(), max(k.day, s.now.VisitorDay)); code != "" {
			return code
		}
	}
	if len(it.Unseen) > 0 || len(it.Declines) > 0 {
		if code := turnedAway(s, it); code != "" {
			return code
		}
	}
	if k.method == queue.MethodSkillExact && len(it.Skills) > 0 {
		if _, short := match(s, it.Skills); short > 0 {
			return Skills
		}
	}
	return ""
}

// turnedAway tells what came of the offers before.
func turnedAway(s *seat, it *item) string {
	if at, ok := it.Unseen[s.id]; ok && !s.now.ConnectedAt.After(at) {
		return Unseen // his devices had not got the last offer, and none has connected since (RTE-5)
	}
	if it.Terms.DeclineLimit > 0 && it.Declines[s.id] >= it.Terms.DeclineLimit {
		return Declined
	}
	return ""
}

// presences are those in which an agent may be offered the conversation, as its
// workstream is set now; available and busy when nil.
func (b *Board) presences(it *item) []string { return b.streams[it.Workstream].Settings.Presences }

func allows(allowed []string, p agent.Presence) bool {
	if p == agent.Offline || p == agent.Inactive || p == "" {
		return false
	}
	if len(allowed) == 0 {
		return p == agent.Available || p == agent.Busy
	}
	return slices.Contains(allowed, string(p))
}

// Presences are those that allow an offer of the conversation, for the agent's
// own decision.
func (b *Board) Presences(id string) []agent.Presence {
	it := b.items[id]
	if it == nil {
		return nil
	}
	var all []agent.Presence
	for _, p := range b.presences(it) {
		all = append(all, agent.Presence(p))
	}
	return all
}

// match counts the required skills that an agent has at their level, and how
// many levels he lacks in all.
func match(s *seat, required []domain.SkillLevel) (matched, short int) {
	for _, r := range required {
		if has := s.now.Level(r.Skill); has >= r.Level {
			matched++
		} else {
			short += r.Level - has
		}
	}
	return matched, short
}

// refusals are what agents' own streams said who have not changed since.
func (b *Board) refusals(it *item) map[string]string {
	var all map[string]string
	for id, r := range it.refused {
		if s := b.agents[id]; s == nil || s.version != r.version {
			continue
		}
		if all == nil {
			all = map[string]string{}
		}
		all[id] = r.code
	}
	return all
}

// ranking orders those who may be asked (RTE-3).
type ranking struct {
	it     *item
	method string
}

func (r ranking) insert(best []*seat, s *seat) []*seat {
	i, _ := slices.BinarySearchFunc(best, s, r.compare)
	return slices.Insert(best, i, s)
}

func (r ranking) compare(a, b *seat) int {
	if len(r.it.Declines) > 0 { // a decliner ranks last
		if c := cmp.Compare(r.it.Declines[a.id], r.it.Declines[b.id]); c != 0 {
			return c
		}
	}
	switch r.method {
	case queue.MethodRoundRobin, queue.MethodSkillExact: // the oldest last assignment decides
	case queue.MethodLeastActive:
		if c := cmp.Compare(a.open, b.open); c != 0 {
			return c
		}
	case queue.MethodSkillClosest:
		if len(r.it.Skills) > 0 {
			am, as := match(a, r.it.Skills)
			bm, bs := match(b, r.it.Skills)
			if c := cmp.Or(cmp.Compare(bm, am), cmp.Compare(as, bs)); c != 0 {
				return c
			}
		}
	default:
		if c := cmp.Compare(b.free, a.free); c != 0 {
			return c
		}
	}
	if c := a.assigned.Compare(b.assigned); c != 0 {
		return c
	}
	if c := cmp.Compare(a.index, b.index); c != 0 {
		return c
	}
	return strings.Compare(a.id, b.id)
}

// soonest is the earlier of two times, of which zero is never.
func soonest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// Reserving is what the agent chosen has to hold for a conversation.
func Reserving(c conversation.Conversation) (units int, p domain.Profile) {
	return c.Terms.Units, c.Terms.Profile
}
