package api

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/samber/lo"

	"parley/domain"
	"parley/domain/contact"
	"parley/domain/conversation"
	"parley/domain/line"
	"parley/domain/visitor"
	"parley/domain/widget"
	"parley/domain/workstream"
	"parley/eventstore"
)

// maxStarts bounds how often a start looks again because others were first.
const maxStarts = 16

// beginning is who starts a conversation, where and with what.
type beginning struct {
	visitor, widget, thread, customerToken, locale, invitation string
	survey                                                     []domain.Answer
	context                                                    []domain.Variable
	// proven is the contact that an earlier conversation of this line proved.
	proven string
	// matched is the contact found by the sender's number: linked, and no proof
	// (NOT-5).
	matched string
}

// opening says on what terms a conversation begins: widget and workstream as
// they are now, and the customer as his token proves him (CON-3, PER-9).
// Outside the hours closed is the refusal, for whoever finds that nothing goes on
// already.
func (s *Server) opening(ctx context.Context, b beginning) (o domain.Opening, closed, err error) {
	var none domain.Opening
	w, _, err := eventstore.Load(ctx, s.engine, &widget.Kind, b.widget)
	switch {
	case err != nil:
		return none, nil, err
	case w.ID == "":
		return none, nil, widget.ErrUnknown.On("widget")
	}
	ws, _, err := eventstore.Load(ctx, s.engine, &workstream.Kind, w.Workstream)
	switch {
	case err != nil:
		return none, nil, err
	case ws.ID == "":
		return none, nil, workstream.ErrUnknown.On("widget")
	}
	who := b.proven
	if b.customerToken != "" {
		if who, err = s.opts.VerifyCustomer(ctx, ws.Settings.Keys, b.customerToken); err != nil {
			return none, nil, err
		}
	}
	if b.thread == "" {
		b.thread = "main"
	}
	o = domain.Opening{
		Subject: "visitor-" + b.visitor, Visitor: b.visitor, Widget: w.ID, Channel: ws.Channel, Mode: ws.Mode, Workstream: ws.ID,
		Thread: b.thread, Locale: b.locale, Invitation: b.invitation, Context: b.context, Survey: b.survey,
		Terms: ws.Terms(), At: s.now(),
	}
	identity := "visitor:" + b.visitor
	if who != "" {
		known, _, err := eventstore.Load(ctx, s.engine, &contact.Kind, who)
		switch {
		case err != nil:
			return none, nil, err
		case known.Erased:
			return none, nil, contact.ErrErased
		}
		identity, o.Subject, o.Contact, o.Authenticated = "contact:"+who, "contact-"+who, who, true
	} else if b.matched != "" {
		o.Contact = b.matched
	}
	switch {
	case !domain.ValidID(b.thread):
		return none, nil, domain.Invalid("thread", "a thread is named by an id")
	case who == "" && !domain.ValidID(b.visitor):
		return none, nil, domain.Invalid("visitor", "say which visitor starts")
	case b.visitor != "" && !domain.ValidID(b.visitor):
		return none, nil, domain.Invalid("visitor", "give a visitor's id")
	}
	if o.Line, err = LineID(s.opts.Keys, identity, w.ID, b.thread); err != nil {
		return none, nil, err
	}
	// The id stands in until the real one is made: everything else is checked
	// before the line is touched.
	o.Conversation = "unknown"
	if err := s.route(ctx, ws, w, &o); err != nil {
		if !errors.Is(err, ErrOutsideHours) {
			return none, nil, err
		}
		closed = err
	}
	return o, closed, o.Check()
}

// current gives the conversation that holds a line, with its state. One that
// holds the line without having begun, because of a crash in between, is begun
// now (flow 1|2).
func (s *Server) current(ctx context.Context, id string) (string, conversation.Conversation, error) {
	var none conversation.Conversation
	l, _, err := eventstore.Load(ctx, s.engine, &line.Kind, id)
	if err != nil || l.Conversation == "" {
		return "", none, err
	}
	c, _, err := eventstore.Load(ctx, s.engine, &conversation.Kind, l.Conversation)
	if err != nil || c.Status != conversation.StatusNone {
		return l.Conversation, c, err
	}
	taken, err := s.taken(ctx, id, l.Conversation)
	if err != nil {
		return "", none, err
	}
	m := s.meta(ctx)
	m.Command = uuid.Nil
	if _, err := eventstore.Act(ctx, s.engine, &conversation.Kind, l.Conversation, conversation.Start{Opening: taken}, m); err != nil {
		return "", none, err
	}
	c, _, err = s.conversationOf(ctx, l.Conversation)
	return l.Conversation, c, err
}

// taken finds with what a conversation took its line.
func (s *Server) taken(ctx context.Context, id, holder string) (domain.Opening, error) {
	for r, err := range s.engine.Log.Read(ctx, eventstore.Query{Stream: line.Kind.Stream(id), From: eventstore.None, Backwards: true}) {
		if err != nil {
			return domain.Opening{}, err
		}
		event, err := s.engine.Codec.Open(r)
		if err != nil {
			return domain.Opening{}, err
		}
		if t, ok := event.(line.Taken); ok && t.Opening.Conversation == holder {
			return t.Opening, nil
		}
	}
	return domain.Opening{}, conversation.ErrUnknown
}

