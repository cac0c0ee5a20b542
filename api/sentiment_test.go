package api_test

import (
	"strings"
	"testing"

	"parley/domain/conversation"
	"parley/eventstore"
)

// TestSES10_NOT2_SupervisorsHearOfAnUnhappyCustomer goes down to the threshold,
// stays there, comes up and goes down again.
func TestSES10_NOT2_SupervisorsHearOfAnUnhappyCustomer(t *testing.T) {
	h := newHouse(t, withFeeds)
	seed(h)
	says := func(text string) step {
		return step{Name: "he says " + text, As: "visitor:v1", Do: "POST /v1/conversations/${c}/messages", Body: `{"text":"` + text + `"}`, Status: 201, Lacks: []string{"sentiment", "negative"}}
	}
	shown := func(level string) step {
		return step{Name: "the view shows " + level, As: "supervisor:sue", Do: "GET /v1/conversations", Status: 200, Contains: []string{`"sentiment":"` + level + `"`}}
	}
	told := func(times int) {
		t.Helper()
		list := h.ask(step{Name: "what sue was told", As: "supervisor:sue", Do: "GET /v1/agents/sue/notifications", Status: 200})
		all, _ := list["notifications"].([]any)
		for _, n := range all {
			if n := n.(map[string]any); n["scenario"] != "sentiment" || n["role"] != "supervisor" || n["form"] != "toast" || n["standing"] != false || n["heading"] != "Visitor 1 is unhappy" {
				t.Errorf("sue was told %v", n)
			}
		}
		if len(all) != times {
			t.Errorf("sue was told %d times, want %d: %v", len(all), times, all)
		}
	}
	const urgent = `Visitor 1. Urgent attention is needed in your conversation.`
	sessions := func(name string, contains, lacks []string) step {
		return step{Name: name, As: "agent:anna", Do: "GET /v1/agents/anna/sessions", Status: 200, Contains: contains, Lacks: lacks}
	}
	h.run(
		step{As: "visitor:v1", Do: "POST /v1/conversations", Body: `{"widget":"shop","text":"Where is my order?"}`, Status: 201, Save: map[string]string{"c": "conversation"}},
		shown("neutral"),
		step{As: "agent:anna", Do: "POST /v1/conversations/${c}/pick", Status: 200, Save: map[string]string{"hold": "hold"}},
	)
	all := h.listen("supervisor:sue", "/v1/feed")
	anna := h.listen("agent:anna", "/v1/agents/anna/feed")
	customer := h.listen("visitor:v1", "/v1/conversations/"+h.fill("${c}")+"/feed")
	h.run(
		says("I am so frustrated, this is useless"), // -3 and 0: half way, nearer to neutral
		shown("slightly_negative"),
		sessions("not there yet", []string{`"badge":"1"`}, []string{`"alert"`, "Urgent"}),
	)
	told(0)
	h.run(says("Terrible, awful service, I hate it"), shown("negative"))
	told(1)
	h.run(
		step{Name: "one conversation tells it too", As: "agent:anna", Do: "GET /v1/conversations/${c}", Status: 200, Contains: []string{`"sentiment":"negative"`}},
		step{Name: "the customer is not told how he sounds", As: "visitor:v1", Do: "GET /v1/conversations/${c}", Status: 200, Lacks: []string{"sentiment"}},
		sessions("the session that is not in focus", []string{`"alert":"!"`, `"alertTooltip":"` + urgent + `"`, `"badge":"2"`, `2 new updates`}, nil),
		step{As: "agent:anna", Do: "PUT /v1/agents/anna/focus", Body: `{"session":"${hold}"}`, Status: 200},
		sessions("in focus there is none", nil, []string{`"alert"`, "Urgent"}),
		step{As: "agent:anna", Do: "PUT /v1/agents/anna/focus", Body: `{"session":"home"}`, Status: 200},
		says("I hate this"), // it stays low
	)
	told(1)
	h.run(
		step{Name: "no agent has it in his list", As: "agent:anna", Do: "GET /v1/agents/anna/notifications", Status: 200, Contains: []string{`"notifications":[]`}},
		step{Name: "nor is it the agent's whom a supervisor looks at", As: "supervisor:sue", Do: "GET /v1/agents/anna/notifications", Status: 200, Contains: []string{`"notifications":[]`}},
		says("Thanks so much, you are wonderful!"), says("Great, thank you, I love it!"), // up
		shown("neutral"),
		sessions("up again, the alert is gone", []string{`"badge":"3"`}, []string{`"alert"`, "Urgent"}),
		says("I hate you, this is terrible"), says("Awful, horrible, a disaster"), // and down
		shown("slightly_negative"),
		says("I hate this, it is useless"), says("You are the worst, I am furious"), says("Awful, I hate it"),
		shown("negative"),
	)
	told(2)

	h.run(step{As: "agent:anna", Do: "POST /v1/conversations/${c}/end", Status: 200})
	count := 0
	for _, e := range all.until("conversation.ended") {
		if e.name == "notification.raised" {
			if count++; e.data["scenario"] != "sentiment" || e.data["role"] != "supervisor" || e.data["conversation"] != h.fill("${c}") {
				t.Errorf("the feed told %s", e.text)
			}
		}
	}
	if count != 2 {
		t.Errorf("the feed told supervisors %d times", count)
	}
	for _, e := range anna.until("conversation.ended") {
		if e.name == "notification.raised" {
			t.Errorf("the agent was told: %s", e.text)
		}
	}
	for _, e := range customer.until("conversation.ended") {
		if strings.Contains(e.text, "sentiment") || strings.Contains(e.text, "negative") {
			t.Errorf("the customer was told how he sounds: %s", e.text)
		}
	}
	if text := h.inClear("useless", "wonderful"); text != "" {
		t.Errorf("the log holds words in the clear: %s", text)
	}
}

