package policy_test

import (
	"reflect"
	"testing"
	"time"

	"parley/domain"
	"parley/domain/agent"
	"parley/domain/conversation"
	"parley/domain/line"
	"parley/domain/notification"
	"parley/domain/policy"
	"parley/domain/session"
	"parley/domain/visitor"
)

func after(s int) time.Time { return morning.Add(time.Duration(s) * time.Second) }

func to(kind, id string, cmd any, otherwise ...domain.Intent) domain.Intent {
	return domain.Intent{Kind: kind, ID: id, Command: cmd, Else: otherwise}
}

func free(agentID, hold, why string) domain.Intent {
	return to("agent", agentID, agent.Release{Hold: hold, Why: why})
}

func resolved(hold, agentID, outcome string) domain.Intent {
	return to("notification", hold, notification.Resolve{Agent: agentID, Conversation: "c", Outcome: outcome})
}

func closed(hold, agentID, why string) domain.Intent {
	return to("session", hold, session.Close{Agent: agentID, Conversation: "c", Why: why})
}

func TestPolicies_WhatFollowsFromWhat(t *testing.T) {
	opening := domain.Opening{Conversation: "c", Subject: "visitor-v", Visitor: "v", Widget: "shop", Contact: "kim"}
	talk := to("visitor", "v", visitor.Talk{Widget: "shop", At: after(9)})
	asked := opening
	asked.Invitation, asked.Contact = "i", ""
	reserved := func(purpose string) agent.Reserved {
		return agent.Reserved{Agent: "ana", Hold: "E", Conversation: "c", Turn: 1, Units: 30, Purpose: purpose, Replaces: "D", Countdown: 120, VisitorNumber: 4,
			At: after(0), Reasons: []agent.Reason{{Code: "chosen", Count: 1}}}
	}
	offer := conversation.MakeOffer{Hold: "E", Agent: "ana", Turn: 1, Replaces: "D", At: after(0), Countdown: 120, VisitorNumber: 4,
		Reasons: []conversation.Reason{{Code: "chosen", Count: 1}}}
	lost := free("ana", "E", "lost")
	pick := func(how string) domain.Intent {
		return to("conversation", "c", conversation.Engage{Hold: "E", Agent: "ana", Turn: 1, How: how, VisitorNumber: 4, At: after(0)}, lost)
	}
	start := func(how string) domain.Intent {
		return to("session", "E", session.Start{Agent: "ana", Form: session.FormConversation, Conversation: "c", VisitorNumber: 4, How: how})
	}
	follow := to("agent", "ana", agent.FollowCapacity{At: after(9)})
	for _, c := range []struct {
		name string
		fact domain.Fact
		want []domain.Intent
	}{
		{"PRO-6: an accepted invitation takes the line", domain.Fact{Kind: "visitor", ID: "v", Event: visitor.InvitationAccepted{Visitor: "v", ID: "i", Line: "L", After: "b", Opening: opening}},
			[]domain.Intent{to("line", "L", line.Take{Opening: opening, After: "b"})}},
		{"who has the line is started", domain.Fact{Kind: "line", ID: "L", Event: line.Taken{Opening: opening}}, []domain.Intent{to("conversation", "c", conversation.Start{Opening: opening})}},
		{"a proven contact is told to the visitor, who needs no invitation (PRO-5)", domain.Fact{Kind: "conversation", ID: "c", Event: conversation.Started{Opening: opening}, At: after(9)},
			[]domain.Intent{talk, to("visitor", "v", visitor.Identify{Contact: "kim"})}},
		{"what began with an invitation withdraws none", domain.Fact{Kind: "conversation", ID: "c", Event: conversation.Started{Opening: asked}, At: after(9)}, nil},
		{"a linked one as well", domain.Fact{Kind: "conversation", ID: "c", Event: conversation.ContactLinked{Conversation: "c", Contact: "kim", Visitor: "v"}},
			[]domain.Intent{to("visitor", "v", visitor.Identify{Contact: "kim"})}},
		{"room for an offer", domain.Fact{Event: reserved(agent.PurposeOffer)}, []domain.Intent{to("conversation", "c", offer, lost)}},
		{"room for a transfer", domain.Fact{Event: reserved(agent.PurposeTransfer)}, []domain.Intent{to("conversation", "c", offer, lost)}},
		{"room for a pick", domain.Fact{Event: reserved(agent.PurposePick)}, []domain.Intent{pick("pick")}},
		{"room for an assignment", domain.Fact{Event: reserved(agent.PurposeAssign)}, []domain.Intent{pick("assign")}},
		{"room for reopening", domain.Fact{Event: reserved(agent.PurposeReopen)}, []domain.Intent{pick("reopen")}},
		{"NOT-1: an offer is an alert", domain.Fact{Event: conversation.Offered{Conversation: "c", Subject: "s", Hold: "E", Agent: "ana", Since: after(0), Deadline: after(120), VisitorNumber: 4, Scenario: "incoming_chat"}},
			[]domain.Intent{to("notification", "E", notification.Raise{Agent: "ana", Conversation: "c", Subject: "s", Form: "alert", Scenario: "incoming_chat", Title: "Visitor 4", Since: after(0), Deadline: after(120)})}},
		{"NOT-6: the first device that has it", domain.Fact{ID: "E", Event: notification.Delivered{Agent: "ana", Conversation: "c", Device: "d", First: true}},
			[]domain.Intent{to("conversation", "c", conversation.Deliver{Hold: "E"})}},
		{"the second is not news", domain.Fact{ID: "E", Event: notification.Delivered{Agent: "ana", Conversation: "c", Device: "e"}}, nil},
		{"accepted", domain.Fact{At: after(9), Event: conversation.Engaged{Conversation: "c", Hold: "E", Agent: "ana", How: "accept", VisitorNumber: 4}},
			[]domain.Intent{resolved("E", "ana", "accepted"), start("accept"), follow}},
		{"picked: no notification", domain.Fact{At: after(9), Event: conversation.Engaged{Conversation: "c", Hold: "E", Agent: "ana", How: "pick", VisitorNumber: 4}},
			[]domain.Intent{start("pick"), follow}},
		{"NOT-3: assigned: a toast", domain.Fact{At: after(9), Event: conversation.Engaged{Conversation: "c", Subject: "s", Hold: "E", Agent: "ana", How: "assign", VisitorNumber: 4, At: after(9)}},
			[]domain.Intent{to("notification", "E", notification.Raise{Agent: "ana", Conversation: "c", Subject: "s", Form: "toast", Scenario: "assigned", Title: "Visitor 4", Since: after(9), ShowSeconds: 8, Of: "E"}), start("assign"), follow}},
		{"CON-5: a transfer accepted ends the former's part", domain.Fact{At: after(9), Event: conversation.Engaged{Conversation: "c", Hold: "E", Agent: "ana", How: "accept", Replaces: "D", Former: "ben", VisitorNumber: 4}},
			[]domain.Intent{resolved("E", "ana", "accepted"), start("accept"), closed("D", "ben", "transferred"), free("ben", "D", "transferred"), follow}},
		{"rejected, with the presence its terms ask for", domain.Fact{At: after(9), Event: conversation.OfferEnded{Conversation: "c", Hold: "E", Agent: "ana", Outcome: "rejected", Presence: "do_not_disturb"}},
			[]domain.Intent{resolved("E", "ana", "rejected"), free("ana", "E", "rejected"), to("agent", "ana", agent.Fall{Presence: agent.DoNotDisturb, At: after(9)})}},
		{"PER-7: parked", domain.Fact{Event: conversation.Parked{Conversation: "c", Hold: "E", Agent: "ana"}}, []domain.Intent{closed("E", "ana", "parked"), free("ana", "E", "parked")}},
		{"requeued, and the transfer with it", domain.Fact{Event: conversation.Requeued{Conversation: "c", Hold: "E", Agent: "ana", Reason: "agent_gone", Offer: "F", OfferAgent: "ben"}},
			[]domain.Intent{resolved("F", "ben", "withdrawn"), closed("E", "ana", "agent_gone"), free("ana", "E", "agent_gone"), free("ben", "F", "withdrawn")}},
		{"AGT-1: ended, blocking always: units, slot and session stay", domain.Fact{Event: conversation.Ended{Conversation: "c", Hold: "E", Agent: "ana", At: after(9)}}, nil},
		{"AGT-1: ended, blocking for a while: the timer frees", domain.Fact{Event: conversation.Ended{Conversation: "c", Hold: "E", Agent: "ana", At: after(9), UnitsFreeAt: after(39)}}, nil},
		{"AGT-1: ended, blocking never: the units are free", domain.Fact{Event: conversation.Ended{Conversation: "c", Hold: "E", Agent: "ana", At: after(9), UnitsFreeAt: after(9), Offer: "F", OfferAgent: "ben"}},
			[]domain.Intent{resolved("F", "ben", "withdrawn"), to("agent", "ana", agent.Release{Hold: "E", Why: "wrap_up", UnitsOnly: true}), free("ben", "F", "withdrawn")}},
		{"closed", domain.Fact{Event: conversation.Closed{Conversation: "c", Hold: "E", Agent: "ana"}}, []domain.Intent{closed("E", "ana", "closed"), free("ana", "E", "closed")}},
		{"closed while it was offered", domain.Fact{Event: conversation.Closed{Conversation: "c", Offer: "E", OfferAgent: "ana"}}, []domain.Intent{resolved("E", "ana", "withdrawn"), free("ana", "E", "withdrawn")}},
		{"AGT-4: a session closed", domain.Fact{At: after(9), Event: agent.UnitsReleased{Agent: "ana", Hold: "E", Why: "closed"}}, []domain.Intent{follow}},
		{"AGT-4: an offer came to nothing", domain.Fact{At: after(9), Event: agent.UnitsReleased{Agent: "ana", Hold: "E", Why: "expired"}},
			[]domain.Intent{to("agent", "ana", agent.FollowCapacity{At: after(9), KeepManual: true})}},
		{"AGT-6: disabled", domain.Fact{At: after(9), Event: agent.Disabled{Agent: "ana", Holds: []agent.Holder{{Hold: "E", Conversation: "c", Turn: 1}}}},
			[]domain.Intent{to("conversation", "c", conversation.Lose{Hold: "E", Agent: "ana", Turn: 1, Why: "agent_disabled", Disabled: true, At: after(9)})}},
		{"RTE-5: the last device is lost: offers are withdrawn at once", domain.Fact{Event: agent.Disconnected{Agent: "ana", Last: true, Holds: []agent.Holder{{Hold: "E", Conversation: "c", Turn: 1}}}},
			[]domain.Intent{to("conversation", "c", conversation.Withdraw{Hold: "E", Agent: "ana", Turn: 1, Why: "device_lost"})}},
		{"AGT-6: gone past the grace", domain.Fact{At: after(9), Event: agent.Gone{Agent: "ana", Holds: []agent.Holder{{Hold: "E", Conversation: "c", Turn: 1}}}},
			[]domain.Intent{to("conversation", "c", conversation.Lose{Hold: "E", Agent: "ana", Turn: 1, Why: "agent_gone", At: after(9)})}},
		{"AGT-4: back, the presence follows the capacity of now", domain.Fact{Event: agent.PresenceChanged{Agent: "ana", Cause: agent.ByReturn}},
			[]domain.Intent{to("agent", "ana", agent.FollowCapacity{KeepManual: true})}},
		{"a message", domain.Fact{Event: conversation.MessageReceived{Conversation: "c"}}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []domain.Intent
			for _, p := range policy.All() {
				got = append(got, p.Follow(c.fact)...)
			}
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("got\n%+v\nwant\n%+v", got, c.want)
			}
		})
	}
}

