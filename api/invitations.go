package api

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/samber/lo"

	"parley/domain"
	"parley/domain/conversation"
	"parley/domain/visitor"
	"parley/domain/widget"
	"parley/domain/workstream"
	"parley/eventstore"
	"parley/projections"
)

// errProactiveOff refuses invitations on a widget that invites nobody (PRO-2).
var errProactiveOff = &domain.Error{Code: "proactive_off", Rule: "PRO-2", Message: "this widget invites nobody: an administrator switches it on"}

// InviteVisitor offers a chat to a visitor (PRO-5).
func (s *Server) InviteVisitor(ctx context.Context, r InviteVisitorRequestObject) (InviteVisitorResponseObject, error) {
	v, _, err := eventstore.Load(ctx, s.engine, &visitor.Kind, r.Visitor)
	switch {
	case err != nil:
		return nil, err
	case v.ID == "":
		return nil, visitor.ErrUnknown
	}
	b := r.Body
	for field, text := range map[string]string{"message": b.Message, "rule": lo.FromPtr(b.Rule), "page": lo.FromPtr(b.Page)} {
		if len([]rune(text)) > 2048 {
			return nil, domain.Invalid(field, "2,048 characters at most")
		}
	}
	again, err := s.recorded(ctx, visitor.Kind.Stream(r.Visitor))
	if err != nil {
		return nil, err
	}
	if !again {
		if err := s.mayInvite(ctx, v); err != nil {
			return nil, err
		}
	}
	id, err := s.ownID(ctx, nil, "invitation")
	if err != nil {
		return nil, err
	}
	at := s.now()
	out, err := eventstore.Act(ctx, s.engine, &visitor.Kind, v.ID, visitor.Invite{
		ID: id, Rule: lo.FromPtr(b.Rule), Message: domain.Personal(b.Message), Page: domain.Personal(lo.FromPtr(b.Page)),
		OnPage: domain.Seconds(max(0, lo.FromPtr(b.OnPage))), At: at,
	}, s.meta(ctx))
	if err != nil {
		return nil, err
	}
	deadline := at.Add(visitor.InvitationLasts)
	for _, e := range out.Events {
		if invited, ok := e.(visitor.Invited); ok {
			deadline = invited.Deadline
		}
	}
	return InviteVisitor201JSONResponse{Id: id, Visitor: v.ID, Deadline: deadline, Position: s.at(ctx, out.Position)}, nil
}

// openForInvitations refuses while live hours are closed (PRO-5).
func (s *Server) openForInvitations(ctx context.Context, w widget.Widget) error {
	ws, _, err := eventstore.Load(ctx, s.engine, &workstream.Kind, w.Workstream)
	if err != nil || ws.Mode != domain.ModeLive {
		return err
	}
	q, err := s.queueFor(ctx, ws.Settings.Queue)
	if err != nil {
		return err
	}
	for _, id := range []string{w.Hours, q.Hours} {
		open, _, err := s.openNow(ctx, id, s.now())
		if err != nil {
			return err
		}
		if !open {
			return ErrOutsideHours
		}
	}
	return nil
}

// mayInvite refuses an invitation where the widget is not proactive, and while
// the visitor has a conversation there that has not ended.
func (s *Server) mayInvite(ctx context.Context, v visitor.Visitor) error {
	w, _, err := eventstore.Load(ctx, s.engine, &widget.Kind, v.Widget)
	switch {
	case err != nil:
		return err
	case w.ID == "":
		return widget.ErrUnknown
	case !w.Proactive:
		return errProactiveOff
	}
	if err := s.openForInvitations(ctx, w); err != nil {
		return err
	}
	now, err := s.head(ctx)
	if err != nil {
		return err
	}
	for page := (projections.Page{Limit: 200}); ; {
		rows, next, _, err := s.opts.Views.ActiveList(ctx, projections.ActiveFilter{Visitor: v.ID}, page, now)
		if err != nil {
			return err
		}
		for _, row := range rows {
			if row.Widget == v.Widget && !row.Status.Over() {
				return (&domain.Error{Code: "conversation_exists", Rule: "PRO-5", Message: "the visitor is in a conversation here: no invitation is needed"}).
					With("conversation", row.ID)
			}
		}
		if page.Cursor = next; next == "" {
			return nil
		}
	}
}

