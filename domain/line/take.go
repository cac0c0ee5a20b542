package line

import "parley/domain"

// ErrTaken refuses a start because another conversation is the current one.
var ErrTaken = domain.Refuse("line_taken", "CON-3", "another conversation of this customer is going on here: go on with that one")

// Take makes a conversation the current one. After is the conversation the
// caller saw there and knows to be over; empty when there was none.
type Take struct {
	Opening domain.Opening
	After   string
}

// Decide refuses when the line moved since the caller looked, and what could
// never be started: the line would be stuck with it.
func (cmd Take) Decide(l Line) ([]Event, error) {
	switch {
	case cmd.Opening.Conversation != "" && l.Conversation == cmd.Opening.Conversation:
		return nil, nil
	case l.Conversation != cmd.After:
		return nil, ErrTaken.With("conversation", l.Conversation)
	}
	if err := cmd.Opening.Check(); err != nil {
		return nil, err
	}
	return []Event{Taken(cmd)}, nil
}

// Taken says which conversation is the current one from now on, with all it
// is to be started with.
type Taken struct {
	Opening domain.Opening `json:"opening"`
	After   string         `json:"after,omitempty"`
}

func (e Taken) apply(l *Line) { l.Conversation = e.Opening.Conversation }
