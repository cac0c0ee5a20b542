package main

import (
	"context"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"parley/domain"
	"parley/domain/routing"
	"parley/eventstore"
	"parley/projections"
	"parley/projections/audit"
)

// team is a shop with more agents, of whom ben has skills and cho is away.
func team(t *testing.T, s *server) *shop {
	t.Helper()
	h := furnish(t, s)
	for id, presence := range map[string]string{"ben": "available", "cho": "away"} {
		s.admin.must(http.StatusOK, "PUT", "/v1/agents/"+id, fields{"name": id, "skills": []string{"pt"}})
		s.admin.must(http.StatusOK, "PUT", "/v1/queues/sales/members/"+id, nil)
		s.as("agent", id).must(http.StatusOK, "PUT", "/v1/agents/"+id+"/presence", fields{"presence": presence})
	}
	return h
}

func TestRTE7_EveryDecisionIsExplainedOverTheAPI(t *testing.T) {
	t.Parallel()
	h := team(t, serveHere(t, folder(t)))
	c := h.ask("Who is there?")
	h.engage(t, c) // ana: the same room as ben, and first by name
	told := h.look(h.admin, "/v1/conversations/"+c+"/routing")
	told.want("decisions.0.action", "offer")
	told.want("decisions.0.agent", "ana")
	told.want("decisions.0.candidates.0.reason", "chosen")
	told.want("decisions.0.candidates.1.agent", "ben")
	told.want("decisions.0.candidates.1.reason", "outranked")
	told.want("decisions.0.candidates.2.agent", "cho")
	told.want("decisions.0.candidates.2.reason", "presence")
	told.want("decisions.0.candidates.2.presence", "away")
	told.want("decisions.0.queue", "sales")
	told.want("decisions.0.heldUp", true)
	if told.at("decisions.1") != nil || told.text("decisions.0.read") == "" || told.text("decisions.0.at") == "" {
		t.Errorf("it does not say when and where, or says more than was decided: %s", told.raw)
	}
	if sentence := told.text("decisions.0.sentence"); !strings.Contains(sentence, "Offered to agent ana") || !strings.Contains(sentence, "1 ranked behind") {
		t.Errorf("the sentence is %q", sentence)
	}
	of := h.look(h.admin, "/v1/agents/cho/routing")
	of.want("decisions.0.conversation", c)
	of.want("decisions.0.found", "presence")
	h.ana.must(http.StatusForbidden, "GET", "/v1/agents/cho/routing", nil)
	h.look(h.ana, "/v1/agents/ana/routing").want("decisions.0.found", "chosen")
	h.visitor.must(http.StatusForbidden, "GET", "/v1/conversations/"+c+"/routing", nil)

	// Nobody: away, all of them.
	for _, id := range []string{"ana", "ben"} {
		h.admin.must(http.StatusOK, "PUT", "/v1/agents/"+id+"/presence", fields{"presence": "away"})
	}
	h.arrive(t)
	nobody := h.ask("Is nobody there?")
	eventually(t, "that nobody can be asked is on record", func() bool {
		return h.look(h.admin, "/v1/conversations/"+nobody+"/routing").text("decisions.0.action") == "none"
	})
	last := h.look(h.admin, "/v1/conversations/"+nobody+"/routing")
	last.want("decisions.0.candidates.0.reason", "presence")
	if offer := h.admin.must(http.StatusOK, "GET", "/v1/conversations/"+nobody, nil); offer.text("offer.hold") != "" {
		t.Errorf("it was offered: %s", offer.raw)
	}
	h.admin.must(http.StatusOK, "PUT", "/v1/agents/ben/presence", fields{"presence": "available"})
	h.offered(t, nobody)
	h.look(h.admin, "/v1/conversations/"+nobody+"/routing").want("decisions.1.agent", "ben")
	if r := parley(t, "check", "--data", h.data); r.code != exitOK {
		t.Errorf("the log does not bear its decisions out:\n%s%s", r.out, r.errs)
	}
}

