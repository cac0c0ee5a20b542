package domain

import (
	"errors"
	"strings"
	"testing"
)

func TestNOT2_EveryScenarioHasADefault(t *testing.T) {
	if n := len(Scenarios()); n != 15 {
		t.Errorf("%d scenarios", n)
	}
	for _, s := range Scenarios() {
		usual, ok := DefaultTemplate(s)
		if !ok {
			t.Fatalf("%s has no default", s)
		}
		if full, err := usual.Check(s); err != nil || !full.Same(usual) {
			t.Errorf("the default of %s is not what an administrator could set: %v", s, err)
		}
		if alert := usual.Form == FormAlert; alert != Asks(s) || alert != usual.MayReject {
			t.Errorf("NOT-3: %s asks: %v, and is %+v", s, Asks(s), usual)
		}
	}
	if _, ok := DefaultTemplate("holiday"); ok {
		t.Error("there is no such scenario")
	}
}

func TestNOT3_ATemplateKeepsItsBounds(t *testing.T) {
	field := func(value string) Field { return Field{Label: "L", Value: value} }
	for _, c := range []struct {
		name, scenario string
		template       Template
		field          string // at fault; empty: it is taken
	}{
		{"nothing but the default", ScenarioChat, Template{MayReject: true}, ""},
		{"the shortest countdown", ScenarioChat, Template{Countdown: 10}, ""},
		{"a second less", ScenarioChat, Template{Countdown: 9}, "countdown"},
		{"the longest countdown", ScenarioSMS, Template{Countdown: 600}, ""},
		{"a second more", ScenarioSMS, Template{Countdown: 601}, "countdown"},
		{"the shortest toast", ScenarioAssigned, Template{ShowSeconds: 3}, ""},
		{"shorter", ScenarioAssigned, Template{ShowSeconds: 2}, "showSeconds"},
		{"the longest toast", ScenarioAssigned, Template{ShowSeconds: 60}, ""},
		{"longer", ScenarioAssigned, Template{ShowSeconds: 61}, "showSeconds"},
		{"four fields", ScenarioChat, Template{Fields: []Field{field("customer"), field("comment"), field("wait"), field("queue")}}, ""},
		{"five", ScenarioChat, Template{Fields: []Field{field("customer"), field("comment"), field("wait"), field("queue"), field("channel")}}, "fields"},
		{"a field that shows nothing", ScenarioChat, Template{Fields: []Field{field("weather")}}, "fields.value"},
		{"a field without a label", ScenarioChat, Template{Fields: []Field{{Value: "queue"}}}, "fields.label"},
		{"a field twice", ScenarioChat, Template{Fields: []Field{field("queue"), field("queue")}}, "fields.value"},
		{"a decision as a toast", ScenarioChat, Template{Form: FormToast}, "form"},
		{"assigned at once, as a toast", ScenarioChat, Template{AutoAssign: true, Form: FormToast}, ""},
		{"assigned at once, as an alert", ScenarioChat, Template{AutoAssign: true, Form: FormAlert}, "form"},
		{"news as an alert", ScenarioAssigned, Template{Form: FormAlert}, "form"},
		{"news assigned at once", ScenarioSentiment, Template{AutoAssign: true}, "autoAssign"},
		{"a dark theme", ScenarioChat, Template{Theme: "dark", Desktop: "never"}, ""},
		{"another theme", ScenarioChat, Template{Theme: "blue"}, "theme"},
		{"another policy", ScenarioChat, Template{Desktop: "sometimes"}, "desktop"},
		{"a long title", ScenarioChat, Template{Title: strings.Repeat("x", 101)}, "title"},
		{"another scenario", "holiday", Template{}, "scenario"},
	} {
		_, err := c.template.Check(c.scenario)
		refusal, _ := errors.AsType[*Error](err)
		switch {
		case c.field == "" && err != nil, c.field != "" && (refusal == nil || refusal.Field != c.field || !strings.HasPrefix(refusal.Rule, "NOT-")):
			t.Errorf("%s: %v, want the field %q", c.name, err, c.field)
		}
	}
}
