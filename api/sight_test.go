package api_test

import (
	"strings"
	"testing"
	"time"

	"parley/api"
)

// rest reads a feed to its end.
func (l *listener) rest() []told {
	l.h.t.Helper()
	var all []told
	limit := time.After(patience)
	for {
		select {
		case e, ok := <-l.events:
			if !ok {
				return all
			}
			all = append(all, e)
		case <-limit:
			l.h.t.Fatalf("the feed goes on: %v", all)
		}
	}
}

// Who left, or is no member any more, or disabled, hears nothing that is said
// after that, and his feed ends as soon as there is something.
func TestAPI5_WhoMayNoLongerSeeHearsNothingMore(t *testing.T) {
	h := newHouse(t, withFeeds, func(o *api.Options) { o.Admit = api.OnlyEnabled(o.Engine) })
	seed(h)
	const at = "POST /v1/conversations/${c}/"
	h.run(
		step{As: "admin:root", Do: "PUT /v1/agents/dan", Body: `{"name":"Dan"}`, Status: 200},
		step{As: "admin:root", Do: "PUT /v1/queues/sales/members/dan", Status: 200},
		step{As: "visitor:v1", Do: "POST /v1/conversations", Body: `{"widget":"shop","text":"Hi"}`, Status: 201, Save: map[string]string{"c": "conversation"}},
		step{As: "agent:anna", Do: at + "pick", Status: 200},
		step{As: "agent:anna", Do: at + "participants", Body: `{"agent":"carol","as":"consult"}`, Status: 200, Save: map[string]string{"p": "participant"}},
		step{As: "agent:carol", Do: at + "participants/${p}/accept", Status: 200},
	)
	room := "/v1/conversations/" + h.vars["c"] + "/feed"
	consulted, member, disabled := h.listen("agent:carol", room), h.listen("agent:bob", room), h.listen("agent:dan", room)
	all := map[string]*listener{"who left": consulted, "who is no member": member, "who is disabled": disabled}
	h.run(step{As: "agent:anna", Do: at + "notes", Body: `{"text":"for all of us"}`, Status: 201})
	for _, l := range all {
		l.until("conversation.noted")
	}
	h.run(
		step{As: "agent:carol", Do: at + "participants/${p}/leave", Status: 200},
		step{As: "admin:root", Do: "DELETE /v1/queues/sales/members/bob", Status: 200},
		step{As: "admin:root", Do: "POST /v1/agents/dan/disable", Status: 200},
		step{As: "agent:anna", Do: at + "notes", Body: `{"text":"no longer yours"}`, Status: 201},
	)
	for who, l := range all {
		for _, e := range l.rest() {
			if strings.Contains(e.text, "no longer yours") {
				t.Errorf("%s is told %s", who, e.text)
			}
		}
	}
}

// A customer is told of the end, behind which the conversation is not his to see.
func TestPER6_ACustomersFeedEndsWithTheEnd(t *testing.T) {
	h := newHouse(t, withFeeds)
	seed(h)
	h.run(step{As: "visitor:v1", Do: "POST /v1/conversations", Body: `{"widget":"shop","text":"Hi"}`, Status: 201, Save: map[string]string{"c": "conversation"}})
	l := h.listen("visitor:v1", "/v1/conversations/"+h.vars["c"]+"/feed")
	h.run(step{As: "visitor:v1", Do: "POST /v1/conversations/${c}/leave", Status: 200})
	if all := names(l.rest()); len(all) == 0 || all[len(all)-1] != "conversation.closed" {
		t.Errorf("the customer was told %v", all)
	}
}