// invited finds an invitation as it was made.
func (s *Server) invited(ctx context.Context, visitorID, id string) (visitor.Invited, error) {
	for r, err := range s.engine.Log.Read(ctx, eventstore.Query{Stream: visitor.Kind.Stream(visitorID), From: eventstore.None, Backwards: true}) {
		if err != nil {
			return visitor.Invited{}, err
		}
		if r.Name != "visitor.invited" {
			continue
		}
		event, err := s.engine.Codec.Open(r)
		if err != nil {
			return visitor.Invited{}, err
		}
		if e, ok := event.(visitor.Invited); ok && e.ID == id {
			return e, nil
		}
	}
	return visitor.Invited{}, &domain.Error{Code: "invitation_unknown"}
}

// GetVisitorInvitation tells the invitation that waits for an answer.
func (s *Server) GetVisitorInvitation(ctx context.Context, r GetVisitorInvitationRequestObject) (GetVisitorInvitationResponseObject, error) {
	if err := actsAs(ctx, r.Visitor); err != nil {
		return nil, err
	}
	at, err := s.present(ctx, r.Params.After)
	if err != nil {
		return nil, err
	}
	v, _, err := eventstore.Load(ctx, s.engine, &visitor.Kind, r.Visitor)
	switch {
	case err != nil:
		return nil, err
	case v.ID == "":
		return nil, visitor.ErrUnknown
	}
	answer := GetVisitorInvitation200JSONResponse{Position: s.at(ctx, at)}
	if v.Invitation.ID != "" && v.Invitation.Outcome == "" && s.now().Before(v.Invitation.Deadline) {
		e, err := s.invited(ctx, v.ID, v.Invitation.ID)
		if err != nil {
			return nil, err
		}
		answer.Invitation = &InvitationShown{Id: e.ID, Message: string(e.Message), Rule: some(e.Rule), Deadline: e.Deadline}
	}
	return answer, nil
}

// AcceptInvitation starts the chat that was offered (PRO-6).
func (s *Server) AcceptInvitation(ctx context.Context, r AcceptInvitationRequestObject) (AcceptInvitationResponseObject, error) {
	if err := actsAs(ctx, r.Visitor); err != nil {
		return nil, err
	}
	v, _, err := eventstore.Load(ctx, s.engine, &visitor.Kind, r.Visitor)
	switch {
	case err != nil:
		return nil, err
	case v.ID == "":
		return nil, visitor.ErrUnknown
	}
	again, err := s.recorded(ctx, visitor.Kind.Stream(v.ID))
	if err != nil {
		return nil, err
	}
	var given *string
	if r.Body != nil {
		given = r.Body.CustomerToken
	}
	if begun := domain.Derive("invitation", r.Invitation); again {
		c, _, err := eventstore.Load(ctx, s.engine, &conversation.Kind, begun)
		if err != nil {
			return nil, err
		}
		if c.Status != conversation.StatusNone { // what speaks against it now does not count for a repeat
			out, err := eventstore.Act(ctx, s.engine, &visitor.Kind, v.ID, visitor.AcceptInvitation{ID: r.Invitation}, s.meta(ctx))
			if err != nil {
				return nil, err
			}
			return s.accepted(ctx, started{begun, true, out.Position}, proof(given, out.Records[0].HappenedAt))
		}
	}
	o, err := s.invitationOpening(ctx, v, r.Invitation, r.Body)
	if err != nil {
		return nil, err
	}
	holder, c, err := s.current(ctx, o.Line)
	if err != nil {
		return nil, err
	}
	if holder != "" && holder != o.Conversation && !c.Status.Over() {
		return nil, (&domain.Error{Code: "conversation_exists", Rule: "PRO-5", Message: "a conversation goes on already"}).With("conversation", holder)
	}
	after := holder
	if holder == o.Conversation {
		after = ""
	}
	out, err := eventstore.Act(ctx, s.engine, &visitor.Kind, v.ID,
		visitor.AcceptInvitation{ID: r.Invitation, Line: o.Line, After: after, Opening: o, At: s.now()}, s.meta(ctx))
	if err != nil {
		return nil, err
	}
	proven := proof(given, s.now())
	one := started{o.Conversation, true, out.Position}
	began, _, err := eventstore.Load(ctx, s.engine, &conversation.Kind, o.Conversation)
	if err != nil {
		return nil, err
	}
	if began.Status == conversation.StatusNone {
		// Another start took the line meanwhile, or what follows failed for the
		// moment.
		if one, err = s.begin(ctx, o, nil); err != nil {
			return nil, err
		}
		if !one.created && proven.IsZero() {
			if err := s.letIn(ctx, o.Line); err != nil {
				return nil, err
			}
		}
	}
	one.position = max(one.position, out.Position)
	return s.accepted(ctx, one, proven)
}

