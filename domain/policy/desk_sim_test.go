package policy_test

import (
	"errors"
	"slices"
	"strconv"
	"time"

	"pgregory.net/rapid"

	"parley/domain"
	"parley/domain/agent"
	"parley/domain/conversation"
	"parley/domain/line"
	"parley/domain/notification"
	"parley/domain/queue"
	"parley/domain/routing"
)

// play is one random day of a small contact centre.
type play struct {
	*world
	later []func() // what somebody began after a look that is out of date by now
	holds []string // names of all offers ever seen on a screen
	texts []string // ids of messages ever sent

	board  *routing.Board
	folded int // how many facts the board has seen
}

var people = []string{"ana", "ben", "cho"}

const units = 40 // of the small agents: two conversations of 20

func newPlay(dedupe bool) *play {
	utc := func(string) *time.Location { return time.UTC }
	p := &play{world: newWorld(), board: routing.New(utc, time.UTC)}
	p.board.PutQueue("q", queue.Queue{ID: "q", Name: "Q", Members: people})
	p.dedupe = dedupe
	for _, a := range people {
		p.request("agent", a, agent.Register{ID: a, Name: domain.Personal(a), Units: units})
		p.request("agent", a, agent.SetPresence{Presence: agent.Available, At: p.now})
		p.request("agent", a, agent.FollowCapacity{}) // computed from here on
	}
	p.settle()
	return p
}

// request is a command of somebody; refusals are answers, not faults.
func (p *play) request(kind, id string, cmd any) bool { return p.do(kind, id, cmd) == nil }

func (p *play) any(t *rapid.T, of []string) string {
	if len(of) == 0 {
		t.Skip()
	}
	return rapid.SampledFrom(of).Draw(t, "which")
}