// started is the conversation that a start led to.
type started struct {
	id       string
	created  bool
	position eventstore.Position
}

// begin makes the opening's conversation the current one of its line, or finds
// the one that is: two racing starts give one conversation (CON-3). Opening
// names the conversation, so that a repeat makes no second one. Closed refuses
// to begin one.
func (s *Server) begin(ctx context.Context, o domain.Opening, closed error) (started, error) {
	again, err := s.recorded(ctx, line.Kind.Stream(o.Line))
	if err != nil {
		return started{}, err
	}
	for range maxStarts {
		holder, c, err := s.current(ctx, o.Line)
		if err != nil {
			return started{}, err
		}
		if holder != "" && !c.Status.Over() && !again {
			if err := s.provenAgain(ctx, o); err != nil {
				return started{}, err
			}
			at, err := s.head(ctx)
			return started{holder, holder == o.Conversation, at}, err
		}
		if closed != nil && !again {
			return started{}, errors.Join(s.turnedAway(ctx, o), closed)
		}
		out, err := eventstore.Act(ctx, s.engine, &line.Kind, o.Line, line.Take{Opening: o, After: holder}, s.meta(ctx))
		if errors.Is(err, line.ErrTaken) {
			continue
		}
		if err != nil {
			return started{}, err
		}
		if !out.Repeated {
			// What follows may have failed for the moment: then it is done here.
			if _, _, err := s.current(ctx, o.Line); err != nil {
				return started{}, err
			}
		}
		return started{o.Conversation, true, out.Position}, nil
	}
	return started{}, &domain.Error{Code: "contended"}
}

// provenAgain tells a visitor's stream which contact he proved to be, where no start
// tells it since a conversation goes on, or none may begin: another device of a
// customer is his too, and erasing him must reach it (AUD-4).
func (s *Server) provenAgain(ctx context.Context, o domain.Opening) error {
	if !o.Authenticated || o.Visitor == "" {
		return nil
	}
	identify := func() error {
		_, err := eventstore.Act(ctx, s.engine, &visitor.Kind, o.Visitor, visitor.Identify{Contact: o.Contact}, s.freshMeta(ctx, "identify"))
		return err
	}
	err := identify()
	if !errors.Is(err, visitor.ErrUnknown) {
		return err
	}
	// Whoever gave him his token did not tell that he came.
	if _, err := eventstore.Act(ctx, s.engine, &visitor.Kind, o.Visitor, visitor.Arrive{ID: o.Visitor, Widget: o.Widget}, s.freshMeta(ctx, "arrive")); err != nil {
		return err
	}
	return identify()
}

// StartConversation starts a conversation, or answers the one that goes on.
func (s *Server) StartConversation(ctx context.Context, r StartConversationRequestObject) (StartConversationResponseObject, error) {
	b, caller := r.Body, CallerOf(ctx)
	from := beginning{
		visitor: lo.FromPtr(b.Visitor), widget: b.Widget, thread: lo.FromPtr(b.Thread), customerToken: lo.FromPtr(b.CustomerToken), locale: lo.FromPtr(b.Locale),
	}
	if caller.Role == domain.RoleVisitor {
		if from.visitor == "" {
			from.visitor = caller.ID
		}
		if caller.Widget != "" && caller.Widget != from.widget {
			return nil, &domain.Error{Code: "forbidden", Field: "widget", Message: "this token is for another widget: arrive at this one first"}
		}
	}
	if err := actsAs(ctx, from.visitor); err != nil {
		return nil, err
	}
	done, err := s.before(ctx)
	if err != nil {
		return nil, err
	}
	if done != (before{}) {
		return s.startedBefore(ctx, done, b)
	}
	if number := lo.FromPtr(b.Sender); number != "" {
		if err = s.fromSender(ctx, &from, number); err != nil {
			return nil, err
		}
	}
	if from.survey, err = answersOf(lo.FromPtr(b.Survey)); err != nil {
		return nil, err
	}
	if from.context, err = s.variablesOf(ctx, lo.FromPtr(b.Context)); err != nil {
		return nil, err
	}
	first := conversation.Receive{Text: domain.Personal(lo.FromPtr(b.Text))}
	if err := checkText(first.Text); err != nil {
		return nil, err
	}
	if first.Text != "" && domain.Blank(first.Text) { // the conversation would have begun before it is refused
		return nil, domain.Invalid("text", "a first message is of more than blanks: leave it out where there is none")
	}
	o, closed, err := s.opening(ctx, from)
	if err != nil {
		return nil, err
	}
	proven := proof(b.CustomerToken, s.now())
	if o.Conversation, err = s.ownID(ctx, nil, "conversation"); err != nil {
		return nil, err
	}
	one, err := s.begin(ctx, o, closed)
	if err == nil && !one.created && proven.IsZero() {
		err = s.letIn(ctx, o.Line)
	}
	if err != nil {
		return nil, err
	}
	answer := StartedConversation{Conversation: one.id, Created: one.created}
	if first.Text != "" {
		sent, err := s.receive(ctx, one.id, lo.FromPtr(b.MessageId), first)
		if err != nil {
			return nil, err
		}
		answer.Conversation, answer.Message = sent.conversation, &sent.id
		answer.Created = answer.Created || sent.created // the one that was found ended meanwhile
		one.position = max(one.position, sent.position)
	}
	at, err := s.shown(ctx, answer)
	if err != nil {
		return nil, err
	}
	return s.startedAnswer(ctx, answer, max(one.position, at), proven)
}

