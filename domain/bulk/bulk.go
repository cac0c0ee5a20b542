// Package bulk is one action of a supervisor on many conversations, with what
// became of each (SUP-1).
package bulk

import (
	"slices"

	"parley/domain"
)

// Most is how many conversations one action takes.
const Most = 1000

// Actions.
const (
	Assign     = "assign"
	Transfer   = "transfer" // into a queue
	ForceClose = "force_close"
)

// Bulk is what a decision, and whoever goes on with it, needs to know.
type Bulk struct {
	ID            string    `json:"id,omitempty"`
	Action        string    `json:"action,omitempty"`
	Conversations []string  `json:"conversations,omitempty"`
	Agent         string    `json:"agent,omitempty"`
	Queue         string    `json:"queue,omitempty"`
	Reason        string    `json:"reason,omitempty"`
	Outcomes      []Outcome `json:"outcomes,omitempty"` // so far, in the order they came
	Finished      bool      `json:"finished,omitempty"`
}

// Outcome is what became of one conversation: done, or the code of the refusal.
type Outcome struct {
	Conversation string `json:"conversation"`
	Code         string `json:"code,omitempty"`
}

// Left are the conversations of which nothing is on record yet.
func (b Bulk) Left() []string {
	done := make(map[string]bool, len(b.Outcomes))
	for _, o := range b.Outcomes {
		done[o.Conversation] = true
	}
	var left []string
	for _, id := range b.Conversations {
		if !done[id] {
			left = append(left, id)
		}
	}
	return left
}

// Event is something that happened to a bulk action.
type Event interface{ apply(*Bulk) }

// Kind is every name this package has ever written to disk.
var Kind = domain.Kind[Bulk, Event]{
	Name:  "bulk",
	Apply: func(b *Bulk, e Event) { e.apply(b) },
	Names: domain.Names[Event]{
		"bulk.begun":             Begun{},
		"bulk.outcomes_recorded": OutcomesRecorded{},
		"bulk.finished":          Finished{},
		"bulk.carried_forward":   CarriedForward{},
	},
	Carry: func(b Bulk) Event { return CarriedForward{State: b} },
}

// CarriedForward is the whole state.
type CarriedForward struct {
	State Bulk `json:"state"`
}

func (e CarriedForward) apply(b *Bulk) { *b = e.State }

// ErrUnknown refuses a bulk action that was never begun.
var ErrUnknown = domain.Refuse("bulk_unknown", "SUP-1", "there is no such bulk action")

// Begin says what is to be done with which conversations.
type Begin struct {
	ID, Action           string
	Conversations        []string
	Agent, Queue, Reason string
}

// Decide takes 1 to 1,000 conversations, each once.
func (cmd Begin) Decide(b Bulk) ([]Event, error) {
	if b.ID != "" {
		return nil, nil
	}
	switch {
	case len(cmd.Conversations) == 0 || len(cmd.Conversations) > Most:
		return nil, domain.Refuse("invalid", "SUP-1", "name 1 to 1,000 conversations").On("conversations")
	case slices.ContainsFunc(cmd.Conversations, func(id string) bool { return !domain.ValidID(id) }):
		return nil, domain.Refuse("invalid", "SUP-1", "each is a conversation's id").On("conversations")
	case cmd.Action != Assign && cmd.Action != Transfer && cmd.Action != ForceClose:
		return nil, domain.Refuse("invalid", "SUP-1", "give assign, transfer or force_close").On("action")
	case cmd.Action == Assign && !domain.ValidID(cmd.Agent):
		return nil, domain.Refuse("invalid", "SUP-1", "say to which agent").On("agent")
	case cmd.Action == Transfer && !domain.ValidID(cmd.Queue):
		return nil, domain.Refuse("invalid", "SUP-1", "say into which queue").On("queue")
	case cmd.Action == ForceClose && cmd.Reason != "supervisor_closed" && cmd.Reason != "spam":
		return nil, domain.Refuse("invalid", "SUP-1", "give supervisor_closed or spam").On("reason")
	}
	e := Begun{Bulk: cmd.ID, Action: cmd.Action, Agent: cmd.Agent, Queue: cmd.Queue, Reason: cmd.Reason}
	seen := map[string]bool{}
	for _, id := range cmd.Conversations {
		if !seen[id] {
			seen[id] = true
			e.Conversations = append(e.Conversations, id)
		}
	}
	return []Event{e}, nil
}

// Begun says what is to be done with which conversations.
type Begun struct {
	Bulk          string   `json:"bulk"`
	Action        string   `json:"action"`
	Conversations []string `json:"conversations"`
	Agent         string   `json:"agent,omitempty"`
	Queue         string   `json:"queue,omitempty"`
	Reason        string   `json:"reason,omitempty"`
}

func (e Begun) apply(b *Bulk) {
	*b = Bulk{ID: e.Bulk, Action: e.Action, Conversations: e.Conversations, Agent: e.Agent, Queue: e.Queue, Reason: e.Reason}
}

// Record notes what became of some of them.
type Record struct{ Outcomes []Outcome }

// Decide keeps the first outcome of each, and tells when all are there.
func (cmd Record) Decide(b Bulk) ([]Event, error) {
	if b.ID == "" {
		return nil, ErrUnknown
	}
	var fresh []Outcome
	left := b.Left()
	for _, o := range cmd.Outcomes {
		if i := slices.Index(left, o.Conversation); i >= 0 {
			left = slices.Delete(left, i, i+1)
			fresh = append(fresh, o)
		}
	}
	if len(fresh) == 0 {
		return nil, nil
	}
	events := []Event{OutcomesRecorded{Bulk: b.ID, Outcomes: fresh}}
	if len(left) == 0 {
		end := Finished{Bulk: b.ID}
		for _, o := range append(slices.Clip(b.Outcomes), fresh...) {
			if o.Code == "" {
				end.Done++
			} else {
				end.Refused++
			}
		}
		events = append(events, end)
	}
	return events, nil
}

// OutcomesRecorded says what became of some of them.
type OutcomesRecorded struct {
	Bulk     string    `json:"bulk"`
	Outcomes []Outcome `json:"outcomes"`
}

func (e OutcomesRecorded) apply(b *Bulk) {
	b.Outcomes = append(slices.Clip(b.Outcomes), e.Outcomes...)
}

// Finished says that an outcome of each is on record.
type Finished struct {
	Bulk    string `json:"bulk"`
	Done    int    `json:"done"`
	Refused int    `json:"refused"`
}

func (e Finished) apply(b *Bulk) { b.Finished = true }