func TestSES10_TheThresholdIsTheAdministrators(t *testing.T) {
	h := newHouse(t)
	seed(h)
	start := func(visitor, text string) step {
		return step{As: "visitor:" + visitor, Do: "POST /v1/conversations", Body: `{"widget":"shop","text":"` + text + `"}`, Status: 201, Save: map[string]string{"c": "conversation"}}
	}
	count := func(name, want string) step {
		return step{Name: name, As: "supervisor:sue", Do: "GET /v1/conversations/${c}/notifications", Status: 200, Contains: []string{want}}
	}
	const none, one = `"notifications":[]`, `"scenario":"sentiment"`
	h.run(
		step{As: "agent:anna", Do: "GET /v1/settings", Status: 200, Contains: []string{`"sentimentThreshold":"negative"`}},
		step{As: "supervisor:sue", Do: "PUT /v1/settings", Body: `{"sentimentThreshold":"off"}`, Status: 403},
		step{As: "admin:root", Do: "PUT /v1/settings", Body: `{"sentimentThreshold":"positive"}`, Status: 400, Contains: []string{`"field":"sentimentThreshold"`, `"rule":"SES-10"`}},
		step{As: "admin:root", Do: "PUT /v1/settings", Body: `{"sentimentThreshold":"off"}`, Status: 200, Contains: []string{`"sentimentThreshold":"off"`}},
		start("v1", "Terrible, awful service, I hate it"),
		count("off: nobody is told", none),
		step{Name: "and yet it is shown", As: "supervisor:sue", Do: "GET /v1/conversations", Status: 200, Contains: []string{`"sentiment":"very_negative"`}},
		step{As: "agent:anna", Do: "POST /v1/conversations/${c}/pick", Status: 200},
		step{Name: "off: no alert", As: "agent:anna", Do: "GET /v1/agents/anna/sessions", Status: 200, Contains: []string{`"unread":`}, Lacks: []string{`"alert"`}},
		step{As: "admin:root", Do: "PUT /v1/settings", Body: `{"sentimentThreshold":"very_negative"}`, Status: 200},
		step{Name: "the alert follows the threshold of now", As: "agent:anna", Do: "GET /v1/agents/anna/sessions", Status: 200, Contains: []string{`"alert":"!"`}},
		count("what was low already is no crossing", none),
		start("v2", "This is bad"),
		count("not so bad", none),
		step{As: "admin:root", Do: "PUT /v1/settings", Body: `{"sentimentThreshold":"slightly_negative"}`, Status: 200},
		start("v3", "There is a problem"),
		count("bad enough", one),
		step{As: "visitor:v3", Do: "POST /v1/conversations/${c}/leave", Status: 200},
		step{Name: "over, a message begins anew, with nothing of the former", As: "visitor:v3", Do: "POST /v1/conversations/${c}/messages", Body: `{"text":"Where is it?"}`, Status: 201, Save: map[string]string{"c": "conversation"}},
		count("neutral at first", none),
	)
}

// A resend is scored again by nobody: it is on record.
func TestSES10_AMessageIsScoredOnce(t *testing.T) {
	h := newHouse(t)
	seed(h)
	again := step{As: "visitor:v1", Do: "POST /v1/conversations/${c}/messages", Body: `{"clientMessageId":"m1","text":"I am so frustrated, this is useless"}`, Status: 201}
	h.run(
		step{As: "visitor:v1", Do: "POST /v1/conversations", Body: `{"widget":"shop"}`, Status: 201, Save: map[string]string{"c": "conversation"}},
		again, again,
		step{Name: "an attachment says nothing", As: "visitor:v1", Do: "POST /v1/conversations/${c}/messages", Body: `{"attachments":[{"id":"a1","name":"x.png","type":"image/png","size":1}]}`, Status: 201},
		step{As: "supervisor:sue", Do: "GET /v1/conversations/${c}", Status: 200, Contains: []string{`"sentiment":"very_negative"`}},
	)
	var heard []conversation.Sentiment
	for _, e := range h.stream("conversation-${c}") {
		if m, ok := e.(conversation.MessageReceived); ok {
			heard = append(heard, m.Sentiment)
		}
	}
	if len(heard) != 2 || heard[0] != (conversation.Sentiment{Level: -3, Conversation: -3, Of: 1}) || heard[1].Scored() {
		t.Errorf("recorded %+v", heard)
	}
}

// stream gives the events of a stream.
func (h *house) stream(name string) []any {
	h.t.Helper()
	var all []any
	for r, err := range h.Log.Read(h.t.Context(), eventstore.Query{Stream: h.fill(name)}) {
		if err != nil {
			h.t.Fatal(err)
		}
		e, err := h.Engine.Codec.Decode(r)
		if err != nil {
			h.t.Fatal(err)
		}
		all = append(all, e)
	}
	return all
}
