package api_test

import (
	"strings"
	"testing"
)

// What an agent's feed tells of his alert holds the template; nobody's feed tells
// that a supervisor looks on, and the private thread reaches those in it only.
func TestCON5_FeedsTellEachWhatIsHis(t *testing.T) {
	h := newHouse(t, withFeeds)
	seed(h)
	h.run(
		step{As: "admin:root", Do: "PUT /v1/notification-templates/consult_invited", Body: `{"theme":"dark","countdown":77}`, Status: 200},
		step{As: "visitor:v1", Do: "POST /v1/conversations", Body: `{"widget":"shop","text":"Hi"}`, Status: 201, Save: map[string]string{"c": "conversation"}},
		step{As: "agent:anna", Do: "POST /v1/conversations/${c}/pick", Status: 200},
	)
	carol, anna := h.listen("agent:carol", "/v1/agents/carol/feed"), h.listen("agent:anna", "/v1/agents/anna/feed")
	room, customer := h.listen("agent:bob", "/v1/conversations/"+h.vars["c"]+"/feed"), h.listen("visitor:v1", "/v1/conversations/"+h.vars["c"]+"/feed")
	carol.until("agent.connected")
	const at = "POST /v1/conversations/${c}/"
	h.run(
		step{As: "agent:anna", Do: at + "participants", Body: `{"agent":"carol","as":"joined"}`, Status: 200, Save: map[string]string{"p": "participant"}},
		step{As: "supervisor:sue", Do: at + "monitor", Status: 200},
	)
	raised := carol.until("notification.raised")
	template, ok := raised[len(raised)-1].data["template"].(map[string]any)
	if !ok || template["theme"] != "dark" || template["countdown"] != 77.0 || template["rejectAllowed"] != true {
		t.Errorf("NOT-7: the feed tells %s", raised[len(raised)-1].text)
	}
	h.run(
		step{As: "agent:carol", Do: at + "participants/${p}/accept", Status: 200},
		step{As: "agent:carol", Do: at + "consult-messages", Body: `{"text":"Between us"}`, Status: 200},
		step{As: "agent:anna", Do: at + "messages", Body: `{"text":"Goodbye"}`, Status: 201},
		step{As: "agent:anna", Do: at + "end", Status: 200},
	)
	var all strings.Builder
	for _, e := range append(room.until("conversation.ended"), customer.until("conversation.ended")...) {
		all.WriteString(e.name + e.text)
	}
	if text := all.String(); strings.Contains(text, "Between us") || strings.Contains(text, "monitor") || strings.Contains(text, "sue") || !strings.Contains(text, "Goodbye") {
		t.Errorf("the feeds of others tell %s", text)
	}
	if text := all.String(); !strings.Contains(text, "agent_joined") {
		t.Error("the customer is not told that an agent joined")
	}
	heard := false
	for _, e := range anna.until("conversation.ended") {
		heard = heard || e.name == "conversation.consult_said"
		if strings.Contains(e.name+e.text, "monitor") {
			t.Errorf("anna is told of %s", e.text)
		}
	}
	if !heard {
		t.Error("the primary does not hear the thread")
	}
}
