package api

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/samber/lo"

	"parley/domain"
	"parley/domain/conversation"
	"parley/domain/line"
	"parley/eventstore"
)

// delivered is where a message went.
type delivered struct {
	conversation, id string
	number           int
	created          bool
	position         eventstore.Position
}

// SendMessage writes a message: the customer's when a visitor, or a service
// for one, sends it; else the agent's.
func (s *Server) SendMessage(ctx context.Context, r SendMessageRequestObject) (SendMessageResponseObject, error) {
	caller, b := CallerOf(ctx), r.Body
	files, err := attachmentsOf(lo.FromPtr(b.Attachments))
	if err != nil {
		return nil, err
	}
	text, client := domain.Personal(lo.FromPtr(b.Text)), lo.FromPtr(b.ClientMessageId)
	if err := checkText(text); err != nil {
		return nil, err
	}
	switch {
	case domain.Blank(text) && len(files) == 0:
		return nil, domain.Invalid("text", "a message has a text, of more than blanks, or an attachment")
	case len(client) > 255:
		return nil, domain.Invalid("clientMessageId", "255 characters at most")
	}
	c, _, err := s.conversationOf(ctx, r.Conversation)
	if err != nil {
		return nil, err
	}
	var sent delivered
	if caller.Is(domain.RoleVisitor, domain.RoleService) {
		if caller.Role == domain.RoleVisitor && !owns(caller, c.ID, partOf(c)) {
			return nil, errUnseen
		}
		sent, err = s.receive(ctx, c.ID, client, conversation.Receive{Text: text, Attachments: files, Choice: personal(b.Choice)})
	} else {
		if err := s.mayAct(ctx, c, nil); err != nil {
			return nil, err
		}
		sent, err = s.send(ctx, c.ID, client, conversation.Send{
			Text: text, Attachments: files, Choices: lo.Map(lo.FromPtr(b.Choices), func(c string, _ int) domain.Personal { return domain.Personal(c) }),
		})
	}
	if err != nil {
		return nil, err
	}
	now, _, err := s.conversationOf(ctx, sent.conversation)
	if err != nil {
		return nil, err
	}
	a := SendMessage201JSONResponse{Conversation: sent.conversation, Message: sent.id, Number: opt(sent.number), Created: sent.created}
	a.State, a.SubState = stateOf(now.Status)
	if sent.conversation != r.Conversation {
		if a.Token, err = s.tokenFor(ctx, now, time.Time{}); err != nil {
			return nil, err
		}
	}
	a.Position = s.at(ctx, sent.position)
	return a, nil
}

// messageID names a message after its sender's own id, so that a resend is the
// same message; a message without one after its command.
func (s *Server) messageID(ctx context.Context, conversationID, client string) (string, error) {
	caller := CallerOf(ctx)
	if client != "" {
		return domain.Derive(conversationID, "message", caller.Role, caller.ID, client), nil
	}
	return s.ownID(ctx, nil, "message")
}

// send writes an agent's message.
func (s *Server) send(ctx context.Context, id, client string, cmd conversation.Send) (delivered, error) {
	var err error
	if cmd.ID, err = s.messageID(ctx, id, client); err != nil {
		return delivered{}, err
	}
	cmd.By, cmd.At = CallerOf(ctx).Actor, s.now()
	out, err := eventstore.Act(ctx, s.engine, &conversation.Kind, id, cmd, s.meta(ctx))
	if err != nil {
		return delivered{}, err
	}
	return delivered{conversation: id, id: cmd.ID, number: numberOf(out), position: out.Position}, nil
}

// receive writes a customer's message. To a conversation that is over it is
// the beginning of a new one on the same line (CON-2, PER-6).
func (s *Server) receive(ctx context.Context, id, client string, cmd conversation.Receive) (delivered, error) {
	var err error
	if cmd.ID, err = s.messageID(ctx, id, client); err != nil {
		return delivered{}, err
	}
	hear(&cmd)
	cmd.At = s.now()
	one := delivered{conversation: id, id: cmd.ID}
	for range maxStarts {
		out, err := eventstore.Act(ctx, s.engine, &conversation.Kind, one.conversation, cmd, s.meta(ctx))
		if err == nil {
			one.number, one.position = numberOf(out), max(one.position, out.Position)
			return one, nil
		}
		if !errors.Is(err, conversation.ErrClosed) {
			return delivered{}, err
		}
		switch done, err := s.before(ctx); {
		case err != nil:
			return delivered{}, err
		case done.conversation != "":
			return s.again(ctx, done)
		}
		if client != "" {
			got, err := s.resent(ctx, id, cmd.ID)
			if err != nil {
				return delivered{}, err
			}
			if got != "" && got != one.conversation { // which knows the message, over or not
				one.conversation = got
				continue
			}
		}
		next, err := s.goOn(ctx, id, cmd.ID)
		if err != nil {
			return delivered{}, err
		}
		one.conversation, one.created, one.position = next.id, next.created, next.position
	}
	return delivered{}, &domain.Error{Code: "contended"}
}