func TestDue_WhichTimersAFactArms(t *testing.T) {
	closing := func(s int) domain.Timer {
		return domain.Timer{Key: "close/c", At: after(s), Intent: to("conversation", "c", conversation.TimeOut{Due: after(s), At: after(s)})}
	}
	none := closing(0)
	none.At, none.Command = time.Time{}, conversation.TimeOut{}
	over := func(hold string) domain.Timer { return domain.Timer{Key: "offer/" + hold} }
	for _, c := range []struct {
		name  string
		event any
		want  []domain.Timer
	}{
		{"queued", conversation.Queued{CloseAt: after(1200)}, []domain.Timer{closing(1200)}},
		{"the customer writes", conversation.MessageReceived{CloseAt: after(1300)}, []domain.Timer{closing(1300)}},
		{"the agent writes in a chat", conversation.MessageSent{}, []domain.Timer{none}},
		{"offered", conversation.Offered{Hold: "E", Deadline: after(120)}, []domain.Timer{{Key: "offer/E", At: after(120), Intent: to("conversation", "c", conversation.Expire{Hold: "E", At: after(120)})}}},
		{"an offer ended", conversation.OfferEnded{Hold: "E"}, []domain.Timer{over("E")}},
		{"accepted", conversation.Engaged{Hold: "E", CloseAt: after(7200)}, []domain.Timer{over("E"), closing(7200)}},
		{"SES-5: parked", conversation.Parked{CloseAt: after(86400)}, []domain.Timer{closing(86400)}},
		{"requeued", conversation.Requeued{Offer: "F", CloseAt: after(1200)}, []domain.Timer{over("F"), closing(1200)}},
		{"ended, blocking always", conversation.Ended{Hold: "E", Agent: "ana", At: after(9), CloseAt: after(909)}, []domain.Timer{closing(909)}},
		{"ended, blocking for a while", conversation.Ended{Hold: "E", Agent: "ana", At: after(9), UnitsFreeAt: after(39), CloseAt: after(909), Offer: "F"},
			[]domain.Timer{over("F"), closing(909), {Key: "units/E", At: after(39), Intent: to("agent", "ana", agent.Release{Hold: "E", Why: "wrap_up", UnitsOnly: true})}}},
		{"closed", conversation.Closed{Hold: "E", Offer: "F"}, []domain.Timer{over("F"), none, {Key: "units/E"}}},
		{"a note", conversation.Noted{}, nil},
		{"AGT-4: the last feed is lost", agent.Disconnected{Agent: "ana", Last: true, Loss: 2}, []domain.Timer{{Key: "gone/ana", At: after(9 + 150), Intent: to("agent", "ana", agent.Vanish{Loss: 2})}}},
		{"the grace is the administrator's", agent.Disconnected{Agent: "ana", Last: true, Loss: 2, Grace: 60}, []domain.Timer{{Key: "gone/ana", At: after(9 + 60), Intent: to("agent", "ana", agent.Vanish{Loss: 2})}}},
		{"he signed out", agent.SignedOut{Agent: "ana"}, []domain.Timer{{Key: "gone/ana"}}},
		{"one of two feeds is lost", agent.Disconnected{Agent: "ana"}, nil},
		{"he is back", agent.Connected{Agent: "ana"}, []domain.Timer{{Key: "gone/ana"}}},
		{"PRO-5: invited", visitor.Invited{ID: "i", Deadline: after(60)}, []domain.Timer{{Key: "invitation/i", At: after(60),
			Intent: to("visitor", "c", visitor.EndInvitation{ID: "i", Outcome: visitor.InvitationExpired, At: after(60)})}}},
		{"the invitation is accepted", visitor.InvitationAccepted{ID: "i"}, []domain.Timer{{Key: "invitation/i"}}},
		{"the invitation ended", visitor.InvitationEnded{ID: "i"}, []domain.Timer{{Key: "invitation/i"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := domain.Fact{ID: "c", Event: c.event, At: after(9)}
			if got := policy.Due(f); !reflect.DeepEqual(got, c.want) {
				t.Errorf("got\n%+v\nwant\n%+v", got, c.want)
			}
			f.Imported = true
			if got := policy.Due(f); got != nil {
				t.Errorf("an imported event arms %+v", got)
			}
		})
	}
}
