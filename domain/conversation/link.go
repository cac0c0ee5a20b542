package conversation

import "parley/domain"

// ErrLinked refuses a second contact: unlink the first.
var ErrLinked = domain.Refuse("already_linked", "SUM-3", "another record is linked: unlink it first")

// LinkContact says which stored customer the conversation is with.
type LinkContact struct{ Contact string }

// Decide links one contact at a time.
func (cmd LinkContact) Decide(c Conversation) ([]Event, error) {
	switch {
	case c.Status == StatusNone:
		return nil, ErrUnknown
	case !domain.ValidID(cmd.Contact):
		return nil, domain.Invalid("contact", "give a contact's id")
	case c.Contact == cmd.Contact:
		return nil, nil
	case c.Contact != "":
		return nil, ErrLinked.On("contact")
	}
	return []Event{ContactLinked{Conversation: c.ID, Contact: cmd.Contact, Visitor: c.Visitor}}, nil
}

// ContactLinked says whose conversation it is.
type ContactLinked struct {
	Conversation string `json:"conversation"`
	Contact      string `json:"contact"`
	Visitor      string `json:"visitor,omitempty"`
}

func (e ContactLinked) apply(c *Conversation) { c.Contact = e.Contact }

// UnlinkContact takes the link away.
type UnlinkContact struct{}

// Decide records nothing when none is linked.
func (cmd UnlinkContact) Decide(c Conversation) ([]Event, error) {
	switch {
	case c.Status == StatusNone:
		return nil, ErrUnknown
	case c.Contact == "":
		return nil, nil
	case c.Authenticated:
		return nil, domain.Refuse("forbidden", "SUM-10", "the customer proved who he is by a signed token: that link stays")
	}
	return []Event{ContactUnlinked{Conversation: c.ID, Contact: c.Contact}}, nil
}

// ContactUnlinked says that it is not this contact's conversation after all.
type ContactUnlinked struct {
	Conversation string `json:"conversation"`
	Contact      string `json:"contact"`
}

func (e ContactUnlinked) apply(c *Conversation) { c.Contact = "" }

// LinkCase says which issue the conversation is about.
type LinkCase struct{ Case string }

// Decide links one case at a time.
func (cmd LinkCase) Decide(c Conversation) ([]Event, error) {
	switch {
	case c.Status == StatusNone:
		return nil, ErrUnknown
	case !domain.ValidID(cmd.Case):
		return nil, domain.Invalid("case", "give a case's id")
	case c.Case == cmd.Case:
		return nil, nil
	case c.Case != "":
		return nil, ErrLinked.On("case")
	}
	return []Event{CaseLinked{Conversation: c.ID, Case: cmd.Case}}, nil
}

// CaseLinked says which issue the conversation is about.
type CaseLinked struct {
	Conversation string `json:"conversation"`
	Case         string `json:"case"`
}

func (e CaseLinked) apply(c *Conversation) { c.Case = e.Case }

// UnlinkCase takes the link away.
type UnlinkCase struct{}

// Decide records nothing when none is linked.
func (cmd UnlinkCase) Decide(c Conversation) ([]Event, error) {
	switch {
	case c.Status == StatusNone:
		return nil, ErrUnknown
	case c.Case == "":
		return nil, nil
	}
	return []Event{CaseUnlinked{Conversation: c.ID, Case: c.Case}}, nil
}

// CaseUnlinked says that the conversation is not about this issue.
type CaseUnlinked struct {
	Conversation string `json:"conversation"`
	Case         string `json:"case"`
}

func (e CaseUnlinked) apply(c *Conversation) { c.Case = "" }