// resent finds the conversation that got a message when the one it was sent to was
// over already, so that a resend is the same message though that one is over as well
// (CON-2); empty when none did, of the latest on the line.
func (s *Server) resent(ctx context.Context, over, message string) (string, error) {
	former, err := s.startOf(ctx, over)
	if err != nil {
		return "", err
	}
	q := eventstore.Query{Stream: line.Kind.Stream(former.Line), From: eventstore.None, Backwards: true, Limit: maxStarts}
	for r, err := range s.engine.Log.Read(ctx, q) {
		if err != nil {
			return "", err
		}
		event, err := s.engine.Codec.Decode(r)
		if err != nil {
			return "", err
		}
		taken, ok := event.(line.Taken)
		if !ok {
			continue
		}
		if taken.Opening.Conversation == over {
			break
		}
		c, _, err := eventstore.Load(ctx, s.engine, &conversation.Kind, taken.Opening.Conversation)
		if err != nil || c.Has(message) {
			return taken.Opening.Conversation, err
		}
	}
	return "", nil
}

// goOn finds or begins the conversation that a message to one that is over
// belongs to. The new one is named after the message, so that a resend finds
// it.
func (s *Server) goOn(ctx context.Context, over, message string) (started, error) {
	former, err := s.startOf(ctx, over)
	if err != nil {
		return started{}, err
	}
	from := beginning{visitor: former.Visitor, widget: former.Widget, thread: former.Thread, locale: former.Locale}
	if former.Authenticated {
		from.proven = former.Contact
	}
	o, closed, err := s.opening(ctx, from)
	if err != nil {
		return started{}, err
	}
	o.Conversation = domain.Derive("conversation", over, message)
	began, _, err := eventstore.Load(ctx, s.engine, &conversation.Kind, o.Conversation)
	if err != nil {
		return started{}, err
	}
	if began.Status != conversation.StatusNone {
		again, err := s.recorded(ctx, line.Kind.Stream(o.Line)) // else it is a resend
		return started{id: o.Conversation, created: again}, err
	}
	return s.begin(ctx, o, closed)
}

// startOf gives with what a conversation began.
func (s *Server) startOf(ctx context.Context, id string) (domain.Opening, error) {
	for r, err := range s.engine.Log.Read(ctx, eventstore.Query{Stream: conversation.Kind.Stream(id), Limit: 1}) {
		if err != nil {
			return domain.Opening{}, err
		}
		event, err := s.engine.Codec.Open(r)
		if err != nil {
			return domain.Opening{}, err
		}
		if e, ok := event.(conversation.Started); ok {
			return e.Opening, nil
		}
	}
	return domain.Opening{}, conversation.ErrUnknown
}

// numberOf is the number of the message that was recorded; 0 of a resend.
func numberOf(out eventstore.Outcome) int {
	for _, e := range out.Events {
		switch e := e.(type) {
		case conversation.MessageReceived:
			return e.Number
		case conversation.MessageSent:
			return e.Number
		}
	}
	return 0
}

// checkText bounds a text before anything is begun for it.
func checkText(text domain.Personal) error {
	if len([]rune(string(text))) > conversation.MaxText {
		return &domain.Error{Code: "text_too_long", Field: "text", Rule: "CON-2", Message: "a message has 6,000 characters at most: send it in parts"}
	}
	return nil
}

// attachmentsOf reads references to stored files.
func attachmentsOf(all []MessageAttachment) ([]conversation.Attachment, error) {
	if len(all) > conversation.MaxAttachments {
		return nil, domain.Invalid("attachments", "10 attachments at most")
	}
	var files []conversation.Attachment
	for _, a := range all {
		switch {
		case !domain.ValidID(a.Id):
			return nil, domain.Invalid("attachments.id", "give the id that the upload answered")
		case len([]rune(a.Name)) > 256 || len(a.Type) > 128:
			return nil, domain.Invalid("attachments.name", "a name has 256 characters at most, a type 128")
		case a.Size < 0 || a.Size > 25<<20:
			return nil, domain.Invalid("attachments.size", "an attachment has 25 MB at most")
		}
		files = append(files, conversation.Attachment{ID: a.Id, Name: domain.Personal(a.Name), Type: a.Type, Size: a.Size})
	}
	return files, nil
}

