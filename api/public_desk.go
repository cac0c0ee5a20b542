package api

import (
	"github.com/samber/lo"

	"parley/domain"
	"parley/domain/agent"
	"parley/domain/bulk"
	"parley/domain/cases"
	"parley/domain/contact"
	"parley/domain/hours"
	"parley/domain/notification"
	"parley/domain/profile"
	"parley/domain/queue"
	"parley/domain/session"
	"parley/domain/settings"
	"parley/domain/visitor"
	"parley/domain/widget"
	"parley/domain/workstream"
)

// deskShape is what concerns agents: room, presence, notifications, sessions.
func deskShape(event any) (shape, bool) {
	switch e := event.(type) {
	case agent.Registered:
		return shape{"agent": e.Agent, "name": e.Name, "units": e.Units, "skills": e.Skills}, true
	case agent.PresenceChanged:
		return shape{"agent": e.Agent, "presence": string(e.Presence), "custom": e.Custom, "former": string(e.Former), "cause": e.Cause}, true
	case agent.Connected:
		return shape{"agent": e.Agent, "feed": e.Feed}, true
	case agent.Disconnected:
		return shape{"agent": e.Agent, "feed": e.Feed, "last": e.Last}, true
	case agent.Gone:
		return shape{"agent": e.Agent}, true
	case agent.SignedOut:
		return shape{"agent": e.Agent}, true
	case agent.ProfilesSet:
		return shape{"agent": e.Agent, "profiles": e.Profiles}, true
	case agent.Reserved:
		return shape{
			"agent": e.Agent, "hold": e.Hold, "conversation": e.Conversation, "units": e.Units, "purpose": e.Purpose, "forced": e.Forced,
			"visitorNumber": e.VisitorNumber,
		}, true
	case agent.UnitsReleased:
		return shape{"agent": e.Agent, "hold": e.Hold, "conversation": e.Conversation, "units": e.Units, "why": e.Why}, true
	case agent.SlotFreed:
		return shape{"agent": e.Agent, "hold": e.Hold, "conversation": e.Conversation, "why": e.Why}, true
	case agent.Focused:
		return shape{"agent": e.Agent, "session": e.Session, "former": e.Former}, true
	case agent.PanelSet:
		return shape{"agent": e.Agent, "mode": e.Mode}, true
	case agent.Enabled:
		return shape{"enabled": true}, true
	case agent.Disabled:
		return shape{"agent": e.Agent, "enabled": false}, true
	case notification.Raised:
		told := shape{
			"agent": e.Agent, "conversation": e.Conversation, "form": e.Form, "scenario": e.Scenario, "title": e.Title,
			"since": e.Since, "deadline": e.Deadline, "showSeconds": e.ShowSeconds, "session": e.Of, "role": e.Role,
			"template": templateShape(e.Template),
		}
		if e.Sentiment != nil {
			told["sentiment"], told["sentimentThreshold"] = e.Sentiment.To.String(), domain.ThresholdName(e.Sentiment.Threshold)
		}
		return told, true
	case notification.Delivered:
		return shape{"agent": e.Agent, "conversation": e.Conversation, "device": e.Device, "first": e.First}, true
	case notification.Displayed:
		return shape{"agent": e.Agent, "conversation": e.Conversation, "device": e.Device}, true
	case notification.Resolved:
		return shape{"agent": e.Agent, "conversation": e.Conversation, "outcome": e.Outcome, "seen": e.Seen}, true
	case session.Started:
		return shape{"agent": e.Agent, "form": e.Form, "conversation": e.Conversation, "visitorNumber": e.VisitorNumber, "how": e.How}, true
	case session.TabsArranged:
		return shape{"agent": e.Agent, "tabs": lo.Map(e.Tabs, func(t session.Tab, _ int) shape {
			return tidy(shape{"id": t.ID, "form": t.Form, "of": t.Of, "anchored": t.Anchored})
		})}, true
	case session.DraftKept:
		return shape{"agent": e.Agent, "form": e.Form}, true // the text is asked for by who goes on writing it
	case session.Closed:
		return shape{"agent": e.Agent, "conversation": e.Conversation, "why": e.Why}, true
	}
	return nil, false
}

