package conversation

import (
	"time"

	"parley/domain"
)

// Invite asks an agent to consult, or to join (CON-5): an alert, which he
// accepts or not. It costs him nothing.
type Invite struct {
	Agent     string
	As        string // consult or joined
	By        domain.Actor
	Countdown domain.Seconds
	At        time.Time
	Template  *domain.Template // of its notification, as it is now (NOT-7)
}

// Decide lets who has the conversation invite, while it is engaged.
func (cmd Invite) Decide(c Conversation) ([]Event, error) {
	if err := c.live(); err != nil {
		return nil, err
	}
	overseer := cmd.By.Role == domain.RoleSupervisor || cmd.By.Role == domain.RoleAdmin
	p, there := c.PartOf(cmd.Agent)
	consults := 0
	for _, o := range c.Participants {
		if o.As == cmd.As {
			consults++
		}
	}
	switch {
	case cmd.As != AsConsult && cmd.As != AsJoined:
		return nil, domain.Invalid("as", "give consult or joined")
	case !domain.ValidID(cmd.Agent):
		return nil, domain.Invalid("agent", "give an agent's id")
	case c.Status != StatusEngaged:
		return nil, c.standing(ErrNotEngaged)
	case c.Primary.Agent != cmd.By.ID && !overseer:
		return nil, c.standing(ErrNotYours)
	case c.Primary.Agent == cmd.Agent:
		return nil, c.standing(ErrOwn).On("agent")
	case there && p.As != AsMonitor:
		return nil, c.standing(ErrParticipant).On("agent")
	case consults >= MaxConsults:
		return nil, c.standing(ErrConsultLimit)
	}
	id := c.nextPart(cmd.Agent)
	if t := cmd.Template; t != nil {
		if t.AutoAssign {
			return []Event{Joined{Conversation: c.ID, Subject: c.Subject, ID: id, Agent: cmd.Agent, As: cmd.As, How: HowAuto, Template: t, At: cmd.At, Monitor: p.ID}}, nil
		}
		if t.Countdown != 0 {
			cmd.Countdown = t.Countdown
		}
	}
	if cmd.Countdown == 0 {
		cmd.Countdown = 120
	}
	return []Event{Invited{
		Conversation: c.ID, Subject: c.Subject, ID: id, Agent: cmd.Agent, As: cmd.As, By: c.Primary.Agent, At: cmd.At,
		Deadline: cmd.At.Add(cmd.Countdown.Duration()), Template: cmd.Template,
	}}, nil
}

// Invited says who is asked to consult or to join, and until when.
type Invited struct {
	Conversation string           `json:"conversation"`
	Subject      string           `json:"subject"`
	ID           string           `json:"id"`
	Agent        string           `json:"agent"`
	As           string           `json:"as"`
	By           string           `json:"by"` // the primary, who is told of the answer
	At           time.Time        `json:"at"`
	Deadline     time.Time        `json:"deadline"`
	Template     *domain.Template `json:"template,omitempty"`
}

func (e Invited) apply(c *Conversation) {
	c.Parts++
	c.enter(Participant{ID: e.ID, Agent: e.Agent, As: e.As, Invited: true, Deadline: e.Deadline, MustDecide: e.Template != nil && !e.Template.MayReject})
}

// AnswerInvite is the invited agent's answer.
type AnswerInvite struct {
	ID     string
	Agent  string
	Accept bool
	At     time.Time
}

// Decide lets the first of accept, reject, expire and withdraw win.
func (cmd AnswerInvite) Decide(c Conversation) ([]Event, error) {
	if c.Status == StatusNone {
		return nil, ErrUnknown
	}
	p, ok := c.part(func(p Participant) bool { return p.ID == cmd.ID })
	switch {
	case !ok && !cmd.Accept && c.FormerInvite == FormerOffer{Hold: cmd.ID, Agent: cmd.Agent, Outcome: OutcomeRejected}:
		return nil, nil // rejected already
	case !ok && c.FormerInvite.Hold == cmd.ID && c.FormerInvite.Outcome == OutcomeExpired:
		return nil, c.standing(ErrOfferExpired).With("outcome", OutcomeExpired)
	case !ok && c.FormerInvite.Hold == cmd.ID:
		return nil, c.standing(ErrOfferEnded).With("outcome", c.FormerInvite.Outcome)
	case !ok:
		return nil, c.standing(ErrOfferEnded)
	case p.Agent != cmd.Agent:
		return nil, c.standing(ErrNotParticipant)
	case !p.Invited && cmd.Accept:
		return nil, nil // accepted already, on this device or another
	case !p.Invited:
		return nil, c.standing(ErrOfferEnded).With("outcome", "accepted")
	case !cmd.Accept && p.MustDecide:
		return nil, c.standing(ErrNoReject)
	case !cmd.Accept:
		return []Event{InviteEnded{Conversation: c.ID, ID: p.ID, Agent: p.Agent, By: c.Primary.Agent, Outcome: OutcomeRejected}}, nil
	case !cmd.At.Before(p.Deadline):
		return nil, c.standing(ErrOfferExpired)
	}
	watch, _ := c.watching(p.Agent)
	return []Event{Joined{Conversation: c.ID, Subject: c.Subject, ID: p.ID, Agent: p.Agent, As: p.As, How: HowAccept, At: cmd.At, Monitor: watch.ID}}, nil
}

