package api_test

import (
	"strconv"
	"strings"
	"testing"

	"parley/domain"
	"parley/domain/agent"
	"parley/domain/routing"
	"parley/domain/visitor"
	"parley/eventstore"
)

// closed and always are operating hours that never begin and never end.
var (
	closedHours = step{As: "admin:root", Do: "PUT /v1/hours/closed", Body: `{"name":"Closed","zone":"Europe/Berlin"}`, Status: 200, Contains: []string{`"open":false`}}
	alwaysHours = step{As: "admin:root", Do: "PUT /v1/hours/always", Status: 200, Contains: []string{`"open":true`},
		Body: `{"name":"Always","zone":"UTC","weekly":[` + everyDay() + `]}`}
)

func everyDay() string {
	var days []string
	for _, d := range []string{"sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"} {
		days = append(days, `{"day":"`+d+`","from":"00:00","to":"24:00"}`)
	}
	return strings.Join(days, ",")
}

func TestCON7_HoursAreSetAndCheckedOverTheAPI(t *testing.T) {
	h := newHouse(t)
	seed(h)
	h.run(closedHours, alwaysHours,
		step{As: "admin:root", Do: "PUT /v1/hours/office", Status: 200, Contains: []string{`"from":"09:00","to":"17:30"`, `"date":"2026-12-24"`},
			Body: `{"name":"Office","zone":"Europe/Berlin","weekly":[{"day":"monday","from":"09:00","to":"17:30"}],"holidays":[{"date":"2026-12-24","hours":[{"from":"09:00","to":"12:00"}]},{"date":"2026-12-25","name":"Christmas"}]}`},
		step{As: "agent:anna", Do: "GET /v1/hours", Status: 200, Contains: []string{`"id":"office"`, `"id":"closed"`}},
		step{As: "agent:anna", Do: "GET /v1/hours/office", Status: 200, Contains: []string{`"zone":"Europe/Berlin"`}},
		step{As: "agent:anna", Do: "GET /v1/hours/none", Status: 404, Contains: []string{`"code":"hours_unknown"`}},
		step{As: "agent:anna", Do: "PUT /v1/hours/office", Body: `{"name":"Office","zone":"UTC"}`, Status: 403},
		step{As: "admin:root", Do: "PUT /v1/hours/bad", Body: `{"name":"Bad","zone":"Mars/Olympus"}`, Status: 400, Contains: []string{`"field":"zone"`}},
		step{As: "admin:root", Do: "PUT /v1/hours/bad", Body: `{"name":"Bad","zone":"UTC","weekly":[{"day":"monday","from":"9","to":"17:00"}]}`, Status: 400, Contains: []string{`"field":"weekly"`}},
		step{As: "admin:root", Do: "PUT /v1/hours/bad", Body: `{"name":"Bad","zone":"UTC","weekly":[{"day":"monday","from":"09:00","to":"12:00"},{"day":"monday","from":"11:00","to":"17:00"}]}`, Status: 400, Contains: []string{`"field":"weekly"`}},
		step{As: "admin:root", Do: "PUT /v1/queues/sales", Body: `{"name":"Sales","hours":"office","outsideHours":"Tell"}`, Status: 400, Contains: []string{`"field":"outsideHours"`, "refuse or tell"}},
		step{As: "admin:root", Do: "PUT /v1/queues/sales", Body: `{"name":"Sales","hours":"none"}`, Status: 404, Contains: []string{`"code":"hours_unknown"`, `"field":"hours"`}},
		step{As: "admin:root", Do: "PUT /v1/widgets/shop", Body: `{"workstream":"chat","hours":"none"}`, Status: 404, Contains: []string{`"code":"hours_unknown"`}},
	)
}

func TestCON7_ATimeIsFourDigitsAndADayItsName(t *testing.T) {
	h := newHouse(t)
	seed(h)
	put := func(day, from, to string, status int, contains ...string) {
		t.Helper()
		h.run(step{As: "admin:root", Do: "PUT /v1/hours/office", Status: status, Contains: contains,
			Body: `{"name":"Office","zone":"UTC","weekly":[{"day":"` + day + `","from":"` + from + `","to":"` + to + `"}]}`})
	}
	for _, bad := range []string{"+9:00", " 9:00", "9:00", "09: 5", "09:+5", "09:-0", "09:60", "24:01", "25:00", "-1:00", "09:00:00", "9:000", ""} {
		put("monday", bad, "17:00", 400, `"field":"weekly"`, "09:00 and 17:30")
	}
	put("monday", "00:00", "24:00", 200, `"from":"00:00","to":"24:00"`)
	for _, bad := range []string{"Monday", "1", ""} {
		put(bad, "09:00", "17:00", 400, `"field":"weekly.day"`, "monday")
	}
}

