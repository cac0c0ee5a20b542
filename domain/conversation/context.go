package conversation

import (
	"slices"

	"parley/domain"
)

// RecordContext adds or replaces context variables (CON-9).
type RecordContext struct{ Variables []domain.Variable }

// Decide takes unknown names as text.
func (cmd RecordContext) Decide(c Conversation) ([]Event, error) {
	if err := c.live(); err != nil {
		return nil, err
	}
	switch {
	case len(cmd.Variables) == 0:
		return nil, nil
	case len(cmd.Variables) > MaxVariables:
		return nil, domain.Invalid("context", "100 context variables at most")
	}
	for _, v := range cmd.Variables {
		if err := v.Check(); err != nil {
			return nil, err
		}
	}
	if len(named(c.Variables, cmd.Variables)) > MaxVariables {
		return nil, domain.Refuse("invalid", "CON-9", "100 context variables at most: give those that are there another value").On("context")
	}
	return []Event{ContextRecorded{Conversation: c.ID, Variables: cmd.Variables}}, nil
}

// ContextRecorded gives variables that hold from now on.
type ContextRecorded struct {
	Conversation string            `json:"conversation"`
	Variables    []domain.Variable `json:"variables"`
}

func (e ContextRecorded) apply(c *Conversation) { c.Variables = named(c.Variables, e.Variables) }

// named are the names that there are with those of more variables.
func named(names []string, more []domain.Variable) []string {
	all := slices.Clip(names)
	for _, v := range more {
		if !slices.Contains(all, v.Name) {
			all = append(all, v.Name)
		}
	}
	return all
}

// LookUp records that an agent looked something up, with what was found.
type LookUp struct {
	ID     string
	Name   string
	Query  domain.Personal
	Result domain.Personal
	By     domain.Actor
}

// Decide records a look-up once.
func (cmd LookUp) Decide(c Conversation) ([]Event, error) {
	switch {
	case c.Status == StatusNone:
		return nil, ErrUnknown
	case c.seen(cmd.ID):
		return nil, nil
	case domain.Blank(cmd.Name) || len([]rune(cmd.Name)) > 256:
		return nil, domain.Invalid("name", "a look-up has a name of 1 to 256 characters")
	}
	return []Event{LookedUp{Conversation: c.ID, ID: cmd.ID, Name: cmd.Name, Query: cmd.Query, Result: cmd.Result, By: cmd.By}}, nil
}

// LookedUp is a custom action of the agent, with its result.
type LookedUp struct {
	Conversation string          `json:"conversation"`
	ID           string          `json:"id"`
	Name         string          `json:"name"`
	Query        domain.Personal `json:"query,omitempty"`
	Result       domain.Personal `json:"result,omitempty"`
	By           domain.Actor    `json:"by"`
}

func (e LookedUp) apply(c *Conversation) { c.remember(e.ID) }

// Survey records the customer's answers after the conversation (CON-9).
type Survey struct {
	ID      string
	Answers []domain.Answer
	Score   int // 1 to 5; 0 when none was asked
}

// ErrNotAsked refuses answers nobody asked for: the
// conversation goes on, or it was spam.
var ErrNotAsked = domain.Refuse("forbidden", "CON-9", "a survey is offered when the agent's part is over")

// Decide takes answers once.
func (cmd Survey) Decide(c Conversation) ([]Event, error) {
	switch {
	case c.Status == StatusNone:
		return nil, ErrUnknown
	case c.seen(cmd.ID):
		return nil, nil
	case !c.Status.Over() && c.Status != StatusWaiting, c.Closed == ReasonSpam:
		return nil, c.standing(ErrNotAsked)
	case len(cmd.Answers) == 0 || len(cmd.Answers) > 10:
		return nil, domain.Invalid("answers", "a survey has 1 to 10 answers")
	case cmd.Score < 0 || cmd.Score > 5:
		return nil, domain.Invalid("score", "a score is 1 to 5")
	}
	return []Event{Surveyed{Conversation: c.ID, ID: cmd.ID, Answers: cmd.Answers, Score: cmd.Score}}, nil
}

// Surveyed is what the customer thought of it.
type Surveyed struct {
	Conversation string          `json:"conversation"`
	ID           string          `json:"id"`
	Answers      []domain.Answer `json:"answers"`
	Score        int             `json:"score,omitempty"`
}

func (e Surveyed) apply(c *Conversation) { c.remember(e.ID) }
