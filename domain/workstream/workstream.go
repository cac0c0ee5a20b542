// Package workstream classifies, routes and distributes the conversations of
// one channel and mode: what they cost, how long their timers run, whom they
// go to. A conversation takes its terms at its start and keeps them.
package workstream

import (
	"parley/domain"
)

// Workstream is what a decision, and whoever starts a conversation, needs to
// know.
type Workstream struct {
	ID       string   `json:"id,omitempty"`
	Channel  string   `json:"channel,omitempty"`
	Mode     string   `json:"mode,omitempty"`
	Settings Settings `json:"settings,omitzero"`
	Revision int64    `json:"revision,omitempty"` // counts its changes
	// Templates are its own of notifications, by scenario (NOT-7).
	Templates map[string]domain.Template `json:"templates,omitempty"`
}

// Settings may be changed at any time; conversations under way keep theirs.
// Times are seconds.
type Settings struct {
	Name  string `json:"name"`
	Queue string `json:"queue"` // where its conversations go
	// Assignment is push (offered automatically) or pick (RTE-1).
	Assignment string `json:"assignment"`
	Units      int    `json:"units"`
	// Block is how long wrap-up holds the units: always, never, or for BlockSeconds.
	Block           string         `json:"block"`
	BlockSeconds    domain.Seconds `json:"blockSeconds,omitempty"`
	Countdown       domain.Seconds `json:"countdown"`
	CloseOpen       domain.Seconds `json:"closeOpen"`
	CloseEngaged    domain.Seconds `json:"closeEngaged,omitempty"`
	CloseWrapUp     domain.Seconds `json:"closeWrapUp"`
	CloseWaiting    domain.Seconds `json:"closeWaiting,omitempty"`
	KeepSameAgent   bool           `json:"keepSameAgent,omitempty"`
	DeclineLimit    int            `json:"declineLimit"`
	MissedInactive  bool           `json:"missedInactive,omitempty"`
	RejectedDisturb bool           `json:"rejectedDoNotDisturb,omitempty"`
	// FreshAgent switches off what keepSameAgent is on by default for: async
	// conversations go to the agent of before (RTE-4).
	FreshAgent bool `json:"freshAgent,omitempty"`
	// Presences allow an offer; available and busy when empty (RTE-1).
	Presences []string `json:"presences,omitempty"`
	// Profile is the capacity profile its conversations count by, instead of
	// units (AGT-3).
	Profile string `json:"profile,omitempty"`
	// Presence is what an agent's becomes when a session starts: computed when
	// empty, else default or a presence, by its own name PresenceName (AGT-4).
	Presence     string `json:"presence,omitempty"`
	PresenceName string `json:"presenceName,omitempty"`
	// AgentSkills lets agents change the skills that a conversation asks for.
	AgentSkills bool `json:"agentSkills,omitempty"`
	// Rules choose the queue, the first that matches; Queue is the fallback
	// (RTE-1).
	Rules []Rule `json:"rules,omitempty"`
	// Keys verify the signed tokens of authenticated customers (SUM-10).
	Keys []Key `json:"keys,omitempty"`
}

// Rule sends a conversation into a queue when its condition holds (RTE-1): an
// expression over what is known at the start.
type Rule struct {
	Name     string              `json:"name"`
	When     string              `json:"when"`
	Queue    string              `json:"queue"`
	Priority int                 `json:"priority,omitempty"`
	Skills   []domain.SkillLevel `json:"skills,omitempty"`
}

// Limits of rules.
const (
	MaxRules     = 100
	MaxCondition = 2000
)

// Key is a public key of whoever signs customers' tokens.
type Key struct {
	ID        string `json:"kid"`
	Algorithm string `json:"alg"` // RS256, ES256 or EdDSA
	PEM       string `json:"pem"` // the public key
}

// Assignments (RTE-1).
const (
	AssignPush = "push"
	AssignPick = "pick"
)

// Event is something that happened to a workstream.
type Event interface{ apply(*Workstream) }

// Kind is every name this package has ever written to disk.
var Kind = domain.Kind[Workstream, Event]{
	Name:  "workstream",
	Apply: func(w *Workstream, e Event) { e.apply(w) },
	Names: domain.Names[Event]{
		"workstream.created":         Created{},
		"workstream.reconfigured":    Reconfigured{},
		"workstream.template_set":    TemplateSet{},
		"workstream.carried_forward": CarriedForward{},
	},
	Carry: func(w Workstream) Event { return CarriedForward{State: w} },
}

