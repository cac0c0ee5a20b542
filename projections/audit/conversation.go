package audit

import (
	"context"
	"fmt"

	"parley/domain"
	"parley/domain/conversation"
	"parley/eventstore"
)

// talk is a conversation as the log says up to the record at hand.
type talk struct {
	state  conversation.Conversation
	turns  int             // routing events counted
	open   map[string]bool // holds of which something is to come
	former map[string]bool // holds that are over
}

// closed are the conversations that were left last: most of what comes after the
// end of one, such as the customer's answers to a survey, comes soon, and to fold
// all of it again for that takes as long as all the rest.
type closed struct {
	talks map[string]*talk
	ring  []string // their ids
	next  int
}

// maxClosed is how many are kept.
const maxClosed = 1 << 12

func (c *closed) keep(id string, t *talk) {
	if c.talks == nil {
		c.talks = map[string]*talk{}
	}
	clear(t.former) // as when it is folded again: whether it is kept is to change nothing that is found
	if _, known := c.talks[id]; known {
		c.talks[id] = t
		return
	}
	if len(c.ring) < maxClosed {
		c.ring = append(c.ring, id)
	} else {
		delete(c.talks, c.ring[c.next])
		c.ring[c.next] = id
		c.next = (c.next + 1) % maxClosed
	}
	c.talks[id] = t
}

// routing tells that an event is a turn (flow.md, t).
func routing(e any) bool {
	switch e.(type) {
	case conversation.Queued, conversation.Offered, conversation.OfferEnded, conversation.Engaged, conversation.Parked,
		conversation.Requeued, conversation.Ended, conversation.Closed:
		return true
	}
	return false
}

// conversation looks at what happened to a conversation: it has one agent at
// most, who holds room for it, and its turns and messages are counted without
// a gap.
func (a *audit) conversation(ctx context.Context, r eventstore.Record, f domain.Fact) error {
	e, ok := f.Event.(conversation.Event)
	if !ok {
		a.find("decode", "%T is no event of a conversation", f.Event)
		return nil
	}
	c := a.conversations[f.ID]
	if c == nil {
		if c = a.closed.talks[f.ID]; c == nil || r.Revision == 0 {
			var err error
			if c, err = a.talkBefore(ctx, r); err != nil {
				return err
			}
		}
		a.conversations[f.ID] = c
	}
	before := c.state
	switch e := e.(type) {
	case conversation.Started:
		a.started(r, e)
	case conversation.MessageReceived:
		a.message(before, e.Number)
	case conversation.MessageSent:
		a.message(before, e.Number)
	case conversation.Engaged:
		a.primary(before, e)
	}
	a.invitations(before, e)
	conversation.Kind.Apply(&c.state, e)
	if routing(e) {
		c.turns++
	}
	if c.state.Turn != c.turns {
		a.find("turn", "it counts turn %d after %d routing events", c.state.Turn, c.turns)
		c.turns = c.state.Turn // told once
	}
	a.shape(c.state)
	if !r.Imported {
		a.grants(f.ID, before, c, e)
	}
	a.leave(f.ID, c)
	return nil
}

// talkBefore reads a conversation that was forgotten, or begins one.
func (a *audit) talkBefore(ctx context.Context, r eventstore.Record) (*talk, error) {
	c := &talk{open: map[string]bool{}, former: map[string]bool{}}
	if r.Revision == 0 {
		return c, nil
	}
	for b, err := range a.log.Read(ctx, eventstore.Query{Stream: r.Stream, Limit: int(r.Revision), Lend: true}) {
		if err != nil {
			return nil, err
		}
		if b.Position >= r.Position {
			break
		}
		event, err := a.codec.Decode(b)
		if err != nil {
			continue // told where it lies
		}
		if e, ok := event.(conversation.Event); ok {
			conversation.Kind.Apply(&c.state, e)
			if routing(e) {
				c.turns++
			}
		}
	}
	c.turns = max(c.turns, c.state.Turn) // a gap was told where it lies
	return c, nil
}

