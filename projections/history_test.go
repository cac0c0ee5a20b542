package projections

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/samber/lo"

	"parley/domain"
	"parley/domain/agent"
	"parley/domain/conversation"
	"parley/domain/notification"
	"parley/domain/session"
)

func TestAUD1_HistoryAsAPersonReadsIt(t *testing.T) {
	d := newDesk(t)
	d.opened()
	d.start("c1", "v1", domain.ModeLive, "q1")
	d.pass(5 * time.Second)
	d.wrote("c1", "m1")
	d.pass(7 * time.Second)
	hold, _ := d.reserve("c1", "ana", agent.PurposeOffer)
	do(d, &conversation.Kind, "c1", conversation.Accept{Hold: hold, Agent: "ana", At: d.clock})
	d.pass(time.Minute)
	do(d, &conversation.Kind, "c1", conversation.Send{ID: "a1", Text: "Hi", By: ana, At: d.clock})
	do(d, &conversation.Kind, "c1", conversation.End{Agent: "ana", At: d.clock})

	story, err := History(d.ctx, d.log, d.Codec, "conversation", "c1", AsOf{})
	ok(t, err)
	got := strings.Join(lo.Map(story.Entries, func(e Entry, _ int) string { return e.Line() }), "\n")
	want := `12:00:00  Started on chat (live) by visitor v1, in workstream chat
12:00:00  Put into queue q1
12:00:05  Visitor wrote: «text of m1»
12:00:12  Offered to agent ana until 12:02:12 (first in the queue's order; 2 ranked behind)
12:00:12  Agent ana accepted: engaged after 12 s of waiting
12:01:12  Agent ana wrote: «Hi»
12:01:12  The agent ended it: wrap-up of agent ana began`
	if got != want {
		t.Errorf("\n%s\nwant\n%s", got, want)
	}
	is(t, "stream", story.Stream, "conversation-c1")
	var raw struct{ Text string }
	ok(t, json.Unmarshal(story.Entries[2].Data, &raw))
	is(t, "raw, in the clear", raw.Text, "text of m1")
	for _, kind := range []string{"agent", "notification", "session"} {
		id := hold
		if kind == "agent" {
			id = "ana"
		}
		story, err := History(d.ctx, d.log, d.Codec, kind, id, AsOf{})
		ok(t, err)
		if len(story.Entries) == 0 {
			t.Errorf("no history of %s %s", kind, id)
		}
	}
	if _, err := History(d.ctx, d.log, d.Codec, "weather", "x", AsOf{}); err == nil {
		t.Error("a history of the weather")
	}
}

func TestAUD2_AConversationAsItWas(t *testing.T) {
	d := newDesk(t)
	d.opened()
	at := d.start("c1", "v1", domain.ModeLive, "q1")
	d.pass(time.Minute)
	d.engage("c1", "ana")
	for _, c := range []struct {
		asOf AsOf
		want conversation.Status
	}{
		{AsOf{}, conversation.StatusEngaged},
		{AsOf{Time: noon}, conversation.StatusOpen},
		{AsOf{Time: noon.Add(time.Minute)}, conversation.StatusEngaged},
		{AsOf{Position: at}, conversation.StatusOpen},
		{AsOf{Time: noon.Add(-time.Second)}, conversation.StatusNone},
	} {
		story, err := History(d.ctx, d.log, d.Codec, "conversation", "c1", c.asOf)
		ok(t, err)
		is(t, "status", story.State.(conversation.Conversation).Status, c.want)
	}
}

// sentences tells that every name of a kind has a sentence.
func sentences[S, E any](t *testing.T, k *domain.Kind[S, E], sentence func(E, S) string) {
	t.Helper()
	for name, zero := range k.Names {
		var state S
		if sentence(zero, state) == "" {
			t.Errorf("%s has no sentence", name)
		}
	}
}

func TestAUD1_EveryEventHasASentence(t *testing.T) {
	sentences(t, &conversation.Kind, conversationSentence)
	sentences(t, &agent.Kind, agentSentence)
	sentences(t, &notification.Kind, notificationSentence)
	sentences(t, &session.Kind, sessionSentence)
}

func TestCON2_NotesAreNeverInTheCustomersTranscript(t *testing.T) {
	d := newDesk(t)
	d.opened()
	d.start("c1", "v1", domain.ModeLive, "q1")
	d.wrote("c1", "m1")
	d.engage("c1", "ana")
	do(d, &conversation.Kind, "c1", conversation.Note{ID: "n1", Text: "careful", By: ana})
	do(d, &conversation.Kind, "c1", conversation.Send{ID: "a1", Text: "Hi", By: ana, At: d.clock})
	d.wrote("c1", "m2")
	last := do(d, &conversation.Kind, "c1", conversation.MarkRead{Side: conversation.SideAgent, UpTo: 1})
	for _, c := range []struct {
		of   TranscriptOf
		want string
	}{
		{TranscriptOf{}, "m1 a1 m2"},
		{TranscriptOf{Notes: true}, "m1 n1 a1 m2"},
		{TranscriptOf{After: 1}, "a1 m2"},
		{TranscriptOf{Limit: 2}, "m1 a1"},
	} {
		lines, at, err := Transcript(d.ctx, d.log, d.Codec, "c1", c.of)
		ok(t, err)
		is(t, "position", at, last)
		is(t, "lines", join(lo.Map(lines, func(l Line, _ int) string { return l.ID })), c.want)
		is(t, "read", lines[0].Read, lines[0].Number == 1)
		is(t, "unread", lines[len(lines)-1].Read, false)
	}
}