func (p *play) conversation(t *rapid.T, in ...conversation.Status) string {
	var ids []string
	for id, c := range p.conversations.states {
		if len(in) == 0 || slices.Contains(in, c.Status) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return p.any(t, ids)
}

// start is a customer's start, or a message that finds the conversation over.
func (p *play) start(place, mode string, terms domain.Terms) {
	l := p.lines.states[place]
	c, begun := p.conversations.states[l.Conversation]
	if l.Conversation != "" && (!begun || !c.Status.Over()) {
		for _, e := range p.lines.events[place] { // whoever comes next starts the holder
			if taken := e.(line.Taken); taken.Opening.Conversation == l.Conversation {
				p.request("conversation", l.Conversation, conversation.Start{Opening: taken.Opening})
			}
		}
		return
	}
	id := "c" + strconv.Itoa(len(p.lines.events[place])) + place
	o := domain.Opening{
		Conversation: id, Subject: "visitor-v", Channel: domain.ChannelChat, Mode: mode, Workstream: "w", Queue: "q", Line: place,
		Authenticated: mode == domain.ModePersistent, Terms: terms, At: p.now,
	}
	p.request("line", place, line.Take{Opening: o, After: l.Conversation})
}

// pick and its like: would the conversation grant it, as it was seen? Then room
// first, then the conversation.
func (p *play) engage(id, who, purpose string, seen conversation.Conversation) {
	turn := seen.Turn
	if _, err := (conversation.Engage{Hold: domain.Hold(id, turn, who), Agent: who, Turn: turn, How: purpose, At: p.now}).Decide(seen); err != nil {
		return
	}
	p.reserve(agent.Reserve{
		Hold: domain.Hold(id, turn, who), Conversation: id, Turn: turn, Units: p.conversations.states[id].Terms.Units,
		Purpose: purpose, Forced: true, Day: "2026-05-04", At: p.now,
	}, who)
}

func (p *play) reserve(cmd agent.Reserve, who string) {
	p.request("agent", who, cmd)
}

// round looks at everything and decides; carrying out comes later, perhaps
// when the picture is no longer true.
func (p *play) round() []func() {
	for _, f := range p.facts[p.folded:] {
		p.board.Fold(f)
	}
	p.folded = len(p.facts)
	var todo []func()
	for _, d := range p.board.Round(p.now, strconv.Itoa(p.folded)).Choices {
		if d.Action != domain.ActionOffer {
			continue
		}
		hold := domain.Hold(d.Of.ID, d.Of.Turn, d.Agent)
		at := p.now
		todo = append(todo, func() {
			_, err := p.record("agent", d.Agent, agent.Reserve{
				Hold: hold, Conversation: d.Of.ID, Turn: d.Of.Turn, Units: d.Of.Terms.Units, Purpose: agent.PurposeOffer,
				Forced: d.Forced, Affinity: d.Forced, Countdown: 120, Day: "2026-05-04", At: at, Decision: &d.Decision,
			}, "route "+hold+strconv.Itoa(p.folded), at)
			if refusal, ok := errors.AsType[*domain.Error](err); ok {
				p.board.Refused(d.Of.ID, d.Of.Turn, d.Agent, refusal.Code)
			}
		})
	}
	return todo
}

func (p *play) customer(t *rapid.T) {
	place := rapid.SampledFrom([]string{"live", "persistent", "async", "never", "for"}).Draw(t, "line")
	terms := domain.Terms{
		Push: true, Units: 20, Block: domain.BlockAlways, Countdown: 120, CloseOpen: 1200, CloseWrapUp: 900, CloseWaiting: 86400, DeclineLimit: 3,
		RejectedDisturb: place == "never", MissedInactive: place == "for", Affinity: place != "live",
	}
	mode := domain.ModeLive
	switch place {
	case "persistent":
		mode = domain.ModePersistent
	case "async":
		mode, terms.CloseEngaged = domain.ModeAsync, 7200
	case "never":
		mode, terms.Block = domain.ModePersistent, domain.BlockNever
	case "for":
		terms.Block, terms.BlockSeconds = domain.BlockFor, 300
	}
	id := p.lines.states[place].Conversation
	c := p.conversations.states[id]
	switch what := rapid.SampledFrom([]string{"start", "write", "write", "again", "leave"}).Draw(t, "does"); {
	case what == "start" || c.Status == conversation.StatusNone:
		p.start(place, mode, terms)
	case what == "write":
		m := id + "m" + strconv.Itoa(len(p.texts))
		p.texts = append(p.texts, m)
		write := conversation.Receive{ID: m, Text: "hi", At: p.now, Scored: true}
		write.Level = domain.Level(rapid.IntRange(-3, 3).Draw(t, "level"))
		if !p.request("conversation", id, write) {
			p.start(place, mode, terms)
		}
	case what == "again":
		p.request("conversation", id, conversation.Receive{ID: p.any(t, p.texts), Text: "hi", At: p.now})
	case what == "leave":
		p.request("conversation", id, conversation.Leave{At: p.now, Disconnected: len(p.texts)%2 == 0})
	}
}

func (p *play) screen(t *rapid.T) {
	for _, f := range p.facts {
		if o, ok := f.Event.(conversation.Offered); ok && !slices.Contains(p.holds, o.Hold) {
			p.holds = append(p.holds, o.Hold)
		}
	}
	hold := p.any(t, p.holds)
	var o conversation.Offered
	for _, f := range p.facts {
		if e, ok := f.Event.(conversation.Offered); ok && e.Hold == hold {
			o = e
		}
	}
	switch rapid.SampledFrom([]string{"accept", "accept", "reject", "show"}).Draw(t, "presses") {
	case "accept":
		p.request("conversation", o.Conversation, conversation.Accept{Hold: hold, Agent: o.Agent, At: p.now})
	case "reject":
		p.request("conversation", o.Conversation, conversation.Reject{Hold: hold, Agent: o.Agent})
	case "show":
		p.request("notification", hold, notification.Display{Agent: o.Agent, Device: "phone"})
	}
}

func (p *play) work(t *rapid.T) {
	id := p.conversation(t)
	c := p.conversations.states[id]
	who := c.Primary.Agent
	if who == "" || rapid.IntRange(0, 9).Draw(t, "somebody else") == 0 {
		who = p.any(t, people)
	}
	target := p.any(t, people)
	turn, hold := c.Turn, c.Primary.Hold
	acts := map[string]func(){
		"end": func() { p.request("conversation", id, conversation.End{Agent: who, At: p.now}) },
		"x":   func() { p.request("conversation", id, conversation.CloseSession{Agent: who, At: p.now}) },
		"send": func() {
			p.request("conversation", id, conversation.Send{ID: "s" + strconv.Itoa(p.serial), Text: "yes", By: domain.Actor{ID: who, Role: domain.RoleAgent}, At: p.now})
		},
		"pick":   func() { p.engage(id, who, agent.PurposePick, c) },
		"assign": func() { p.engage(id, target, agent.PurposeAssign, c) },
		"reopen": func() { p.engage(id, who, agent.PurposeReopen, c) },
		"transfer": func() {
			if c.Status != conversation.StatusEngaged || c.Offer != nil || target == c.Primary.Agent {
				return
			}
			p.reserve(agent.Reserve{
				Hold: domain.Hold(id, turn, target), Conversation: id, Turn: turn, Units: c.Terms.Units, Purpose: agent.PurposeTransfer,
				Forced: true, Replaces: hold, Countdown: 120, Day: "2026-05-04", At: p.now,
			}, target)
		},
		"release": func() {
			p.request("conversation", id, conversation.Requeue{Hold: hold, Reason: conversation.RequeuedReleased, At: p.now})
		},
		"withdraw": func() {
			if c.Offer != nil {
				p.request("conversation", id, conversation.Withdraw{Hold: c.Offer.Hold, Why: "moved"})
			}
		},
		"move":  func() { p.request("conversation", id, conversation.Move{Queue: "q", At: p.now}) },
		"force": func() { p.request("conversation", id, conversation.ForceClose{Reason: conversation.ReasonSpam}) },
	}
	doings := []string{"end", "x", "send", "pick", "assign", "reopen", "transfer", "transfer", "release", "withdraw", "move", "force"}
	p.begin(t, acts[rapid.SampledFrom(doings).Draw(t, "does")])
}

// begin does something now, or after others were quicker.
func (p *play) begin(t *rapid.T, act func()) {
	if rapid.IntRange(0, 2).Draw(t, "late") == 0 {
		p.later = append(p.later, act)
		return
	}
	act()
}

func (p *play) presence(t *rapid.T) {
	who := p.any(t, people)
	switch rapid.IntRange(0, 10).Draw(t, "does") {
	case 0:
		p.request("agent", who, agent.Disable{})
	case 10:
		p.request("agent", who, agent.SignOut{Confirm: true})
	case 1, 2:
		p.request("agent", who, agent.Enable{})
	case 3:
		p.request("agent", who, agent.Connect{Feed: "f", Run: "r"})
	case 4:
		p.request("agent", who, agent.Disconnect{Feed: "f"})
	case 5:
		p.request("agent", who, agent.SetPresence{Presence: agent.Busy, At: p.now})
	default:
		p.request("agent", who, agent.SetPresence{Presence: agent.Available, At: p.now})
	}
}

// react carries out something of what follows: in order, out of order, and
// perhaps to do it again later, as when the one who did it never told.
func (p *play) react(t *rapid.T) {
	if len(p.pending) == 0 {
		t.Skip()
	}
	for range rapid.IntRange(1, 6).Draw(t, "many") {
		if len(p.pending) == 0 {
			return
		}
		i := 0
		if rapid.Bool().Draw(t, "out of order") {
			i = rapid.IntRange(0, len(p.pending)-1).Draw(t, "which")
		}
		next := p.pending[i]
		if rapid.IntRange(0, 3).Draw(t, "forgets") > 0 {
			p.pending = slices.Delete(slices.Clone(p.pending), i, i+1)
		}
		p.pursue(next)
	}
}

func (p *play) time(t *rapid.T) {
	p.now = p.now.Add(time.Duration(rapid.SampledFrom([]int{1, 20, 60, 120, 300, 900, 1200, 90000}).Draw(t, "seconds")) * time.Second)
}

func (p *play) wheel(t *rapid.T) {
	ripe := p.ripe()
	if len(ripe) == 0 {
		t.Skip()
	}
	p.fire(ripe[0], rapid.IntRange(0, 2).Draw(t, "wheel stops") == 0)
}
