package api

import (
	"context"
	"slices"
	"time"

	"github.com/samber/lo"
	"golang.org/x/sync/errgroup"

	"parley/domain"
	"parley/domain/agent"
	"parley/domain/conversation"
	"parley/domain/notification"
	"parley/domain/queue"
	"parley/eventstore"
)

// TransferConversation offers an engaged conversation to another agent, or
// puts it into a queue (CON-5).
func (s *Server) TransferConversation(ctx context.Context, r TransferConversationRequestObject) (TransferConversationResponseObject, error) {
	target, to := lo.FromPtr(r.Body.Agent), lo.FromPtr(r.Body.Queue)
	if (target == "") == (to == "") {
		return nil, domain.Invalid("agent", "name an agent or a queue, one of them")
	}
	note := domain.Personal(lo.FromPtr(r.Body.Note))
	if len([]rune(string(note))) > conversation.MaxNote {
		return nil, &domain.Error{Code: "text_too_long", Field: "note", Rule: "API-5", Message: "a note has 10,000 characters at most"}
	}
	c, _, err := s.conversationOf(ctx, r.Conversation)
	if err != nil {
		return nil, err
	}
	stream := agent.Kind.Stream(target)
	if to != "" {
		stream = conversation.Kind.Stream(c.ID)
	}
	again, err := s.recorded(ctx, stream)
	if err != nil {
		return nil, err
	}
	if !again {
		if err := s.has(ctx, c); err != nil {
			return nil, err
		}
	}
	var a Transfer
	if target != "" {
		a, err = s.transferTo(ctx, c, target, again)
	} else {
		a, err = s.transferInto(ctx, c, to, again)
	}
	if err != nil {
		return nil, err
	}
	if note != "" {
		id := domain.Derive(c.ID, "transfer", c.Primary.Hold, s.noteKey(ctx))
		out, err := eventstore.Act(ctx, s.engine, &conversation.Kind, c.ID,
			conversation.Note{ID: id, Text: note, By: CallerOf(ctx).Actor, Handover: true}, s.freshMeta(ctx, "note"))
		if err != nil {
			return nil, err
		}
		a.Position = s.at(ctx, out.Position)
	}
	return TransferConversation200JSONResponse(a), nil
}

// noteKey tells the notes of two transfers apart, and not those of a repeat.
func (s *Server) noteKey(ctx context.Context) string {
	c := callOf(ctx)
	if c.key != "" {
		return c.key
	}
	return c.correlation.String()
}

// has refuses who is not the conversation's primary agent; supervisors act
// for him.
func (s *Server) has(ctx context.Context, c conversation.Conversation) error {
	switch caller := CallerOf(ctx); {
	case caller.Is(domain.RoleSupervisor, domain.RoleAdmin), c.Primary.Agent == caller.ID:
		return nil
	}
	return conversation.ErrNotYours
}

// transferTo offers the conversation to another agent, who is to be there.
func (s *Server) transferTo(ctx context.Context, c conversation.Conversation, target string, again bool) (Transfer, error) {
	var none Transfer
	a, _, err := eventstore.Load(ctx, s.engine, &agent.Kind, target)
	if err != nil {
		return none, err
	}
	hold := domain.Hold(c.ID, c.Turn, target)
	if !again {
		switch {
		case !a.Registered:
			return none, agent.ErrUnknown.On("agent")
		case a.Disabled:
			return none, agent.ErrDisabled.On("agent")
		case a.Presence == agent.Offline, a.Presence == agent.Away, a.Presence == agent.DoNotDisturb:
			return none, agent.ErrPresence.On("agent").With("presence", string(a.Presence))
		case c.Primary.Agent == target && c.Status == conversation.StatusEngaged:
			return none, domain.Invalid("agent", "this agent has the conversation already")
		case c.Status != conversation.StatusEngaged:
			return none, engagedOnly(c)
		}
		ask := conversation.MakeOffer{Hold: hold, Agent: target, Turn: c.Turn, Replaces: c.Primary.Hold, At: s.now(), Countdown: c.Terms.Countdown}
		if _, err := ask.Decide(c); err != nil {
			return none, err
		}
	}
	cmd := s.reserve(c, hold, agent.PurposeTransfer)
	cmd.Replaces, cmd.Scenario = c.Primary.Hold, notification.ScenarioTransferred
	out, err := eventstore.Act(ctx, s.engine, &agent.Kind, target, cmd, s.meta(ctx))
	if err != nil {
		return none, err
	}
	hold, turn := holdOf(out, hold, c.Turn)
	now, _, err := s.conversationOf(ctx, c.ID)
	if err != nil {
		return none, err
	}
	switch {
	case now.Offer != nil && now.Offer.Hold == hold:
	case now.Turn == turn:
		return none, &domain.Error{Code: "unavailable"}
	case !again && now.Primary.Hold != hold && now.Former.Hold != hold:
		return none, engagedOnly(now)
	}
	answer := Transfer{Conversation: c.ID, Offer: shownOffer(now.Offer), Queue: some(now.Queue), Position: s.at(ctx, out.Position)}
	answer.State, answer.SubState = stateOf(now.Status)
	if !a.Connected() {
		answer.Warnings = &[]string{"not_connected"}
	}
	return answer, nil
}

