package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"parley/domain"
	"parley/domain/agent"
	"parley/domain/contact"
	"parley/domain/conversation"
	"parley/domain/line"
	"parley/domain/notification"
	"parley/domain/queue"
	"parley/domain/visitor"
	"parley/eventstore"
)

// town is what those who ask know of each other. It may be out of date.
type town struct {
	mu            sync.Mutex
	conversations []string
	holds         []string
	invitations   map[string]string // visitor to the latest
}

func newTown() *town { return &town{invitations: map[string]string{}} }

var townAgents = []string{"ana", "ben", "cho"}

// found makes the town; asking again for what is there records nothing.
func (w *town) found(ctx context.Context, c *campaign, l *life) error {
	type step struct {
		kind, id string
		cmd      any
	}
	steps := []step{{"queue", "q", queue.Configure{ID: "q", Name: "Queue", Number: 1}}}
	for i, a := range townAgents {
		steps = append(steps, step{"agent", a, agent.Register{ID: a, Name: "Agent", Units: 40 + 30*i}},
			step{"agent", a, agent.SetPresence{Presence: agent.Available, At: c.now()}}, step{"queue", "q", queue.AddMember{Agent: a}})
	}
	for i := range 6 {
		steps = append(steps, step{"visitor", visitorOf(i), visitor.Arrive{ID: visitorOf(i), Widget: "shop", Device: visitor.Device{Browser: "Firefox"}}})
	}
	for i := range 3 {
		steps = append(steps, step{"contact", contactOf(i), contact.Record{ID: contactOf(i), Details: contact.Details{Name: "Kim"}}})
	}
	for _, s := range steps {
		if _, err := c.do(ctx, l, c.random, s.kind, s.id, s.cmd); failed(err) {
			return fmt.Errorf("founding the town: %w", err)
		}
	}
	return nil
}

func visitorOf(i int) string { return fmt.Sprintf("v%d", i) }
func contactOf(i int) string { return fmt.Sprintf("k%d", i) }

func (w *town) learn(conversationID, hold string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if conversationID != "" {
		w.conversations = append(w.conversations, conversationID)
	}
	if hold != "" {
		w.holds = append(w.holds, hold)
	}
}

func isParked(e any) bool { _, ok := e.(conversation.Parked); return ok }

// asker is one side that asks for this and that.
type asker struct {
	campaign *campaign
	life     *life
	random   *rand.Rand
}

// ask does one thing, and tells whether the engine is still there.
func (a *asker) ask(ctx context.Context) bool {
	if a.random.IntN(30) == 0 {
		return !failed(a.erase(ctx))
	}
	do := []func(context.Context) error{
		a.start, a.start, a.customer, a.customer, a.customer, a.answer, a.answer, a.answer, a.desk, a.desk, a.desk, a.desk,
		a.presence, a.journey, a.screen, a.time,
	}[a.random.IntN(16)]
	return !failed(do(ctx))
}

func (a *asker) send(ctx context.Context, kind, id string, cmd any) error {
	_, err := a.campaign.do(ctx, a.life, a.random, kind, id, cmd)
	return err
}

func (a *asker) agent() string  { return townAgents[a.random.IntN(len(townAgents))] }
func (a *asker) now() time.Time { return a.campaign.now() }

// any gives a conversation of late, and its state as it is read now; nothing
// when there is none.
func (a *asker) any(ctx context.Context) (string, conversation.Conversation, error) {
	w := a.campaign.town
	w.mu.Lock()
	n := len(w.conversations)
	if n == 0 {
		w.mu.Unlock()
		return "", conversation.Conversation{}, nil
	}
	id := w.conversations[max(0, n-1-a.random.IntN(12))]
	w.mu.Unlock()
	c, _, err := eventstore.Load(ctx, a.life.engine, &conversation.Kind, id)
	return id, c, err
}

// opening gives what a conversation on a line begins with; what line it is
// says on what terms.
func (a *asker) opening(n int) domain.Opening {
	terms := domain.Terms{
		Push: true, Units: 20, Block: domain.BlockAlways, Countdown: 120, CloseOpen: 1200, CloseWrapUp: 900, CloseWaiting: 86400, DeclineLimit: 3,
	}
	o := domain.Opening{
		Conversation: randomID(a.random).String(), Visitor: visitorOf(n % 6), Channel: domain.ChannelChat, Mode: domain.ModeLive, Widget: "shop",
		Workstream: "w", Queue: "q", Line: fmt.Sprintf("L%d", n), At: a.now(),
	}
	o.Subject = "visitor-" + o.Visitor
	switch n % 4 {
	case 1:
		o.Mode, o.Authenticated, o.Contact = domain.ModePersistent, true, contactOf(n%3)
		terms.Affinity, terms.Block = true, domain.BlockNever
	case 2:
		o.Mode, terms.CloseEngaged = domain.ModeAsync, 7200
		terms.Affinity, terms.MissedInactive = true, true
	case 3:
		terms.Block, terms.BlockSeconds, terms.RejectedDisturb = domain.BlockFor, 300, true
	}
	o.Terms = terms
	return o
}

