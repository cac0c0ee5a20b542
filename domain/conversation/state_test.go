package conversation

import (
	"errors"
	"strings"
	"testing"

	"parley/domain"
)

var (
	holdAna = domain.Hold("c1", 1, "ana")
	holdBen = domain.Hold("c1", 3, "ben")
)

func terms(mode string) domain.Terms {
	t := domain.Terms{Units: 30, Block: domain.BlockAlways, Countdown: 120, CloseOpen: 1200, CloseWrapUp: 900, DeclineLimit: 3, Affinity: mode != domain.ModeLive}
	if mode != domain.ModeLive {
		t.CloseWaiting = 86400
	}
	if mode == domain.ModeAsync {
		t.CloseEngaged = 7200
	}
	return t
}

func opened(mode string) domain.Opening {
	o := domain.Opening{
		Conversation: "c1", Subject: "visitor-v1", Visitor: "v1", Channel: domain.ChannelChat, Mode: mode, Workstream: "w", Queue: "q",
		Authenticated: mode == domain.ModePersistent, Terms: terms(mode), At: at(0),
	}
	if mode == domain.ModeAsync {
		o.Channel = domain.ChannelSMS
	}
	return o
}

// played gives what a list of commands records, each at its minute; it is how
// a test says what came before.
func played(t testing.TB, commands ...domain.Command[Conversation, Event]) []Event {
	t.Helper()
	var c Conversation
	var all []Event
	for _, cmd := range commands {
		events, err := cmd.Decide(c)
		if err != nil {
			t.Fatalf("%T: %v", cmd, err)
		}
		c, all = Kind.Fold(c, events...), append(all, events...)
	}
	return all
}

type commands []domain.Command[Conversation, Event]

// in gives the commands that bring a conversation into a state.
func in(state, mode string) commands {
	open := commands{Start{Opening: opened(mode)}}
	offered := append(open[:1:1], MakeOffer{Hold: holdAna, Agent: "ana", Turn: 1, At: at(0), Countdown: 120, VisitorNumber: 4})
	engaged := append(offered[:2:2], Accept{Hold: holdAna, Agent: "ana", At: at(30)})
	switch state {
	case "open":
		return open
	case "offered":
		return offered
	case "engaged":
		return engaged
	case "transfer":
		return append(engaged[:3:3], MakeOffer{Hold: holdBen, Agent: "ben", Turn: 3, Replaces: holdAna, At: at(60), Countdown: 120, VisitorNumber: 1})
	case "waiting":
		return append(engaged[:3:3], CloseSession{Agent: "ana", At: at(60)})
	case "wrap_up":
		return append(engaged[:3:3], End{Agent: "ana", At: at(60)})
	case "closed":
		return append(engaged[:3:3], ForceClose{Reason: ReasonSpam})
	}
	return nil
}