func TestCON7_OutsideTheHoursALiveChatIsRefusedAndThePersistentOneStaysOpen(t *testing.T) {
	h := newHouse(t)
	seed(h)
	h.run(closedHours, alwaysHours,
		step{As: "visitor:v0", Do: "POST /v1/conversations", Body: `{"widget":"shop"}`, Status: 201, Save: map[string]string{"before": "conversation"}},
		step{As: "admin:root", Do: "PUT /v1/queues/sales", Body: `{"name":"Sales","number":1,"hours":"closed"}`, Status: 200, Contains: []string{`"hours":"closed"`, `"outsideHours":"refuse"`}},
		step{As: "visitor:v1", Do: "POST /v1/conversations", Body: `{"widget":"shop","text":"Hello?"}`, Status: 409, Contains: []string{`"code":"outside_hours"`}, Records: true},
		step{Name: "nothing began", As: "supervisor:sue", Do: "GET /v1/conversations", Status: 200, Lacks: []string{`"visitor":"v1"`}},
		step{Name: "what went on goes on: the same conversation", As: "visitor:v0", Do: "POST /v1/conversations", Body: `{"widget":"shop"}`, Status: 200,
			Contains: []string{`"created":false`, `"conversation":"${before}"`}},
		step{As: "visitor:v1", Do: "POST /v1/conversations", Body: `{"widget":"app","customerToken":"${customer}","text":"Hello?"}`, Status: 201, Contains: []string{`"state":"open"`}},
	)
	refusals := 0
	for r, err := range h.Log.Read(t.Context(), eventstore.Query{Stream: visitor.Kind.Stream("v1")}) {
		if err != nil {
			t.Fatal(err)
		}
		if r.Name == "visitor.start_refused" {
			refusals++
		}
	}
	if refusals != 1 {
		t.Errorf("%d refusals are on record for the visitor, want one", refusals)
	}
	h.run(
		step{Name: "the widget's own hours", As: "admin:root", Do: "PUT /v1/queues/sales", Body: `{"name":"Sales","number":1,"hours":"always"}`, Status: 200},
		step{As: "admin:root", Do: "PUT /v1/widgets/shop", Body: `{"workstream":"chat","proactive":true,"hours":"closed"}`, Status: 200},
		step{As: "visitor:v2", Do: "POST /v1/conversations", Body: `{"widget":"shop"}`, Status: 409, Contains: []string{`"code":"outside_hours"`}, Records: true},
		step{Name: "PRO-5: nobody is invited then", As: "visitor:v2", Do: "POST /v1/widgets/shop/visitors", Body: `{}`, Status: 201, Save: map[string]string{"v": "visitor"}},
		step{As: "agent:anna", Do: "POST /v1/visitors/${v}/invitations", Body: `{"message":"May I help?"}`, Status: 409, Contains: []string{`"code":"outside_hours"`}},
		step{As: "admin:root", Do: "PUT /v1/widgets/shop", Body: `{"workstream":"chat","proactive":true,"hours":"always"}`, Status: 200},
		step{As: "agent:anna", Do: "POST /v1/visitors/${v}/invitations", Body: `{"message":"May I help?"}`, Status: 201},
		step{As: "visitor:v2", Do: "POST /v1/conversations", Body: `{"widget":"shop"}`, Status: 201},
		step{Name: "by setting it begins, and is told", As: "admin:root", Do: "PUT /v1/queues/sales", Body: `{"name":"Sales","number":1,"hours":"closed","outsideHours":"tell"}`, Status: 200},
		step{As: "visitor:v3", Do: "POST /v1/conversations", Body: `{"widget":"shop"}`, Status: 201, Save: map[string]string{"told": "conversation"}},
		step{As: "auditor:eve", Do: "GET /v1/conversations/${told}/history", Status: 200, Contains: []string{`The customer was told that it is outside the hours`}},
	)
}

