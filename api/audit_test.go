package api_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"parley/domain"
	"parley/domain/agent"
	"parley/domain/contact"
	"parley/domain/conversation"
	"parley/domain/line"
	"parley/domain/notification"
	"parley/domain/visitor"
	"parley/projections"
)

// talking has a conversation "c1" of visitor v1 that anna has, with hold "h1".
func talking(h *house) {
	h.t.Helper()
	configured(h)
	now := h.Clock.Now().UTC()
	do(h, &visitor.Kind, "v1", visitor.Arrive{ID: "v1", Widget: "shop"})
	do(h, &line.Kind, "l1", line.Take{Opening: domain.Opening{
		Conversation: "c1", Subject: "visitor-v1", Visitor: "v1", Widget: "shop", Channel: "chat", Mode: "live", Workstream: "chat",
		Queue: "sales", At: now, Terms: domain.Terms{Units: 30, Countdown: 120, Block: "always", DeclineLimit: 3, CloseWrapUp: 900},
	}})
	do(h, &conversation.Kind, "c1", conversation.Receive{ID: "m1", Text: "hello there", At: now})
	do(h, &agent.Kind, "anna", agent.SetPresence{Presence: agent.Available, At: now})
	do(h, &agent.Kind, "anna", agent.Reserve{Hold: "h1", Conversation: "c1", Subject: "visitor-v1", Turn: 1, Segment: 1, Units: 30,
		Purpose: agent.PurposePick, Day: "2026-01-01", At: now})
	do(h, &conversation.Kind, "c1", conversation.Note{ID: "n1", Text: "seems upset", By: domain.Actor{ID: "anna", Role: domain.RoleAgent}})
}

func TestAUD1_HistoryIsToldAndRaw(t *testing.T) {
	h := newHouse(t)
	talking(h)
	do(h, &notification.Kind, "n7", notification.Raise{Agent: "anna", Conversation: "c1", Form: "toast", Title: "Visitor 1"})
	h.run(
		step{As: "auditor:eve", Do: "GET /v1/conversations/c1/history", Status: 200,
			Contains: []string{`"name":"conversation.started"`, `"sentence":`, "hello there", "seems upset", `"status":"engaged"`}},
		step{As: "agent:anna", Do: "GET /v1/conversations/c1/history", Status: 200},
		step{As: "supervisor:sue", Do: "GET /v1/agents/anna/history", Status: 200, Contains: []string{`"name":"agent.reserved"`, `"stream":"agent-anna"`}},
		step{As: "agent:anna", Do: "GET /v1/sessions/h1/history", Status: 200, Contains: []string{`"name":"session.started"`}},
		step{As: "agent:anna", Do: "GET /v1/notifications/n7/history", Status: 200, Contains: []string{`"name":"notification.raised"`}},
		step{As: "agent:bob", Do: "GET /v1/conversations/c1/history", Status: 403},
		step{As: "agent:bob", Do: "GET /v1/agents/anna/history", Status: 403},
		step{As: "agent:bob", Do: "GET /v1/sessions/h1/history", Status: 403},
		step{As: "agent:bob", Do: "GET /v1/notifications/n7/history", Status: 403},
		step{As: "visitor:v1", Do: "GET /v1/conversations/c1/history", Status: 403},
		step{As: "auditor:eve", Do: "GET /v1/conversations/none/history", Status: 404},
		step{As: "auditor:eve", Do: "GET /v1/agents/none/history", Status: 404},
		step{As: "auditor:eve", Do: "GET /v1/sessions/none/history", Status: 404},
		step{As: "auditor:eve", Do: "GET /v1/notifications/none/history", Status: 404},
	)
}

