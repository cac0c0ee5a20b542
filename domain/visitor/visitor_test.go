package visitor

import (
	"strings"
	"testing"

	"parley/domain"
	"parley/domain/spec"
)

type table = []spec.Case[Visitor, Event]

var (
	here    = Arrived{Visitor: "v1", Widget: "shop"}
	invited = Invited{Visitor: "v1", Widget: "shop", ID: "i1", Message: "May we help?", Deadline: at(60)}
)

func over(outcome string) InvitationEnded {
	return InvitationEnded{Visitor: "v1", ID: "i1", Outcome: outcome}
}

func TestPRO5_AnInvitationStandsSixtySeconds(t *testing.T) {
	given := []Event{here, invited}
	accept := func(s int) AcceptInvitation {
		return AcceptInvitation{ID: "i1", Line: "4f1d", Opening: opening("c2"), At: at(s)}
	}
	accepted := InvitationAccepted{Visitor: "v1", ID: "i1", Line: "4f1d", Opening: opening("c2")}
	end := func(outcome string, s int) EndInvitation {
		return EndInvitation{ID: "i1", Outcome: outcome, At: at(s)}
	}
	with := func(e Event) []Event { return append(given[:2:2], e) }
	bad := accept(1)
	bad.Opening.Queue = ""
	spec.Run(t, &Kind, table{
		{Name: "invited, for exactly sixty seconds", Given: []Event{here}, When: Invite{ID: "i1", Message: "May we help?", At: at(0)}, Then: []Event{invited}},
		{Name: "one at a time", Given: given, When: Invite{ID: "i2", Message: "Hello?", At: at(59)}, Err: ErrInvitationPending},
		{Name: "the next one closes one whose timer is late", Given: given, When: Invite{ID: "i2", Message: "Hello?", At: at(60)},
			Then: []Event{over(InvitationExpired), Invited{Visitor: "v1", Widget: "shop", ID: "i2", Message: "Hello?", Deadline: at(120)}}},
		{Name: "an invitation says something", Given: []Event{here}, When: Invite{ID: "i1", At: at(0)}, Err: domain.Invalid("message", "")},
		{Name: "nobody is there", When: Invite{ID: "i1", Message: "x", At: at(0)}, Err: ErrUnknown},
		{Name: "accepted in the last second", Given: given, When: accept(59), Then: []Event{accepted}},
		{Name: "accepted at sixty: too late", Given: given, When: accept(60), Err: ErrInvitationExpired},
		{Name: "accepted after the expiry", Given: with(over(InvitationExpired)), When: accept(61), Err: ErrInvitationExpired},
		{Name: "accepted after the dismissal", Given: with(over(InvitationDismissed)), When: accept(30), Err: ErrInvitationEnded},
		{Name: "accepted again, in another tab", Given: with(accepted), When: accept(30)},
		{Name: "accepted with what could never be started", Given: given, When: bad, Err: domain.Invalid("queue", "")},
		{Name: "dismissed in time", Given: given, When: end(InvitationDismissed, 59), Then: []Event{over(InvitationDismissed)}},
		{Name: "dismissed at sixty: it has expired", Given: given, When: end(InvitationDismissed, 60), Err: ErrInvitationExpired},
		{Name: "withdrawn: the visitor went to a page without the widget", Given: given, When: end(InvitationWithdrawn, 20), Then: []Event{over(InvitationWithdrawn)}},
		{Name: "not expired a second early", Given: given, When: end(InvitationExpired, 59)},
		{Name: "expired at sixty", Given: given, When: end(InvitationExpired, 60), Then: []Event{over(InvitationExpired)}},
		{Name: "a timer after the acceptance", Given: with(accepted), When: end(InvitationExpired, 60)},
		{Name: "dismissed after the acceptance", Given: with(accepted), When: end(InvitationDismissed, 40), Err: ErrInvitationEnded},
		{Name: "dismissed twice", Given: with(over(InvitationDismissed)), When: end(InvitationDismissed, 40)},
		{Name: "he talks already", Given: given, When: Talk{Widget: "shop", At: at(20)}, Then: []Event{over(InvitationWithdrawn)}},
		{Name: "he talks since before, told late", Given: given, When: Talk{Widget: "shop", At: at(-1)}},
		{Name: "he talks elsewhere", Given: given, When: Talk{Widget: "app", At: at(20)}},
		{Name: "he talks when it is over", Given: given, When: Talk{Widget: "shop", At: at(60)}},
		{Name: "he talks by it", Given: with(accepted), When: Talk{Widget: "shop", At: at(20)}},
		{Name: "he talks, uninvited", Given: []Event{here}, When: Talk{Widget: "shop", At: at(20)}},
		{Name: "ended otherwise", Given: given, When: end("ignored", 40), Err: domain.Invalid("outcome", "")},
	})
}