func TestCON7_TheHoursBeginAndWhatWaitsIsRouted(t *testing.T) {
	t.Parallel()
	h := team(t, serveHere(t, folder(t)))
	var day []fields
	for _, name := range []string{"sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"} {
		day = append(day, fields{"day": name, "from": "00:00", "to": "24:00"})
	}
	h.admin.must(http.StatusOK, "PUT", "/v1/hours/office", fields{"name": "Office", "zone": "Europe/Berlin"})
	h.admin.must(http.StatusOK, "PUT", "/v1/queues/sales", fields{"name": "Sales", "hours": "office", "outsideHours": "tell"})
	c := h.ask("Too early?")
	if got := h.look(h.admin, "/v1/conversations/"+c+"/history"); !strings.Contains(got.raw, "told that it is outside the hours") {
		t.Errorf("the customer was not told: %s", got.raw)
	}
	if now := h.look(h.admin, "/v1/conversations/"+c); now.text("state") != "open" || now.text("offer.hold") != "" {
		t.Errorf("outside the hours: %s", now.raw)
	}
	h.admin.must(http.StatusOK, "PUT", "/v1/hours/office", fields{"name": "Office", "zone": "Europe/Berlin", "weekly": day})
	h.engage(t, c)
	// Closed again: who talks goes on, and a live chat that waits is told and closed.
	h.arrive(t)
	for _, id := range []string{"ana", "ben"} {
		h.admin.must(http.StatusOK, "PUT", "/v1/agents/"+id+"/presence", fields{"presence": "away"})
	}
	waits := h.ask("And me?")
	h.admin.must(http.StatusOK, "PUT", "/v1/hours/office", fields{"name": "Office", "zone": "Europe/Berlin"})
	eventually(t, "the live chat that waits is closed", func() bool {
		return h.look(h.admin, "/v1/conversations/"+waits).text("reason") == "outside_hours"
	})
	h.look(h.admin, "/v1/conversations/"+c).want("subState", "engaged")
}

func TestRTE6_AQueueFlowsOverIntoAnother(t *testing.T) {
	t.Parallel()
	h := team(t, serveHere(t, folder(t)))
	h.admin.must(http.StatusOK, "PUT", "/v1/queues/night", fields{"name": "Night"})
	h.admin.must(http.StatusOK, "PUT", "/v1/agents/dia", fields{"name": "Dia"})
	h.admin.must(http.StatusOK, "PUT", "/v1/queues/night/members/dia", nil)
	h.admin.must(http.StatusOK, "PUT", "/v1/queues/sales", fields{
		"name": "Sales", "overflow": fields{"moreThan": 1, "waiting": fields{"do": "queue", "queue": "night"}},
	})
	for _, id := range []string{"ana", "ben"} {
		h.admin.must(http.StatusOK, "PUT", "/v1/agents/"+id+"/presence", fields{"presence": "away"})
	}
	first := h.ask("First")
	h.arrive(t)
	second := h.ask("Second")
	eventually(t, "the second flows over", func() bool {
		return h.look(h.admin, "/v1/conversations/"+second).text("queue") == "night"
	})
	h.look(h.admin, "/v1/conversations/"+first).want("queue", "sales")
	told := h.look(h.admin, "/v1/conversations/"+second+"/routing")
	if !strings.Contains(told.raw, `"action":"move"`) || !strings.Contains(told.raw, "Queue sales has too many waiting: it goes to queue night") {
		t.Errorf("it is not explained: %s", told.raw)
	}
	h.admin.must(http.StatusOK, "PUT", "/v1/agents/dia/presence", fields{"presence": "available"})
	h.offered(t, second)
}