// ExpireInvite ends an invitation whose countdown is over.
type ExpireInvite struct {
	ID string
	At time.Time
}

// Decide ignores a timer that came too late or too early.
func (cmd ExpireInvite) Decide(c Conversation) ([]Event, error) {
	p, ok := c.part(func(p Participant) bool { return p.ID == cmd.ID })
	if !ok || !p.Invited || cmd.At.Before(p.Deadline) {
		return nil, nil
	}
	return []Event{InviteEnded{Conversation: c.ID, ID: p.ID, Agent: p.Agent, By: c.Primary.Agent, Outcome: OutcomeExpired}}, nil
}

// InviteEnded says that an invitation came to nothing.
type InviteEnded struct {
	Conversation string `json:"conversation"`
	ID           string `json:"id"`
	Agent        string `json:"agent"`
	By           string `json:"by,omitempty"`
	Outcome      string `json:"outcome"`
}

func (e InviteEnded) apply(c *Conversation) {
	c.drop([]Participant{{ID: e.ID}})
	c.FormerInvite = FormerOffer{Hold: e.ID, Agent: e.Agent, Outcome: e.Outcome}
}

// Joined says that an agent takes part: he accepted an invitation, or is a
// supervisor who joined by his own word. All are told.
type Joined struct {
	Conversation string           `json:"conversation"`
	Subject      string           `json:"subject"`
	ID           string           `json:"id"`
	Agent        string           `json:"agent"`
	As           string           `json:"as"`
	How          string           `json:"how"` // accept, auto_assign or join
	At           time.Time        `json:"at"`
	Monitor      string           `json:"monitor,omitempty"` // his part as monitor, which ends with it
	Template     *domain.Template `json:"template,omitempty"`
}

func (e Joined) apply(c *Conversation) {
	if e.How != HowAccept {
		c.Parts++
	}
	c.drop([]Participant{{ID: e.Monitor}})
	c.enter(Participant{ID: e.ID, Agent: e.Agent, As: e.As})
}

// Say writes into the private thread of those who take part (CON-5).
type Say struct {
	ID   string
	Text domain.Personal
	By   domain.Actor
}

// Decide lets the primary, who consults and who joined write, while engaged.
func (cmd Say) Decide(c Conversation) ([]Event, error) {
	if err := c.live(); err != nil {
		return nil, err
	}
	switch {
	case c.seen(cmd.ID):
		return nil, nil
	case !domain.ValidID(cmd.ID):
		return nil, domain.Invalid("id", "a message needs an id")
	case c.Status != StatusEngaged:
		return nil, c.standing(ErrNotEngaged)
	case !c.InThread(cmd.By.ID):
		return nil, c.standing(ErrNotParticipant)
	}
	if err := validText(cmd.Text, nil); err != nil {
		return nil, err
	}
	e := Said{Conversation: c.ID, ID: cmd.ID, Text: cmd.Text, By: cmd.By, To: []string{c.Primary.Agent}}
	for _, p := range c.Participants {
		if !p.Invited && p.As != AsMonitor {
			e.To = append(e.To, p.Agent)
		}
	}
	return []Event{e}, nil
}

// Said is a message in the private thread; To are those who read it.
type Said struct {
	Conversation string          `json:"conversation"`
	ID           string          `json:"id"`
	Text         domain.Personal `json:"text"`
	By           domain.Actor    `json:"by"`
	To           []string        `json:"to"`
}

func (e Said) apply(c *Conversation) { c.remember(e.ID) }