func TestCON5_TransferToAQueueOutsideItsHoursIsRefusedForLiveOnly(t *testing.T) {
	h := newHouse(t)
	seed(h)
	h.run(closedHours,
		step{As: "admin:root", Do: "PUT /v1/queues/night", Body: `{"name":"Night","hours":"closed"}`, Status: 200},
		step{As: "admin:root", Do: "PUT /v1/queues/night/members/bob", Status: 200},
		step{As: "visitor:v1", Do: "POST /v1/conversations", Body: `{"widget":"shop"}`, Status: 201, Save: map[string]string{"live": "conversation"}},
		step{As: "visitor:v2", Do: "POST /v1/conversations", Body: `{"widget":"app","customerToken":"${customer}"}`, Status: 201, Save: map[string]string{"care": "conversation"}},
		step{As: "agent:anna", Do: "POST /v1/conversations/${live}/pick", Status: 200},
		step{As: "agent:anna", Do: "POST /v1/conversations/${care}/pick", Status: 200},
		step{As: "agent:anna", Do: "POST /v1/conversations/${live}/transfer", Body: `{"queue":"night"}`, Status: 409, Contains: []string{`"code":"queue_unservable"`, `"reason":"outside_hours"`}},
		step{As: "agent:anna", Do: "POST /v1/conversations/${care}/transfer", Body: `{"queue":"night"}`, Status: 200, Contains: []string{`"queue":"night"`, `"state":"open"`}},
		step{As: "agent:anna", Do: "GET /v1/conversations/${live}", Status: 200, Contains: []string{`"agent":"anna"`, `"subState":"engaged"`}},
	)
}

func TestRTE1_TheFirstRuleThatMatchesNamesTheQueue(t *testing.T) {
	h := newHouse(t)
	seed(h)
	with := func(rules string) string {
		return `{"channel":"chat","settings":{"name":"Chat","queue":"sales","rules":[` + rules + `]}}`
	}
	put := func(when string) string { return with(`{"name":"one","when":"` + when + `","queue":"empty"}`) }
	h.run(
		step{As: "admin:root", Do: "PUT /v1/queues/vip", Body: `{"name":"VIP"}`, Status: 200},
		step{Name: "a mistake is named with its column", As: "admin:root", Do: "PUT /v1/workstreams/chat", Body: put(`language == \"pt\" && langage == \"de\"`),
			Status: 400, Contains: []string{`"code":"rule_invalid"`, `"field":"settings.rules.0.when"`, `"column":"21"`, `unknown name langage`}},
		step{Name: "it is cut off", As: "admin:root", Do: "PUT /v1/workstreams/chat", Body: put(`language == `), Status: 400, Contains: []string{`"code":"rule_invalid"`, `"column"`}},
		step{Name: "it says neither yes nor no", As: "admin:root", Do: "PUT /v1/workstreams/chat", Body: put(`language`), Status: 400, Contains: []string{`"code":"rule_invalid"`}},
		step{Name: "it goes through a list", As: "admin:root", Do: "PUT /v1/workstreams/chat", Body: put(`all(1..1000000, # > 0)`), Status: 400, Contains: []string{`"code":"rule_invalid"`}},
		step{Name: "it makes a list", As: "admin:root", Do: "PUT /v1/workstreams/chat", Body: put(`len(1..1000000) > 3`), Status: 400, Contains: []string{`"code":"rule_invalid"`}},
		step{Name: "its queue is not there", As: "admin:root", Do: "PUT /v1/workstreams/chat", Body: with(`{"name":"one","when":"true","queue":"nowhere"}`), Status: 404, Contains: []string{`"code":"queue_unknown"`, `"field":"settings.rules.0.queue"`}},
		step{Name: "nothing of it was kept", As: "admin:root", Do: "GET /v1/workstreams/chat", Status: 200, Lacks: []string{`"rules"`}},
		step{As: "admin:root", Do: "PUT /v1/workstreams/chat", Status: 200, Contains: []string{`"name":"rich"`}, Body: with(
			`{"name":"rich","when":"number(context[\"cart\"]) > 100 && language == \"pt\"","queue":"vip","priority":2,"skills":[{"skill":"pt","level":3}]},` +
				`{"name":"invoice","when":"survey[\"About?\"] contains \"invoice\" or lower(context[\"topic\"]) matches \"^bill\"","queue":"empty"},` +
				`{"name":"also rich","when":"number(context[\"cart\"]) > 100","queue":"empty"}`)},
		step{Name: "the first that matches", As: "visitor:v1", Do: "POST /v1/conversations", Body: `{"widget":"shop","locale":"pt-BR","context":[{"name":"cart","value":"250.5"}]}`, Status: 201, Save: map[string]string{"c": "conversation"}},
		step{As: "supervisor:sue", Do: "GET /v1/conversations/${c}", Status: 200, Contains: []string{`"queue":"vip"`, `"priority":2`}},
		step{As: "supervisor:sue", Do: "GET /v1/conversations?queue=vip", Status: 200, Contains: []string{`"rule":"rich"`, `"skill":"pt"`, `"level":3`}},
		step{As: "auditor:eve", Do: "GET /v1/conversations/${c}/history", Status: 200, Contains: []string{`by the rule «rich»`}},
		step{Name: "the second", As: "visitor:v2", Do: "POST /v1/conversations", Body: `{"widget":"shop","context":[{"name":"cart","value":"250"},{"name":"topic","value":"BILLING"}]}`, Status: 201, Save: map[string]string{"c": "conversation"}},
		step{As: "supervisor:sue", Do: "GET /v1/conversations/${c}", Status: 200, Contains: []string{`"queue":"empty"`}, Lacks: []string{`"priority"`}},
		step{Name: "none: the fallback queue, and no rule", As: "visitor:v3", Do: "POST /v1/conversations", Body: `{"widget":"shop","context":[{"name":"cart","value":"none of your business"}]}`, Status: 201, Save: map[string]string{"c": "conversation"}},
		step{As: "supervisor:sue", Do: "GET /v1/conversations?queue=sales", Status: 200, Contains: []string{`"conversation":"${c}"`}, Lacks: []string{`"rule"`}},
		step{As: "admin:root", Do: "DELETE /v1/queues/vip", Status: 409, Contains: []string{`"code":"queue_not_empty"`}},
		step{As: "visitor:v1", Do: "GET /v1/me", Status: 200},
	)
}