// engagedOnly says why what only an engaged conversation takes is refused.
func engagedOnly(c conversation.Conversation) error {
	_, err := conversation.Requeue{Hold: "none", Reason: conversation.RequeuedTransfer}.Decide(c)
	if err == nil {
		err = conversation.ErrTurn
	}
	return err
}

// transferInto puts the conversation into a queue that somebody serves.
func (s *Server) transferInto(ctx context.Context, c conversation.Conversation, to string, again bool) (Transfer, error) {
	var none Transfer
	var warnings []string
	if !again {
		var err error
		if warnings, err = s.servable(ctx, to, c.Mode); err != nil {
			return none, err
		}
		if c.Status != conversation.StatusEngaged {
			return none, engagedOnly(c)
		}
	}
	out, err := eventstore.Act(ctx, s.engine, &conversation.Kind, c.ID,
		conversation.Requeue{Hold: c.Primary.Hold, Queue: to, Reason: conversation.RequeuedTransfer, At: s.now()}, s.meta(ctx))
	if err != nil {
		return none, err
	}
	now, _, err := s.conversationOf(ctx, c.ID)
	if err != nil {
		return none, err
	}
	answer := Transfer{Conversation: c.ID, Queue: some(now.Queue), Warnings: optList(warnings), Position: s.at(ctx, out.Position)}
	answer.State, answer.SubState = stateOf(now.Status)
	return answer, nil
}

// membersAtOnce is how many members of a queue are looked at side by side.
const membersAtOnce = 32

// anybody tells whether one of the members is enabled, and whether one is there.
// It looks no further than it has to.
func (s *Server) anybody(ctx context.Context, members []string) (enabled, there bool, err error) {
	for chunk := range slices.Chunk(members, membersAtOnce) {
		all := make([]agent.Agent, len(chunk))
		g, ctx := errgroup.WithContext(ctx)
		for i, member := range chunk {
			g.Go(func() (err error) {
				all[i], _, err = eventstore.Load(ctx, s.engine, &agent.Kind, member)
				return err
			})
		}
		if err := g.Wait(); err != nil {
			return false, false, err
		}
		for _, a := range all {
			enabled = enabled || a.Registered && !a.Disabled
			there = there || a.Registered && !a.Disabled && a.Presence != agent.Offline && a.Connected()
		}
		if there {
			break
		}
	}
	return enabled, there, nil
}

// servable refuses a queue without an enabled member, and for a live chat one
// whose hours are closed (CON-5). That none of them is
// there now is a warning.
func (s *Server) servable(ctx context.Context, id, mode string) ([]string, error) {
	q, _, err := eventstore.Load(ctx, s.engine, &queue.Kind, id)
	switch {
	case err != nil:
		return nil, err
	case q.ID == "", q.Deleted:
		return nil, queue.ErrUnknown.On("queue")
	}
	if mode == domain.ModeLive {
		open, until, err := s.openNow(ctx, q.Hours, s.now())
		if err != nil {
			return nil, err
		}
		if !open {
			refusal := &domain.Error{Code: "queue_unservable", Field: "queue", Rule: "CON-5", Message: "it is outside the queue's hours: choose another"}
			if !until.IsZero() {
				refusal = refusal.With("until", until.UTC().Format(time.RFC3339))
			}
			return nil, refusal.With("reason", "outside_hours")
		}
	}
	enabled, there, err := s.anybody(ctx, q.Members)
	switch {
	case err != nil:
		return nil, err
	case !enabled:
		return nil, &domain.Error{Code: "queue_unservable", Field: "queue", Rule: "CON-5", Message: "the queue has no enabled member: choose another", Details: map[string]string{"reason": "no_member"}}
	case !there:
		return []string{"nobody_there"}, nil
	}
	return nil, nil
}

// ReleaseConversation gives an engaged conversation back to its queue.
func (s *Server) ReleaseConversation(ctx context.Context, r ReleaseConversationRequestObject) (ReleaseConversationResponseObject, error) {
	c, _, err := s.conversationOf(ctx, r.Conversation)
	if err != nil {
		return nil, err
	}
	again, err := s.recorded(ctx, conversation.Kind.Stream(c.ID))
	if err != nil {
		return nil, err
	}
	cmd := conversation.Requeue{Hold: c.Primary.Hold, Reason: conversation.RequeuedReleased, At: s.now()}
	if !again {
		if err := s.has(ctx, c); err != nil {
			return nil, err
		}
		if c.Status != conversation.StatusEngaged {
			return nil, engagedOnly(c)
		}
	}
	a, err := s.repeat(ctx, c.ID, cmd)
	if err != nil {
		return nil, err
	}
	return ReleaseConversation200JSONResponse(a), nil
}