// TestRTE7_ABoardFromTheViewsIsTheBoardFromTheLog holds the board that a router
// begins with against one folded from the first event on.
func TestRTE7_ABoardFromTheViewsIsTheBoardFromTheLog(t *testing.T) {
	t.Parallel()
	s := serveHere(t, folder(t))
	h := team(t, s)
	h.admin.must(http.StatusOK, "PUT", "/v1/agents/ben/presence", fields{"presence": "away"})
	h.talk(t, "One", "two")
	h.arrive(t)
	h.engage(t, h.ask("Three"))
	for _, id := range []string{"ana", "ben"} {
		h.admin.must(http.StatusOK, "PUT", "/v1/agents/"+id+"/presence", fields{"presence": "away"})
	}
	for range 3 {
		h.arrive(t)
		h.ask("Four")
	}
	s.stop()
	behind(t, s.data, func(b *house) {
		if err := b.runner.CatchUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		info, err := b.log.Info(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		r := &router{engine: b.engine, views: b.views, zone: time.UTC, logger: b.logger, store: info.Store}
		if _, err := r.seed(t.Context()); err != nil {
			t.Fatal(err)
		}
		folded := routing.New(zoneOf, time.UTC)
		for rec, err := range b.log.Read(t.Context(), eventstore.Query{Names: routing.Names()}) {
			if err != nil {
				t.Fatal(err)
			}
			f, err := b.engine.Codec.Fact(rec)
			if err != nil {
				t.Fatal(err)
			}
			folded.Fold(f)
		}
		now := time.Now().UTC().Truncate(time.Microsecond).Add(5 * time.Minute)
		one, other := r.board.Round(now, "x"), folded.Round(now, "x")
		one, other = r.board.Round(now, "x"), folded.Round(now, "x") // what the seeding alone touched is looked at by now
		if len(one.Choices) != len(other.Choices) {
			t.Errorf("decided %+v and %+v", one.Choices, other.Choices)
		}
		standing, _, err := b.views.Standing(t.Context(), 0)
		if err != nil || len(standing.Conversations) != 4 || len(standing.Agents) != 3 {
			t.Fatalf("%+v: %v", standing, err)
		}
		for _, id := range standing.Conversations {
			a, _ := r.board.Conversation(id)
			c, _ := folded.Conversation(id)
			a.Messages, a.CustomerRead, a.AgentRead, a.Topic, a.Moods = c.Messages, c.CustomerRead, c.AgentRead, c.Topic, c.Moods // what a board does not follow
			if a.Offer != nil && c.Offer != nil {
				a.Offer.Delivered = c.Offer.Delivered
			}
			a.CloseAt = c.CloseAt
			if !reflect.DeepEqual(a, c) {
				t.Errorf("conversation %s is\n%+v from the views, and\n%+v from the log", id, a, c)
			}
		}
		for _, id := range standing.Agents {
			a, _ := r.board.Agent(id)
			c, _ := folded.Agent(id)
			if !reflect.DeepEqual(a, c) {
				t.Errorf("agent %s is\n%+v from the views, and\n%+v from the log", id, a, c)
			}
		}
		report, err := audit.Run(t.Context(), b.log, b.engine.Codec, audit.Options{})
		if err != nil || report.Total > 0 || report.Decisions < 2 { // the two offers; the router may have been stopped before it looked again
			t.Errorf("%d decisions were made again: %v, %v", report.Decisions, report.Findings, err)
		}
	})
}

// TestRTE7_ADecisionThatTheLogDoesNotBearIsFound changes a decision on record.
func TestRTE7_ADecisionThatTheLogDoesNotBearIsFound(t *testing.T) {
	t.Parallel()
	s := serveHere(t, folder(t))
	h := team(t, s)
	c := h.ask("Who is there?")
	h.offered(t, c)
	s.stop()
	behind(t, s.data, func(b *house) {
		entries, err := projections.ConversationDecisions(t.Context(), b.log, b.engine.Codec, c)
		if err != nil || len(entries) != 1 {
			t.Fatalf("%+v, %v", entries, err)
		}
		wrong := func(change func(*domain.Decision)) int {
			found := 0
			info, err := b.log.Info(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			check := routing.NewCheck(zoneOf, time.UTC, func(text string) (uint64, bool) {
				p, err := eventstore.ParsePosition(info.Store, text)
				return uint64(p), err == nil
			}, func(string, uint64, string) { found++ })
			for rec, err := range b.log.Read(t.Context(), eventstore.Query{Names: routing.Names()}) {
				if err != nil {
					t.Fatal(err)
				}
				f, err := b.engine.Codec.Fact(rec)
				if err != nil {
					t.Fatal(err)
				}
				if d := routing.DecisionOf(f); d != nil {
					change(d)
				}
				check.See(f, uint64(rec.Position))
			}
			check.End()
			return found
		}
		if n := wrong(func(*domain.Decision) {}); n != 0 {
			t.Errorf("%d decisions of the log itself are called wrong", n)
		}
		for name, change := range map[string]func(*domain.Decision){
			"another agent": func(d *domain.Decision) { d.Agent = "ben" },
			"another rank":  func(d *domain.Decision) { d.Best[0], d.Best[1] = d.Best[1], d.Best[0] },
			"less room":     func(d *domain.Decision) { d.Best[1].Free = 0 },
			"other reasons": func(d *domain.Decision) { d.Best[2].Reason = routing.NoRoom },
		} {
			if n := wrong(change); n == 0 {
				t.Errorf("%s: not found", name)
			}
		}
	})
}
