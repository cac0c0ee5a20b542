// Package queue is where open conversations wait: its members, its order and
// how it chooses an agent.
package queue

import (
	"slices"

	"parley/domain"
)

// Queue is what a decision needs to know.
type Queue struct {
	ID      string   `json:"id,omitempty"`
	Name    string   `json:"name,omitempty"`
	Number  int      `json:"number,omitempty"`
	Method  string   `json:"method,omitempty"`
	Members []string `json:"members,omitempty"` // sorted
	// Hours are its operating hours; none is round the clock. Tell lets a live
	// chat begin outside them and tells the customer, instead of refusing it
	// (CON-7).
	Hours    string   `json:"hours,omitempty"`
	Tell     bool     `json:"tell,omitempty"`
	Overflow Overflow `json:"overflow,omitzero"`
	Deleted  bool     `json:"deleted,omitempty"`
}

// Assignment methods (RTE-3).
const (
	MethodHighestCapacity = "highest_capacity"
	MethodRoundRobin      = "round_robin"
	MethodLeastActive     = "least_active"
	MethodSkillExact      = "skill_exact"
	MethodSkillClosest    = "skill_closest"
)

// Event is something that happened to a queue.
type Event interface{ apply(*Queue) }

// Kind is every name this package has ever written to disk.
var Kind = domain.Kind[Queue, Event]{
	Name:  "queue",
	Apply: func(q *Queue, e Event) { e.apply(q) },
	Names: domain.Names[Event]{
		"queue.configured":      Configured{},
		"queue.member_added":    MemberAdded{},
		"queue.member_removed":  MemberRemoved{},
		"queue.deleted":         Deleted{},
		"queue.carried_forward": CarriedForward{},
	},
	Carry: func(q Queue) Event { return CarriedForward{State: q} },
}

// CarriedForward is the whole state.
type CarriedForward struct {
	State Queue `json:"state"`
}

func (e CarriedForward) apply(q *Queue) { *q = e.State }

// ErrUnknown refuses a queue that was never configured.
var ErrUnknown = domain.Refuse("queue_unknown", "RTE-2", "there is no such queue: configure it first")

// Configure makes a queue known, or changes it.
type Configure struct {
	ID     string
	Name   string
	Number int    // the lower goes first across an agent's queues (RTE-2)
	Method string // MethodHighestCapacity when empty
	// Hours names operating hours that whoever asks has looked up.
	Hours    string
	Tell     bool
	Overflow Overflow
}

// Decide records a change only.
func (cmd Configure) Decide(q Queue) ([]Event, error) {
	if cmd.Method == "" {
		cmd.Method = MethodHighestCapacity
	}
	switch {
	case !domain.ValidID(cmd.ID):
		return nil, domain.Invalid("id", "a queue's id has 1 to 64 letters, digits, dots, dashes or underscores")
	case domain.Blank(cmd.Name) || len([]rune(cmd.Name)) > 100:
		return nil, domain.Invalid("name", "a queue has a name of 1 to 100 characters")
	case cmd.Number < 0:
		return nil, domain.Invalid("number", "a queue's number is 0 or more")
	case !slices.Contains([]string{MethodHighestCapacity, MethodRoundRobin, MethodLeastActive, MethodSkillExact, MethodSkillClosest}, cmd.Method):
		return nil, domain.Invalid("method", "give highest_capacity, round_robin, least_active, skill_exact or skill_closest")
	case cmd.Hours != "" && !domain.ValidID(cmd.Hours):
		return nil, domain.Invalid("hours", "give the id of operating hours")
	}
	if err := cmd.Overflow.check(cmd.ID); err != nil {
		return nil, err
	}
	next := Configured{Queue: cmd.ID, Name: cmd.Name, Number: cmd.Number, Method: cmd.Method, Hours: cmd.Hours, Tell: cmd.Tell, Overflow: cmd.Overflow}
	if !q.Deleted && q.ID != "" && next == (Configured{Queue: q.ID, Name: q.Name, Number: q.Number, Method: q.Method, Hours: q.Hours, Tell: q.Tell, Overflow: q.Overflow}) {
		return nil, nil
	}
	return []Event{next}, nil
}

// Configured says how the queue works from now on.
type Configured struct {
	Queue  string `json:"queue"`
	Name   string `json:"name"`
	Number int    `json:"number"`
	Method string `json:"method"`
	// Hours, Tell and Overflow are left out where there are none.
	Hours    string   `json:"hours,omitempty"`
	Tell     bool     `json:"tell,omitempty"`
	Overflow Overflow `json:"overflow,omitzero"`
}

func (e Configured) apply(q *Queue) {
	q.ID, q.Name, q.Number, q.Method = e.Queue, e.Name, e.Number, e.Method
	q.Hours, q.Tell, q.Overflow, q.Deleted = e.Hours, e.Tell, e.Overflow, false
}

// AddMember lets an agent serve the queue.
type AddMember struct{ Agent string }

// Decide records a member once.
func (cmd AddMember) Decide(q Queue) ([]Event, error) {
	switch {
	case q.ID == "", q.Deleted:
		return nil, ErrUnknown
	case !domain.ValidID(cmd.Agent):
		return nil, domain.Invalid("agent", "give an agent's id")
	case slices.Contains(q.Members, cmd.Agent):
		return nil, nil
	}
	return []Event{MemberAdded{Queue: q.ID, Agent: cmd.Agent}}, nil
}

// MemberAdded says that the agent serves the queue.
type MemberAdded struct {
	Queue string `json:"queue"`
	Agent string `json:"agent"`
}

func (e MemberAdded) apply(q *Queue) {
	i, _ := slices.BinarySearch(q.Members, e.Agent)
	q.Members = slices.Insert(slices.Clone(q.Members), i, e.Agent)
}

// RemoveMember touches future offers only (AGT-6).
type RemoveMember struct{ Agent string }

// Decide records nothing for who is no member.
func (cmd RemoveMember) Decide(q Queue) ([]Event, error) {
	switch {
	case q.ID == "":
		return nil, ErrUnknown
	case !slices.Contains(q.Members, cmd.Agent):
		return nil, nil
	}
	return []Event{MemberRemoved{Queue: q.ID, Agent: cmd.Agent}}, nil
}

// MemberRemoved says that the agent serves the queue no more.
type MemberRemoved struct {
	Queue string `json:"queue"`
	Agent string `json:"agent"`
}

func (e MemberRemoved) apply(q *Queue) {
	q.Members = slices.DeleteFunc(slices.Clone(q.Members), func(a string) bool { return a == e.Agent })
}