func TestAGT6_AQueueThatHoldsWorkOrIsNeededIsNotDeleted(t *testing.T) {
	h := newHouse(t)
	seed(h)
	into := func(queue, rules string) step {
		return step{As: "admin:root", Do: "PUT /v1/workstreams/chat", Body: `{"channel":"chat","settings":{"name":"Chat","queue":"` + queue + `"` + rules + `}}`, Status: 200}
	}
	needed := func(by string) step {
		return step{Name: by, As: "admin:root", Do: "DELETE /v1/queues/depot", Status: 409, Contains: []string{`"code":"queue_needed"`, `"by":"` + by + `"`, `"rule":"AGT-6"`}}
	}
	unknown := into("depot", "")
	unknown.Status, unknown.Contains = 404, []string{`"code":"queue_unknown"`}
	h.run(
		step{As: "admin:root", Do: "PUT /v1/queues/depot", Body: `{"name":"Depot"}`, Status: 200},
		step{As: "admin:root", Do: "PUT /v1/queues/depot/members/anna", Status: 200},
		into("depot", ""),
		step{As: "visitor:v1", Do: "POST /v1/conversations", Body: `{"widget":"shop"}`, Status: 201, Save: map[string]string{"c": "conversation"}},
		step{As: "agent:anna", Do: "DELETE /v1/queues/depot", Status: 403},
		step{As: "admin:root", Do: "DELETE /v1/queues/depot", Status: 409, Contains: []string{`"code":"queue_not_empty"`}},
		step{As: "supervisor:sue", Do: "POST /v1/conversations/${c}/force-close", Body: `{"reason":"supervisor_closed"}`, Status: 200},
		needed("workstream chat"),
		into("empty", `,"rules":[{"name":"all","when":"open","queue":"depot"}]`),
		needed("workstream chat, rule all"),
		into("empty", ""),
		step{As: "admin:root", Do: "PUT /v1/queues/empty", Body: `{"name":"Empty","overflow":{"moreThan":3,"waiting":{"do":"queue","queue":"depot"}}}`, Status: 200},
		needed("the overflow of queue empty"),
		step{As: "admin:root", Do: "PUT /v1/queues/empty", Body: `{"name":"Empty"}`, Status: 200},
		step{As: "admin:root", Do: "DELETE /v1/queues/depot", Status: 200},
		step{As: "admin:root", Do: "GET /v1/queues/depot", Status: 404, Contains: []string{`"code":"queue_unknown"`}},
		step{As: "admin:root", Do: "GET /v1/queues", Status: 200, Lacks: []string{`"id":"depot"`}},
		unknown,
		step{As: "admin:root", Do: "PUT /v1/queues/depot", Body: `{"name":"Depot"}`, Status: 200, Contains: []string{`"members":["anna"]`}},
		into("depot", ""),
		step{As: "visitor:v1", Do: "POST /v1/conversations", Body: `{"widget":"shop"}`, Status: 201},
	)
}

