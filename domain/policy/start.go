package policy

import (
	"parley/domain"
	"parley/domain/conversation"
	"parley/domain/line"
	"parley/domain/visitor"
)

// start begins the conversation that holds the line, and takes the line for
// an invitation that was accepted (PRO-6).
func start(f domain.Fact) []domain.Intent {
	switch e := f.Event.(type) {
	case visitor.InvitationAccepted:
		return []domain.Intent{to(kindLine, e.Line, line.Take{Opening: e.Opening, After: e.After})}
	case line.Taken:
		return []domain.Intent{to(kindConversation, e.Opening.Conversation, conversation.Start{Opening: e.Opening})}
	}
	return nil
}

// invited withdraws the invitation of a visitor who talks already (PRO-5).
func invited(f domain.Fact) []domain.Intent {
	if e, ok := f.Event.(conversation.Started); ok && e.Visitor != "" && e.Invitation == "" {
		return []domain.Intent{to(kindVisitor, e.Visitor, visitor.Talk{Widget: e.Widget, At: f.At})}
	}
	return nil
}

// identify tells a visitor's stream which contact he proved, or was found, to
// be, so that erasing the contact reaches all that is his.
func identify(f domain.Fact) []domain.Intent {
	switch e := f.Event.(type) {
	case conversation.Started:
		if e.Visitor != "" && e.Contact != "" {
			return []domain.Intent{to(kindVisitor, e.Visitor, visitor.Identify{Contact: e.Contact})}
		}
	case conversation.ContactLinked:
		if e.Visitor != "" {
			return []domain.Intent{to(kindVisitor, e.Visitor, visitor.Identify{Contact: e.Contact})}
		}
	}
	return nil
}
