package conversation

import "parley/domain"

// Classify says what the conversation is about: a topic or tag.
type Classify struct{ Topic string }

// Decide records a topic each time it is chosen, but not twice in a row.
func (cmd Classify) Decide(c Conversation) ([]Event, error) {
	switch {
	case c.Status == StatusNone:
		return nil, ErrUnknown
	case domain.Blank(cmd.Topic) || len([]rune(cmd.Topic)) > 100:
		return nil, domain.Invalid("topic", "a topic has 1 to 100 characters")
	case c.Topic == cmd.Topic:
		return nil, nil
	}
	return []Event{Classified{Conversation: c.ID, Topic: cmd.Topic, Former: c.Topic}}, nil
}

// Classified says what the conversation is about from now on.
type Classified struct {
	Conversation string `json:"conversation"`
	Topic        string `json:"topic"`
	Former       string `json:"former,omitempty"`
}

func (e Classified) apply(c *Conversation) { c.Topic = e.Topic }
