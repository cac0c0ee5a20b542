package api

import (
	"errors"
	"strings"
	"testing"
	"time"

	"parley/domain"
	"parley/domain/workstream"
)

func TestRTE1_WhatAConditionMaySay(t *testing.T) {
	o := domain.Opening{
		Channel: "chat", Mode: "live", Widget: "shop", Locale: "pt_BR", Contact: "c-1", Authenticated: true, At: time.Date(2026, 5, 4, 21, 30, 0, 0, time.UTC),
		Context: []domain.Variable{{Name: "cart", Value: " 250.5 "}, {Name: "re", Value: "([a"}}, Survey: []domain.Answer{{Question: "About?", Answer: "My Invoice"}},
	}
	f := factsOf(o, true, time.FixedZone("east", 3*60*60))
	for when, want := range map[string]bool{
		`channel == "chat" && mode == "live" && widget == "shop"`:        true,
		`language == "pt" and locale == "pt_BR"`:                         true,
		`number(context["cart"]) > 250 ? true : false`:                   true,
		`number(context["none"]) == 0 && context["none"] == ""`:          true,
		`lower(survey["About?"]) contains "invoice"`:                     true,
		`survey["About?"] startsWith "My" && widget endsWith "op"`:       true,
		`upper(widget) matches "^SH.P$"`:                                 true,
		`channel in ["sms", "chat"] && !invited && open`:                 true,
		`len(trim(context["cart"])) == 5`:                                true,
		`authenticated && customer != ""`:                                true,
		`weekday == "tuesday" && time >= "00:30" && time < "00:31"`:      true, // where the organisation is
		`number(context["cart"]) * 2 - 1 > 500 || widget == "elsewhere"`: false,
	} {
		rule := workstream.Rule{Name: "r", When: when, Queue: "q"}
		if err := checkRules([]workstream.Rule{rule}); err != nil {
			t.Errorf("%s: %v", when, err)
			continue
		}
		got, err := (&conditions{}).matching([]workstream.Rule{rule}, f, func(workstream.Rule) (bool, error) { return true, nil })
		if err != nil || (got != nil) != want {
			t.Errorf("%s holds: %v, %v", when, got != nil, err)
		}
	}
}

func TestRTE1_WhatAConditionMayNotSay(t *testing.T) {
	for _, when := range []string{
		`langage == "pt"`, `number(3) > 2`, `channel`, `1..100000000`, `len(1..1000) > 3`, `any(["a"], # == "a")`, `all(1..3, {# > 0})`,
		`map(["a"], upper(#)) == []`, `repeat("a", 1000000) == ""`, `now() > now()`, `channel == `, `"`, strings.Repeat(`open && `, 400) + `open`,
		`fromJSON("{}") == nil`, `sum([1]) == 1`, `len(context) > 0 && let x = 1; x == 1`,
	} {
		err := checkRules([]workstream.Rule{{Name: "fine", When: "open", Queue: "q"}, {Name: "r", When: when, Queue: "q"}})
		refusal, ok := errors.AsType[*domain.Error](err)
		if !ok || refusal.Code != "rule_invalid" || refusal.Field != "settings.rules.1.when" {
			t.Errorf("%.60s is taken: %v", when, err)
		}
	}
	_, err := compile("open &&\n  langage == \"pt\"")
	if err == nil {
		t.Fatal("taken")
	}
	refusal, _ := errors.AsType[*domain.Error](checkRules([]workstream.Rule{{When: "open &&\n  langage == \"pt\""}}))
	if refusal.Details["line"] != "2" || refusal.Details["column"] != "3" {
		t.Errorf("the mistake is said to be at %v", refusal.Details)
	}
}

func TestRTE1_WhatCanNeverHoldIsRefused(t *testing.T) {
	for when, column := range map[string]string{
		`false`:                         "1",
		`open && false`:                 "9",
		`1 > 2`:                         "3",
		`number("3") < 2`:               "13",
		`!true`:                         "1",
		`open && "a" == "b"`:            "13",
		`channel == "fax"`:              "9",
		`open && "telegram" == channel`: "20",
		`channel in ["fax", "telex"]`:   "9",
		`channel in []`:                 "9",
		`mode == "Live"`:                "6",
		`weekday == "Monday" or weekday == "sun"`:                "9",
		`language == "pt-BR"`:                                    "10",
		`language == "PT"`:                                       "10",
		`lower(context["topic"]) == "Billing"`:                   "25",
		`upper(widget) == "shop" && open`:                        "15",
		`trim(widget) == " shop"`:                                "14",
		`time == "9:30"`:                                         "6",
		`time > "9:00" && open`:                                  "6", // "10:00" comes before "9:00"
		`time >= "24:00"`:                                        "6",
		`channel == "sms" && channel == "chat"`:                  "29",
		`open && invited && not open`:                            "20",
		`authenticated == false && authenticated`:                "27",
		`context["a"] == "x" and context["a"] == "y"`:            "38",
		`number(context["a"]) > 5 && number(context["a"]) < 5`:   "50",
		`number(context["a"]) == 3 && number(context["a"]) >= 4`: "51",
		`open ? false : 1 > 2`:                                   "8",
		`widget matches context["re"]`:                           "23",
		`widget matches lower("A")`:                              "16",
		`open and not (widget matches (open ? "a" : widget))`:    "50",
	} {
		refusal, ok := errors.AsType[*domain.Error](checkRules([]workstream.Rule{{Name: "r", When: when, Queue: "q"}}))
		if !ok || refusal.Code != "rule_invalid" || refusal.Field != "settings.rules.0.when" || refusal.Details["column"] != column {
			t.Errorf("%s is taken, or another column is named: %v", when, refusal)
		}
	}
	for _, when := range []string{
		`true`, `1 < 2`, `!false`, `open || false`, `false || channel == "sms"`, `channel != "fax"`, `channel == context["channel"]`, `channel in ["fax", "sms"]`,
		`!(channel == "fax")`, `time > "09:00" && time <= "17:30"`, `time < "9:00"`, `channel == "sms" || channel == "chat"`, `open && !invited && open`,
		`number(context["a"]) > 5 && number(context["a"]) < 6 && number(context["b"]) < 5`, `number(context["a"]) >= 5 && number(context["a"]) <= 5`,
		`lower(widget) == "shop" && upper(widget) == "SHOP"`, `context["a"] == "x" && context["b"] == "y"`, `open ? false : invited`, `widget matches "^s.*"`,
		`language == "pt" && locale == "pt-BR"`, `len(context["a"]) > 3 && len(context["a"]) < 5`, `-1 < number(context["a"])`, `not (open && invited)`,
	} {
		if err := checkRules([]workstream.Rule{{Name: "r", When: when, Queue: "q"}}); err != nil {
			t.Errorf("%s: %v", when, err)
		}
	}
}

func TestRTE1_TheFirstRuleThatCanBeUsedIsTaken(t *testing.T) {
	rules := []workstream.Rule{{Name: "no", When: "invited"}, {Name: "gone", When: "open"}, {Name: "yes", When: "open"}, {Name: "late", When: "open"}}
	got, err := (&conditions{}).matching(rules, facts{Open: true}, func(r workstream.Rule) (bool, error) { return r.Name != "gone", nil })
	if err != nil || got == nil || got.Name != "yes" {
		t.Errorf("%+v, %v", got, err)
	}
	failed := errors.New("the log is gone")
	if _, err := (&conditions{}).matching(rules, facts{Open: true}, func(workstream.Rule) (bool, error) { return false, failed }); !errors.Is(err, failed) {
		t.Errorf("%v", err)
	}
}
