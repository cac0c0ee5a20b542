package conversation

import (
	"time"

	"parley/domain"
)

// MaxText is the most characters of one message (CON-2); MaxNote of one note
// (API-5).
const (
	MaxText        = 6000
	MaxNote        = 10000
	MaxAttachments = 10
	MaxChoices     = 20
	MaxChoice      = 256
)

// Attachment refers to a stored file; its bytes are never in an event.
type Attachment struct {
	ID   string          `json:"id"` // hash of the sealed bytes
	Name domain.Personal `json:"name"`
	Type string          `json:"type"`
	Size int64           `json:"size"`
}

func validText(text domain.Personal, attachments []Attachment) error {
	switch n := len([]rune(string(text))); {
	case domain.Blank(text) && len(attachments) == 0:
		return domain.Invalid("text", "a message has a text, of more than blanks, or an attachment")
	case n > MaxText:
		return &domain.Error{Code: "text_too_long", Field: "text", Rule: "CON-2", Message: "a message has 6,000 characters at most: send it in parts"}
	case len(attachments) > MaxAttachments:
		return domain.Invalid("attachments", "10 attachments at most")
	}
	return nil
}

func validChoices(choices []domain.Personal) error {
	if len(choices) > MaxChoices {
		return domain.Invalid("choices", "20 quick replies at most")
	}
	for _, c := range choices {
		if n := len([]rune(string(c))); domain.Blank(c) || n > MaxChoice {
			return domain.Invalid("choices", "a quick reply has 1 to 256 characters")
		}
	}
	return nil
}

// Receive is a message of the customer. ID is derived from the conversation and the
// sender's own message id, so that a resend is the same message.
type Receive struct {
	ID          string
	Text        domain.Personal
	Attachments []Attachment
	Choice      domain.Personal // the quick reply chosen, when it was one
	At          time.Time
	// Level is how it sounds, when it was Scored (SES-10).
	Scored bool
	Level  domain.Level
}

// Decide stores, delivers, or wakes the conversation, by its status (CON-2).
func (cmd Receive) Decide(c Conversation) ([]Event, error) {
	switch {
	case c.Status == StatusNone:
		return nil, ErrUnknown
	case c.seen(cmd.ID):
		return nil, nil
	case c.Status.Over():
		return nil, c.standing(ErrClosed)
	case !domain.ValidID(cmd.ID):
		return nil, domain.Invalid("id", "a message needs an id")
	}
	if err := validText(cmd.Text, cmd.Attachments); err != nil {
		return nil, err
	}
	if len([]rune(string(cmd.Choice))) > MaxChoice {
		return nil, domain.Invalid("choice", "a quick reply has 256 characters at most")
	}
	if !cmd.Level.Valid() {
		return nil, domain.Invalid("sentiment", "a level is one of seven, -3 to 3")
	}
	received := MessageReceived{
		Conversation: c.ID, ID: cmd.ID, Number: c.Messages + 1, Text: cmd.Text, Attachments: cmd.Attachments, Choice: cmd.Choice,
		Status: c.Status, Agent: c.Primary.Agent, CloseAt: c.CloseAt,
	}
	if cmd.Scored {
		received.Sentiment = c.Moods.hear(cmd.Level)
	}
	switch c.Status {
	case StatusOpen, StatusOffered:
		received.CloseAt = later(c.CloseAt, c.Terms.CloseOpen.After(cmd.At))
	case StatusEngaged:
		if c.Mode == domain.ModeAsync {
			received.CloseAt = later(c.CloseAt, c.Terms.CloseEngaged.After(cmd.At))
		}
	case StatusWaiting:
		back := Queued{
			Queue: c.Queue, Segment: c.Segment + 1, Since: cmd.At, Priority: c.Priority, Reason: QueuedReturn,
			CloseAt: c.Terms.CloseOpen.After(cmd.At),
		}
		if c.Terms.Affinity {
			back.Affinity = c.Last
		}
		received.CloseAt = back.CloseAt
		return []Event{received, back}, nil
	}
	return []Event{received}, nil
}

// MessageReceived is what the customer wrote, and, when it was scored, how it
// sounded ("sentiment", SES-10).
type MessageReceived struct {
	Conversation string          `json:"conversation"`
	ID           string          `json:"id"`
	Number       int             `json:"number"`
	Text         domain.Personal `json:"text"`
	Attachments  []Attachment    `json:"attachments,omitempty"`
	Choice       domain.Personal `json:"choice,omitempty"`
	Status       Status          `json:"status"`          // in which it found the conversation
	Agent        string          `json:"agent,omitempty"` // who had it
	CloseAt      time.Time       `json:"closeAt,omitzero"`
	Sentiment    Sentiment       `json:"sentiment,omitzero"`
}

func (e MessageReceived) apply(c *Conversation) {
	c.Messages, c.CloseAt = e.Number, e.CloseAt
	c.remember(e.ID)
	if e.Sentiment.Scored() {
		c.Moods = c.Moods.With(e.Sentiment.Level)
	}
}