// TestCON_TheStateTable is product.md §2: what each command makes of each
// state, by mode. "=" records nothing, a word with "!" is the refusal, "-" is
// a state the mode does not have. A transfer offered is a state of its own here.
func TestCON_TheStateTable(t *testing.T) {
	states := []string{"none", "open", "offered", "engaged", "transfer", "waiting", "wrap_up", "closed"}
	const both = domain.ModePersistent + " " + domain.ModeAsync
	const all = domain.ModeLive + " " + both
	now := at(100)
	rows := []struct {
		says  string
		cmd   domain.Command[Conversation, Event]
		modes string
		want  string // by the states above
	}{
		{"the customer ends a live chat", Leave{At: now}, "live",
			"conversation_unknown! closed closed wrap_up wrap_up - = conversation_closed!"},
		{"the customer stays away past the reconnect limit", Leave{At: now, Disconnected: true}, "live",
			"conversation_unknown! closed closed wrap_up wrap_up - = conversation_closed!"},
		{"PER-4: the customer cannot end where only the agent does", Leave{At: now}, both,
			"conversation_unknown! end_refused_persistent! end_refused_persistent! end_refused_persistent! end_refused_persistent! end_refused_persistent! = conversation_closed!"},
		{"the agent ends", End{Agent: "ana", At: now}, "live",
			"conversation_unknown! not_engaged! not_engaged! wrap_up wrap_up - = conversation_closed!"},
		{"the agent ends", End{Agent: "ana", At: now}, both,
			"conversation_unknown! not_engaged! not_engaged! wrap_up wrap_up not_engaged! = conversation_closed!"},
		{"another agent ends", End{Agent: "ben", At: now}, all,
			"conversation_unknown! not_engaged! not_engaged! not_yours! not_yours! not_engaged! not_engaged! conversation_closed!"},
		{"X on a live chat", CloseSession{Agent: "ana", At: now}, "live",
			"conversation_unknown! not_engaged! not_engaged! open transfer_pending! - closed conversation_closed!"},
		{"PER-7: X where the customer may come back", CloseSession{Agent: "ana", At: now}, both,
			"conversation_unknown! not_engaged! not_engaged! waiting transfer_pending! not_engaged! closed conversation_closed!"},
		{"X on a session that is over", CloseSession{Hold: "former", Agent: "ana", At: now}, all,
			"conversation_unknown! not_engaged! not_engaged! not_yours! not_yours! not_engaged! not_yours! conversation_closed!"},
		{"accept", Accept{Hold: holdAna, Agent: "ana", At: now}, all,
			"conversation_unknown! offer_ended! engaged = = offer_ended! offer_ended! offer_ended!"},
		{"reject", Reject{Hold: holdAna, Agent: "ana"}, all,
			"conversation_unknown! offer_ended! open offer_ended! offer_ended! offer_ended! offer_ended! offer_ended!"},
		{"the countdown is over", Expire{Hold: holdAna, At: at(120)}, all, "= = open = = = = ="},
		{"the offer is withdrawn", Withdraw{Hold: holdAna, Why: "device_lost"}, all, "= = open = = = = ="},
		{"the transfer is accepted", Accept{Hold: holdBen, Agent: "ben", At: now}, all,
			"conversation_unknown! offer_ended! offer_ended! offer_ended! engaged offer_ended! offer_ended! offer_ended!"},
		{"the transfer is rejected", Reject{Hold: holdBen, Agent: "ben"}, all,
			"conversation_unknown! offer_ended! offer_ended! offer_ended! engaged offer_ended! offer_ended! offer_ended!"},
		{"the transfer's countdown is over", Expire{Hold: holdBen, At: at(180)}, all, "= = = = engaged = = ="},
		{"release to the queue", Requeue{Hold: holdAna, Reason: RequeuedReleased, At: now}, all,
			"conversation_unknown! not_engaged! not_engaged! open transfer_pending! not_engaged! not_engaged! conversation_closed!"},
		{"transfer to a queue", Requeue{Hold: holdAna, Queue: "r", Reason: RequeuedTransfer, At: now}, all,
			"conversation_unknown! not_engaged! not_engaged! open transfer_pending! not_engaged! not_engaged! conversation_closed!"},
		{"the agent is gone past the grace", Lose{Hold: holdAna, Agent: "ana", Turn: 1, Why: "gone", At: now}, all, "= open open open open = = ="},
		{"AGT-6: the agent is disabled", Lose{Hold: holdAna, Agent: "ana", Turn: 1, Why: "disabled", Disabled: true, At: now}, all,
			"= open open open open = closed ="},
		{"a supervisor closes by force", ForceClose{Reason: ReasonSupervisorClosed}, all, "conversation_unknown! closed closed closed closed closed closed ="},
		{"marked spam", ForceClose{Reason: ReasonSpam}, all, "conversation_unknown! closed closed closed closed closed closed ="},
		{"a supervisor moves it to another queue", Move{Queue: "r", At: now}, all,
			"conversation_unknown! open open taken! taken! open conversation_closed! conversation_closed!"},
		{"the customer writes", Receive{ID: "m1", Text: "hi", At: now}, all,
			"conversation_unknown! open offered engaged engaged open conversation_closed! conversation_closed!"},
		{"the agent writes", Send{ID: "m1", Text: "hi", By: domain.Actor{ID: "ana", Role: domain.RoleAgent}, At: now}, all,
			"conversation_unknown! not_engaged! not_engaged! engaged engaged not_engaged! not_engaged! conversation_closed!"},
		{"another agent writes", Send{ID: "m1", Text: "hi", By: domain.Actor{ID: "ben", Role: domain.RoleAgent}, At: now}, all,
			"conversation_unknown! not_engaged! not_engaged! not_yours! not_yours! not_engaged! not_engaged! conversation_closed!"},
		{"an agent notes", Note{ID: "n1", Text: "hm", By: domain.Actor{ID: "ben", Role: domain.RoleAgent}}, all,
			"conversation_unknown! open offered engaged engaged waiting wrap_up closed"},
	}
	for _, row := range rows {
		for mode := range strings.FieldsSeq(row.modes) {
			for i, want := range strings.Fields(row.want) {
				state := states[i]
				if want == "-" || state == "waiting" && mode == domain.ModeLive {
					continue
				}
				t.Run(row.says+", "+mode+", "+state, func(t *testing.T) { stands(t, in(state, mode), row.cmd, want) })
			}
		}
	}
}