// MarkRead moves the watermark of what one side has read.
func (s *Server) MarkRead(ctx context.Context, r MarkReadRequestObject) (MarkReadResponseObject, error) {
	side := conversation.SideAgent
	if CallerOf(ctx).Is(domain.RoleVisitor, domain.RoleService) {
		side = conversation.SideCustomer
	} else if c, _, err := s.conversationOf(ctx, r.Conversation); err != nil {
		return nil, err
	} else if c.Primary.Agent != CallerOf(ctx).ID { // who only watches has not read it for the agent
		if err := s.mayAct(ctx, c, conversation.ErrNotYours); err != nil {
			return nil, err
		}
	}
	a, err := s.decide(ctx, r.Conversation, conversation.MarkRead{Side: side, UpTo: r.Body.UpTo})
	if err != nil {
		return nil, err
	}
	return MarkRead200JSONResponse(s.asTold(ctx, a)), nil
}

// LeaveConversation is the customer's End (PER-4).
func (s *Server) LeaveConversation(ctx context.Context, r LeaveConversationRequestObject) (LeaveConversationResponseObject, error) {
	again, err := s.recorded(ctx, conversation.Kind.Stream(r.Conversation))
	if err != nil {
		return nil, err
	}
	var a ConversationState
	if again {
		a, err = s.repeat(ctx, r.Conversation, conversation.Leave{At: s.now()})
	} else {
		a, err = s.decide(ctx, r.Conversation, conversation.Leave{At: s.now()})
	}
	if err != nil {
		return nil, err
	}
	return LeaveConversation200JSONResponse(s.asTold(ctx, a)), nil
}

// repeat answers a command that is on record, though who asked may no longer
// see the conversation: it ended by this very command.
func (s *Server) repeat(ctx context.Context, id string, cmd domain.Command[conversation.Conversation, conversation.Event]) (ConversationState, error) {
	out, err := eventstore.Act(ctx, s.engine, &conversation.Kind, id, cmd, s.meta(ctx))
	if err != nil {
		return ConversationState{}, err
	}
	return s.stands(ctx, id, out.Position)
}

// asTold leaves out of an answer what a visitor is not told.
func (s *Server) asTold(ctx context.Context, a ConversationState) ConversationState {
	if CallerOf(ctx).Role == domain.RoleVisitor {
		return ConversationState{Conversation: a.Conversation, State: a.State, SubState: a.SubState, Reason: a.Reason, Position: a.Position}
	}
	return a
}

// TellTyping tells the other side that somebody types; it is never stored.
func (s *Server) TellTyping(ctx context.Context, r TellTypingRequestObject) (TellTypingResponseObject, error) {
	c, _, err := s.conversationOf(ctx, r.Conversation)
	if err != nil {
		return nil, err
	}
	if err := s.sees(ctx, c); err != nil {
		return nil, err
	}
	side, keys := conversation.SideAgent, []string{ConversationKey(c.ID)}
	if CallerOf(ctx).Is(domain.RoleVisitor, domain.RoleService) {
		side = conversation.SideCustomer
		if c.Primary.Agent != "" {
			keys = append(keys, AgentKey(c.Primary.Agent))
		}
	} else {
		if c.Status != conversation.StatusEngaged || c.Primary.Agent != CallerOf(ctx).ID && !c.Joined(CallerOf(ctx).ID) {
			return nil, conversation.ErrNotYours
		}
		keys = append(keys, CustomerKey(c.ID))
		if c.Visitor != "" {
			keys = append(keys, VisitorKey(c.Visitor))
		}
	}
	if err := s.Whisper("typing", map[string]string{"conversation": c.ID, "side": side}, keys...); err != nil {
		return nil, err
	}
	return TellTyping204Response{}, nil
}

// freshMeta is the request's meta for a second command of it: the same who and
// why, but a name of its own.
func (s *Server) freshMeta(ctx context.Context, name string) eventstore.Meta {
	m := s.meta(ctx)
	if m.Command != uuid.Nil {
		m.Command = commandID(domain.Actor{ID: m.Command.String()}, name)
	}
	return m
}