// houseShape is what concerns customers and configuration.
func houseShape(event any) (shape, bool) {
	switch e := event.(type) {
	case visitor.Arrived:
		return shape{"visitor": e.Visitor, "widget": e.Widget}, true
	case visitor.Identified:
		return shape{"visitor": e.Visitor, "contact": e.Contact}, true
	case visitor.PageVisited:
		return shape{"visitor": e.Visitor, "id": e.ID, "url": e.URL, "title": e.Title}, true
	case visitor.PhraseSearched:
		return shape{"visitor": e.Visitor, "id": e.ID, "phrase": e.Phrase}, true
	case visitor.ArticleViewed:
		return shape{"visitor": e.Visitor, "id": e.ID, "article": e.Article, "title": e.Title}, true
	case visitor.CustomActed:
		return shape{"visitor": e.Visitor, "id": e.ID, "action": e.Action}, true
	case visitor.Invited:
		return shape{
			"visitor": e.Visitor, "widget": e.Widget, "invitation": e.ID, "rule": e.Rule, "message": e.Message, "page": e.Page,
			"deadline": e.Deadline.UTC(),
		}, true
	case visitor.InvitationAccepted:
		return shape{"visitor": e.Visitor, "invitation": e.ID, "conversation": e.Opening.Conversation}, true
	case visitor.InvitationEnded:
		return shape{"visitor": e.Visitor, "invitation": e.ID, "outcome": e.Outcome}, true
	case visitor.StartRefused:
		return shape{"visitor": e.Visitor, "widget": e.Widget, "why": e.Why}, true
	case contact.Recorded:
		return shape{"contact": e.Contact, "account": e.Account}, true // who it is, is asked for
	case contact.Noted:
		return shape{"contact": e.Contact, "id": e.ID, "text": e.Text, "author": authorShape(e.By)}, true
	case contact.ActivityAdded:
		return shape{"contact": e.Contact, "id": e.ID, "form": e.Form, "title": e.Title, "author": authorShape(e.By)}, true
	case contact.Erased:
		return shape{"contact": e.Contact}, true
	case cases.Opened:
		return shape{"case": e.Case, "number": e.Number, "contact": e.Contact, "title": e.Title, "product": e.Product, "author": authorShape(e.By)}, true
	case cases.Noted:
		return shape{"case": e.Case, "contact": e.Contact, "id": e.ID, "text": e.Text, "author": authorShape(e.By)}, true
	case cases.StatusSet:
		return shape{"case": e.Case, "contact": e.Contact, "status": e.Status}, true
	case queue.Configured:
		return shape{"queue": e.Queue, "name": e.Name, "number": e.Number, "method": e.Method}, true
	case queue.Deleted:
		return shape{"queue": e.Queue}, true
	case hours.Set:
		return shape{"hours": e.Hours, "name": e.Name, "zone": e.Zone}, true
	case profile.Set:
		return shape{"profile": e.Profile, "name": e.Name, "limit": e.Limit, "daily": e.Daily, "blocking": e.Blocking}, true
	case settings.Changed:
		return shape{"graceSeconds": e.Grace, "sentimentThreshold": e.Sentiment, "presences": lo.Map(e.Presences, func(p settings.Presence, _ int) shape {
			return shape{"id": p.ID, "name": p.Name, "base": p.Base}
		})}, true
	case bulk.Begun:
		return shape{"bulk": e.Bulk, "action": e.Action, "count": len(e.Conversations)}, true
	case bulk.OutcomesRecorded:
		return shape{"bulk": e.Bulk, "outcomes": lo.Map(e.Outcomes, func(o bulk.Outcome, _ int) shape {
			return tidy(shape{"conversation": o.Conversation, "code": o.Code})
		})}, true
	case bulk.Finished:
		return shape{"bulk": e.Bulk, "done": e.Done, "refused": e.Refused}, true
	case settings.TemplateSet:
		return shape{"scenario": e.Scenario, "template": templateShape(e.Template)}, true
	case workstream.TemplateSet:
		return shape{"workstream": e.Workstream, "scenario": e.Scenario, "template": templateShape(e.Template)}, true
	case queue.MemberAdded:
		return shape{"queue": e.Queue, "agent": e.Agent}, true
	case queue.MemberRemoved:
		return shape{"queue": e.Queue, "agent": e.Agent}, true
	case widget.Configured:
		return shape{"widget": e.Widget, "workstream": e.Workstream, "proactive": e.Proactive}, true
	case workstream.Created:
		return shape{"workstream": e.Workstream, "channel": e.Channel, "mode": e.Mode, "name": e.Settings.Name, "queue": e.Settings.Queue}, true
	case workstream.Reconfigured:
		return shape{"workstream": e.Workstream, "name": e.Settings.Name, "queue": e.Settings.Queue}, true
	}
	return nil, false
}