func TestAUD2_HistoryAsOfATimeOrAPosition(t *testing.T) {
	h := newHouse(t)
	talking(h)
	then := h.Position
	between := h.Clock.Now().Add(time.Minute).UTC()
	h.Clock.Advance(2 * time.Minute)
	do(h, &conversation.Kind, "c1", conversation.End{Agent: "anna", At: h.Clock.Now()})
	h.run(
		step{As: "auditor:eve", Do: "GET /v1/conversations/c1/history", Status: 200, Contains: []string{`"status":"wrap_up"`}},
		step{As: "auditor:eve", Do: "GET /v1/conversations/c1/history?asOf=" + then, Status: 200, Contains: []string{`"status":"engaged"`}, Lacks: []string{"conversation.ended"}},
		step{As: "auditor:eve", Do: "GET /v1/conversations/c1/history?asOf=" + between.Format(time.RFC3339), Status: 200, Contains: []string{`"status":"engaged"`}, Lacks: []string{"conversation.ended"}},
		step{As: "auditor:eve", Do: "GET /v1/conversations/c1/history?asOf=2001-01-01T00:00:00Z", Status: 200, Contains: []string{`"entries":[]`}},
		step{As: "agent:anna", Do: "GET /v1/conversations/c1/history?asOf=2001-01-01T00:00:00Z", Status: 200, Contains: []string{`"entries":[]`}},
		step{As: "auditor:eve", Do: "GET /v1/conversations/c1/history?asOf=yesterday", Status: 400, Contains: []string{`"field":"asOf"`}},
		step{As: "auditor:eve", Do: "GET /v1/conversations/c1/history?asOf=other:7", Status: 410, Contains: []string{`"code":"log_moved"`, `"field":"asOf"`}},
	)
}

func TestTheLogIsReadInOrderAndOpenedForAuditors(t *testing.T) {
	h := newHouse(t)
	talking(h)
	h.run(
		step{As: "auditor:eve", Do: "GET /v1/events?after=0&kinds=conversation", Status: 200, Contains: []string{`"text":"hello there"`, `"text":"seems upset"`}, Lacks: []string{"queue.configured", `"next"`}},
		step{As: "supervisor:sue", Do: "GET /v1/events?after=0&kinds=conversation", Status: 200, Contains: []string{`"text":"p1:`}, Lacks: []string{"hello there", "seems upset"}},
		step{As: "admin:root", Do: "GET /v1/events?after=0&names=conversation.noted,visitor.arrived", Status: 200, Contains: []string{"conversation.noted", "visitor.arrived"}, Lacks: []string{"conversation.started"}},
		step{As: "auditor:eve", Do: "GET /v1/events?after=0&kinds=ghost", Status: 400, Contains: []string{`"field":"kinds"`, `such as conversation`}},
		step{As: "auditor:eve", Do: "GET /v1/events?after=0&names=ghost.seen", Status: 400, Contains: []string{`"field":"names"`}},
		step{As: "agent:anna", Do: "GET /v1/events?after=0", Status: 403},
	)
	whole := h.ask(step{As: "auditor:eve", Do: "GET /v1/events?after=0&limit=200", Status: 200})
	var paged []any
	for after := "0"; after != ""; {
		page := h.ask(step{As: "auditor:eve", Do: "GET /v1/events?limit=3&after=" + after, Status: 200})
		paged = append(paged, page["events"].([]any)...)
		after, _ = page["next"].(string)
	}
	a, err := json.Marshal(whole["events"])
	h.check(err)
	b, err := json.Marshal(paged)
	h.check(err)
	if string(a) != string(b) || len(paged) < 10 {
		t.Errorf("page by page the log reads otherwise: %d events", len(paged))
	}
}

// lines asks for work on projections and gives the answer's lines.
func (h *house) lines(as, url, body string) []map[string]any {
	h.t.Helper()
	answer, _, text := h.send(step{As: as, Do: url, Body: body})
	if answer.StatusCode != http.StatusOK || !strings.HasPrefix(answer.Header.Get("Content-Type"), "application/x-ndjson") {
		h.t.Fatalf("%s: %d %s", url, answer.StatusCode, text)
	}
	var all []map[string]any
	for text := range strings.Lines(string(text)) {
		var one map[string]any
		if err := json.Unmarshal([]byte(text), &one); err != nil {
			h.t.Fatalf("%q: %v", text, err)
		}
		all = append(all, one)
	}
	return all
}

