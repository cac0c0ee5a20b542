package conversation

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"parley/domain"
	"parley/domain/spec"
)

// sounding is a message that was scored.
func sounding(id string, l domain.Level) Receive {
	return Receive{ID: id, Text: "…", Scored: true, Level: l, At: at(100)}
}

func TestSES10_AMessageRecordsHowItSounds(t *testing.T) {
	open := in("open", domain.ModePersistent)
	heard := func(number int, s Sentiment) []Event {
		return []Event{MessageReceived{Conversation: "c1", ID: "m9", Number: number, Text: "…", Status: StatusOpen, CloseAt: at(1300), Sentiment: s}}
	}
	with := func(levels ...domain.Level) []Event {
		commands := open[:len(open):len(open)]
		for i, l := range levels {
			commands = append(commands, sounding(string(rune('a'+i)), l))
		}
		return played(t, commands...)
	}
	spec.Run(t, &Kind, table{
		{Name: "neutral at first, and a neutral word changes nothing", Given: with(), When: sounding("m9", domain.Neutral), Then: heard(1, Sentiment{Of: 1})},
		{Name: "one is all there is", Given: with(), When: sounding("m9", domain.Negative), Then: heard(1, Sentiment{Level: -2, Conversation: -2, Of: 1})},
		{Name: "half way between two it is the one nearer to neutral", Given: with(domain.Neutral), When: sounding("m9", domain.VeryNegative), Then: heard(2, Sentiment{Level: -3, Conversation: -1, Of: 2})},
		{Name: "above neutral too", Given: with(domain.Neutral), When: sounding("m9", domain.VeryPositive), Then: heard(2, Sentiment{Level: 3, Conversation: 1, Of: 2})},
		{Name: "it says what was before", Given: with(domain.Negative), When: sounding("m9", domain.VeryPositive), Then: heard(2, Sentiment{Level: 3, Former: -2, Of: 2})},
		{Name: "not scored: nothing of it", Given: with(domain.Negative), When: Receive{ID: "m9", Text: "…", At: at(100)}, Then: heard(2, Sentiment{})},
		{Name: "no level", Given: with(), When: sounding("m9", domain.VeryPositive+1), Err: domain.Invalid("sentiment", "")},
		{Name: "over: nothing is recorded", Given: played(t, append(open[:len(open):len(open)], ForceClose{Reason: ReasonSpam})...), When: sounding("m9", domain.Negative), Err: ErrClosed},
	})
}

// What is written of it is a promise, as a golden file is.
func TestSES10_HowItIsWritten(t *testing.T) {
	text, err := json.Marshal(MessageReceived{Sentiment: Sentiment{Level: -3, Conversation: -2, Former: 1, Of: 6}})
	if want := `"sentiment":{"level":-3,"conversation":-2,"former":1,"of":6}}`; err != nil || !strings.HasSuffix(string(text), want) {
		t.Errorf("%s, %v", text, err)
	}
	text, err = json.Marshal(Conversation{Moods: Moods{}.With(domain.VeryPositive).With(domain.VeryNegative)})
	if want := `"moods":[1,7,0,0,0,0]}`; err != nil || !strings.HasSuffix(string(text), want) {
		t.Errorf("%s, %v", text, err)
	}
}

// It may fall though the message itself is no worse than before: an old good one
// is forgotten.
func TestSES10_ForgettingAGoodOneIsAFall(t *testing.T) {
	commands := append(in("engaged", domain.ModeLive), sounding("a", domain.VeryPositive))
	for _, id := range []string{"b", "c", "d", "e", "f"} {
		commands = append(commands, sounding(id, domain.Negative))
	}
	c := Kind.Fold(Conversation{}, played(t, commands...)...)
	if got := c.Moods.Level(); got != domain.SlightlyNegative {
		t.Fatalf("the six sound %s", got)
	}
	events, err := sounding("g", domain.SlightlyNegative).Decide(c)
	if err != nil || events[0].(MessageReceived).Sentiment != (Sentiment{Level: -1, Conversation: -2, Former: -1, Of: 6}) {
		t.Errorf("%+v, %v", events, err)
	}
}

// The rule once more, with a list and a division.
func TestSES10_AnyMessagesAreTheMeanOfTheSixLatest(t *testing.T) {
	start := played(t, in("open", domain.ModeLive)...)
	rapid.Check(t, func(t *rapid.T) {
		c := Kind.Fold(Conversation{}, start...)
		var all []float64
		before := domain.Neutral
		for i := range rapid.IntRange(0, 20).Draw(t, "messages") {
			cmd := Receive{ID: string(rune('a' + i)), Text: "…", At: at(100)}
			if cmd.Scored = rapid.IntRange(0, 9).Draw(t, "scored") > 0; cmd.Scored {
				cmd.Level = domain.Level(rapid.IntRange(-3, 3).Draw(t, "level"))
				all = append(all, float64(cmd.Level))
			}
			latest, sum := all[max(0, len(all)-6):], 0.0
			for _, l := range latest {
				sum += l
			}
			want := domain.Neutral
			if len(latest) > 0 {
				mean := sum / float64(len(latest))
				want = domain.Level(math.Copysign(math.Ceil(math.Abs(mean)-0.5), mean))
			}
			events, err := cmd.Decide(c)
			if err != nil || len(events) != 1 {
				t.Fatal(events, err)
			}
			heard := events[0].(MessageReceived).Sentiment
			should := Sentiment{}
			if cmd.Scored {
				should = Sentiment{Level: cmd.Level, Conversation: want, Former: before, Of: len(latest)}
			}
			if heard != should {
				t.Fatalf("after %v: %+v, want %+v", all, heard, should)
			}
			if c = Kind.Fold(c, events...); c.Moods.Level() != want {
				t.Fatalf("after %v it sounds %s", all, c.Moods.Level())
			}
			before = want
		}
	})
}
