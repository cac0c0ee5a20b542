package main

import (
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"testing"
	"time"

	"parley/domain"
	"parley/domain/agent"
	"parley/domain/conversation"
	"parley/domain/line"
	"parley/domain/notification"
	"parley/domain/visitor"
	"parley/eventstore"
)

func TestWhatWasAcknowledgedSurvivesAKill(t *testing.T) {
	long(t)
	t.Parallel()
	s := serveProcess(t, folder(t), "--rate", "0")
	h := furnish(t, s)
	id := h.ask("message 1")
	h.engage(t, id)
	h.listen(t)
	h.look(h.ana, "/v1/agents/ana/capacity").want("connected", true)

	// Several write at once until the process is killed under them.
	const writers = 4
	var wg sync.WaitGroup
	acknowledged := make([]map[string]string, writers) // message id to text
	enough := make(chan struct{}, writers*1000)
	for w := range writers {
		acknowledged[w] = map[string]string{}
		wg.Go(func() {
			for n := 0; ; n++ {
				text := fmt.Sprintf("writer %d, message %d", w, n)
				sent := h.visitor.send("POST", "/v1/conversations/"+id+"/messages", fields{"text": text})
				if sent.status != http.StatusCreated {
					return // the process is gone
				}
				acknowledged[w][sent.text("message")] = text
				select {
				case enough <- struct{}{}:
				default:
				}
			}
		})
	}
	for range 100 {
		<-enough
	}
	s.kill()
	wg.Wait()

	h.again(serveProcess(t, s.data, "--rate", "0"))
	told := map[string]string{}
	lines, _ := h.ana.must(http.StatusOK, "GET", "/v1/conversations/"+id+"/transcript", nil).at("lines").([]any)
	for i, l := range lines {
		line := l.(map[string]any)
		told[line["id"].(string)] = line["text"].(string)
		if line["number"] != float64(i+1) {
			t.Errorf("message %d has the number %v", i+1, line["number"])
		}
	}
	n := 0
	for _, sent := range acknowledged {
		n += len(sent)
		for message, text := range sent {
			if told[message] != text {
				t.Errorf("%q was acknowledged and is %q", text, told[message])
			}
		}
	}
	if n < 100 || len(lines) < n+1 || len(lines) > n+1+writers {
		t.Errorf("%d messages are there, %d were acknowledged by %d writers", len(lines), n+1, writers)
	}

	// The views have caught up, and nothing of what is held is lost or doubled.
	h.look(h.admin, "/v1/conversations").want("conversations.0.messages", len(lines))
	h.look(h.ana, "/v1/agents/ana/capacity").want("held", 30)
	eventually(t, "the agent's feed of before is lost", func() bool {
		return h.look(h.ana, "/v1/agents/ana/capacity").at("connected") == false
	})
	parley(t, "projections", "verify", "--all", "--data", s.data).ok(t)
	parley(t, "check", "--data", s.data).ok(t)
}

