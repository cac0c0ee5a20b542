package api

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/samber/lo"

	"parley/domain"
	"parley/domain/agent"
	"parley/domain/conversation"
	"parley/eventstore"
)

// ListParticipants tells who takes part beside the primary.
func (s *Server) ListParticipants(ctx context.Context, r ListParticipantsRequestObject) (ListParticipantsResponseObject, error) {
	c, at, err := s.seenNow(ctx, r.Conversation, r.Params.After)
	if err != nil {
		return nil, err
	}
	answer, err := s.participants(ctx, c.ID, at, func(conversation.Participant) bool { return false })
	return ListParticipants200JSONResponse(answer), err
}

// participants answers who takes part, and which of them what was asked
// concerns. Who monitors is not told to those who are monitored (CON-5).
func (s *Server) participants(ctx context.Context, id string, at eventstore.Position, meant func(conversation.Participant) bool) (Participants, error) {
	c, _, err := s.conversationOf(ctx, id)
	if err != nil {
		return Participants{}, err
	}
	answer := Participants{Conversation: id, Participants: []Participant{}, Position: s.at(ctx, at)}
	caller := CallerOf(ctx)
	for _, p := range c.Participants {
		if p.As == conversation.AsMonitor && !caller.Is(overseers...) {
			continue
		}
		answer.Participants = append(answer.Participants, Participant{Participant: p.ID, Agent: p.Agent, As: p.As, Invited: p.Invited, Deadline: opt(p.Deadline)})
		if meant(p) {
			answer.Participant = some(p.ID)
		}
	}
	return answer, nil
}

// takePart carries out what concerns one participant.
func (s *Server) takePart(ctx context.Context, id string, cmd domain.Command[conversation.Conversation, conversation.Event], meant func(conversation.Participant) bool) (Participants, error) {
	out, err := eventstore.Act(ctx, s.engine, &conversation.Kind, id, cmd, s.meta(ctx))
	if err != nil {
		return Participants{}, err
	}
	answer, err := s.participants(ctx, id, out.Position, meant)
	if began := partIn(out.Events); began != "" {
		answer.Participant = &began // also of a repeat, when the part is long over
	}
	return answer, err
}

// partIn is the part that began with a command, if one did.
func partIn(events []any) string {
	for _, e := range events {
		switch e := e.(type) {
		case conversation.Invited:
			return e.ID
		case conversation.Joined:
			return e.ID
		case conversation.Monitored:
			return e.ID
		}
	}
	return ""
}

func byAgent(id string) func(conversation.Participant) bool {
	return func(p conversation.Participant) bool { return p.Agent == id }
}

// InviteParticipant asks an agent who is there to consult or to join.
func (s *Server) InviteParticipant(ctx context.Context, r InviteParticipantRequestObject) (InviteParticipantResponseObject, error) {
	c, _, err := s.conversationOf(ctx, r.Conversation)
	if err != nil {
		return nil, err
	}
	again, err := s.recorded(ctx, conversation.Kind.Stream(c.ID))
	if err != nil {
		return nil, err
	}
	if !again {
		if err := s.sees(ctx, c); err != nil {
			return nil, err
		}
		a, _, err := eventstore.Load(ctx, s.engine, &agent.Kind, r.Body.Agent)
		switch {
		case err != nil:
			return nil, err
		case !a.Registered:
			return nil, agent.ErrUnknown.On("agent")
		case a.Disabled:
			return nil, agent.ErrDisabled.On("agent")
		case a.Presence == agent.Offline, a.Presence == agent.Away, a.Presence == agent.DoNotDisturb:
			return nil, agent.ErrPresence.On("agent").With("presence", string(a.Presence))
		}
	}
	t, err := inForce(ctx, s.engine, c.ID, func(conversation.Conversation) string { return domain.ScenarioConsult })
	if err != nil {
		return nil, err
	}
	answer, err := s.takePart(ctx, c.ID, conversation.Invite{
		Agent: r.Body.Agent, As: lo.CoalesceOrEmpty(lo.FromPtr(r.Body.As), conversation.AsConsult), By: CallerOf(ctx).Actor,
		Countdown: c.Terms.Countdown, At: s.now(), Template: t,
	}, byAgent(r.Body.Agent))
	if err != nil {
		return nil, err
	}
	return InviteParticipant200JSONResponse(answer), nil
}

// AcceptInvite is the invited agent's yes.
func (s *Server) AcceptInvite(ctx context.Context, r AcceptInviteRequestObject) (AcceptInviteResponseObject, error) {
	answer, err := s.answerInvite(ctx, r.Conversation, conversation.AnswerInvite{ID: r.Hold, Accept: true})
	if err != nil {
		return nil, err
	}
	return AcceptInvite200JSONResponse(answer), nil
}