// start is a customer's start: the conversation that holds the line, or a new
// one in the place of what is over.
func (a *asker) start(ctx context.Context) error {
	n := a.random.IntN(8)
	o := a.opening(n)
	held, _, err := eventstore.Load(ctx, a.life.engine, &line.Kind, o.Line)
	if err != nil {
		return err
	}
	if held.Conversation != "" {
		c, _, err := eventstore.Load(ctx, a.life.engine, &conversation.Kind, held.Conversation)
		if err != nil || !c.Status.Over() {
			return err
		}
	}
	a.campaign.town.learn(o.Conversation, "")
	return a.send(ctx, "line", o.Line, line.Take{Opening: o, After: held.Conversation})
}

func (a *asker) customer(ctx context.Context) error {
	id, c, err := a.any(ctx)
	if err != nil || id == "" {
		return err
	}
	message := randomID(a.random).String()
	switch a.random.IntN(8) {
	case 0:
		return a.send(ctx, "conversation", id, conversation.Leave{At: a.now(), Disconnected: a.random.IntN(2) == 0})
	case 1:
		return a.send(ctx, "conversation", id, conversation.MarkRead{Side: conversation.SideCustomer, UpTo: c.Messages})
	case 2:
		return a.send(ctx, "conversation", id, conversation.RecordContext{Variables: []domain.Variable{{Name: "page", Value: "/shoes"}}})
	}
	return a.send(ctx, "conversation", id, conversation.Receive{ID: message, Text: textOf(message), At: a.now()})
}

// answer is an agent before an offer.
func (a *asker) answer(ctx context.Context) error {
	id, c, err := a.any(ctx)
	if err != nil || id == "" || c.Offer == nil {
		return err
	}
	a.campaign.town.learn("", c.Offer.Hold)
	who := c.Offer.Agent
	if a.random.IntN(10) == 0 {
		who = a.agent()
	}
	switch a.random.IntN(5) {
	case 0:
		return a.send(ctx, "conversation", id, conversation.Reject{Hold: c.Offer.Hold, Agent: who})
	case 1:
		return a.send(ctx, "conversation", id, conversation.Withdraw{Hold: c.Offer.Hold, Why: "moved"})
	}
	return a.send(ctx, "conversation", id, conversation.Accept{Hold: c.Offer.Hold, Agent: who, At: a.now()})
}

// screen is a device that shows an offer.
func (a *asker) screen(ctx context.Context) error {
	w := a.campaign.town
	w.mu.Lock()
	n := len(w.holds)
	if n == 0 {
		w.mu.Unlock()
		return nil
	}
	hold := w.holds[max(0, n-1-a.random.IntN(5))]
	w.mu.Unlock()
	return a.send(ctx, "notification", hold, notification.Display{Agent: a.agent(), Device: "phone"})
}

func (a *asker) presence(ctx context.Context) error {
	who := a.agent()
	cmd := []any{
		agent.SetPresence{Presence: agent.Available, At: a.now()}, agent.SetPresence{Presence: agent.Available, At: a.now()},
		agent.SetPresence{Presence: agent.Busy, At: a.now()}, agent.Enable{}, agent.Enable{}, agent.Disable{},
		agent.Connect{Feed: "f", Run: a.life.run}, agent.Disconnect{Feed: "f"},
	}[a.random.IntN(8)]
	return a.send(ctx, "agent", who, cmd)
}

// journey is a visitor who looks around, or is invited.
func (a *asker) journey(ctx context.Context) error {
	n := a.random.IntN(6)
	id, w := visitorOf(n), a.campaign.town
	w.mu.Lock()
	invitation := w.invitations[id]
	w.mu.Unlock()
	switch a.random.IntN(5) {
	case 0:
		fresh := randomID(a.random).String()
		w.mu.Lock()
		w.invitations[id] = fresh
		w.mu.Unlock()
		return a.send(ctx, "visitor", id, visitor.Invite{ID: fresh, Message: "May we help?", At: a.now()})
	case 1:
		o := a.opening(n)
		held, _, err := eventstore.Load(ctx, a.life.engine, &line.Kind, o.Line)
		if err != nil {
			return err
		}
		if held.Conversation != "" {
			c, _, err := eventstore.Load(ctx, a.life.engine, &conversation.Kind, held.Conversation)
			if err != nil || !c.Status.Over() {
				return err
			}
		}
		o.Invitation = invitation
		a.campaign.town.learn(o.Conversation, "")
		return a.send(ctx, "visitor", id, visitor.AcceptInvitation{ID: invitation, Line: o.Line, After: held.Conversation, Opening: o, At: a.now()})
	case 2:
		return a.send(ctx, "visitor", id, visitor.EndInvitation{ID: invitation, Outcome: visitor.InvitationDismissed, At: a.now()})
	}
	return a.send(ctx, "visitor", id, visitor.VisitPage{ID: randomID(a.random).String(), URL: "https://shop.example/shoes"})
}

// time passes, now and then much of it.
func (a *asker) time(context.Context) error {
	seconds := []int{1, 1, 1, 5, 20, 61, 130, 310, 1201}[a.random.IntN(9)]
	a.campaign.ahead.Add(int64(time.Duration(seconds) * time.Second))
	return nil
}