// TestRTE5_WhatAHundredDeclinedIsFlaggedAndStaysToBePicked: it is not offered any
// more by itself, supervisors see it, and any member takes it.
func TestRTE5_WhatAHundredDeclinedIsFlaggedAndStaysToBePicked(t *testing.T) {
	h := newHouse(t)
	seed(h)
	h.run(step{As: "visitor:v1", Do: "POST /v1/conversations", Body: `{"widget":"shop"}`, Status: 201, Save: map[string]string{"c": "conversation"}})
	decline := func(who string) {
		do(h, &agent.Kind, who, agent.Register{ID: who, Name: "D", Units: 100})
		do(h, &agent.Kind, who, agent.SetPresence{Presence: agent.Available, At: h.Clock.Now()})
		h.offer("${c}", who, "hold")
		h.run(step{As: "agent:" + who, Do: "POST /v1/conversations/${c}/offers/${hold}/reject", Status: 200})
	}
	for i := range routing.MaxDecliners - 1 {
		decline("d" + strconv.Itoa(i))
	}
	list := step{As: "supervisor:sue", Do: "GET /v1/conversations?queue=sales", Status: 200, Contains: []string{`"conversation":"${c}"`}, Lacks: []string{`"unassignable"`}}
	h.run(list)
	decline("last")
	list.Contains, list.Lacks = []string{`"conversation":"${c}"`, `"unassignable":true`, `"state":"open"`}, nil
	h.run(
		list,
		step{Name: "it is among the open work items of those who serve the queue", As: "agent:anna", Do: "GET /v1/agents/anna/work-items/open", Status: 200, Contains: []string{`"conversation":"${c}"`}},
		step{As: "agent:anna", Do: "POST /v1/conversations/${c}/pick", Status: 200, Contains: []string{`"subState":"engaged"`}},
		step{Name: "and flagged no more", As: "supervisor:sue", Do: "GET /v1/conversations?queue=sales", Status: 200, Contains: []string{`"conversation":"${c}"`, `"agent":"anna"`}, Lacks: []string{`"unassignable"`}},
	)
}

func TestAGT4_SignOutWithWorkAsksToConfirm(t *testing.T) {
	h := newHouse(t)
	seed(h)
	h.run(
		step{As: "visitor:v1", Do: "POST /v1/conversations", Body: `{"widget":"shop"}`, Status: 201, Save: map[string]string{"c": "conversation"}},
		step{As: "visitor:v2", Do: "POST /v1/conversations", Body: `{"widget":"shop"}`, Status: 201, Save: map[string]string{"d": "conversation"}},
		step{As: "agent:anna", Do: "POST /v1/conversations/${c}/pick", Status: 200},
	)
	h.offer("${d}", "anna", "hold")
	h.run(
		step{As: "agent:bob", Do: "POST /v1/agents/anna/sign-out", Status: 403},
		step{As: "agent:anna", Do: "POST /v1/agents/anna/sign-out", Status: 409, Contains: []string{`"code":"confirm_required"`, `"sessions":"2"`, `"unitsFreed":"60"`}},
		step{Name: "nothing happened", As: "agent:anna", Do: "GET /v1/conversations/${c}", Status: 200, Contains: []string{`"subState":"engaged"`}},
		step{As: "agent:anna", Do: "POST /v1/agents/anna/sign-out", Key: "bye", Body: `{"confirm":true}`, Status: 200, Contains: []string{`"presence":"offline"`, `"signedOut":true`}},
		step{Name: "the same again", As: "agent:anna", Do: "POST /v1/agents/anna/sign-out", Key: "bye", Body: `{"confirm":true}`, Status: 200, Contains: []string{`"signedOut":true`}},
		step{Name: "what was engaged is open again", As: "supervisor:sue", Do: "GET /v1/conversations/${c}", Status: 200, Contains: []string{`"state":"open"`}, Lacks: []string{`"agent":"anna"`}},
		step{Name: "what was offered is withdrawn", As: "supervisor:sue", Do: "GET /v1/conversations/${d}", Status: 200, Contains: []string{`"state":"open"`}, Lacks: []string{`"offer"`}},
		step{As: "agent:anna", Do: "GET /v1/agents/anna/capacity", Status: 200, Contains: []string{`"held":0`, `"sessions":0`, `"connected":false`, `"presence":"offline"`}},
		step{Name: "who chooses a presence is back", As: "agent:anna", Do: "PUT /v1/agents/anna/presence", Body: `{"presence":"available"}`, Status: 200, Lacks: []string{`"signedOut"`}},
		step{As: "agent:anna", Do: "GET /v1/agents/anna/capacity", Status: 200, Contains: []string{`"connected":true`, `"presence":"available"`}},
		step{Name: "without work nothing is asked", As: "agent:anna", Do: "POST /v1/agents/anna/sign-out", Status: 200, Contains: []string{`"signedOut":true`}},
		step{As: "auditor:eve", Do: "GET /v1/agents/anna/history", Status: 200, Contains: []string{`Signed out: 2 conversations move on`}},
	)
}

