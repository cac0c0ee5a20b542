package policy_test

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"parley/domain"
	"parley/domain/agent"
	"parley/domain/bulk"
	"parley/domain/cases"
	"parley/domain/contact"
	"parley/domain/conversation"
	"parley/domain/hours"
	"parley/domain/line"
	"parley/domain/notification"
	"parley/domain/policy"
	"parley/domain/profile"
	"parley/domain/queue"
	"parley/domain/session"
	"parley/domain/settings"
	"parley/domain/visitor"
	"parley/domain/widget"
	"parley/domain/workstream"
)

// TestLaws_AnyCommandOnAnyState throws commands of arbitrary content at every
// kind: a decision never panics, never changes the state it is given, and is
// the same when made again; what it records can be stored, folded, carried
// forward and followed.
func TestLaws_AnyCommandOnAnyState(t *testing.T) {
	t.Run("conversation", laws(&conversation.Kind, conversation.Start{}, conversation.MakeOffer{}, conversation.PassOver{}, conversation.Deliver{},
		conversation.Accept{}, conversation.Reject{}, conversation.Expire{}, conversation.Withdraw{}, conversation.Lose{}, conversation.Engage{},
		conversation.End{}, conversation.Leave{}, conversation.ForceClose{}, conversation.TimeOut{}, conversation.CloseSession{}, conversation.Requeue{},
		conversation.Move{}, conversation.Receive{}, conversation.Send{}, conversation.MarkRead{}, conversation.Note{}, conversation.LinkContact{},
		conversation.UnlinkContact{}, conversation.LinkCase{}, conversation.UnlinkCase{}, conversation.RecordContext{}, conversation.LookUp{},
		conversation.Survey{}, conversation.Classify{}, conversation.TurnDown{}, conversation.Overflow{}, conversation.EndOutsideHours{},
		conversation.Invite{}, conversation.AnswerInvite{}, conversation.ExpireInvite{}, conversation.Say{}, conversation.LeavePart{},
		conversation.Monitor{}, conversation.ShowUp{},
		conversation.RequireSkill{}, conversation.DropSkill{}))
	t.Run("agent", laws(&agent.Kind, agent.Register{}, agent.Enable{}, agent.Disable{}, agent.SetPresence{}, agent.FollowCapacity{}, agent.Fall{},
		agent.Connect{}, agent.Disconnect{}, agent.Vanish{}, agent.Reserve{}, agent.Release{}, agent.Focus{}, agent.SetPanel{}, agent.SignOut{}, agent.SetProfiles{}))
	t.Run("line", laws(&line.Kind, line.Take{}))
	t.Run("notification", laws(&notification.Kind, notification.Raise{}, notification.Deliver{}, notification.Display{}, notification.Resolve{}))
	t.Run("session", laws(&session.Kind, session.Start{}, session.Close{}, session.ArrangeTabs{}, session.KeepDraft{}))
	t.Run("visitor", laws(&visitor.Kind, visitor.Arrive{}, visitor.Identify{}, visitor.RefuseStart{}, visitor.VisitPage{}, visitor.SearchPhrase{},
		visitor.ViewArticle{}, visitor.ActCustom{}, visitor.Invite{}, visitor.AcceptInvitation{}, visitor.EndInvitation{}, visitor.Talk{}))
	t.Run("contact", laws(&contact.Kind, contact.Record{}, contact.Note{}, contact.AddActivity{}, contact.Erase{}))
	t.Run("case", laws(&cases.Kind, cases.Open{}, cases.Note{}, cases.SetStatus{}))
	t.Run("workstream", laws(&workstream.Kind, workstream.Create{}, workstream.Reconfigure{}, workstream.SetTemplate{}))
	t.Run("queue", laws(&queue.Kind, queue.Configure{}, queue.AddMember{}, queue.RemoveMember{}, queue.Delete{}))
	t.Run("hours", laws(&hours.Kind, hours.Configure{}))
	t.Run("profile", laws(&profile.Kind, profile.Configure{}))
	t.Run("settings", laws(&settings.Kind, settings.Change{}, settings.SetTemplate{}))
	t.Run("bulk", laws(&bulk.Kind, bulk.Begin{}, bulk.Record{}))
	t.Run("widget", laws(&widget.Kind, widget.Configure{}))
}

func laws[S, E any](k *domain.Kind[S, E], commands ...any) func(*testing.T) {
	return func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			var state S
			for range rapid.IntRange(1, 40).Draw(t, "commands") {
				zero := reflect.TypeOf(rapid.SampledFrom(commands).Draw(t, "command"))
				cmd := reflect.New(zero).Elem()
				fill(t, cmd)
				c, ok := cmd.Interface().(domain.Command[S, E])
				if !ok {
					t.Fatalf("%v is no command of %s", zero, k.Name)
				}
				before := stored(t, state)
				events, err := c.Decide(state)
				again, err2 := c.Decide(state)
				if stored(t, state) != before {
					t.Fatalf("%+v changed the state", c)
				}
				if !reflect.DeepEqual(events, again) || (err == nil) != (err2 == nil) {
					t.Fatalf("%+v is decided in two ways: %+v, %v and %+v, %v", c, events, err, again, err2)
				}
				if err != nil && len(events) > 0 {
					t.Fatalf("%+v is refused and records %+v", c, events)
				}
				next := k.Fold(state, events...)
				if stored(t, state) != before {
					t.Fatalf("applying %+v changed the state before it", events)
				}
				var carried S
				if k.Apply(&carried, k.Carry(next)); stored(t, carried) != stored(t, next) {
					t.Fatal("the state is another when carried forward")
				}
				for _, e := range events {
					f := domain.Fact{Kind: k.Name, ID: "c1", Event: e, At: morning}
					policy.Due(f)
					for _, p := range policy.All() {
						p.Follow(f)
					}
				}
				state = next
			}
		})
	}
}

func stored(t *rapid.T, v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// words are few, so that commands meet what others left.
var words = []string{
	"", "c1", "c2", "h1", "h2", "ana", "ben", "chat", "live", "persistent", "async", "open", "engaged", "offer", "transfer", "pick", "reopen", "accept",
	"agent_gone", "released", "spam", "customer", "agent", "available", "busy", "offline", "expired", "dismissed", "always", "never", "for", "push",
	"call", "active", "consult", "joined", "take_over", "active_conversation", "expanded", "2026-05-04", "2026-05-05", "a b", "RS256",
}

// fill gives every field of a command a value out of few.
func fill(t *rapid.T, v reflect.Value) {
	switch v.Interface().(type) {
	case time.Time:
		v.Set(reflect.ValueOf(morning.Add(time.Duration(rapid.IntRange(-1, 5).Draw(t, "time")) * time.Minute)))
		return
	case domain.Actor:
		v.Set(reflect.ValueOf(domain.Actor{ID: rapid.SampledFrom(words[5:7]).Draw(t, "who"), Role: rapid.SampledFrom([]string{domain.RoleAgent, domain.RoleSystem}).Draw(t, "role")}))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(rapid.SampledFrom(words).Draw(t, "word"))
	case reflect.Bool:
		v.SetBool(rapid.Bool().Draw(t, "bool"))
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(rapid.SampledFrom([]int{-1, 0, 1, 2, 3, 4, 30, 120, 7000}).Draw(t, "number")))
	case reflect.Struct:
		for i := range v.NumField() {
			fill(t, v.Field(i))
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), rapid.IntRange(0, 2).Draw(t, "many"), 2))
		for i := range v.Len() {
			fill(t, v.Index(i))
		}
	}
}
