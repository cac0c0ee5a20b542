package domain

import "time"

// Seconds is a length of time in whole seconds, as events and the API write it.
type Seconds int64

// Duration converts to Go's unit.
func (s Seconds) Duration() time.Duration { return time.Duration(s) * time.Second }

// After gives the time s after t; the zero time when s is not positive, which
// switches a timer off.
func (s Seconds) After(t time.Time) time.Time {
	if s <= 0 {
		return time.Time{}
	}
	return t.Add(s.Duration())
}

// Channels of a workstream (product.md §1).
const (
	ChannelChat     = "chat"
	ChannelSMS      = "sms"
	ChannelFacebook = "facebook"
	ChannelWhatsApp = "whatsapp"
	ChannelCustom   = "custom"
	ChannelRecord   = "record"
)

// Modes of a workstream, fixed at creation.
const (
	ModeLive       = "live"
	ModePersistent = "persistent"
	ModeAsync      = "async"
)

// Wrap-up blocks: how long wrap-up holds the agent's units (AGT-1).
const (
	BlockAlways = "always"
	BlockNever  = "never"
	BlockFor    = "for" // for Terms.BlockSeconds
)

// Terms are the settings that hold for one conversation from its start on,
// whatever the administrator changes later: events and timers use them, never
// a lookup. Times are seconds; 0 switches a timer off.
type Terms struct {
	Revision        int64   `json:"revision"` // of the workstream they were read at
	Push            bool    `json:"push"`
	Units           int     `json:"units"`
	Block           string  `json:"block"`
	BlockSeconds    Seconds `json:"blockSeconds,omitempty"`
	Countdown       Seconds `json:"countdown"`
	CloseOpen       Seconds `json:"closeOpen"`
	CloseEngaged    Seconds `json:"closeEngaged,omitempty"`
	CloseWrapUp     Seconds `json:"closeWrapUp"`
	CloseWaiting    Seconds `json:"closeWaiting,omitempty"`
	Affinity        bool    `json:"affinity,omitempty"`
	DeclineLimit    int     `json:"declineLimit"`
	MissedInactive  bool    `json:"missedInactive,omitempty"`
	RejectedDisturb bool    `json:"rejectedDoNotDisturb,omitempty"`
	// Profile is the capacity profile it counts by, instead of units (AGT-3).
	Profile Profile `json:"profile,omitzero"`
	// Presence is what the agent's presence becomes when his session starts:
	// computed from his capacity when empty, else "default" or a presence, and
	// PresenceName the administrator's own name of it (AGT-4).
	Presence     string `json:"presence,omitempty"`
	PresenceName string `json:"presenceName,omitempty"`
	// AgentSkills lets agents change the skills it asks for (SUM-4).
	AgentSkills bool `json:"agentSkills,omitempty"`
}

// Profile is a capacity profile as it is when something is reserved by it: how
// many one agent takes, whether what was given counts until the end of the day,
// and whether a full count keeps all other work away (AGT-3).
type Profile struct {
	ID       string `json:"id,omitempty"`
	Limit    int    `json:"limit,omitempty"`
	Daily    bool   `json:"daily,omitempty"`
	Blocking bool   `json:"blocking,omitempty"`
}

// Variable is one context variable (CON-9).
type Variable struct {
	Name        string   `json:"name"`
	Value       Personal `json:"value"`
	Displayable bool     `json:"displayable,omitempty"`
	Source      string   `json:"source,omitempty"` // "page" or "token"
}

// Answer is one answered question of a survey (CON-9).
type Answer struct {
	Question string   `json:"question"`
	Answer   Personal `json:"answer"`
}

// Opening is everything a conversation is started with. The line carries it,
// so that whoever holds the line can always be started.
type Opening struct {
	Conversation  string   `json:"conversation"`
	Subject       string   `json:"subject"`
	Visitor       string   `json:"visitor,omitempty"`
	Contact       string   `json:"contact,omitempty"`
	Widget        string   `json:"widget,omitempty"`
	Channel       string   `json:"channel"`
	Mode          string   `json:"mode"`
	Workstream    string   `json:"workstream"`
	Queue         string   `json:"queue"`
	Line          string   `json:"line,omitempty"`
	Thread        string   `json:"thread,omitempty"`
	Authenticated bool     `json:"authenticated,omitempty"`
	Priority      int      `json:"priority,omitempty"`
	Locale        string   `json:"locale,omitempty"`
	Invitation    string   `json:"invitation,omitempty"`
	Topics        []string `json:"topics,omitempty"`
	// Rule is the route-to-queue rule that matched, and Skills what it asks for
	// (RTE-1, RTE-3).
	Rule   string       `json:"rule,omitempty"`
	Skills []SkillLevel `json:"skills,omitempty"`
	// ToldClosed tells that the customer was told that it is outside the hours,
	// and that they begin again at HoursBegin (CON-7).
	ToldClosed bool       `json:"toldClosed,omitempty"`
	HoursBegin time.Time  `json:"hoursBegin,omitzero"`
	Context    []Variable `json:"context,omitempty"`
	Survey     []Answer   `json:"survey,omitempty"`
	Terms      Terms      `json:"terms"`
	At         time.Time  `json:"at"`
}