func TestAGT4_TheOrganisationsOwnPresencesMapToABase(t *testing.T) {
	h := newHouse(t)
	seed(h)
	h.run(
		step{As: "agent:anna", Do: "PUT /v1/agents/anna/presence", Body: `{"presence":"lunch"}`, Status: 400, Contains: []string{`"field":"presence"`}},
		step{As: "admin:root", Do: "PUT /v1/settings", Body: `{"presences":[{"id":"busy","name":"Busy","base":"away"}]}`, Status: 400, Contains: []string{`"field":"presences.id"`}},
		step{Name: "the field at fault has the name it was sent by (API-1)", As: "admin:root", Do: "PUT /v1/settings", Body: `{"graceSeconds":9}`, Status: 400, Contains: []string{`"field":"graceSeconds"`}},
		step{As: "admin:root", Do: "PUT /v1/settings", Body: `{"presences":[{"id":"lunch","name":"At lunch","base":"away"},{"id":"talking","name":"On the phone","base":"busy"}],"graceSeconds":60}`, Status: 200, Contains: []string{`"graceSeconds":60`}},
		step{As: "agent:anna", Do: "GET /v1/settings", Status: 200, Contains: []string{`"id":"lunch"`, `"base":"away"`}},
		step{As: "agent:anna", Do: "PUT /v1/agents/anna/presence", Body: `{"presence":"lunch"}`, Status: 200, Contains: []string{`"presence":"away"`, `"custom":"lunch"`}},
		step{As: "agent:anna", Do: "GET /v1/agents/anna/capacity", Status: 200, Contains: []string{`"presence":"away"`, `"custom":"lunch"`}},
		step{Name: "a session's start asks for one", As: "admin:root", Do: "PUT /v1/workstreams/chat", Body: `{"channel":"chat","settings":{"name":"Chat","queue":"sales","presence":"talking"}}`, Status: 200, Contains: []string{`"presence":"talking"`}},
		step{As: "agent:anna", Do: "PUT /v1/agents/anna/presence", Body: `{"presence":"available"}`, Status: 200, Lacks: []string{`"custom"`}},
		step{As: "visitor:v1", Do: "POST /v1/conversations", Body: `{"widget":"shop"}`, Status: 201, Save: map[string]string{"c": "conversation"}},
		step{As: "agent:anna", Do: "POST /v1/conversations/${c}/pick", Status: 200},
		step{As: "agent:anna", Do: "GET /v1/agents/anna/capacity", Status: 200, Contains: []string{`"presence":"busy"`, `"custom":"talking"`}},
	)
}

