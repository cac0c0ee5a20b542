package session

import (
	"testing"

	"parley/domain/spec"
)

var tabs = []Tab{{ID: "active_conversation", Form: "active_conversation", Anchored: true}, {ID: "t2", Form: "case", Of: "case-7"}}

func TestGolden(t *testing.T) {
	spec.Golden(t, &Kind, "testdata/events", map[string]Event{
		"session.started":       Started{Agent: "ana", Form: FormConversation, Conversation: "c1", VisitorNumber: 4, How: "accept"},
		"session.tabs_arranged": TabsArranged{Agent: "ana", Tabs: tabs},
		"session.draft_kept":    DraftKept{Agent: "ana", Form: "reply", Text: "Dear Kim,", Digest: "9f86d081"},
		"session.closed":        Closed{Agent: "ana", Conversation: "c1", Why: "transferred"},
		"session.carried_forward": CarriedForward{State: Session{
			Agent: "ana", Conversation: "c1", Form: FormConversation, Started: true, Closed: "closed", Tabs: arranged(tabs), Drafts: map[string]string{"reply": "9f86d081"},
		}},
	})
}
