package projections

import (
	"testing"

	"parley/domain"
	"parley/domain/conversation"
	"parley/eventstore"
)

func (d *desk) sounded(id, message string, l domain.Level) {
	d.t.Helper()
	do(d, &conversation.Kind, id, conversation.Receive{ID: message, Text: "…", At: d.clock, Scored: true, Level: l})
}

// The supervisors' news are in no agent's list, and in a supervisor's once for
// each crossing; the view shows how the customer sounds.
func TestSES10_ViewsShowHowTheCustomerSounds(t *testing.T) {
	d := newDesk(t)
	d.opened()
	d.start("c1", "v1", domain.ModeLive, "q1")
	hold := d.engage("c1", "ana")
	level := func() domain.Level {
		t.Helper()
		row, _, _, err := d.ActiveOne(d.ctx, "c1", d.seen())
		ok(t, err)
		v, _, _, err := d.Session(d.ctx, hold, d.seen())
		ok(t, err)
		is(t, "the session sounds as its conversation", v.Sentiment, domain.Level(row.Talk.Sentiment))
		return v.Sentiment
	}
	inbox := func(agent, role string) []NotificationView {
		t.Helper()
		views, _, _, err := d.Inbox(d.ctx, agent, role, "", Page{}, d.seen())
		ok(t, err)
		return views
	}
	d.wrote("c1", "m0")
	is(t, "neutral at first", level(), domain.Neutral)
	d.sounded("c1", "m1", domain.VeryNegative)
	is(t, "one", level(), domain.VeryNegative)
	d.wrote("c1", "m2")
	is(t, "what is not scored leaves it", level(), domain.VeryNegative)
	d.sounded("c1", "m3", domain.VeryPositive)
	is(t, "two", level(), domain.Neutral)
	is(t, "for agents", len(inbox("ana", "")), 0)
	told := inbox("sue", domain.RoleSupervisor)
	if len(told) != 1 || told[0].Scenario != domain.ScenarioSentiment || told[0].Role != domain.RoleSupervisor || told[0].Customer != "Visitor 1" || told[0].Standing {
		t.Fatalf("%+v", told)
	}
	is(t, "another role", len(inbox("sue", domain.RoleAuditor)), 0)
}

// What a conversation carries forward, it knows again as it is read.
func TestSES10_MoodsAreCarriedForward(t *testing.T) {
	d := newDesk(t)
	for _, levels := range [][]domain.Level{nil, {domain.Neutral}, {-3, 3, -1, 0, 2, -2, 1}} {
		state := conversation.Conversation{ID: "c"}
		for _, l := range levels {
			state.Moods = state.Moods.With(l)
		}
		name, data, err := d.engine.Codec.Encode(conversation.CarriedForward{State: state}, "")
		ok(t, err)
		event, err := d.engine.Codec.Decode(eventstore.Record{Name: name, Data: data})
		ok(t, err)
		if got := event.(conversation.CarriedForward).State.Moods; got != state.Moods {
			t.Errorf("%v was read as %v", state.Moods, got)
		}
	}
}