func TestANA1_ProjectionsAreListedVerifiedAndRebuilt(t *testing.T) {
	h := newHouse(t)
	talking(h)
	for _, p := range projections.All() {
		h.check(h.Views.Runner.Wait(context.Background(), p.Name, h.head()))
	}
	listed := h.ask(step{As: "auditor:eve", Do: "GET /v1/projections", Status: 200, Contains: []string{`"name":"active"`, `"state":"live"`, `"stalled":false`}})
	if n := len(listed["projections"].([]any)); n != len(projections.All()) {
		t.Errorf("%d projections", n)
	}
	for _, url := range []string{"POST /v1/projections/verify", "POST /v1/projections/rebuild"} {
		all := h.lines("service:ana", url, `{"all":true}`)
		if last := all[len(all)-1]; last["result"] != "ok" || len(all) <= len(projections.All()) {
			t.Errorf("%s: %v", url, all)
		}
		one := h.lines("admin:root", url, `{"names":["active"]}`)
		if len(one) < 2 || one[0]["projection"] != "active" || one[len(one)-1]["result"] != "ok" {
			t.Errorf("%s: %v", url, one)
		}
		h.run(
			step{As: "admin:root", Do: url, Body: `{"names":["ghost"]}`, Status: 400, Contains: []string{`"field":"names"`}},
			step{As: "admin:root", Do: url, Body: `{}`, Status: 400},
			step{As: "admin:root", Do: url, Body: `{"all":true,"names":["active"]}`, Status: 400},
			step{As: "admin:root", Do: url, Body: `{"every":true}`, Status: 400, Contains: []string{`"code":"invalid_body"`}},
			step{As: "agent:anna", Do: url, Body: `{"all":true}`, Status: 403},
		)
	}
	if compared := h.lines("admin:root", "POST /v1/projections/rebuild", `{"names":["active"],"compare":true}`); compared[len(compared)-1]["result"] != "ok" {
		t.Error(compared)
	}
	h.run(
		step{As: "admin:root", Do: "POST /v1/projections/active/pause", Status: 200, Contains: []string{`"state":"paused"`}},
		step{As: "admin:root", Do: "POST /v1/projections/active/resume", Status: 200, Contains: []string{`"state":"live"`}},
		step{As: "admin:root", Do: "POST /v1/projections/ghost/pause", Status: 400, Contains: []string{`"field":"projection"`}},
		step{As: "admin:root", Do: "GET /v1/projections/active/parked", Status: 200, Contains: []string{`"parked":[]`}},
		step{As: "auditor:eve", Do: "POST /v1/projections/active/pause", Status: 403},
		step{As: "admin:root", Do: "GET /v1/reactors", Status: 200, Contains: []string{`"reactors":[]`}},
		step{As: "admin:root", Do: "POST /v1/reactors/ghost/replay", Body: `{"all":true}`, Status: 404},
	)
}

func TestErasedTextIsErasedInHistory(t *testing.T) {
	h := newHouse(t)
	talking(h)
	h.run(step{As: "agent:anna", Do: "PUT /v1/contacts/ada", Body: `{"name":"Ada"}`, Status: 200})
	do(h, &contact.Kind, "ada", contact.Note{ID: "x", Text: "a note", By: domain.Actor{ID: "anna", Role: "agent"}})
	do(h, &conversation.Kind, "c1", conversation.LinkContact{Contact: "ada"})
	h.run(
		step{As: "admin:root", Do: "POST /v1/contacts/ada/erase", Status: 200, Contains: []string{`"visitors":1`}},
		step{As: "auditor:eve", Do: "GET /v1/conversations/c1/history", Status: 200, Contains: []string{"[erased]"}, Lacks: []string{"hello there", "seems upset"}},
	)
}