// Send is a message of an agent, a bot or the system to the customer.
type Send struct {
	ID          string
	Text        domain.Personal
	Attachments []Attachment
	Choices     []domain.Personal // quick replies offered
	By          domain.Actor
	At          time.Time
}

// Decide lets the primary agent and those who joined write, and only while
// engaged (CON-2).
func (cmd Send) Decide(c Conversation) ([]Event, error) {
	if err := c.live(); err != nil {
		return nil, err
	}
	switch {
	case c.seen(cmd.ID):
		return nil, nil
	case !domain.ValidID(cmd.ID):
		return nil, domain.Invalid("id", "a message needs an id")
	}
	if err := validText(cmd.Text, cmd.Attachments); err != nil {
		return nil, err
	}
	if err := validChoices(cmd.Choices); err != nil {
		return nil, err
	}
	if cmd.By.Role != domain.RoleSystem {
		switch {
		case c.Status != StatusEngaged:
			return nil, c.standing(ErrNotEngaged)
		case c.Primary.Agent != cmd.By.ID && !c.Joined(cmd.By.ID):
			return nil, c.standing(ErrNotYours)
		}
	}
	sent := MessageSent{
		Conversation: c.ID, ID: cmd.ID, Number: c.Messages + 1, Text: cmd.Text, Attachments: cmd.Attachments, Choices: cmd.Choices, By: cmd.By,
		CloseAt: c.CloseAt,
	}
	if c.Status == StatusEngaged && c.Mode == domain.ModeAsync && cmd.By.Role != domain.RoleSystem {
		sent.CloseAt = later(c.CloseAt, c.Terms.CloseEngaged.After(cmd.At))
	}
	return []Event{sent}, nil
}

// MessageSent is what was written to the customer.
type MessageSent struct {
	Conversation string            `json:"conversation"`
	ID           string            `json:"id"`
	Number       int               `json:"number"`
	Text         domain.Personal   `json:"text"`
	Attachments  []Attachment      `json:"attachments,omitempty"`
	Choices      []domain.Personal `json:"choices,omitempty"`
	By           domain.Actor      `json:"by"`
	CloseAt      time.Time         `json:"closeAt,omitzero"`
}

func (e MessageSent) apply(c *Conversation) {
	c.Messages, c.CloseAt = e.Number, e.CloseAt
	c.remember(e.ID)
}

// later is the later of two times: a message that was written before what is
// on record already brings no closing forward (product.md §11).
func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// Sides of a conversation.
const (
	SideCustomer = "customer"
	SideAgent    = "agent"
)

// MarkRead says how far one side has read.
type MarkRead struct {
	Side string
	UpTo int
}

// Decide moves the watermark forward only.
func (cmd MarkRead) Decide(c Conversation) ([]Event, error) {
	if c.Status == StatusNone {
		return nil, ErrUnknown
	}
	read := c.AgentRead
	switch cmd.Side {
	case SideCustomer:
		read = c.CustomerRead
	case SideAgent:
	default:
		return nil, domain.Invalid("side", "give customer or agent")
	}
	switch {
	case cmd.UpTo > c.Messages:
		return nil, domain.Invalid("upTo", "there are not so many messages")
	case cmd.UpTo <= read:
		return nil, nil
	}
	return []Event{Read{Conversation: c.ID, Side: cmd.Side, UpTo: cmd.UpTo}}, nil
}

// Read is a receipt: one side has read up to a message's number.
type Read struct {
	Conversation string `json:"conversation"`
	Side         string `json:"side"`
	UpTo         int    `json:"upTo"`
}

func (e Read) apply(c *Conversation) {
	if e.Side == SideCustomer {
		c.CustomerRead = e.UpTo
	} else {
		c.AgentRead = e.UpTo
	}
}

// Note adds an internal note, never shown to the customer (CON-2).
type Note struct {
	ID   string
	Text domain.Personal
	By   domain.Actor
	// Handover tells that it goes with a transfer, for whom it is given to (NOT-4).
	Handover bool
}

// Decide takes notes at any time: what is known later belongs here too.
func (cmd Note) Decide(c Conversation) ([]Event, error) {
	switch n := len([]rune(string(cmd.Text))); {
	case c.Status == StatusNone:
		return nil, ErrUnknown
	case c.seen(cmd.ID):
		return nil, nil
	case !domain.ValidID(cmd.ID):
		return nil, domain.Invalid("id", "a note needs an id")
	case domain.Blank(cmd.Text):
		return nil, domain.Invalid("text", "a note has a text")
	case n > MaxNote:
		return nil, &domain.Error{Code: "text_too_long", Field: "text", Rule: "API-5", Message: "a note has 10,000 characters at most"}
	}
	return []Event{Noted{Conversation: c.ID, ID: cmd.ID, Text: cmd.Text, By: cmd.By, Handover: cmd.Handover}}, nil
}

// Noted is a note of the agents among themselves.
type Noted struct {
	Conversation string          `json:"conversation"`
	ID           string          `json:"id"`
	Text         domain.Personal `json:"text"`
	By           domain.Actor    `json:"by"`
	Handover     bool            `json:"handover,omitempty"`
}

func (e Noted) apply(c *Conversation) { c.remember(e.ID) }