func TestRTE3_SkillsAreAskedForAndDropped(t *testing.T) {
	h := newHouse(t)
	seed(h)
	h.run(
		step{As: "admin:root", Do: "PUT /v1/agents/anna", Body: `{"skills":["de","pt"],"levels":{"pt":4}}`, Status: 200, Contains: []string{`"levels":{"pt":4}`}},
		step{As: "admin:root", Do: "PUT /v1/agents/anna", Body: `{"skills":["de"],"levels":{"pt":4}}`, Status: 400, Contains: []string{`"field":"levels"`}},
		step{As: "admin:root", Do: "PUT /v1/queues/sales", Body: `{"name":"Sales","number":1,"method":"skill_exact"}`, Status: 200, Contains: []string{`"method":"skill_exact"`}},
		step{As: "visitor:v1", Do: "POST /v1/conversations", Body: `{"widget":"shop"}`, Status: 201, Save: map[string]string{"c": "conversation"}},
		step{As: "visitor:v1", Do: "PUT /v1/conversations/${c}/skills/pt", Body: `{"level":3}`, Status: 403},
		step{Name: "an agent may where the workstream allows it", As: "agent:anna", Do: "PUT /v1/conversations/${c}/skills/pt", Status: 403, Contains: []string{`"rule":"SUM-4"`}},
		step{As: "supervisor:sue", Do: "PUT /v1/conversations/${c}/skills/pt", Body: `{"level":3}`, Status: 200, Contains: []string{`"skill":"pt"`, `"level":3`}},
		step{Name: "the summary tells what is asked for (SUM-4)", As: "agent:anna", Do: "GET /v1/conversations/${c}/summary", Status: 200, Contains: []string{`"skills":[{"level":3,"skill":"pt"}]`}},
		step{As: "supervisor:sue", Do: "PUT /v1/conversations/${c}/skills/de", Status: 200, Contains: []string{`"level":1`}},
		step{As: "supervisor:sue", Do: "DELETE /v1/conversations/${c}/skills/de", Status: 200, Lacks: []string{`"skill":"de"`}},
		step{As: "supervisor:sue", Do: "GET /v1/conversations?queue=sales", Status: 200, Contains: []string{`"skill":"pt"`}, Lacks: []string{`"skill":"de"`}},
	)
}

func TestAGT3_ProfilesAreSetOverTheAPI(t *testing.T) {
	h := newHouse(t)
	seed(h)
	h.run(
		step{As: "admin:root", Do: "PUT /v1/agents/anna/profiles", Body: `{"profiles":{"cases":0}}`, Status: 404, Contains: []string{`"code":"profile_unknown"`}},
		step{As: "admin:root", Do: "PUT /v1/workstreams/chat", Body: `{"channel":"chat","settings":{"name":"Chat","queue":"sales","profile":"cases"}}`, Status: 404, Contains: []string{`"code":"profile_unknown"`, `"field":"settings.profile"`}},
		step{As: "admin:root", Do: "PUT /v1/profiles/cases", Body: `{"name":"Cases","limit":1,"reset":"never"}`, Status: 400, Contains: []string{`"field":"reset"`, "at_once or end_of_day"}},
		step{As: "admin:root", Do: "PUT /v1/profiles/cases", Body: `{"name":"Cases","limit":1,"reset":"end_of_day","blocking":true}`, Status: 200, Contains: []string{`"reset":"end_of_day"`}},
		step{As: "agent:anna", Do: "GET /v1/profiles", Status: 200, Contains: []string{`"id":"cases"`, `"limit":1`, `"blocking":true`}},
		step{As: "admin:root", Do: "PUT /v1/agents/anna/profiles", Body: `{"profiles":{"cases":2}}`, Status: 200, Contains: []string{`"profiles":{"cases":2}`}},
		step{As: "admin:root", Do: "PUT /v1/workstreams/chat", Body: `{"channel":"chat","settings":{"name":"Chat","queue":"sales","profile":"cases"}}`, Status: 200, Contains: []string{`"profile":"cases"`}},
		step{As: "visitor:v1", Do: "POST /v1/conversations", Body: `{"widget":"shop"}`, Status: 201, Save: map[string]string{"c": "conversation"}},
		step{As: "agent:anna", Do: "POST /v1/conversations/${c}/pick", Status: 200},
		step{Name: "it counts, and costs no units", As: "agent:anna", Do: "GET /v1/agents/anna/capacity", Status: 200, Contains: []string{`"held":0`, `"sessions":1`, `"free":100`, `"presence":"busy"`}},
	)
	a, _, err := eventstore.Load(t.Context(), h.Engine, &agent.Kind, "anna")
	if err != nil {
		t.Fatal(err)
	}
	if p := (domain.Profile{ID: "cases", Limit: 1, Daily: true}); a.Room(0, p, a.VisitorDay) != "" || a.Days["cases"].Given != 1 {
		t.Errorf("one of two is given: %q, %+v", a.Room(0, p, a.VisitorDay), a.Days)
	}
}
