package api

import (
	"github.com/samber/lo"

	"parley/domain"
	"parley/domain/conversation"
)

// conversationShape is what those who work with a conversation see of its
// events.
func conversationShape(event any) (shape, bool) {
	switch e := event.(type) {
	case conversation.Started:
		return shape{
			"visitor": e.Visitor, "contact": e.Contact, "widget": e.Widget, "channel": e.Channel, "mode": e.Mode,
			"workstream": e.Workstream, "queue": e.Queue, "thread": e.Thread, "authenticated": e.Authenticated,
			"priority": e.Priority, "locale": e.Locale, "invitation": e.Invitation, "topics": e.Topics, "state": "open",
		}, true
	case conversation.Queued:
		return shape{"state": "open", "queue": e.Queue, "segment": e.Segment, "since": e.Since.UTC(), "priority": e.Priority, "reason": e.Reason}, true
	case conversation.TurnedDown:
		return shape{"agent": e.Agent, "code": e.Code}, true
	case conversation.Overflowed:
		return shape{"why": e.Why, "action": e.Action, "from": e.From, "to": e.To}, true
	case conversation.Told:
		return shape{"what": e.What, "until": e.Until}, true
	case conversation.SkillRequired:
		return shape{"skill": e.Skill, "level": e.Level}, true
	case conversation.SkillDropped:
		return shape{"skill": e.Skill}, true
	case conversation.PassedOver:
		return shape{"reasons": reasonShapes(conversation.ReasonsOf(e.Reasons, e.Decision))}, true
	case conversation.Offered:
		return shape{
			"offer": e.Hold, "agent": e.Agent, "queue": e.Queue, "deadline": e.Deadline.UTC(), "scenario": e.Scenario,
			"transfer": e.Replaces != "", "forced": e.Forced, "visitorNumber": e.VisitorNumber, "reasons": reasonShapes(conversation.ReasonsOf(e.Reasons, e.Decision)),
		}, true
	case conversation.OfferDelivered:
		return shape{"offer": e.Hold}, true
	case conversation.OfferEnded:
		return shape{
			"offer": e.Hold, "agent": e.Agent, "outcome": e.Outcome, "why": e.Why, "delivered": e.Delivered,
			"declined": e.Declined, "transfer": e.Transfer,
		}, true
	case conversation.Engaged:
		return shape{
			"state": "active", "subState": "engaged", "agent": e.Agent, "session": e.Hold, "how": e.How, "former": e.Former,
			"queue": e.Queue, "waitedMs": e.Waited, "scenario": e.Scenario,
		}, true
	case conversation.Parked:
		return shape{"state": "waiting", "agent": e.Agent, "session": e.Hold, "closesAt": e.CloseAt}, true
	case conversation.Requeued:
		return shape{
			"state": "open", "agent": e.Agent, "session": e.Hold, "reason": e.Reason, "queue": e.Queue, "segment": e.Segment,
			"since": e.Since.UTC(), "declined": e.Declined, "withdrawn": e.OfferAgent,
		}, true
	case conversation.Ended:
		return shape{"state": "wrap_up", "agent": e.Agent, "session": e.Hold, "reason": e.Reason, "closesAt": e.CloseAt, "withdrawn": e.OfferAgent}, true
	case conversation.Closed:
		return shape{
			"state": "closed", "from": string(e.From), "agent": e.Agent, "session": e.Hold, "reason": e.Reason,
			"disposition": e.Disposition, "withdrawn": e.OfferAgent,
		}, true
	}
	if s, ok := partShape(event); ok {
		return s, true
	}
	return talkShape(event)
}

// partShape is who takes part beside the primary (CON-5).
func partShape(event any) (shape, bool) {
	switch e := event.(type) {
	case conversation.Invited:
		return shape{"participant": e.ID, "agent": e.Agent, "as": e.As, "invitedBy": e.By, "deadline": e.Deadline.UTC()}, true
	case conversation.InviteEnded:
		return shape{"participant": e.ID, "agent": e.Agent, "outcome": e.Outcome}, true
	case conversation.Joined:
		return shape{"participant": e.ID, "agent": e.Agent, "as": e.As, "how": e.How}, true
	case conversation.Left:
		return shape{"participant": e.ID, "agent": e.Agent, "as": e.As, "why": e.Why}, true
	case conversation.Said:
		return shape{"id": e.ID, "text": e.Text, "author": authorShape(e.By)}, true
	case conversation.Monitored:
		return shape{"participant": e.ID, "agent": e.Agent}, true
	case conversation.MonitorLeft:
		return shape{"participant": e.ID, "agent": e.Agent}, true
	case conversation.CustomerPresent:
		return shape{"agent": e.Agent}, true
	}
	return nil, false
}

// talkShape is what is said in a conversation and about it.
func talkShape(event any) (shape, bool) {
	switch e := event.(type) {
	case conversation.MessageReceived:
		told := shape{
			"id": e.ID, "number": e.Number, "side": conversation.SideCustomer, "text": e.Text,
			"attachments": attachmentShapes(e.Attachments), "choice": e.Choice, "agent": e.Agent,
		}
		if e.Sentiment.Scored() { // of the conversation, from this message on
			told["sentiment"] = e.Sentiment.Conversation.String()
		}
		return told, true
	case conversation.MessageSent:
		return shape{
			"id": e.ID, "number": e.Number, "side": conversation.SideAgent, "text": e.Text,
			"attachments": attachmentShapes(e.Attachments), "choices": e.Choices, "author": authorShape(e.By),
		}, true
	case conversation.Read:
		return shape{"side": e.Side, "upTo": e.UpTo}, true
	case conversation.Noted:
		return shape{"id": e.ID, "text": e.Text, "author": authorShape(e.By)}, true
	case conversation.ContactLinked:
		return shape{"contact": e.Contact, "visitor": e.Visitor}, true
	case conversation.ContactUnlinked:
		return shape{"contact": e.Contact}, true
	case conversation.CaseLinked:
		return shape{"case": e.Case}, true
	case conversation.CaseUnlinked:
		return shape{"case": e.Case}, true
	case conversation.ContextRecorded:
		return shape{"variables": lo.Map(e.Variables, func(v domain.Variable, _ int) shape {
			return shape{"name": v.Name, "value": v.Value, "displayable": v.Displayable, "source": v.Source}
		})}, true
	case conversation.LookedUp:
		return shape{"id": e.ID, "name": e.Name, "query": e.Query, "result": e.Result, "author": authorShape(e.By)}, true
	case conversation.Surveyed:
		return shape{"id": e.ID, "score": e.Score, "answers": lo.Map(e.Answers, func(a domain.Answer, _ int) shape {
			return shape{"question": a.Question, "answer": a.Answer}
		})}, true
	case conversation.Classified:
		return shape{"topic": e.Topic, "former": e.Former}, true
	}
	return nil, false
}

func authorShape(a domain.Actor) shape { return shape{"id": a.ID, "role": a.Role} }

func attachmentShapes(all []conversation.Attachment) []shape {
	return lo.Map(all, func(a conversation.Attachment, _ int) shape {
		return shape{"id": a.ID, "name": a.Name, "type": a.Type, "size": a.Size}
	})
}

func reasonShapes(all []conversation.Reason) []shape {
	return lo.Map(all, func(r conversation.Reason, _ int) shape {
		return tidy(shape{"code": r.Code, "count": r.Count, "agents": r.Agents})
	})
}
