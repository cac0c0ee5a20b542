package api

import (
	"strings"
	"testing"

	"github.com/jonreiter/govader"
	"pgregory.net/rapid"

	"parley/domain"
)

func TestSES10_HowWordsSound(t *testing.T) {
	for text, want := range map[string]domain.Level{
		"Thanks so much, you are wonderful!":   domain.VeryPositive,
		"Great!":                               domain.Positive,
		"Thank you":                            domain.SlightlyPositive,
		"I want to book a taxi for two":        domain.SlightlyPositive, // "want" is a good word
		"Where is my order?":                   domain.Neutral,
		"No":                                   domain.SlightlyNegative,
		"There is a problem":                   domain.SlightlyNegative,
		"This is bad":                          domain.Negative,
		"I am disappointed":                    domain.Negative,
		"I am so frustrated, this is useless":  domain.VeryNegative,
		"Terrible, awful service, I hate it":   domain.VeryNegative,
		"I don't like this":                    domain.SlightlyNegative,
		"I don’t like this":                    domain.SlightlyNegative, // as a phone types it
		"I like this.\nI am not happy":         levelOf("I like this. I am not happy"),
		"Das ist schrecklich, ich bin wütend!": domain.Neutral, // no English
		"これはひどい":                               domain.Neutral,
		" \n\t ":                               domain.Neutral,
		"\xff\xfe":                             domain.Neutral,
	} {
		if got := levelOf(text); got != want {
			t.Errorf("%q sounds %s, want %s", text, got, want)
		}
	}
	if long := strings.Repeat("x ", maxHeard/2) + "awful"; levelOf(long) != domain.Neutral || levelOf(long[10:]) != domain.Negative {
		t.Error("what lies beyond the bound is scored, or what lies before it is not")
	}
}

// Whatever is written, it is one of seven, and the same again.
func TestSES10_AnyTextHasALevel(t *testing.T) {
	words := []string{"no", "not", "never", "so", "this", "without", "doubt", "kind", "of", "least", "at", "very", "but", "GOOD", "bad", "the", "shit", "bomb", "!", "?", "😡", "", "don’t", "or", "nor"}
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.Map(rapid.SliceOf(rapid.SampledFrom(words)), func(w []string) string { return strings.Join(w, " ") })).Draw(t, "text")
		if l := levelOf(text); !l.Valid() || levelOf(text) != l {
			t.Fatalf("%d", l)
		}
	})
}

// BenchmarkSentiment is what scoring adds to a message, and to the first one.
func BenchmarkSentiment(b *testing.B) {
	b.Run("the lexicon, once", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			govader.NewSentimentIntensityAnalyzer()
		}
	})
	for name, text := range map[string]string{
		"11 words":         "My order has not arrived and nobody answers, this is terrible",
		"500 characters":   strings.Repeat("this is not terrible but awful ", 17)[:500],
		"6,000 characters": strings.Repeat("this is not terrible but awful ", 194)[:6000],
		"6,000 emojis":     strings.Repeat("😡", 6000),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				levelOf(text)
			}
		})
	}
}
