package session

import (
	"strings"
	"testing"

	"parley/domain"
	"parley/domain/spec"
)

type table = []spec.Case[Session, Event]

var started = Started{Agent: "ana", Form: FormConversation, Conversation: "c1", VisitorNumber: 1, How: "accept"}

func TestSES2_ASessionFollowsItsConversation(t *testing.T) {
	gone := Closed{Agent: "ana", Conversation: "c1", Why: "transferred"}
	spec.Run(t, &Kind, table{
		{Name: "it starts", When: Start(started), Then: []Event{started}},
		{Name: "it is closed with a reason", Given: []Event{started}, When: Close(gone), Then: []Event{gone}},
		{Name: "the first reason stands", Given: []Event{started, gone}, When: Close{Agent: "ana", Conversation: "c1", Why: "closed"}},
		{Name: "an end may come first", When: Close(gone), Then: []Event{gone}},
		{Name: "then the start records nothing", Given: []Event{gone}, When: Start(started)},
	})
}

func TestSES12_TabsComeBackOnReturn(t *testing.T) {
	page := []Tab{tabs[0], {ID: "t2", Form: "knowledge", Of: "https://shop.example/orders/kim", Digest: "5d41402a"}}
	other := []Tab{tabs[0], {ID: "t2", Form: "knowledge", Of: "https://shop.example/orders/lee", Digest: "7d793037"}}
	spec.Run(t, &Kind, table{
		{Name: "a case is opened beside", Given: []Event{started}, When: ArrangeTabs{Agent: "ana", Tabs: tabs}, Then: []Event{TabsArranged{Agent: "ana", Tabs: tabs}}, Again: true},
		{Name: "what it shows is known by its digest", Given: []Event{started}, When: ArrangeTabs{Agent: "ana", Tabs: page}, Then: []Event{TabsArranged{Agent: "ana", Tabs: page}}},
		{Name: "the same again", Given: []Event{started, TabsArranged{Agent: "ana", Tabs: page}}, When: ArrangeTabs{Agent: "ana", Tabs: page}},
		{Name: "another page", Given: []Event{started, TabsArranged{Agent: "ana", Tabs: page}}, When: ArrangeTabs{Agent: "ana", Tabs: other}, Then: []Event{TabsArranged{Agent: "ana", Tabs: other}}},
		{Name: "what a session begins with", Given: []Event{started}, When: ArrangeTabs{Agent: "ana", Tabs: tabs[:1]}},
		{Name: "the Active Conversation tab is anchored", Given: []Event{started}, When: ArrangeTabs{Agent: "ana", Tabs: tabs[1:]}, Err: domain.Invalid("tabs", "")},
		{Name: "none", Given: []Event{started}, When: ArrangeTabs{Agent: "ana"}, Err: domain.Invalid("tabs", "")},
		{Name: "another agent's session", Given: []Event{started}, When: ArrangeTabs{Agent: "ben", Tabs: tabs}, Err: domain.Refuse("not_yours", "SES-2", "")},
	})
}

func TestSES4_DraftsAreKept(t *testing.T) {
	draft := DraftKept{Agent: "ana", Form: "reply", Text: "Dear", Digest: "d1"}
	most := domain.Personal(strings.Repeat("x", MaxDraft))
	spec.Run(t, &Kind, table{
		{Name: "unsaved input", Given: []Event{started}, When: KeepDraft{Agent: "ana", Form: "reply", Text: "Dear", Digest: "d1"}, Then: []Event{draft}},
		{Name: "of the customer whom it is about", Given: []Event{started}, When: KeepDraft{Agent: "ana", Subject: "contact-kim", Form: "reply", Text: "Dear", Digest: "d1"}, Then: []Event{DraftKept{Agent: "ana", Subject: "contact-kim", Form: "reply", Text: "Dear", Digest: "d1"}}},
		{Name: "the same again", Given: []Event{started, draft}, When: KeepDraft{Agent: "ana", Form: "reply", Text: "Dear", Digest: "d1"}},
		{Name: "64 KB", Given: []Event{started}, When: KeepDraft{Agent: "ana", Form: "reply", Text: most, Digest: "d2"}, Then: []Event{DraftKept{Agent: "ana", Form: "reply", Text: most, Digest: "d2"}}},
		{Name: "and a byte", Given: []Event{started}, When: KeepDraft{Agent: "ana", Form: "reply", Text: most + "x", Digest: "d3"}, Err: &domain.Error{Code: "text_too_long", Rule: "SES-4"}},
		{Name: "without a digest it is always news", Given: []Event{started}, When: KeepDraft{Agent: "ana", Form: "reply", Text: "Dear"}, Then: []Event{DraftKept{Agent: "ana", Form: "reply", Text: "Dear"}}, Again: true},
		{Name: "in a session that is closed", Given: []Event{started, Closed{Agent: "ana", Why: "closed"}}, When: KeepDraft{Agent: "ana", Form: "reply", Digest: "d"}, Err: ErrClosed},
		{Name: "in none", When: KeepDraft{Agent: "ana", Form: "reply", Digest: "d"}, Err: ErrUnknown},
	})
}

// What is kept of a session is sealed by the key of him whom it is about; what was kept
// before he was named, by the agent's.
func TestAUD4_DraftsAndTabsAreTheCustomers(t *testing.T) {
	for _, c := range []struct {
		event Event
		want  string
	}{
		{DraftKept{Agent: "ana", Subject: "contact-kim"}, "contact-kim"},
		{TabsArranged{Agent: "ana", Subject: "visitor-v1"}, "visitor-v1"},
		{DraftKept{Agent: "ana"}, "agent-ana"},
		{TabsArranged{Agent: "ana"}, "agent-ana"},
		{Closed{Agent: "ana"}, ""},
	} {
		if got := Kind.Subject("s1", Session{Agent: "ana"}, c.event); got != c.want {
			t.Errorf("%+v is sealed by the key of %q, want %q", c.event, got, c.want)
		}
	}
}