// behind opens a folder as a server would, with nothing running, and does
// something in it: what a process left that was killed between two appends.
func behind(t *testing.T, data string, do func(h *house)) {
	t.Helper()
	h, err := openHouse(t.Context(), &config{data: data, location: time.UTC}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	do(h)
	if err := h.close(); err != nil {
		t.Fatal(err)
	}
}

// only does one command in one stream and nothing of what follows from it.
func only[S, E any](t *testing.T, h *house, k *domain.Kind[S, E], id string, cmd domain.Command[S, E]) {
	t.Helper()
	out, err := eventstore.Do(t.Context(), h.engine, k, id, cmd, eventstore.Meta{Actor: domain.Actor{ID: "test", Role: domain.RoleService}})
	if err != nil || len(out.Records) == 0 {
		t.Fatalf("%T recorded %d events: %v", cmd, len(out.Records), err)
	}
}

// opening starts a conversation of another visitor of the shop.
func opening(id string, at time.Time) domain.Opening {
	return domain.Opening{
		Conversation: id, Subject: "visitor-" + id, Visitor: id, Widget: "shop", Channel: domain.ChannelChat, Mode: domain.ModeLive,
		Workstream: "chat", Queue: "sales", Line: "line-of-" + id, Thread: "main", At: at,
		Terms: domain.Terms{Push: true, Units: 30, Block: domain.BlockAlways, DeclineLimit: 3, Countdown: 600, CloseOpen: 20 * 60, CloseWrapUp: 15 * 60},
	}
}

func TestWhatACrashLeftUndoneIsDone(t *testing.T) {
	long(t)
	t.Parallel()
	s := serveProcess(t, folder(t))
	h := furnish(t, s)
	talked := h.ask("Who is there?")
	hold := h.engage(t, talked)
	s.kill()

	var lost string
	behind(t, s.data, func(b *house) {
		// 1|2 of the flow: the line is taken, the conversation has not begun.
		only(t, b, &line.Kind, "line-of-taken", line.Take{Opening: opening("taken", time.Now())})
		// 9|…: the conversation is closed, the agent still holds its room.
		only(t, b, &conversation.Kind, talked, conversation.ForceClose{Reason: conversation.ReasonSpam})
		// 4|5: room is held for a conversation that is gone.
		lost = domain.Hold(talked, 77, "ana")
		only(t, b, &agent.Kind, "ana", agent.Reserve{
			Hold: lost, Conversation: "gone", Turn: 77, Units: 30, Purpose: agent.PurposePick, Forced: true, Day: "2026-01-01", At: time.Now(),
		})
	})

	h.again(serveProcess(t, s.data))
	eventually(t, "the conversation begins and is offered", func() bool {
		return h.admin.send("GET", "/v1/conversations/taken", nil).text("subState") == "offered"
	})
	eventually(t, "only the offer holds room", func() bool {
		c := h.admin.must(http.StatusOK, "GET", "/v1/agents/ana/capacity", nil)
		return c.at("held") == 30.0 && c.text("holds.0.conversation") == "taken" && c.at("sessions") == 1.0
	})
	eventually(t, "the session is closed", func() bool {
		return h.admin.must(http.StatusOK, "GET", "/v1/agents/ana/sessions", nil).at("sessions.1") == nil
	})
	released := map[string]int{}
	var page struct {
		Events []struct{ Data struct{ Hold string } }
	}
	decode(t, h.admin.must(http.StatusOK, "GET", "/v1/events?names=agent.units_released", nil).raw, &page)
	for _, e := range page.Events {
		released[e.Data.Hold]++
	}
	if len(released) != 2 || released[hold] != 1 || released[lost] != 1 {
		t.Errorf("released are %v, want %s and %s, once each", released, hold, lost)
	}
}

func TestWhatFellDueWhileStoppedFiresAtTheStart(t *testing.T) {
	t.Parallel()
	s := serveHere(t, folder(t))
	h := furnish(t, s)
	h.ana.must(http.StatusOK, "PUT", "/v1/agents/ana/presence", fields{"presence": "away"})
	s.stop()

	hold := domain.Hold("offered", 1, "ana")
	behind(t, s.data, func(b *house) {
		long := time.Now().Add(-time.Hour)
		only(t, b, &visitor.Kind, h.id, visitor.Invite{ID: "invited", Message: "Hello?", At: long})
		only(t, b, &conversation.Kind, "waited", conversation.Start{Opening: opening("waited", long)})
		only(t, b, &conversation.Kind, "offered", conversation.Start{Opening: opening("offered", time.Now())})
		only(t, b, &agent.Kind, "ana", agent.SetPresence{Presence: agent.Available, At: long})
		only(t, b, &agent.Kind, "ana", agent.Reserve{
			Hold: hold, Conversation: "offered", Turn: 1, Units: 30, Purpose: agent.PurposeOffer, Countdown: 120, Day: "2026-01-01", At: long,
		})
		only(t, b, &conversation.Kind, "offered", conversation.MakeOffer{Hold: hold, Agent: "ana", Turn: 1, At: long, Countdown: 120})
		only(t, b, &notification.Kind, hold, notification.Raise{
			Agent: "ana", Conversation: "offered", Subject: "visitor-offered", Form: notification.FormAlert, Scenario: notification.ScenarioChat,
			Title: "Visitor 1", Since: long, Deadline: long.Add(2 * time.Minute),
		})
		only(t, b, &agent.Kind, "ana", agent.SetPresence{Presence: agent.Away, At: time.Now()})
	})

	h.again(serveHere(t, s.data))
	eventually(t, "the open conversation closes by itself", func() bool {
		c := h.admin.must(http.StatusOK, "GET", "/v1/conversations/waited", nil)
		return c.text("state") == "closed" && c.text("reason") == conversation.ReasonAutoClosed
	})
	eventually(t, "the offer expires and the room is free", func() bool {
		return h.admin.must(http.StatusOK, "GET", "/v1/conversations/offered", nil).text("state") == "open" &&
			h.admin.must(http.StatusOK, "GET", "/v1/agents/ana/capacity", nil).at("held") == 0.0
	})
	eventually(t, "the alert that nobody saw is over", func() bool {
		n := h.ana.must(http.StatusOK, "GET", "/v1/agents/ana/notifications", nil)
		return n.text("notifications.0.hold") == hold && n.text("notifications.0.outcome") == "expired" && n.at("notifications.0.seen") == false
	})
	h.visitor.must(http.StatusConflict, "POST", "/v1/visitors/"+h.id+"/invitations/invited/accept", nil).want("code", "invitation_expired")
	var page struct {
		Events []struct{ Data struct{ Outcome string } }
	}
	eventually(t, "the end of the invitation is on record", func() bool {
		decode(t, h.admin.must(http.StatusOK, "GET", "/v1/events?names=visitor.invitation_ended", nil).raw, &page)
		return len(page.Events) > 0
	})
	if len(page.Events) != 1 || page.Events[0].Data.Outcome != visitor.InvitationExpired {
		t.Errorf("the invitation ended as %+v", page.Events)
	}
}
