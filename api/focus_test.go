package api_test

import (
	"testing"

	"parley/domain/contact"
)

// TestSES2_OpeningAgainFocuses opens what is open already.
func TestSES2_OpeningAgainFocuses(t *testing.T) {
	h := newHouse(t)
	seed(h)
	do(h, &contact.Kind, "c-1", contact.Record{ID: "c-1", Details: contact.Details{Name: "Ada Lovelace"}})
	engaged(h)
	const open = "POST /v1/agents/anna/sessions"
	focus := func(on string) {
		t.Helper()
		h.run(step{Name: on + " is in focus", As: "agent:anna", Do: "GET /v1/agents/anna/sessions", Status: 200, Contains: []string{`"focus":"` + on + `"`}})
	}
	h.run(step{As: "agent:anna", Do: open, Key: "o1", Body: `{"form":"contact","of":"c-1"}`, Status: 201, Save: map[string]string{"tab": "session"}})
	focus("home")
	h.run(step{Name: "the same command again opens nothing again", As: "agent:anna", Do: open, Key: "o1", Body: `{"form":"contact","of":"c-1"}`, Status: 201})
	focus("home")
	h.run(step{As: "agent:anna", Do: open, Body: `{"form":"contact","of":"c-1"}`, Status: 201, Contains: []string{`"session":"${tab}"`}})
	focus("${tab}")
	h.run(step{Name: "her own conversation", As: "agent:anna", Do: "POST /v1/conversations/${c}/pick", Status: 200, Contains: []string{`"hold":"${hold}"`}})
	focus("${hold}")
	h.run(
		step{As: "agent:anna", Do: "POST /v1/sessions/${hold}/close", Body: `{"confirm":true}`, Status: 200},
		step{Name: "with the session its focus is gone, and Home is what is left (SES-8)", As: "agent:anna", Do: "GET /v1/agents/anna/sessions", Status: 200,
			Contains: []string{`"focus":"home"`, `{"focused":true,"form":"home"`}},
		step{As: "agent:anna", Do: "POST /v1/conversations/${c}/pick", Status: 200},
		step{Name: "who assigns what she has does not look at it", As: "supervisor:sue", Do: "POST /v1/conversations/${c}/assign", Body: `{"agent":"anna"}`, Status: 200},
	)
	focus("home")
}