// accepted is the answer to an acceptance that led to a conversation.
func (s *Server) accepted(ctx context.Context, one started, proven time.Time) (AcceptInvitationResponseObject, error) {
	c, _, err := s.conversationOf(ctx, one.id)
	if err != nil {
		return nil, err
	}
	a := AcceptInvitation201JSONResponse{Conversation: one.id, Created: one.created, Position: s.at(ctx, one.position)}
	a.State, a.SubState = stateOf(c.Status)
	if a.Token, err = s.tokenFor(ctx, c, proven); err != nil {
		return nil, err
	}
	return a, nil
}

// invitationOpening is with what an accepted invitation starts: where the
// visitor was and what invited him are context variables (PRO-8).
func (s *Server) invitationOpening(ctx context.Context, v visitor.Visitor, id string, b *AcceptInvitationJSONRequestBody) (domain.Opening, error) {
	var none domain.Opening
	e, err := s.invited(ctx, v.ID, id)
	if err != nil {
		return none, err
	}
	from := beginning{visitor: v.ID, widget: e.Widget, invitation: id}
	if b != nil {
		from.locale, from.customerToken = lo.FromPtr(b.Locale), lo.FromPtr(b.CustomerToken)
		if from.survey, err = answersOf(lo.FromPtr(b.Survey)); err != nil {
			return none, err
		}
		if from.context, err = s.variablesOf(ctx, lo.FromPtr(b.Context)); err != nil {
			return none, err
		}
	}
	add := func(name, value string) {
		if value != "" {
			from.context = append(from.context, domain.Variable{Name: name, Value: domain.Personal(value), Displayable: true})
		}
	}
	add("Page", string(e.Page))
	if e.OnPage > 0 {
		add("TimeOnPage", strconv.FormatInt(int64(e.OnPage), 10))
	}
	add("Rule", e.Rule)
	add("Message", string(e.Message))
	o, closed, err := s.opening(ctx, from)
	if err != nil {
		return none, err
	}
	o.Conversation = domain.Derive("invitation", id)
	if closed != nil {
		began, _, err := eventstore.Load(ctx, s.engine, &conversation.Kind, o.Conversation)
		if err != nil || began.Status == conversation.StatusNone {
			return none, errors.Join(err, s.turnedAway(ctx, o), closed)
		}
	}
	return o, nil
}

// DismissInvitation is the visitor's no.
func (s *Server) DismissInvitation(ctx context.Context, r DismissInvitationRequestObject) (DismissInvitationResponseObject, error) {
	a, err := s.endInvitation(ctx, r.Visitor, r.Invitation, visitor.InvitationDismissed)
	if err != nil {
		return nil, err
	}
	return DismissInvitation200JSONResponse(a), nil
}

// WithdrawInvitation takes the offer back.
func (s *Server) WithdrawInvitation(ctx context.Context, r WithdrawInvitationRequestObject) (WithdrawInvitationResponseObject, error) {
	a, err := s.endInvitation(ctx, r.Visitor, r.Invitation, visitor.InvitationWithdrawn)
	if err != nil {
		return nil, err
	}
	return WithdrawInvitation200JSONResponse(a), nil
}

func (s *Server) endInvitation(ctx context.Context, visitorID, id, outcome string) (InvitationEnd, error) {
	if err := actsAs(ctx, visitorID); err != nil {
		return InvitationEnd{}, err
	}
	if _, err := s.invited(ctx, visitorID, id); err != nil {
		return InvitationEnd{}, err
	}
	out, err := eventstore.Act(ctx, s.engine, &visitor.Kind, visitorID, visitor.EndInvitation{ID: id, Outcome: outcome, At: s.now()}, s.meta(ctx))
	if err != nil {
		return InvitationEnd{}, err
	}
	return InvitationEnd{Id: id, Outcome: outcome, Position: s.at(ctx, out.Position)}, nil
}
