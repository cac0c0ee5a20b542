package api

import (
	"context"
	"strings"
	"sync"

	"github.com/jonreiter/govader"

	"parley/domain"
	"parley/domain/conversation"
	"parley/domain/settings"
	"parley/eventstore"
)

// maxHeard is how many characters of a message are scored: what they say of the
// mood, the rest says again, and what is typed by a machine costs no more.
const maxHeard = 500

// lexicon scores English by the words it knows; what it does not know is
// neutral, another language too. It is made for the first message: ten
// milliseconds and a megabyte that no start waits for.
var lexicon = sync.OnceValue(govader.NewSentimentIntensityAnalyzer)

// straight writes apostrophes as the lexicon does: typed by a phone, "don’t"
// would deny nothing.
var straight = strings.NewReplacer("’", "'", "‘", "'")

// levelOf is how a text sounds. The lexicon tells from -1 to 1; below a
// twentieth it tells nothing, and the bounds above are where single plain words
// ("bad"), and several or strong ones, begin.
func levelOf(text string) domain.Level {
	n := 0
	for i := range text {
		if n == maxHeard {
			text = text[:i]
			break
		}
		n++
	}
	// Words are told apart by single spaces only.
	score := lexicon().PolarityScores(straight.Replace(strings.Join(strings.Fields(text), " "))).Compound
	size, level := max(score, -score), domain.Neutral
	switch {
	case size >= 0.75:
		level = domain.VeryPositive
	case size >= 0.45:
		level = domain.Positive
	case size >= 0.05:
		level = domain.SlightlyPositive
	}
	if score < 0 {
		return -level
	}
	return level
}

// hear scores a customer's message, once, as it is received (SES-10). Without
// words there is nothing to score.
func hear(cmd *conversation.Receive) {
	if cmd.Text != "" {
		cmd.Scored, cmd.Level = true, levelOf(string(cmd.Text))
	}
}

// threshold is the administrator's: the level at or below which a conversation
// needs attention; neutral is off.
func threshold(ctx context.Context, e *eventstore.Engine) (level domain.Level, err error) {
	err = eventstore.Look(ctx, e, &settings.Kind, settings.Only, func(now settings.Settings, _ eventstore.Revision) {
		level = now.Threshold()
	})
	return level, err
}
