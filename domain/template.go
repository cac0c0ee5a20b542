package domain

import "slices"

// Scenarios of notifications (NOT-2).
const (
	ScenarioChat          = "incoming_chat"
	ScenarioAuthenticated = "incoming_chat_authenticated"
	ScenarioProactive     = "proactive_chat"
	ScenarioSMS           = "incoming_sms"
	ScenarioSocial        = "incoming_social" // Facebook and what else is no chat and no SMS
	ScenarioTransferred   = "transferred"
	ScenarioEscalated     = "escalated" // another agent put it into the queue
	ScenarioFromBot       = "escalated_from_bot"
	ScenarioReturned      = "customer_returned"
	ScenarioConsult       = "consult_invited"

	ScenarioAssigned       = "assigned"
	ScenarioPresent        = "customer_present" // back at the widget, and nothing written yet (PER-8)
	ScenarioSentiment      = "sentiment"
	ScenarioTransferFailed = "transfer_failed"
	ScenarioClosed         = "closed_by_supervisor"
)

// asking are the scenarios that ask for a decision: alerts unless auto_assign is
// on (NOT-3). The others only tell.
var asking = []string{
	ScenarioChat, ScenarioAuthenticated, ScenarioProactive, ScenarioSMS, ScenarioSocial, ScenarioTransferred, ScenarioEscalated,
	ScenarioFromBot, ScenarioReturned, ScenarioConsult,
}

var telling = []string{ScenarioAssigned, ScenarioPresent, ScenarioSentiment, ScenarioTransferFailed, ScenarioClosed}

// Scenarios lists all of them, those that ask for a decision first.
func Scenarios() []string { return slices.Concat(asking, telling) }

// Forms of a notification (NOT-3).
const (
	FormAlert = "alert" // asks for a decision
	FormToast = "toast" // tells, and disappears
)

// Template is how a notification of one scenario looks and behaves (NOT-3,
// NOT-7). What is in force when it is raised is recorded with it.
type Template struct {
	Form  string `json:"form"`
	Title string `json:"title"` // with placeholders, such as {Customer}
	Icon  string `json:"icon"`
	// Fields are what is shown of the conversation, four at most.
	Fields []Field `json:"fields,omitempty"`
	// Countdown is how long an alert stands; 0 is the workstream's.
	Countdown     Seconds `json:"countdown,omitempty"`
	ShowCountdown bool    `json:"showCountdown,omitempty"`
	// AutoAssign engages at once, and the alert is a toast.
	AutoAssign bool `json:"autoAssign,omitempty"`
	MayReject  bool `json:"mayReject,omitempty"`
	// ShowSeconds is how long a toast is shown.
	ShowSeconds Seconds `json:"showSeconds,omitempty"`
	Desktop     string  `json:"desktop"` // never, background or always
	Theme       string  `json:"theme"`   // dark or light
}

// Field is one line of a notification: a label and what it shows.
type Field struct {
	Label string `json:"label"`
	Value string `json:"value"`
}

// What a field may show (NOT-4).
const (
	FieldCustomer = "customer"
	FieldComment  = "comment" // the customer's first message, or the transferring agent's note
	FieldWait     = "wait"
)

var fieldValues = []string{FieldCustomer, FieldComment, FieldWait, "queue", "channel", "workstream", "priority", "agent"}

// Bounds of templates, in seconds (NOT-3).
const (
	MinCountdown = Seconds(10)
	MaxCountdown = Seconds(600)
	MinToast     = Seconds(3)
	MaxToast     = Seconds(60)
	ToastTime    = Seconds(8)
	MaxFields    = 4
)

// DefaultTemplate is how a scenario looks that no administrator has changed;
// false when there is no such scenario.
func DefaultTemplate(scenario string) (Template, bool) {
	t := Template{Title: "{Customer}", Icon: "chat", Desktop: "background", Theme: "light", ShowSeconds: ToastTime}
	t.Fields = []Field{{"Customer", FieldCustomer}, {"Comment", FieldComment}, {"Waiting", FieldWait}}
	switch scenario {
	case ScenarioChat, ScenarioAuthenticated, ScenarioProactive:
	case ScenarioReturned:
		t.Title = "{Customer} is back"
	case ScenarioSMS:
		t.Icon = "sms"
	case ScenarioSocial:
		t.Icon = "social"
	case ScenarioTransferred:
		t.Title, t.Icon = "{Customer} is transferred to you", "transfer"
	case ScenarioEscalated, ScenarioFromBot:
		t.Title, t.Icon = "{Customer} is escalated", "escalation"
	case ScenarioConsult:
		t.Title, t.Icon = "You are asked about {Customer}", "consult"
	case ScenarioAssigned:
		t.Title, t.Icon = "{Customer} is assigned to you", "assigned"
	case ScenarioPresent:
		t.Title, t.Icon, t.Fields = "{Customer} opened the chat again", "customer", nil
	case ScenarioSentiment:
		t.Title, t.Icon, t.Fields = "{Customer} is unhappy", "alert", nil
	case ScenarioTransferFailed:
		t.Title, t.Icon, t.Fields = "The transfer of {Customer} came to nothing", "transfer", nil
	case ScenarioClosed:
		t.Title, t.Icon, t.Fields = "A supervisor closed {Customer}", "closed", nil
	default:
		return Template{}, false
	}
	if t.Form = FormToast; Asks(scenario) {
		t.Form, t.ShowCountdown, t.MayReject = FormAlert, true, true
	}
	return t, true
}