// startedBefore answers a start that is on record, and does what was left of it when
// it broke off.
func (s *Server) startedBefore(ctx context.Context, done before, b *ConversationSetup) (StartConversationResponseObject, error) {
	one, err := s.again(ctx, done)
	if err != nil {
		return nil, err
	}
	if text := lo.FromPtr(b.Text); text != "" && one.id == "" {
		at := one.position
		if one, err = s.receive(ctx, one.conversation, lo.FromPtr(b.MessageId), conversation.Receive{Text: domain.Personal(text)}); err != nil {
			return nil, err
		}
		one.created, one.position = true, max(one.position, at)
	}
	answer := StartedConversation{Conversation: one.conversation, Created: one.created}
	if one.id != "" {
		answer.Message = &one.id
	}
	return s.startedAnswer(ctx, answer, one.position, proof(b.CustomerToken, done.at))
}

// shown records that a customer came back to a conversation that waits for him.
func (s *Server) shown(ctx context.Context, a StartedConversation) (eventstore.Position, error) {
	c, _, err := s.conversationOf(ctx, a.Conversation)
	if err != nil || a.Created || c.Status != conversation.StatusWaiting {
		return 0, err
	}
	out, err := eventstore.Act(ctx, s.engine, &conversation.Kind, c.ID, conversation.ShowUp{At: s.now()}, s.freshMeta(ctx, "present"))
	return out.Position, err
}

// letIn refuses a visitor whose token names a conversation what goes on already on
// any line but that of this one: he may begin a new one there.
func (s *Server) letIn(ctx context.Context, line string) error {
	caller := CallerOf(ctx)
	if caller.Role != domain.RoleVisitor || caller.Conversation == "" {
		return nil
	}
	former, err := s.startOf(ctx, caller.Conversation)
	if errors.Is(err, conversation.ErrUnknown) || err == nil && former.Line != line {
		return errNarrow
	}
	return err
}

// errNarrow refuses what a token that names a conversation does not open.
var errNarrow = &domain.Error{Code: "forbidden", Message: "another conversation goes on here, and this token is for one: use the token of the visitor's arrival, or prove who the customer is by customerToken"}

// startedAnswer completes the answer to a start.
func (s *Server) startedAnswer(ctx context.Context, a StartedConversation, at eventstore.Position, proven time.Time) (StartConversationResponseObject, error) {
	c, _, err := s.conversationOf(ctx, a.Conversation)
	if err != nil {
		return nil, err
	}
	a.State, a.SubState = stateOf(c.Status)
	if a.Token, err = s.tokenFor(ctx, c, proven); err != nil {
		return nil, err
	}
	a.Position = s.at(ctx, at)
	if a.Created {
		return StartConversation201JSONResponse(a), nil
	}
	return StartConversation200JSONResponse(a), nil
}

// answersOf reads a survey's answers, within its bounds (CON-9).
func answersOf(all []SurveyAnswer) ([]domain.Answer, error) {
	if len(all) > 10 {
		return nil, domain.Invalid("survey", "a survey has 10 questions at most")
	}
	var answers []domain.Answer
	for _, a := range all {
		switch {
		case a.Question == "" || len([]rune(a.Question)) > 512:
			return nil, domain.Invalid("survey.question", "a question has 1 to 512 characters")
		case len([]rune(a.Answer)) > domain.MaxVariableValue:
			return nil, domain.Invalid("survey.answer", "an answer has 4,000 characters at most")
		}
		answers = append(answers, domain.Answer{Question: a.Question, Answer: domain.Personal(a.Answer)})
	}
	return answers, nil
}

// variablesOf reads context variables. What a visitor's page sends is marked
// as the page's, whatever it says itself.
func (s *Server) variablesOf(ctx context.Context, all []ContextVariable) ([]domain.Variable, error) {
	var variables []domain.Variable
	for _, v := range all {
		one := domain.Variable{Name: v.Name, Value: domain.Personal(v.Value), Displayable: lo.FromPtr(v.Displayable)}
		if CallerOf(ctx).Role == domain.RoleVisitor {
			one.Source = "page"
		}
		if err := one.Check(); err != nil {
			return nil, err
		}
		variables = append(variables, one)
	}
	if len(variables) > domain.MaxVariables {
		return nil, domain.Invalid("context", "100 context variables at most")
	}
	return variables, nil
}