func stands(t *testing.T, before commands, cmd domain.Command[Conversation, Event], want string) {
	t.Helper()
	c := Kind.Fold(Conversation{}, played(t, before...)...)
	events, err := cmd.Decide(c)
	got := string(Kind.Fold(c, events...).Status)
	var refusal *domain.Error
	switch {
	case errors.As(err, &refusal):
		got = refusal.Code + "!"
	case err != nil:
		t.Fatal(err)
	case len(events) == 0:
		got = "="
	}
	if got != want {
		t.Errorf("%+v makes %s, want %s", cmd, got, want)
	}
}

// TestCON_HowAConversationIsTakenWithoutAnOffer proves P of flow.md: pick,
// assign and reopen.
func TestCON_HowAConversationIsTakenWithoutAnOffer(t *testing.T) {
	want := map[string]string{
		"open pick": "engaged", "open assign": "engaged", "open reopen": "conversation_not_open!",
		"offered pick": "offered_elsewhere!", "offered assign": "offered_elsewhere!", "offered reopen": "offered_elsewhere!",
		"engaged pick": "taken!", "engaged assign": "taken!", "engaged reopen": "taken!",
		"waiting pick": "conversation_not_open!", "waiting assign": "conversation_not_open!", "waiting reopen": "not_yours!",
		"wrap_up pick": "conversation_not_open!", "wrap_up reopen": "conversation_not_open!", "closed pick": "conversation_closed!",
	}
	for key, outcome := range want {
		state, how, _ := strings.Cut(key, " ")
		t.Run(key, func(t *testing.T) {
			c := Kind.Fold(Conversation{}, played(t, in(state, domain.ModePersistent)...)...)
			stands(t, in(state, domain.ModePersistent), Engage{Hold: "h9", Agent: "ben", Turn: c.Turn, How: how, At: at(100)}, outcome)
		})
	}
	t.Run("waiting is reopened by who had it last", func(t *testing.T) {
		stands(t, in("waiting", domain.ModeAsync), Engage{Hold: "h9", Agent: "ana", Turn: 4, How: HowReopen, At: at(100)}, "engaged")
	})
	t.Run("picking what is offered to oneself is accepting", func(t *testing.T) {
		stands(t, in("offered", domain.ModeLive), Engage{Hold: holdAna, Agent: "ana", Turn: 1, How: HowPick, At: at(100)}, "engaged")
	})
	t.Run("of two racing picks the second is told the turn has passed", func(t *testing.T) {
		stands(t, in("open", domain.ModeLive), Engage{Hold: "h9", Agent: "ben", Turn: 0, How: HowPick, At: at(1)}, "turn_passed!")
	})
}