// Asks tells that a scenario asks for a decision.
func Asks(scenario string) bool { return slices.Contains(asking, scenario) }

// Check tells what is wrong with a template for a scenario; what is left empty
// is as the default has it.
func (t Template) Check(scenario string) (Template, error) {
	usual, known := DefaultTemplate(scenario)
	if !known {
		return t, Refuse("invalid", "NOT-2", "there is no such scenario: the list of templates names them all").On("scenario")
	}
	fill := func(text *string, otherwise string) {
		if *text == "" {
			*text = otherwise
		}
	}
	fill(&t.Title, usual.Title)
	fill(&t.Icon, usual.Icon)
	fill(&t.Desktop, usual.Desktop)
	fill(&t.Theme, usual.Theme)
	if t.Form == "" {
		if t.Form = usual.Form; t.AutoAssign {
			t.Form = FormToast
		}
	}
	if t.ShowSeconds == 0 {
		t.ShowSeconds = ToastTime
	}
	if t.Form == FormToast {
		t.Countdown, t.ShowCountdown, t.MayReject = 0, false, false
	}
	return t, t.check(Asks(scenario))
}

func (t Template) check(asks bool) error {
	wrong := func(field, rule, says string) error { return Refuse("invalid", rule, says).On(field) }
	switch {
	case len([]rune(t.Title)) > 100:
		return wrong("title", "NOT-3", "a title has 100 characters at most")
	case !ValidID(t.Icon):
		return wrong("icon", "NOT-3", "name the icon by an id")
	case len(t.Fields) > MaxFields:
		return wrong("fields", "NOT-3", "four fields at most")
	case t.Form != FormAlert && t.Form != FormToast:
		return wrong("form", "NOT-3", "give alert or toast")
	case t.AutoAssign && !asks:
		return wrong("autoAssign", "NOT-3", "only what asks for a decision can be assigned at once")
	case t.Form == FormAlert && (!asks || t.AutoAssign):
		return wrong("form", "NOT-3", "what asks for no decision is a toast")
	case t.Form == FormToast && asks && !t.AutoAssign:
		return wrong("form", "NOT-3", "what asks for a decision is an alert: switch autoAssign on for a toast")
	case t.Countdown != 0 && (t.Countdown < MinCountdown || t.Countdown > MaxCountdown):
		return wrong("countdown", "NOT-3", "a countdown lasts 10 seconds to 10 minutes")
	case t.ShowSeconds < MinToast || t.ShowSeconds > MaxToast:
		return wrong("showSeconds", "NOT-3", "a toast is shown 3 to 60 seconds")
	case t.Desktop != "never" && t.Desktop != "background" && t.Desktop != "always":
		return wrong("desktop", "NOT-7", "give never, background or always")
	case t.Theme != "dark" && t.Theme != "light":
		return wrong("theme", "NOT-7", "give dark or light")
	}
	for i, f := range t.Fields {
		switch {
		case Blank(f.Label) || len([]rune(f.Label)) > 50:
			return wrong("fields.label", "NOT-3", "a field has a label of 1 to 50 characters")
		case !slices.Contains(fieldValues, f.Value):
			return wrong("fields.value", "NOT-4", "a field shows customer, comment, wait, queue, channel, workstream, priority or agent")
		case slices.ContainsFunc(t.Fields[:i], func(o Field) bool { return o.Value == f.Value }):
			return wrong("fields.value", "NOT-3", "a field is shown once")
		}
	}
	return nil
}

// Same tells that two templates say the same.
func (t Template) Same(o Template) bool {
	fields := slices.Equal(t.Fields, o.Fields)
	return fields && t.Form == o.Form && t.Title == o.Title && t.Icon == o.Icon && t.Countdown == o.Countdown && t.ShowCountdown == o.ShowCountdown &&
		t.AutoAssign == o.AutoAssign && t.MayReject == o.MayReject && t.ShowSeconds == o.ShowSeconds && t.Desktop == o.Desktop && t.Theme == o.Theme
}

// WithTemplate gives a copy of a set of templates, by scenario, with another one.
func WithTemplate(set map[string]Template, scenario string, t *Template) map[string]Template {
	next := make(map[string]Template, len(set)+1)
	for s, old := range set {
		if s != scenario {
			next[s] = old
		}
	}
	if t != nil {
		next[scenario] = *t
	}
	if len(next) == 0 {
		return nil
	}
	return next
}
