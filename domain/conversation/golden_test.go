package conversation

import (
	"testing"
	"time"

	"parley/domain"
	"parley/domain/spec"
)

var nine = time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC)

func at(seconds int) time.Time { return nine.Add(time.Duration(seconds) * time.Second) }

func TestGolden(t *testing.T) {
	opening := domain.Opening{
		Conversation: "0196a1b2-0000-7000-8000-000000000001", Subject: "visitor-v1", Visitor: "v1", Contact: "kim", Widget: "shop",
		Channel: domain.ChannelChat, Mode: domain.ModePersistent, Workstream: "chat", Queue: "billing", Line: "4f1d", Thread: "main",
		Authenticated: true, Priority: 1, Locale: "en-GB", Invitation: "i1", Topics: []string{"invoice"},
		Context: []domain.Variable{{Name: "orderNumber", Value: "A-77", Displayable: true, Source: "page"}},
		Survey:  []domain.Answer{{Question: "What is it about?", Answer: "An invoice"}},
		Terms: domain.Terms{
			Revision: 3, Push: true, Units: 30, Block: domain.BlockFor, BlockSeconds: 300, Countdown: 120, CloseOpen: 1200, CloseEngaged: 7200,
			CloseWrapUp: 900, CloseWaiting: 86400, Affinity: true, DeclineLimit: 3, MissedInactive: true, RejectedDisturb: true,
		},
		At: nine,
	}
	id, hold, next := opening.Conversation, "5e0b1c2e-0000-5000-8000-000000000001", "5e0b1c2e-0000-5000-8000-000000000002"
	agent := domain.Actor{ID: "ana", Role: domain.RoleAgent}
	reasons := []Reason{{Code: "chosen", Count: 1, Agents: []string{"ana"}}, {Code: "no_room", Count: 2, Agents: []string{"ben", "cho"}}}
	decision := domain.Decision{
		Position: "embedded:42", Round: 7, Index: 1, At: nine, Queue: "billing", Method: "skill_closest", Hours: "open", HoursUntil: at(3600),
		Action: domain.ActionMove, Agent: "ana", Forced: true, Why: OverflowWaited, Target: "night",
		Best: []domain.Candidate{{Agent: "ben", Reason: "no_room", Free: 10, Sessions: 3, Presence: "busy", Declines: 1, Match: 1, Short: 2}},
		Rest: []domain.Tally{{Code: "presence", Count: 4}}, Refused: map[string]string{"cho": "capacity"},
	}
	files := []Attachment{{ID: "9f86d081", Name: "invoice.pdf", Type: "application/pdf", Size: 1024}}
	spec.Golden(t, &Kind, "testdata/events", map[string]Event{
		"conversation.started": Started{Opening: opening},
		"conversation.queued": Queued{
			Queue: "billing", Segment: 2, Since: nine, Priority: 1, Reason: QueuedReturn, Affinity: "ana", CloseAt: at(1200),
		},
		"conversation.invited": Invited{
			Conversation: id, Subject: "visitor-v1", ID: hold, Agent: "ben", As: AsConsult, By: "ana", At: nine, Deadline: at(45),
			Template: &domain.Template{Form: domain.FormAlert, Title: "{Customer}", Icon: "consult", Countdown: 45, MayReject: true, ShowSeconds: 8, Desktop: "always", Theme: "dark"},
		},
		"conversation.invite_ended":       InviteEnded{Conversation: id, ID: hold, Agent: "ben", By: "ana", Outcome: OutcomeExpired},
		"conversation.participant_joined": Joined{Conversation: id, Subject: "visitor-v1", ID: hold, Agent: "sue", As: AsJoined, How: HowJoin, At: nine, Monitor: next},
		"conversation.participant_left":   Left{Conversation: id, ID: hold, Agent: "sue", As: AsJoined, Why: "left"},
		"conversation.consult_said":       Said{Conversation: id, ID: "m1", Text: "Is it on the list?", By: agent, To: []string{"ana", "ben"}},
		"conversation.monitored":          Monitored{Conversation: id, ID: hold, Agent: "sue", At: nine},
		"conversation.monitor_left":       MonitorLeft{Conversation: id, ID: hold, Agent: "sue", Why: "left"},
		"conversation.customer_present":   CustomerPresent{Conversation: id, Agent: "ana", At: nine},
		"conversation.passed_over":        PassedOver{Reasons: reasons[1:], Digest: "no_room"},
		"conversation.offered": Offered{
			Conversation: id, Subject: "visitor-v1", Hold: hold, Agent: "ana", Replaces: next, Turn: 1, Queue: "billing", Since: nine,
			Deadline: at(120), VisitorNumber: 4, Scenario: "incoming_chat_authenticated", Forced: true, Reasons: reasons,
		},
		"conversation.offer_delivered": OfferDelivered{Hold: hold},
		"conversation.offer_ended": OfferEnded{
			Conversation: id, Hold: hold, Agent: "ana", Outcome: OutcomeExpired, Why: "countdown", Delivered: true, Declined: true,
			Transfer: true, Unmade: true, Presence: "inactive",
		},
		"conversation.engaged": Engaged{
			Conversation: id, Subject: "visitor-v1", Hold: hold, Agent: "ana", How: HowAccept, Replaces: next, Former: "ben", Queue: "billing",
			Segment: 1, VisitorNumber: 4, Waited: 42000, At: at(42), CloseAt: at(7242),
		},
		"conversation.parked": Parked{Conversation: id, Hold: hold, Agent: "ana", CloseAt: at(86400)},
		"conversation.requeued": Requeued{
			Conversation: id, Hold: hold, Agent: "ana", Reason: RequeuedClosed, Queue: "billing", Segment: 2, Since: nine, At: at(60),
			Declined: true, Offer: next, OfferAgent: "ben", CloseAt: at(1260),
		},
		"conversation.ended": Ended{
			Conversation: id, Hold: hold, Agent: "ana", Reason: ReasonCustomerEnded, At: at(600), UnitsFreeAt: at(900), Offer: next,
			OfferAgent: "ben", CloseAt: at(1500),
		},
		"conversation.closed": Closed{
			Conversation: id, Reason: ReasonAgentEnded, From: StatusWrapUp, Hold: hold, Agent: "ana", Offer: next, OfferAgent: "ben",
			Disposition: []string{"solved"},
		},
		"conversation.message_received": MessageReceived{
			Conversation: id, ID: "m1", Number: 1, Text: "Where is my invoice?", Attachments: files, Choice: "invoice", Status: StatusEngaged,
			Agent: "ana", CloseAt: at(1200),
		},
		"conversation.message_sent": MessageSent{
			Conversation: id, ID: "m2", Number: 2, Text: "Here it is.", Attachments: files, Choices: []domain.Personal{"Thanks", "Another one"},
			By: agent, CloseAt: at(7242),
		},
		"conversation.read":             Read{Conversation: id, Side: SideCustomer, UpTo: 2},
		"conversation.noted":            Noted{Conversation: id, ID: "n1", Text: "Was sent to the old address.", By: agent},
		"conversation.contact_linked":   ContactLinked{Conversation: id, Contact: "kim", Visitor: "v1"},
		"conversation.contact_unlinked": ContactUnlinked{Conversation: id, Contact: "kim"},
		"conversation.case_linked":      CaseLinked{Conversation: id, Case: "case-7"},
		"conversation.case_unlinked":    CaseUnlinked{Conversation: id, Case: "case-7"},
		"conversation.context_recorded": ContextRecorded{Conversation: id, Variables: opening.Context},
		"conversation.classified":       Classified{Conversation: id, Topic: "invoice", Former: "billing"},
		"conversation.looked_up":        LookedUp{Conversation: id, ID: "l1", Name: "invoices", Query: "A-77", Result: "1 found", By: agent},
		"conversation.surveyed":         Surveyed{Conversation: id, ID: "s1", Answers: opening.Survey, Score: 5},
		"conversation.told":             Told{Conversation: id, What: ToldClosed, Until: at(3600), At: nine, Decision: &decision},
		"conversation.overflowed":       Overflowed{Conversation: id, Why: OverflowWaited, Action: OverflowQueue, From: "billing", To: "night", Decision: &decision},
		"conversation.turned_down":      TurnedDown{Conversation: id, Agent: "ana", Code: "capacity", Decision: &decision},
		"conversation.skill_required":   SkillRequired{Conversation: id, Skill: "pt", Level: 3},
		"conversation.skill_dropped":    SkillDropped{Conversation: id, Skill: "pt"},
		"conversation.carried_forward": CarriedForward{State: Conversation{
			ID: id, Subject: "visitor-v1", Visitor: "v1", Contact: "kim", Case: "case-7", Widget: "shop", Channel: domain.ChannelChat,
			Mode: domain.ModePersistent, Workstream: "chat", Authenticated: true, Terms: opening.Terms, Status: StatusEngaged, Turn: 4,
			Queue: "billing", Priority: 1, Segment: 2, Since: nine, Declines: map[string]int{"cho": 1},
			Offer:  &Offer{Hold: next, Agent: "ben", Deadline: at(120), Replaces: hold, VisitorNumber: 1, Delivered: true},
			Former: FormerOffer{Hold: "h0", Agent: "cho", Outcome: OutcomeRejected}, Primary: Holder{Hold: hold, Agent: "ana"}, Last: "ana",
			CloseAt: at(7242), Messages: 2, CustomerRead: 2, AgentRead: 1, Topic: "invoice", Recent: domain.Recent{Older: []string{"m1", "m2"}},
		}},
	})
}