// CarriedForward is the whole state.
type CarriedForward struct {
	State Workstream `json:"state"`
}

func (e CarriedForward) apply(w *Workstream) { *w = e.State }

// Refusals of more than one command.
var (
	ErrUnknown       = domain.Refuse("workstream_unknown", "RTE-1", "there is no such workstream: create it first")
	ErrNeedsSettings = domain.Refuse("persistent_needs_settings", "PER-9", "a persistent workstream needs the keys of signed customer tokens and keepSameAgent")
)

// Create makes a workstream; channel and mode are fixed from then on.
type Create struct {
	ID       string
	Channel  string
	Mode     string // from the channel when empty: live for chat, async otherwise
	Settings Settings
}

// Decide fills in product.md's defaults and refuses what cannot work.
func (cmd Create) Decide(w Workstream) ([]Event, error) {
	units := 20
	switch cmd.Channel {
	case domain.ChannelChat:
		units = 30
		if cmd.Mode == "" {
			cmd.Mode = domain.ModeLive
		}
		if cmd.Mode == domain.ModeAsync {
			return nil, domain.Invalid("mode", "chat is live or persistent")
		}
	case domain.ChannelSMS, domain.ChannelFacebook, domain.ChannelWhatsApp, domain.ChannelCustom, domain.ChannelRecord:
		if cmd.Mode == "" {
			cmd.Mode = domain.ModeAsync
		}
		if cmd.Mode != domain.ModeAsync {
			return nil, domain.Invalid("mode", "this channel is async")
		}
	default:
		return nil, domain.Invalid("channel", "give chat, sms, facebook, whatsapp, custom or record")
	}
	if cmd.Mode != domain.ModeLive && cmd.Mode != domain.ModePersistent && cmd.Mode != domain.ModeAsync {
		return nil, domain.Invalid("mode", "give live or persistent")
	}
	if !domain.ValidID(cmd.ID) {
		return nil, domain.Invalid("id", "a workstream's id has 1 to 64 letters, digits, dots, dashes or underscores")
	}
	if w.ID != "" {
		if w.Channel == cmd.Channel && w.Mode == cmd.Mode {
			return nil, nil
		}
		return nil, domain.Refuse("exists", "PER-2", "a workstream of this id exists with another channel or mode: choose another id").On("id")
	}
	s := cmd.Settings
	if s.Units == 0 {
		s.Units = units
	}
	settings, err := s.complete(cmd.Mode)
	if err != nil {
		return nil, err
	}
	return []Event{Created{Workstream: cmd.ID, Channel: cmd.Channel, Mode: cmd.Mode, Settings: settings}}, nil
}

// Created says what the workstream is for.
type Created struct {
	Workstream string   `json:"workstream"`
	Channel    string   `json:"channel"`
	Mode       string   `json:"mode"`
	Settings   Settings `json:"settings"`
}

func (e Created) apply(w *Workstream) {
	*w = Workstream{ID: e.Workstream, Channel: e.Channel, Mode: e.Mode, Settings: e.Settings, Revision: 1}
}

// Reconfigure changes the settings for conversations to come.
type Reconfigure struct{ Settings Settings }

// Decide refuses what the mode cannot be without (PER-9).
func (cmd Reconfigure) Decide(w Workstream) ([]Event, error) {
	if w.ID == "" {
		return nil, ErrUnknown
	}
	if cmd.Settings.Units == 0 {
		cmd.Settings.Units = w.Settings.Units
	}
	settings, err := cmd.Settings.complete(w.Mode)
	if err != nil {
		return nil, err
	}
	if equal(settings, w.Settings) {
		return nil, nil
	}
	return []Event{Reconfigured{Workstream: w.ID, Settings: settings}}, nil
}

// Reconfigured gives the settings that hold from now on.
type Reconfigured struct {
	Workstream string   `json:"workstream"`
	Settings   Settings `json:"settings"`
}

func (e Reconfigured) apply(w *Workstream) { w.Settings, w.Revision = e.Settings, w.Revision+1 }
