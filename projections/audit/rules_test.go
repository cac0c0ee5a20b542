package audit

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"parley/domain"
	"parley/domain/agent"
	"parley/domain/conversation"
	"parley/domain/line"
	"parley/domain/notification"
	"parley/domain/session"
)

// TestEachRuleCanFail plants one lie after the other.
func TestEachRuleCanFail(t *testing.T) {
	for _, c := range []struct {
		what string
		want []string
		tell func(p *planted)
	}{
		{"a hold reserved twice", []string{"hold_once"}, func(p *planted) {
			p.offer()
			p.put("agent-ana", reserved("c", 1, "ana"))
		}},
		{"a hold that ended reserved again", []string{"hold_once", "leftover"}, func(p *planted) {
			hold := p.offer()
			p.put("conversation-c", conversation.OfferEnded{Conversation: "c", Hold: hold, Agent: "ana", Outcome: "rejected"})
			p.put("agent-ana", released(hold), freed(hold))
			p.put("notification-"+hold, notification.Resolved{Agent: "ana", Conversation: "c", Outcome: "rejected"})
			p.put("agent-ana", reserved("c", 1, "ana"))
		}},
		{"a hold by a wrong name", []string{"hold_name", "leftover"}, func(p *planted) {
			e := reserved("c", 1, "ana")
			e.Hold = "mine"
			p.put("agent-ana", e)
		}},
		{"units released twice", []string{"units_once"}, func(p *planted) {
			hold := p.engage()
			p.close(hold)
			p.put("agent-ana", released(hold))
		}},
		{"units released in part", []string{"units_whole"}, func(p *planted) {
			hold := p.offer()
			p.put("conversation-c", conversation.OfferEnded{Conversation: "c", Hold: hold, Agent: "ana", Outcome: "rejected"})
			p.put("notification-"+hold, notification.Resolved{Agent: "ana", Conversation: "c", Outcome: "rejected"})
			part := released(hold)
			part.Units = 7
			p.put("agent-ana", part, freed(hold))
		}},
		{"a slot freed twice", []string{"slot_once"}, func(p *planted) {
			hold := p.engage()
			p.close(hold)
			p.put("agent-ana", freed(hold))
		}},
		{"units released while the agent talks", []string{"hold_early"}, func(p *planted) { p.put("agent-ana", released(p.engage())) }},
		{"a slot freed while the offer stands", []string{"hold_early"}, func(p *planted) { p.put("agent-ana", freed(p.offer())) }},
		{"units that are never released", []string{"leftover"}, func(p *planted) {
			hold := p.engage()
			p.put("conversation-c", conversation.Parked{Conversation: "c", Hold: hold, Agent: "ana"})
			p.put("agent-ana", freed(hold))
			p.put("session-"+hold, session.Closed{Agent: "ana", Conversation: "c"})
		}},
		{"a slot that is never freed", []string{"leftover"}, func(p *planted) {
			hold := p.engage()
			p.put("conversation-c", conversation.Parked{Conversation: "c", Hold: hold, Agent: "ana"})
			p.put("agent-ana", released(hold))
			p.put("session-"+hold, session.Closed{Agent: "ana", Conversation: "c"})
		}},
		{"a hold nobody ever claims", []string{"leftover"}, func(p *planted) { p.put("agent-ana", reserved("c", 1, "ana")) }},
		{"an offer without room", []string{"notification", "unheld"}, func(p *planted) {
			p.put("conversation-c", offered("c", 1, "ana"))
			p.put("notification-"+domain.Hold("c", 1, "ana"), notification.Raised{Agent: "ana", Conversation: "c"})
		}},
		{"room of another agent", []string{"unheld"}, func(p *planted) {
			p.put("agent-ana", reserved("c", 1, "ana"))
			e := offered("c", 1, "ana")
			e.Agent = "ben"
			p.put("conversation-c", e)
			p.put("notification-"+e.Hold, notification.Raised{Agent: "ben", Conversation: "c"})
		}},
		{"room that was released before", []string{"unheld"}, func(p *planted) {
			hold := domain.Hold("c", 1, "ana")
			p.put("agent-ana", reserved("c", 1, "ana"), released(hold))
			p.put("conversation-c", offered("c", 1, "ana"))
			p.put("notification-"+hold, notification.Raised{Agent: "ana", Conversation: "c"})
		}},
		{"two agents have it", []string{"two_primaries"}, func(p *planted) {
			hold := p.engage()
			second := domain.Hold("c", 3, "ben")
			p.put("agent-ben", reserved("c", 3, "ben"))
			p.put("conversation-c", engaged("c", 3, "ben"))
			p.put("session-"+second, session.Started{Agent: "ben", Form: session.FormConversation, Conversation: "c"})
			p.put("agent-ana", released(hold), freed(hold))
			p.put("session-"+hold, session.Closed{Agent: "ana", Conversation: "c"})
		}},
		{"over the units without force", []string{"capacity"}, func(p *planted) {
			p.offer()
			e := reserved("d", 1, "ana")
			e.Units = 21
			p.now = p.now.Add(time.Hour)
			p.put("agent-ana", e)
		}},
		{"eleven sessions", []string{"slots"}, func(p *planted) {
			p.put("agent-ana", agent.Registered{Agent: "ana", Units: 1000})
			p.now = p.now.Add(time.Hour)
			for n := range agent.MaxSessions + 1 {
				e := reserved("d"+strconv.Itoa(n), 1, "ana")
				e.Forced = true
				p.put("agent-ana", e)
			}
		}},
		{"a turn that is missing", []string{"turn"}, func(p *planted) {
			p.put("conversation-c", conversation.CarriedForward{State: conversation.Conversation{
				ID: "c", Subject: "visitor-v", Channel: "chat", Mode: "live", Workstream: "w", Status: conversation.StatusOpen, Turn: 3,
			}})
		}},
		{"a state that no event made", []string{"carried_forward"}, func(p *planted) {
			p.put("line-L", line.CarriedForward{State: line.Line{Conversation: "other"}})
		}},
		{"a message number twice", []string{"message_number"}, func(p *planted) {
			for range 2 {
				p.put("conversation-c", conversation.MessageReceived{Conversation: "c", ID: "m", Number: 1, Text: "hi"})
			}
		}},
		{"an offer that ends twice", []string{"status"}, func(p *planted) {
			hold := p.engage()
			p.put("conversation-c", conversation.OfferEnded{Conversation: "c", Hold: hold, Agent: "ana", Outcome: "expired"})
		}},
		{"two conversations on one line", []string{"line_holders"}, func(p *planted) {
			p.put("line-L", line.Taken{Opening: opening("d", "L"), After: "c"})
			p.put("conversation-d", conversation.Started{Opening: opening("d", "L")}, queued())
		}},
		{"a line taken before its conversation began", []string{"line_holders", "unstarted"}, func(p *planted) {
			p.put("line-M", line.Taken{Opening: opening("d", "M")}, line.Taken{Opening: opening("e", "M"), After: "d"})
			p.put("conversation-e", conversation.Started{Opening: opening("e", "M")}, queued())
		}},
		{"a line taken after what did not hold it", []string{"line", "line_holders"}, func(p *planted) {
			p.put("line-L", line.Taken{Opening: opening("d", "L"), After: "x"})
			p.put("conversation-d", conversation.Started{Opening: opening("d", "L")}, queued())
		}},
		{"a conversation on a line it does not hold", []string{"line_unheld"}, func(p *planted) {
			p.put("conversation-d", conversation.Started{Opening: opening("d", "L")}, queued())
		}},
		{"a conversation that never begins", []string{"unstarted"}, func(p *planted) { p.put("line-M", line.Taken{Opening: opening("d", "M")}) }},
		{"an offer nobody is shown", []string{"notification"}, func(p *planted) {
			p.put("agent-ana", reserved("c", 1, "ana"))
			p.put("conversation-c", offered("c", 1, "ana"))
		}},
		{"an offer resolved while it stands", []string{"notification"}, func(p *planted) {
			p.put("notification-"+p.offer(), notification.Resolved{Agent: "ana", Conversation: "c", Outcome: "expired"})
		}},
		{"an offer over and not told", []string{"notification"}, func(p *planted) {
			hold := p.offer()
			p.put("conversation-c", conversation.OfferEnded{Conversation: "c", Hold: hold, Agent: "ana", Outcome: "rejected"})
			p.put("agent-ana", released(hold), freed(hold))
		}},
		{"a notification of nothing", []string{"notification"}, func(p *planted) {
			p.put("notification-x", notification.Raised{Agent: "ana", Conversation: "c"})
		}},
		{"a notification that begins after its end", []string{"begun_late"}, func(p *planted) {
			p.put("notification-"+p.engage(), notification.Raised{Agent: "ana", Conversation: "c"})
		}},
		{"an agent without a session", []string{"session"}, func(p *planted) {
			hold := p.offer()
			p.put("conversation-c", engaged("c", 1, "ana"))
			p.put("notification-"+hold, notification.Resolved{Agent: "ana", Conversation: "c", Outcome: "accepted"})
		}},
		{"a session closed under the agent", []string{"session"}, func(p *planted) {
			p.put("session-"+p.engage(), session.Closed{Agent: "ana", Conversation: "c"})
		}},
		{"a session left open", []string{"session"}, func(p *planted) {
			hold := p.engage()
			p.put("conversation-c", conversation.Parked{Conversation: "c", Hold: hold, Agent: "ana"})
			p.put("agent-ana", released(hold), freed(hold))
		}},
		{"a session of nothing", []string{"session"}, func(p *planted) {
			p.put("session-x", session.Started{Agent: "ana", Form: session.FormConversation, Conversation: "c"})
		}},
		{"an assignment nobody is shown", []string{"notification"}, func(p *planted) {
			hold := domain.Hold("c", 1, "ana")
			p.put("agent-ana", reserved("c", 1, "ana"))
			e := engaged("c", 1, "ana")
			e.How = conversation.HowAssign
			p.put("conversation-c", e)
			p.put("session-"+hold, session.Started{Agent: "ana", Form: session.FormConversation, Conversation: "c"})
		}},
	} {
		t.Run(c.what, func(t *testing.T) {
			p := plant(t)
			p.begin()
			c.tell(p)
			young := p.now
			p.now = p.now.Add(11 * time.Second)
			if c.want[0] == "slots" || c.want[0] == "capacity" {
				p.now = young // the holds themselves are not the matter
			}
			p.put("agent-ana", agent.PanelSet{Agent: "ana", Mode: "collapsed"})
			if rules := p.rules(p.log); !within(c.want, rules) {
				t.Errorf("found %v, want %v", rules, c.want)
			}
		})
	}
}

// within tells that all that was wanted was found: one lie may break more than
// one rule.
func within(want, found []string) bool {
	for _, rule := range want {
		if !slices.Contains(found, rule) {
			return false
		}
	}
	return true
}

// TestWhatIsOnItsWayIsNoFinding: what follows an event takes a moment.
func TestWhatIsOnItsWayIsNoFinding(t *testing.T) {
	p := plant(t)
	p.begin()
	hold := p.engage()
	p.now = p.now.Add(time.Hour)
	p.put("conversation-c", conversation.Closed{Conversation: "c", Reason: "spam", From: conversation.StatusEngaged, Hold: hold, Agent: "ana"})
	p.put("line-M", line.Taken{Opening: opening("d", "M")})
	p.put("agent-ben", reserved("e", 1, "ben"))
	p.now = p.now.Add(9 * time.Second)
	p.put("agent-ana", agent.PanelSet{Agent: "ana", Mode: "collapsed"})
	if rules := p.rules(p.log); len(rules) > 0 {
		t.Errorf("found %v", rules)
	}
}
