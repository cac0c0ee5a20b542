package visitor

import (
	"testing"
	"time"

	"parley/domain"
	"parley/domain/spec"
)

var nine = time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC)

func at(seconds int) time.Time { return nine.Add(time.Duration(seconds) * time.Second) }

func opening(id string) domain.Opening {
	return domain.Opening{
		Conversation: id, Subject: "visitor-v1", Visitor: "v1", Widget: "shop", Channel: domain.ChannelChat, Mode: domain.ModeLive,
		Workstream: "chat", Queue: "billing", Line: "4f1d", Invitation: "i1", At: nine,
	}
}

func TestGolden(t *testing.T) {
	spec.Golden(t, &Kind, "testdata/events", map[string]Event{
		"visitor.arrived":             Arrived{Visitor: "v1", Widget: "shop", Device: Device{Browser: "Firefox 140", System: "Linux", Language: "pt", Location: "Porto, PT"}},
		"visitor.identified":          Identified{Visitor: "v1", Contact: "kim"},
		"visitor.page_visited":        PageVisited{Visitor: "v1", ID: "a1", URL: "https://shop.example/invoices", Title: "Invoices"},
		"visitor.phrase_searched":     PhraseSearched{Visitor: "v1", ID: "a2", Phrase: "invoice copy"},
		"visitor.article_viewed":      ArticleViewed{Visitor: "v1", ID: "a3", Article: "kb-12", Title: "How to get a copy"},
		"visitor.custom_acted":        CustomActed{Visitor: "v1", ID: "a4", Action: "opened the invoice list"},
		"visitor.invited":             Invited{Visitor: "v1", Widget: "shop", ID: "i1", Rule: "stuck", Message: "May we help?", Page: "/invoices", OnPage: 45, Deadline: at(60)},
		"visitor.invitation_accepted": InvitationAccepted{Visitor: "v1", ID: "i1", Line: "4f1d", After: "c1", Opening: opening("c2")},
		"visitor.invitation_ended":    InvitationEnded{Visitor: "v1", ID: "i1", Outcome: InvitationDismissed},
		"visitor.start_refused":       StartRefused{Visitor: "v1", Widget: "shop", Why: "outside_hours"},
		"visitor.carried_forward": CarriedForward{State: Visitor{
			ID: "v1", Widget: "shop", Contact: "kim", Invitation: Invitation{ID: "i1", Deadline: at(60), Outcome: InvitationExpired}, Recent: domain.Recent{Older: []string{"a1", "a2"}},
		}},
	})
}