// RejectInvite is his no.
func (s *Server) RejectInvite(ctx context.Context, r RejectInviteRequestObject) (RejectInviteResponseObject, error) {
	answer, err := s.answerInvite(ctx, r.Conversation, conversation.AnswerInvite{ID: r.Hold})
	if err != nil {
		return nil, err
	}
	return RejectInvite200JSONResponse(answer), nil
}

// answerInvite answers for the caller. Who may not see the conversation and was not
// invited last is not told how it stands.
func (s *Server) answerInvite(ctx context.Context, id string, cmd conversation.AnswerInvite) (Participants, error) {
	cmd.Agent, cmd.At = CallerOf(ctx).ID, s.now()
	answer, err := s.takePart(ctx, id, cmd, byAgent(cmd.Agent))
	if _, refused := err.(*domain.Error); !refused {
		return answer, err
	}
	c, _, failed := s.conversationOf(ctx, id)
	if failed == nil && c.FormerInvite.Agent != cmd.Agent {
		failed = s.sees(ctx, c)
	}
	if failed != nil {
		return Participants{}, failed
	}
	return Participants{}, err
}

// LeavePart ends a part: one's own, or one that the primary ends.
func (s *Server) LeavePart(ctx context.Context, r LeavePartRequestObject) (LeavePartResponseObject, error) {
	cmd := conversation.LeavePart{ID: r.Hold, Why: "left", By: CallerOf(ctx).ID}
	c, _, err := s.conversationOf(ctx, r.Conversation)
	if err != nil {
		return nil, err
	}
	if err := s.mayAct(ctx, c, nil); err != nil {
		return nil, err
	}
	if CallerOf(ctx).Is(domain.RoleSupervisor, domain.RoleAdmin) {
		cmd.By = ""
	}
	answer, err := s.takePart(ctx, r.Conversation, cmd, byAgent(CallerOf(ctx).ID))
	if err != nil {
		return nil, err
	}
	return LeavePart200JSONResponse(answer), nil
}

// MonitorConversation lets a supervisor look on; nobody is told.
func (s *Server) MonitorConversation(ctx context.Context, r MonitorConversationRequestObject) (MonitorConversationResponseObject, error) {
	who := CallerOf(ctx).ID
	answer, err := s.takePart(ctx, r.Conversation, conversation.Monitor{Agent: who, At: s.now()}, byAgent(who))
	if err != nil {
		return nil, err
	}
	return MonitorConversation200JSONResponse(answer), nil
}

// JoinConversation lets a supervisor take part; all are told.
func (s *Server) JoinConversation(ctx context.Context, r JoinConversationRequestObject) (JoinConversationResponseObject, error) {
	who := CallerOf(ctx).ID
	answer, err := s.takePart(ctx, r.Conversation, conversation.Monitor{Agent: who, Join: true, At: s.now()}, byAgent(who))
	if err != nil {
		return nil, err
	}
	return JoinConversation200JSONResponse(answer), nil
}

// errPrimaryThere refuses to take over from who is there.
var errPrimaryThere = domain.Refuse("primary_there", "CON-5", "the primary agent is there: let him transfer it")

// TakeOver makes an agent who had joined the primary, within the grace of the
// one whose last device was lost (CON-5).
func (s *Server) TakeOver(ctx context.Context, r TakeOverRequestObject) (TakeOverResponseObject, error) {
	who := CallerOf(ctx).ID
	c, _, err := s.conversationOf(ctx, r.Conversation)
	if err != nil {
		return nil, err
	}
	again, err := s.recorded(ctx, agent.Kind.Stream(who))
	if err != nil {
		return nil, err
	}
	part, _ := c.PartOf(who)
	hold := c.TakeOverHold(part)
	if !again {
		if !c.Joined(who) {
			return nil, conversation.ErrNotParticipant
		}
		ask := conversation.Engage{Hold: hold, Agent: who, Turn: c.Turn, How: conversation.HowTake, Replaces: c.Primary.Hold}
		if _, err := ask.Decide(c); err != nil {
			return nil, err
		}
		primary, _, err := eventstore.Load(ctx, s.engine, &agent.Kind, c.Primary.Agent)
		switch {
		case err != nil:
			return nil, err
		case !primary.Lost:
			return nil, errPrimaryThere.With("agent", c.Primary.Agent)
		}
	}
	cmd := s.reserve(c, hold, agent.PurposeTake)
	cmd.Replaces = c.Primary.Hold
	out, err := eventstore.Act(ctx, s.engine, &agent.Kind, who, cmd, s.meta(ctx))
	if err != nil {
		return nil, err
	}
	hold, turn := holdOf(out, hold, c.Turn)
	got, err := s.engagedBy(ctx, c.ID, hold)
	if err != nil {
		return nil, err
	}
	if !got {
		return nil, s.lost(ctx, c.ID, hold, turn, who, agent.PurposeTake)
	}
	a, err := s.assigned(ctx, c.ID, hold, who, out.Position)
	return TakeOver200JSONResponse(a), err
}

