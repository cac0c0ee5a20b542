// Package widget is the piece of a page that customers chat through. It
// belongs to one workstream (PER-2).
package widget

import (
	"slices"
	"strings"
	"unicode/utf8"

	"parley/domain"
)

// Widget is what whoever starts a conversation needs to know.
type Widget struct {
	ID         string   `json:"id,omitempty"`
	Workstream string   `json:"workstream,omitempty"`
	Proactive  bool     `json:"proactive,omitempty"`
	Origins    []string `json:"origins,omitempty"`
	Hours      string   `json:"hours,omitempty"`
}

// Event is something that happened to a widget.
type Event interface{ apply(*Widget) }

// Kind is every name this package has ever written to disk.
var Kind = domain.Kind[Widget, Event]{
	Name:  "widget",
	Apply: func(w *Widget, e Event) { e.apply(w) },
	Names: domain.Names[Event]{
		"widget.configured":      Configured{},
		"widget.carried_forward": CarriedForward{},
	},
	Carry: func(w Widget) Event { return CarriedForward{State: w} },
}

// CarriedForward is the whole state.
type CarriedForward struct {
	State Widget `json:"state"`
}

func (e CarriedForward) apply(w *Widget) { *w = e.State }

// ErrUnknown refuses a widget that was never configured.
var ErrUnknown = domain.Refuse("widget_unknown", "PER-2", "there is no such widget: configure it first")

// Configure makes a widget known, or changes it.
type Configure struct {
	ID         string
	Workstream string
	Proactive  bool     // invitations may be shown (PRO-2)
	Origins    []string // pages it may stand on; any when empty
	Hours      string   // operating hours; none is round the clock (CON-7)
}

// Decide records a change only.
func (cmd Configure) Decide(w Widget) ([]Event, error) {
	switch {
	case !domain.ValidID(cmd.ID):
		return nil, domain.Invalid("id", "a widget's id has 1 to 64 letters, digits, dots, dashes or underscores")
	case !domain.ValidID(cmd.Workstream):
		return nil, domain.Invalid("workstream", "a widget belongs to one workstream: give its id")
	case len(cmd.Origins) > 50:
		return nil, domain.Invalid("origins", "50 origins at most")
	case slices.ContainsFunc(cmd.Origins, func(origin string) bool { return utf8.RuneCountInString(origin) > 253 }):
		return nil, domain.Invalid("origins", "an origin has 253 characters at most")
	case slices.ContainsFunc(cmd.Origins, func(origin string) bool { return !sent(origin) }):
		return nil, domain.Invalid("origins", "give each as a browser sends it: https://shop.example, in small letters, with a port only where it is not the usual one, and no path")
	case w.ID != "" && w.Workstream == cmd.Workstream && w.Proactive == cmd.Proactive && slices.Equal(w.Origins, cmd.Origins) && w.Hours == cmd.Hours:
		return nil, nil
	case cmd.Hours != "" && !domain.ValidID(cmd.Hours):
		return nil, domain.Invalid("hours", "give the id of operating hours")
	}
	return []Event{Configured{Widget: cmd.ID, Workstream: cmd.Workstream, Proactive: cmd.Proactive, Origins: cmd.Origins, Hours: cmd.Hours}}, nil
}

// sent tells whether a browser could send it as a page's origin: what none sends
// would keep the widget off the page it is meant for.
func sent(origin string) bool {
	if origin == "null" { // a page without an origin, as in some apps
		return true
	}
	scheme, host, _ := strings.Cut(origin, "://")
	if scheme == "" || host == "" || strings.Trim(scheme, "abcdefghijklmnopqrstuvwxyz0123456789+-.") != "" {
		return false
	}
	if usual := map[string]string{"http": ":80", "https": ":443"}[scheme]; usual != "" && strings.HasSuffix(host, usual) {
		return false
	}
	return !strings.ContainsFunc(host, func(r rune) bool {
		return r <= ' ' || r > '~' || r >= 'A' && r <= 'Z' || strings.ContainsRune(`/\?#@`, r)
	})
}

// Configured says where the widget leads from now on.
type Configured struct {
	Widget     string   `json:"widget"`
	Workstream string   `json:"workstream"`
	Proactive  bool     `json:"proactive,omitempty"`
	Origins    []string `json:"origins,omitempty"`
	Hours      string   `json:"hours,omitempty"`
}

func (e Configured) apply(w *Widget) {
	*w = Widget{ID: e.Widget, Workstream: e.Workstream, Proactive: e.Proactive, Origins: e.Origins, Hours: e.Hours}
}