// message looks at a message's number.
func (a *audit) message(before conversation.Conversation, number int) {
	if number != before.Messages+1 {
		a.find("message_number", "it is message %d after message %d", number, before.Messages)
	}
}

// primary tells that a second agent was given what another one has (CON-5).
func (a *audit) primary(before conversation.Conversation, e conversation.Engaged) {
	has := before.Primary.Hold
	if e.Replaces == has {
		return
	}
	a.find("two_primaries", "it engages %s by %s in the place of %q, while agent %q has it by %q", e.Agent, e.Hold, e.Replaces, before.Primary.Agent, has)
}

// shape holds the status against who is offered and who has it.
func (a *audit) shape(c conversation.Conversation) {
	if (c.Status == conversation.StatusOffered) != (c.Offer != nil && c.Offer.Replaces == "") {
		a.find("status", "it is %s with the offer %s", c.Status, offerOf(c))
	}
	if (c.Status == conversation.StatusEngaged || c.Status == conversation.StatusWrapUp) != (c.Primary.Agent != "") {
		a.find("status", "it is %s with the agent %q", c.Status, c.Primary.Agent)
	}
}

func offerOf(c conversation.Conversation) string {
	if c.Offer == nil {
		return "of nothing"
	}
	return fmt.Sprintf("%s to %s", c.Offer.Hold, c.Offer.Agent)
}

// grants follows which holds the conversation names: what it grants must be
// held, what it took back is to be released.
func (a *audit) grants(id string, before conversation.Conversation, c *talk, e conversation.Event) {
	offered, had := "", before.Primary
	if before.Offer != nil {
		offered = before.Offer.Hold
	}
	now := c.state
	if o := now.Offer; o != nil && o.Hold != offered {
		a.grant(id, c, o.Hold, o.Agent, before.Turn, func(h *hold) { h.offered = a.now })
	}
	if p := now.Primary; p.Hold != had.Hold && p.Hold != "" {
		note := func(h *hold) { h.engaged = a.now }
		if engaged, ok := e.(conversation.Engaged); ok && (engaged.How == conversation.HowAssign || engaged.How == conversation.HowAuto) {
			note = func(h *hold) { h.engaged, h.toast = a.now, true }
		}
		if p.Hold == offered {
			a.note(p.Hold, note)
		} else {
			a.grant(id, c, p.Hold, p.Agent, before.Turn, note)
		}
	}
	if offered != "" && (now.Offer == nil || now.Offer.Hold != offered) {
		a.note(offered, func(h *hold) { h.offerOver = a.now })
		a.take(offered, now)
	}
	if had.Hold != "" && now.Primary.Hold != had.Hold {
		a.note(had.Hold, func(h *hold) { h.left = a.now })
		a.take(had.Hold, now)
	}
}

// grant looks whether the agent holds what the conversation grants.
func (a *audit) grant(id string, c *talk, name, agentID string, turn int, note func(*hold)) {
	h := a.holds[name]
	switch {
	case h == nil:
		a.find("unheld", "%s is granted to agent %s, who reserved nothing by that name", name, agentID)
		return
	case h.agent != agentID || h.conversation != id || h.turn != turn:
		a.find("unheld", "%s is granted to agent %s at turn %d, and was reserved by %s for conversation %s at turn %d", name, agentID, turn, h.agent, h.conversation, h.turn)
	case !h.slot || !h.held && h.units > 0:
		a.find("unheld", "%s is granted to agent %s, whose room is released already", name, agentID)
	case h.units != c.state.Terms.Units:
		a.find("unheld", "%s holds %d units, the conversation takes %d", name, h.units, c.state.Terms.Units)
	}
	h.named = true
	c.open[name] = true
	note(h)
}

func (a *audit) note(name string, note func(*hold)) {
	if h := a.holds[name]; h != nil {
		note(h)
	}
}

// take notes that the conversation names a hold no more.
func (a *audit) take(name string, now conversation.Conversation) {
	if now.Offer != nil && now.Offer.Hold == name || now.Primary.Hold == name {
		return // an offer that was accepted
	}
	a.ended(name, func(h *hold) { h.named, h.unnamed = false, a.now })
}