// SayInThread writes into the private thread.
func (s *Server) SayInThread(ctx context.Context, r SayInThreadRequestObject) (SayInThreadResponseObject, error) {
	text := domain.Personal(r.Body.Text)
	if err := checkText(text); err != nil {
		return nil, err
	}
	client := lo.FromPtr(r.Body.ClientMessageId)
	if len(client) > 255 {
		return nil, domain.Invalid("clientMessageId", "255 characters at most")
	}
	id, err := s.messageID(ctx, r.Conversation+"/thread", client)
	if err != nil {
		return nil, err
	}
	a, err := s.decide(ctx, r.Conversation, conversation.Say{ID: id, Text: text, By: CallerOf(ctx).Actor})
	if err != nil {
		return nil, err
	}
	return SayInThread200JSONResponse(a), nil
}

// ListConsultMessages reads the private thread from the conversation's stream: an
// agent what was said to him, who oversees all of it.
func (s *Server) ListConsultMessages(ctx context.Context, r ListConsultMessagesRequestObject) (ListConsultMessagesResponseObject, error) {
	c, at, err := s.seenNow(ctx, r.Conversation, r.Params.After)
	if err != nil {
		return nil, err
	}
	answer := ListConsultMessages200JSONResponse{Messages: []ConsultMessage{}, Position: s.at(ctx, at)}
	for rec, err := range s.engine.Log.Read(ctx, eventstore.Query{Stream: conversation.Kind.Stream(c.ID)}) {
		if err != nil {
			return nil, err
		}
		if rec.Name != "conversation.consult_said" {
			continue
		}
		event, err := s.engine.Codec.Open(rec)
		if err != nil {
			return nil, err
		}
		if e, ok := event.(conversation.Said); ok && s.readsThread(ctx, e) {
			answer.Messages = append(answer.Messages, ConsultMessage{Id: e.ID, Text: string(e.Text), Author: e.By.ID, At: rec.HappenedAt.UTC()})
		}
	}
	return answer, nil
}

// readsThread tells whether a message of the private thread is for the caller.
func (s *Server) readsThread(ctx context.Context, e conversation.Said) bool {
	caller := CallerOf(ctx)
	return caller.Is(overseers...) || slices.Contains(e.To, caller.ID)
}

// discreet takes from a conversation's history what an agent is not told: who
// looks on, and what others said among themselves (CON-5).
func (s *Server) discreet(ctx context.Context, story StoryJSONResponse) (StoryJSONResponse, error) {
	caller := CallerOf(ctx)
	if caller.Is(overseers...) {
		return story, nil
	}
	kept := make([]StoryEntry, 0, len(story.Entries)) // a list, also when nothing had happened by then
	for _, e := range story.Entries {
		switch e.Name {
		case "conversation.monitored", "conversation.monitor_left":
			continue
		case "conversation.consult_said":
			var said struct{ To []string }
			if err := json.Unmarshal(e.Data, &said); err != nil {
				return story, err
			}
			if !slices.Contains(said.To, caller.ID) {
				continue
			}
		}
		var err error
		if e.Data, err = unmonitored(e.Data, "leaving", "monitor"); err != nil {
			return story, err
		}
		kept = append(kept, e)
	}
	story.Entries = kept
	var err error
	story.State, err = unmonitored(story.State, "participants", "")
	return story, err
}

// unmonitored takes those who monitor out of a list of participants, and a field
// that names one.
func unmonitored(raw json.RawMessage, list, field string) (json.RawMessage, error) {
	var all map[string]json.RawMessage
	if len(raw) == 0 {
		return raw, nil
	}
	if err := json.Unmarshal(raw, &all); err != nil {
		return raw, err
	}
	if all[list] == nil && all[field] == nil {
		return raw, nil
	}
	delete(all, field)
	if all[list] != nil {
		var parts []conversation.Participant
		if err := json.Unmarshal(all[list], &parts); err != nil {
			return raw, err
		}
		parts = slices.DeleteFunc(parts, func(p conversation.Participant) bool { return p.As == conversation.AsMonitor })
		var err error
		if all[list], err = json.Marshal(parts); err != nil {
			return raw, err
		}
		if len(parts) == 0 {
			delete(all, list)
		}
	}
	return json.Marshal(all)
}