func TestSUM6_EachActionIsRecordedOnce(t *testing.T) {
	page := PageVisited{Visitor: "v1", ID: "a1", URL: "/"}
	long := domain.Personal(strings.Repeat("x", 257))
	tooLong := &domain.Error{Code: "text_too_long", Rule: "API-5"}
	spec.Run(t, &Kind, table{
		{Name: "a page", Given: []Event{here}, When: VisitPage{ID: "a1", URL: "/"}, Then: []Event{page}},
		{Name: "the page again, told twice", Given: []Event{here, page}, When: VisitPage{ID: "a1", URL: "/"}},
		{Name: "a phrase", Given: []Event{here}, When: SearchPhrase{ID: "a1", Phrase: "invoice"}, Then: []Event{PhraseSearched{Visitor: "v1", ID: "a1", Phrase: "invoice"}}},
		{Name: "an article", Given: []Event{here}, When: ViewArticle{ID: "a1", Article: "kb-1"}, Then: []Event{ArticleViewed{Visitor: "v1", ID: "a1", Article: "kb-1"}}},
		{Name: "an action of 256 characters", Given: []Event{here}, When: ActCustom{ID: "a1", Action: long[:256]}, Then: []Event{CustomActed{Visitor: "v1", ID: "a1", Action: long[:256]}}},
		{Name: "an action of 257", Given: []Event{here}, When: ActCustom{ID: "a1", Action: long}, Err: tooLong},
		{Name: "an empty phrase", Given: []Event{here}, When: SearchPhrase{ID: "a1"}, Err: domain.Invalid("phrase", "")},
		{Name: "a phrase of blanks", Given: []Event{here}, When: SearchPhrase{ID: "a1", Phrase: "  "}, Err: domain.Invalid("phrase", "")},
		{Name: "an action without an id", Given: []Event{here}, When: VisitPage{URL: "/"}, Err: domain.Invalid("id", "")},
		{Name: "of nobody", When: VisitPage{ID: "a1", URL: "/"}, Err: ErrUnknown},
	})
}

func TestCON7_ARefusedStartIsKnown(t *testing.T) {
	refused := StartRefused{Visitor: "v1", Widget: "shop", Why: "outside_hours"}
	spec.Run(t, &Kind, table{
		{Name: "every customer turned away counts", Given: []Event{here}, When: RefuseStart{ID: "v1", Widget: "shop", Why: "outside_hours"}, Then: []Event{refused}, Again: true},
		{Name: "a visitor arrives", When: Arrive{ID: "v1", Widget: "shop"}, Then: []Event{here}},
		{Name: "and arrives once", Given: []Event{here}, When: Arrive{ID: "v1", Widget: "shop"}},
		{Name: "no visitor's id", When: Arrive{ID: "a b"}, Err: domain.Invalid("visitor", "")},
		{Name: "is known to be Kim", Given: []Event{here}, When: Identify{Contact: "kim"}, Then: []Event{Identified{Visitor: "v1", Contact: "kim"}}},
		{Name: "is known already", Given: []Event{here, Identified{Visitor: "v1", Contact: "kim"}}, When: Identify{Contact: "kim"}},
	})
}
