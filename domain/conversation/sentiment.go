package conversation

import "parley/domain"

// Sentiment is how a customer's message sounded when it was received, and the
// conversation with it (SES-10). It is recorded with the message, so that
// whoever reads it again scores nothing; of the words it tells the level only.
type Sentiment struct {
	Level        domain.Level `json:"level"`        // of the message, -3 to 3
	Conversation domain.Level `json:"conversation"` // over the six latest
	// Former is the conversation's before this message.
	Former domain.Level `json:"former,omitempty"`
	// Of is how many messages, this one among them, the conversation's is the
	// mean of; 0 of a message that was not scored.
	Of int `json:"of"`
}

// Scored tells that there is a level.
func (s Sentiment) Scored() bool { return s.Of > 0 }

// Moods are the levels of the six latest messages of the customer that were
// scored, the newest first. Each lies four above its level: 0 is none.
type Moods [6]int8

// moodAbove is how far a mood lies above its level, so that none is 0.
const moodAbove = 4

// With are the moods after one more message.
func (m Moods) With(l domain.Level) Moods {
	copy(m[1:], m[:])
	m[0] = int8(l) + moodAbove
	return m
}

// hear is one more message.
func (m Moods) hear(l domain.Level) Sentiment {
	next := m.With(l)
	s := Sentiment{Level: l, Conversation: next.Level(), Former: m.Level()}
	for _, mood := range next {
		if mood != 0 {
			s.Of++
		}
	}
	return s
}

// Level is the conversation's: neutral before anything was scored, then the
// mean of the levels that there are, six at most, rounded to the nearest level;
// half way between two it is the one nearer to neutral.
func (m Moods) Level() domain.Level {
	sum, n := 0, 0
	for _, mood := range m {
		if mood != 0 {
			sum, n = sum+int(mood)-moodAbove, n+1
		}
	}
	switch {
	case n == 0:
		return domain.Neutral
	case sum < 0:
		return domain.Level(-((-2*sum + n - 1) / (2 * n)))
	}
	return domain.Level((2*sum + n - 1) / (2 * n))
}
